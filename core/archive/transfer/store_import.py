"""Import of a whole domain from Kerio Connect's store or its backups: each mailbox goes to its user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.transfer import kerio
from core.archive.transfer.import_source import ImportSource, ImportTarget, belongs, refuse_own
from core.archive.transfer.importing import ImportProgress, import_mail
from core.archive.transfer.kerio import Account
from core.archive.transfer.mail_items import FoundMail, ImportFormat, Unusable
from core.errors import InputError
from core.model import User
from core.problems import command_line, mail_file
from core.problems import importing as problems
from core.problems.code import Reason
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class UnknownMailbox:
    """A mailbox without a user, or with several for its address; not imported. ``messages`` lie in it."""

    mailbox: str
    messages: int
    why: Reason

    @property
    def reason(self) -> str:
        """The sentence for a log, a file or the command line."""
        return command_line.sentence(self.why)

    def as_json(self) -> dict[str, Any]:
        return {"mailbox": self.mailbox, "messages": self.messages, **command_line.coded(self.why)}


@dataclass(slots=True)
class Filled:
    """The result of a store import: imported mailboxes by (user, mailbox), and those without a user."""

    imported: dict[tuple[str, str], ImportProgress] = field(default_factory=dict)
    unknown: list[UnknownMailbox] = field(default_factory=list)
    problems: list[Unusable] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.unknown and not self.problems and not any(one.problems for one in self.imported.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "users": [{"user": user, "mailbox": mailbox, **one.as_json()} for (user, mailbox), one in self.imported.items()],
            "unknown": [one.as_json() for one in self.unknown],
            "problems": [one.as_json() for one in self.problems],
        }


async def import_store(
    archive: Archive,
    path: Path,
    *,
    dry_run: bool = False,
    actor: str = "archivar",
    tick: Callable[[str, ImportProgress], None] = lambda user, imported: None,
) -> Filled:
    """Import every mailbox of a known user at ``path`` to the folders of a run. ``tick`` gets the user's name.

    Raises ``InputError`` where there is no store, ``StorageError``.
    """
    refuse_own(archive.home, path)
    if not dry_run:
        archive.check_usable()
    if not path.exists():
        raise InputError(problems.NOT_THERE(path=str(path)))
    store = await asyncio.to_thread(kerio.accounts, path)
    filled = Filled(problems=[*store.unusable])
    if not store.found:
        if not store.unusable:
            raise InputError(problems.NO_MAILBOX(path=str(path)))
        first = store.unusable[0]
        raise InputError(problems.MAILBOX_UNUSABLE(path=str(path), file=first.name, why=first.why))
    everybody = await users.all_users(archive)
    for account in store.found:
        fitting = [user for user in everybody if belongs(account, user)]
        if len(fitting) != 1:
            filled.unknown.append(await asyncio.to_thread(_unknown, path, account, fitting))
            continue
        name = fitting[0].name

        def told(imported: ImportProgress, name: str = name) -> None:
            tick(name, imported)

        filled.imported[name, account.address] = await import_mail(
            archive,
            ImportSource(path, ImportFormat.KERIO, account=account),
            ImportTarget(fitting[0]),
            dry_run=dry_run,
            actor=actor,
            tick=told,
        )
    return filled


def _unknown(path: Path, account: Account, fitting: list[User]) -> UnknownMailbox:
    messages = sum(isinstance(found, FoundMail) for found in kerio.mail(path, account))
    if fitting:
        why = mail_file.SEVERAL_USERS(users=tuple(user.name for user in fitting))
    elif account.user.startswith("#"):
        why = mail_file.SHARED()
    else:
        why = mail_file.NO_USER()
    return UnknownMailbox(account.address, messages, why)
