"""Import: mail that people have as files, and what an export wrote, byte for byte into a user's archive."""

from __future__ import annotations

import asyncio
import hashlib
import mailbox
import os
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.read import selection as selecting
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.transfer import importing, mail_files
from core.archive.transfer.export import ExportFormat as As
from core.archive.transfer.export import export
from core.archive.transfer.import_source import ImportSource, ImportTarget
from core.archive.transfer.importing import ImportProgress, import_mail
from core.archive.transfer.mail_items import FoundMail, ImportFormat
from core.archive.transfer.trees import unread
from core.demo.odd import odd_messages
from core.errors import InputError, StorageError
from core.message import mbox
from core.problems import importing as problems
from core.problems import mail_file
from core.problems.export import LINE_OUTSIDE
from core.system.open_folder import NotRegular
from tests import homes
from tests.homes import ALICE, message
from tests.reasons import said
from tests.support import coded

Content = dict[tuple[str, str], tuple[str, int | None]]
ODD = [sample.raw for sample in odd_messages(5) if sample.raw] + [
    b"no line end",
    b"From me\nto you\n\n>From x Thu Jan  1 00:00:00 1970\n",
    b"From: a\r\n\r\nFrom x Thu Jan  1 00:00:00 1970\r\n\r\n\r\n",
    b"\n",
    b"\r",
]


async def _content(archive: Archive, user: str = "alice") -> Content:
    """(folder, SHA-256) of what lies in a user's archive, with flags and date."""
    found: Content = {}
    owner = (await users.find(archive, user)).id
    for folder in await selecting.select(archive, Selection(owner)):
        async for place in selecting.places(archive, folder):
            assert hashlib.sha256(await archive.raw(place.sha256)).digest() == place.sha256
            found[folder.path, place.sha256.hex()] = (place.flags, place.internaldate)
    return found


async def _findings(archive: Archive) -> list[str]:
    """The findings of verify, which replays the ledger too."""
    return [finding.text for finding in (await verify(archive.home)).findings]


async def _import(archive: Archive, path: Path, folder: str = "", form: ImportFormat = ImportFormat.AUTO) -> ImportProgress:
    return await import_mail(archive, ImportSource(path, form), ImportTarget(await users.find(archive, "alice"), folder))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("form", As)
async def test_an_export_comes_back_as_it_was(form: As, tmp_path: Path) -> None:
    """Into a second home: the same SHA-256 in the same folders with the same flags and dates; a second import adds nothing.

    Folders that only capital letters tell apart, names no file system takes; the catalog is what a replay gives.
    """
    archive = await homes.begin(tmp_path / "home")
    for number, folder in enumerate(
        ("INBOX", "Odd/con", "odd/CON", "a:b/..", "v1.2/Entw\u00fcrfe", "ISO\ufffd", "x.mbox", "~h")
    ):
        raws = ODD if folder == "INBOX" else [message(number), ODD[number]]
        await homes.store(archive, dict(enumerate(raws, 1 + 100 * number)), folder=folder)
    before = await _content(archive)
    await export(archive, Selection(), tmp_path / "out", form)
    await archive.close()

    second = await homes.begin(tmp_path / "second")
    done = await _import(second, tmp_path / "out")
    assert done.problems == []
    assert await _content(second) == before
    assert (done.messages, done.already) == (len(before), 0)
    head = await second.head()
    done = await _import(second, tmp_path / "out")
    assert (done.messages, done.already) == (0, len(before))
    assert await second.head() == head
    assert {entry.kind for entry in await homes.entries(second)} >= {"imported"}
    await second.close()
    assert await _findings(second) == []


async def test_mail_of_other_programs_keeps_its_folders(tmp_path: Path) -> None:
    """Folders of .eml files, mbox files as Thunderbird has them, Maildir++ and nested Maildir: the bytes as they are."""
    archive = await homes.begin(tmp_path / "home")
    source = tmp_path / "mail"
    (source / "Old" / "2019").mkdir(parents=True)
    (source / "Old" / "2019" / "a.EML").write_bytes(message(1))
    (source / "Old" / "Thumbs.db").write_bytes(b"\0\1")
    thunderbird = source / "Local"
    (thunderbird / "Inbox.sbd").mkdir(parents=True)
    for number, file in enumerate(("Inbox", "Inbox.sbd/Work"), 2):
        box = mailbox.mbox(thunderbird / file)
        box.add(message(number).replace(b"\r\n", b"\n"))
        box.close()
    maildir = source / "Maildir"
    for folder in ("", ".Sent.Entw&APw-rfe", "Nested"):
        for part in ("cur", "new", "tmp"):
            (maildir / folder / part).mkdir(parents=True)
    (maildir / "new" / "1").write_bytes(message(4))
    seen = maildir / ".Sent.Entw&APw-rfe" / "cur" / "2:2,FS"
    seen.write_bytes(message(5))
    os.utime(seen, (1_600_000_000, 1_600_000_000))
    (maildir / "Nested" / "cur" / "3:2,a").write_bytes(message(6))
    (maildir / "dovecot-uidlist").write_bytes(b"3 V1")

    done = await _import(archive, source)
    assert done.problems == []
    assert done.strangers == ["Old/Thumbs.db"]
    assert done.formats == {ImportFormat.EML, ImportFormat.MBOX, ImportFormat.MAILDIR}
    found = await _content(archive)
    lf = [message(number).replace(b"\r\n", b"\n") for number in (2, 3)]
    assert found.keys() == {
        ("Imported/Old/2019", _digest(message(1))),
        ("Imported/Local/Inbox", _digest(lf[0])),
        ("Imported/Local/Inbox/Work", _digest(lf[1])),
        ("Imported/Maildir/INBOX", _digest(message(4))),
        ("Imported/Maildir/Sent/Entw\u00fcrfe", _digest(message(5))),
        ("Imported/Maildir/Nested", _digest(message(6))),
    }
    assert found["Imported/Maildir/Sent/Entw\u00fcrfe", _digest(message(5))] == ("\\Flagged \\Seen", 1_600_000_000)
    await archive.close()


async def test_an_mbox_is_unquoted_as_it_is_said_to_be(tmp_path: Path) -> None:
    """mboxrd takes one > of any number, mboxo only the one before From; flags from Status, dates from the "From " line."""
    archive = await homes.begin(tmp_path / "home")
    body = b"Subject: a\nStatus: RO\nX-Status: AF\n\n>From a\n>>From b\nFrom here on\n\nFrom nobody, not a date\n"
    box = tmp_path / "old.mbox"
    box.write_bytes(b"From x@y Fri Jan  2 00:00:00 1970\n" + body + b"\nFrom z Sat Jan 3 00:00:00 1970\nSubject: b\n\n")
    first, second = await _import(archive, box, "rd"), await _import(archive, box, "o", ImportFormat.MBOXO)
    assert (first.messages, second.messages) == (2, 2)
    found = await _content(archive)
    rd = body.replace(b">From a", b"From a").replace(b">>From b", b">From b")
    assert found["rd", _digest(rd)] == ("\\Seen \\Answered \\Flagged", 86400)
    assert ("o", _digest(body.replace(b">From a", b"From a"))) in found
    assert ("rd", _digest(b"Subject: b\n")) in found
    assert (await _import(archive, box)).folders == {"Imported/old"}
    await archive.close()


async def test_what_cannot_be_imported_is_named_and_the_rest_comes(tmp_path: Path) -> None:
    """An empty file, a link, a pipe (which must not be waited for), an unreadable one, an mbox that is none."""
    archive = await homes.begin(tmp_path / "home")
    source = tmp_path / "mail"
    source.mkdir()
    (source / "good.eml").write_bytes(message(1))
    (source / "empty.eml").touch()
    (source / "link.eml").symlink_to("good.eml")
    (source / "loop").symlink_to(source)
    os.mkfifo(source / "pipe.eml")
    (source / "no.mbox").write_bytes(b"hello")
    (source / "\udcff.eml").write_bytes(message(2))
    done = await _import(archive, source)
    assert done.messages == 2
    reasons = {one.place: one.reason for one in done.problems}
    assert reasons.keys() == {"empty.eml", "link.eml", "loop", "pipe.eml", "no.mbox"}
    assert reasons["empty.eml"] == "it is empty"
    assert "link" in reasons["loop"]
    assert "regular" in reasons["pipe.eml"]
    nothing = tmp_path / "empty"
    nothing.mkdir()
    with pytest.raises(InputError, check=coded(problems.NOT_THERE)):
        await _import(archive, tmp_path / "nothing")
    with pytest.raises(InputError, check=coded(problems.NO_MAIL)):
        await _import(archive, nothing)
    for folder in ("/a", "a//b", "a\nb"):
        with pytest.raises(InputError):
            await _import(archive, source, folder)
    await archive.close()


async def test_no_link_leads_out_of_a_maildir(tmp_path: Path) -> None:
    """The importing account may read more than the mail's owner: no link to a folder is followed, nor one replacing it."""
    strange = tmp_path / "strange"
    for folder in ("strange", "mail", "mail/.Sub"):
        for part in ("cur", "new"):
            (tmp_path / folder / part).mkdir(parents=True)
    (strange / "cur" / "1:2,S").write_bytes(b"Subject: of somebody else\r\n\r\n")
    (tmp_path / "mail" / ".Sub" / "cur").rmdir()
    (tmp_path / "mail" / ".Sub" / "cur").symlink_to(strange / "cur")
    (tmp_path / "mail" / "cur" / "1:2,S").write_bytes(message(1))
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, tmp_path / "mail")
    assert done.messages == 1
    assert [(one.name, one.reason) for one in done.problems] == [(".Sub/cur", "a link, which is not followed")]
    [found] = [one for one in mail_files.search(tmp_path / "mail", ImportFormat.AUTO) if isinstance(one, FoundMail)]
    (tmp_path / "mail" / "cur" / "1:2,S").unlink()
    (tmp_path / "mail" / "cur" / "1:2,S").symlink_to(strange / "cur" / "1:2,S")
    with pytest.raises(OSError) as refused:  # noqa: PT011
        found.read()
    assert unread(refused.value) == mail_file.UNREAD(said=mail_file.BEHIND_LINK())
    (tmp_path / "mail" / "cur" / "1:2,S").unlink()
    os.mkfifo(tmp_path / "mail" / "cur" / "1:2,S")
    with pytest.raises(NotRegular):
        found.read()
    await archive.close()


async def test_a_changed_file_of_an_export_is_named_and_not_imported(tmp_path: Path) -> None:
    """The manifest's SHA-256 is what counts; a missing file is named too; a line that leads elsewhere ends it all before."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {number: message(number) for number in range(1, 5)})
    await export(archive, Selection(), tmp_path / "out", As.EML)
    files = sorted((tmp_path / "out").rglob("*.eml"))
    files[0].write_bytes(b"x" * files[0].stat().st_size)
    files[1].unlink()
    second = await homes.begin(tmp_path / "second")
    done = await _import(second, tmp_path / "out")
    assert done.messages == 2
    assert [one.name.rpartition("/")[2] for one in done.problems] == [files[0].name, files[1].name]
    assert "not what the manifest says" in done.problems[0].reason
    manifest = tmp_path / "out" / "manifest.jsonl"
    lines = manifest.read_text()
    name = files[2].relative_to(tmp_path / "out").as_posix()
    for number, other in enumerate(("../secret", "/etc/passwd", "a/../../b", "")):
        manifest.write_text(lines.replace(name, other))
        third = await homes.begin(tmp_path / f"third{number}")
        with pytest.raises(InputError, match="line 4", check=coded(LINE_OUTSIDE)):
            await _import(third, tmp_path / "out")
        assert not [entry for entry in await homes.entries(third) if entry.kind == "imported"]
        await third.close()
    await archive.close()
    await second.close()


async def test_of_an_export_of_everybody_one_archive_is_taken(tmp_path: Path) -> None:
    """That of the user's own name, or the one that is named; else the names are told."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    bob, _ = await users.add(archive, "bob", ["bob@example.test"])
    await archive.append([homes.archived({2: message(2)}, owner=bob.id)], await archive.writer.prepare([message(2)]))
    await export(archive, Selection(), tmp_path / "out", As.MBOX)
    done = await import_mail(archive, ImportSource(tmp_path / "out", of="alice"), ImportTarget(bob, "From Alice"))
    assert (done.messages, sorted(done.folders)) == (1, [f"From Alice/{ALICE}/INBOX"])
    eve, _ = await users.add(archive, "eve", ["eve@example.test"])
    with pytest.raises(InputError, match="alice, bob", check=coded(problems.SEVERAL_ARCHIVES)):
        await import_mail(archive, ImportSource(tmp_path / "out"), ImportTarget(eve))
    await archive.close()


async def test_a_stopped_import_carries_on_without_doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped by a full disk after any batch: what was written is whole, and the next import brings the rest."""
    archive = await homes.begin(tmp_path / "home")
    (tmp_path / "mail").mkdir()
    for number in range(6):
        (tmp_path / "mail" / f"{number}.eml").write_bytes(message(number))
    (tmp_path / "mail" / "twin.eml").write_bytes(message(0))
    monkeypatch.setattr(importing, "BATCH_MESSAGES", 2)
    append, count = archive.writer.append, 0

    async def full(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise StorageError(said("full"))
        return await append(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(archive.writer, "append", full)
        with pytest.raises(StorageError):
            await _import(archive, tmp_path / "mail")
    assert len(await _content(archive)) == 4
    ticks: list[int] = []
    alice = await users.find(archive, "alice")
    source, target = ImportSource(tmp_path / "mail"), ImportTarget(alice)
    done = await import_mail(archive, source, target, tick=lambda done: ticks.append(done.done))
    assert (done.messages, done.already) == (2, 5)
    assert ticks == [2, 4, 6, 7]
    assert len(await _content(archive)) == 6
    await archive.close()
    assert await _findings(archive) == []


async def test_an_import_beside_a_run_doubles_nothing(tmp_path: Path) -> None:
    """Two open archives on one home, as of two processes, put the same mail into the same folder at once."""
    archive = await homes.begin(tmp_path / "home")
    other = await Archive.open(archive.home)
    (tmp_path / "mail").mkdir()
    raws = {number: message(number) for number in range(1, 60)}
    for number, raw in raws.items():
        (tmp_path / "mail" / f"{number}.eml").write_bytes(raw)
    await asyncio.gather(
        _import(archive, tmp_path / "mail", f"{ALICE}/INBOX"),
        *(homes.store(other, {number: raw}) for number, raw in raws.items()),
    )
    await archive.catch_up()
    assert len(await _content(archive)) == len(raws)
    await other.close()
    await archive.close()
    assert await _findings(archive) == []


def test_a_line_that_only_begins_like_a_separator_is_text(tmp_path: Path) -> None:
    """No date, no empty line before it, or without end: it belongs to the message."""
    path = tmp_path / "box"
    long = b"From x " + b"Mon Jan 1 00:00 " * 50_000
    text = b"a\nFrom x Thu Jan  1 00:00:00 1970\n\nFrom me\n\n" + long + b"\n"
    path.write_bytes(mbox.separator(0) + text + b"\n" + mbox.separator(1) + b"b\n")
    with path.open("rb") as file:
        found = [one for one in mbox.scan(file) if isinstance(one, mbox.MboxMessage)]
    assert [(one.end - one.start, one.date) for one in found] == [(len(text), 0), (2, 1)]
