"""Problems of a whole mailbox: its user, or the program."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

NO_ADDRESS = Code(
    "user-without-address",
    "the user has no e-mail address",
    f"Give the user an address. {Do.CHANGE_ADDRESS} Or take the name out of the list of the profile. {Do.CHANGE_SELECTION}",
    Family.ITEM,
)
NO_USER = Code(
    "user-not-there",
    "there is no such user any more",
    f"Take the name out of the list of the profile. {Do.CHANGE_SELECTION} Or add the user anew. {Do.ADD_USER}",
    Family.ITEM,
)
PROGRAM_FAULT = Code(
    "program-fault",
    "An error of the program ended this mailbox ({kind}). See the service's log.",
    "This is a fault of Archivar. The folder log in the archive's folder has the details: please report it. Other mailboxes "
    "are not affected, and this one is tried again in the next run.",
    Family.ITEM,
)
