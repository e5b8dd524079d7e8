"""Buckets of more than one page, of versions, and of a server that answers slowly or not to the end."""

from __future__ import annotations

import hashlib
import io
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from core.archive.proof import stored_seals
from core.errors import StorageError
from core.problems import bucket as problems
from core.secrets import Secret
from core.storage import client
from core.storage.bucket import BucketStorage
from core.storage.place import StoragePlace
from tests import homes
from tests.servers.bucket import _SIGNED, BUCKET, BucketServer
from tests.stored_archives import archive_with, in_bucket
from tests.support import coded

pytestmark = pytest.mark.xdist_group("bucket")


def sent(bucket: BucketServer, method: str, path: str, content: bytes | str = b"") -> bytes:
    """The content of the server's answer, to a request that does not go through the front."""
    answer = httpx.request(method, f"{bucket.direct}/{path}", content=content, headers=_SIGNED)
    return answer.raise_for_status().content


def fill(bucket: BucketServer, name: str, folder: str) -> None:
    """Put more than a page of time stamps into a bucket of the name."""
    with httpx.Client(headers=_SIGNED) as server:
        for number in range(1005):
            content = str(number).encode()
            key = f"{folder}/000000000000-{hashlib.sha256(content).hexdigest()[:16]}.tsr"
            server.put(f"{bucket.direct}/{name}/{key}", content=content).raise_for_status()


async def test_a_seal_that_is_gone_is_found_among_more_than_a_page(tmp_path: Path, bucket: BucketServer) -> None:
    name = f"pages-{secrets.token_hex(4)}"
    sent(bucket, "PUT", name)
    archive = await archive_with(tmp_path, replace(in_bucket(bucket), where=f"s3://{name}/mail"))
    try:
        [first] = (await stored_seals.push(archive)).put
        folder = f"mail/{archive.archive_id}/seals"
        # Before the seal in the order of the listing: it is on the last page.
        fill(bucket, name, folder)
        there = await stored_seals.check(archive)
        assert (there.count, there.findings) == (1006, {})
        await homes.store(archive, {90: homes.message(90)})
        assert (await stored_seals.push(archive)).gone == {}
        sent(bucket, "DELETE", f"{name}/{folder}/{first}")
        assert list((await stored_seals.check(archive)).findings) == [f"{archive.archive_id}/seals/{first}"]
    finally:
        await archive.close()


async def test_a_deletion_that_leaves_earlier_versions_counts_as_one(tmp_path: Path, bucket: BucketServer) -> None:
    name = f"versions-{secrets.token_hex(4)}"
    sent(bucket, "PUT", name)
    on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    sent(bucket, "PUT", f"{name}?versioning", on)
    archive = await archive_with(tmp_path, replace(in_bucket(bucket), where=f"s3://{name}/mail"))
    try:
        [first] = (await stored_seals.push(archive)).put
        key = f"{archive.archive_id}/seals/{first}"
        content = sent(bucket, "GET", f"{name}/mail/{key}")
        sent(bucket, "PUT", f"{name}/mail/{key}", b"another")
        assert {one: why.code for one, why in (await stored_seals.check(archive)).findings.items()} == {key: problems.CHANGED}
        sent(bucket, "DELETE", f"{name}/mail/{key}")
        assert {one: why.code for one, why in (await stored_seals.check(archive)).findings.items()} == {key: problems.SEAL_GONE}
        assert first in (await stored_seals.push(archive)).put
        assert sent(bucket, "GET", f"{name}/mail/{key}") == content
        assert (await stored_seals.check(archive, deep=True)).findings == {}
    finally:
        await archive.close()


# A slow server -------------------------------------------------------------------------------------------------------------


@contextmanager
def slow_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Context of the address of a server that takes a request and then does what ``answer`` does."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    connection.recv(65536)
                    answer(connection)
                except OSError:
                    return

        def accept() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)


def storage_at(endpoint: str, tries: int) -> BucketStorage:
    return BucketStorage(StoragePlace(f"s3://{BUCKET}/mail", endpoint, "", "key-id"), Secret("half"), tries=tries)


def test_a_silent_server_is_given_up_after_so_many_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SILENT_SECONDS", 0.5)
    with slow_server(lambda connection: time.sleep(20)) as endpoint:
        began = time.monotonic()
        with pytest.raises(StorageError, check=coded(problems.UNREACHABLE)):
            list(storage_at(endpoint, 2).list())
        assert 1 <= time.monotonic() - began < 15


def test_a_server_that_is_silent_in_the_middle_of_an_object_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SILENT_SECONDS", 0.5)

    def half(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 1000\r\n\r\nhalf')
        time.sleep(20)

    with slow_server(half) as endpoint:
        began = time.monotonic()
        with pytest.raises(StorageError, check=coded(problems.UNREACHABLE)):
            storage_at(endpoint, 2).read_whole("a/b", io.BytesIO())
        assert time.monotonic() - began < 15


def test_a_server_that_is_slow_and_never_silent_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SILENT_SECONDS", 1)
    content = b"drop by drop"

    def drops(connection: socket.socket) -> None:
        connection.sendall(f'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: {len(content)}\r\n\r\n'.encode())
        for byte in content:
            time.sleep(0.3)
            connection.sendall(bytes([byte]))

    with slow_server(drops) as endpoint:
        into = io.BytesIO()
        assert storage_at(endpoint, 1).read_whole("a/b", into) == hashlib.sha256(content).digest()
        assert into.getvalue() == content
