"""Repair of damaged messages: good bytes are sought on the disk, then on the server, and stored anew.

The damaged copy stays, since volumes are never changed; the good copy goes into the open volume, with a ledger entry. A message
counts as repaired when its SHA-256 was matched before it was written, and again after it was read back.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import digests
from core.archive.catalog.twins import FROM_FILES
from core.archive.proof import damage, losses
from core.archive.proof.damage import NamedMessage
from core.archive.proof.opened_volumes import OpenedVolumes
from core.archive.proof.rewriting import rewrite
from core.archive.proof.salvage import SalvagedMessage, damaged, from_home, from_other_form, from_other_volumes
from core.archive.proof.volume_check import check_volume
from core.archive.registry import saved_profiles
from core.archive.store.entries.restated import Restated
from core.archive.store.entries.upkeep import Repaired, RepairedMessage
from core.archive.store.ledger import Draft
from core.config import Home
from core.engine.visit.link import Link
from core.engine.visit.opening import PlainLine
from core.engine.visit.renamed_logins import RenamedLogins
from core.engine.visit.roster import credentials, roster
from core.errors import ArchivarError, ConnectError, DamagedError, InputError, ProtocolError
from core.imap.login import ServerKnowledge
from core.imap.names import Folder
from core.model import now
from core.problems import command_line
from core.problems import repair as problems
from core.problems.code import Reason
from core.profiles import journal
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile
from core.values import dataclass

logger = logging.getLogger("archivar.repair")

#: Called with the number of settled messages, their total, and the present step.
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class SettledMessage:
    """A settled message: the source of its good bytes (``origin``), or ``why`` there are none."""

    message: NamedMessage
    origin: str = ""
    why: Reason | None = None

    @property
    def reason(self) -> str:
        """The sentence for a log, a file or the command line; empty for a repaired one."""
        return command_line.sentence(self.why) if self.why else ""

    def as_json(self) -> dict[str, Any]:
        code = self.why.code.word if self.why else ""
        return {**self.message.as_json(), "from": self.origin, "reason": self.reason, "code": code}


@dataclass(frozen=True, slots=True)
class Repair:
    """The result of a repair: repaired and lost messages, and damage of other kinds that still stands."""

    dry_run: bool
    repaired: tuple[SettledMessage, ...] = ()
    lost: tuple[SettledMessage, ...] = ()
    standing: tuple[str, ...] = ()
    #: Part of that damage is in the catalog, or in the volumes.
    in_catalog: bool = False
    in_volumes: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "repaired": [one.as_json() for one in self.repaired],
            "lost": [one.as_json() for one in self.lost],
            "standing": list(self.standing),
        }


@dataclass(frozen=True, slots=True)
class _At:
    """A source of a message; ``gone``: the message was not there at the last look at its server."""

    source: str
    folder: str
    uidvalidity: int
    uid: int
    gone: bool


@dataclass(slots=True)
class _Work:
    archive: Archive
    dry_run: bool
    actor: str
    tell: Tell
    total: int = 0
    open: dict[bytes, NamedMessage] = field(default_factory=dict)
    #: Those that a salvage lost, with the former knowledge of the catalog, which does not list them any more.
    lost: dict[bytes, Restated] = field(default_factory=dict)
    reasons: dict[bytes, Reason] = field(default_factory=dict)
    repaired: list[SettledMessage] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.tell(len(self.repaired), self.total, text)

    async def take(self, found: SalvagedMessage) -> None:
        """Store good bytes, and read them back from the disk."""
        message = self.open.pop(found.sha256)
        if not self.dry_run:
            placed = (self.lost[found.sha256],) if found.sha256 in self.lost else ()
            entry = Repaired((RepairedMessage(found.sha256, len(found.raw), found.origin),), placed)
            await self.archive.writer.renew(Draft(entry, self.actor), [found.raw])
            async for _, back in self.archive.read_back([found.sha256]):
                if isinstance(back, DamagedError):
                    self.open[found.sha256] = message
                    self.reasons[found.sha256] = problems.NOT_READ_BACK(why=back.reason)
                    return
        self.repaired.append(SettledMessage(message, found.origin))
        self.say("repaired")


async def repair(
    archive: Archive,
    *,
    dry_run: bool = False,
    others: Sequence[Home] = (),
    actor: str = "archivar",
    tell: Tell = lambda done, total, text: None,
) -> Repair:
    """Repair the damage that verifications found. With ``dry_run`` good bytes are only sought.

    ``others``: homes, such as backups, that may have them. Raises ``StorageError``, ``BusyError``; messages repaired until then
    stay repaired.
    """
    work = _Work(archive, dry_run, actor, tell)
    found = await damaged(archive, lambda done, total: tell(done, total, "looking for damage"))
    work.open = {one.sha256: one for one in found}
    work.lost = await losses.lost(archive)
    work.open |= await losses.names(archive, list(work.lost))
    if work.open and not dry_run:
        archive.check_writable()
    work.total = len(work.open)
    await _from_disk(work, others)
    if work.open:
        await _from_servers(work)
    lost = tuple(SettledMessage(one, why=work.reasons.get(sha256) or problems.NOWHERE()) for sha256, one in work.open.items())
    if not dry_run:
        work.say("looking at the damaged volumes again")
        await _look_again(archive, [one.message.sha256 for one in work.repaired])
        if work.repaired:
            await _index(archive)
    findings = [one.finding for one in await damage.known(archive) if not one.finding.sha256]
    standing = tuple(f"{one.where}: {one.text}" for one in findings)
    kinds = {one.where == "catalog" for one in findings}
    return Repair(dry_run, tuple(work.repaired), lost, standing, True in kinds, False in kinds)


async def _from_disk(work: _Work, others: Sequence[Home]) -> None:
    """Look for each message in the archive's volumes, and in those of ``others``."""
    own, *rest = volumes = [OpenedVolumes(home) for home in (work.archive.home, *others)]
    try:
        for sha256 in list(work.open):
            work.say("looking in volumes")
            salvaged = await from_other_volumes(own, sha256) or await from_other_form(work.archive, sha256)
            for other in rest:
                salvaged = salvaged or await from_home(other, sha256)
            if salvaged is not None:
                await work.take(salvaged)
    finally:
        for one in volumes:
            await one.close()


async def _look_again(archive: Archive, repaired: Iterable[bytes]) -> None:
    """Check volumes with findings again, so that repaired damage is removed from the findings."""
    async with archive.database.transaction() as transaction:
        await transaction.many("DELETE FROM damage WHERE sha256 = ?", [(sha256,) for sha256 in repaired])
    standing = {one.finding.where for one in await damage.known(archive)}
    for number in archive.home.all_volume_numbers():
        name = archive.home.volume(number).name
        if name in standing:
            verdict = await rewrite(archive, number, await check_volume(archive.home, number))
            found = [one for one in verdict.findings if one.where == name]
            async with archive.database.transaction() as transaction:
                await damage.keep(transaction, found, now(), instead_of=f"place = '{name}'")


async def _index(archive: Archive) -> None:
    """Index the text of messages that were unreadable before."""
    # Imported only here: the index brings all modules that read mail.
    from core.archive.search.search_index import Index

    try:
        index = await Index.open(archive)
        try:
            await index.again()
        finally:
            await index.close()
    except ArchivarError as error:
        # The repair is done; the next indexing tries them again.
        logger.warning("repaired messages are not indexed yet: %s", error)


async def _from_servers(work: _Work) -> None:
    """Ask every mailbox that had one of the messages."""
    wanted: dict[str, list[tuple[bytes, _At]]] = {}
    for sha256 in work.open:
        had = await _had_by(work.archive, sha256, work.lost.get(sha256))
        of_files = [one for one in had if one.source.startswith(FROM_FILES)]
        there = [one for one in had if not one.gone and one not in of_files]
        for at in there:
            wanted.setdefault(at.source, []).append((sha256, at))
        if there:
            work.reasons[sha256] = problems.NO_PROFILE()
        elif had:
            work.reasons[sha256] = problems.FILES() if of_files else problems.GONE()
    if not wanted:
        return
    for profile in await saved_profiles.all_profiles(work.archive):
        try:
            mailboxes = (await roster(work.archive, profile, removed=True)).mailboxes
        except InputError:
            # Its user was removed, and no other profile names the source.
            continue
        for mailbox in mailboxes:
            here = [(sha256, at) for sha256, at in wanted.get(mailbox.source(profile.server), ()) if sha256 in work.open]
            if here:
                await _from_mailbox(work, profile, mailbox, here)


async def _had_by(archive: Archive, sha256: bytes, lost: Restated | None) -> list[_At]:
    if lost is not None:
        return [
            _At(one.source.source, one.source.name, one.source.uidvalidity, one.message.uid, one.state.gone)
            for one in lost.sources
        ]
    rows = await archive.database.read(
        "SELECT f.source, f.name, f.uidvalidity, s.uid, s.gone_seq IS NOT NULL FROM message m "
        "JOIN source_message s ON s.message_id = m.id JOIN source_folder f ON f.id = s.source_folder_id "
        "WHERE m.id = ? ORDER BY f.id, s.uid",
        (await digests.id_of(archive.database, sha256),),
    )
    return [_At(source, folder, uidvalidity, uid, bool(gone)) for source, folder, uidvalidity, uid, gone in rows]


async def _from_mailbox(work: _Work, profile: Profile, mailbox: Mailbox, wanted: list[tuple[bytes, _At]]) -> None:
    work.say(f"asking {mailbox.login}")
    try:
        password = await saved_profiles.password(work.archive, profile)
        opened_by = credentials(profile, mailbox, password, ServerKnowledge())
    except ArchivarError as error:
        work.reasons |= {sha256: problems.NOT_FETCHED(whose=profile.name, why=error.reason) for sha256, _ in wanted}
        return
    link = Link(PlainLine(RenamedLogins(work.archive), profile, mailbox, opened_by))
    try:
        for sha256, at in wanted:
            if sha256 not in work.open:
                continue
            try:
                raw = await link.again(lambda at=at: _fetch(link, at))  # type: ignore[misc]
            except (ConnectError, ProtocolError) as error:
                work.reasons[sha256] = problems.NOT_FETCHED(whose=mailbox.login, why=error.reason)
                if isinstance(error, ConnectError) and not error.retry:
                    break
                continue
            good = next((one for one in _readings(raw) if _matches(one, sha256)), None)
            if good is None:
                work.reasons[sha256] = problems.OTHER_MESSAGE() if raw else problems.GONE()
                continue
            await work.take(SalvagedMessage(sha256, good, f"{mailbox.login} on {profile.server.host}"))
    finally:
        await link.close()


async def _fetch(link: Link, at: _At) -> bytes:
    """The message that the server has at the UID now; empty when there is none. Reads only."""
    session, selected = await link.examine(Folder(at.folder, at.folder))
    if selected.uidvalidity != at.uidvalidity or not selected.exists:
        return b""
    fetched = await session.bodies([at.uid])
    link.progressed()
    return fetched.bodies.get(at.uid) or b""


def _readings(raw: bytes) -> Iterator[bytes]:
    """The server's message unchanged, and the one inside if it is a journal report."""
    yield raw
    if report := journal.unwrap(raw):
        yield report.content


def _matches(raw: bytes, sha256: bytes) -> bool:
    return hashlib.sha256(raw).digest() == sha256
