"""A bucket of object storage (S3, and servers that speak like it) as a storage of volumes, by the library botocore.

``If-None-Match: *`` (RFC 9110, section 13.1.2) has the server refuse what is there already. What is put goes with its SHA-256,
so that the server refuses what was changed on the way. What is larger than one part is put in parts (``parts``), and read on
from where a line was cut.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import StorageError
from core.problems import bucket as problems
from core.secrets import Secret
from core.storage import answers
from core.storage.answers import CONFLICT, THERE
from core.storage.client import asked, client
from core.storage.parts import MOST_BYTES, PART_BYTES, PartedPut, joins_only_if_absent
from core.storage.piece import FilePiece, pacing
from core.storage.place import StoragePlace
from core.storage.port import CHUNK, ObjectLock, Pace, StoredObject, nothing

#: The most that S3 takes in one request, for servers that put no parts together under a condition.
MOST_AT_ONCE = 5 * 1024**3
#: Codes for an object that is not there; that of an answer without content is its status.
_MISSING = ("NoSuchKey", "404")
_BEYOND = ("InvalidRange", "416")
#: Statuses that are all that an answer to HEAD says.
_BARE = ("301", "400", "403", "404")


class BucketStorage:
    """The objects of a bucket below the prefix of ``place``. ``tries``: how often a request is sent until it is given up.

    ``pace`` is asked before bytes are moved, and waits where a line has a limit.
    """

    def __init__(self, place: StoragePlace, secret: Secret | None, *, tries: int = 3, pace: Pace = nothing) -> None:
        self._place = place
        self._tries = tries
        self._pace = pace
        # Held, since a secret is taken out of what a server says for as long as it lives.
        self._secret = secret
        self._client = client(place, secret, tries)
        self._client.meta.events.register("before-send.s3", pacing(pace))

    @property
    def where(self) -> str:
        return self._place.where

    @property
    def server(self) -> str:
        return self._place.endpoint

    def _named(self, key: str) -> dict[str, Any]:
        prefix = self._place.prefix
        return {"Bucket": self._place.bucket, "Key": f"{prefix}/{key}" if prefix else key}

    def _demands(self, lock: ObjectLock | None) -> dict[str, Any]:
        """The demands on the server for an object: to encrypt it, to lock it."""
        place = self._place
        found: dict[str, Any] = {"ServerSideEncryption": place.encryption} if place.encryption else {}
        found |= {"SSEKMSKeyId": place.encryption_key} if place.encryption_key else {}
        if lock is not None:
            found |= {"ObjectLockMode": lock.mode, "ObjectLockRetainUntilDate": lock.until}
        return found

    def put_if_absent(self, key: str, file: Path, sha256: bytes, lock: ObjectLock | None = None) -> bool:
        self._pace(0)
        size = file.stat().st_size
        demands = {**self._demands(lock), "Metadata": {"archivar-sha256": sha256.hex()}}
        if size > PART_BYTES and self.joins_parts(key.partition("/")[0]):
            if size > MOST_BYTES:
                raise StorageError(problems.TOO_LARGE(file=file.name, size=size, most=MOST_BYTES))
            return PartedPut(self._client, self._place, self._named(key), file, sha256).put(demands, self._pace)
        if size > MOST_AT_ONCE:
            raise StorageError(problems.TOO_LARGE(file=file.name, size=size, most=MOST_AT_ONCE))
        demands["ChecksumSHA256"] = base64.b64encode(sha256).decode()
        if lock is not None:
            # The one checksum that every server with locks knows; what is locked is small.
            md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False)
            demands["ContentMD5"] = base64.b64encode(md5.digest()).decode()
        for last in [False] * (self._tries - 1) + [True]:
            with open(file, "rb") as source:
                body = FilePiece(source, 0, size)
                put = functools.partial(self._client.put_object, **self._named(key), Body=body, IfNoneMatch="*", **demands)
                _, refused = asked(self._place, put, but=THERE if last else (*THERE, *CONFLICT))
            if refused not in CONFLICT:
                break
        return not refused

    def joins_parts(self, archive: str) -> bool:
        return joins_only_if_absent(self._client, self._place, self._named, archive)

    def head(self, key: str) -> StoredObject | None:
        facts, bare = asked(self._place, lambda: self._client.head_object(**self._named(key)), but=_BARE)
        if not bare:
            return StoredObject(key, facts["ContentLength"], facts["LastModified"], facts.get("ObjectLockRetainUntilDate"))
        # An answer to HEAD has no words: a listing tells whether it is the bucket that is missing, a right, or else the object.
        there = next((one for one in self.list(key.rpartition("/")[0]) if one.key == key), None)
        if bare != "404":
            reason = answers.reason(bare, "", "", self._place)
            raise StorageError(reason)
        return there

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        place = self._place
        begin = f"{place.prefix}/" if place.prefix else ""
        wanted = f"{begin}{prefix}/" if prefix else begin
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=wanted))
        while True:
            page, _ = asked(place, lambda: next(pages, None))
            if page is None:
                return
            for facts in page.get("Contents", ()):
                # A console makes an empty object of the folder's own name.
                if name := facts["Key"].removeprefix(begin):
                    yield StoredObject(name, facts["Size"], facts["LastModified"])

    def read_whole(self, key: str, into: BinaryIO, count: Callable[[int], None] = nothing) -> bytes | None:
        self._pace(0)
        digest, at, tag, size, idle = hashlib.sha256(), 0, "", None, 0
        while size is None or at < size:
            before = at
            answer = self._get(key, f"bytes={at}-" if at else "", tag)
            if answer is None:
                # Gone, or another one, in the middle: what was read is not what was stored.
                return digest.digest() if at else None
            tag, size = tag or answer.get("ETag", ""), size if size is not None else int(answer["ContentLength"])
            try:
                for piece in self._pieces(answer):
                    digest.update(piece)
                    into.write(piece)
                    at += len(piece)
                    count(len(piece))
            except StorageError:
                idle = idle + 1 if at == before else 0
                if idle >= self._tries:
                    raise
            if at == before and size:
                idle += 1
                if idle > self._tries:
                    raise StorageError(problems.UNREACHABLE(server=self._place.endpoint or "Amazon S3", where=self.where))
        return digest.digest()

    def _pieces(self, answer: Any) -> Iterator[bytes]:
        pieces = answer["Body"].iter_chunks(CHUNK)
        try:
            while True:
                piece, _ = asked(self._place, lambda: next(pieces, None))
                if not piece:
                    return
                self._pace(len(piece))
                yield piece
        finally:
            answer["Body"].close()

    def _get(self, key: str, span: str, tag: str = "") -> Any:
        """The answer with an object, or a span of it; None when it is not there, or is not the one of ``tag``."""
        wanted = {"Range": span} if span else {}
        wanted |= {"IfMatch": tag} if tag else {}
        answer, _ = asked(
            self._place, lambda: self._client.get_object(**self._named(key), **wanted), but=(*_MISSING, *THERE, *_BEYOND)
        )
        return answer

    def read_range(self, key: str, start: int, length: int) -> bytes | None:
        answer = self._get(key, f"bytes={start}-{start + length - 1}") if length > 0 else None
        if answer is None:
            # Beyond the end, or no object at all.
            return b"" if self.head(key) is not None else None
        return b"".join(self._pieces(answer))[:length]
