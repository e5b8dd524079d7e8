"""Mail from files, with line ends of all kinds, goes to a server, comes back in a run, and is one message all along."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.homes import message
from tests.support import ALICE, mail

pytestmark = pytest.mark.server

FILES = {
    "INBOX/lf.eml": message(1, 200).replace(b"\r\n", b"\n"),
    "INBOX/no header.eml": b"\nno header\n",
    "INBOX/cr.eml": b"Subject: cr\r\rx\ry",
    "Old & Co/large.eml": message(2, 20_000).replace(b"\r\n", b"\n"),
    "Old & Co/crlf.eml": message(3),
    "Old & Co/late.eml": b"Subject: mixed\r\n\r\n" + b"a\r\n" * 1500 + b"bare\nlf\n",
}


@pytest.mark.parametrize(("separator", "personal"), [("/", ""), (".", "INBOX.")])
def test_restores_and_runs_in_turn_add_nothing(tmp_path: Path, dovecot: StartDovecot, separator: str, personal: str) -> None:
    """Dovecot gives all of it back with CRLF; neither the archive nor the mailbox has any of it twice, however often."""
    server = dovecot(separator=separator, personal=personal)
    server.deliver(ALICE, "INBOX", mail("one"))
    for name, raw in FILES.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    with Archivar(tmp_path / "cli", WORD="secret") as archivar:
        archivar("user", "add", "alice", "--email", ALICE)
        lines = [
            *('name = "Alice"', 'kind = "mailbox"', "[server]", f'host = "{server.host}"', f"port = {server.plain_port}"),
            *('access = "imap"', "timeout = 20", "[login]", f'username = "{ALICE}"', 'password_env = "WORD"'),
            *("[target]", 'user = "alice"', 'folder = "work"', ""),
        ]
        archivar("profile", "apply", str(archivar.write("alice.toml", "\n".join(lines))))
        archivar("run", "Alice")
        archivar("import", str(tmp_path / "files"), "--user", "alice", "--folder", "work")
        assert archivar("restore", "--profile", "Alice", "--yes", "--json").json["messages"] == len(FILES)
        for _ in range(2):
            archivar("run", "Alice")
            assert archivar("restore", "--profile", "Alice", "--yes", "--json").json["messages"] == 0
            there = {folder: len(server.messages(ALICE, folder)) for folder in server.folders(ALICE)}
            assert there == {"INBOX": 4, f"{personal}Old & Co": 3}
        assert "and every byte is the same" in archivar("missing", "Alice", "--deep").text
        archivar("verify")
