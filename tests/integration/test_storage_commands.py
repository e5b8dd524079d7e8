"""``archivar storage`` from end to end: a bucket, the service that stores by itself, a lost home, a killed process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import storing
from core.archive.store.entries.upkeep import VolumeStored
from core.config import Home
from core.storage import notes
from tests import homes
from tests.servers.bucket import BUCKET, BucketServer

pytestmark = pytest.mark.xdist_group("bucket")


def filled(path: Path, *, messages: int = 4) -> Home:
    """An archive with some sealed volumes, all finished."""

    async def make() -> Home:
        archive = await homes.begin(path, volume_bytes=1)
        for number in range(1, messages + 1):
            await homes.store(archive, {number: homes.message(number, 20_000)})
        await archive.close()
        return archive.home

    return asyncio.run(make())


def setting(bucket: BucketServer, tmp_path: Path) -> list[str]:
    secret = tmp_path / "secret"
    secret.write_text("the-secret-half\n")
    return [f"s3://{BUCKET}/mail", "--endpoint", bucket.endpoint, "--key", "key-id", "--secret-file", str(secret)]


def said(home: Home | Path, *words: str, code: int = 0) -> Any:
    done = homes.cli(home, *words, "--json")
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "the-secret-half" not in done.stdout + done.stderr
    return json.loads(done.stdout)


def test_an_archive_goes_to_a_bucket_and_comes_back_from_it_alone(bucket: BucketServer, tmp_path: Path) -> None:
    home = filled(tmp_path / "home")
    assert said(home, "storage", "show")["storage"] is None
    said(home, "storage", "set", *setting(bucket, tmp_path))
    assert said(home, "storage", "test")["steps"] == ["list", "put", "only-if-absent", "parts", "read", "range"]
    pushed = said(home, "storage", "push", "--free")
    assert pushed["failed"] == {}
    assert len(pushed["removed"]) >= 4
    shown = said(home, "storage", "show")
    assert len(shown["away"]) >= 4
    said(home, "index")
    found = said(home, "search", "message")["messages"]
    assert len(found) == 4
    exported = homes.cli(home, "export", "alice", "--to", str(tmp_path / "mail"))
    said(home, "storage", "push", "--free")
    verified = homes.cli(home, "verify")
    assert "in the storage alone" in verified.stdout + verified.stderr
    assert said(home, "verify")["away"] == 0
    assert said(home, "verify", "--storage")["ok"] is True
    assert exported.returncode in (0, 2)
    said(home, "storage", "push")
    other = tmp_path / "other"
    token = home.path / "seals" / f"{3:012}-{hashlib.sha256(b'a token').hexdigest()[:16]}.tsr"
    token.parent.mkdir()
    token.write_bytes(b"a token")
    assert token.name in said(home, "storage", "push")["seals"]
    assert said(home, "storage", "check", "--deep")["seals"] >= 2
    made = said(other, "rebuild", "--from-storage", *setting(bucket, tmp_path))
    assert made["missing"] == []
    assert made["findings"] == {}
    again = said(other, "search", "message")["messages"]
    assert [one["sha256"] for one in again] == [one["sha256"] for one in found]
    assert said(other, "verify")["ok"] is True
    assert (other / "seals" / token.name).read_bytes() == b"a token"
    assert made["later_seals"] >= 1
    # The seals of what was lost with the home keep it from nothing: that it was is known.
    assert said(other, "storage", "push")["failed"] == {}


def test_a_wrong_storage_is_refused_with_exit_code_2_and_nothing_changes(bucket: BucketServer, tmp_path: Path) -> None:
    home = filled(tmp_path / "home", messages=1)
    bucket.moods.refuse = (403, "AccessDenied")
    before = homes.files(home.volumes)
    done = homes.cli(home, "storage", "set", *setting(bucket, tmp_path))
    assert done.returncode == 2
    assert "denies access" in done.stderr
    assert homes.files(home.volumes) == before
    assert bucket.objects() == []
    assert said(home, "storage", "show")["storage"] is None


def test_changed_and_removed_objects_are_named_and_repaired_from_a_backup(bucket: BucketServer, tmp_path: Path) -> None:
    home = filled(tmp_path / "home")
    said(home, "storage", "set", *setting(bucket, tmp_path))
    said(home, "storage", "push")
    said(home, "backup", str(tmp_path / "backup"))
    said(home, "storage", "push", "--free")
    first, second = sorted(key for key in bucket.objects() if key.endswith(".sqlite"))[:2]
    bucket.put(first, bucket.content(first)[:-1] + b"?")
    bucket.delete(second)
    found = said(home, "verify", "--storage", code=4)
    assert set(found["findings"]) == {first.removeprefix("mail/"), second.removeprefix("mail/")}
    mended = said(home, "repair", "--from", str(tmp_path / "backup"))
    assert mended["stored"] == ["000001.sqlite", "000002.sqlite"]
    assert said(home, "verify", "--storage")["ok"] is True
    assert first.replace(".g1.", ".g2.") in bucket.objects()
    assert said(home, "verify")["ok"] is True


def test_the_service_stores_by_itself_and_goes_on_after_a_minute_without_a_bucket(bucket: BucketServer, tmp_path: Path) -> None:
    home = filled(tmp_path / "home")
    said(home, "storage", "set", *setting(bucket, tmp_path))
    said(home, "settings", "set", "volume_bytes", "64MiB")
    bucket.moods.refuse = (503, "SlowDown")
    service = homes.start_service(home, stays=True)
    try:
        homes.wait_for(lambda: _shown(home)["failure"], "the failure is told")
        status = homes.cli(home, "status")
        assert "wait for the storage" in " ".join((status.stdout + status.stderr).split())
        bucket.moods.refuse = None
        # The pause after a failure is a minute.
        homes.wait_for(lambda: _shown(home)["waiting"] == [], "all is stored", seconds=150)
        assert homes.wait_for(lambda: _shown(home)["failure"] is None, "the failure is over")
    finally:
        homes.end(service)


def _shown(home: Home) -> Any:
    """The state of the storage, whatever the exit code."""
    return json.loads(homes.cli(home, "storage", "show", "--json").stdout)


async def _entries(home: Home) -> list[VolumeStored]:
    archive = await Archive.open(home)
    try:
        return await storing.stored_volumes(archive)
    finally:
        await archive.close()


@pytest.mark.parametrize("point", ["put", "prove", "entry", "note", "unlink"])
def test_a_process_that_is_killed_between_two_steps_leaves_nothing_wrong(
    bucket: BucketServer, tmp_path: Path, point: str
) -> None:
    home = filled(tmp_path / "home")
    said(home, "storage", "set", *setting(bucket, tmp_path))
    program = f"""
import asyncio, os, signal
from pathlib import Path
from core.archive.archive import Archive
from core.archive.registry import storing
from core.config import Home
from core.storage import bucket, copies, notes, proving
def kill(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)
def after(module, name):
    work = getattr(module, name)
    def then(*given, **named):
        work(*given, **named)
        kill()
    setattr(module, name, then)
point = {point!r}
if point == "put":
    after(bucket.BucketStorage, "put_if_absent")
elif point == "prove":
    after(proving, "prove")
elif point == "entry":
    notes.write = kill
elif point == "note":
    after(notes, "write")
async def main():
    archive = await Archive.open(Home(Path({str(home.path)!r})))
    await storing.push(archive, actor="test")
    if point == "unlink":
        work = copies.Path.unlink
        def unlink(path, *given, **named):
            work(path, *given, **named)
            kill()
        copies.Path.unlink = unlink
        copies.free(archive.home, 0, recent=0.0)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=homes.ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    pushed = said(home, "storage", "push", "--free")
    assert pushed["failed"] == {}
    entries = asyncio.run(_entries(home))
    assert len({one.volume for one in entries}) == len(entries) >= 4
    assert said(home, "verify", "--storage")["ok"] is True
    assert said(home, "verify")["ok"] is True


def test_a_home_without_a_storage_loads_nothing_of_one(tmp_path: Path) -> None:
    home = filled(tmp_path / "home", messages=1)
    program = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from core.archive.archive import Archive\nfrom core.config import Home\n"
        f"async def main():\n    archive = await Archive.open(Home(Path({str(home.path)!r})))\n    await archive.close()\n"
        "asyncio.run(main())\nprint([name for name in sys.modules if name.startswith(('botocore', 'core.storage.'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=homes.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['core.storage.limits']")
    assert not notes.path_of(home.volume(1)).exists()
