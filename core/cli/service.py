"""``archivar service`` and ``archivar status``."""

from __future__ import annotations

import asyncio

import typer

from core.archive import saved_profiles, users
from core.cli.context import context, run
from core.cli.help import Command, Group
from core.cli.output import output
from core.cli.words import WORDS, counted, progress_line
from core.errors import BusyError
from core.format import number, size, when
from core.model import now, timestamp
from core.service.lock import is_running
from core.service.queue import Queue

STOP_SECONDS = 30.0


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="The service that does the runs.", no_args_is_help=True)
    group.command("run", cls=Command)(run_service)
    group.command("stop", cls=Command)(stop)
    group.command("status", cls=Command)(service_status)
    app.add_typer(group, name="service")
    app.command("status", cls=Command)(status)


def run_service() -> None:
    """Run the service in the foreground, as for systemd.

    Without it, a run starts a service that ends when it is idle.
    """
    from core.service import worker

    home = context.find()
    if is_running(home):
        raise BusyError(f"A service is running for {home.path} already.", "archivar service status shows it.")
    output.note(f"The service of {home.path} is running; its log is {home.log}.")
    worker.main(home, until_idle=False)


def stop() -> None:
    """Stop the service.

    A run that is going on is interrupted, and carries on with the next service.
    """

    async def work() -> None:
        home = context.find()
        stopped = is_running(home)
        if stopped:
            async with context.archive() as archive:
                await Queue(archive.database).request_stop()
                for _ in range(int(STOP_SECONDS / 0.05)):
                    if not is_running(home):
                        break
                    await asyncio.sleep(0.05)
                else:
                    raise BusyError("The service does not stop.", f"See {home.log}.")
        if output.json_wanted:
            output.json({"stopped": stopped})
        output.note("The service is stopped." if stopped else "No service was running.")

    run(work())


def service_status() -> None:
    """Tell whether the service runs; exit code 1 if not."""

    async def work() -> int:
        home = context.find()
        running = is_running(home)
        async with context.archive() as archive:
            known = await Queue(archive.database).service()
        if output.json_wanted:
            value = {"running": running, "pid": known[0] if running and known else None}
            output.json(value | {"started": timestamp(known[1]) if running and known else None})
        elif running and known:
            output.line(f"● running since {when(known[1], now())}, process {known[0]}")
        else:
            output.line("○ not running; a run starts it")
        return 0 if running else 1

    raise typer.Exit(run(work()))


def status() -> None:
    """Show the archive at a glance: profiles, last results."""

    async def work() -> None:
        home = context.find()
        async with context.archive() as archive:
            queue = Queue(archive.database)
            profiles = await saved_profiles.all_profiles(archive)
            latest = await queue.latest()
            snapshots = {run.id: await queue.snapshot(run.id) for run in latest.values() if not run.status.final}
            people = await users.count(archive)
            messages = int(await archive.database.value("SELECT count(*) FROM message"))
            raw = int(await archive.database.value("SELECT coalesce(sum(size), 0) FROM message"))
            head = await archive.head()
        disk = sum(path.stat().st_size for path in home.path.rglob("*") if path.is_file())
        running = is_running(home)
        warnings = [warning for profile in profiles for warning in profile.warnings()]
        if output.json_wanted:
            output.json(
                {
                    "home": str(home.path),
                    "service": running,
                    "users": people,
                    "messages": messages,
                    "bytes": raw,
                    "disk": disk,
                    "head": {"seq": head.seq, "hash": head.hash.hex()},
                    "warnings": warnings,
                    "profiles": [
                        {
                            "profile": profile.name,
                            "run": latest[profile.name].id if profile.name in latest else None,
                            "status": latest[profile.name].status.value if profile.name in latest else None,
                        }
                        for profile in profiles
                    ],
                }
            )
            return
        output.line(f"Archive   {home.path}", indent=10)
        output.line(f"Mail      {counted(messages, 'message')}, {size(raw)} of mail in {size(disk)} on disk", indent=10)
        output.line(f"Service   {'● running' if running else '○ not running; a run starts it'}")
        output.line(f"Users     {number(people)}")
        rows = []
        for profile in profiles:
            last = latest.get(profile.name)
            state = WORDS[last.status] if last else "never run"
            snapshot = snapshots.get(last.id) if last else None
            state = f"dry run: {state}" if last and last.dry_run else state
            detail = progress_line(snapshot) if snapshot else (last.reason if last else "")
            rows.append((profile.name, state, when(last.finished or last.requested, now()) if last else "", detail))
        if rows:
            output.line()
            output.table(("PROFILE", "LAST RUN", "WHEN", "DETAIL"), rows)
        if warnings:
            output.line()
        for warning in warnings:
            output.line(f"! {warning}", indent=2)

    run(work())
