"""Names of folders, users and attachments as names of files, fit for any file system: pure computation.

Invariant: no name is hidden, starts like an option, or is a Windows device; the same folders get the same names each time, two
folders never share one, not even without regard to case, and none collides with an export's own files.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from core.text.normal import normal
from core.text.patterns import pattern
from core.text.utf7 import modified_utf7

_FORBIDDEN = pattern(r'[<>:"/\\|?*\x00-\x1f\x7f]')
#: Invisible characters, which hide the ones after them, or make two names look alike.
_NOTHING = pattern("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0]")
_BLANKS = pattern(r"\s{2,}")
#: Device names of Windows: an export ends up on all kinds of disks. Superscript digits count as digits.
_DEVICES = frozenset(
    (
        *("con", "prn", "aux", "nul", "conin$", "conout$", "clock$"),
        *(f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789"),
    )
)
#: Ends of the names of an export's own files.
_OWN = pattern(r".*\.(eml|mbox|part|jsonl)|sha256sums", re.IGNORECASE)
_MAX_NAME = 80
#: Characters of a name that are processed; a digest of all of it keeps two such names apart.
_LOOKED_AT = 1000
#: Bytes of a suffix that is kept as the file's kind.
_LONGEST_KIND = 24
#: Bytes of a path below the export's folder; Linux allows 4096 in all.
_MAX_PATH = 1000
#: Bytes of a Maildir folder's name, which holds all its levels.
_MAX_MAILDIR = 200


def file_name(level: str) -> str:
    """A folder's name fit for any file system; a changed one gets a few digits that keep it unique."""
    name = normal("NFC", level[:_LOOKED_AT])
    name = "".join(
        "_" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character for character in name
    )
    name = _trimmed(_BLANKS.sub(" ", _NOTHING.sub("_", _FORBIDDEN.sub("_", name)))).lstrip()
    while len(name.encode()) > _MAX_NAME:
        name = _trimmed(name[:-1])
    if not name or name[0] in ".-" or is_device(name):
        name = f"_{name}"
    if name != level or _OWN.fullmatch(name):
        name += f"~{_digits(level, 6)}"
    return name


def _trimmed(name: str) -> str:
    """The name without trailing dots and blanks of any kind, which Windows drops."""
    end = len(name)
    while end and (name[end - 1] == "." or name[end - 1].isspace()):
        end -= 1
    return name[:end]


def is_device(name: str) -> bool:
    """True for a Windows device name, also with an extension."""
    return normal("NFKC", name.partition(".")[0]).strip().casefold() in _DEVICES


def attachment_name(name: str) -> tuple[str, str]:
    """The name of an attachment, fit for any file system, in two parts: stem and suffix."""
    # A name from another system may have its folders before it.
    name = _trimmed(name.replace("\\", "/").rpartition("/")[2].strip()) or "attachment"
    stem, dot, kind = name.rpartition(".")
    if stem and kind.isalnum() and len(kind.encode()) <= _LONGEST_KIND and _trimmed(stem):
        return file_name(stem), dot + normal("NFC", kind)
    return file_name(name), ""


def _digits(text: str, count: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:count]


def fold(name: str) -> str:
    """Key under which names are equal that some file system takes for the same."""
    return normal("NFC", normal("NFC", name).casefold())


def unique(wanted: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A name for each key of (key, name): the first gets it unchanged, later ones get digits of their key."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for key, name in wanted:
        candidate, count = name, 4
        while fold(candidate) in taken:
            count += 2
            candidate = f"{name}~{_digits(key, count)}"
        taken.add(fold(candidate))
        found[key] = candidate
    return found


def tree(paths: Sequence[str]) -> dict[str, str]:
    """The path of each folder of ``paths``, in the order of their creation: ``a/b``.

    Levels stay levels; a folder nested too deep for a file system is put at the top.
    """
    children: dict[str, dict[str, None]] = {}
    for path in paths:
        levels = path.split("/")
        for depth, level in enumerate(levels):
            children.setdefault("/".join(levels[:depth]) + "/" * bool(depth), {})[level] = None
    names = {parent: unique((level, file_name(level)) for level in levels) for parent, levels in children.items()}
    places = {}
    for path in paths:
        levels = path.split("/")
        parents = ["/".join(levels[:depth]) + "/" * bool(depth) for depth in range(len(levels))]
        place = "/".join(names[parent][level] for parent, level in zip(parents, levels, strict=True))
        places[path] = place if len(place.encode()) <= _MAX_PATH else ""
    deep = [path for path, place in places.items() if not place]
    taken = [(f"\0{name}", name) for name in names.get("", {}).values()]
    moved = unique([*taken, *((path, f"{file_name(path)}~{_digits(path, 12)}") for path in deep)])
    return places | {path: moved[path] for path in deep}


def maildirs(paths: Sequence[str]) -> dict[str, str]:
    """The path of each folder of ``paths`` as Maildir++, one tree for each top folder.

    ``top`` is for its INBOX, ``top/.Sent.2024`` for a folder below it.
    """
    tops = unique((top, file_name(top)) for top in dict.fromkeys(path.partition("/")[0] for path in paths))
    places: dict[str, str] = {}
    for top, group in groupby(sorted(paths, key=lambda path: path.partition("/")[0]), lambda path: path.partition("/")[0]):
        # The sort is stable, so the order of creation stays.
        several = list(group)
        inner = {path: path.partition("/")[2].split("/") for path in several}
        wanted = [(path, _dotted(levels if levels != [""] else [top])) for path, levels in inner.items() if levels != ["INBOX"]]
        below = unique(wanted)
        places |= {path: f"{tops[top]}/{below[path]}" if path in below else tops[top] for path in several}
    return places


def _dotted(levels: Sequence[str]) -> str:
    name = "." + ".".join(modified_utf7(_without_dots(level)) for level in levels)
    return name if len(name) <= _MAX_MAILDIR else f"{name[:_MAX_MAILDIR]}~{_digits('/'.join(levels), 12)}"


def _without_dots(level: str) -> str:
    """A level's name without dots, which separate levels. A leading ``~`` is a home to some servers."""
    name = file_name(level)
    if "." in name or name.startswith("~"):
        name = ("_" * name.startswith("~") + name.removeprefix("~")).replace(".", "_")
        name = f"{name.partition('~')[0]}~{_digits(level, 6)}"
    return name


#: Letters of a Maildir file name's info for flags, in the order in which they must stand.
MAILDIR_FLAGS: Mapping[str, str] = {
    "D": "\\Draft",
    "F": "\\Flagged",
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
}


def maildir_info(flags: str) -> str:
    """``\\Seen $Forwarded`` as ``PS``; flags without a letter are left out."""
    have = {flag.casefold() for flag in flags.split()}
    return "".join(letter for letter, flag in MAILDIR_FLAGS.items() if flag.casefold() in have)
