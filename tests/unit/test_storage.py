"""Storages of volumes: one contract for a folder and a bucket, and what a storage must not be."""

from __future__ import annotations

import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import IN_LANE
from core.errors import DamagedError, InputError, StorageError
from core.problems import bucket as problems
from core.problems.code import Code
from core.secrets import Secret
from core.storage import keys, opening, place, proving
from core.storage.bucket import BucketStorage
from core.storage.keys import VolumeKey
from core.storage.place import StoragePlace
from core.storage.port import VolumeStorage
from tests.servers.bucket import BUCKET, BucketServer
from tests.support import coded

pytestmark = pytest.mark.xdist_group("bucket")

ARCHIVE, OTHER = "a" * 32, "b" * 32
KEY = str(VolumeKey(ARCHIVE, 1))


def bucket_at(bucket: BucketServer, prefix: str = "mail/archive") -> StoragePlace:
    return StoragePlace(f"s3://{BUCKET}/{prefix}".rstrip("/"), bucket.endpoint, "eu-central-1", "key-id")


def opened(one: StoragePlace) -> VolumeStorage:
    return opening.opened(one, Secret("the-secret-half"), tries=1)


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> VolumeStorage:
    if request.param == "folder":
        (tmp_path / "storage").mkdir()
        return opening.opened(StoragePlace(str(tmp_path / "storage")), None)
    return opened(bucket_at(request.getfixturevalue("bucket")))


def file_of(tmp_path: Path, content: bytes, name: str = "volume") -> tuple[Path, bytes]:
    path = tmp_path / name
    path.write_bytes(content)
    return path, hashlib.sha256(content).digest()


CONTENT = bytes(range(256)) * 9000


# The contract --------------------------------------------------------------------------------------------------------------


def test_what_is_put_is_read_whole_and_in_ranges(storage: VolumeStorage, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path, CONTENT)
    assert storage.put_if_absent(KEY, path, digest)
    into = io.BytesIO()
    counted: list[int] = []
    assert storage.read_whole(KEY, into, counted.append) == digest
    assert into.getvalue() == CONTENT
    assert sum(counted) == len(CONTENT)
    assert storage.read_range(KEY, 1000, 2000) == CONTENT[1000:3000]
    assert storage.read_range(KEY, len(CONTENT) - 3, 100) == CONTENT[-3:]
    assert storage.read_range(KEY, len(CONTENT) + 3, 100) == b""
    there = storage.head(KEY)
    assert there is not None
    assert (there.key, there.size) == (KEY, len(CONTENT))


def test_an_empty_object_is_an_object(storage: VolumeStorage, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path, b"")
    assert storage.put_if_absent(KEY, path, digest)
    assert storage.read_whole(KEY, io.BytesIO()) == digest


def test_what_is_there_is_never_replaced(storage: VolumeStorage, tmp_path: Path) -> None:
    first, digest = file_of(tmp_path, CONTENT)
    second, other = file_of(tmp_path, b"another volume", "second")
    assert storage.put_if_absent(KEY, first, digest)
    assert not storage.put_if_absent(KEY, second, other)
    assert not storage.put_if_absent(KEY, first, digest)
    proving.prove(storage, KEY, digest)
    with pytest.raises(DamagedError, check=coded(problems.CHANGED)):
        proving.prove(storage, KEY, other)


def test_of_many_that_put_at_once_one_is_there_whole_and_no_other_has_put(storage: VolumeStorage, tmp_path: Path) -> None:
    made = [file_of(tmp_path, CONTENT + bytes([number]), f"v{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda one: storage.put_if_absent(KEY, *one), made))
    content = io.BytesIO()
    [there] = [number for number, one in enumerate(made) if one[1] == storage.read_whole(KEY, content)]
    # The library puts again when an answer is lost, and may then be refused because of its own first try: what is there counts.
    assert [number for number, put in enumerate(results) if put] in ([there], [])


def test_what_is_not_there_is_told_as_such(storage: VolumeStorage) -> None:
    assert storage.head(KEY) is None
    assert storage.read_whole(KEY, io.BytesIO()) is None
    assert storage.read_range(KEY, 0, 10) is None
    assert list(storage.list()) == []
    with pytest.raises(DamagedError, check=coded(problems.GONE)):
        proving.prove(storage, KEY, b"")


def test_a_folder_of_the_storage_is_listed_alone(storage: VolumeStorage, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path, b"content")
    names = {str(VolumeKey(ARCHIVE, number)) for number in (1, 2, 3, IN_LANE * 2 + 1)}
    for name in names | {str(VolumeKey(OTHER, 1))}:
        storage.put_if_absent(name, path, digest)
    assert {one.key for one in storage.list(ARCHIVE)} == names
    assert {one.key for one in storage.list()} == names | {str(VolumeKey(OTHER, 1))}
    assert {one.key for one in storage.list(f"{ARCHIVE}/lane-000002")} == {str(VolumeKey(ARCHIVE, IN_LANE * 2 + 1))}
    assert list(storage.list("c" * 32)) == []


def test_an_error_of_the_reader_ends_the_reading(storage: VolumeStorage, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path, CONTENT)
    storage.put_if_absent(KEY, path, digest)

    def refuse(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.read_whole(KEY, io.BytesIO(), refuse)


def test_a_storage_is_tried_out_twice_alike(storage: VolumeStorage) -> None:
    for _ in range(2):
        steps: list[str] = []
        proving.try_out(storage, ARCHIVE, steps.append)
        parts = ["parts"] if isinstance(storage, BucketStorage) else []
        assert steps == ["list", "put", "only-if-absent", *parts, "read", "range"]
    assert [one.key for one in storage.list()] == [keys.mark(ARCHIVE)]


@pytest.mark.parametrize(("key", "code"), [("holiday.jpg", problems.OF_OTHERS), (f"{OTHER}/x", problems.OF_OTHER_ARCHIVE)])
def test_a_place_of_something_else_is_refused_before_anything_is_written(
    storage: VolumeStorage, tmp_path: Path, key: str, code: Code
) -> None:
    storage.put_if_absent(key, *file_of(tmp_path, b"x"))
    with pytest.raises(InputError) as refused:
        proving.try_out(storage, ARCHIVE)
    assert refused.value.exit_code == 2
    assert refused.value.reason.values["why"].code == code  # type: ignore[union-attr]
    assert [one.key for one in storage.list()] == [key]


# Buckets -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word", "code"),
    [
        (403, "AccessDenied", problems.DENIED),
        (403, "InvalidAccessKeyId", problems.KEY_REFUSED),
        (403, "SignatureDoesNotMatch", problems.KEY_REFUSED),
        (403, "RequestTimeTooSkewed", problems.CLOCK),
        (301, "PermanentRedirect", problems.REGION),
        (400, "AuthorizationHeaderMalformed", problems.REGION),
        (404, "NoSuchBucket", problems.BUCKET_MISSING),
        (400, "SomethingNew", problems.REFUSED),
        (503, "SlowDown", problems.BUSY),
    ],
)
def test_what_a_server_refuses_is_told_with_its_remedy(bucket: BucketServer, status: int, word: str, code: Code) -> None:
    bucket.moods.refuse = (status, word)
    with pytest.raises(InputError) as refused:
        proving.try_out(opened(bucket_at(bucket)), ARCHIVE)
    assert refused.value.reason.values["why"].code == code  # type: ignore[union-attr]
    assert refused.value.hint
    assert not [method for method, _ in bucket.moods.requests[-3:] if method == "PUT"]
    assert bucket.objects() == []


def test_a_key_that_may_only_read_is_refused(bucket: BucketServer) -> None:
    bucket.moods.refuse, bucket.moods.only = (403, "AccessDenied"), ("PUT",)
    with pytest.raises(InputError) as refused:
        proving.try_out(opened(bucket_at(bucket)), ARCHIVE)
    assert refused.value.reason.values["why"].code == problems.DENIED  # type: ignore[union-attr]


def test_a_bucket_that_is_not_there_is_named(bucket: BucketServer) -> None:
    missing = replace(bucket_at(bucket), where="s3://no-such-bucket/mail")
    for ask in (lambda one: list(one.list()), lambda one: one.read_whole(KEY, io.BytesIO())):
        with pytest.raises(StorageError, check=coded(problems.BUCKET_MISSING)):
            ask(opened(missing))


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_a_server_that_does_not_answer_is_told(endpoint: str) -> None:
    with pytest.raises(StorageError, check=coded(problems.UNREACHABLE)):
        opened(StoragePlace("s3://bucket", endpoint, "", "k")).head(KEY)


def test_a_server_that_drops_connections_is_told(bucket: BucketServer, tmp_path: Path) -> None:
    bucket.moods.dropped = True
    with pytest.raises(StorageError, check=coded(problems.UNREACHABLE)):
        opened(bucket_at(bucket)).put_if_absent(KEY, *file_of(tmp_path, b"x"))


def test_a_server_that_replaces_objects_is_refused(bucket: BucketServer) -> None:
    bucket.moods.forgetful = True
    with pytest.raises(InputError) as refused:
        proving.try_out(opened(bucket_at(bucket)), ARCHIVE)
    assert refused.value.reason.values["why"].code == problems.REPLACES  # type: ignore[union-attr]


def test_a_put_that_was_acknowledged_and_changed_is_found(bucket: BucketServer, tmp_path: Path) -> None:
    bucket.moods.change = lambda body: body[:-1] + b"!"
    storage = opened(bucket_at(bucket))
    path, digest = file_of(tmp_path, CONTENT)
    assert storage.put_if_absent(KEY, path, digest)
    with pytest.raises(DamagedError, check=coded(problems.CHANGED)):
        proving.prove(storage, KEY, digest)


def test_the_prefix_of_another_archive_is_out_of_reach(bucket: BucketServer, tmp_path: Path) -> None:
    one, other = opened(bucket_at(bucket, "one")), opened(bucket_at(bucket, "other"))
    path, digest = file_of(tmp_path, b"content")
    one.put_if_absent(KEY, path, digest)
    assert other.head(KEY) is None
    assert list(other.list()) == []
    assert bucket.objects() == [f"one/{KEY}"]


def test_a_secret_is_in_no_text_of_the_storage(bucket: BucketServer) -> None:
    storage = opened(bucket_at(bucket))
    bucket.moods.refuse = (403, "the-secret-half")
    with pytest.raises(StorageError) as refused:
        storage.head(KEY)
    shown = f"{vars(storage)!r} {refused.value} {storage._client.meta.config}"  # type: ignore[attr-defined]
    assert "the-secret-half" not in shown


def test_a_volume_too_large_for_one_request_is_told_before_it_is_sent(bucket: BucketServer, tmp_path: Path) -> None:
    path = tmp_path / "000001.sqlite"
    with open(path, "wb") as file:
        file.truncate(5 * 1024**3 + 1)
    # Nothing is known of the server's parts without the archive's mark.
    with pytest.raises(StorageError, check=coded(problems.TOO_LARGE)):
        opened(bucket_at(bucket, "no/mark")).put_if_absent(KEY, path, b"")


# Folders -------------------------------------------------------------------------------------------------------------------


def test_a_folder_whose_disk_is_not_mounted_is_no_empty_storage(tmp_path: Path) -> None:
    storage = opening.opened(StoragePlace(str(tmp_path / "gone")), None)
    for ask in (lambda: storage.head(KEY), lambda: list(storage.list()), lambda: storage.put_if_absent(KEY, tmp_path, b"")):
        with pytest.raises(StorageError, check=coded(problems.FOLDER_MISSING)):
            ask()
    assert not (tmp_path / "gone").exists()


def test_what_a_killed_process_left_is_no_object(tmp_path: Path) -> None:
    storage = opening.opened(StoragePlace(str(tmp_path)), None)
    folder = (tmp_path / KEY).parent
    folder.mkdir(parents=True)
    (folder / ".000001.g1.sqlite.abc.part").write_bytes(b"half")
    assert list(storage.list()) == []
    assert storage.head(KEY) is None


# Keys and definitions ------------------------------------------------------------------------------------------------------


def test_a_key_carries_archive_lane_number_and_generation() -> None:
    key = VolumeKey(ARCHIVE, 3 * IN_LANE + 17, 2)
    assert str(key) == f"{ARCHIVE}/lane-000003/000017.g2.sqlite"
    assert VolumeKey.parse(str(key)) == key
    assert VolumeKey.parse(str(key.next())) == replace(key, generation=3)
    assert str(VolumeKey(ARCHIVE, 1)) == f"{ARCHIVE}/lane-000000/000001.g1.sqlite"


@pytest.mark.parametrize("text", ["", "x", f"{ARCHIVE}/archive.json", f"{ARCHIVE}/lane-000000/000000.g1.sqlite", f"{KEY}x"])
def test_another_key_is_no_volume(text: str) -> None:
    assert VolumeKey.parse(text) is None


@pytest.mark.parametrize(
    "wrong",
    [
        StoragePlace("relative/folder"),
        StoragePlace("s3://UPPER/x", "https://s3.example.test"),
        StoragePlace("s3://bucket/../x", "https://s3.example.test"),
        StoragePlace("s3://bucket//x", "https://s3.example.test"),
        StoragePlace("s3://bucket", "ftp://s3.example.test"),
        StoragePlace("s3://bucket", "https://user:secret@s3.example.test"),
        StoragePlace("s3://bucket", "https://s3.example.test", "Region One"),
        StoragePlace("s3://bucket", "https://s3.example.test", "", "two words"),
        StoragePlace("s3://bucket", "https://s3.example.test", ca_file="/no/such/file"),
        StoragePlace("s3://bucket", "https://s3.example.test", encryption="rot13"),
        StoragePlace("s3://bucket", "https://s3.example.test", encryption="AES256", encryption_key="x"),
        StoragePlace("/", region="eu-central-1"),
        StoragePlace("/no/such/folder"),
        StoragePlace("s3://bucket"),
    ],
)
def test_a_wrong_definition_is_an_error_with_a_remedy(wrong: StoragePlace) -> None:
    with pytest.raises(InputError) as refused:
        place.checked(wrong)
    assert refused.value.hint


def test_a_definition_is_read_as_it_was_saved() -> None:
    one = place.checked(StoragePlace(" s3://bucket/mail/ ", "https://s3.example.test/", "eu-1", "key", encryption="AES256"))
    assert (one.bucket, one.prefix, one.endpoint) == ("bucket", "mail", "https://s3.example.test")
    assert StoragePlace.from_json(one.as_json()) == one
    assert not re.search("secret", str(one.as_json()))
