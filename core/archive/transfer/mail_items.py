"""Items found where mail is looked for: messages, files that cannot be used, and files that are no mail."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from core.text.utf7 import decoded_utf7, modified_utf7

#: SQLite keeps no value that is longer.
LARGEST = 2**31 - 1
#: Folders in one another, beyond which nobody keeps mail; each level costs time for all that lies below it.
DEEPEST = 100
TOO_DEEP = f"it lies in more than {DEEPEST} folders in one another"
#: How Python shows bytes of a file's name that are no text.
_BYTES = re.compile("[\ud800-\udfff]")


class Format(StrEnum):
    """What is looked for; ``AUTO``: whatever is found. An mbox is taken as mboxrd unless it is said to be mboxo.

    ``EMLX`` is only found: messages of Apple Mail.
    """

    AUTO = "auto"
    EML = "eml"
    MBOX = "mbox"
    MBOXO = "mboxo"
    MAILDIR = "maildir"
    KERIO = "kerio"
    EMLX = "emlx"


class Item(StrEnum):
    """What lies in a groupware's folders beside mail."""

    CALENDAR = "calendar"
    CONTACT = "contact"
    TASK = "task"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was read. ``folders``, if it says itself where it lies, counts in the place of where it was found."""

    raw: bytes
    flags: str = ""
    internaldate: int | None = None
    folders: tuple[str, ...] = ()
    #: What of it is missing.
    lacking: str = ""
    #: What it is when it is no mail.
    item: Item | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A message in a file. ``name`` says which, ``folder`` where it lies, below what is imported; ``read`` gives it.

    ``read`` is for the time until the next one is asked for. It raises ``OSError``, ``Refused``. ``size`` is about that of the
    message. ``sha256`` is what a manifest says of it, in hexadecimal digits; empty without one.
    """

    name: str
    kind: Format
    folder: str
    size: int
    read: Callable[[], Message]
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that should be mail and cannot be had."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """A file that is no mail."""

    name: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An appointment, contact, task or note, which an archive of mail does not take."""

    name: str
    item: Item


Finding = Found | Unusable | Stranger | LeftOut


def below(name: str, level: str) -> str:
    """A path with one level more; each may be empty."""
    return f"{name}/{level}".strip("/")


def text(name: str) -> str:
    """A file's name as text that can be kept, whatever bytes it has."""
    return _BYTES.sub("\ufffd", name)


def level(name: str) -> str:
    """A folder's name as people write it: in modified UTF-7 (RFC 3501 5.1.3) where it is just that, else as it is."""
    plain = text(name)
    decoded = decoded_utf7(plain)
    if decoded != plain and modified_utf7(decoded) != plain:
        decoded = plain
    return _BYTES.sub("\ufffd", decoded).replace("/", "\u2215")
