"""Problems of an import: each kind of unusable file has a code of the list, in JSON beside its sentence."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.transfer import mail_items, packed
from core.archive.transfer.import_source import ImportSource, ImportTarget
from core.archive.transfer.importing import import_mail
from core.archive.transfer.mail_items import LARGEST
from core.archive.transfer.store_import import import_store
from core.archive.transfer.trees import Disk, TreeEntry
from core.errors import InputError
from core.problems import command_line, importing, mail_file, subjects
from core.problems.code import Code
from tests import homes
from tests.homes import message
from tests.support import coded
from tui.desk import face

#: The bad file or folder of a problem, made in an empty folder that is imported then.
Making = Callable[[Path], object]


def _file(name: str, data: bytes) -> Making:
    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return make


def _zip(name: str, content: bytes) -> bytes:
    """A zip file with one member, stored as it is."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, content)
    return data.getvalue()


def _tar(*names: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(message(1)) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(message(1)))
    return data.getvalue()


def _encrypted() -> bytes:
    """A zip file whose directory says that its member is encrypted."""
    data = bytearray(_zip("a.eml", message(1)))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _large(folder: Path) -> None:
    with (folder / "a.eml").open("wb") as file:
        file.truncate(LARGEST + 1)


def _maildir(name: str, data: bytes) -> Making:
    def make(folder: Path) -> None:
        (folder / "new").mkdir()
        _file(f"cur/{name}", data)(folder)

    return make


def _folder_as_message(folder: Path) -> None:
    (folder / "new").mkdir()
    (folder / "cur" / "1:2,").mkdir(parents=True)


def _manifest(**line: Any) -> Making:
    """An export whose manifest has one line, of a message that is there as ``a.eml``."""

    def make(folder: Path) -> None:
        raw = message(1)
        (folder / "a.eml").write_bytes(raw)
        there = {"file": "a.eml", "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw), "owner": "1", "user": "alice"}
        lines = ({"archivar": 1, "format": "eml", "archive": "x"}, {**there, "folder": "INBOX", "id": 1, **line})
        (folder / "manifest.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines))

    return make


_LIST = b'<?xml version="1.0"?><plist version="1.0"><dict/></plist>\n'
_CUT_OUT = b"""From: a@b.test
Content-Type: multipart/mixed; boundary=xx

--xx
Content-Type: application/pdf; name=a.pdf
X-Apple-Content-Length: 9

--xx--
"""
_RAW = b"Subject: a\n\ntext\n"
CASES: dict[Code, Making] = {
    mail_file.UNREAD: _manifest(file="gone.eml"),
    mail_file.FOLDER_UNREAD: lambda folder: (folder / "locked").mkdir(),
    mail_file.LINK: lambda folder: (folder / "a.eml").symlink_to(folder),
    mail_file.NO_REGULAR_FILE: lambda folder: os.mkfifo(folder / "a.eml"),
    mail_file.TOO_DEEP: lambda folder: (folder / "/".join("d" * 101)).mkdir(parents=True),
    mail_file.EMPTY: _file("a.eml", b""),
    mail_file.TOO_LARGE: _large,
    mail_file.NO_MAIL: _file("a.eml", b"%PDF-1.7\n"),
    mail_file.PACKED: _file("a.eml", gzip.compress(message(1))),
    mail_file.OTHER_STORE: _file("a.nsf", b"anything"),
    mail_file.ZEROS: _file("a.eml", bytes(100)),
    mail_file.ERASED: _file("a.eml", b"\xff" * 100),
    mail_file.WIDE_TEXT: _file("a.eml", "Subject: a\r\n".encode("utf-16")),
    mail_file.BINARY: _file("a.eml", hashlib.shake_128(b"a").digest(5000)),
    mail_file.UNLIKELY_NAME: _file("a.txt", b"From: a@b.test\nTo: c@d.test\nSubject: x\n\nText\n"),
    mail_file.NO_MBOX: _file("a.mbox", b"hello"),
    mail_file.BEFORE_FIRST: _file("a.mbox", b"some junk\n\nFrom a@b.test Tue Apr  1 12:00:00 2025\n" + message(1)),
    mail_file.FOLDER: _folder_as_message,
    mail_file.NO_LENGTH: _file("a.emlx", message(1)),
    mail_file.CUT_OFF: _file("a.emlx", b"999\n" + _RAW),
    mail_file.WRONG_LENGTH: _file("a.emlx", b"3\n" + _RAW),
    mail_file.WITHOUT_ATTACHMENTS: _file("a.partial.emlx", b"%d\n%s%s" % (len(_CUT_OUT), _CUT_OUT, _LIST)),
    mail_file.OTHER_LENGTH: _file("a.emlx", b"3\n" + _RAW + _LIST),
    mail_file.INCOMPLETE: _file("a.partial.emlx", b"3\n" + _CUT_OUT + _LIST),
    mail_file.NO_FOLDER_NAMED: _manifest(folder="/"),
    mail_file.NOT_AS_LISTED: _manifest(sha256="0" * 64),
    mail_file.PACKED_DAMAGED: _file("a.zip", b"PK\x03\x04cut off"),
    mail_file.PACKED_NO_TAR: _file("a.tgz", gzip.compress(message(1))),
    mail_file.PACKED_WITHIN: _file("a.zip", _zip("b.zip", _zip("c.eml", message(1)))),
    mail_file.BOMB: _file("a.tgz", gzip.compress(b" " * 400_000)),
    mail_file.TOO_MANY: _file("a.tar", _tar("1.eml", "2.eml", "3.eml", "4.eml")),
    mail_file.TWICE: _file("a.tar", _tar("1.eml", "1.eml")),
    mail_file.WITHIN_FILE: _file("a.tar", _tar("1.eml", "1.eml/2.eml")),
    mail_file.OUTSIDE: _file("a.tar", _tar("../1.eml")),
    mail_file.PACKED_LINK: _file("a.tar", _tar("1.eml", kind=tarfile.SYMTYPE)),
    mail_file.ENCRYPTED: _file("a.zip", _encrypted()),
    mail_file.DAMAGED_WITHIN: _file("a.zip", _zip("a.eml", message(1)).replace(b"Subject", b"Sabject")),
    mail_file.PACKED_MESSAGE_DAMAGED: _maildir("1:2,", gzip.compress(message(1))[:40]),
}
#: Problems of a whole store, and the reason within another one.
OF_STORES = {mail_file.PACKED_UNKNOWN, mail_file.NO_USER, mail_file.SEVERAL_USERS, mail_file.SHARED}
WITHIN = {mail_file.BEHIND_LINK}


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


def _locked(entries: Callable[[Disk, str], list[TreeEntry]]) -> Callable[[Disk, str], list[TreeEntry]]:
    """The listing of a folder, which fails for the one called locked; root may list any."""

    def listed(disk: Disk, path: str) -> list[TreeEntry]:
        if path == "locked":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return entries(disk, path)

    return listed


async def test_each_kind_of_unusable_file_has_its_code(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a dry run and in the import, beside the sentence of either face; no code of the list is for nothing."""
    monkeypatch.setattr(packed, "_FREE", 100_000)
    monkeypatch.setattr(packed, "_MOST_NAMES", 3)
    monkeypatch.setattr(Disk, "entries", _locked(Disk.entries))
    alice = await users.find(archive, "alice")
    found: dict[str, list[str]] = {}
    for code, make in CASES.items():
        folder = tmp_path / code.word
        folder.mkdir()
        make(folder)
        planned = await import_mail(archive, ImportSource(folder), ImportTarget(alice), dry_run=True)
        done = await import_mail(archive, ImportSource(folder), ImportTarget(alice))
        assert planned.as_json()["problems"] == done.as_json()["problems"], code.word
        for one in done.problems:
            sentence = command_line.sentence(one.why)
            assert sentence == face.sentence(one.why)
            place = {"file": one.name, "message": one.message, "byte": one.byte}
            assert one.as_json() == place | {"reason": sentence, "code": one.why.code.word}
            assert subjects.CODES[one.why.code.word] is one.why.code
        found[code.word] = [one.why.code.word for one in done.problems]
    assert found == {code.word: [code.word] for code in CASES}
    assert {*CASES, *OF_STORES, *WITHIN} == set(subjects.codes(mail_file))


async def test_a_problem_names_its_file_and_the_message_in_it_each_in_a_field(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number in an mbox, by byte in an export; of a folder that cannot be read the name is empty. People read one text."""
    target = ImportTarget(await users.find(archive, "alice"))
    box = tmp_path / "box"
    box.mkdir()
    (box / "all.mbox").write_bytes(b"From a@x.test Thu Jan  1 00:00:00 2026\n" * 2 + b"Subject: 1\n\ntext\n")
    export = tmp_path / "export"
    export.mkdir()
    _manifest(file="all.mbox", offset=40, length=9)(export)
    found = [
        (one.name, one.message, one.byte, one.place)
        for folder in (box, export)
        for one in (await import_mail(archive, ImportSource(folder), target)).problems
    ]
    assert found == [("all.mbox", 1, None, "all.mbox, message 1"), ("all.mbox", None, 40, "all.mbox at byte 40")]
    monkeypatch.setattr(Disk, "entries", _locked(Disk.entries))
    assert isinstance(shut := mail_items.entries(Disk(tmp_path), "locked", ""), mail_items.Unusable)
    assert (shut.name, shut.place, shut.why.code) == ("", "this folder", mail_file.FOLDER_UNREAD)


async def test_what_lies_behind_a_link_is_not_read(archive: Archive, tmp_path: Path) -> None:
    """The reason of the file tells why: what the export lists has been replaced by a link since."""
    folder = tmp_path / "export"
    folder.mkdir()
    _manifest(file="Work/a.eml")(folder)
    (folder / "Work").symlink_to(folder)
    target = ImportTarget(await users.find(archive, "alice"))
    done = await import_mail(archive, ImportSource(folder), target)
    assert [one.why for one in done.problems] == [mail_file.UNREAD(said=mail_file.BEHIND_LINK())]
    assert done.problems[0].reason == "it cannot be read: it is a link, or lies behind one, which is not followed"


async def test_each_problem_of_a_store_has_its_code(archive: Archive, tmp_path: Path) -> None:
    """Mailboxes of no user, of several and of all; a backup that is none, also when nothing else is there."""
    await users.add(archive, "bob", [], login="robert")
    await users.add(archive, "robert", [])
    store = tmp_path / "store"
    for mailbox in ("alice", "robert", "eve", "#public"):
        _file(f"{mailbox}/INBOX/#msgs/1.eml", message(1))(store)
    _file("F1.zip", b"no zip file")(store)
    for dry_run in (True, False):
        value = (await import_store(archive, store, dry_run=dry_run)).as_json()
        assert {one["mailbox"]: one["code"] for one in value["unknown"]} == {
            "robert": "import-mailbox-of-several",
            "eve": "import-mailbox-without-user",
            "#public": "import-shared-folders",
        }
        several = next(one for one in value["unknown"] if one["mailbox"] == "robert")
        assert several == {**several, "messages": 1, "reason": "several users have it: bob, robert"}
        reason = "it is no packed file that is known"
        assert value["problems"] == [
            {"file": "F1.zip", "message": None, "byte": None, "reason": reason, "code": "import-packed-unknown"}
        ]
    (tmp_path / "none").mkdir()
    _file("F1.zip", b"no zip file")(tmp_path / "none")
    with pytest.raises(InputError, match=f"F1.zip: {reason}", check=coded(importing.MAILBOX_UNUSABLE)):
        await import_store(archive, tmp_path / "none")
