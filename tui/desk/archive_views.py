"""Archived mail as the console shows it: whose it is, folders, messages in lists, and one message to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """Somebody who has mail. ``key`` is their permanent id."""

    key: str
    name: str
    full_name: str
    address: str
    removed: bool


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder in the tree. ``key`` is its number, 0 if there is nothing but folders in it; ``path`` is true, to compare only.

    ``messages`` lie in it, ``all_messages`` in it and below; ``shown`` is the whole path, ``inner``: there are folders in it.
    """

    key: int
    path: str
    depth: int
    name: str
    shown: str
    messages: int
    all_messages: int
    inner: bool


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message in a list. ``day`` is short, ``date`` has the time; ``where`` is user and folder, where that is not clear.

    ``arrival``: it has no date of its own, so that is when a server received it.
    """

    id: int
    day: str
    date: str
    sender: str
    subject: str
    size: str
    attachments: int
    where: str = ""
    arrival: bool = False


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A folder as it was when it was opened: its list stands still. ``seq`` is the moment."""

    key: int
    seq: int
    total: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the archive is meant, to be exported or restored. All that is given counts together; nothing: everything.

    ``user`` is an id, ``folder`` a true path with what is below it, ``messages`` are numbers. ``words`` say it for people.
    Of ``messages`` what lies in ``folders``, by number, if there are any.
    """

    user: str = ""
    folder: str = ""
    query: str = ""
    messages: tuple[int, ...] = ()
    words: str = ""
    folders: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """An attachment. ``index`` is its number in the message, from 0."""

    index: int
    name: str
    kind: str
    size: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message to read: ``brief`` and ``headers`` are names with values, ``text`` its lines, of which ``more`` are left out.

    ``notes`` say what could not be read, and why. ``size`` is that of all its bytes.
    """

    id: int
    subject: str
    size: str
    brief: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    text: tuple[str, ...]
    more: int
    from_html: bool
    attachments: tuple[AttachmentRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Where a message is or was; ``until`` is empty while it is there."""

    where: str
    since: str
    until: str


class RawSource(Protocol):
    """The bytes of a message as lines, each made when it is looked at; long ones are broken."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> str: ...


class Mail(Protocol):
    """Archived mail. Every method may raise ``Refused``."""

    async def owner_count(self, contains: str) -> int:
        """How many users have mail, with ``contains`` in a name or an address."""

    async def owners(self, contains: str, offset: int, limit: int) -> Sequence[OwnerRow]:
        """Some of them, by name."""

    async def folders(self, owner: str) -> Sequence[FolderRow]:
        """The folders of an owner as a tree, from the top down."""

    async def open_folder(self, key: int) -> OpenFolder:
        """A folder as it is now."""

    async def page(self, folder: OpenFolder, offset: int, limit: int) -> Sequence[MessageRow]:
        """Some of its messages, the newest first."""

    async def news(self, folder: OpenFolder) -> str:
        """What became of it since it was opened, in words; empty while nothing did."""

    async def preview(self, message: int) -> MessageView:
        """The beginning of a message. One that is large is not read for it."""

    async def message(self, message: int) -> MessageView:
        """A message to read."""

    async def history(self, message: int) -> Sequence[PlaceRow]:
        """Where a message is and was, the oldest first."""

    async def source(self, message: int, width: int) -> RawSource:
        """All of a message, as it came, in lines of at most ``width`` cells."""

    async def save_attachment(self, message: int, index: int, folder: str) -> str:
        """Write an attachment into a folder, over nothing that is there; what was done, in a sentence."""
