"""Looking at a server without archiving: the connection test, the folder tree, and what is missing in the archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.archive import sources, users
from core.archive.archive import Archive
from core.engine.filing import source_of
from core.errors import ConnectError, ProtocolError
from core.imap.connection import STEPS
from core.imap.names import UNREADABLE
from core.imap.session import Session
from core.profiles.profile import Profile
from core.secrets import Secret

STEP_NAMES = {
    "lookup": "Name lookup",
    "tcp": "TCP connection",
    "tls": "TLS",
    "certificate": "Certificate",
    "greeting": "IMAP greeting",
    "login": "Login",
    "folders": "Folder list",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the connection test: ``ok`` None means that it was not reached."""

    name: str
    ok: bool | None
    text: str = ""
    hint: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"step": self.name, "ok": self.ok, "text": self.text, "hint": self.hint}


async def connection_test(profile: Profile, password: Secret, tick: Callable[[Step], None] = lambda step: None) -> list[Step]:
    """Try all steps of a connection in their order; ``tick`` is told each as it is known."""
    done: dict[str, Step] = {}

    def report(name: str, text: str) -> None:
        done[name] = Step(name, True, text)
        tick(done[name])

    try:
        session = await Session.open(profile.server, profile.login.username, password, report)
        try:
            folders = await session.folders()
        finally:
            await session.close()
        report("folders", f"{len(folders)} folders")
    except ConnectError as error:
        name = error.step if error.step in STEP_NAMES else "folders"
        done[name] = Step(name, False, error.message, error.hint)
        tick(done[name])
    except ProtocolError as error:
        done["folders"] = Step("folders", False, error.message, error.hint)
        tick(done["folders"])
    return [done.get(name, Step(name, None)) for name in STEPS[profile.server.access]]


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """A folder on the server. ``excluded`` says why it is not archived; ``messages`` is None when unknown."""

    path: str
    messages: int | None
    excluded: str

    def as_json(self) -> dict[str, Any]:
        return {"folder": self.path, "messages": self.messages, "excluded": self.excluded}


async def folder_tree(profile: Profile, password: Secret) -> list[ServerFolder]:
    """The folders that the server has, and which of them the profile archives. Raises ``ConnectError``."""
    session = await Session.open(profile.server, profile.login.username, password)
    try:
        folders, statuses, unreadable = await session.folders_with_status()
    finally:
        await session.close()
    found = []
    for folder in sorted(folders, key=lambda folder: (folder.path != "INBOX", folder.path.casefold())):
        if not folder.selectable:
            found.append(ServerFolder(folder.path, None, "holds only other folders"))
            continue
        status = statuses.get(folder.name)
        messages = status.items.get("MESSAGES") if status else None
        reason = profile.folders.reason_to_exclude(folder.path, folder.attributes)
        found.append(ServerFolder(folder.path, messages, reason))
    return found + [ServerFolder(text, None, UNREADABLE) for text in unreadable]


@dataclass(frozen=True, slots=True)
class MissingFolder:
    """A folder compared with the archive. ``missing`` holds (UID, size in bytes, INTERNALDATE in seconds or None)."""

    path: str
    found: int
    archived: int
    excluded: str
    missing: tuple[tuple[int, int, int | None], ...] = ()
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": self.path,
            "found": self.found,
            "archived": self.archived,
            "excluded": self.excluded,
            "error": self.error,
            "missing": [{"uid": uid, "size": size, "internaldate": date} for uid, size, date in self.missing],
        }


async def missing(archive: Archive, profile: Profile, password: Secret) -> list[MissingFolder]:
    """Compare every message on the server with the archive, by UID. Raises ``ConnectError``, ``InputError`` (no such user)."""
    source = source_of(profile, (await users.find(archive, profile.target.user, removed=True)).id)
    session = await Session.open(profile.server, profile.login.username, password)
    found: list[MissingFolder] = []
    try:
        folders, statuses, unreadable = await session.folders_with_status()
        found += [MissingFolder(text, 0, 0, "", error=UNREADABLE) for text in unreadable]
        for folder in folders:
            if not folder.selectable:
                continue
            reason = profile.folders.reason_to_exclude(folder.path, folder.attributes)
            if reason:
                status = statuses.get(folder.name)
                messages = status.items.get("MESSAGES", 0) if status else 0
                found.append(MissingFolder(folder.path, messages, 0, reason))
                continue
            try:
                selected = await session.examine(folder)
                listed = await session.listing() if selected.exists else {}
            except ConnectError:
                raise
            except ProtocolError as error:
                found.append(MissingFolder(folder.path, 0, 0, "", error=error.message))
                continue
            known = await sources.known(archive, source, folder.name)
            archived = next((item.uids for item in known if item.uidvalidity == selected.uidvalidity), frozenset())
            lost = tuple((uid, item.size, item.internaldate) for uid, item in sorted(listed.items()) if uid not in archived)
            short = selected.exists - len(listed)
            doubt = f"the server counts {short} more messages here than it lists" if short > 0 else ""
            found.append(MissingFolder(folder.path, len(listed), len(listed) - len(lost), "", lost, doubt))
    finally:
        await session.close()
    return found
