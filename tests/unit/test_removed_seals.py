"""Seals and time stamps that were removed from the storage, and the state of a storage in which only they fail."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import stored_seals
from core.archive.registry import storage_state, storing
from core.errors import DamagedError, StorageError
from core.model import now
from core.problems import bucket as problems
from core.problems.warning import SEALS_NOT_STORED
from core.service import storing as service
from core.storage import configuration, copies, notes
from core.storage.bucket import BucketStorage
from core.storage.place import StoragePlace
from tests import homes, stored_archives
from tests.servers.bucket import BUCKET, BucketServer
from tests.stored_archives import archive_with, in_bucket
from tests.support import coded
from tests.unit.test_stored_seals import stamped

folder = stored_archives.folder

pytestmark = pytest.mark.xdist_group("bucket")


def there(archive: Archive, place: StoragePlace) -> Path:
    return Path(place.where) / archive.archive_id / "seals"


async def with_seals(tmp_path: Path, folder: StoragePlace) -> tuple[Archive, list[str]]:
    """An archive with two seals and a time stamp in its storage; their names."""
    archive = await archive_with(tmp_path, folder)
    token = stamped(archive, 3)
    first = (await stored_seals.push(archive)).put
    await homes.store(archive, {90: homes.message(90)})
    return archive, sorted({*first, *(await stored_seals.push(archive)).put, token.name})


async def test_each_seal_and_time_stamp_that_is_gone_is_found_and_put_again_and_told(
    tmp_path: Path, folder: StoragePlace
) -> None:
    archive, names = await with_seals(tmp_path, folder)
    try:
        assert len(names) == 3
        for name in names:
            key = f"{archive.archive_id}/seals/{name}"
            content = (there(archive, folder) / name).read_bytes()
            (there(archive, folder) / name).unlink()
            found = (await stored_seals.check(archive)).findings
            assert {one: why.code for one, why in found.items()} == {key: problems.SEAL_GONE}
            done = await stored_seals.push(archive)
            assert {one: why.code for one, why in done.gone.items()} == {key: problems.SEAL_GONE}
            assert name in done.put
            assert (there(archive, folder) / name).read_bytes() == content
            assert (await stored_seals.check(archive, deep=True)).findings == {}
            assert await storage_state.failure(archive.database) is None
            assert (await stored_seals.push(archive)).gone == {}
    finally:
        await archive.close()


async def test_the_service_puts_nothing_again_and_home_tells_it_until_somebody_has_been_told(
    tmp_path: Path, folder: StoragePlace
) -> None:
    archive, names = await with_seals(tmp_path, folder)
    try:
        (there(archive, folder) / names[0]).unlink()
        await homes.store(archive, {91: homes.message(91)})
        for _ in range(2):
            with pytest.raises(DamagedError, check=coded(problems.SEAL_GONE)):
                await stored_seals.push(archive, again=False)
        assert not (there(archive, folder) / names[0]).exists()
        # What the archive is now is sealed there all the same.
        assert len(list(there(archive, folder).glob("*.seal"))) + len(list(there(archive, folder).glob("*.tsr"))) == 3
        told = await storage_state.trouble(archive.home, archive.database)
        assert told is not None
        assert told.code == problems.SEAL_GONE
        assert (await stored_seals.push(archive)).gone
        assert await storage_state.trouble(archive.home, archive.database) is None
    finally:
        await archive.close()


async def test_a_time_stamp_that_is_nowhere_is_told_until_it_is_given_up(tmp_path: Path, folder: StoragePlace) -> None:
    archive, names = await with_seals(tmp_path, folder)
    try:
        [name] = [one for one in names if one.endswith(".tsr")]
        (there(archive, folder) / name).unlink()
        (archive.home.path / "seals" / name).unlink()
        for _ in range(2):
            done = await stored_seals.push(archive)
            assert list(done.gone) == [f"{archive.archive_id}/seals/{name}"]
            assert name not in done.put
            assert await storage_state.trouble(archive.home, archive.database) is not None
        await stored_seals.push(archive, accept=True)
        assert (await stored_seals.push(archive)).gone == {}
        assert await storage_state.trouble(archive.home, archive.database) is None
    finally:
        await archive.close()


async def test_another_storage_lacks_nothing_and_gets_seal_and_time_stamps(tmp_path: Path, folder: StoragePlace) -> None:
    archive, _ = await with_seals(tmp_path, folder)
    try:
        (tmp_path / "other").mkdir()
        other = StoragePlace(str(tmp_path / "other"))
        await storing.configure(archive, other, None, actor="test")
        assert (await stored_seals.check(archive)).findings == {}
        assert await stored_seals.due(archive)
        assert len((await stored_seals.push(archive)).put) == 2
        assert (await stored_seals.push(archive)).gone == {}
    finally:
        await archive.close()


async def test_since_when_seals_fail_stays_while_volumes_are_stored(
    tmp_path: Path, folder: StoragePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        assert (await storing.push(archive, actor="test")).failed == {}
        seals = there(archive, folder)
        seals.write_bytes(b"no folder")
        begun = []
        for hours in range(3):
            monkeypatch.setattr(storage_state, "now", lambda hours=hours: now() + timedelta(hours=hours))
            assert (await storing.push(archive, actor="test")).failed == {}
            with pytest.raises(StorageError):
                await stored_seals.push(archive)
            failure = await storage_state.failure(archive.database)
            assert failure is not None
            begun.append(failure.since)
            told = await storage_state.trouble(archive.home, archive.database)
            assert told is not None
            assert told.code == SEALS_NOT_STORED
        assert len(set(begun)) == 1
        seals.unlink()
        await stored_seals.push(archive)
        assert await storage_state.failure(archive.database) is None
    finally:
        await archive.close()


async def test_the_log_has_a_failure_that_goes_on_once_in_hours(
    tmp_path: Path, folder: StoragePlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive = await archive_with(tmp_path, folder)
    clock = [1000.0]

    class Ending:
        started, code = False, 1

        def start(self, home: object) -> None:
            self.started = True

        def ended(self) -> int:
            self.started = False
            return self.code

    try:
        monkeypatch.setattr("core.service.companion.time.monotonic", lambda: clock[0])
        looked = service.VolumeStoring(archive)
        looked._companion = process = Ending()  # type: ignore[assignment]

        async def hours(count: float) -> int:
            caplog.clear()
            end = clock[0] + count * 3600
            while clock[0] < end:
                clock[0] += 10
                await looked.look()
            return sum(record.levelno == logging.ERROR for record in caplog.records)

        assert await hours(5) == 1
        assert await hours(5) == 1
        process.code = 0
        assert await hours(0.1) == 0
        process.code = 1
        assert await hours(0.1) == 1
    finally:
        await archive.close()


async def test_a_volume_that_went_to_another_server_has_no_note_of_this_one(
    tmp_path: Path, bucket: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = in_bucket(bucket)
    archive = await archive_with(tmp_path, place)
    put = BucketStorage.put_if_absent

    def meanwhile(self: BucketStorage, *given: object) -> bool:
        # While the volume is put, the definition gets another server that has a bucket of the same name.
        secret = configuration.secret(archive.home, place)
        configuration.write(archive.home, replace(place, endpoint="https://other.example.test"), secret)
        return put(self, *given)  # type: ignore[arg-type]

    try:
        assert place.where.startswith(f"s3://{BUCKET}")
        storage = configuration.opened(archive.home)
        number = next(iter(copies.waiting(archive.home)))
        monkeypatch.setattr(BucketStorage, "put_if_absent", meanwhile)
        await storing.store(archive, storage, number, {}, actor="test")
        assert not notes.path_of(archive.home.volume(number)).exists()
        assert number in await asyncio.to_thread(lambda: list(copies.waiting(archive.home)))
    finally:
        await archive.close()
