"""``archivar cluster`` and ``archivar worker``: mailboxes visited by other machines."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.answer import Answer, Line, Table, Verbatim
from core.cli.context import context, run
from core.cli.help import Command, Group
from core.cli.output import output
from core.system import log
from core.text.format import counted, duration
from core.text.format import size as human

if TYPE_CHECKING:
    from core.cluster.setting_up import ClusterState, WorkerState


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="Workers on other machines: set up, and shown.", no_args_is_help=True)
    group.command("init", cls=Command)(init)
    group.command("status", cls=Command)(cluster_status)
    group.command("drain", cls=Command)(drain)
    group.command("adopt", cls=Command)(adopt)
    app.add_typer(group, name="cluster")
    app.command("worker", cls=Command)(worker)


async def init(
    database: Annotated[
        str, typer.Option("--database", metavar="ADDRESS", help="The PostgreSQL database, as postgresql://USER@HOST/NAME.")
    ],
    place: Annotated[
        str,
        typer.Option(
            "--place", metavar="PLACE", help="Where workers deliver to: a folder that all share, or s3://BUCKET/PREFIX."
        ),
    ],
    endpoint: Annotated[str, typer.Option("--endpoint", metavar="URL", help="Of a bucket that is not Amazon's.")] = "",
    region: Annotated[str, typer.Option("--region", metavar="REGION", help="Of a bucket.")] = "",
    access_key: Annotated[
        str, typer.Option("--access-key", metavar="ID", help="The key's id; else the rights of each machine are used.")
    ] = "",
    secret_file: Annotated[
        Path | None, typer.Option("--secret-file", metavar="FILE", help="Its first line is the key's secret.")
    ] = None,
) -> Answer:
    """Set up workers for this archive: tables in a PostgreSQL database, and the key that passwords are sealed to.

    The password of the database goes into ~/.pgpass, never into the address. Profiles with workers = true in [server] are
    archived by workers from then on.
    """
    from core.archive.registry.saved_profiles import read_password
    from core.cluster import setting_up
    from core.storage.place import StoragePlace, checked

    where = checked(StoragePlace(place, endpoint, region, access_key))
    secret = read_password(secret_file) if secret_file is not None else None
    async with context.archive() as archive:
        key = await setting_up.set_up(archive, database, where, secret)
        value = {"key": str(key), "database": database, "place": where.where}

    def told() -> Iterator[str]:
        yield "The cluster is set up."
        yield f"Copy {key} to each worker, mode 0600, and start it there: archivar worker --database {database} --key FILE."

    return Answer(json=lambda: value, lines=told())


async def cluster_status() -> Answer:
    """Show the workers, what they do, and how many mailboxes wait for one."""
    from core.cluster import setting_up

    state = await setting_up.look(context.find())
    return Answer(json=state.as_json, lines=_lines(state))


def _lines(state: ClusterState) -> Iterator[Line | Table]:
    yield Line(f"Database {state.as_json()['database']}, place {state.place}.")
    yield Line(f"{counted(state.waiting, 'mailbox', 'mailboxes')} waiting for a worker.")
    if not state.workers:
        yield Line("No worker was heard of in the last day.")
        return
    rows = [
        (one.name, one.version, _doing(one), f"{one.mailboxes} of {one.most}", human(one.waiting_bytes), duration(one.silent))
        for one in state.workers
    ]
    yield Table(("WORKER", "VERSION", "STATE", "MAILBOXES", "UNDELIVERED", "HEARD"), rows)


def _doing(one: WorkerState) -> str:
    if one.state == "closed":
        return "given up" if one.why else "ended"
    return "draining" if one.draining else {"waiting": "ready", "open": "at work"}[one.state]


async def drain(
    name: Annotated[str, typer.Argument(metavar="WORKER", help="Its name; all when left out.")] = "",
    back: Annotated[bool, typer.Option("--back", help="Have it take mailboxes again.")] = False,
) -> Answer:
    """Have workers finish what they do and take no more mailboxes, as before an upgrade."""
    from core.cluster import setting_up

    count = await setting_up.drain(context.find(), name, back=back)
    what = "takes mailboxes again" if back else "takes no more mailboxes"
    return Answer(json=lambda: {"workers": count}, lines=[f"{counted(count, 'worker')}: each {what}."])


async def adopt() -> Answer:
    """Have workers deliver to this archive, which was restored from a backup, although they have delivered to a later state.

    What they have not delivered yet is left out, and they begin anew. Use it only when the later archive is lost for good.
    """
    from core.cluster import setting_up

    async with context.archive() as archive:
        await setting_up.adopt(archive)
    return Answer(json=lambda: {"adopted": True}, lines=["Workers deliver to this archive from now on."])


class WorkerAction(StrEnum):
    """The actions of ``archivar worker``."""

    RUN = "run"
    UNIT = "unit"


def worker(
    database: Annotated[str, typer.Option("--database", metavar="ADDRESS", help="The cluster's PostgreSQL database.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The workers' key, worker.key of the archive's home.")],
    state: Annotated[
        Path | None, typer.Option("--state", metavar="FOLDER", help="A folder of its own; ~/.archivar-worker if left out.")
    ] = None,
    mailboxes: Annotated[int, typer.Option("--mailboxes", metavar="N", min=1, max=32, help="Visited at once.")] = 4,
    place: Annotated[
        str, typer.Option("--place", metavar="FOLDER", help="Where the cluster's place is on this machine, if elsewhere.")
    ] = "",
    line: Annotated[
        str, typer.Option("--line", metavar="HOURS", help="The most of the line to a bucket, such as 7-19=250 (kB a second).")
    ] = "",
    action: Annotated[
        WorkerAction, typer.Argument(metavar="unit", help="unit: print a systemd unit for this worker instead.")
    ] = WorkerAction.RUN,
) -> Answer | None:
    """Visit mailboxes for an archive on another machine, until stopped (SIGTERM, SIGINT)."""
    from core.cluster.worker import Worker, WorkerOptions

    if action is WorkerAction.UNIT:
        words = ["--mailboxes", str(mailboxes), *(["--place", place] if place else []), *(["--line", line] if line else [])]
        return run(_unit(database, key.absolute(), state and state.absolute(), words, place))
    where = (state or Path.home() / ".archivar-worker").absolute()
    options = WorkerOptions(database, key.absolute(), where, mailboxes, place, line)
    run(Worker(options, ready=lambda: _ready(options.log)).run())
    return None


async def _unit(database: str, key: Path, state: Path | None, more: list[str], elsewhere: str) -> Answer:
    """A systemd unit for a worker with these options. Raises ``InputError`` for a database or a key that cannot be used."""
    from core.cluster import setting_up
    from core.service import worker_unit
    from core.service.program import account_of, command

    place = await setting_up.place_for(database, key)
    folder = state or worker_unit.STATE
    words = ["worker", "--database", database, "--key", str(key), "--state", str(folder), *more]
    share = None if place.is_bucket else Path(elsewhere or place.where)
    user, _ = account_of(key)
    text = worker_unit.worker_unit(worker_unit.WorkerInstallation(user, command(), words, key, folder, share))
    value = {"unit": text, "path": str(worker_unit.PLACE), "user": user}
    return Answer(json=lambda: value, lines=map(Verbatim, text.splitlines()))


def _ready(path: Path) -> None:
    """Tell that the worker runs, and where it says more."""
    log.to_file(path)
    output.note(f"The worker is running; its log is {path}.")
