"""The memory of the service while servers announce nothing, or never stop: measured at the process itself."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from core.config import Home
from core.service.liveness import look
from core.service.lock import is_running
from tests import homes
from tests.command import Archivar
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, mail

MOST = 250 * 1024 * 1024


def _archive(folder: Path, server: ScriptedServer) -> tuple[str, int]:
    """Run a profile for this server by the service; how it ended, and the most memory that the service ever had."""
    with Archivar(folder) as command, ExitStack() as ending:
        command("user", "add", "alice", "--email", ALICE)
        file = command.write(
            "alice.toml",
            f'name = "Alice"\nkind = "mailbox"\n[server]\nhost = "{server.host}"\nport = {server.port}\naccess = "imap"\n'
            f'[login]\nusername = "{ALICE}"\npassword_file = "word.txt"\n[target]\nuser = "alice"\n',
        )
        command.write("word.txt", "secret\n").chmod(0o600)
        command("profile", "apply", str(file))
        home = Home(command.home)
        # An interpreter of its own: a fork has the memory of all that it was forked from.
        service = homes.start_process(home, stays=True)
        ending.callback(homes.end, service)
        homes.wait_for(lambda: is_running(home), "the service")
        status = command("run", "Alice", "--json", code=None).json["status"]
        pid = look(home).pid
        assert pid == service.pid
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        [peak] = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
        return status, peak * 1024


def test_messages_announced_with_nothing(tmp_path: Path) -> None:
    """300 messages of a megabyte each, RFC822.SIZE 0: all of them are archived."""
    body = "z" * 76 + "\r\n"
    messages = [Stored(uid, mail(f"n {uid}", body * (1_000_000 // len(body)))) for uid in range(1, 301)]
    with ScriptedServer({"INBOX": messages}, Script(size_of_all=0)) as server:
        status, peak = _archive(tmp_path / "cli", server)
    assert status in ("succeeded", "completed_with_errors")
    assert peak < MOST, f"{peak / 2**20:.0f} MiB"


@pytest.mark.parametrize(
    ("verb", "piece"),
    [
        ("greeting", b"x" * 1000),
        ("LIST", b'* LIST () "/" Folder\r\n'),
        ("EXAMINE", b"x" * 1000),
        ("UID FETCH", b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 10)\r\n"),
        ("UID FETCH", b"* OK [X] still here\r\n"),
    ],
)
def test_a_flood_of_lines_takes_no_memory_of_the_service(tmp_path: Path, verb: str, piece: bytes) -> None:
    """Lines without end, and one line without end."""
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}, Script(flood={verb: piece})) as server:
        status, peak = _archive(tmp_path / "cli", server)
    assert status in ("failed", "completed_with_errors")
    assert peak < MOST, f"{peak / 2**20:.0f} MiB"
