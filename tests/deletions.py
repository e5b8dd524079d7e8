"""A mailbox whose archived messages are deleted, for tests: its server, and the settings of profiles that delete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from core.profiles.age import Age
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Profile
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot, served_bytes
from tests.servers.kerio import TRASH, Behaviour, Kerio
from tests.support import ALICE, At, Sandbox, mail, profile, sandbox

OLD = datetime.now(UTC) - timedelta(days=400)
NEW = datetime.now(UTC) - timedelta(days=10)
AT_ONCE = Deletion(When.IMMEDIATELY)
AFTER_A_YEAR = Deletion(When.OLDER_THAN, Age(1, "year"))
NEVER = Deletion()
BIG = "Attachment: " + "0123456789abcdef" * 4000


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


@dataclass(slots=True)
class Server:
    """A Kerio double with the mailbox of alice behind it."""

    dovecot: Dovecot
    kerio: Kerio

    @property
    def behaviour(self) -> Behaviour:
        return self.kerio.behaviour

    def deliver(
        self, folder: str, subject: str, body: str = "Text.", *, date: datetime = OLD, flags: tuple[str, ...] = ()
    ) -> None:
        self.dovecot.deliver(ALICE, folder, mail(subject, body), flags, date)

    def subjects(self, folder: str) -> list[str]:
        """The messages in a folder now, by subject."""
        if folder not in self.dovecot.folders(ALICE):
            return []
        return sorted(subject_of(served_bytes(file)) for file in self.dovecot.messages(ALICE, folder))

    def marked(self) -> list[str]:
        """Subjects of all messages that carry \\Deleted."""
        files = [file for folder in self.dovecot.folders(ALICE) for file in self.dovecot.messages(ALICE, folder)]
        return [subject_of(served_bytes(file)) for file in files if "T" in file.name.partition(":2,")[2]]

    def flag(self, folder: str, subject: str) -> None:
        """Flag a message as another client would."""
        [file] = [one for one in self.dovecot.messages(ALICE, folder) if subject_of(served_bytes(one)) == subject]
        file.rename(file.with_name(file.name + "F" if ":2," in file.name else file.name + ":2,F"))

    def profile(self, deletion: Deletion, **options: object) -> Profile:
        return profile(At(self.kerio.host, self.kerio.port), deletion=deletion, **options)  # type: ignore[arg-type]


def subject_of(raw: bytes) -> str:
    return next(line[9:].decode() for line in raw.split(b"\r\n") if line.startswith(b"Subject: "))


@pytest.fixture
def server(dovecot: StartDovecot) -> Iterator[Server]:
    """Behaves like a Kerio with AutoExpungeOnDelete 1, moving at STORE, unless told otherwise."""
    behind = dovecot({ALICE: "secret"}, master=("master", "word"))
    with Kerio(behind) as kerio:
        yield Server(behind, kerio)


MODES: list[tuple[Literal[0, 1], Literal["store", "expunge"]]] = [(1, "store"), (1, "expunge"), (0, "store")]


def fill(server: Server) -> None:
    """A mailbox in which three messages may go."""
    server.deliver("INBOX", "old")
    server.deliver("INBOX", "old and large", BIG)
    server.deliver("INBOX", "old and flagged", flags=("\\Flagged",))
    server.deliver("INBOX", "new", date=NEW)
    server.deliver("INBOX", "half written", flags=("\\Draft",))
    server.deliver("Projects/Old", "old in a project", flags=("\\Seen",))
    server.deliver("Drafts", "old draft")
    server.deliver(TRASH, "thrown away")
    server.deliver("Junk E-mail", "junk")
