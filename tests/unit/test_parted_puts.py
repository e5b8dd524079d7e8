"""Objects that are put in parts: what was sent before a line was cut, or the process killed, is not sent again."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import StorageError
from core.problems import bucket as problems
from core.secrets import Secret
from core.storage import keys, opening, parts, proving
from core.storage.bucket import BucketStorage
from core.storage.keys import VolumeKey
from core.storage.parts import PART_BYTES
from core.storage.place import StoragePlace
from tests import homes
from tests.servers.bucket import BUCKET, BucketServer
from tests.support import coded

pytestmark = pytest.mark.xdist_group("bucket")

ARCHIVE = "a" * 32
KEY = str(VolumeKey(ARCHIVE, 1))
MIB = 1024**2


@pytest.fixture
def place(bucket: BucketServer) -> StoragePlace:
    parts._JOINING.clear()
    bucket.put(f"mail/{keys.mark(ARCHIVE)}", b"mark")
    return StoragePlace(f"s3://{BUCKET}/mail", bucket.endpoint, "eu-central-1", "key-id")


def opened(place: StoragePlace, tries: int = 1) -> BucketStorage:
    storage = opening.opened(place, Secret("the-secret-half"), tries=tries)
    assert isinstance(storage, BucketStorage)
    return storage


def volume(tmp_path: Path, size: int) -> tuple[Path, bytes]:
    path = tmp_path / "000001.sqlite"
    with open(path, "wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
        file.write(b"end")
    return path, hashlib.sha256(path.read_bytes()).digest()


def record(path: Path) -> Path:
    return path.with_suffix(parts.SUFFIX)


def test_a_volume_of_several_parts_is_put_once_and_read_back(place: StoragePlace, bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = volume(tmp_path, 12 * MIB)
    assert opened(place).put_if_absent(KEY, path, digest)
    proving.prove(opened(place), KEY, digest)
    assert not record(path).exists()
    assert len([one for one in bucket.moods.requests if one[0] == "PUT" and KEY in one[1]]) == 3
    bucket.moods.taken = 0
    assert not opened(place).put_if_absent(KEY, path, digest)


def test_of_a_volume_whose_line_was_cut_at_90_percent_the_rest_alone_is_sent(
    place: StoragePlace, bucket: BucketServer, tmp_path: Path
) -> None:
    path, digest = volume(tmp_path, 100 * MIB)
    bucket.moods.cut = 90 * MIB
    with pytest.raises(StorageError, check=coded(problems.UNREACHABLE)):
        opened(place).put_if_absent(KEY, path, digest)
    sent, bucket.moods.cut, bucket.moods.taken = bucket.moods.taken, None, 0
    assert sent >= 90 * MIB
    assert opened(place).put_if_absent(KEY, path, digest)
    assert bucket.moods.taken <= 10 * MIB + PART_BYTES + 64 * 1024
    proving.prove(opened(place), KEY, digest)


def test_of_a_volume_whose_process_was_killed_at_90_percent_the_rest_alone_is_sent(
    place: StoragePlace, bucket: BucketServer, tmp_path: Path
) -> None:
    path, digest = volume(tmp_path, 100 * MIB)
    program = (
        "from pathlib import Path\nfrom core.secrets import Secret\nfrom core.storage import opening\n"
        "from core.storage.place import StoragePlace\n"
        f"storage = opening.opened(StoragePlace(**{place.as_json()!r}), Secret('the-secret-half'))\n"
        f"storage.put_if_absent({KEY!r}, Path({str(path)!r}), bytes.fromhex({digest.hex()!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=homes.ROOT)
    homes.wait_for(lambda: bucket.moods.taken >= 90 * MIB, "90 % were sent")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    homes.wait_for(lambda: True, "the server takes no more")
    bucket.moods.taken = 0
    assert opened(place).put_if_absent(KEY, path, digest)
    assert bucket.moods.taken <= 10 * MIB + 2 * PART_BYTES
    proving.prove(opened(place), KEY, digest)


def test_a_part_that_the_server_has_otherwise_is_sent_again(place: StoragePlace, bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = volume(tmp_path, 12 * MIB)
    bucket.moods.cut = 11 * MIB
    with pytest.raises(StorageError):
        opened(place).put_if_absent(KEY, path, digest)
    lines = record(path).read_text().splitlines()
    record(path).write_text("\n".join([lines[0], *lines[1:]]).replace('"ETag": "', '"ETag": "x') + '\n{"torn')
    bucket.moods.cut, bucket.moods.taken = None, 0
    assert opened(place).put_if_absent(KEY, path, digest)
    assert bucket.moods.taken >= 12 * MIB
    proving.prove(opened(place), KEY, digest)


def test_a_record_of_another_file_or_upload_is_not_believed(place: StoragePlace, bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = volume(tmp_path, 12 * MIB)
    bucket.moods.cut = 11 * MIB
    with pytest.raises(StorageError):
        opened(place).put_if_absent(KEY, path, digest)
    bucket.moods.cut = None
    text = record(path).read_text()
    record(path).write_text(text.replace('"upload": "', '"upload": "gone'))
    assert opened(place).put_if_absent(KEY, path, digest)
    record(path).write_text(text)
    other, digest = volume(tmp_path, 13 * MIB)
    next_one = str(VolumeKey(ARCHIVE, 1).next())
    assert opened(place).put_if_absent(next_one, other, digest)
    proving.prove(opened(place), next_one, digest)


def test_an_answer_that_is_lost_after_the_last_request_is_no_second_object(
    place: StoragePlace, bucket: BucketServer, tmp_path: Path
) -> None:
    path, digest = volume(tmp_path, 12 * MIB)
    storage = opened(place)
    assert storage.joins_parts(ARCHIVE)

    begun = threading.Event()

    def lose() -> None:
        homes.wait_for(lambda: bucket.moods.taken > 12 * MIB, "all parts were sent")
        begun.set()

    bucket.moods.taken = 0
    thread = threading.Thread(target=lose)
    thread.start()
    # The first POST begins the upload; the second puts it together.
    complete = storage._client.complete_multipart_upload

    def lost(**named: object) -> object:
        bucket.moods.lost = {"POST": 1}
        return complete(**named)

    storage._client.complete_multipart_upload = lost
    with pytest.raises(StorageError, check=coded(problems.UNREACHABLE)):
        storage.put_if_absent(KEY, path, digest)
    thread.join()
    bucket.moods.taken = 0
    assert not opened(place).put_if_absent(KEY, path, digest)
    assert bucket.moods.taken < MIB
    assert not record(path).exists()
    proving.prove(opened(place), KEY, digest)


def test_two_that_put_at_once_send_the_file_once(place: StoragePlace, bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = volume(tmp_path, 20 * MIB)
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(opened(place).put_if_absent(KEY, path, digest))) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(done) == 2
    assert bucket.moods.taken < 41 * MIB
    proving.prove(opened(place), KEY, digest)


def test_what_is_put_together_never_replaces_an_object(place: StoragePlace, bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = volume(tmp_path, 12 * MIB)
    bucket.put(f"mail/{KEY}", b"of somebody else")
    assert not opened(place).put_if_absent(KEY, path, digest)
    assert bucket.content(f"mail/{KEY}") == b"of somebody else"


def test_a_server_that_puts_together_without_the_condition_gets_whole_files(
    place: StoragePlace, bucket: BucketServer, tmp_path: Path
) -> None:
    bucket.moods.joining = False
    path, digest = volume(tmp_path, 12 * MIB)
    storage = opened(place)
    assert not storage.joins_parts(ARCHIVE)
    assert storage.put_if_absent(KEY, path, digest)
    assert not storage.put_if_absent(KEY, path, digest)
    assert bucket.content(f"mail/{keys.mark(ARCHIVE)}") == b"mark"
    assert [one for one in bucket.moods.requests if "partNumber" in one[1] and KEY in one[1]] == []


def test_an_object_is_read_on_from_where_the_line_was_cut(place: StoragePlace, bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = volume(tmp_path, 12 * MIB)
    assert opened(place).put_if_absent(KEY, path, digest)
    bucket.moods.requests.clear()
    bucket.moods.cut_answer = 7 * MIB
    into = io.BytesIO()
    assert opened(place, tries=3).read_whole(KEY, into) == digest
    assert into.getvalue() == path.read_bytes()
    assert len(bucket.moods.requests) == 2
