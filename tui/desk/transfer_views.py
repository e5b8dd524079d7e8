"""Mail and archives that leave the archive or come into it: what the console can ask for. Each becomes a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tui.desk.archive_views import Selection
from tui.desk.views import Refused


@dataclass(frozen=True, slots=True)
class RestoreWish:
    """What is to be put back and where to. ``profile`` and ``user`` are true names, ``to`` is as typed: empty: where it was.

    ``selection`` has no query any more.
    """

    selection: Selection
    profile: str = ""
    user: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class RestoreFolder:
    """Messages of the folder ``path`` of the archive that go ``into`` a folder on the server."""

    path: str
    into: str
    messages: str
    size: str


@dataclass(frozen=True, slots=True)
class RestoreView:
    """What a wish comes to. ``trouble`` says why it cannot be, ``at`` what to change: profile, mailbox, folder or nothing.

    ``many``: the profile is for many mailboxes, so it is chosen which. ``sentences`` and ``warnings`` are to be read before it
    is done.
    """

    profile: str
    mailbox: str
    many: bool
    to: str
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    folders: Sequence[RestoreFolder] = ()
    trouble: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class LookView:
    """What a look at the mailbox found out: ``missing`` messages would be put there, ``created`` folders made for them.

    The first of ``sentences`` says it in short; ``problems`` are the first of all.
    """

    missing: int
    created: int
    sentences: tuple[str, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looking:
    """How far a look is; ``fraction`` is None while unknown."""

    fraction: float | None
    words: str


class Restores(Protocol):
    """Mail back into a mailbox on a server. Every method may raise ``Refused``."""

    async def prepare(self, selection: Selection, tell: Callable[[Looking], None]) -> RestoreWish:
        """The wish that is most likely meant: through the profile that archived the mail, to where it was."""

    async def profiles(self, wish: RestoreWish) -> Sequence[tuple[str, str]]:
        """The true names of the profiles that can be chosen, each with words about it, the likeliest first."""

    async def plan(self, wish: RestoreWish) -> RestoreView:
        """What a wish comes to; asks no server."""

    async def look(self, wish: RestoreWish, tell: Callable[[Looking], None]) -> LookView:
        """Find out on the server what is missing there; changes nothing."""

    async def begin(self, wish: RestoreWish) -> int:
        """Begin to restore; the number of the job."""


@dataclass(frozen=True, slots=True)
class ImportWish:
    """Where mail is, in which format, to which folder of the archive, and whose it is in an export: all as typed."""

    path: str
    form: str
    folder: str
    of: str


class Wrong(Refused):
    """A field of a form is wrong: ``field`` is its name."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class Imports(Protocol):
    """Mail from files on this machine. Every method may raise ``Refused``."""

    def formats(self) -> Sequence[tuple[str, str]]:
        """The formats that can be chosen, each with a few words about it."""

    async def user_of(self, owner: str) -> str:
        """The true name of the owner with this id. Raises ``Refused`` where nothing can be imported into the archive."""

    async def begin(self, user: str, wish: ImportWish) -> int:
        """Begin an import into the archive of the user with this true name; the number of the job. Raises ``Wrong``."""


class Exports(Protocol):
    """Mail as files. Every method may raise ``Refused``."""

    def formats(self) -> Sequence[tuple[str, str]]:
        """The formats there are, each with a few words about it."""

    async def weigh(self, selection: Selection) -> str:
        """How much is selected, in a sentence; empty where only the export itself finds out."""

    async def begin(self, selection: Selection, directory: str, form: str) -> int:
        """Begin an export to ``directory``; the number of the job. Raises ``Refused`` when it cannot be used."""


class Backups(Protocol):
    """A second home with the same archive. Every method may raise ``Refused``."""

    async def last(self) -> tuple[str, str]:
        """Where the last backup lies, and when it was made, as sentences; both empty when there was none."""

    async def begin(self, directory: str) -> int:
        """Begin a backup, or bring one up; the number of the job. Raises ``Refused`` when ``directory`` cannot be used."""
