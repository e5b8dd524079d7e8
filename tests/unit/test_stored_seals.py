"""Seals and time stamps in the storage: put, locked, compared with the ledger, fetched into a new home."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal, stored_seals
from core.archive.registry import storage_state, storing
from core.config import Home
from core.errors import DamagedError, InputError
from core.problems import bucket as problems
from core.secrets import Secret
from core.storage.place import StoragePlace
from tests import homes, stored_archives
from tests.servers.bucket import BUCKET, BucketServer
from tests.stored_archives import archive_with, in_bucket
from tests.support import coded

folder = stored_archives.folder
place = stored_archives.place

pytestmark = pytest.mark.xdist_group("bucket")


def stamped(archive: Archive, seq: int, content: bytes = b"a token") -> Path:
    """A file of a time stamp in the home, as far as its storing is concerned."""
    target = archive.home.path / "seals" / f"{seq:012}-{hashlib.sha256(content).hexdigest()[:16]}.tsr"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return target


async def test_the_present_seal_and_all_time_stamps_are_put_once_and_compared(tmp_path: Path, place: StoragePlace) -> None:
    archive = await archive_with(tmp_path, place)
    try:
        token = stamped(archive, 3)
        assert await stored_seals.due(archive)
        put = (await stored_seals.push(archive)).put
        assert token.name in put
        assert len(put) == 2
        assert (await stored_seals.push(archive)).put == ()
        assert not await stored_seals.due(archive)
        there = await stored_seals.check(archive, deep=True)
        assert (there.count, there.read, there.findings) == (2, 2, {})
        stamped(archive, 4)
        assert await stored_seals.due(archive)
    finally:
        await archive.close()


async def test_a_seal_that_was_changed_there_is_named(tmp_path: Path, bucket: BucketServer) -> None:
    archive = await archive_with(tmp_path, in_bucket(bucket))
    try:
        [name] = (await stored_seals.push(archive)).put
        key = f"{archive.archive_id}/seals/{name}"
        bucket.put(f"mail/{key}", bucket.content(f"mail/{key}").replace(b"archivar", b"archives"))
        assert {one: why.code for one, why in (await stored_seals.check(archive)).findings.items()} == {key: problems.CHANGED}
    finally:
        await archive.close()


async def test_an_archive_that_was_put_back_gets_no_new_seal_until_it_is_accepted(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    await archive.close()
    shutil.copytree(archive.home.path, tmp_path / "before")
    archive = await Archive.open(archive.home)
    try:
        await homes.store(archive, {90: homes.message(90)})
        await stored_seals.push(archive)
    finally:
        await archive.close()
    archive = await Archive.open(Home(tmp_path / "before"))
    try:
        with pytest.raises(DamagedError, check=coded(problems.SEAL_NOT_CONTAINED)):
            await stored_seals.push(archive)
        await homes.store(archive, {91: homes.message(91)})
        with pytest.raises(DamagedError, check=coded(problems.SEAL_NOT_CONTAINED)):
            await stored_seals.push(archive)
        assert {why.code for why in (await stored_seals.check(archive)).findings.values()} == {problems.SEAL_NOT_CONTAINED}
        told = await storage_state.trouble(archive.home, archive.database)
        assert told is not None
        assert told.code == problems.SEAL_NOT_CONTAINED
        assert len((await stored_seals.push(archive, accept=True)).put) == 1
        assert (await stored_seals.push(archive)).put == ()
        assert (await stored_seals.check(archive, deep=True)).findings == {}
    finally:
        await archive.close()


async def test_seals_are_locked_and_volumes_are_not(tmp_path: Path, bucket: BucketServer) -> None:
    name = f"locked-{secrets.token_hex(4)}"
    bucket.make_locking(name)
    locking = replace(in_bucket(bucket), where=f"s3://{name}/mail", lock="COMPLIANCE", lock_days="30", encryption="AES256")
    archive = await archive_with(tmp_path, locking)
    try:
        now = await seal.current(archive)

        def trial(storage: object, wanted: StoragePlace) -> None:
            stored_seals.try_lock(storage, wanted, archive.archive_id, now)  # type: ignore[arg-type]

        await storing.configure(archive, locking, Secret("secret-half"), actor="test", trial=trial)
        assert (await storing.push(archive, actor="test")).failed == {}
        token = stamped(archive, 5)
        for one in [*(await stored_seals.push(archive)).put, token.name]:
            mode, until = bucket.locked(name, f"mail/{archive.archive_id}/seals/{one}")
            assert (mode, until > now.at) == ("COMPLIANCE", True)
        for volume in await storing.stored_volumes(archive):
            assert bucket.locked(name, f"mail/{volume.key}") == ("", "")
    finally:
        await archive.close()


async def test_a_bucket_that_does_not_lock_is_refused(tmp_path: Path, bucket: BucketServer) -> None:
    archive = await homes.begin(tmp_path / "home")
    wanted = replace(in_bucket(bucket), where=f"s3://{BUCKET}/mail", lock="GOVERNANCE", lock_days="30")
    try:
        now = await seal.current(archive)

        def trial(storage: object, wanted: StoragePlace) -> None:
            stored_seals.try_lock(storage, wanted, archive.archive_id, now)  # type: ignore[arg-type]

        with pytest.raises(InputError) as refused:
            await storing.configure(archive, wanted, Secret("secret-half"), actor="test", trial=trial)
        assert refused.value.reason.values["why"].code == problems.NOT_LOCKED  # type: ignore[union-attr]
    finally:
        await archive.close()
