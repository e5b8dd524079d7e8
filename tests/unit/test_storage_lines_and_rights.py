"""Buckets behind bad lines, odd machines and half of the rights: one sentence with its remedy, and nothing believed unseen."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from core.errors import DamagedError, InputError, StorageError
from core.problems import bucket as problems
from core.secrets import Secret
from core.storage import keys, opening, parts, proving
from core.storage.keys import VolumeKey
from core.storage.parts import PART_BYTES
from core.storage.place import StoragePlace
from core.storage.port import VolumeStorage
from tests.servers.bucket import BucketServer
from tests.stored_archives import in_bucket
from tests.support import coded

pytestmark = pytest.mark.xdist_group("bucket")

ARCHIVE = "a" * 32
KEY = str(VolumeKey(ARCHIVE, 1))
SECRET = "the-secret-half"


def opened(place: StoragePlace, tries: int = 1) -> VolumeStorage:
    return opening.opened(place, Secret(SECRET), tries=tries)


def file_of(tmp_path: Path, size: int = 40_000) -> tuple[Path, bytes]:
    path = tmp_path / "000001.sqlite"
    path.write_bytes(os.urandom(size))
    return path, hashlib.sha256(path.read_bytes()).digest()


def test_a_certificate_of_an_unknown_authority_is_told_and_a_known_one_is_taken(bucket: BucketServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with bucket.behind_tls(tls) as endpoint:
        place = replace(in_bucket(bucket), endpoint=endpoint)
        with pytest.raises(StorageError, check=coded(problems.CERTIFICATE)):
            opened(place).head(KEY)
        known = opened(replace(place, ca_file=str(tmp_path / "ca.pem")))
        path, digest = file_of(tmp_path)
        assert known.put_if_absent(KEY, path, digest)
        proving.prove(known, KEY, digest)


def test_a_file_that_is_no_authority_is_told(bucket: BucketServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(StorageError, check=coded(problems.AUTHORITY_UNREAD)):
        opened(replace(in_bucket(bucket), ca_file=str(tmp_path / "ca.pem")))


def test_a_proxy_that_does_not_answer_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(StorageError, check=coded(problems.PROXY)):
        opened(StoragePlace("s3://bucket", "https://s3.example.test", "", "k")).head(KEY)


def test_what_the_machine_is_set_up_for_does_not_count_beside_a_key_and_an_endpoint(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://127.0.0.1:1\nregion = nowhere\n")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_CA_BUNDLE", "/no/such/file")
    assert opened(in_bucket(bucket)).head(KEY) is None


@pytest.mark.parametrize(
    ("only", "below"), [(("PUT",), ""), (("GET",), "archive.json"), (("GET",), "list-type"), (("GET",), "")], ids=str
)
def test_half_of_the_rights_are_refused_before_anything_counts(bucket: BucketServer, only: tuple[str, ...], below: str) -> None:
    bucket.moods.refuse, bucket.moods.only, bucket.moods.below = (403, "AccessDenied"), only, below
    with pytest.raises(InputError) as refused:
        proving.try_out(opened(in_bucket(bucket)), ARCHIVE)
    assert refused.value.reason.values["why"].code == problems.DENIED  # type: ignore[union-attr]
    assert set(bucket.objects()) <= {f"mail/{keys.mark(ARCHIVE)}"}


def test_no_right_to_delete_is_needed_and_none_is_used(bucket: BucketServer, tmp_path: Path) -> None:
    bucket.moods.refuse, bucket.moods.only = (403, "AccessDenied"), ("DELETE",)
    storage = opened(in_bucket(bucket))
    proving.try_out(storage, ARCHIVE)
    path, digest = file_of(tmp_path, PART_BYTES + 10)
    assert storage.put_if_absent(KEY, path, digest)
    proving.prove(storage, KEY, digest)
    # An unfinished upload may be ended; an object never.
    assert [path for method, path in bucket.moods.requests if method == "DELETE" and "uploadId" not in path] == []


def test_a_busy_server_is_asked_again_and_told_as_busy(bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path)
    bucket.moods.refuse, bucket.moods.times = (503, "SlowDown"), 2
    assert opened(in_bucket(bucket), tries=3).put_if_absent(KEY, path, digest)
    bucket.moods.times = 1
    with pytest.raises(StorageError, check=coded(problems.BUSY)):
        opened(in_bucket(bucket)).head(KEY)


def test_an_answer_lost_after_a_put_is_asked_for_again(bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path)
    bucket.moods.lost = {"PUT": 1}
    storage = opened(in_bucket(bucket), tries=3)
    # It is there by the first try, as the second is told.
    assert not storage.put_if_absent(KEY, path, digest)
    proving.prove(storage, KEY, digest)


def test_an_object_replaced_while_it_is_read_is_no_mixture(bucket: BucketServer, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path, 3 * 1024**2)
    storage = opened(in_bucket(bucket), tries=3)
    storage.put_if_absent(KEY, path, digest)
    bucket.moods.cut_answer = 1024**2
    replaced = threading.Event()

    def replace_once(count: int) -> None:
        if not replaced.is_set():
            replaced.set()
            bucket.put(f"mail/{KEY}", os.urandom(3 * 1024**2))

    with pytest.raises(DamagedError, check=coded(problems.CHANGED)):
        proving.prove(storage, KEY, digest, io.BytesIO(), replace_once)


@pytest.mark.parametrize("size", [1000, PART_BYTES + 1])
def test_what_is_put_is_encrypted_as_was_asked(bucket: BucketServer, tmp_path: Path, size: int) -> None:
    place = replace(in_bucket(bucket), encryption="AES256")
    proving.try_out(opened(place), ARCHIVE)
    assert opened(place).put_if_absent(KEY, *file_of(tmp_path, size))
    assert bucket.encryption(f"mail/{KEY}") == "AES256"
    assert bucket.encryption(f"mail/{keys.mark(ARCHIVE)}") == "AES256"


def test_the_secret_is_in_no_log_however_much_is_logged(
    bucket: BucketServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    storage = opened(in_bucket(bucket))
    storage.put_if_absent(KEY, *file_of(tmp_path))
    bucket.moods.refuse = (403, "AccessDenied")
    with pytest.raises(StorageError):
        storage.head(KEY)
    assert caplog.records
    assert SECRET not in caplog.text


def test_a_folder_that_a_console_made_is_no_object_of_somebody_else(bucket: BucketServer) -> None:
    bucket.put("mail/", b"")
    parts._JOINING.clear()
    proving.try_out(opened(in_bucket(bucket)), ARCHIVE)
    assert f"mail/{keys.mark(ARCHIVE)}" in bucket.objects()
