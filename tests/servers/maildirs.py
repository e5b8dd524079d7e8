"""Mail on disk below a Dovecot: folders and messages in Maildirs, as the server and other clients leave them."""

from __future__ import annotations

import hashlib
import itertools
import os
import pwd
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

MAILDIR_FLAGS = {r"\Draft": "D", r"\Flagged": "F", r"\Answered": "R", r"\Seen": "S", r"\Deleted": "T"}
_LONE_LF = re.compile(rb"(?<!\r)\n")
_numbers = itertools.count(1)


def served_bytes(path: Path) -> bytes:
    """The bytes that Dovecot sends for ``BODY[]`` of the message in this file."""
    return served(path.read_bytes())


def served(raw: bytes) -> bytes:
    """The bytes that Dovecot sends for ``BODY[]`` of a message stored as ``raw``: LF becomes CRLF, NUL becomes 0x80."""
    return _LONE_LF.sub(b"\r\n", raw).replace(b"\0", b"\x80")


class Maildirs:
    """The folders and messages of a server's users, on disk.

    ``personal`` is what the names of all folders but INBOX begin with, and ``separator`` stands between them.
    """

    separator: str
    personal: str
    _base: Path | None

    @property
    def base(self) -> Path:
        """The short folder that holds sockets, state and mail."""
        if self._base is None:
            raise RuntimeError("the server is only there inside its with block")
        return self._base

    def maildir(self, user: str) -> Path:
        """The folder that holds the Maildirs of all folders of a user."""
        return self.base / "mail" / user.lower()

    def folder_path(self, user: str, folder: str) -> Path:
        """The Maildir (cur, new, tmp) of a folder; ``folder`` is the decoded name with this server's separator."""
        return self.maildir(user).joinpath(*folder.removeprefix(self.personal).split(self.separator))

    def folders(self, user: str) -> list[str]:
        """The names of all folders that can be selected, from disk."""
        top = self.maildir(user)
        found = [path.parent.relative_to(top) for path in top.rglob("cur") if path.is_dir()]
        return sorted(
            path.name if path.parts == ("INBOX",) else self.personal + self.separator.join(path.parts) for path in found
        )

    def create_folder(self, user: str, folder: str, *, selectable: bool = True) -> Path:
        """Make an empty folder; not selectable means that it is only a parent (LIST shows it as ``\\Noselect``)."""
        path = self.folder_path(user, folder)
        for part in ("cur", "new", "tmp") if selectable else ("",):
            (path / part).mkdir(parents=True, exist_ok=True)
        self._give(path, *(path / part for part in ("cur", "new", "tmp") if selectable))
        self._give(*(parent for parent in path.parents if parent.is_relative_to(self.base / "mail")))
        return path

    def remove_folder(self, user: str, folder: str) -> None:
        """Remove a folder with its mail and everything below it."""
        shutil.rmtree(self.folder_path(user, folder))

    def deliver(
        self, user: str, folder: str, raw: bytes, flags: Iterable[str] = (), internaldate: datetime | None = None
    ) -> Path:
        """Store exactly these bytes as a new message of a folder, which is created when it is not there.

        Messages get their UIDs in the order of delivery. ``served`` tells which bytes the server will send.
        """
        path = self.folder_path(user, folder)
        if not (path / "cur").is_dir():
            self.create_folder(user, folder)
        draft = path / "tmp" / _unique_name()
        draft.write_bytes(raw)
        if internaldate is not None:
            moment = int(internaldate.timestamp())
            os.utime(draft, (moment, moment))
        self._give(draft)
        letters = "".join(sorted(MAILDIR_FLAGS[flag] for flag in flags))
        # In cur from the start: from new Dovecot would have to move it there itself.
        return draft.rename(path / "cur" / f"{draft.name}:2,{letters}")

    def fill(self, user: str, folder: str, messages: Mapping[int, bytes]) -> None:
        """Store messages by their numbers, which name the files, as fast as files are written: UIDs are given here.

        Not while the server has the folder open.
        """
        path = self.folder_path(user, folder)
        if not (path / "cur").is_dir():
            self.create_folder(user, folder)
        uidlist = path / "dovecot-uidlist"
        head, *known = uidlist.read_text().splitlines() if uidlist.exists() else [f"3 V{int(time.time())} N1"]
        following = next(int(word[1:]) for word in head.split(" ") if word.startswith("N"))
        lines = []
        for uid, (number, raw) in enumerate(messages.items(), following):
            name = f"{1_600_000_000 + number}.M{number:09d}P1.fill"
            file = path / "cur" / f"{name}:2,"
            file.write_bytes(raw)
            self._give(file)
            lines.append(f"{uid} :{name}")
        words = [f"N{following + len(lines)}" if word.startswith("N") else word for word in head.split(" ")]
        uidlist.write_text("\n".join([" ".join(words), *known, *lines, ""]))
        self._give(uidlist)

    def messages(self, user: str, folder: str) -> list[Path]:
        """The files of a folder's messages, oldest delivery first."""
        path = self.folder_path(user, folder)
        files = [entry for part in ("cur", "new") for entry in (path / part).iterdir()]
        return sorted(files, key=lambda file: file.name)

    def move(self, user: str, source: str, target: str, count: int = 1) -> None:
        """Move the first ``count`` messages as another client would: new UID, same bytes, flags and INTERNALDATE."""
        if not self.folder_path(user, target).is_dir():
            self.create_folder(user, target)
        for file in self.messages(user, source)[:count]:
            _, mark, letters = file.name.partition(":2,")
            # A new name, else a message that comes back would get its old UID back.
            file.rename(self.folder_path(user, target) / "cur" / f"{_unique_name()}{mark}{letters}")

    def remove_messages(self, user: str, folder: str, count: int = 1) -> None:
        """Expunge the first ``count`` messages as another client would."""
        for file in self.messages(user, folder)[:count]:
            file.unlink()

    def change_uidvalidity(self, user: str, folder: str) -> None:
        """Give the folder a new UIDVALIDITY and its messages new UIDs from 1 on, as a restore of the server would.

        A session that has the folder selected is ended by Dovecot (BYE, "session state is inconsistent").
        """
        path = self.folder_path(user, folder)
        old = _uidvalidity(path / "dovecot-uidlist")
        for file in path.glob("dovecot*"):
            if file.is_file():
                file.unlink()
        uidlist = path / "dovecot-uidlist"
        uidlist.write_text(f"3 V{max(old, int(time.time())) + 1} N1\n")
        self._give(uidlist)

    def expected(self, user: str) -> dict[str, list[str]]:
        """The correct archive of this mailbox: folder -> SHA-256 (hex) of each message as served."""
        return {
            folder: [hashlib.sha256(served_bytes(file)).hexdigest() for file in self.messages(user, folder)]
            for folder in self.folders(user)
        }

    def _give(self, *paths: Path) -> None:
        if os.getuid() == 0:
            for path in paths:
                os.chown(path, *_nobody())


@cache
def _nobody() -> tuple[int, int]:
    """The account to which the mail of a server belongs that root starts."""
    found = pwd.getpwnam("nobody")
    return found.pw_uid, found.pw_gid


def _unique_name() -> str:
    # Dovecot hands out UIDs in the order of these names, so they must sort in the order of delivery.
    return f"{int(time.time())}.M{next(_numbers):09d}P{os.getpid()}.archivar"


def _uidvalidity(uidlist: Path) -> int:
    if not uidlist.exists():
        return 0
    found = re.match(r"3 V(\d+)", uidlist.read_text())
    return int(found[1]) if found else 0
