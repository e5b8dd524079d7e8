"""Maildir and Maildir++: messages with their flags and dates, also as Dovecot packs them (zlib plugin)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from core.archive.transfer import packed
from core.archive.transfer.filenames import MAILDIR_FLAGS
from core.archive.transfer.mail_items import (
    LARGEST,
    Finding,
    FoundMail,
    ImportFormat,
    Message,
    Unusable,
    below,
    level,
    text,
    too_large,
)
from core.archive.transfer.trees import PackedTree, Tree, TreeEntry, UnusableFile, unread
from core.message import arrival
from core.problems import mail_file as problems
from core.text.patterns import pattern

PARTS = frozenset(("cur", "new", "tmp"))
#: Files that servers keep in a Maildir beside the mail.
_INFO = pattern(r"[:;!]2,([A-Za-z,]*)$")
#: Servers and exports put the size 0 into the name of an empty message.
_EMPTY = pattern(r",S=0(?=[,:;!]|\Z)")
_KEYWORD = pattern(r"(\d{1,2}) (\S{1,100})")


def is_maildir(tree: Tree, entries: Sequence[TreeEntry]) -> bool:
    """True for a folder with these entries of a Maildir. A packed one may lack empty folders."""
    names = {entry.name for entry in entries if entry.folder}
    return {"cur", "new"} <= names or (isinstance(tree, PackedTree) and bool(names & {"cur", "new"}))


def place(name: str) -> str:
    """``.Sent.2024`` as ``Sent/2024``, decoded."""
    return "/".join(level(one) for one in name[1:].split(".") if one)


def messages(tree: Tree, path: str, name: str, folder: str) -> Iterator[Finding]:
    """Yield the messages of one Maildir at ``path``, called ``name``, for the ``folder`` of the archive."""
    try:
        entries = {entry.name: entry for entry in tree.entries(path)}
    except OSError as error:
        yield Unusable(name, unread(error, problems.FOLDER_UNREAD))
        return
    keywords = _keywords(tree, path) if "dovecot-keywords" in entries else {}
    for part in ("new", "cur"):
        entry = entries.get(part)
        if entry is None:
            continue
        if entry.refusal:
            yield Unusable(below(name, part), entry.refusal)
            continue
        try:
            files = [file for file in tree.entries(below(path, part)) if not file.name.startswith(".")]
        except OSError as error:
            yield Unusable(below(name, part), unread(error, problems.FOLDER_UNREAD))
            continue
        for file in files:
            yield _file(
                tree, f"{below(path, part)}/{file.name}", below(name, f"{part}/{text(file.name)}"), folder, file, keywords
            )


def _file(tree: Tree, path: str, shown: str, folder: str, file: TreeEntry, keywords: dict[str, str]) -> Finding:
    if file.folder or file.refusal:
        return Unusable(shown, file.refusal or problems.FOLDER())
    if not file.size and not _EMPTY.search(file.name):
        return Unusable(shown, problems.EMPTY())
    if file.size > LARGEST:
        return Unusable(shown, too_large())
    info = _INFO.search(file.name)
    letters = info[1] if info else ""
    flags = [flag for letter, flag in MAILDIR_FLAGS.items() if letter in letters]
    flags += [keywords[letter] for letter in letters if letter in keywords]

    def read() -> Message:
        with tree.open(path) as source:
            raw = packed.unpacked(source.read(LARGEST), LARGEST)
        told = arrival.of_file(file.name, file.modified, file.changed)
        return Message(raw, " ".join(flags), arrival.of_copy(told, raw))

    return FoundMail(shown, ImportFormat.MAILDIR, folder, file.size, read)


def _keywords(tree: Tree, path: str) -> dict[str, str]:
    """Dovecot's keywords by their letter."""
    try:
        with tree.open(below(path, "dovecot-keywords")) as source:
            lines = source.read(64 * 1024).decode("utf-8", "replace").splitlines()
    except (OSError, UnusableFile):
        return {}
    found = (_KEYWORD.fullmatch(line.strip()) for line in lines)
    flag = re.compile(r"""[^\s(){%*"\]\\\x00-\x1f\x7f-\uffff]+""")
    return {
        chr(ord("a") + int(match[1])): match[2] for match in found if match and int(match[1]) < 26 and flag.fullmatch(match[2])
    }
