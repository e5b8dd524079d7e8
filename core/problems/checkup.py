"""Findings of a checkup of a server: settings to be changed, or that cannot be found out."""

from __future__ import annotations

from core.problems.code import Code, Family, Setting

_MASTER = "Configuration > Advanced Options > Master Authentication"
_OPTIONS = "Configuration > Advanced Options > Miscellaneous"
_ARCHIVING = "Configuration > Archiving and Backup"


def _found(word: str, sentence: str, remedy: str) -> Code:
    return Code(f"checkup-{word}", sentence, remedy, Family.ITEM)


NOT_TOLD = _found("not-told", "the server did not tell, or this account may not ask", "{where}")
NO_VERSION = _found("no-version", "not told", "The server tells its version to accounts that may read the administration.")
MASTER_OFF = _found(
    "master-off",
    "switched off",
    f"Switch it on in {_MASTER}, with a password of its own and an IP address group that holds the address of this machine "
    "alone.",
)
MASTER_EVERYWHERE = _found(
    "master-from-everywhere",
    "switched on for every address",
    "Whoever learns the password can open every mailbox from anywhere: restrict it to an IP address group that holds this "
    "machine alone.",
)
NO_ENVELOPE = _found(
    "no-envelope-to",
    "not added to what is delivered",
    f"For a catch-all profile switch it on in {_OPTIONS}: without it nobody can tell who got a message as BCC.",
)
ARCHIVING_OFF = _found(
    "archiving-off",
    "Kerio's own archiving is switched off",
    f"Only a catch-all profile needs it: switch archiving to a remote address on in {_ARCHIVING}.",
)
CLASSES_LEFT_OUT = _found(
    "classes-left-out",
    "of the four classes of messages these are not archived: {classes}",
    f"Tick them in {_ARCHIVING}; what is not ticked never comes to the archive mailbox.",
)
NOT_RUNNING = _found(
    "service-not-running", "not running", "If the profile uses it: start {service} in Configuration > Services."
)
FEW_CONNECTIONS = _found(
    "few-connections",
    "running, with at most {limit:number} connections; the profile uses {wanted:number}",
    f"Raise the limit of {{service}}, or lower {Setting('server.connections')}: everybody else needs some too.",
)
CLEANS_OUT = _found(
    "cleans-out",
    "{rules}",
    "Archive more often than that, or what is deleted in between is never archived.",
)
