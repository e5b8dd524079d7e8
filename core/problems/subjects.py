"""The modules with codes, and all codes by word: loaded when a code is looked up by its word."""

from __future__ import annotations

from types import ModuleType

from core.problems import (
    alarm,
    archive,
    backup,
    bucket,
    certificate,
    checkup,
    cluster,
    comparison,
    connection,
    console,
    deletion,
    directory,
    disk,
    event,
    export,
    fields,
    finding,
    folder,
    home,
    importing,
    key,
    lane,
    ledger,
    login,
    mail_file,
    mailbox,
    message,
    place,
    profile,
    repair,
    restore,
    run,
    seal,
    seal_check,
    seal_line,
    search,
    service,
    setting,
    stamp,
    storage,
    unnamed,
    usage,
    user,
    user_list,
    volume,
    warning,
)
from core.problems.code import Code

#: The modules with codes, by subject.
SUBJECTS: tuple[ModuleType, ...] = (
    connection,
    certificate,
    login,
    folder,
    message,
    deletion,
    mailbox,
    comparison,
    run,
    event,
    warning,
    alarm,
    profile,
    restore,
    archive,
    volume,
    finding,
    repair,
    storage,
    bucket,
    backup,
    export,
    importing,
    mail_file,
    search,
    setting,
    seal_line,
    stamp,
    place,
    directory,
    checkup,
    user,
    user_list,
    seal,
    seal_check,
    lane,
    cluster,
    ledger,
    service,
    fields,
    home,
    key,
    disk,
    usage,
    console,
    unnamed,
)


def codes(subject: ModuleType) -> list[Code]:
    """The codes of a subject, in their order there."""
    return [one for one in vars(subject).values() if isinstance(one, Code)]


CODES: dict[str, Code] = {one.word: one for subject in SUBJECTS for one in codes(subject)}

#: Words that were merged with another code of the same meaning: kept rows of earlier versions have them.
MERGED: dict[str, Code] = {
    "stamp-unwritten": disk.UNWRITTEN,
    "user-name-taken": user.THERE,
    "row-address-taken": user.ADDRESS_TAKEN,
    "no-seal-given": seal_line.NOTHING_TO_CHECK,
    "found-volume-missing": volume.MISSING,
    "seal-entry-changed": finding.ENTRY_CHANGED,
}
