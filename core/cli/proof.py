"""``archivar verify``, ``repair``, ``rebuild``: verification and repair of the archive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive import opening
from core.cli import storage as stored
from core.cli.answer import Answer, Line, Note, Part
from core.cli.context import actor, context
from core.cli.help import Command
from core.cli.moments import day_and_time
from core.cli.output import output
from core.cli.progress import ProgressLine
from core.config import Home
from core.errors import ArchivarError, BusyError, DamagedError, InputError
from core.problems import command_line, ledger, usage
from core.problems.service import RUNNING
from core.text.format import counted, number, size

if TYPE_CHECKING:
    from core.archive.archive import Archive
    from core.archive.proof.damage import NamedMessage
    from core.archive.proof.findings import Verdict
    from core.archive.proof.takeover import TakeoverResult
    from core.archive.registry.stored_repair import StorageRepair
    from core.engine.restore.repair import Repair
    from core.storage.place import StoragePlace


#: Seconds between two progress lines of a verification.
OFTEN = 0.1


def register(app: typer.Typer) -> None:
    app.command("verify", cls=Command)(verify)
    app.command("repair", cls=Command)(repair)
    app.command("rebuild", cls=Command)(rebuild)


async def verify(
    share: Annotated[
        str, typer.Option("--share", metavar="N%", help="Only the next part of everything, from where the last one ended.")
    ] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Have the service do it, and do not wait for the end.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End the verification that the service does.")] = False,
    storage: Annotated[
        bool, typer.Option("--storage", help="Only the storage: read every object, and compare it with the ledger.")
    ] = False,
) -> Answer:
    """Prove that the archive is undamaged.

    Every byte is hashed again, the ledger's chain walked, the catalog compared with it. Exit code 4 if anything is wrong.
    What was damaged and is repaired is named, and no fault. The setting verify has the service do it by itself.
    """
    from core.archive.proof import verification
    from core.archive.proof.verify import verify as verify_all
    from core.archive.search import search_index
    from core.cli.index_words import unreadable

    if storage:
        if share or detach or cancel:
            raise InputError(usage.CONTRADICTION(one="--storage", other="--share" if share else "--detach"))
        return await stored.check(deep=True)
    percent, progress = _percent(share), ProgressLine(OFTEN)
    if detach or cancel:
        if detach and cancel:
            raise InputError(usage.CONTRADICTION(one="--detach", other="--cancel"))
        return await (_cancel() if cancel else _detach(percent))

    def tell(share: float, verdict: Verdict) -> None:
        progress(lambda: _looked(share, verdict))

    home = context.find()
    if home.is_backup:
        output.note(f"! {home.path} is a backup; it is proved as it stands, and only read.")
    notes: list[str] = []
    away = stored.tell_away(home)
    if not percent:
        verdict = await verify_all(home, lambda verdict: tell(0.0, verdict))
        named = await _names(verdict)
        if unnoted := await verification.keep(home, verdict, actor=actor()):
            output.note(f"! {command_line.sentence(unnoted)}")
    else:
        async with context.archive() as archive:
            # The position at its end is saved.
            archive.check_writable()
            verdict, complete = await verification.share(archive, percent, tell, actor=actor())
        named = await _names(verdict)
        notes = ["With this everything was looked at." if complete else "The next share goes on from there."]
    progress.end()
    if count := await asyncio.to_thread(search_index.unreadable, home):
        # Their bytes are verified all the same; that searches cannot find their text is worth a note.
        notes = [f"! {unreadable(count)}", *notes]
    return Answer(
        json=lambda: _as_json(verdict, named, backup=home.is_backup) | {"away": away},
        lines=_lines(verdict, named, backup=home.is_backup),
        notes=notes,
        exit_code=4 if verdict.findings else 0,
    )


async def _detach(percent: int) -> Answer:
    from core.service import verifications
    from core.service.detach import ensure_running

    async with context.archive() as archive:
        await verifications.ask(archive, actor=actor(), percent=percent)
        await ensure_running(archive.home)
        standing = await verifications.standing(archive)
    told = "The service verifies. How far it is: archivar status. End it: archivar verify --cancel."
    return Answer(json=standing.as_json, notes=[told])


async def _cancel() -> Answer:
    from core.service import verifications

    async with context.archive() as archive:
        cancelled = await verifications.cancel(archive)
    told = "The verification is cancelled." if cancelled else "The service does no verification."
    return Answer(json=lambda: {"cancelled": cancelled}, notes=[told])


def _percent(text: str) -> int:
    if not text:
        return 0
    number = text.removesuffix("%").strip()
    if not number.isascii() or not number.isdigit() or not 1 <= int(number[:4]) <= 100:
        raise InputError(usage.NOT_ALLOWED(option="--share", given=text[:40], allowed="a number from 1 to 100, such as 5%"))
    return int(number)


def _as_json(verdict: Verdict, named: Mapping[str, str], *, backup: bool) -> dict[str, Any]:
    return {
        "ok": not verdict.findings,
        "backup": backup,
        "volumes": verdict.volumes,
        "parts": verdict.parts,
        "messages": verdict.messages,
        "entries": verdict.entries,
        "unanchored": verdict.unanchored,
        "bytes": verdict.bytes,
        "head": {"seq": verdict.head.seq, "hash": verdict.head.hash.hex()},
        "findings": [one.as_json() | {"messages": named.get(one.sha256, "")} for one in verdict.findings],
        "repaired": [one.as_json() | {"messages": named.get(one.sha256, "")} for one in verdict.mended],
    }


def _lines(verdict: Verdict, named: Mapping[str, str], *, backup: bool) -> Iterator[Part | str]:
    for mark, findings in (("✔", verdict.mended), ("✘", verdict.findings)):
        for one in findings:
            name = named.get(one.sha256)
            yield f"{mark} {one.where}: {one.text}" + (f" ({name})" if name else "")
    yield (
        f"{'✘ damaged' if verdict.findings else '✔ clean'}{' backup' if backup else ''}: {counted(verdict.volumes, 'volume')}, "
        f"{counted(verdict.parts, 'part')}, {counted(verdict.messages, 'message')}, "
        f"{counted(verdict.entries, 'ledger entry', 'ledger entries')}, {size(verdict.bytes)}"
    )
    if verdict.unanchored:
        yield Note(f"{counted(verdict.unanchored, 'entry', 'entries')} of lanes are no part of the archive yet.")
    if any(one.sha256 for one in verdict.findings):
        yield Note("archivar repair fetches damaged messages again.")
    elif any(one.where.endswith(".sqlite") or one.where == "ledger" for one in verdict.findings):
        yield Note("archivar repair takes over what is whole in a damaged volume, and fetches the rest again.")
    if any(one.where == "catalog" for one in verdict.findings):
        yield Note("archivar rebuild makes the catalog anew from the volumes.")


def _looked(share: float, verdict: Verdict) -> str:
    """The progress of a verification; ``share`` is 0 when unknown."""
    looked = f"{counted(verdict.parts, 'part')}, {counted(verdict.messages, 'message')}, {size(verdict.bytes)}"
    return f"{share:.0%} · {looked}" if share else looked


async def _names(verdict: Verdict) -> dict[str, str]:
    """The places of the messages in findings, by SHA-256, as far as catalog and ledger know them."""
    from core.archive.proof import losses

    digests = {bytes.fromhex(one.sha256) for one in (*verdict.findings, *verdict.mended) if one.sha256}
    if not digests:
        return {}
    try:
        async with context.archive(follow=False) as archive:
            found = await losses.names(archive, sorted(digests))
        return {sha256.hex(): named.sentence() for sha256, named in found.items()}
    except ArchivarError:
        return {}


async def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look where good copies are; write nothing.")] = False,
    other: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="DIR", help="Another home, such as a backup; may be repeated."),
    ] = None,
) -> Answer:
    """Fetch damaged messages again.

    What archivar verify found is named, looked for in other volumes, in the homes of --from and on the server it came from,
    matched by its SHA-256 and stored anew. Without a verification the archive is verified first. A damaged open volume is
    salvaged before, with the service stopped: what is whole goes into a new one. Exit code 4 if anything is still damaged then.
    """
    from core.archive.proof import damage, takeover, verification
    from core.archive.proof.salvage import check_home
    from core.archive.proof.verify import verify as verify_all
    from core.engine.restore import repair as mending
    from core.service.salvaging import salvage_if_needed

    progress = ProgressLine(OFTEN)

    def say(done: int, total: int, text: str) -> None:
        if output.for_person:
            output.progress(f"{number(done)} of {counted(total, 'damaged message')} repaired · {text}")

    home, salvaged = context.find(), None
    async with context.archive() as archive:
        if not dry_run:
            opening.refuse_backup(home)
        homes = [Home(path.absolute()) for path in other or ()]
        for one in homes:
            check_home(archive, one)
        if dry_run and (why := await takeover.needed(archive)) is not None:
            output.note(f"! {why.message} It would be salvaged first: repair without --dry-run.")
        elif not dry_run:
            salvaged = await salvage_if_needed(archive, others=homes, actor=actor(), tell=lambda text: say(0, 0, text))
        if not (await damage.count(archive))[0]:
            verdict = await verify_all(home, lambda verdict: progress(lambda: _looked(0.0, verdict)))
            if unnoted := await verification.keep(home, verdict, actor=actor()):
                output.note(f"! {command_line.sentence(unnoted)}")
        of_storage = None if dry_run else await _mend_storage(archive, homes)
        done = await mending.repair(archive, dry_run=dry_run, others=homes, actor=actor(), tell=say)
        # Damage met on the way is repaired, or listed below; a notice would ask for a repair.
        archive.volumes.notices.clear()
    if output.for_person:
        output.progress()
    return _repair_answer(done, salvaged, of_storage)


def _repair_answer(done: Repair, salvaged: TakeoverResult | None, of_storage: StorageRepair | None) -> Answer:
    mended, failed = (of_storage.mended, of_storage.failed) if of_storage is not None else ((), {})
    more = {"salvaged": salvaged.as_json() if salvaged else None, "stored": list(mended), "unstored": stored.as_json(failed)}
    return Answer(
        json=lambda: done.as_json() | more,
        notes=[
            *(_salvaged(salvaged) if salvaged is not None else ()),
            *(f"✔ {name} was stored anew." for name in mended),
            *(f"✘ {command_line.told(why)}" for why in failed.values()),
            *_repaired(done),
        ],
        exit_code=4 if done.lost or done.standing or failed or (done.dry_run and done.repaired) else 0,
    )


async def _mend_storage(archive: Archive, others: list[Home]) -> StorageRepair | None:
    """Store anew what is not in the storage as the ledger says; None without a storage."""
    from core.archive.registry import stored_repair
    from core.storage import configuration

    if configuration.read(archive.home) is None:
        return None
    return await stored_repair.mend(archive, others=others, actor=actor())


def _salvaged(done: TakeoverResult) -> Iterator[Line]:
    kept = f"its ledger is whole up to entry {number(done.kept)}"
    if done.seen > done.kept:
        kept += f", and was known up to entry {number(done.seen)}"
    yield Line(
        f"! {done.volume} was salvaged: {kept}; {counted(done.messages, 'message')} whole, {number(len(done.lost))} lost."
    )
    if done.aside:
        yield Line(f"  The damaged file is kept as volumes/{done.aside}.")


def _repaired(done: Repair) -> Iterator[Part | str]:
    for one in done.repaired:
        yield Line(f"✔ {_named(one.message)}: {'can be had' if done.dry_run else 'repaired'}, from {one.origin}")
    for one in done.lost:
        yield Line(f"✘ {_named(one.message)}: {one.reason}")
    for text in done.standing:
        yield Line(f"✘ {text}")
    if not done.repaired and not done.lost and not done.standing:
        yield Line("✔ Nothing is damaged.")
    if done.lost:
        yield "A backup may have them: archivar repair --from DIR."
    if done.in_volumes:
        yield "A volume that stays damaged is mended with a copy of it from a backup; all that is whole can be read."
    if done.in_catalog:
        yield "archivar rebuild makes the catalog anew."


def _named(message: NamedMessage) -> str:
    date = day_and_time(message.date)
    return " · ".join(text for text in (message.sha256.hex()[:16], message.sentence(), date) if text)


async def _refuse_to_forget(archive: Archive) -> None:
    """Raise ``DamagedError`` when a catalog with more entries than the volumes would be lost."""
    if archive.damage is not None:
        raise archive.damage
    seen = (await archive.applied()).seq
    if (await archive.head()).seq < seen:
        raise DamagedError(ledger.ENDS_EARLY(entry=seen))
    unusable = await archive.volumes.unusable()
    if unusable and seen:
        raise DamagedError(ledger.VOLUME_UNUSABLE(volume=archive.home.volume(unusable[0]).name))


async def rebuild(
    from_storage: Annotated[
        str, typer.Option("--from-storage", metavar="WHERE", help="Fetch all volumes from this storage into an empty home.")
    ] = "",
    endpoint: stored.ENDPOINT = "",
    region: stored.REGION = "",
    key: stored.KEY = "",
    secret_file: stored.SECRET_FILE = "",
    ca_file: stored.CA_FILE = "",
    encryption: stored.ENCRYPTION = "",
    encryption_key: stored.ENCRYPTION_KEY = "",
    lock: stored.LOCK = "",
    lock_days: stored.LOCK_DAYS = "",
) -> Answer:
    """Make catalog and search index anew from the volumes; a restored backup becomes an archive of its own.

    With --from-storage from the storage alone, of which WHERE and the options are those of archivar storage set. Exit code 4
    if a volume there is not what the ledger says.
    """
    if not from_storage:
        return await _rebuilt()
    from core.storage.place import StoragePlace

    place = StoragePlace(from_storage, endpoint, region, key, ca_file, encryption, encryption_key, lock, lock_days)
    return await _returned(place, secret_file)


async def _returned(place: StoragePlace, secret_file: str) -> Answer:
    count = await stored.fetch_all(place, secret_file)
    answer = await _rebuilt()
    found, missing, later = await stored.compared()
    notes = [
        f"{counted(count, 'volume')} fetched from {place.where}.",
        "What was archived after the last of them was sealed is not in it: the next run archives it again.",
        *(f"! Volume {name} is not there." for name in missing),
        *([f"! {counted(later, 'seal')} there stand for entries that were lost with the home."] if later else []),
    ]
    return replace(
        answer,
        json=lambda: {"fetched": count, "missing": missing, "later_seals": later, "findings": stored.as_json(found)},
        lines=list(stored.failures(found)),
        notes=[*notes, *answer.notes],
        exit_code=answer.exit_code or (4 if found or missing else 0),
    )


async def _rebuilt() -> Answer:
    from core.archive.opening import set_aside_damaged
    from core.archive.proof import damage
    from core.archive.registry import passwords
    from core.archive.transfer import backup
    from core.cli.search import bring_up
    from core.service.lock import ServiceLock

    home = context.find()
    lock = ServiceLock(home)
    try:
        lock.acquire()
    except BusyError:
        raise BusyError(RUNNING()) from None
    try:
        if backup.release(home):
            output.note(f"{home.path} was a backup; from now on it is an archive of its own.")
        if aside := await set_aside_damaged(home):
            output.note(f"archive.sqlite was damaged and is kept as {aside.name}. Passwords must be entered again.")
        async with context.archive(follow=False) as archive:
            await _refuse_to_forget(archive)
            entries = await archive.rebuild()
            await damage.catalog_is_new(archive)
            indexed = await bring_up(archive, anew=True)
            keyless = await passwords.without_key(archive)
    finally:
        lock.release()
    made = (
        f"The catalog was made anew from {counted(entries, 'ledger entry', 'ledger entries')}, the search index from "
        f"{counted(indexed, 'message')}."
    )
    return Answer(
        json=lambda: {"entries": entries, "indexed": indexed},
        notes=[made, *([f"! {command_line.told(keyless)}"] if keyless else [])],
    )
