"""Findings of a search for mail: messages, unusable files, and files that are no mail."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from core.archive.transfer.trees import Tree, TreeEntry, unread
from core.problems import command_line
from core.problems import mail_file as problems
from core.problems.code import Reason
from core.text.patterns import pattern
from core.text.utf7 import decoded_utf7, modified_utf7
from core.values import dataclass

#: Bytes; SQLite keeps no longer value.
LARGEST = 2**31 - 1
#: Levels of folders that are searched; each level costs time for everything below it.
DEEPEST = 100
#: Python's escapes for bytes of a file name that are not text.
_BYTES = pattern("[\ud800-\udfff]")


class ImportFormat(StrEnum):
    """The format that is searched for; ``AUTO``: all. An mbox is taken as mboxrd unless ``MBOXO`` is given.

    ``EMLX`` is only a result: messages of Apple Mail.
    """

    AUTO = "auto"
    EML = "eml"
    MBOX = "mbox"
    MBOXO = "mboxo"
    MAILDIR = "maildir"
    KERIO = "kerio"
    EMLX = "emlx"


class Item(StrEnum):
    """A groupware item that is no mail."""

    CALENDAR = "calendar"
    CONTACT = "contact"
    TASK = "task"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was read. ``folders``, if it names its folders itself, count in place of the found one."""

    raw: bytes
    flags: str = ""
    internaldate: int | None = None
    folders: tuple[str, ...] = ()
    #: The reason why it is named although it is imported.
    lacking: Reason | None = None
    #: The item's kind when it is no mail.
    item: Item | None = None


@dataclass(frozen=True, slots=True)
class FoundMail:
    """A message in a file. ``name`` and ``folder`` are below the imported path; ``read`` returns it.

    ``read`` is valid until the next finding is taken. It raises ``OSError``, ``Refused``. ``size`` is approximate. ``sha256``
    is from a manifest, in hexadecimal digits; empty without one. ``message`` and ``byte`` are as in ``Unusable``.
    """

    name: str
    kind: ImportFormat
    folder: str
    size: int
    read: Callable[[], Message]
    sha256: str = ""
    message: int | None = None
    byte: int | None = None

    def unusable(self, why: Reason) -> Unusable:
        """The finding in its place, since it cannot be imported."""
        return Unusable(self.name, why, self.message, self.byte)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A message, file or folder that cannot be imported, or not whole. ``name`` is below the imported path, empty for that.

    Of a message within the file: ``message`` is its number, from 1, or ``byte`` the byte at which it begins, from 0.
    """

    name: str
    why: Reason
    message: int | None = None
    byte: int | None = None

    @property
    def place(self) -> str:
        """The file and the message in it, in words."""
        name = self.name or "this folder"
        if self.message is not None:
            return f"{name}, message {self.message}"
        return name if self.byte is None else f"{name} at byte {self.byte}"

    @property
    def reason(self) -> str:
        """The sentence for a log, a file or the command line."""
        return command_line.sentence(self.why)

    def as_json(self) -> dict[str, Any]:
        return {"file": self.name, "message": self.message, "byte": self.byte, **command_line.coded(self.why)}


@dataclass(frozen=True, slots=True)
class StrangeFile:
    """A file that is no mail."""

    name: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An appointment, contact, task or note, which an archive of mail does not take."""

    name: str
    item: Item


Finding = FoundMail | Unusable | StrangeFile | LeftOut


def entries(tree: Tree, path: str, shown: str) -> list[TreeEntry] | Unusable:
    """The entries of a folder that is searched for mail, by name; ``shown`` is its name in the finding where that fails."""
    if path.count("/") >= DEEPEST:
        return Unusable(shown, problems.TOO_DEEP(levels=DEEPEST))
    try:
        return tree.entries(path)
    except OSError as error:
        return Unusable(shown, unread(error, problems.FOLDER_UNREAD))


def too_large() -> Reason:
    """The reason of a message over ``LARGEST``."""
    return problems.TOO_LARGE(most=LARGEST)


def below(name: str, level: str) -> str:
    """A path with one level more; each may be empty."""
    return f"{name}/{level}".strip("/")


def text(name: str) -> str:
    """A file's name as valid text: bytes that are no text are replaced."""
    return _BYTES.sub("\ufffd", name)


def level(name: str) -> str:
    """A folder's name decoded from modified UTF-7 (RFC 3501 5.1.3) where it is exactly that, else unchanged."""
    plain = text(name)
    decoded = decoded_utf7(plain)
    if decoded != plain and modified_utf7(decoded) != plain:
        decoded = plain
    return _BYTES.sub("\ufffd", decoded).replace("/", "\u2215")
