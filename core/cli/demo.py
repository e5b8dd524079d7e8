"""``archivar demo``: three sample mailboxes on an embedded IMAP server, archived by real runs."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from core.archive.archive import Archive
from core.archive.read import reading
from core.archive.registry import saved_profiles, users
from core.cli.answer import Answer, Part
from core.cli.context import Console, actor, context, run
from core.cli.help import Command
from core.cli.output import output
from core.cli.run_answer import result_lines
from core.cli.watching import watch
from core.config import Home
from core.errors import InputError
from core.model import Run
from core.problems import usage
from core.profiles.profile import Access, Login, Profile, Server, Target
from core.secrets import Secret
from core.service.detach import ensure_running
from core.service.queue import Queue
from core.text.format import number, size
from core.values import dataclass

PEOPLE = ("office", "sales", "support")
DOMAIN = "example.test"
PASSWORD = "demo"
MESSAGES = 150
SEED = 20


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The demo's result: the last run of each profile, messages, raw bytes, bytes on disk."""

    runs: tuple[Run, ...]
    messages: int
    raw: int
    disk: int


def register(app: typer.Typer) -> None:
    app.command("demo", cls=Command)(demo)


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Print the result instead of opening the console.")] = False,
) -> Answer:
    """Try it on three sample mailboxes.

    They lie on an embedded IMAP server, are archived by a real run, and kept in a home of their own: archivar-demo in
    the data folder, or --home. ARCHIVAR_HOME is left alone. At a terminal the console opens on the result.
    """
    person = sys.stdin.isatty() and sys.stdout.isatty() and not output.json_wanted
    return show_demo(context.console if person and not headless else None)


def show_demo(console: Console | None) -> Answer:
    """Run the demo; with ``console`` it opens on the result, which is shown before, while the sample server runs."""
    context.home = context.home or _demo_home()
    server = _server(run(_port_before()))
    server.start()
    try:
        result = run(_archive_all(server.host, server.port))
        answer = Answer(
            json=lambda: _as_json(result),
            lines=_lines(result),
            notes=_next_steps() if console is None else (),
            exit_code=max((one.status.exit_code for one in result.runs), default=0),
        )
        if console is None:
            return answer
        code = output.show(answer)
        os.environ["ARCHIVAR_HOME"] = str(context.home)
        console(context.home)
        return Answer(exit_code=code)
    finally:
        server.stop()


def _demo_home() -> Path:
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "archivar-demo"


async def _port_before() -> int:
    """The port of the demo's earlier server, so that it is the same server to the archive; 0 for the first time."""
    assert context.home is not None
    if not Home(context.home).exists:
        return 0
    async with context.archive() as archive:
        ports = [profile.server.port for profile in await saved_profiles.all_profiles(archive)]
    return ports[0] if ports else 0


def _server(port: int) -> Any:
    try:
        from core.demo.server import DemoServerThread
    except ImportError as error:
        raise InputError(usage.DEMO_NOT_INSTALLED(package=str(error.name), command="pipx install --force '.[demo]'")) from None
    from core.demo.mail import sample_mailbox
    from core.demo.odd import odd_messages

    mailboxes = {}
    for person in PEOPLE:
        login = f"{person}@{DOMAIN}"
        messages = list(sample_mailbox(login, MESSAGES, seed=SEED))
        if person == PEOPLE[-1]:
            messages += [message for message in odd_messages(SEED) if message.raw]
        mailboxes[login] = (PASSWORD, messages)
    return DemoServerThread(mailboxes, port)


async def _archive_all(host: str, port: int) -> DemoResult:
    async with context.archive(create=True) as archive:
        await _refuse_real(archive)
        ended = []
        for person in PEOPLE:
            profile = await _prepare(archive, person, host, port)
            wanted, _ = await Queue(archive.database).enqueue(profile.name)
            await ensure_running(archive.home)
            ended.append(await watch(archive.home, Queue(archive.database), wanted))
        messages = int(await archive.database.value("SELECT count(*) FROM message"))
        raw = 0
        for user in await users.all_users(archive):
            raw += sum(folder.bytes for folder in await reading.folders(archive, user.id))
        disk = await asyncio.to_thread(_disk, archive)
    return DemoResult(tuple(ended), messages, raw, disk)


async def _refuse_real(archive: Archive) -> None:
    """Raise ``InputError`` when the archive has other users than the demo's."""
    strangers = [user.name for user in await users.all_users(archive, removed=True) if user.name not in PEOPLE]
    if strangers:
        raise InputError(usage.NOT_THE_DEMO(home=str(archive.home.path), user=strangers[0], option="--home"))


def _disk(archive: Archive) -> int:
    return sum(path.stat().st_size for path in archive.home.volumes.iterdir())


async def _prepare(archive: Archive, person: str, host: str, port: int) -> Profile:
    """Make a user and a profile for one sample mailbox; existing ones stay, except for the server's new port."""
    address = f"{person}@{DOMAIN}"
    if person not in [user.name for user in await users.all_users(archive)]:
        await users.add(archive, person, [address], full_name=f"{person.title()} team", actor=actor())
    server = Server(host, Access.IMAP, port, timeout=60)
    profile = Profile(person.title(), server, Login(address), Target(person, address))
    await saved_profiles.save(archive, profile, Secret(PASSWORD), actor=actor())
    return profile


def _as_json(result: DemoResult) -> dict[str, Any]:
    return {
        "home": str(context.home),
        "messages": result.messages,
        "bytes": result.raw,
        "disk": result.disk,
        "runs": [one.result for one in result.runs],
    }


def _lines(result: DemoResult) -> Iterator[Part | str]:
    for one in result.runs:
        yield from result_lines(one)
        yield ""
    share = result.disk / result.raw if result.raw else 0.0
    yield (
        f"{number(result.messages)} different messages: "
        f"{size(result.raw)} of mail in {size(result.disk)} on disk ({share:.0%}). "
        "Attachments sent to several people are kept once."
    )


def _next_steps() -> Iterator[str]:
    called = Path(sys.argv[0])
    # After make demo it is in the checkout's environment, and not in PATH.
    program = str(called.absolute()) if called.name == "archivar" and shutil.which("archivar") is None else "archivar"
    home = f"{program} --home {context.home}"
    yield ""
    yield "What to try next:"
    for command, why in (
        (f"{home} folders sales", "the folders of an archive"),
        (f"{home} show 1", "a message, where it lies and where it was"),
        (f"{home} verify", "every stored byte and the ledger's chain, proved"),
        (f"{home} ledger show", "everything that happened"),
        (f"{home} export --user sales --format eml /tmp/sales", "give it all back, byte for byte"),
        (f"{program} demo", "the same, with the console (at a terminal)"),
    ):
        yield f"  {command}"
        yield f"      {why}"
