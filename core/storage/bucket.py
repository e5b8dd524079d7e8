"""A bucket of object storage (S3, and servers that speak like it) as a storage of volumes, by the library obstore.

An object is put in one request, which S3 takes up to 5 GB; the file is mapped and not read into memory. ``If-None-Match: *``
(RFC 9110, section 13.1.2) has the server refuse what is there already. The request is signed with the SHA-256 of its content,
so that the server refuses what was changed on the way.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from core.errors import InputError, StorageError
from core.masking import masked
from core.problems import bucket as problems
from core.storage import answers
from core.storage.place import StoragePlace
from core.storage.port import CHUNK, StoredObject, nothing

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Credential

    from core.secrets import Secret

#: The most that S3 takes in one request.
MOST_BYTES = 5 * 1024**3
#: Seconds without a byte after which a server counts as silent.
SILENT_SECONDS = 60
#: Bytes a second below which putting is given up, however long it is.
SLOWEST = 128 * 1024
#: Seconds within which tries are repeated.
TRYING_SECONDS = 30


class BucketStorage:
    """The objects of a bucket below the prefix of ``place``. ``tries``: how often a request is sent until it is given up."""

    def __init__(self, place: StoragePlace, secret: Secret | None, *, tries: int = 3) -> None:
        self._place = place
        self._secret = secret
        self._tries = tries
        self._reading = self._store(read_timeout=timedelta(seconds=SILENT_SECONDS), timeout=timedelta(days=1))

    @property
    def where(self) -> str:
        return self._place.where

    def _store(self, **times: timedelta) -> ObjectStore:
        try:
            from obstore.store import S3Store
        except ImportError as error:
            raise InputError(problems.NO_LIBRARY()) from error
        place = self._place
        config: dict[str, Any] = {"region": place.region or "us-east-1", "checksum_algorithm": "SHA256"}
        config |= {"endpoint": place.endpoint} if place.endpoint else {}
        config |= {"server_side_encryption": place.encryption} if place.encryption else {}
        config |= {"sse_kms_key_id": place.encryption_key} if place.encryption_key else {}
        options: dict[str, Any] = {"connect_timeout": timedelta(seconds=10), **times}
        options["allow_http"] = place.endpoint.startswith("http://")
        if place.ca_file:
            options["root_certificate"] = _content(Path(place.ca_file))
        with self._translating():
            return S3Store(
                place.bucket,
                prefix=place.prefix or None,
                config=config,  # type: ignore[arg-type]
                client_options=options,  # type: ignore[arg-type]
                retry_config={"max_retries": self._tries - 1, "retry_timeout": timedelta(seconds=TRYING_SECONDS)},
                credential_provider=self._credential if place.access_key else None,
            )

    def _credential(self) -> S3Credential:
        # Given when asked for, so that no representation of the store shows it.
        revealed = self._secret.reveal() if self._secret is not None else ""
        return {"access_key_id": self._place.access_key, "secret_access_key": revealed, "token": None, "expires_at": None}

    def put_if_absent(self, key: str, file: Path, sha256: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        size = file.stat().st_size
        if size > MOST_BYTES:
            raise StorageError(problems.TOO_LARGE(file=file.name, size=size, most=MOST_BYTES))
        # The whole request has one limit of time, since nothing is read while it is sent.
        store = self._store(timeout=timedelta(seconds=SILENT_SECONDS + size / SLOWEST))
        with self._translating(), _mapped(file) as content:
            try:
                obstore.put(
                    store, key, content, mode="create", use_multipart=False, attributes={"archivar-sha256": sha256.hex()}
                )
            except AlreadyExistsError:
                return False
        return True

    def head(self, key: str) -> StoredObject | None:
        import obstore

        with self._translating():
            try:
                facts = obstore.head(self._reading, key)
            except FileNotFoundError as error:
                self._refuse_missing_bucket(error)
                return None
        return StoredObject(key, facts["size"], facts["last_modified"])

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        import obstore

        with self._translating():
            pages = obstore.list(self._reading, prefix=prefix or None)
        while True:
            with self._translating():
                page = next(pages, None)
            if page is None:
                return
            for facts in page:
                yield StoredObject(facts["path"], facts["size"], facts["last_modified"])

    def read_whole(self, key: str, into: BinaryIO, count: Callable[[int], None] = nothing) -> bytes | None:
        import obstore

        with self._translating():
            try:
                pieces = iter(obstore.get(self._reading, key).stream(min_chunk_size=CHUNK))
            except FileNotFoundError as error:
                self._refuse_missing_bucket(error)
                return None
        digest = hashlib.sha256()
        while True:
            with self._translating():
                piece = next(pieces, None)
            if piece is None:
                return digest.digest()
            content = memoryview(piece)
            digest.update(content)
            into.write(content)
            count(len(content))

    def read_range(self, key: str, start: int, length: int) -> bytes | None:
        import obstore

        there = self.head(key)
        if there is None:
            return None
        length = min(length, there.size - start)
        if length <= 0:
            return b""
        with self._translating():
            try:
                return bytes(obstore.get_range(self._reading, key, start=start, length=length))
            except FileNotFoundError:
                return None

    def _refuse_missing_bucket(self, error: FileNotFoundError) -> None:
        """Raise ``StorageError`` when it is the bucket that is not there, and not the object."""
        reason = answers.reason(masked(str(error)), self._place)
        if reason.code == problems.BUCKET_MISSING:
            raise StorageError(reason) from error

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Context in which the library's errors become ``StorageError``."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, FileNotFoundError, TimeoutError, ConnectionError, ValueError) as error:
            reason = answers.reason(masked(str(error)), self._place)
            raise StorageError(reason) from error


@contextmanager
def _mapped(file: Path) -> Iterator[Any]:
    """Context of a file's bytes without reading them into memory."""
    with open(file, "rb") as source:
        if not file.stat().st_size:
            yield b""
            return
        with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(problems.AUTHORITY_UNREAD(path=str(path), said=str(error.strerror))) from error
