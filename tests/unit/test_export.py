"""Export: what was archived comes out byte for byte, into names that every file system takes."""

from __future__ import annotations

import asyncio
import hashlib
import mailbox
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.transfer.export import ExportFormat, ExportProgress, UnexportedMessage, export
from core.demo.odd import odd_messages
from core.errors import InputError, StorageError
from core.message import mbox
from core.problems import export as problems
from core.problems import volume
from core.problems.command_line import COMMAND_LINE, sentence
from core.problems.search import NO_MAIL
from core.system.actor import Actor
from tests import homes
from tests.crossings import counted
from tests.homes import ALICE, message
from tests.support import coded

REPLACE, SYNC = os.replace, os.fsync


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _sums(target: Path) -> str:
    """The output of ``sha256sum -c`` for an export."""
    checked = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=target, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    return checked.stdout


async def test_eml_is_byte_identical_complete_and_in_the_ledger(tmp_path: Path) -> None:
    """Odd mail in odd folders: the files' SHA-256 are those of the messages, a copy in two folders is two files (P1)."""
    archive = await homes.begin(tmp_path / "home")
    raws = [sample.raw for sample in odd_messages(2) if sample.raw]
    await homes.store(archive, dict(enumerate(raws, 1)), folder="INBOX/..")
    await homes.store(archive, {1: raws[0]}, folder="Con/a:b")
    target = tmp_path / "out"
    ticks: list[tuple[int, int]] = []
    done = await export(
        archive,
        Selection(),
        target,
        ExportFormat.EML,
        actor="cli:test",
        tick=lambda done: ticks.append((done.done, done.total)),
    )
    files = {name: raw for name, raw in _files(target).items() if name.endswith(".eml")}
    assert {hashlib.sha256(raw).digest() for raw in files.values()} == {hashlib.sha256(raw).digest() for raw in raws}
    assert done.messages == len(files) == len(set(raws)) + 1 == ticks[-1][0] == ticks[-1][1]
    assert all((target / name).resolve().is_relative_to(target.resolve()) for name in files)
    assert all((target / name).stat().st_mode & 0o077 == 0 for name in _files(target))
    assert _sums(target).count(": OK") == len(files) + 1
    entry = (await homes.entries(archive))[-1]
    assert (entry.kind, Actor.of(entry.actor).channel, entry.payload["messages"]) == ("exported", "cli", done.messages)
    await archive.close()


async def test_mbox_is_read_by_pythons_mailbox(tmp_path: Path) -> None:
    """Each folder one file; every message comes back byte for byte once its quoting is undone, "From " lines included."""
    archive = await homes.begin(tmp_path / "home")
    trap = b"From: a@example.test\n\nFrom me\n>From you\n>>From them\nFrom x Thu Jan  1 00:00:00 1970\n\nFrom y\n"
    raws = {sample.raw for sample in odd_messages(2) if sample.raw} | {trap, trap.replace(b"\n", b"\r\n")}
    await homes.store(archive, dict(enumerate(sorted(raws), 1)), folder="INBOX/Odd")
    await export(archive, Selection(), tmp_path / "out", ExportFormat.MBOX)
    (path,) = (tmp_path / "out").rglob("*.mbox")
    assert path.relative_to(tmp_path / "out").as_posix() == f"alice/{ALICE}/INBOX/Odd.mbox"
    box = mailbox.mbox(path, create=False)
    found = {mbox.unquoted(box.get_bytes(key)) for key in box.keys()}  # noqa: SIM118
    box.close()
    assert found == {raw if raw.endswith(b"\n") else raw + b"\n" for raw in raws}
    with path.open("rb") as file:
        assert len(list(mbox.scan(file))) == len(raws)
    _sums(tmp_path / "out")
    await archive.close()


async def test_maildir_keeps_flags_and_dates(tmp_path: Path) -> None:
    """The bytes as they are, flags in the name, INTERNALDATE as the file's time; Python's Maildir finds it all."""
    archive = await homes.begin(tmp_path / "home")
    raw = message(1)
    draft = homes.archived({1: raw}, owner=(await users.find(archive, "alice")).id, folder="Work/Old")
    payload = draft.value.payload()
    payload["messages"][0][4] = "\\Answered \\Seen Custom \\Flagged"
    draft = homes.draft("archived", payload)
    await archive.append([draft], await archive.writer.prepare([raw]))
    await export(archive, Selection(), tmp_path / "out", ExportFormat.MAILDIR)
    top = tmp_path / "out" / "alice" / ALICE
    box = mailbox.Maildir(top, create=False)
    assert box.list_folders() == ["Work.Old"]
    inner = box.get_folder("Work.Old")
    (key,) = inner.keys()
    assert (inner.get_bytes(key), inner[key].get_flags(), inner[key].get_date()) == (raw, "FRS", 1_700_000_001.0)
    _sums(tmp_path / "out")
    await archive.close()


@pytest.mark.parametrize("form", ExportFormat)
async def test_an_export_goes_on_where_it_stopped_and_writes_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: ExportFormat
) -> None:
    """Stopped anywhere by a full disk, no half file has a final name; the next one brings what one export at once brings."""
    archive = await homes.begin(tmp_path / "home")
    for folder in ("INBOX", "Work"):
        await homes.store(archive, {number: message(number) for number in range(1, 5)}, folder=folder)
    await export(archive, Selection(), tmp_path / "whole", form)
    whole = _files(tmp_path / "whole")
    monkeypatch.setattr("core.archive.transfer.export_mbox.CHECKPOINT_MESSAGES", 2)
    target, stop = tmp_path / "out", 0
    while True:
        stop += 1
        count = 0

        def full(*arguments: Any, stop: int = stop, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == stop:
                raise OSError(28, "No space left on device")
            return (REPLACE if len(arguments) == 2 else SYNC)(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr("core.system.open_folder.os.replace", full)
            patch.setattr("core.archive.transfer.export_mbox.os.fsync", full)
            try:
                await export(archive, Selection(), target, form)
            except StorageError:
                pass
            else:
                break
        final = {name: raw for name, raw in _files(target).items() if not name.endswith((".part", ".jsonl", "SHA256SUMS"))}
        assert all(whole[name] == raw for name, raw in final.items())
    assert stop > 3
    assert {name: raw for name, raw in _files(target).items() if name.endswith(("eml", "mbox", ":2,S"))} == {
        name: raw for name, raw in whole.items() if name.endswith(("eml", "mbox", ":2,S"))
    }
    assert sorted((target / "manifest.jsonl").read_text().splitlines()) == sorted(whole["manifest.jsonl"].decode().splitlines())
    _sums(target)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*.*") if path.is_file() and path.suffix != ".jsonl"}
    done = await export(archive, Selection(), target, form)
    assert (done.messages, done.already) == (0, 8)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    await archive.close()


async def test_mail_that_came_since_is_added_beside_a_finished_mbox(tmp_path: Path) -> None:
    """The file that is there is left alone; the new one has what it lacks, and no more."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    await export(archive, Selection(), tmp_path / "out", ExportFormat.MBOX)
    first = _files(tmp_path / "out")[f"alice/{ALICE}/INBOX.mbox"]
    await homes.store(archive, {2: message(2)})
    done = await export(archive, Selection(), tmp_path / "out", ExportFormat.MBOX)
    files = _files(tmp_path / "out")
    assert (done.messages, done.already) == (1, 1)
    assert files[f"alice/{ALICE}/INBOX.mbox"] == first
    assert mbox.quoted(message(2)) in files[f"alice/{ALICE}/INBOX.2.mbox"]
    assert mbox.quoted(message(1)) not in files[f"alice/{ALICE}/INBOX.2.mbox"]
    _sums(tmp_path / "out")
    await archive.close()


async def test_what_is_not_ours_is_not_written_over(tmp_path: Path) -> None:
    """A strange file of a message's name, foreign checksums, another format, another archive, the archive's own folder."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    target = tmp_path / "out"
    await export(archive, Selection(), target, ExportFormat.EML)
    (file,) = target.rglob("*.eml")
    file.write_bytes(b"mine")
    with pytest.raises(InputError, check=coded(problems.OTHER_MESSAGE)):
        await export(archive, Selection(), target, ExportFormat.EML)
    assert file.read_bytes() == b"mine"
    with pytest.raises(InputError, match="export as eml"):
        await export(archive, Selection(), target, ExportFormat.MBOX)
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "SHA256SUMS").write_text("mine")
    with pytest.raises(InputError, check=coded(problems.OF_NO_EXPORT)):
        await export(archive, Selection(), tmp_path / "sums", ExportFormat.EML)
    with pytest.raises(InputError, check=coded(problems.WITHIN_HOME)):
        await export(archive, Selection(), archive.home.path / "out", ExportFormat.EML)
    await archive.close()
    other = await homes.begin(tmp_path / "other")
    await homes.store(other, {1: message(1)})
    with pytest.raises(InputError, check=coded(problems.OF_OTHER_ARCHIVE)):
        await export(other, Selection(), target, ExportFormat.EML)
    await other.close()


@pytest.mark.parametrize("foreign", [b'{"name": "another program\'s"}', b"\xff\xfe", b'{"archivar": 1, "format": "mbox"'])
async def test_a_manifest_of_something_else_is_not_written_over(foreign: bytes, tmp_path: Path) -> None:
    """Though its only line has no end, as ours has after a crash; that one is gone on with."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    target = tmp_path / "export"
    target.mkdir()
    (target / "manifest.jsonl").write_bytes(foreign)
    with pytest.raises(InputError, check=coded(problems.OF_NO_EXPORT)):
        await export(archive, Selection(), target, ExportFormat.EML)
    assert [path.read_bytes() for path in target.iterdir()] == [foreign]
    (target / "manifest.jsonl").write_bytes(b'{"archivar": 1, "format": "eml"')
    assert (await export(archive, Selection(), target, ExportFormat.EML)).messages == 1
    await archive.close()


@pytest.mark.parametrize("form", ExportFormat)
async def test_nothing_is_written_through_a_link(form: ExportFormat, tmp_path: Path) -> None:
    """In another account's folder, whose owner knows the names under which files are written aside."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    strange = tmp_path / "strange"
    strange.write_text("mine")
    await export(archive, Selection(), tmp_path / "known", form)
    made = [path.relative_to(tmp_path / "known") for path in (tmp_path / "known").rglob("*") if path.is_file()]
    aside = {ExportFormat.EML: ".part", ExportFormat.MBOX: ".mbox.part", ExportFormat.MAILDIR: ""}[form]
    for name in made:
        if name.name == "maildirfolder":
            continue
        target = tmp_path / name.name
        place = Path(str(name).replace("/cur/", "/tmp/").partition(":2,")[0])
        link = target / (place.with_suffix(aside) if aside and name.suffix in (".eml", ".mbox") else place)
        link = target / ".SHA256SUMS.new" if name.name == "SHA256SUMS" else link
        link.parent.mkdir(parents=True)
        link.symlink_to(strange)
        with pytest.raises(InputError, match="is a link, which is not followed"):
            await export(archive, Selection(), target, form)
        assert strange.read_text() == "mine"
        assert link.is_symlink()
    await archive.close()


@pytest.mark.parametrize("form", ExportFormat)
async def test_no_folder_is_entered_through_a_link(form: ExportFormat, tmp_path: Path) -> None:
    """Present before, or put in the place of one being written: the intended folder is written."""
    archive = await homes.begin(tmp_path / "home")
    for number in (1, 2):
        await homes.store(archive, {number: message(number)}, folder=f"A{number}/B")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    await export(archive, Selection(), tmp_path / "known", form)
    folders = [path.relative_to(tmp_path / "known") for path in (tmp_path / "known").rglob("*") if path.is_dir()]
    for number, folder in enumerate([Path(), *folders]):
        target = tmp_path / f"target{number}"
        (target / folder).parent.mkdir(parents=True, exist_ok=True)
        (target / folder).symlink_to(elsewhere)
        with pytest.raises(InputError, match="is a link, which is not followed"):
            await export(archive, Selection(), target, form)
    target, moved = tmp_path / "swapped", tmp_path / "moved"

    def swap(done: ExportProgress) -> None:
        if done.messages == 1:
            target.rename(moved)
            target.symlink_to(elsewhere)

    await export(archive, Selection(), target, form, tick=swap)
    assert list(elsewhere.iterdir()) == []
    assert {path.relative_to(moved) for path in moved.rglob("*")} == {
        path.relative_to(tmp_path / "known") for path in (tmp_path / "known").rglob("*")
    }
    await archive.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to make folders of another account")
@pytest.mark.parametrize(("owner", "mode"), [(65534, 0o700), (65534, 0o1777), (0, 0o777), (0, 0o1777), (0, 0o770)])
async def test_a_folder_that_others_own_or_may_write_is_no_target(owner: int, mode: int, tmp_path: Path) -> None:
    """They could lead elsewhere what is written: refused with the folder's name and what to do, and nothing is written."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    target = tmp_path / "target"
    target.mkdir()
    os.chown(target, owner, 65534)
    target.chmod(mode)
    with pytest.raises(InputError, match=f"{target} (belongs to nobody|can be written by other accounts)") as refused:
        await export(archive, Selection(), target, ExportFormat.EML)
    assert f"chmod go-w {target}" in refused.value.hint or "Name a folder of root" in refused.value.hint
    assert list(target.iterdir()) == []
    target.chmod(0o755)
    os.chown(target, 0, 0)
    assert (await export(archive, Selection(), target, ExportFormat.EML)).messages == 1
    await archive.close()


async def test_one_folder_and_what_is_below_it_can_be_exported(tmp_path: Path) -> None:
    """Not its namesake that only begins alike; a folder that is not there is an input error and no entry."""
    archive: Archive = await homes.begin(tmp_path / "home")
    for number, folder in enumerate(("Work", "Work/A", "Workshop"), 1):
        await homes.store(archive, {number: message(number)}, folder=folder)
    alice = (await users.find(archive, "alice")).id
    done = await export(archive, Selection(alice, f"{ALICE}/Work"), tmp_path / "out", ExportFormat.EML)
    assert done.messages == 2
    done = await export(archive, Selection(ids=(3, 1, 99)), tmp_path / "ids", ExportFormat.EML)
    assert done.messages == 2
    head = await archive.head()
    with pytest.raises(InputError, check=coded(NO_MAIL)):
        await export(archive, Selection(alice, "Nowhere"), tmp_path / "no", ExportFormat.EML)
    assert await archive.head() == head
    assert not (tmp_path / "no").exists()
    await archive.close()


async def test_a_cancelled_export_says_what_it_wrote(tmp_path: Path) -> None:
    """The ledger has an entry of what left the archive, marked as incomplete, and the next one goes on."""
    archive = await homes.begin(tmp_path / "home")
    for folder, numbers in {"A": (1, 2), "B": (3, 4)}.items():
        await homes.store(archive, {number: message(number) for number in numbers}, folder=folder)

    def stop(done: ExportProgress) -> None:
        if done.messages == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await export(archive, Selection(), tmp_path / "out", ExportFormat.EML, tick=stop)
    entry = (await homes.entries(archive))[-1]
    assert (entry.kind, entry.payload["messages"], entry.payload["complete"]) == ("exported", 2, False)
    done = await export(archive, Selection(), tmp_path / "out", ExportFormat.EML)
    assert (done.messages, done.already) == (2, 2)
    await archive.close()


@pytest.mark.parametrize("form", ExportFormat)
async def test_many_messages_are_read_in_few_statements(form: ExportFormat, tmp_path: Path) -> None:
    """In the order of their rows, and from several volumes: a few for some hundred messages."""
    archive = await homes.begin(tmp_path / "home", volume_bytes=200_000)
    for batch in range(4):
        await homes.store(archive, {batch * 300 + number: message(batch * 300 + number, 100) for number in range(1, 301)})
    assert archive.last_volume > 1
    # What is done beside it to sealed volumes does not count.
    await archive.volumes._finishing.end()
    with counted() as crossings:
        done = await export(archive, Selection(), tmp_path / "out", form)
    assert done.messages == 1200
    assert crossings.jobs < 110
    await archive.close()


async def test_a_damaged_message_is_named_and_the_rest_comes(tmp_path: Path) -> None:
    """One that is missing in its volume: its number and folder are in the result."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {number: message(number) for number in range(1, 4)})
    homes.change(
        archive.home.volume(1),
        "DELETE FROM message WHERE size > 0 AND sha256 = x'" + hashlib.sha256(message(2)).hexdigest() + "'",
    )
    done = await export(archive, Selection(), tmp_path / "out", ExportFormat.EML)
    assert done.messages == 2
    [lost] = done.damaged
    why = volume.MESSAGE_MISSING(message=hashlib.sha256(message(2)).hexdigest()[:16], file="000001.sqlite")
    assert lost == UnexportedMessage(2, "alice", f"{ALICE}/INBOX", why)
    assert lost.told(COMMAND_LINE) == f"message 2 in alice: {ALICE}/INBOX: {sentence(why)}"
    _sums(tmp_path / "out")
    await archive.close()
