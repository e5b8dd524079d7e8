"""Probe of a server's treatment of deleted mail (SPEC F3), with a message and a folder of our own.

Kerio Connect moves deleted mail to Deleted Items, unless AutoExpungeOnDelete is 0 in its mailserver.cfg; the protocol does not
tell. The result includes the command at which it moves: STORE or EXPUNGE.
"""

from __future__ import annotations

import asyncio
import secrets
from enum import StrEnum
from typing import Any

from core.engine.visit.roster import credentials
from core.errors import Dropped, ProtocolError
from core.imap import appending, deleting
from core.imap.login import ServerKnowledge
from core.imap.names import Folder
from core.imap.session import Session
from core.problems import deletion
from core.problems.code import Face, Reason
from core.profiles.filter import DELETED, has_flag
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile
from core.profiles.rules import PROBE, is_trash
from core.secrets import Secret
from core.values import dataclass

#: Some servers keep all folders below INBOX.
_PREFIXES = ("", "INBOX/", "INBOX.")
#: Looks at the trash, and seconds between them: the server may move a moment later.
_LOOKS, _LOOK_SECONDS = 5, 0.2


class TrashMode(StrEnum):
    FINAL = "final"
    TRASH = "trash"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of the probe.

    ``at``: the command at which the message disappeared; ``left``: remains that could not be removed.
    """

    mode: TrashMode
    at: str
    trash: str = ""
    left: tuple[str, ...] = ()

    def reason(self) -> Reason:
        """The result and the remedy."""
        if self.mode is TrashMode.FINAL:
            return deletion.GOES_FOR_GOOD(command=self.at)
        if self.mode is TrashMode.UNKNOWN:
            return deletion.GOES_ASTRAY(command=self.at)
        return deletion.GOES_TO_TRASH(trash=self.trash, command=self.at)

    def sentences(self, face: Face) -> list[str]:
        """The result, the remedy and the remains, in sentences."""
        reason = self.reason()
        return [reason.sentence(face), reason.remedy(face), *(f"Left behind: {one}." for one in self.left)]

    def as_json(self) -> dict[str, Any]:
        return {"mode": self.mode.value, "at": self.at, "trash": self.trash, "left": list(self.left)}


async def probe(profile: Profile, mailbox: Mailbox, password: Secret) -> ProbeResult:
    """Run the probe in ``mailbox``. Raises ``ConnectError``, ``ProtocolError`` (no folder can be made there)."""
    session = await Session.open(profile.server, credentials(profile, mailbox, password, ServerKnowledge()))
    try:
        return await _Probe(session, secrets.token_hex(6)).run()
    finally:
        await session.close()


class _Probe:
    def __init__(self, session: Session, word: str) -> None:
        self._session = session
        self._word = word
        self._id = f"<{word}@probe.archivar.invalid>"
        self._message = (
            f"From: Archivar <probe@archivar.invalid>\r\nSubject: Archivar tries out what happens to deleted mail\r\n"
            f"Message-ID: {self._id}\r\n\r\nThis message can be deleted.\r\n"
        ).encode()
        self._left: list[str] = []

    async def run(self) -> ProbeResult:
        name = await self._create()
        try:
            await appending.append(self._session, name, self._message)
            at = await self._delete(Folder(name, name))
            found = await self._find()
        finally:
            try:
                await deleting.delete_folder(self._session, name)
            except ProtocolError as error:
                self._left.append(f"the folder {name} ({error.message})")
        if found is None:
            # STORE alone deletes nothing by the standard: the message was moved to an unknown place.
            return ProbeResult(TrashMode.UNKNOWN if at == "STORE" else TrashMode.FINAL, at, left=tuple(self._left))
        trash, uid = found
        await self._clean(trash, uid)
        return ProbeResult(TrashMode.TRASH, at, trash.path, tuple(self._left))

    async def _create(self) -> str:
        refusal: ProtocolError | None = None
        for prefix in _PREFIXES:
            name = f"{prefix}{PROBE}{self._word}"
            try:
                await appending.create_folder(self._session, name)
            except Dropped:
                raise
            except ProtocolError as error:
                refusal = error
            else:
                return name
        assert refusal is not None
        raise ProtocolError(deletion.NO_PROBE_FOLDER(why=refusal.reason))

    async def _delete(self, folder: Folder) -> str:
        """Delete the message; the command after which it was gone."""
        await deleting.select(self._session, folder)
        uids = set((await self._session.listing()).messages)
        if len(uids) != 1:
            raise ProtocolError(deletion.PROBE_NOT_ALONE(count=len(uids)))
        await deleting.mark(self._session, uids)
        if not await self._there(folder):
            return "STORE"
        await deleting.expunge_all(self._session)
        if not await self._there(folder):
            return "EXPUNGE"
        raise ProtocolError(deletion.PROBE_STAYS())

    async def _there(self, folder: Folder) -> bool:
        return (await deleting.select(self._session, folder)).exists > 0

    async def _find(self) -> tuple[Folder, int] | None:
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_LOOK_SECONDS)
            # Some servers make their trash when they first need it.
            folders = await self._session.folders()
            for trash in (one for one in folders if one.selectable and is_trash(one.path, one.attributes)):
                if uid := await self._find_in(trash):
                    return trash, uid
        return None

    async def _find_in(self, trash: Folder) -> int | None:
        selected = await self._session.examine(trash)
        listed = (await self._session.listing()).messages if selected.exists else {}
        same = [uid for uid, item in listed.items() if item.size == len(self._message)]
        headers = await self._session.headers(same) if same else {}
        return next((uid for uid, header in headers.items() if header and self._id.encode() in header), None)

    async def _clean(self, trash: Folder, uid: int) -> None:
        """Remove the probe's message, and no other, from the trash."""
        try:
            await deleting.select(self._session, trash)
            if deleting.has_uidplus(self._session):
                await deleting.mark(self._session, [uid])
                await deleting.expunge(self._session, [uid])
                return
            marked = {one for one, item in (await self._session.listing()).messages.items() if has_flag(item.flags, DELETED)}
            if not marked:
                await deleting.mark(self._session, [uid])
                await deleting.expunge_all(self._session)
                return
            reason = "the server has no UIDPLUS, and other messages are marked there"
        except ProtocolError as error:
            reason = error.message
        self._left.append(f"the probe's message in {trash.path} ({reason})")
