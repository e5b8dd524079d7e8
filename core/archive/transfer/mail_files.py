"""Search for mail in files and folders, on the disk or packed: .eml and .emlx files, mbox, Maildir, Kerio's store, exports.

Blocking. Only regular files are read, and no link is followed. Unusable files are yielded by name, with the reason.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from core.archive.transfer import emlx, file_kinds, kerio, maildir_files, manifest, packed
from core.archive.transfer.emlx import Apple
from core.archive.transfer.file_kinds import BEGINNING, Other
from core.archive.transfer.kerio import Account
from core.archive.transfer.mail_items import (
    LARGEST,
    Finding,
    FoundMail,
    ImportFormat,
    Message,
    StrangeFile,
    Unusable,
    below,
    entries,
    level,
    text,
    too_large,
)
from core.archive.transfer.manifest import ManifestLine
from core.archive.transfer.trees import Disk, Tree, TreeEntry, UnusableFile, look, unread
from core.errors import InputError
from core.message import arrival, gmail, mbox, separators
from core.message.mbox import Before, Quoting
from core.problems import mail_file as problems
from core.problems.code import Reason
from core.problems.disk import UNREAD
from core.problems.importing import NOT_THERE
from core.text.patterns import pattern

#: Folders that mail programs name after an mbox file, for its subfolders.
_NEST = pattern(r"\.(sbd|mbox|imapmbox)$", re.IGNORECASE)
#: Levels that Apple Mail puts between the folder of a mailbox and its messages.
_APPLE = pattern(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}|Data|Messages|\d{1,3}", re.IGNORECASE)
_ATTACHMENTS = "Attachments"
#: The folders of Google Takeout above the mail.
_TAKEOUT = pattern(r"(^|/)Takeout(/(Mail|E-?Mail|Gmail))?$")
_FLAG = pattern(r"""[^\s(){%*"\]\x00-\x1f\x7f-\uffff]+""")
#: Names of messages without an ending, as MH, Cyrus and others keep them.
_NUMBERED = pattern(r"\d+\.?")


def owners(directory: Path) -> dict[str, str]:
    """The owners of an export: names by id. Raises ``InputError`` for an unusable manifest."""
    return {line.owner: line.user for line in manifest.read(directory)}


def exported(directory: Path, owner: str) -> Iterator[FoundMail | Unusable]:
    """Yield the messages that the manifest in ``directory`` lists for ``owner``. Raises ``InputError`` on a wrong line."""
    form = manifest.header(directory)
    assert form is not None
    tree = Disk(directory)
    for line in manifest.read(directory):
        if line.owner == owner:
            yield _told(tree, line, ImportFormat.MBOX if line.offset is not None else ImportFormat(form.format))


def _told(tree: Disk, line: ManifestLine, kind: ImportFormat) -> FoundMail | Unusable:
    folder = text(line.folder).strip("/")
    if not folder or "\0" in folder:
        return _unusable(line, problems.NO_FOLDER_NAMED())
    try:
        place = _place(tree, line, kind)
        entry = tree.look(place)
    except OSError as error:
        return _unusable(line, unread(error))
    if why := entry.refusal or (problems.NO_REGULAR_FILE() if entry.folder else None):
        return _unusable(line, why)
    if line.offset is None and entry.size > LARGEST:
        return _unusable(line, too_large())
    flags = " ".join(flag for flag in line.flags.split() if _FLAG.fullmatch(flag))

    def read() -> Message:
        with tree.open(place) as file:
            file.seek(line.offset or 0)
            data = file.read(line.length if line.length is not None else LARGEST)
        return Message(data if line.offset is None else mbox.unquoted(data), flags, line.internaldate)

    return FoundMail(line.file, kind, folder, line.size, read, line.sha256, byte=line.offset)


def _unusable(line: ManifestLine, why: Reason) -> Unusable:
    return Unusable(line.file, why, byte=line.offset)


def _place(tree: Disk, line: ManifestLine, kind: ImportFormat) -> str:
    """The present path of a line's file. Raises ``OSError``."""
    folder, _, name = line.file.rpartition("/")
    try:
        tree.look(line.file)
    except FileNotFoundError:
        if line.offset is not None:
            # The export was broken off.
            return f"{line.file}.part"
        if kind is ImportFormat.MAILDIR:
            # A mail program has changed the flags in its name since.
            same = f"{name.partition(':2,')[0]}:2,"
            return next((below(folder, one.name) for one in tree.entries(folder) if one.name.startswith(same)), line.file)
    return line.file


def holds_folders(path: Path, form: ImportFormat) -> bool:
    """True for a folder, plain or packed; False for a single file or Maildir. Blocking."""
    if path.is_dir():
        return True
    if form not in (ImportFormat.AUTO, ImportFormat.MAILDIR, ImportFormat.KERIO) or not path.is_file():
        return False
    with path.open("rb") as file:
        return packed.is_packed(file.read(BEGINNING))


def search(path: Path, form: ImportFormat, account: Account | None = None) -> Iterator[Finding]:
    """Yield the mail in a file or folder; of Kerio's store that of one ``account``.

    Raises ``InputError`` when it is missing.
    """
    if form is ImportFormat.KERIO and account is not None:
        yield from kerio.mail(path, account)
    elif path.is_file():
        if not os.access(path, os.R_OK):
            raise InputError(UNREAD(path=str(path), said=os.strerror(errno.EACCES)))
        yield from _Search(Disk(path.parent), form, account, {}).file(look(path), path.name, text(path.name), "", alone=True)
    elif path.is_dir():
        tree = Disk(path)
        if kerio.MESSAGES in {entry.name for entry in _listed(tree)}:
            yield from kerio.mailbox(tree, "", "", level(path.absolute().name))
            return
        roots = kerio.mailboxes(tree, path.absolute().parts[1:]) if form is ImportFormat.AUTO else {}
        yield from _Search(tree, form, account, roots).folder("", "", "")
    else:
        raise InputError(NOT_THERE(path=str(path)))


def _listed(tree: Tree) -> list[TreeEntry]:
    try:
        return tree.entries("")
    except OSError:
        return []


class _Search:
    """The search of one tree. ``inside``: the tree is a packed file, in which no other is opened."""

    def __init__(
        self, tree: Tree, form: ImportFormat, account: Account | None, roots: dict[str, Account], *, inside: bool = False
    ) -> None:
        self._tree = tree
        self._form = form
        self._account = account
        self._roots = roots
        self._inside = inside

    def folder(self, path: str, name: str, place: str, *, apple: bool = False) -> Iterator[Finding]:
        """Yield the findings in a folder: ``name`` for display, ``place`` in the archive; both below the imported path."""
        tree, form = self._tree, self._form
        if path in self._roots:
            if self._account is None or self._roots[path] == self._account:
                yield from kerio.mailbox(tree, path, name)
            return
        found = entries(tree, path, name)
        if isinstance(found, Unusable):
            yield found
            return
        maildir = form in (ImportFormat.AUTO, ImportFormat.MAILDIR) and maildir_files.is_maildir(tree, found)
        dotted = [entry.name for entry in found if maildir and entry.folder and self._is_dotted(path, entry.name)]
        if maildir:
            inbox = below(place, "INBOX") if dotted or not place else place
            yield from maildir_files.messages(tree, path, name, inbox)
        for entry in found:
            shown = below(name, text(entry.name))
            if entry.refusal:
                yield Unusable(shown, entry.refusal)
            elif entry.folder:
                if maildir and (entry.name in maildir_files.PARTS or entry.name.startswith(".")):
                    if entry.name in dotted:
                        inner = below(place, maildir_files.place(entry.name))
                        yield from maildir_files.messages(tree, below(path, entry.name), shown, inner)
                elif file_kinds.is_leftover(entry.name):
                    yield StrangeFile(shown)
                elif not (apple and entry.name == _ATTACHMENTS):
                    yield from self._below(path, entry.name, shown, place, apple)
            elif not maildir and form is not ImportFormat.MAILDIR:
                yield from self.file(entry, below(path, entry.name), shown, place)

    def _below(self, path: str, name: str, shown: str, place: str, apple: bool) -> Iterator[Finding]:
        if apple and _APPLE.fullmatch(name):
            inner = place
        else:
            plain = _NEST.sub("", name) or name
            inner = _TAKEOUT.sub("", below(place, level(plain)))
        inside = apple or name.lower().endswith((".mbox", ".imapmbox"))
        yield from self.folder(below(path, name), shown, inner, apple=inside)

    def _is_dotted(self, path: str, name: str) -> bool:
        if not name.startswith(".") or len(name) < 2:
            return False
        try:
            return any(entry.name in ("cur", "new") for entry in self._tree.entries(below(path, name)))
        except OSError:
            return False

    def file(self, entry: TreeEntry, path: str, name: str, place: str, *, alone: bool = False) -> Iterator[Finding]:
        """Yield the findings in one file. A file that is imported by itself is the folder."""
        try:
            yield from self._file(entry, path, name, place, alone)
        except UnusableFile as error:
            yield Unusable(name, error.reason)
        except OSError as error:
            yield Unusable(name, unread(error))

    def _file(self, entry: TreeEntry, path: str, name: str, place: str, alone: bool) -> Iterator[Finding]:
        form, auto = self._form, self._form is ImportFormat.AUTO
        lower = entry.name.casefold()
        mail = lower.endswith((".eml", ".emlx"))
        if file_kinds.is_leftover(entry.name):
            yield (
                Unusable(name, problems.NO_MAIL(kind="what macOS or Windows keeps beside files"))
                if alone
                else StrangeFile(name)
            )
        elif entry.refusal:
            yield Unusable(name, entry.refusal)
        elif not entry.size:
            # An empty file may be of any kind.
            yield StrangeFile(name) if auto and not mail else Unusable(name, problems.EMPTY())
        elif form is ImportFormat.EML or (auto and mail):
            if auto and self._holds_several(path):
                yield from self._several(path, name, place)
            else:
                yield self._message(entry, path, name, place)
        else:
            with self._tree.open(path) as file:
                beginning = file.read(BEGINNING)
                is_box = mbox.begins(beginning) or lower.endswith(".mbox")
                if form in (ImportFormat.MBOX, ImportFormat.MBOXO) or (auto and is_box):
                    yield from self._mbox(file, beginning, name, self._box_place(path, entry.name, place, alone))
                elif packed.is_packed(beginning) and (alone or packed.is_packed_name(entry.name)):
                    yield from self._packed(file, entry, name, place)
                else:
                    yield self._other(entry, path, name, place, beginning)

    def _holds_several(self, path: str) -> bool:
        """True when a file named like a message is an mbox with several. One with a leading "From " line is kept unchanged."""
        with self._tree.open(path) as file:
            if not mbox.begins(file.read(BEGINNING)):
                return False
            return len(list(islice(mbox.scan(file), 2))) > 1

    def _several(self, path: str, name: str, place: str) -> Iterator[Finding]:
        with self._tree.open(path) as file:
            yield from self._mbox(file, file.read(BEGINNING), name, place)

    def _box_place(self, path: str, name: str, place: str, alone: bool) -> str:
        # A file that is imported by itself is the folder; so is one whose folder has its name.
        if alone or (name == "mbox" and re.search(r"\.mbox/mbox$", path)):
            return place
        return below(place, level(re.sub(r"\.mbox$", "", name, flags=re.IGNORECASE)))

    def _packed(self, file: BinaryIO, entry: TreeEntry, name: str, place: str) -> Iterator[Finding]:
        if self._inside:
            yield Unusable(name, problems.PACKED_WITHIN())
            return
        with packed.opened(file, entry.size) as tree:
            for refused, why in tree.refused:
                yield Unusable(f"{name}/{text(refused)}", why)
            roots = kerio.mailboxes(tree, ()) if self._form is ImportFormat.AUTO else {}
            yield from _Search(tree, self._form, self._account, roots, inside=True).folder("", name, place)

    def _mbox(self, file: BinaryIO, beginning: bytes, name: str, place: str) -> Iterator[Finding]:
        kind = file_kinds.told(beginning)
        if kind is not None and not mbox.begins(beginning):
            yield Unusable(name, kind.reason)
            return
        quoting = Quoting.MBOXO if self._form is ImportFormat.MBOXO else Quoting.MBOXRD
        count = 0
        for one in mbox.scan(file):
            if isinstance(one, Before):
                yield Unusable(name, problems.BEFORE_FIRST(size=one.size))
                continue
            count += 1
            size = one.end - one.start
            if not 0 < size <= LARGEST:
                yield Unusable(name, problems.EMPTY() if not size else too_large(), count)
            else:
                read = _boxed(file, one, Quoting.NONE if one.plain else quoting)
                yield FoundMail(name, ImportFormat.MBOX, place, size, read, message=count)
        if not count:
            yield Unusable(name, problems.NO_MBOX())

    def _other(self, entry: TreeEntry, path: str, name: str, place: str, beginning: bytes) -> Finding:
        """The finding on a file whose name does not mark it as mail."""
        kind = file_kinds.told(beginning)
        if self._form is not ImportFormat.AUTO:
            return StrangeFile(name)
        if kind is not None and kind.other not in (Other.FOREIGN, Other.LEFTOVER, Other.BINARY):
            return Unusable(name, kind.reason)
        if store := file_kinds.named(entry.name):
            return Unusable(name, store.reason)
        if kind is None and separators.is_header(beginning):
            if "." not in entry.name.rstrip(".") or _NUMBERED.fullmatch(entry.name):
                return self._message(entry, path, name, place)
            return Unusable(name, problems.UNLIKELY_NAME())
        return StrangeFile(name)

    def _message(self, entry: TreeEntry, path: str, name: str, place: str) -> Finding:
        if entry.size > LARGEST:
            return Unusable(name, too_large())
        if not entry.name.casefold().endswith(".emlx"):
            return FoundMail(name, ImportFormat.EML, place, entry.size, lambda: _plain(self._tree, path))
        return FoundMail(name, ImportFormat.EMLX, place, entry.size, lambda: _apple(self._tree, path))


def _plain(tree: Tree, path: str) -> Message:
    with tree.open(path) as file:
        raw = file.read(LARGEST)
    return Message(raw, "", arrival.arrived(raw))


def _boxed(file: BinaryIO, found: mbox.MboxMessage, quoting: Quoting) -> Callable[[], Message]:
    def read() -> Message:
        file.seek(found.start)
        raw = mbox.unquoted(file.read(found.end - found.start), quoting)
        told = arrival.of_separator(found.date, found.sender, raw)
        if filed := gmail.filed(raw):
            return Message(raw, filed[1], arrival.arrived(raw, told), filed[0])
        return Message(raw, mbox.flags(raw), arrival.arrived(raw, told))

    return read


def _apple(tree: Tree, path: str) -> Message:
    """A message of Apple Mail; the attachments of a partial one lie beside its folder."""
    with tree.open(path) as file:
        apple = emlx.read(file.read(LARGEST))
    raw, missing = apple.raw, list[str]()
    folder, _, name = path.rpartition("/")
    if name.casefold().endswith(".partial.emlx"):
        number = name.partition(".")[0]
        attachments = below(below(folder.rpartition("/")[0], _ATTACHMENTS), number)
        raw, missing = emlx.completed(raw, lambda part: _attachment(tree, f"{attachments}/{part}"))
    return Message(raw, apple.flags, arrival.arrived(raw, apple.received), lacking=_lacking(apple, tuple(missing[:5])))


def _lacking(apple: Apple, missing: tuple[str, ...]) -> Reason | None:
    told, size = apple.wrong_length, len(apple.raw)
    if told is None:
        return problems.WITHOUT_ATTACHMENTS(parts=missing) if missing else None
    if missing:
        return problems.INCOMPLETE(parts=missing, told=told, size=size)
    return problems.OTHER_LENGTH(told=told, size=size)


def _attachment(tree: Tree, folder: str) -> bytes | None:
    """The only file in a folder; None when there is none, or more than one."""
    try:
        files = [entry for entry in tree.entries(folder) if not file_kinds.is_leftover(entry.name)]
        if len(files) != 1 or files[0].folder or files[0].refusal:
            return None
        with tree.open(f"{folder}/{files[0].name}") as file:
            return file.read(LARGEST)
    except (OSError, UnusableFile):
        return None
