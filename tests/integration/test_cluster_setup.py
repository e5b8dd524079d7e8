"""The ten lines of docs/cluster.md, followed as they stand."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import homes
from tests.clusters import MASTER, address, messages
from tests.conftest import StartDovecot
from tests.servers import postgres
from tests.servers.postgres import PostgresServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]

PAGE = homes.ROOT / "docs" / "cluster.md"
PROFILE = """name = "Staff"
kind = "mailboxes"
[server]
host = "{host}"
port = {port}
access = "imap"
workers = true
[login]
method = "master-user"
username = "{master}"
password_file = "master.txt"
"""


def lines() -> list[str]:
    """The commands of the page's set-up."""
    return PAGE.read_text().split("## Setting it up", 1)[1].split("```")[1].strip().splitlines()


def test_the_ten_lines_set_up_a_cluster_that_archives(dovecot: StartDovecot, tmp_path: Path) -> None:
    """Ten lines; those of this program are run in their order, on a fresh PostgreSQL, with a folder as the place."""
    pytest.importorskip("procrastinate")
    found = lines()
    assert len(found) == 10
    server = dovecot({address(1): "secret"}, master=MASTER)
    server.fill(address(1), "INBOX", messages(1, 12))
    (tmp_path / "lanes").mkdir()
    (tmp_path / "master.txt").write_text(MASTER[1])
    profile = PROFILE.format(host=server.host, port=server.plain_port, master=MASTER[0])
    (tmp_path / "staff.toml").write_text(profile)
    home = tmp_path / "home"
    with PostgresServer() as database, ExitStack() as stack:
        for line in found:
            words = _here(line, database, tmp_path)
            if words[:2] == ["archivar", "worker"]:
                (tmp_path / "worker.key").write_bytes((home / "worker.key").read_bytes())
                (tmp_path / "worker.key").chmod(0o600)
                stack.callback(_end, _begun(words[1:], home, tmp_path))
            elif words[0] == "archivar":
                done = homes.cli(home, *words[1:])
                assert done.returncode == 0, (line, done.stderr)
        done = homes.cli(home, "runs", "Staff", "--json")
        number = json.loads(done.stdout)["runs"][0]["run"]
        result = homes.cli(home, "watch", str(number), "--json")
        assert json.loads(result.stdout)["totals"]["archived"] == 12, result.stdout + result.stderr


def _here(line: str, database: PostgresServer, folder: Path) -> list[str]:
    """The words of a line, with the names of the page's machines, folders and people put for what is here."""
    names = {
        "ADDRESS": database.address,
        "/srv/lanes": str(folder / "lanes"),
        "anna@example.com": address(1),
        "staff.toml": str(folder / "staff.toml"),
        "worker.key": str(folder / "worker.key"),
    }
    return [names.get(word, word) for word in line.split()]


def _begun(words: list[str], home: Path, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **homes.environment(), "HOME": str(folder)}
    return subprocess.Popen(homes.command(home, *words)[:-2], cwd="/", env=environment, stdin=subprocess.DEVNULL)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
