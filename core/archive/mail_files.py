"""Finds mail in files and folders: .eml files, mbox files, Maildir (Maildir++ and nested), and what an export wrote.

Blocking. Nothing is read that is no regular file, and no link is followed. What cannot be used comes out by name, with the
reason.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from core.archive import manifest, mbox
from core.archive.filenames import MAILDIR_FLAGS, decoded_utf7
from core.archive.manifest import Line
from core.archive.mbox import Quoting
from core.errors import InputError

#: SQLite keeps no value that is longer.
LARGEST = 2**31 - 1
#: As much of a file is looked at to know what it is.
_BEGINNING = 4096
#: What Maildir and its servers keep beside the mail.
_MAILDIR_PARTS = frozenset(("cur", "new", "tmp"))
#: Folders that mail programs name after an mbox file, for what is below it.
_NEST = re.compile(r"\.(sbd|mbox)$", re.IGNORECASE)
#: How Python shows bytes of a file's name that are no text.
_BYTES = re.compile("[\ud800-\udfff]")
_FLAG = re.compile(r"""[^\s(){%*"\]\x00-\x1f\x7f-\uffff]+""")


class Format(StrEnum):
    """What is looked for; ``AUTO``: whatever is found. An mbox is taken as mboxrd unless it is said to be mboxo."""

    AUTO = "auto"
    EML = "eml"
    MBOX = "mbox"
    MBOXO = "mboxo"
    MAILDIR = "maildir"


@dataclass(frozen=True, slots=True)
class Found:
    """A message in a file. ``name`` says which, ``folder`` where it lies, below what is imported; ``read`` gives its bytes.

    ``sha256`` is what a manifest says of it, in hexadecimal digits; empty without one.
    """

    name: str
    kind: Format
    folder: str
    size: int
    read: Callable[[], bytes]
    flags: str = ""
    internaldate: int | None = None
    sha256: str = ""
    #: The message's own header may tell flags.
    status_fields: bool = False


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that should be mail and cannot be had."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """A file that is no mail."""

    name: str


def owners(directory: Path) -> dict[str, str]:
    """Whose archives an export holds: names by id. Raises ``InputError`` for a manifest that cannot be used."""
    return {line.owner: line.user for line in manifest.read(directory)}


def exported(directory: Path, owner: str) -> Iterator[Found | Unusable]:
    """What the manifest in ``directory`` tells of the archive of ``owner``. Raises ``InputError`` on a line that is wrong."""
    form = manifest.header(directory)
    assert form is not None
    for line in manifest.read(directory):
        if line.owner == owner:
            yield _told(directory, line, Format.MBOX if line.offset is not None else Format(form.format))


def _told(directory: Path, line: Line, kind: Format) -> Found | Unusable:
    path = directory / line.file
    folder = text(line.folder).strip("/")
    name = line.file if line.offset is None else f"{line.file} at byte {line.offset}"
    if not folder or "\0" in folder:
        return Unusable(name, "the manifest names no folder for it")
    if not path.is_file() and line.offset is not None and path.with_name(f"{path.name}.part").is_file():
        # The export was broken off.
        path = path.with_name(f"{path.name}.part")
    elif not path.exists() and kind is Format.MAILDIR:
        # A mail program has changed its flags since.
        path = next(path.parent.glob(f"{_escaped(path.name.partition(':2,')[0])}:2,*"), path)
    if reason := _reason(path, LARGEST if line.offset is None else sys.maxsize):
        return Unusable(name, reason)
    read = _reader(path, line.offset or 0, line.length, None if line.offset is None else Quoting.MBOXRD)
    flags = " ".join(flag for flag in line.flags.split() if _FLAG.fullmatch(flag))
    return Found(name, kind, folder, line.size, read, flags, line.internaldate, line.sha256)


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def search(path: Path, form: Format) -> Iterator[Found | Unusable | Stranger]:
    """The mail in a file or folder. Raises ``InputError`` when there is no such thing."""
    if path.is_file():
        if not os.access(path, os.R_OK):
            raise InputError(f"{path} cannot be read.", "Check its owner and mode.")
        yield from _file(path, text(path.name), "", form, alone=True)
    elif path.is_dir():
        yield from _folder(path, "", "", form)
    else:
        raise InputError(f"There is no {path}.", "Give a file or a folder with mail.")


def _folder(path: Path, name: str, place: str, form: Format) -> Iterator[Found | Unusable | Stranger]:
    """``name`` of the folder for people, ``place`` in the archive; both below what is imported."""
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        yield Unusable(name or str(path), f"the folder cannot be read: {error.strerror}")
        return
    names = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    maildir = form in (Format.AUTO, Format.MAILDIR) and {"cur", "new"} <= names
    if maildir:
        dotted = any(entry.startswith(".") and len(entry) > 1 and (path / entry / "cur").is_dir() for entry in names)
        yield from _maildir(path, name, _below(place, "INBOX") if dotted or not place else place)
    for entry in entries:
        shown = _below(name, text(entry.name))
        if entry.is_symlink():
            yield Unusable(shown, "a link, which is not followed")
        elif entry.is_dir(follow_symlinks=False):
            if maildir and entry.name in _MAILDIR_PARTS:
                continue
            if maildir and entry.name.startswith("."):
                if (path / entry.name / "cur").is_dir():
                    yield from _maildir(path / entry.name, shown, _below(place, _dotted(entry.name)))
                continue
            level = text(entry.name)
            yield from _folder(path / entry.name, shown, _below(place, _NEST.sub("", level) or level), form)
        elif not maildir and form is not Format.MAILDIR:
            yield from _file(path / entry.name, shown, place, form)


def _dotted(name: str) -> str:
    """``.Sent.2024`` as ``Sent/2024``; levels as people write them."""
    levels = [decoded_utf7(text(level)).replace("/", "\u2215") for level in name[1:].split(".")]
    return "/".join(level for level in levels if level)


def _maildir(path: Path, name: str, place: str) -> Iterator[Found | Unusable]:
    for part in ("new", "cur"):
        if (path / part).is_symlink():
            yield Unusable(_below(name, part), "a link, which is not followed")
            continue
        try:
            files = sorted(entry for entry in os.listdir(path / part) if not entry.startswith("."))
        except OSError as error:
            yield Unusable(f"{name}/{part}".lstrip("/"), f"the folder cannot be read: {error.strerror}")
            continue
        for file in files:
            shown = _below(name, f"{part}/{text(file)}")
            if reason := _reason(path / part / file):
                yield Unusable(shown, reason)
                continue
            letters = file.rpartition(":2,")[2] if ":2," in file else ""
            flags = " ".join(flag for letter, flag in MAILDIR_FLAGS.items() if letter in letters)
            facts = (path / part / file).stat()
            read = _reader(path / part / file, 0, None, None)
            yield Found(shown, Format.MAILDIR, place, facts.st_size, read, flags, int(facts.st_mtime))


def _file(path: Path, name: str, place: str, form: Format, *, alone: bool = False) -> Iterator[Found | Unusable | Stranger]:
    mail = path.suffix.lower() == ".eml"
    reason = _reason(path, LARGEST if mail or form is Format.EML else sys.maxsize)
    if reason and form is Format.AUTO and not mail and stat.S_ISREG(path.lstat().st_mode):
        # An empty file may be anything.
        yield Stranger(name)
    elif reason:
        yield Unusable(name, reason)
    elif form is Format.EML or (form is Format.AUTO and mail):
        yield Found(name, Format.EML, place, path.stat().st_size, _reader(path, 0, None, None))
    elif form in (Format.MBOX, Format.MBOXO) or (form is Format.AUTO and _is_mbox(path)):
        quoting = Quoting.MBOXO if form is Format.MBOXO else Quoting.MBOXRD
        level = re.sub(r"\.mbox$", "", text(path.name), flags=re.IGNORECASE)
        # A file that is imported by itself is the folder; so is one whose folder has its name.
        inner = alone or (path.name == "mbox" and path.parent.suffix == ".mbox")
        yield from _mbox(path, name, place if inner else _below(place, level), quoting)
    elif form is Format.AUTO and path.suffix.lower() == ".mbox":
        yield Unusable(name, 'it does not begin with a line "From ...", so it is no mbox')
    else:
        yield Stranger(name)


def _is_mbox(path: Path) -> bool:
    with _open(path) as file:
        return mbox.begins(file.read(_BEGINNING))


def _mbox(path: Path, name: str, place: str, quoting: Quoting) -> Iterator[Found | Unusable]:
    count = 0
    with _open(path) as file:
        for one in mbox.scan(file):
            count += 1
            shown = f"{name}, message {count}"
            size = one.end - one.start
            if not 0 < size <= LARGEST:
                yield Unusable(shown, "it is empty" if not size else "it is too large")
                continue
            read = _reader(path, one.start, size, quoting)
            yield Found(shown, Format.MBOX, place, size, read, "", one.date, status_fields=True)
    if not count:
        yield Unusable(name, 'it has no line "From ...", so it is no mbox')


def _reason(path: Path, largest: int = LARGEST) -> str:
    """Why a file cannot be a message; empty when it can."""
    try:
        facts = path.lstat()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if stat.S_ISLNK(facts.st_mode):
        return "a link, which is not followed"
    if not stat.S_ISREG(facts.st_mode):
        return "no regular file"
    if not facts.st_size:
        return "it is empty"
    return "it is too large" if facts.st_size > largest else ""


def _open(path: Path) -> BinaryIO:
    """A file that was looked at a while ago: what has become a link since is not followed, a pipe not waited for."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file any more")
    return file


def _reader(path: Path, start: int, length: int | None, quoting: Quoting | None) -> Callable[[], bytes]:
    def read() -> bytes:
        with _open(path) as file:
            file.seek(start)
            data = file.read(length if length is not None else LARGEST)
        return data if quoting is None else mbox.unquoted(data, quoting)

    return read


def _below(name: str, level: str) -> str:
    return f"{name}/{level}".strip("/")


def text(name: str) -> str:
    """A file's name as text that can be kept, whatever bytes it has."""
    return _BYTES.sub("\ufffd", name)
