"""``archivar storage``: where sealed volumes are stored outside the home."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.answer import Answer, Line, Note, Part
from core.cli.context import actor, context
from core.cli.help import Command, Group
from core.cli.moments import minute
from core.cli.output import output
from core.model import timestamp
from core.problems import bucket as problems
from core.problems.command_line import coded, told
from core.text.format import counted, size

if TYPE_CHECKING:
    from core.archive.archive import Archive
    from core.archive.proof.stored_seals import SealsThere
    from core.archive.registry.storing import StorageCheck
    from core.config import Home
    from core.problems.code import Reason
    from core.secrets import Secret
    from core.storage.place import StoragePlace
    from core.storage.port import VolumeStorage

ENDPOINT = Annotated[str, typer.Option("--endpoint", metavar="URL", help="The server, if it is not Amazon's.")]
REGION = Annotated[str, typer.Option("--region", metavar="R", help="The region of the bucket, such as eu-central-1.")]
KEY = Annotated[
    str, typer.Option("--key", metavar="ID", help="The id of the access key; its secret is asked for and kept encrypted.")
]
SECRET_FILE = Annotated[str, typer.Option("--secret-file", metavar="FILE", help="The file that holds the secret now.")]
CA_FILE = Annotated[str, typer.Option("--ca-file", metavar="PEM", help="The authority of the server's certificate.")]
ENCRYPTION = Annotated[
    str, typer.Option("--encryption", metavar="E", help="Asked of the server: AES256, aws:kms or aws:kms:dsse.")
]
ENCRYPTION_KEY = Annotated[
    str, typer.Option("--encryption-key", metavar="ID", help="The id of the server's key, with aws:kms.")
]
LOCK = Annotated[
    str, typer.Option("--lock", metavar="MODE", help="Lock seals and time stamps there: GOVERNANCE or COMPLIANCE.")
]
LOCK_DAYS = Annotated[str, typer.Option("--lock-days", metavar="N", help="For so many days from when each is put.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        cls=Group, help="The storage of sealed volumes outside the home: a bucket, or a folder.", no_args_is_help=True
    )
    group.command("set", cls=Command)(set_storage)
    group.command("off", cls=Command)(off)
    group.command("line", cls=Command)(line)
    group.command("show", cls=Command)(show)
    group.command("test", cls=Command)(test)
    group.command("push", cls=Command)(push)
    group.command("pull", cls=Command)(pull)
    group.command("check", cls=Command)(check)
    app.add_typer(group, name="storage")


async def set_storage(
    where: Annotated[str, typer.Argument(metavar="WHERE", help="s3://BUCKET/PREFIX, or the full path of a folder.")],
    endpoint: ENDPOINT = "",
    region: REGION = "",
    key: KEY = "",
    secret_file: SECRET_FILE = "",
    ca_file: CA_FILE = "",
    encryption: ENCRYPTION = "",
    encryption_key: ENCRYPTION_KEY = "",
    lock: LOCK = "",
    lock_days: LOCK_DAYS = "",
) -> Answer:
    """Store sealed volumes there from now on, once everything that this needs was tried out.

    Nothing is changed, and the exit code is 2, when the storage is not fit: no rights, something else in it, another archive's.
    Without --key the rights of this machine are used. The service stores volumes by itself.
    """
    from core.archive.registry import storing
    from core.cluster import setting_up
    from core.storage.place import StoragePlace
    from core.storage.place import checked as checked_place

    place = StoragePlace(where, endpoint, region, key, ca_file, encryption, encryption_key, lock, lock_days)
    async with context.archive() as archive:
        await setting_up.refuse_as_storage(archive.home, checked_place(place))
        trial = await _trial(archive, place)
        saved = await storing.configure(archive, place, secret_of(place, secret_file), actor=actor(), trial=trial)
    notes = [f"Sealed volumes are stored in {saved.where} from now on. Store what is here already: archivar storage push"]
    if saved.is_open_to_view:
        notes.append(f"! What is sent to {saved.endpoint} can be read on the way: https protects it.")
    return Answer(json=saved.as_json, notes=notes)


async def _trial(archive: Archive, place: StoragePlace) -> Callable[[VolumeStorage, StoragePlace], None]:
    """The trial of the lock: a seal that is put, if seals are to be locked."""
    from core.archive.proof import seal, stored_seals

    now = await seal.current(archive) if place.lock else None

    def lock(storage: VolumeStorage, wanted: StoragePlace) -> None:
        if now is not None:
            stored_seals.try_lock(storage, wanted, archive.archive_id, now)

    return lock


def secret_of(place: StoragePlace, file: str) -> Secret | None:
    """The secret of the place's key: from a file, or asked for; None when there is none, or the stored one stays."""
    from core.archive.registry.saved_profiles import read_password
    from core.secrets import Secret

    if not place.access_key:
        return None
    if file:
        return read_password(Path(file))
    typed = output.ask_password(f"Secret of the key {place.access_key} (Enter keeps a stored one): ")
    return Secret(typed) if typed else None


async def off() -> Answer:
    """Store no more volumes. What is stored stays there; what is only there must be fetched before (archivar storage pull)."""
    from core.archive.registry import storing

    async with context.archive() as archive:
        await storing.forget(archive, actor=actor())
    return Answer(json=lambda: {"storage": None}, notes=["Volumes are stored on this machine alone from now on."])


async def line(
    hours: Annotated[
        str,
        typer.Argument(metavar="HOURS", help="Such as 7-19=250 (kB a second), 7-19=250,19-7=0 or off; without: what is set."),
    ] = "",
) -> Answer:
    """Limit the line to the storage by the hour, for all that the service and archivar storage push move; 0 is nothing.

    By this machine's clock; hours that are not named have no limit. A volume that is fetched to be read is not limited. Workers
    have a limit of their own (archivar worker --line).
    """
    from core.archive.registry import storing
    from core.storage import configuration

    async with context.archive(follow=False) as archive:
        if hours:
            await storing.limit_line(archive, hours, actor=actor())
        limit = configuration.line(archive.home)
    return Answer(json=lambda: {"line": limit or None}, lines=[Line(f"Line: {limit or 'no limit'}")])


async def show() -> Answer:
    """Show the storage, and which volumes are in it; exit code 1 if volumes wait and the last attempt failed."""
    from core.archive.registry import storage_state
    from core.storage import configuration, copies, notes

    async with context.archive(follow=False) as archive:
        home = archive.home
        place = configuration.read(home)
        failure = await storage_state.failure(archive.database)
        backlog = await storage_state.backlog(home, archive.database)
    waiting = [home.volume(number).name for number in copies.waiting(home)]
    there = [one for one in copies.volumes(home) if notes.path_of(one).exists()]
    away = [one.name for one in there if notes.is_away(one)]
    found: dict[str, Any] = {
        "storage": place.as_json() if place is not None else None,
        "stored": len(there),
        "away": away,
        "waiting": waiting,
        **backlog.as_json(),
        "line": configuration.line(home) or None,
        "cache": copies.cache_bytes(home),
        "failure": coded(failure.why) if failure is not None else None,
    }

    def lines() -> Iterator[Part | str]:
        yield f"Storage: {place.where if place is not None else 'none, all volumes are on this machine alone'}"
        yield f"Stored:  {counted(len(there), 'volume')}, {len(away)} of them in the storage alone"
        yield f"Waiting: {counted(len(waiting), 'volume')}, {size(found['waiting_bytes'])}"
        if backlog.since is not None:
            until = (
                f"all there {minute(timestamp(backlog.until))}, at the present rate"
                if backlog.until
                else "no rate is known yet"
            )
            yield f"         the oldest since {minute(timestamp(backlog.since))}; {until}"
        if found["line"]:
            yield f"Line:    {found['line']} (kB a second by the hour)"
        if failure is not None:
            yield Note(f"! {told(failure.why)}")

    return Answer(json=lambda: found, lines=lines(), exit_code=1 if failure is not None and waiting else 0)


async def test() -> Answer:
    """Try out everything that storing needs: list, put, refuse a second object of one key, read. Exit code 2 if not.

    Where the answer does not name parts, a line that is cut costs the whole volume.
    """
    from core.storage import configuration, proving

    steps: list[str] = []
    async with context.archive(follow=False) as archive:
        storage = configuration.opened(archive.home, tries=1)
        await asyncio.to_thread(proving.try_out, storage, archive.archive_id, steps.append)
    return Answer(
        json=lambda: {"where": storage.where, "steps": steps},
        lines=[*(f"✔ {one}" for one in steps), f"✔ {storage.where} is fit"],
    )


async def push(
    free: Annotated[
        bool, typer.Option("--free", help="Remove the local copies of all stored volumes; they are fetched when needed.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Although the last seal there is of another state: you put the archive back.")
    ] = False,
) -> Answer:
    """Store all sealed volumes, time stamps, and the present seal now; exit code 1 if some could not be.

    Each is read back and compared before the ledger says that it is stored, and before its local copy may go. Exit code 4 if
    the archive is not the one of which a seal is there, or a seal or time stamp is gone that was there: it is put again.
    """
    from core.archive.proof import stored_seals
    from core.archive.registry import storing
    from core.storage import copies

    async with context.archive() as archive:
        done = await storing.push(archive, actor=actor(), report=report)
        seals = stored_seals.SealsPut((), {})
        if not done.failed and done.held is None:
            seals = await stored_seals.push(archive, accept=accept)
        freed = await asyncio.to_thread(copies.free, archive.home, 0, recent=0.0) if free else []
    _ended()
    removed, again = [*done.removed, *freed], [name for key in seals.gone if (name := key.rpartition("/")[2]) in seals.put]
    return Answer(
        json=lambda: (
            {
                "stored": list(done.stored),
                "seals": list(seals.put),
                "gone": as_json(seals.gone),
                "again": again,
                "removed": removed,
                "failed": as_json(done.failed),
            }
            | ({"held": coded(done.held)} if done.held is not None else {})
        ),
        lines=[
            *(Line(f"✔ {name} is stored") for name in done.stored),
            *failures({**done.failed, **seals.gone}),
            *(Line(f"✔ {name} was put there again") for name in again),
        ],
        notes=[
            f"{counted(len(done.stored), 'volume')} stored, {counted(len(removed), 'local copy', 'local copies')} removed.",
            *([f"! {told(done.held)}"] if done.held is not None else []),
        ],
        exit_code=4 if seals.gone else 1 if done.failed or done.held is not None else 0,
    )


async def pull() -> Answer:
    """Fetch all volumes that are in the storage alone; exit code 1 if some cannot be had, 4 if one is damaged there."""
    from core.archive.registry import storing

    async with context.archive() as archive:
        fetched, failed = await storing.pull(archive, report=report)
    _ended()
    return Answer(
        json=lambda: {"fetched": fetched, "failed": as_json(failed)},
        lines=list(failures(failed)),
        notes=[f"{counted(len(fetched), 'volume')} fetched."],
        exit_code=_code(failed),
    )


async def check(
    deep: Annotated[bool, typer.Option("--deep", help="Read every object, and compare its SHA-256 with the ledger's.")] = False,
) -> Answer:
    """Compare the storage with the ledger; exit code 4 when an object, seal or time stamp is gone or was changed.

    A volume whose note was lost is found again by it.
    """
    from core.archive.proof import stored_seals
    from core.archive.registry import storing

    async with context.archive() as archive:
        done = await storing.check(archive, deep=deep, report=report)
        seals = await stored_seals.check(archive, deep=deep)
    _ended()
    return checked(done, seals)


def checked(done: StorageCheck, seals: SealsThere) -> Answer:
    """The answer to a check of the storage."""
    findings = {**done.findings, **seals.findings}
    mark = "✘ damaged" if findings else "✔ clean"
    found = f"{counted(done.objects, 'object')}, {done.read + seals.read} of them read whole"
    found += f"; {counted(seals.count, 'seal or time stamp', 'seals and time stamps')} among them"
    return Answer(
        json=lambda: {
            "ok": not findings,
            "objects": done.objects,
            "read": done.read + seals.read,
            "seals": seals.count,
            "findings": as_json(findings),
            "noted": list(done.noted),
        },
        lines=[*failures(findings), f"{mark}: {found}"],
        notes=[f"{name} was found in the storage again." for name in done.noted],
        exit_code=4 if findings else 0,
    )


def as_json(failed: Mapping[str, Reason]) -> dict[str, Any]:
    """Failures for JSON, by key or name."""
    return {name: coded(why) for name, why in failed.items()}


async def fetch_all(place: StoragePlace, secret_file: str) -> int:
    """Fetch all volumes of an archive from its storage alone into an empty home; their number."""
    from core import config
    from core.archive.proof import stored_seals
    from core.archive.registry import returning

    secret = secret_of(place, secret_file)
    home = config.find_or_create(context.home)
    count = await returning.fetch_all(home, place, secret, report)
    await asyncio.to_thread(stored_seals.fetch_tokens, home, place)
    _ended()
    return count


async def compared() -> tuple[dict[str, Reason], list[str], int]:
    """The objects that are not as the ledger says after that, by key, the names of volumes of which there is nothing, and the
    number of seals of entries that were lost with the home.
    """
    from core.archive.proof import stored_seals
    from core.archive.registry import returning

    async with context.archive() as archive:
        home, found = archive.home, await returning.differences(archive)
        seals = await stored_seals.check(archive, deep=True, returned=True)
        found |= seals.findings
        await stored_seals.accept_later(archive)
    numbers = home.volume_numbers()
    return found, [home.volume(number).name for number in range(1, (numbers or [0])[-1]) if number not in numbers], seals.later


def tell_away(home: Home) -> int:
    """Tell a person that volumes are fetched to be verified: over a slow line, or for money. Their number."""
    from core.storage import copies, notes

    away = [one for one in copies.volumes(home) if notes.is_away(one)]
    if away:
        count = counted(len(away), "volume is", "volumes are")
        told = f"{count} in the storage alone ({size(sum(map(notes.size_of, away)))}), and fetched to be verified."
        output.note(f"! {told} archivar verify --storage reads the objects, and keeps none here.")
    return len(away)


def failures(failed: Mapping[str, Reason]) -> Iterator[Line]:
    """A line for each failure."""
    for name, why in failed.items():
        yield Line(f"✘ {name}: {told(why)}")


def _code(failed: Mapping[str, Reason]) -> int:
    if any(why.code in (problems.CHANGED, problems.GONE) for why in failed.values()):
        return 4
    return 1 if failed else 0


def report(name: str) -> None:
    """Show a person what is being worked on."""
    if output.for_person:
        output.progress(name)


def _ended() -> None:
    if output.for_person:
        output.progress()
