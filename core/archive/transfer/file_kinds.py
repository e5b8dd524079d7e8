"""Kinds of files by their first bytes, so that a file that is no message is refused with the name of its kind."""

from __future__ import annotations

import re
from enum import StrEnum

from core.problems import mail_file as problems
from core.problems.code import Reason
from core.text.patterns import pattern
from core.values import dataclass

#: Bytes that are read to recognise a file.
BEGINNING = 4096


class Other(StrEnum):
    """A kind of file that is no message."""

    LEFTOVER = "leftover"
    PACKED = "packed"
    STORE = "store"
    DOCUMENT = "document"
    FOREIGN = "foreign"
    ZEROS = "zeros"
    WIDE_TEXT = "wide text"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class FileKind:
    """A recognised kind. ``reason`` says that it is no mail."""

    other: Other
    reason: Reason


#: The codes of kinds that have names.
_CODES = {Other.PACKED: problems.PACKED, Other.STORE: problems.OTHER_STORE}
_MAGIC: tuple[tuple[bytes, Other, str], ...] = (
    (b"\x00\x05\x16\x07", Other.LEFTOVER, "what macOS keeps beside a file (AppleDouble)"),
    (b"\x00\x05\x16\x00", Other.LEFTOVER, "a file in the form of AppleSingle"),
    (b"\x00\x00\x00\x01Bud1", Other.LEFTOVER, "what the Finder of macOS keeps of a folder (.DS_Store)"),
    (b"\x1f\x8b", Other.PACKED, "packed with gzip"),
    (b"PK\x03\x04", Other.PACKED, "a zip file"),
    (b"PK\x05\x06", Other.PACKED, "a zip file"),
    (b"BZh", Other.PACKED, "packed with bzip2"),
    (b"\xfd7zXZ\x00", Other.PACKED, "packed with xz"),
    (b"\x28\xb5\x2f\xfd", Other.PACKED, "packed with zstd"),
    (b"\x04\x22\x4d\x18", Other.PACKED, "packed with lz4"),
    (b"Dovecot-LZ4", Other.PACKED, "packed with lz4 by Dovecot"),
    (b"7z\xbc\xaf\x27\x1c", Other.PACKED, "a 7z file"),
    (b"Rar!\x1a\x07", Other.PACKED, "a rar file"),
    (b"!BDN", Other.STORE, "an Outlook data file (PST or OST)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Other.STORE, "an Outlook message (MSG) or another OLE document"),
    (b"\xcf\xad\x12\xfe", Other.STORE, "a folder of Outlook Express (DBX)"),
    (b"JMF9", Other.STORE, "a folder of Outlook Express 4 (MBX)"),
    (b"\x1a\x00\x00\x04\x00\x00", Other.STORE, "a Notes database (NSF)"),
    (b"\x78\x9f\x3e\x22", Other.STORE, "an attachment in the form of Outlook (TNEF)"),
    (b"SQLite format 3\x00", Other.FOREIGN, "a SQLite database"),
    (b"bplist00", Other.FOREIGN, "a property list of macOS"),
    (b"%PDF-", Other.DOCUMENT, "a PDF document"),
    (b"{\\rtf", Other.FOREIGN, "an RTF document"),
    (b"%!PS", Other.FOREIGN, "a PostScript document"),
    (b"\x89PNG\r\n\x1a\n", Other.FOREIGN, "a picture (PNG)"),
    (b"\xff\xd8\xff", Other.FOREIGN, "a picture (JPEG)"),
    (b"GIF87a", Other.FOREIGN, "a picture (GIF)"),
    (b"GIF89a", Other.FOREIGN, "a picture (GIF)"),
    (b"II*\x00", Other.FOREIGN, "a picture (TIFF)"),
    (b"MM\x00*", Other.FOREIGN, "a picture (TIFF)"),
    (b"\x7fELF", Other.FOREIGN, "a program"),
)
#: Documents in text, in lower case; blanks, empty lines and a byte order mark may come before.
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"%pdf-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"<!doctype", "a web page or another document in XML"),
    (b"<html", "a web page"),
    (b"<?xml", "a document in XML"),
    (b"begin:vcard", "an address card (vCard)"),
    (b"begin:vcalendar", "an appointment (iCalendar)"),
)
_FIELD = pattern(rb"(?:\A|[\r\n])[A-Za-z][A-Za-z0-9_-]{1,60}[ \t]{0,20}:")
#: Control characters that text does not have; escape begins Japanese.
_CONTROL = pattern(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
#: Byte order marks of UTF-16.
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WIDE = pattern(rb"(?:[\t\n\r -~]\x00){8}|(?:\x00[\t\n\r -~]){8}")
_PROGRAM = pattern(rb"MZ[\x00-\xff]{58}[\x00-\xff]{2}", re.DOTALL)
#: Names of files that macOS and Windows leave in folders, whatever their content.
_LEFTOVER_NAMES = frozenset((".ds_store", "thumbs.db", "desktop.ini", "icon\r", ".localized", "__macosx"))
#: File name endings that tell the kind, whatever the content.
_NAMED = {
    ".pst": "an Outlook data file (PST)",
    ".ost": "an Outlook data file (OST)",
    ".msg": "an Outlook message (MSG)",
    ".olm": "an archive of Outlook for Mac (OLM)",
    ".dbx": "a folder of Outlook Express (DBX)",
    ".nsf": "a Notes database (NSF)",
}


def _kind(other: Other, name: str) -> FileKind:
    return FileKind(other, _CODES.get(other, problems.NO_MAIL)(kind=name))


def is_leftover(name: str) -> bool:
    """True for a name of files that macOS or Windows keep in folders for themselves."""
    return name.startswith("._") or name.casefold() in _LEFTOVER_NAMES


def named(name: str) -> FileKind | None:
    """The kind of a file by its name's ending, where that is another program's mail store."""
    ending = name[name.rfind(".") :].casefold() if "." in name else ""
    return _kind(Other.STORE, _NAMED[ending]) if ending in _NAMED else None


def told(beginning: bytes) -> FileKind | None:
    """The kind of a file by its first bytes; None when it may be a message."""
    for magic, other, name in _MAGIC:
        if beginning.startswith(magic):
            return _kind(other, name)
    if beginning.startswith(_WIDE_MARKS) or _WIDE.match(beginning):
        return FileKind(Other.WIDE_TEXT, problems.WIDE_TEXT())
    if beginning and not beginning[:512].strip(b"\0"):
        return FileKind(Other.ZEROS, problems.ZEROS())
    if len(beginning) >= 64 and not beginning[:512].strip(b"\xff"):
        return FileKind(Other.ZEROS, problems.ERASED())
    if _PROGRAM.match(beginning) and b"\0" in beginning[:64]:
        return _kind(Other.FOREIGN, "a program")
    if len(beginning) > 262 and beginning[257:262] == b"ustar":
        return _kind(Other.PACKED, "a tar file")
    if _FIELD.search(beginning) is None and len(_CONTROL.findall(beginning)) > len(beginning) // 50:
        return FileKind(Other.BINARY, problems.BINARY())
    return None


def document(beginning: bytes) -> FileKind | None:
    """The kind of a text document by its first bytes. A mailbox may hold such a message, which has no header."""
    text = beginning[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((_kind(Other.FOREIGN, name) for magic, name in _TEXTS if text.startswith(magic)), None)
