"""Stored volumes in trouble: a storage that is away, changed objects, lost notes, a full disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import verify
from core.archive.registry import storage_state, stored_repair, storing
from core.errors import DamagedError, InputError, UnfetchedError
from core.problems import bucket as problems
from core.problems import storage as disk
from core.storage import configuration, copies, fetching, notes, opening, proving
from core.storage.place import StoragePlace
from tests import homes, stored_archives
from tests.servers.bucket import BucketServer
from tests.stored_archives import archive_with, free, in_bucket, stored
from tests.support import coded

folder = stored_archives.folder

pytestmark = pytest.mark.xdist_group("bucket")


async def test_a_copy_that_is_not_what_was_stored_is_never_removed(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        await storing.push(archive, actor="test")
        await archive.volumes.release()
        changed = archive.home.volume(1)
        homes.change(changed, "CREATE INDEX other ON ledger (at)", "DROP INDEX other")
        removed = copies.free(archive.home, 0, recent=0.0)
        assert changed.exists()
        assert changed.name not in removed
        assert 1 in list(copies.waiting(archive.home))
        await storing.push(archive, actor="test")
        assert [one.key.rpartition("/")[2] for one in await stored(archive) if one.volume == 1] == [
            "000001.g1.sqlite",
            "000001.g2.sqlite",
        ]
        assert changed.name in copies.free(archive.home, 0, recent=0.0)
        assert await homes.raws(archive)
    finally:
        await archive.close()


# A storage that fails ------------------------------------------------------------------------------------------------------


async def test_a_storage_that_does_not_answer_is_told_and_keeps_nothing_from_being_archived(
    tmp_path: Path, bucket: BucketServer
) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        bucket.moods.refuse = (503, "SlowDown")
        done = await storing.push(archive, actor="test")
        assert not done.stored
        assert {why.code for why in done.failed.values()} == {problems.BUSY}
        trouble = await storage_state.trouble(archive.home, archive.database)
        assert trouble is not None
        await homes.store(archive, {50: homes.message(50)})
        bucket.moods.refuse = None
        assert (await storing.push(archive, actor="test")).failed == {}
        assert await storage_state.trouble(archive.home, archive.database) is None
    finally:
        await archive.close()


async def test_a_volume_that_cannot_be_fetched_is_no_damage(tmp_path: Path, bucket: BucketServer) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        await free(archive)
        bucket.moods.refuse = (503, "SlowDown")
        with pytest.raises(UnfetchedError, check=coded(problems.AWAY)):
            await archive.volumes.at(1)
        with pytest.raises(UnfetchedError):
            await verify.verify(archive.home)
        bucket.moods.refuse = None
        assert (await archive.volumes.at(1)).fault is None
    finally:
        await archive.close()


async def test_a_catalog_that_is_made_anew_lacks_nothing_of_a_volume_that_cannot_be_fetched(
    tmp_path: Path, bucket: BucketServer
) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        before = await archive.database.read("SELECT sha256 FROM message ORDER BY sha256")
        await free(archive)
        bucket.moods.refuse = (503, "SlowDown")
        with pytest.raises(UnfetchedError):
            await archive.rebuild()
        bucket.moods.refuse = None
    finally:
        await archive.close()
    again = await Archive.open(archive.home)
    try:
        assert again.notices == []
        assert await again.database.read("SELECT sha256 FROM message ORDER BY sha256") == before
    finally:
        await again.close()


async def test_a_put_that_was_acknowledged_and_changed_keeps_the_copy(tmp_path: Path, bucket: BucketServer) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        bucket.moods.change = lambda body: body[:-1] + bytes([body[-1] ^ 1])
        done = await storing.push(archive, actor="test")
        assert {why.code for why in done.failed.values()} == {problems.CHANGED}
        assert await stored(archive) == []
        assert copies.free(archive.home, 0, recent=0.0) == []
    finally:
        await archive.close()


@pytest.mark.parametrize("how", ["truncated", "changed", "removed"])
async def test_an_object_that_was_changed_is_named_and_put_back_from_a_copy(
    tmp_path: Path, bucket: BucketServer, how: str
) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        await storing.push(archive, actor="test")
        await archive.volumes.release()
        key = next(one.key for one in await stored(archive) if one.volume == 1)
        content = bucket.content(f"mail/{key}")
        assert content == archive.home.volume(1).read_bytes()
        if how == "removed":
            bucket.delete(f"mail/{key}")
        else:
            bucket.put(f"mail/{key}", content[:-7] if how == "truncated" else content[:-1] + b"?")
        found = await storing.check(archive, deep=True)
        assert {name: why.code for name, why in found.findings.items()} == {
            key: problems.GONE if how == "removed" else problems.CHANGED
        }
        mended = await stored_repair.mend(archive, actor="test")
        assert list(mended.failed) == []
        assert (await storing.check(archive, deep=True)).findings == {}
    finally:
        await archive.close()


async def test_a_changed_object_is_never_believed(tmp_path: Path, bucket: BucketServer) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        await free(archive)
        key = next(one.key for one in await stored(archive) if one.volume == 1)
        bucket.put(f"mail/{key}", bucket.content(f"mail/{key}")[:-1] + b"?")
        assert not archive.home.volume(1).exists()
        with pytest.raises(DamagedError, check=coded(problems.CHANGED)):
            await archive.volumes.at(1)
        assert [path.name for path in archive.home.volumes.iterdir() if path.name.startswith(".")] == []
        verdict = await verify.verify(archive.home)
        assert ("000001.sqlite", problems.CHANGED) in [(one.where, one.reason.code) for one in verdict.findings if one.reason]
    finally:
        await archive.close()


async def test_a_full_disk_while_fetching_is_told_and_leaves_nothing(
    tmp_path: Path, folder: StoragePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        await free(archive)
        monkeypatch.setattr(fetching, "SPARE_BYTES", 2**62)
        with pytest.raises(UnfetchedError, check=coded(disk.FULL)):
            await archive.volumes.at(1)
        monkeypatch.undo()
        assert await archive.volumes.at(1)
    finally:
        await archive.close()


async def test_a_note_that_was_lost_with_the_copy_is_written_anew_by_a_check(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        before = await homes.raws(archive)
        await free(archive)
        notes.path_of(archive.home.volume(2)).unlink()
        with pytest.raises(DamagedError):
            await archive.volumes.at(2)
        assert (await storing.check(archive)).noted == ("000002.sqlite",)
        assert await homes.raws(archive) == before
    finally:
        await archive.close()


# Another storage -----------------------------------------------------------------------------------------------------------


async def test_what_is_in_one_storage_counts_for_no_other(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    other = tmp_path / "other"
    other.mkdir()
    try:
        assert (await storing.push(archive, actor="test")).failed == {}
        await archive.volumes.release()
        await storing.configure(archive, StoragePlace(str(other)), None, actor="test")
        assert copies.free(archive.home, 0, recent=0.0) == []
        assert {1, 2, 3, 4} <= set(copies.waiting(archive.home))
        assert (await storing.push(archive, actor="test")).failed == {}
        assert (await storing.check(archive, deep=True)).findings == {}
        removed = copies.free(archive.home, 0, recent=0.0)
        assert len(removed) >= 4
        shutil.rmtree(folder.where)
        assert await homes.raws(archive)
    finally:
        await archive.close()


async def test_what_is_in_a_storage_alone_keeps_it_until_another_has_it(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    other = tmp_path / "other"
    other.mkdir()
    try:
        before = await homes.raws(archive)
        await free(archive)
        with pytest.raises(InputError, check=coded(problems.STILL_AWAY)):
            await storing.configure(archive, StoragePlace(str(other)), None, actor="test")
        assert configuration.read(archive.home) == folder
        shutil.copytree(folder.where, other, dirs_exist_ok=True)
        await storing.configure(archive, StoragePlace(str(other)), None, actor="test")
        shutil.rmtree(folder.where)
        assert await homes.raws(archive) == before
        assert (await storing.push(archive, actor="test")).failed == {}
    finally:
        await archive.close()


async def test_two_archives_that_begin_in_one_place_at_once_are_found_out(tmp_path: Path, folder: StoragePlace) -> None:
    first = await homes.begin(tmp_path / "one")
    storage = opening.opened(folder, None)
    begun: list[str] = []

    def step(name: str) -> None:
        if name == "put" and not begun:
            begun.append(name)
            (Path(folder.where) / ("b" * 32)).mkdir()
            (Path(folder.where) / ("b" * 32) / "archive.json").write_text("{}")

    try:
        with pytest.raises(InputError) as refused:
            proving.try_out(storage, first.archive_id, step)
        assert refused.value.reason.values["why"].code == problems.OF_OTHER_ARCHIVE  # type: ignore[union-attr]
    finally:
        await first.close()
