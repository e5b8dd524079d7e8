"""Files to be imported, and what came of an import."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

from core.archive.archive import Archive
from core.archive.read.selection import Selection, places, select
from core.archive.registry import users
from core.archive.transfer.import_source import ImportSource, ImportTarget
from core.archive.transfer.importing import ImportProgress, import_mail
from core.archive.transfer.mail_items import ImportFormat

Content = dict[tuple[str, bytes], tuple[str, int | None]]


async def _content(archive: Archive, user: str = "alice") -> Content:
    """(folder, message) of what lies in a user's archive, with flags and date."""
    found: Content = {}
    for folder in await select(archive, Selection((await users.find(archive, user)).id)):
        async for place in places(archive, folder):
            found[folder.path, await archive.raw(place.sha256)] = (place.flags, place.internaldate)
    return found


async def _import(
    archive: Archive, path: Path, folder: str = "F", form: ImportFormat = ImportFormat.AUTO, of: str = ""
) -> ImportProgress:
    return await import_mail(archive, ImportSource(path, form, of), ImportTarget(await users.find(archive, "alice"), folder))


def _reasons(done: ImportProgress) -> dict[str, str]:
    return {one.place: one.reason for one in done.problems}


def _put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


NO_MAIL = {
    "apple": (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "AppleDouble"),
    "gzip": (gzip.compress(b"Subject: a\r\n\r\n"), "gzip"),
    "bzip2": (bz2.compress(b"Subject: a\r\n\r\n"), "bzip2"),
    "zip": (b"PK\x03\x04" + b"\0" * 40, "zip"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
    "ole": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "MSG"),
    "pst": (b"!BDN" + b"\1" * 100, "not read yet"),
    "zeros": (b"\0" * 5000, "zeros"),
    "few zeros": (b"\0", "zeros"),
    "utf16": ("From: a@b.test\r\n\r\n".encode("utf-16"), "UTF-16"),
    "utf16 without mark": ("From: a@b.test\r\n\r\n".encode("utf-16-le"), "UTF-16"),
    "utf16 big": ("From: a@b.test\r\n\r\n".encode("utf-16-be"), "UTF-16"),
    "flash": (b"\xff" * 5000, "FF"),
    "random": (hashlib.shake_128(b"a").digest(5000), "no text"),
    "few random": (hashlib.shake_128(b"b").digest(70), "no text"),
    "wasm": (b"\0asm\1\0\0\0" + bytes(50), "no text"),
    "compress": (b"\x1f\x9d\x90" + hashlib.shake_128(b"c").digest(99), "no text"),
    "pdf after lines": (b"\r\n\n%PDF-1.4\n", "PDF"),
    "web page": (b"\xef\xbb\xbf<!DOCTYPE html><html><body>Hello</body></html>", "web page"),
    "page": (b"<HTML>\n<body>To: you</body>", "web page"),
    "card": (b"BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n", "vCard"),
    "appointment": (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "iCalendar"),
    "xml": (b'<?xml version="1.0"?>\n<a/>', "XML"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "picture"),
}
