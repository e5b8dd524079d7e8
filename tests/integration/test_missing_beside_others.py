"""Comparisons beside restores and runs, of many mailboxes, as jobs of the console and on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.archive.registry import saved_profiles, users
from core.engine.examine.comparison import Deep
from core.engine.examine.differences import DifferenceKind
from core.engine.visit.mailbox_lock import alone
from core.model import RunStatus, now, timestamp
from core.profiles.profile import Method
from core.secrets import Secret
from core.service.idle import until_idle
from core.service.lock import ServiceLock
from core.service.queue import Queue
from core.system.tasks import spawn
from tests import comparing
from tests.command import Archivar
from tests.comparing import compare, differing, exchange, inbox
from tests.conftest import StartDovecot
from tests.servers.scripted import ScriptedServer
from tests.support import ALICE, At, Sandbox, mail, many, profile, sha256
from tests.waiting import until
from tui.desk.desk import Desk, open_desk
from tui.desk.jobs import JobView

box = comparing.box


# -- what only bytes tell


def test_nothing_is_called_complete_while_a_volume_cannot_be_read(tmp_path: Path) -> None:
    """The numbers agree, and what was archived may be lost: exit code 4, the volume and the remedy are named."""
    with inbox() as server, Archivar(tmp_path, WORD="secret") as archivar:
        apply(archivar, server)
        archivar("service", "stop")
        [volume] = archivar.home.rglob("000001.sqlite")
        volume.write_bytes(volume.read_bytes()[: volume.stat().st_size // 2])
        told = archivar("missing", "Alice", code=4).out
        assert "000001.sqlite cannot be read whole" in told
        assert "archivar repair" in told
        assert archivar("missing", "Alice", "--json", code=4).json["unreadable"] == ["000001.sqlite"]


# -- several mailboxes, locks, filters


async def test_several_mailboxes_are_compared_at_once_with_a_master_login(dovecot: StartDovecot, box: Sandbox) -> None:
    """Every mailbox by one password; what differs is named in the mailbox that it is in."""
    server = dovecot(master=("master", "secret"))
    await users.add(box.archive, "bob", ["bob@example.test"])
    for name in (ALICE, "bob@example.test"):
        for number in range(6):
            server.deliver(name, "INBOX", mail(f"{name} {number}", "x" * 100))
    wanted = many(At(server.host, server.plain_port), Method.MASTER_USER, username="master")
    await box.run(wanted)
    file = server.messages("bob@example.test", "INBOX")[2]
    with file.open("r+b") as opened:
        opened.write(file.read_bytes().replace(b"xxxx", b"yyyy", 1))
    found = await compare(box, wanted, Deep())
    assert {one.mailbox: one.missing for one in found} == {ALICE: 0, "bob@example.test": 1}
    repaired = await compare(box, wanted, Deep(repair=True))
    assert {one.mailbox: one.repaired for one in repaired} == {ALICE: 0, "bob@example.test": 1}


async def test_a_restore_into_the_mailbox_is_not_disturbed(box: Sandbox) -> None:
    """While a restore holds the mailbox nothing is repaired; what differs is named, and why nothing was done."""
    with inbox() as server:
        wanted = profile(server)
        await box.run(wanted)
        exchange(server, 9)
        with alone(box.archive.home, wanted.server.source(ALICE), ALICE):
            found = await compare(box, wanted, Deep(repair=True))
        assert differing(found) == {"INBOX": {9: DifferenceKind.OTHER_BYTES}}
        assert found[0].error.startswith("not repaired: ")
        assert differing(await compare(box, wanted, Deep(repair=True))) == {}


async def test_the_repair_waits_for_a_run_of_the_profile(box: Sandbox) -> None:
    """It is asked for quiet before anything is archived, and the comparison goes on beside a run."""
    quiet = asyncio.Event()
    waiting = asyncio.Event()

    async def until_quiet() -> None:
        waiting.set()
        await quiet.wait()

    with inbox() as server:
        await box.run(profile(server))
        new = sha256(exchange(server, 9))
        work = spawn(compare(box, profile(server), Deep(repair=True, quiet=until_quiet)), name="compare")
        await waiting.wait()
        assert new not in await box.digests()
        quiet.set()
        assert differing(await work) == {}
        assert new in await box.digests()


async def test_quiet_is_when_no_run_of_the_profile_is_under_way(box: Sandbox) -> None:
    """A run that a service has is waited for, and named; other profiles do not count, nor runs that no service has."""
    queue = Queue(box.archive.database)
    run, _ = await queue.enqueue("Test")
    await queue.enqueue("Other")
    said: list[str] = []
    await until_idle(box.archive, "Test", said.append)
    assert said == []
    lock = ServiceLock(box.archive.home)
    lock.acquire()
    try:
        work = spawn(until_idle(box.archive, "test", said.append), name="wait")
        await until(lambda: said)
        assert not work.done()
        await queue.finish(run.id, RunStatus.SUCCEEDED, {"finished": timestamp(now())})
        await work
    finally:
        lock.release()
    assert said == [f"Waiting for the end of run {run.id} of Test."]


# -- the console and the command line


async def ended(desk: Desk, key: int) -> JobView:
    await until(lambda: not desk.jobs.view(key).active)
    return desk.jobs.view(key)


async def test_the_console_compares_and_repairs_as_jobs(box: Sandbox) -> None:
    """By number, by every byte, with the repair: each says what it found, and a second one joins the first."""
    with inbox() as server:
        wanted = profile(server)
        await saved_profiles.save(box.archive, wanted, Secret("secret"))
        await box.run(wanted)
        exchange(server, 9)
        desk = await open_desk(box.archive.home.path)
        try:
            view = await ended(desk, await desk.compare("Test", "numbers"))
            assert view.result[0] == "Nothing is missing in the archive: all of it is there, by its numbers."
            key = await desk.compare("Test", "deep")
            assert desk.comparing("Test") == key == await desk.compare("test", "deep")
            view = await ended(desk, key)
            assert view.problem_count == 1
            assert view.problems[0].startswith("INBOX, UID 9, ")
            assert desk.comparing("Test") is None
            view = await ended(desk, await desk.compare("Test", "repair"))
            assert (view.state.word, view.problems) == ("done", ())
            assert any("1 message repaired" in text for text in view.result)
        finally:
            await desk.close()


def apply(archivar: Archivar, server: ScriptedServer) -> None:
    """A user and a profile for ``server``."""
    archivar("user", "add", "alice", "--email", ALICE)
    file = archivar.write(
        "alice.toml",
        f"""name = "Alice"
kind = "mailbox"
[target]
user = "alice"
folder = "{ALICE}"
[server]
host = "{server.host}"
port = {server.port}
access = "imap"
[login]
username = "{ALICE}"
password_env = "WORD"
""",
    )
    archivar("profile", "apply", str(file))
    archivar("run", "Alice")


def test_the_command_line_names_repairs_and_answers_with_documented_json(tmp_path: Path) -> None:
    """Exit code 1 with folder, UID and what differs; 0 after the repair; the keys of the contract; options that contradict."""
    with inbox() as server, Archivar(tmp_path, WORD="secret") as archivar:
        apply(archivar, server)
        exchange(server, 9)
        assert archivar("missing", "Alice").code == 0
        told = archivar("missing", "Alice", "--deep", code=1).out
        assert "INBOX, UID 9: " in told
        assert "another message than the one that was archived" in told
        assert told.splitlines()[-1].endswith("To archive what differs: archivar missing Alice --deep --repair")
        value = archivar("missing", "Alice", "--deep", "--json", code=1).json
        assert set(value) == {"profile", "missing", "mailboxes", "deep", "unreadable"}
        assert set(value["deep"]) == {
            *("started", "finished", "compared", "bytes", "kept", "kept_since", "renumbered", "left_over", "repaired")
        }
        [differs] = value["mailboxes"][0]["folders"][0]["missing"]
        assert (differs["uid"], differs["what"], value["missing"]) == (9, "other-bytes", 1)
        value = archivar("missing", "Alice", "--deep", "--repair", "--json").json
        assert (value["missing"], value["deep"]["repaired"], value["deep"]["kept"]) == (0, 1, 4)
        assert "every byte is the same" in archivar("missing", "Alice", "--deep").out
        assert "by a comparison" in archivar("ledger", "show").out
        for option in ("--repair", "--anew"):
            assert "Give --deep too." in archivar("missing", "Alice", option, code=2).err
