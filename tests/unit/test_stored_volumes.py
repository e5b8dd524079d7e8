"""Archives whose sealed volumes are in a storage: stored, removed here, read, proved, repaired, and made anew from it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import verify
from core.archive.registry import saved_settings, storage_state, storing
from core.archive.transfer.backup import back_up
from core.config import Home
from core.errors import InputError, StorageError
from core.problems import bucket as problems
from core.secrets import Secret
from core.storage import configuration, copies, fetching, notes
from core.storage.place import StoragePlace
from tests import homes, stored_archives
from tests.servers.bucket import BucketServer
from tests.stored_archives import archive_with, free, in_bucket, stored
from tests.support import coded

place = stored_archives.place
folder = stored_archives.folder

pytestmark = pytest.mark.xdist_group("bucket")


# Storing and reading -------------------------------------------------------------------------------------------------------


async def test_an_archive_of_which_the_sealed_volumes_are_stored_alone_is_read_searched_proved(
    tmp_path: Path, place: StoragePlace
) -> None:
    archive = await archive_with(tmp_path, place)
    try:
        before = await homes.raws(archive)
        removed = await free(archive)
        assert len(removed) >= 4
        assert archive.home.volume(1).exists() is False
        assert archive.home.volume_numbers() == list(range(1, archive.last_volume + 1))
        assert await homes.raws(archive) == before
        assert any(archive.home.volume(number).exists() for number in range(1, len(removed) + 1))
        assert [one.volume for one in await stored(archive)] == list(range(1, len(removed) + 1))
    finally:
        await archive.close()
    copies.free(archive.home, 0, recent=0.0)
    verdict = await verify.verify(archive.home)
    assert verdict.findings == []
    assert verdict.messages == len(before)


async def test_an_archive_opens_without_a_volume_and_tells_nothing_of_a_loss(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    await free(archive)
    await archive.close()
    again = await Archive.open(archive.home)
    try:
        assert (again.refusal, again.notices) == (None, [])
        await homes.store(again, {99: homes.message(99)})
        assert await again.rebuild() > 0
        assert again.notices == []
    finally:
        await again.close()


async def test_nothing_is_stored_twice_and_no_entry_written_twice(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        first = await storing.push(archive, actor="test")
        await archive.volumes.release()
        count = len(await stored(archive))
        assert count == len(first.stored)
        assert {one.volume for one in await stored(archive)} >= {1, 2, 3, 4}
        for volume in copies.volumes(archive.home):
            notes.path_of(volume).unlink(missing_ok=True)
        await storing.push(archive, actor="test")
        again = await stored(archive)
        assert len({one.key for one in again}) == len(again)
    finally:
        await archive.close()


async def test_copies_used_longest_ago_go_first(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        await storing.push(archive, actor="test")
        for number in (3, 1, 2, 4):
            fetching.bring(archive.home.volume(number))
            there = archive.home.volume(number).stat()
            os.utime(archive.home.volume(number), ns=(there.st_atime_ns - 10**12 + number * 0, there.st_mtime_ns))
            await asyncio.sleep(0.01)
        await saved_settings.change(archive, "storage_cache", "64 MiB")
        assert copies.cache_bytes(archive.home) == 64 * 1024**2
        sizes = [archive.home.volume(number).stat().st_size for number in (2, 4)]
        keep = sum(sizes)
        removed = copies.free(archive.home, keep, recent=0.0)
        assert removed[:2] == ["000003.sqlite", "000001.sqlite"]
    finally:
        await archive.close()


async def test_a_copy_that_was_just_used_stays(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        await storing.push(archive, actor="test")
        for volume in copies.volumes(archive.home):
            fetching.bring(volume)
        assert copies.free(archive.home, 0) == []
    finally:
        await archive.close()


async def test_what_is_open_stays_readable_when_its_copy_goes(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        before = await homes.raws(archive)
        await storing.push(archive, actor="test")
        volume = await archive.volumes.at(1)
        copies.free(archive.home, 0, recent=0.0)
        assert await archive.volumes.at(1) is volume
        assert not archive.home.volume(1).exists()
        assert await homes.raws(archive) == before
    finally:
        await archive.close()


async def test_without_the_library_a_bucket_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.config", None)
    archive = await homes.begin(tmp_path / "home")
    try:
        with pytest.raises(InputError, check=coded(problems.NO_LIBRARY)):
            await storing.configure(
                archive,
                StoragePlace("s3://bucket", "https://s3.example.test", "", "key"),
                Secret("the bucket's own word"),
                actor="test",
            )
        assert configuration.read(archive.home) is None
    finally:
        await archive.close()


async def test_no_run_begins_beyond_the_bound(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        await storage_state.refuse_beyond_bound(archive.home, archive.database)
        async with archive.database.transaction() as transaction:
            await transaction.execute("INSERT OR REPLACE INTO setting VALUES ('storage_bound', '1')")
        assert (await settings.read(archive.database)).storage_bound == 1
        with pytest.raises(StorageError, check=coded(problems.BOUND_REACHED)):
            await storage_state.refuse_beyond_bound(archive.home, archive.database)
    finally:
        await archive.close()


# Who else writes there -----------------------------------------------------------------------------------------------------


async def test_a_copy_of_the_home_that_writes_there_too_is_refused(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    await archive.close()
    shutil.copytree(archive.home.path, tmp_path / "twin")
    twin = await Archive.open(Home(tmp_path / "twin"))
    archive = await Archive.open(archive.home)
    try:
        await homes.store(archive, {60: homes.message(60)})
        await homes.store(twin, {61: homes.message(61)})
        await homes.store(archive, {62: homes.message(62)})
        await homes.store(twin, {63: homes.message(63)})
        await archive.volumes.release()
        await twin.volumes.release()
        assert (await storing.push(archive, actor="test")).failed == {}
        done = await storing.push(twin, actor="test")
        assert {why.code for why in done.failed.values()} == {problems.TAKEN}
    finally:
        await archive.close()
        await twin.close()


async def test_two_processes_store_at_once(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    other = await Archive.open(archive.home)
    try:
        done = await asyncio.gather(storing.push(archive, actor="one"), storing.push(other, actor="two"))
        assert [one.failed for one in done] == [{}, {}]
        found = await stored(archive)
        assert {one.volume for one in found} >= {1, 2, 3, 4}
        assert (await storing.check(archive, deep=True)).findings == {}
    finally:
        await archive.close()
        await other.close()


async def test_two_readers_fetch_at_once(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    other = await Archive.open(archive.home)
    try:
        await free(archive)
        await other.volumes.release()
        one, two = await asyncio.gather(homes.raws(archive), homes.raws(other))
        assert one == two
    finally:
        await archive.close()
        await other.close()


async def test_a_storage_of_another_archive_changes_nothing(tmp_path: Path, folder: StoragePlace) -> None:
    first = await archive_with(tmp_path / "one", folder)
    await first.close()
    second = await homes.begin(tmp_path / "two")
    try:
        with pytest.raises(InputError) as refused:
            await storing.configure(second, folder, None, actor="test")
        assert refused.value.exit_code == 2
        assert configuration.read(second.home) is None
    finally:
        await second.close()


# The definition ------------------------------------------------------------------------------------------------------------


async def test_a_secret_is_kept_encrypted_and_goes_to_its_server_alone(tmp_path: Path, bucket: BucketServer) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        home = archive.home
        assert "secret-half" not in configuration.path_of(home).read_text()
        assert configuration.path_of(home).stat().st_mode & 0o077 == 0
        assert configuration.secret(home, in_bucket(bucket)) == Secret("secret-half")
        elsewhere = StoragePlace("s3://bucket", "https://elsewhere.example.test", "", "key-id")
        assert configuration.secret(home, elsewhere) is None
        with pytest.raises(InputError, check=coded(problems.NO_SECRET)):
            await storing.configure(archive, elsewhere, None, actor="test")
    finally:
        await archive.close()


async def test_a_rotation_of_the_key_takes_the_secret_along(tmp_path: Path, bucket: BucketServer) -> None:
    from core.archive.registry import passwords

    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        before = json.loads(configuration.path_of(archive.home).read_text())["box"]
        await passwords.rotate_key(archive)
        assert json.loads(configuration.path_of(archive.home).read_text())["box"] != before
        assert configuration.secret(archive.home, in_bucket(bucket)) == Secret("secret-half")
    finally:
        await archive.close()


async def test_a_storage_is_not_switched_off_while_volumes_are_there_alone(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        await free(archive)
        with pytest.raises(InputError, check=coded(problems.STILL_AWAY)):
            await storing.forget(archive, actor="test")
        fetched, failed = await storing.pull(archive)
        assert (len(fetched) >= 4, failed) == (True, {})
        await storing.forget(archive, actor="test")
        assert configuration.read(archive.home) is None
    finally:
        await archive.close()


# Backups, and notes that are lost ------------------------------------------------------------------------------------------


async def test_a_backup_has_all_volumes_and_is_not_fetched_twice(tmp_path: Path, bucket: BucketServer) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        await free(archive)
        numbers = archive.home.volume_numbers()
        done = await back_up(archive, tmp_path / "backup")
        assert done.damaged == []
        copy = Home(tmp_path / "backup")
        assert [number for number in numbers if not copy.volume(number).exists()] == []
        await free(archive)
        bucket.moods.requests.clear()
        await back_up(archive, tmp_path / "backup")
        known = {one.key for one in await stored(archive) if one.volume in numbers[:-1]}
        assert known
        assert [
            path for method, path in bucket.moods.requests if method == "GET" and path.partition("/mail/")[2] in known
        ] == []
    finally:
        await archive.close()
    assert (await verify.verify(Home(tmp_path / "backup"))).findings == []
