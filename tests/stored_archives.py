"""Archives whose sealed volumes are stored in a folder or a bucket, for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import storing
from core.archive.store.entries.upkeep import VolumeStored
from core.secrets import Secret
from core.storage import copies
from core.storage.place import StoragePlace
from tests import homes
from tests.servers.bucket import BUCKET, BucketServer


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StoragePlace:
    if request.param == "folder":
        (tmp_path / "storage").mkdir()
        return StoragePlace(str(tmp_path / "storage"))
    return in_bucket(request.getfixturevalue("bucket"))


@pytest.fixture
def folder(tmp_path: Path) -> StoragePlace:
    (tmp_path / "storage").mkdir()
    return StoragePlace(str(tmp_path / "storage"))


def in_bucket(bucket: BucketServer) -> StoragePlace:
    return StoragePlace(f"s3://{BUCKET}/mail", bucket.endpoint, "", "key-id")


async def archive_with(tmp_path: Path, place: StoragePlace, *, volumes: int = 4) -> Archive:
    """An archive with some sealed volumes and a storage."""
    archive = await homes.begin(tmp_path / "home", volume_bytes=1)
    for number in range(1, volumes + 1):
        await homes.store(archive, {number: homes.message(number, 20_000)})
    await archive.volumes.release()
    await storing.configure(archive, place, Secret("secret-half") if place.access_key else None, actor="test")
    return archive


async def free(archive: Archive) -> list[str]:
    """Store all, and remove every copy."""
    done = await storing.push(archive, actor="test")
    assert done.failed == {}
    await archive.volumes.release()
    return copies.free(archive.home, 0, recent=0.0)


async def stored(archive: Archive) -> list[VolumeStored]:
    return await storing.stored_volumes(archive)
