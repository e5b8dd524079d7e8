"""The archive's folder, the home: whether it is one, and whose."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_CHOOSE = f"{Do.CHOOSE_OTHER_HOME}"

NO_ARCHIVE = Code(
    "no-archive",
    "There is no archive in {home}.",
    f"If it lies on a disk of its own, is that mounted? {Do.BEGIN_ARCHIVE}",
    Family.INPUT,
)
HOLDS_ELSE = Code(
    "home-holds-something-else",
    "{home} holds something else ({found}), so no archive is begun there.",
    f"An archive needs an empty folder. {_CHOOSE}",
    Family.INPUT,
)
REPLACED = Code(
    "home-replaced",
    "{file} is another one than this process opened: something else is in the place of {home}.",
    "What is there now has a service of its own with its next run. An archive's files are replaced while no service runs.",
    Family.INPUT,
)
GONE = Code(
    "home-gone",
    "{file} is not there any more: {home} was removed, renamed or unmounted.",
    f"{Do.CHOOSE_OTHER_HOME}",
    Family.INPUT,
)
UNMADE = Code("home-unmade", "{home} cannot be made: {said}.", _CHOOSE, Family.INPUT)
UNREAD = Code("home-unread", "{home} cannot be read: {said}.", _CHOOSE, Family.INPUT)
NO_FOLDER = Code("home-no-folder", "{home} is not a folder.", _CHOOSE, Family.INPUT)
FOREIGN = Code(
    "home-of-another-account",
    "{home} belongs to {owner}, not to {account}.",
    f"Run the program as {{owner}} or as root. {_CHOOSE}",
    Family.INPUT,
)
PROGRAM_UNREAD = Code(
    "program-not-readable",
    "{home} belongs to {owner}, who cannot read the program in {place}.",
    "Install it where every account can read it, such as /opt or /usr/local.",
    Family.INPUT,
)
NOT_READABLE = Code(
    "home-not-readable",
    "{path} is not readable for {account}.",
    f"Correct its owner and mode. {_CHOOSE}",
    Family.INPUT,
)
