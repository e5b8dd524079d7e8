"""Kerio Connect's own store, on the disk or in its backups: folders with the folder tree that IMAP shows.

A folder keeps its messages in ``#msgs`` and the folders below it beside that: ``DOMAIN/USER/INBOX/#msgs/00000001.eml``.
A mailbox is the folder that holds such folders and has no messages itself; its name is the user's login, and that of the
folder above it is the domain. Calendars, contacts, tasks and notes are kept in the same form; they are no mail. Flags and times
of receipt are in files that are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.archive.transfer import file_kinds, packed
from core.archive.transfer.mail_items import (
    LARGEST,
    Finding,
    FoundMail,
    ImportFormat,
    Item,
    LeftOut,
    Message,
    StrangeFile,
    Unusable,
    below,
    entries,
    level,
    text,
    too_large,
)
from core.archive.transfer.trees import Disk, Tree, TreeEntry, UnusableFile, look, open_regular, unread
from core.message import arrival
from core.message.envelope import describe_header
from core.message.splitter import header_end
from core.problems import mail_file as problems
from core.text.patterns import pattern
from core.values import dataclass

MESSAGES = "#msgs"
#: Levels below the given path at which mailboxes are looked for.
_DEEPEST = 8
_HEADER = 256 * 1024
#: Folders with many files and no mailbox.
_LARGE = frozenset((MESSAGES, "cur", "new", "tmp"))
_DOMAIN = pattern(r"(?=.{3,253}\Z)[^@\s/#]+\.[^@\s/#.]+")
#: Groupware folders that hold no mail, by name in English and German, with their subfolders.
_FOLDERS = {
    "calendar": Item.CALENDAR,
    "kalender": Item.CALENDAR,
    "contacts": Item.CONTACT,
    "suggested contacts": Item.CONTACT,
    "kontakte": Item.CONTACT,
    "vorgeschlagene kontakte": Item.CONTACT,
    "tasks": Item.TASK,
    "aufgaben": Item.TASK,
    "notes": Item.NOTE,
    "notizen": Item.NOTE,
}
_TYPE = pattern(rb"\ncontent-type[ \t]*+:[ \t]*+([^\s;]++)")
_CALENDAR, _CONTACT = (
    frozenset((b"text/calendar", b"text/x-vcalendar")),
    frozenset((b"text/vcard", b"text/x-vcard", b"text/directory")),
)
_ROUTED = pattern(rb"\n(?:received|to|cc|delivered-to|return-path)[ \t]*+:")


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """A mailbox in a store; ``domain`` is empty where no folder tells it."""

    domain: str
    user: str

    @property
    def address(self) -> str:
        return f"{self.user}@{self.domain}" if self.domain else self.user


@dataclass(frozen=True, slots=True)
class Accounts:
    """The mailboxes in a store, each once, and the unreadable backups."""

    found: tuple[Account, ...]
    unusable: tuple[Unusable, ...]


def accounts(path: Path) -> Accounts:
    """The mailboxes at ``path``, by address: in folders, and in each backup."""
    unusable: list[Unusable] = []
    found = {account for tree, _, above in _trees(path, unusable) for account in mailboxes(tree, above).values()}
    return Accounts(tuple(sorted(found)), tuple(unusable))


def mail(path: Path, wanted: Account) -> Iterator[Finding]:
    """Yield the mail of one mailbox at ``path``, its items that are no mail, and unreadable backups."""
    unusable: list[Unusable] = []
    for tree, shown, above in _trees(path, unusable):
        for root, account in mailboxes(tree, above).items():
            if account == wanted:
                yield from mailbox(tree, root, below(shown, text(root)))
    yield from unusable


def _trees(path: Path, unusable: list[Unusable] | None = None) -> Iterator[tuple[Tree, str, Sequence[str]]]:
    """Yield trees at ``path``: the folder itself, and each backup in it; with their names, and the folders above them."""
    if not path.is_dir():
        with _opened(path, text(path.name), unusable) as tree:
            if tree is not None:
                yield tree, text(path.name), ()
        return
    yield Disk(path), "", path.absolute().parts[1:]
    for name in sorted(_backups(Disk(path))):
        with _opened(path / name, text(name), unusable) as tree:
            if tree is not None:
                yield tree, text(name), ()


@contextmanager
def _opened(path: Path, shown: str, unusable: list[Unusable] | None) -> Iterator[Tree | None]:
    try:
        file = open_regular(path)
    except OSError as error:
        if unusable is not None:
            unusable.append(Unusable(shown, unread(error)))
        yield None
        return
    with file:
        try:
            context = packed.opened(file, look(path).size)
            tree: Tree | None = context.__enter__()
        except (UnusableFile, OSError) as error:
            if unusable is not None:
                unusable.append(Unusable(shown, unread(error) if isinstance(error, OSError) else error.reason))
            yield None
            return
        try:
            if unusable is not None and tree is not None:
                unusable.extend(Unusable(f"{shown}/{text(name)}", reason) for name, reason in tree.refused)
            yield tree
        finally:
            context.__exit__(None, None, None)


def _backups(tree: Tree, path: str = "", depth: int = 0) -> Iterator[str]:
    try:
        entries = tree.entries(path)
    except OSError:
        return
    for entry in entries:
        if entry.folder and depth < _DEEPEST and entry.name not in _LARGE:
            yield from _backups(tree, below(path, entry.name), depth + 1)
        elif not entry.folder and not entry.refusal and packed.is_packed_name(entry.name) and entry.size:
            yield below(path, entry.name)


def mailboxes(tree: Tree, above: Sequence[str]) -> dict[str, Account]:
    """The accounts of the mailboxes in a tree, by folder; ``above`` are the folders that lead to the tree."""
    return {root: _account([*above, *root.split("/")] if root else above) for root in roots(tree)}


def roots(tree: Tree, path: str = "", depth: int = 0) -> list[str]:
    """The folders that are mailboxes: the parents of folders with messages. The empty path is the top."""
    try:
        entries = tree.entries(path)
    except OSError:
        return []
    folders = [entry.name for entry in entries if entry.folder and entry.name not in _LARGE - {MESSAGES}]
    if MESSAGES in folders:
        # Messages at the very top: the tree is a folder of a mailbox, not a mailbox.
        return []
    if any(_holds_messages(tree, below(path, name)) for name in folders):
        return [path]
    if depth == _DEEPEST:
        return []
    return [root for name in folders for root in roots(tree, below(path, name), depth + 1)]


def _holds_messages(tree: Tree, path: str) -> bool:
    try:
        return any(entry.folder and entry.name == MESSAGES for entry in tree.entries(path))
    except OSError:
        return False


def _account(levels: Sequence[str]) -> Account:
    user = level(levels[-1]) if levels else ""
    domain = level(levels[-2]) if len(levels) > 1 else ""
    return Account(domain if _DOMAIN.fullmatch(domain) else "", user)


def mailbox(tree: Tree, root: str, shown: str, folder: str = "") -> Iterator[Finding]:
    """Yield the messages of a mailbox, or of one ``folder`` of it, and its other files."""
    yield from _folder(tree, root, shown, folder, None)


def _folder(tree: Tree, path: str, shown: str, folder: str, item: Item | None) -> Iterator[Finding]:
    found = entries(tree, path, shown)
    if isinstance(found, Unusable):
        yield found
        return
    for entry in found:
        name = below(shown, text(entry.name))
        if entry.refusal:
            yield Unusable(name, entry.refusal)
        elif file_kinds.is_leftover(entry.name):
            yield StrangeFile(name)
        elif entry.folder and entry.name == MESSAGES:
            yield from _messages(tree, below(path, entry.name), name, folder, item)
        elif entry.folder and not entry.name.startswith("#"):
            own = level(entry.name)
            kind = item or (_FOLDERS.get(own.casefold()) if not folder else None)
            yield from _folder(tree, below(path, entry.name), name, below(folder, own), kind)
        elif not entry.name.endswith(".fld") and entry.name != ".fld":
            yield StrangeFile(name)


def _messages(tree: Tree, path: str, shown: str, folder: str, item: Item | None) -> Iterator[Finding]:
    found = entries(tree, path, shown)
    if isinstance(found, Unusable):
        yield found
        return
    for entry in found:
        name = f"{shown}/{text(entry.name)}"
        if entry.refusal:
            yield Unusable(name, entry.refusal)
        elif entry.folder and entry.name == MESSAGES:
            # Left by a user who copied such a folder into itself.
            yield from _messages(tree, below(path, entry.name), name, folder, item)
        elif file_kinds.is_leftover(entry.name) or entry.folder or not entry.name.casefold().endswith(".eml"):
            yield StrangeFile(name)
        elif item is not None:
            yield LeftOut(name, item)
        else:
            yield _message(tree, f"{path}/{entry.name}", name, folder, entry)


def _message(tree: Tree, path: str, name: str, folder: str, entry: TreeEntry) -> Finding:
    if not entry.size or entry.size > LARGEST:
        return Unusable(name, problems.EMPTY() if not entry.size else too_large())

    def read() -> Message:
        with tree.open(path) as source:
            raw = source.read(LARGEST)
        return Message(raw, "", arrival.arrived(raw), item=_item(raw))

    return FoundMail(name, ImportFormat.KERIO, folder, entry.size, read)


def _item(raw: bytes) -> Item | None:
    """The item that a file in a mail folder is: an appointment or contact that was never sent; None for a message."""
    header = b"\n" + raw[: min(header_end(raw), _HEADER)].lower()
    match = _TYPE.search(header)
    if match is None or (match[1] not in _CALENDAR and match[1] not in _CONTACT):
        return None
    if _ROUTED.search(header) or describe_header(raw[:_HEADER]).sender:
        return None
    return Item.CALENDAR if match[1] in _CALENDAR else Item.CONTACT
