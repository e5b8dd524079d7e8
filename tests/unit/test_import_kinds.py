"""Import of users' files: stores of other programs, packed files, and what is no message although it looks like one."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.archive.transfer import packed
from core.archive.transfer.mail_items import ImportFormat
from core.text.utf7 import modified_utf7
from tests import homes
from tests.homes import message
from tests.imported import NO_MAIL, _content, _import, _put, _reasons, _tar, _zip

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@pytest.mark.parametrize("name", NO_MAIL)
async def test_what_is_no_message_is_refused_by_name_and_the_rest_comes(name: str, tmp_path: Path) -> None:
    """As .eml, by itself, as said to be mail, in a zip file: never stored, with any option."""
    data, word = NO_MAIL[name]
    source = tmp_path / "mail"
    _put(source / "a.eml", message(1))
    bad = _put(source / "b.eml", data)
    archive = await homes.begin(tmp_path / "home")
    for form in (ImportFormat.AUTO, ImportFormat.EML):
        done = await _import(archive, source, form=form)
        assert word in _reasons(done)["b.eml"]
        alone = await _import(archive, bad, form=form)
        assert word in _reasons(alone)["b.eml"]
    packed_ = _zip(tmp_path / "all.zip", {"x/a.eml": message(1), "x/b.eml": data, "__MACOSX/x/._a.eml": b"\0\5\x16\7"})
    done = await _import(archive, packed_)
    assert word in _reasons(done)["all.zip/x/b.eml"]
    assert done.strangers == ["all.zip/__MACOSX"]
    assert {raw for _, raw in await _content(archive)} == {message(1)}
    await archive.close()


@pytest.mark.parametrize(
    "text",
    [
        b"just a line\r\n",
        b"",
        b"\n9\n",
        "Grüße, без заголовка\n".encode(),
        "日本語".encode("iso2022_jp"),
        "Заголовок".encode("koi8_r") * 50,
        b"Subject: bytes\r\n\r\n" + bytes(range(256)) * 20,
        b"\0\1\2\r\nX-Odd: a\r\n\r\n\0",
        b"<p>a page without a head</p>",
    ],
)
async def test_text_without_a_header_and_bytes_after_one_are_messages(text: bytes, tmp_path: Path) -> None:
    """Nothing that may have been a message is refused; of an empty one a server or an export tells the size in the name."""
    _put(tmp_path / "mail" / "cur" / f"1743580800.M1.host,S={len(text)}:2,S", text)
    _put(tmp_path / "mail" / "new" / "x", message(1))
    archive = await homes.begin(tmp_path / "home")
    assert (await _import(archive, tmp_path / "mail")).problems == []
    assert {raw for _, raw in await _content(archive)} == {message(1), text}
    if text:
        assert (await _import(archive, _put(tmp_path / "a.eml", text))).problems == []
    await archive.close()


async def test_a_web_page_that_was_delivered_is_a_message(tmp_path: Path) -> None:
    """In a mailbox even what has no header came as a message; an empty file that nothing is known of is named."""
    page = b"<html><body>Buy!</body></html>\r\n"
    _put(tmp_path / "mail" / "cur" / "1743580800.M1.host,S=5:2,", page)
    _put(tmp_path / "mail" / "cur" / "1743580800.M2.host:2,", b"")
    _put(tmp_path / "mail" / "new" / "x", message(1))
    archive = await homes.begin(tmp_path / "home")
    assert _reasons(await _import(archive, tmp_path / "mail")) == {"cur/1743580800.M2.host:2,": "it is empty"}
    assert {raw for _, raw in await _content(archive)} == {message(1), page}
    await archive.close()


async def test_an_mbox_that_is_called_a_message_is_read_as_what_it_is(tmp_path: Path) -> None:
    """Several messages in a file .eml come apart; one with a line "From " before it is kept byte for byte."""
    line = b"From a@b.test Tue Apr  1 12:00:00 2025\n"
    _put(tmp_path / "mail" / "several.eml", line + message(1) + line + message(2) + b"From \n" + message(3))
    _put(tmp_path / "mail" / "one.eml", line + message(4))
    archive = await homes.begin(tmp_path / "home")
    assert (await _import(archive, tmp_path / "mail")).problems == []
    assert {raw for _, raw in await _content(archive)} == {message(1), message(2), message(3), line + message(4)}
    await archive.close()


async def test_what_may_hold_mail_is_named_whatever_it_is_called(tmp_path: Path) -> None:
    """Stores of other programs and packed mail are left out aloud; what the system keeps beside files is only counted."""
    source = tmp_path / "mail"
    for name, data in (
        ("a.eml", message(1)),
        ("outlook.pst", b"!BDN123"),
        ("old.pst", b"whatever"),
        ("letter.msg", NO_MAIL["ole"][0]),
        ("more.gz", NO_MAIL["gzip"][0]),
        ("noname", NO_MAIL["zeros"][0]),
        ("scan.pdf", NO_MAIL["pdf"][0]),
        ("saved.txt", b"From: a@b.test\nTo: c@d.test\nSubject: x\n\nText\n"),
        ("._a.eml", b"\0\5\x16\7"),
        (".DS_Store", b"\0\0\0\1Bud1"),
        ("notes.txt", b"hello"),
        ("1", b"From: mh@b.test\nTo: c@d.test\nSubject: of MH\n\nText\n"),
    ):
        _put(source / name, data)
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, source)
    assert done.messages == 2
    assert _reasons(done).keys() == {"outlook.pst", "old.pst", "letter.msg", "more.gz", "noname", "scan.pdf", "saved.txt"}
    assert set(done.strangers) == {"._a.eml", ".DS_Store", "notes.txt"}
    assert "not read yet" in _reasons(done)["old.pst"]
    await archive.close()


@pytest.mark.parametrize("pack", [_zip, _tar])
async def test_packed_mail_comes_as_if_it_were_unpacked(pack: object, tmp_path: Path) -> None:
    """EML, mbox, Maildir without its empty folders; names in UTF-8; by itself, and lying among other mail."""
    box = b"From a@b.test Tue Apr  1 12:00:00 2025\n" + message(2) + b"\nFrom \n" + message(3)
    files = {
        "Gr\u00fc\u00dfe/a.eml": message(1),
        "old.mbox": box,
        "Maildir/cur/1743580800.M1.host:2,FS": message(4),
        "Maildir/.Sent.Entw&APw-rfe/cur/1743580800.M2.host:2,": message(5),
    }
    source = pack(tmp_path / "all.pack", files)  # type: ignore[operator]
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, source)
    assert done.problems == []
    found = await _content(archive)
    wanted = {
        ("F/Gr\u00fc\u00dfe", message(1)),
        ("F/old", message(2)),
        ("F/old", message(3)),
        ("F/Maildir/INBOX", message(4)),
        ("F/Maildir/Sent/Entw\u00fcrfe", message(5)),
    }
    assert found.keys() == wanted
    assert found["F/Maildir/INBOX", message(4)][0] == "\\Flagged \\Seen"
    folder = tmp_path / "folder"
    folder.mkdir()
    source.rename(folder / f"all.{'zip' if pack is _zip else 'tgz'}")
    _put(folder / "b.eml", message(6))
    assert (await _import(archive, folder, "G")).messages == 6
    assert (await _import(archive, folder, "G")).messages == 0
    await archive.close()


async def test_packed_files_lead_nowhere(tmp_path: Path) -> None:
    """Links, devices, names that lead out, encryption, two files of one name, damage, bombs: each by name, the rest comes."""
    archive = await homes.begin(tmp_path / "home")
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w", zipfile.ZIP_DEFLATED) as one:
        one.writestr("good.eml", message(1))
        one.writestr("../out.eml", message(2))
        one.writestr("/etc/abs.eml", message(2))
        link = zipfile.ZipInfo("link.eml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        one.writestr(link, "/etc/passwd")
        one.writestr("inner.zip", b"PK\x03\x04aaaa")
    done = await _import(archive, evil)
    assert done.messages == 1
    assert _reasons(done).keys() == {f"evil.zip/{name}" for name in ("../out.eml", "/etc/abs.eml", "link.eml", "inner.zip")}
    tar = tmp_path / "evil.tar"
    with tarfile.open(tar, "w") as two:
        for name, kind in (
            ("a.eml", tarfile.SYMTYPE),
            ("b.eml", tarfile.LNKTYPE),
            ("c", tarfile.CHRTYPE),
            ("d", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            two.addfile(info)
        for name in ("../../x.eml", "good.eml", "good.eml"):
            info = tarfile.TarInfo(name)
            info.size = len(message(3))
            two.addfile(info, io.BytesIO(message(3)))
    done = await _import(archive, tar)
    assert done.messages == 1
    assert len(done.problems) == 6
    cut = _put(tmp_path / "cut.zip", evil.read_bytes()[:200])
    assert "damaged" in _reasons(await _import(archive, cut))["cut.zip"]
    half = _put(tmp_path / "half.tgz", _tar(tmp_path / "x.tgz", {"a.eml": os.urandom(5000)}).read_bytes()[:3000])
    assert "damaged" in _reasons(await _import(archive, half))["half.tgz"]
    await archive.close()


async def test_a_bomb_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zip and gzip whose content is far larger than mail ever is; the disk and the memory are not filled."""
    monkeypatch.setattr(packed, "_FREE", 1024 * 1024)
    archive = await homes.begin(tmp_path / "home")
    zeros = b" " * 4_000_000
    for path in (_zip(tmp_path / "b.zip", {"a.eml": zeros}), _tar(tmp_path / "b.tgz", {"a.eml": zeros})):
        assert "times its size" in _reasons(await _import(archive, path))[path.name]
    maildir = tmp_path / "mail"
    (maildir / "new").mkdir(parents=True)
    _put(maildir / "cur" / "1:2,", gzip.compress(zeros))
    assert "times its size" in _reasons(await _import(archive, maildir))["cur/1:2,"]
    await archive.close()


async def test_a_maildir_that_dovecot_packed_is_unpacked(tmp_path: Path) -> None:
    """gzip, bzip2 and zstd by what is in the file; keywords by their names; what cannot be unpacked is named."""
    maildir = tmp_path / "mail"
    (maildir / "new").mkdir(parents=True)
    packers: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, bz2.compress, zstd.compress)
    for number, pack in enumerate(packers):
        _put(maildir / "cur" / f"174358080{number}.M1.host,S=5,W=6:2,Sa", pack(message(number)))
    _put(maildir / "dovecot-keywords", b"0 $label1\n1 bad keyword\n")
    _put(maildir / "cur" / "bad:2,", gzip.compress(message(9))[:40])
    _put(maildir / "cur" / "lz4:2,", b"Dovecot-LZ4\x0d\x2a\x9b\xc5" + b"\0" * 20)
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, maildir)
    assert {raw for _, raw in await _content(archive)} == {message(number) for number in range(3)}
    assert {flags for flags, _ in (await _content(archive)).values()} == {"\\Seen $label1"}
    assert _reasons(done).keys() == {"cur/bad:2,", "cur/lz4:2,"}
    await archive.close()


async def test_names_of_folders_are_as_people_write_them(tmp_path: Path) -> None:
    """In modified UTF-7 or in UTF-8, Maildir++ or folders of files; an ampersand that is only one stays."""
    source = tmp_path / "mail"
    for number, name in enumerate(("Entw\u00fcrfe", "\u65e5\u672c\u8a9e", "Q&A", "R&D-Team", "a&b-c")):
        written = modified_utf7(name) if number < 3 else name
        _put(source / "eml" / written / "a.eml", message(number))
        _put(source / "box" / f"{written}.mbox", b"From \n" + message(10 + number))
        for part in ("cur", "new"):
            (source / "Maildir" / part).mkdir(parents=True, exist_ok=True)
            (source / "Maildir" / f".{written}" / part).mkdir(parents=True)
            (source / "Maildir" / f".utf8-{name}" / part).mkdir(parents=True)
        _put(source / "Maildir" / f".{written}" / "cur" / "1:2,", message(20 + number))
        _put(source / "Maildir" / f".utf8-{name}" / "cur" / "1:2,", message(30 + number))
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, source)
    names = ("Entw\u00fcrfe", "\u65e5\u672c\u8a9e", "Q&A", "R&D-Team", "a&b-c")
    assert done.folders == {
        f"F/{kind}/{prefix}{name}"
        for name in names
        for kind, prefix in (("eml", ""), ("box", ""), ("Maildir", ""), ("Maildir", "utf8-"))
    }
    await archive.close()


async def test_a_maildir_that_was_copied_has_the_dates_of_its_messages(tmp_path: Path) -> None:
    """Not that of the copying: Received, else Date; where a server set the file's time, that."""
    maildir = tmp_path / "mail"
    (maildir / "new").mkdir(parents=True)
    received = b"Received: from a by b; Wed, 02 Apr 2025 08:00:00 +0000\r\n" + message(1)
    _put(maildir / "cur" / "1743580900.M1.host:2,S", received)
    _put(maildir / "cur" / "other:2,S", message(2))
    kept = _put(maildir / "cur" / "1743580900.M3.host:2,S", message(3))
    os.utime(kept, (1_600_000_000, 1_600_000_000))
    archive = await homes.begin(tmp_path / "home")
    await _import(archive, maildir)
    found = {raw: date for (_, raw), (_, date) in (await _content(archive)).items()}
    own = (await archive.database.read("SELECT date FROM message WHERE size = ?", (len(message(2)),)))[0][0]
    assert found == {received: 1743580800, message(2): own, message(3): 1_600_000_000}
    await archive.close()


def _emlx(raw: bytes, flags: int = 1, received: int = 1743580800) -> bytes:
    properties = f"<dict><key>date-received</key><integer>{received}</integer><key>flags</key><integer>{flags}</integer></dict>"
    head = '<?xml version="1.0" encoding="UTF-8"?><plist version="1.0">'
    return b"%-10d\n%s%s%s</plist>\n" % (len(raw), raw, head.encode(), properties.encode())


async def test_mail_of_apple_comes_with_its_parts(tmp_path: Path) -> None:
    """Flags and date of the property list, folders without what lies between; attachments put back, or named when missing."""
    data = tmp_path / "V10" / "INBOX.mbox" / "0F4B8B9E-7C1F-4C36-8E0E-6C3C1D7B2A11" / "Data" / "1"
    raw = message(1).replace(b"\r\n", b"\n")
    _put(data / "Messages" / "1.emlx", _emlx(raw, flags=1 | 1 << 4))
    part = (
        b"From: a@b.test\nContent-Type: multipart/mixed; boundary=xx\n\n--xx\nContent-Type: text/plain\n\nHello\n--xx\n"
        b"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n%s"
        b"Content-Disposition: attachment\n\n%s--xx--\n"
    )
    cut = part % (b"X-Apple-Content-Length: 9\n", b"\n")
    _put(data / "Messages" / "2.partial.emlx", _emlx(cut))
    _put(data / "Attachments" / "2" / "2" / "a.pdf", b"%PDF-1")
    _put(data / "Messages" / "3.partial.emlx", _emlx(cut.replace(b"Hello", b"Again")))
    _put(data / "Messages" / "4.emlx", _emlx(raw)[:30])
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, tmp_path / "V10")
    found = await _content(archive)
    assert found["F/INBOX", raw] == ("\\Seen \\Flagged", 1743580800)
    assert ("F/INBOX", part % (b"", b"JVBERi0x\n")) in found
    assert "attachments are not there (part 2)" in _reasons(done)[next(name for name in _reasons(done) if "3.partial" in name)]
    assert [name.rpartition("/")[2] for name in _reasons(done)] == ["3.partial.emlx", "4.emlx"]
    await archive.close()


@pytest.mark.parametrize("told", ["0", "20", "-9", "+9", "+40", "999999"])
async def test_a_wrong_length_of_apple_cuts_no_message(told: str, tmp_path: Path) -> None:
    """The message goes up to the property list, and is named; without such a list nothing is stored."""
    raw = message(1).replace(b"\r\n", b"\n")
    length = str(len(raw) + int(told)) if told[0] in "+-" else told
    rest = _emlx(raw, flags=1).partition(b"\n")[2]
    _put(tmp_path / "mail" / "1.emlx", f"{length:10}\n".encode() + rest)
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, tmp_path / "mail")
    assert f"says that it has {int(length):,} bytes, and it has {len(raw):,}" in _reasons(done)["1.emlx"]
    assert {raw for _, raw in await _content(archive)} == {raw}
    assert next(iter((await _content(archive)).values()))[0] == "\\Seen"
    bare = _put(tmp_path / "bare" / "2.emlx", f"{length:10}\n".encode() + message(2))
    if int(length) != len(message(2)):
        done = await _import(archive, bare)
        assert (done.messages, list(_reasons(done))) == (0, ["2.emlx"])
    await archive.close()


async def test_mail_of_google_takeout_goes_where_its_labels_say(tmp_path: Path) -> None:
    """Every label that is a place is a folder; others are flags; the folders of the export itself are none."""
    labels = (
        "Inbox,Important,Opened",
        "Sent,Unread",
        "=?UTF-8?Q?Pr=C3=BCfung=2CStarred?=",
        "Archived,Category Updates",
        "A/B,Inbox",
    )
    box = b"".join(
        b"From %d@xxx Wed Apr 02 08:00:00 +0000 2025\nX-GM-THRID: 1\nX-Gmail-Labels: %s\n%s\n"
        % (number, label.encode(), message(number))
        for number, label in enumerate(labels)
    )
    archive = await homes.begin(tmp_path / "home")
    source = _zip(
        tmp_path / "takeout-001.zip", {"Takeout/Mail/Alle E-Mails.mbox": box, "Takeout/archive_browser.html": b"<html>"}
    )
    done = await _import(archive, source)
    assert done.problems == []
    found = {(folder, flags) for (folder, _), (flags, _) in (await _content(archive)).items()}
    assert found == {
        ("F/INBOX", "\\Seen"),
        ("F/Sent", ""),
        ("F/Pr\u00fcfung", "\\Seen \\Flagged"),
        ("F/Archive", "\\Seen"),
        ("F/A/B", "\\Seen"),
    }
    assert {date for _, date in (await _content(archive)).values()} == {1743580800}
    await archive.close()


async def test_folders_without_end_are_named_and_do_not_end_the_import(tmp_path: Path) -> None:
    """On a disk and in a packed file: what lies too deep is told, the rest comes in."""
    archive = await homes.begin(tmp_path / "home")
    try:
        (tmp_path / "mail").mkdir()
        (tmp_path / "mail" / "a.eml").write_bytes(message(1))
        with tarfile.open(tmp_path / "mail" / "deep.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            info = tarfile.TarInfo("d/" * 3000 + "b.eml")
            info.size = len(message(2))
            tar.addfile(info, io.BytesIO(message(2)))
        deep = tmp_path / "mail" / "/".join("d" * 150)
        deep.mkdir(parents=True)
        (deep / "c.eml").write_bytes(message(3))
        done = await _import(archive, tmp_path / "mail")
        assert len(await _content(archive)) == 1
        assert sum("folders in one another" in str(problem) for problem in done.problems) == 2
    finally:
        await archive.close()
