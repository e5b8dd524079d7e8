"""Long jobs behind the pages of the console: exports, backups and checks, refused, stopped and ended by a fault."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal
from core.archive.proof.verify import verify
from core.archive.registry import users
from core.archive.search.search_index import Index
from core.archive.store.entries import KINDS
from core.archive.transfer import export_files, last_backup
from core.config import Home
from core.errors import StorageError
from core.problems import storage
from tests import desks, homes, jobs
from tests.jobs import contents, ended, over
from tests.shown_mail import fill, mail
from tui.desk import face
from tui.desk.archive.archive import MailSelection
from tui.desk.desk import Desk
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import own
from tui.desk.refusals import Refused

archive = jobs.archive
desk = desks.desk

# The desk -------------------------------------------------------------------------------------------------------------


async def test_an_export_writes_what_is_selected_and_says_so(archive: Archive, desk: Desk, tmp_path: Path) -> None:
    """A folder with what is below it; the ledger tells of it; the same again writes nothing."""
    await fill(archive, 3)
    await fill(archive, 2, "INBOX/Below", first=10)
    await fill(archive, 2, "Elsewhere", first=20)
    owner = (await users.find(archive, "alice")).id
    selection = MailSelection(user=owner, folder="alice@example.test/INBOX", words=own("INBOX of alice"))
    assert await desk.exports.weigh(selection) == f"5 messages, {_sum([*range(1, 4), 10, 11])}, in 2 folders."
    view = await over(desk, await desk.exports.begin(selection, str(tmp_path / "out"), "eml"))
    assert (view.state.word, view.problems, view.fraction) == ("done", (), 1.0)
    assert view.result[0].startswith("5 messages")
    assert str(tmp_path / "out") in view.result[0]
    assert contents(tmp_path / "out", "*.eml") == {mail(number) for number in (1, 2, 3, 10, 11)}
    assert (await desk.activity.entries("exported", 0, 1))[0].actor.startswith("console")
    again = await over(desk, await desk.exports.begin(selection, str(tmp_path / "out"), "eml"))
    assert again.result[0].startswith("0 messages")
    assert "5 messages were there already." in again.result


def _sum(numbers: list[int]) -> str:
    from core.text.format import size

    return size(sum(len(mail(number)) for number in numbers))


async def test_what_a_search_finds_is_exported_also_what_was_not_indexed_yet(
    archive: Archive, desk: Desk, tmp_path: Path
) -> None:
    await homes.store(archive, {1: mail(1, "about rhubarb"), 2: mail(2, "about nothing")})
    index = await Index.open(archive)
    while await index.step():
        pass
    await index.close()
    await homes.store(archive, {3: mail(3, "more rhubarb")})
    assert await desk.exports.weigh(MailSelection(query="rhubarb")) == ""
    view = await over(desk, await desk.exports.begin(MailSelection(query="rhubarb"), str(tmp_path / "out"), "mbox"))
    assert view.state.word == "done"
    assert view.result[0].startswith("2 messages")
    nothing = await over(desk, await desk.exports.begin(MailSelection(query="turnip"), str(tmp_path / "none"), "eml"))
    assert nothing.state.word == "failed"
    assert "Nothing is found by turnip" in nothing.result[0]
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ("", "No folder was named"),
        ("  ", "No folder was named"),
        ("a\0b", "is no folder"),
        ("~nobody-of-that-name/x", "is no folder"),
    ],
)
async def test_a_folder_that_cannot_be_is_refused_before_anything_begins(
    archive: Archive, desk: Desk, directory: str, said: str
) -> None:
    await fill(archive, 1)
    with pytest.raises(Refused, match=said):
        await desk.exports.begin(MailSelection(), directory, "eml")
    with pytest.raises(Refused, match=said):
        await desk.backups.begin(directory)
    assert desk.jobs.all() == []


async def test_neither_a_file_nor_the_archive_itself_is_a_folder_to_write_to(
    archive: Archive, desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    for directory, said in ((tmp_path / "file", "is no folder"), (archive.home.path / "x", "own folder")):
        with pytest.raises(Refused, match=said):
            await desk.exports.begin(MailSelection(), str(directory), "eml")
        with pytest.raises(Refused, match=said):
            await desk.backups.begin(str(directory))


async def test_a_full_disk_ends_an_export_with_a_remedy(
    archive: Archive, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(archive, 3)

    def full(self: object, message: object, raw: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_files.Emls, "write", full)
    view = await over(desk, await desk.exports.begin(MailSelection(), str(tmp_path / "out"), "eml"))
    assert (view.state.word, view.active) == ("failed", False)
    assert "No space left on device" in view.result[0]
    assert "Make space" in view.result[1]


async def test_a_backup_is_a_home_that_can_be_proved(archive: Archive, desk: Desk, tmp_path: Path) -> None:
    await fill(archive, 3)
    assert await desk.backups.last() == ("", "")
    view = await over(desk, await desk.backups.begin(str(tmp_path / "copy")))
    assert view.state.word == "done"
    assert "archivar verify --home" in view.result[2]
    assert (await verify(Home(tmp_path / "copy"))).findings == []
    where, when = await desk.backups.last()
    assert where == str(tmp_path / "copy")
    assert when
    assert (await last_backup.last(archive)) is not None


async def test_a_transfer_that_the_ledger_could_not_take_says_so(
    archive: Archive, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are there all the same; the reason is told, as on the command line."""
    await fill(archive, 3)
    full = storage.FULL(file="000001.sqlite", said="database or disk is full")
    monkeypatch.setattr(Archive, "append", AsyncMock(side_effect=StorageError(full)))
    exported = await over(desk, await desk.exports.begin(MailSelection(), str(tmp_path / "out"), "eml"))
    saved = await over(desk, await desk.backups.begin(str(tmp_path / "copy")))
    said = f"This could not be noted in the ledger: {face.sentence(full)}"
    assert [view.state.word for view in (exported, saved)] == ["done", "done"]
    assert said in exported.result
    assert said in saved.result


async def test_a_seal_is_checked_against_the_volumes(archive: Archive, desk: Desk, tmp_path: Path) -> None:
    """The line as it was kept, or a file that holds it; one of another archive is no seal of this one."""
    await fill(archive, 3)
    view = await desk.activity.seal()
    assert view.text == f"{view.seq} {view.hash} {view.at}" == str(await seal.current(archive))
    await fill(archive, 3, first=7)
    (tmp_path / "kept.txt").write_text(view.text)
    for given in (view.text, str(tmp_path / "kept.txt")):
        found = await over(desk, await desk.activity.check_seal(given))
        assert found.state.word == "done"
        assert f"up to entry {view.seq}" in found.result[0]
    wrong = f"{view.seq} {hashlib.sha256(b'x').hexdigest()}"
    found = await over(desk, await desk.activity.check_seal(wrong))
    assert found.state.word == "failed"
    assert "another hash" in found.problems[0]
    for given, said in (
        ("12 abc", "This is no seal"),
        (str(tmp_path / "none"), "no file with one"),
        (str(tmp_path), "no file"),
    ):
        with pytest.raises(Refused, match=said):
            await desk.activity.check_seal(given)


async def test_a_job_that_is_stopped_says_how_to_go_on_and_one_with_a_fault_does_not_hang(archive: Archive) -> None:
    """Also what the console closes over; and a fault's own text, in which there may be mail, is not told."""
    jobs = Jobs(archive.home)
    entered, left = asyncio.Event(), asyncio.Event()

    async def endless(archive: Archive, job: Job) -> JobOutcome:
        job.stage = Stage(1, 4, 100, "there")
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            # What a job writes down at its end is waited for.
            await asyncio.sleep(0)
            left.set()
        raise AssertionError

    async def faulty(archive: Archive, job: Job) -> JobOutcome:
        raise ValueError("a secret of somebody")

    first = jobs.start("Export", "one \x1b[2J", "Again.", endless)
    await entered.wait()
    assert (jobs.view(first).fraction, jobs.view(first).where) == (0.25, "there")
    assert "\x1b" not in jobs.view(first).title
    jobs.seen(first)
    assert [view.key for view in jobs.all()] == [first]
    jobs.stop(first)
    assert jobs.view(first).stopping
    await left.wait()
    bad = jobs.start("Export", "two", "Again.", faulty)
    await ended(jobs, bad)
    entered.clear()
    last = jobs.start("Export", "three", "Again.", endless)
    await entered.wait()
    left.clear()
    await jobs.close()
    assert left.is_set()
    assert [jobs.view(key).state.word for key in (first, bad, last)] == ["stopped", "failed", "stopped"]
    assert jobs.view(first).result == ("It was stopped. Again.",)
    told = " ".join(jobs.view(bad).result)
    assert "ValueError" in told
    assert "secret" not in told
    log = archive.home.console_log.read_text()
    assert "faulty" in log
    assert "secret" not in log


async def test_the_ledger_can_be_listed_by_every_kind_of_entry(desk: Desk) -> None:
    assert set(KINDS) == {kind.key for kind in desk.activity.kinds()} - {""}
