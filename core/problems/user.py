"""Users: existence, names and addresses."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_ONE_USER = "An address belongs to one user only."

UNKNOWN = Code("no-user", 'There is no user "{user}".', f"Users: {{there}}. Or add the user. {Do.ADD_USER}", Family.INPUT)
REMOVED = Code("user-removed", 'User "{user}" was removed.', f"{Do.BRING_BACK_USER}", Family.INPUT)
NO_USER = Code(
    "archive-of-unknown",
    "{user} is the archive of mail to unknown addresses, and no user.",
    f"{Do.LIST_UNKNOWN}",
    Family.INPUT,
)
THERE = Code("user-there", 'There is a user "{user}" already.', f"Choose another name. {Do.CHANGE_USER}", Family.INPUT)
ADDRESS_TAKEN = Code("address-taken", "{address} belongs to {user} already.", _ONE_USER, Family.INPUT)
SPELLING_TAKEN = Code(
    "address-taken-in-other-spelling", "{address} belongs to {user} already, as {other}.", _ONE_USER, Family.INPUT
)
NOT_SAID = Code("address-not-said", "{address} is not said to be not ours.", "Look at the list of what is said.", Family.INPUT)
SAID_ALREADY = Code("address-said-already", "{address} is said to be not ours already.", "Nothing is to be done.", Family.INPUT)
ADDRESS_OF_USER = Code(
    "address-of-user", "{address} belongs to {user}.", f"Take it from the user first. {Do.CHANGE_USER}", Family.INPUT
)
NOT_IMPORTED = Code(
    "users-not-imported",
    "The list cannot be imported: line {line}: {why}",
    "Correct the list; nothing was changed.",
    Family.INPUT,
)
CHANGED = Code(
    "users-changed",
    "Users were changed in the meantime; nothing was imported.",
    "Look at what would change again.",
    Family.INPUT,
)
LIST_WITH_FAULTS = Code(
    "user-list-with-faults",
    "{count:thing} must be corrected first.",
    "Nothing was imported.",
    Family.INPUT,
)
NO_NAME = Code(
    "not-a-user-name",
    '"{name}" cannot be a user name.',
    "One line of up to {longest} characters, without / and no - first.",
    Family.INPUT,
)
NAME_RESERVED = Code(
    "user-name-reserved",
    '"{name}" is the archive of mail to unknown addresses, and no user.',
    "Choose another name.",
    Family.INPUT,
)
NO_TEXT = Code(
    "not-a-login",
    "{text} cannot be a login or a full name.",
    "One line of up to {longest} characters.",
    Family.INPUT,
)
NO_ADDRESS = Code("not-an-address", '"{address}" is not an e-mail address.', "Write it as name@domain.", Family.INPUT)
