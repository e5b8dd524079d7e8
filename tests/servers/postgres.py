"""A real PostgreSQL on a unix socket in a folder of its own, started and stopped by the test, as an account without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

DEADLINE = 60.0
_PLACES = ("/usr/local/bin", "/usr/lib/postgresql/{}/bin", "/usr/bin")


def missing() -> str | None:
    """The Debian package without which no database can be started here, or None when all is there."""
    return None if _program("initdb") is not None else "postgresql"


@cache
def _program(name: str) -> str | None:
    # What Debian has in the path is a script of Perl, which takes longer than the program that it looks for.
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(versions[-1]) if versions else shutil.which(name)


class PostgresServer:
    """A server with one empty database at ``address``, running while the ``with`` block lasts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.account = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"postgresql://{self.account}@/archivar?host={self.folder}"

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self.account)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", self.account, "--no-sync", "-E", "UTF8")
        self.start()
        self._run("createdb", "-h", str(self.folder), "-U", self.account, "archivar")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = _program("postgres")
        assert program is not None
        settings = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-D", str(self.folder / "data"), *settings],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                user=self.account if os.geteuid() == 0 else None,
                env=_environment(),
            )
        begun = time.monotonic()
        while self.query("SELECT 1", "postgres", check=False) != "1":
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() - begun < DEADLINE, "PostgreSQL does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once: all connections break."""
        if self._process is not None:
            self._process.send_signal(2)
            self._process.wait(DEADLINE)
            self._process = None

    def query(self, sql: str, database: str = "archivar", *, check: bool = True) -> str:
        """The result of a statement, one line a row."""
        program = _program("psql")
        assert program is not None
        done = subprocess.run(
            [program, "-h", str(self.folder), "-U", self.account, "-At", "-c", sql, database],
            capture_output=True,
            text=True,
            env=_environment() | {"PGOPTIONS": "-c search_path=archivar"},
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip() if done.returncode == 0 else ""

    def _run(self, name: str, *words: str) -> None:
        program = _program(name)
        assert program is not None
        account = self.account if os.geteuid() == 0 else None
        subprocess.run([program, *words], check=True, capture_output=True, user=account, cwd="/", env=_environment())


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "HOME": "/tmp", "LC_ALL": "C.UTF-8"}
