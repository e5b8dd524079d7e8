"""An object that is put in parts, so that what a cut line or a killed process left is not sent again.

``000001.upload`` beside the file names the upload, and each part that the server has acknowledged. The server is asked which
parts it has; only those that it has as they were sent are counted. The whole is put together only if there is no object with
its key. Who is sending holds a lock on the record: two processes never send the same file at once.
"""

from __future__ import annotations

import base64
import fcntl
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import StorageError
from core.problems import bucket as problems
from core.problems.disk import UNWRITTEN
from core.storage import keys
from core.storage.answers import CONFLICT, THERE
from core.storage.client import asked
from core.storage.piece import FilePiece
from core.storage.place import StoragePlace
from core.storage.port import CHUNK, Pace, nothing

#: Bytes of one part, the fewest that S3 takes of any but the last; parts of one object, and its bytes, at most.
PART_BYTES = 5 * 1024**2
MOST_PARTS = 10_000
MOST_BYTES = 5 * 1024**4
SUFFIX = ".upload"

#: Refusals of servers without parts or without a mark.
_UNKNOWN = ("NoSuchKey", "NoSuchUpload", "404", "NotImplemented", "501", "MethodNotAllowed", "405", "InvalidRequest")
_ENDED = ("NoSuchUpload", "404")
#: Times that an upload is begun anew because the server knows it no more.
_AGAIN = 3


class PartedPut:
    """The putting of one file under a key, begun or carried on. ``named``: bucket and key as the library wants them."""

    def __init__(self, client: Any, place: StoragePlace, named: dict[str, Any], file: Path, sha256: bytes) -> None:
        self._client = client
        self._place = place
        self._named = named
        self._file = file
        self._sha256 = sha256
        self._size = file.stat().st_size
        least = -(-self._size // MOST_PARTS)
        self._part = max(PART_BYTES, -(-least // CHUNK) * CHUNK)

    @property
    def _title(self) -> dict[str, Any]:
        """The first line of the record without the upload's id: what it is of."""
        where = f"{self._place.account} {self._place.bucket} {self._named['Key']}"
        return {"where": where, "sha256": self._sha256.hex(), "size": self._size, "part": self._part}

    def put(self, demands: dict[str, Any], pace: Pace = nothing) -> bool:
        """Put what is missing, and have it put together; False when there is an object with that key.

        ``demands``: of the object; ``pace``: asked before each part.
        """
        path = self._file.with_suffix(SUFFIX)
        try:
            with _alone(path) as record, open(self._file, "rb") as source:
                for _ in range(_AGAIN):
                    done = self._carried_on(record, source, demands, pace)
                    if done is not None:
                        path.unlink(missing_ok=True)
                        return done
        except OSError as error:
            raise StorageError(UNWRITTEN(path=str(path), said=str(error.strerror))) from error
        raise StorageError(problems.UPLOAD_LOST(where=self._place.where, file=self._file.name))

    def _carried_on(self, record: BinaryIO, source: BinaryIO, demands: dict[str, Any], pace: Pace) -> bool | None:
        """True when the object was put, False when there is one already, None when the server does not know the upload."""
        upload, known = self._recorded(record)
        there = self._there(upload) if upload else None
        if there is None:
            if upload and self._exists():
                # The answer to the last request was lost.
                return False
            upload, known, there = self._begun(record, demands), {}, {}
        parts = []
        for number, start in enumerate(range(0, self._size, self._part), 1):
            pace(0)
            length = min(self._part, self._size - start)
            part = self._found(number, length, there, known) or self._sent(upload, number, source, start, length)
            if part is None:
                return None if not self._exists() else False
            if number not in known:
                _note(record, {"number": number, **part})
            parts.append({"PartNumber": number, **part})
        return self._joined(upload, parts)

    def _recorded(self, record: BinaryIO) -> tuple[str, dict[int, dict[str, str]]]:
        """The upload in the record and its parts by number; an empty id when it is of another file, or there is none."""
        record.seek(0)
        lines = []
        for line in record:
            with suppress(ValueError):
                lines.append(json.loads(line))
        if not lines or not isinstance(lines[0], dict) or {**lines[0], "upload": ""} != {**self._title, "upload": ""}:
            return "", {}
        known = {}
        for one in lines[1:]:
            with suppress(KeyError, TypeError):
                known[int(one["number"])] = {"ETag": str(one["ETag"]), "ChecksumSHA256": str(one["ChecksumSHA256"])}
        return str(lines[0].get("upload", "")), known

    def _begun(self, record: BinaryIO, demands: dict[str, Any]) -> str:
        create = functools.partial(self._client.create_multipart_upload, **self._named, ChecksumAlgorithm="SHA256", **demands)
        answer, _ = asked(self._place, create)
        record.seek(0)
        record.truncate()
        _note(record, {**self._title, "upload": answer["UploadId"]})
        return str(answer["UploadId"])

    def _there(self, upload: str) -> dict[int, dict[str, Any]] | None:
        """The parts that the server has, by number; None when it does not know the upload."""
        pages = self._client.get_paginator("list_parts").paginate(**self._named, UploadId=upload)
        found, refused = asked(self._place, lambda: list(pages), but=_ENDED)
        return None if refused else {int(one["PartNumber"]): one for page in found for one in page.get("Parts", ())}

    def _found(
        self, number: int, length: int, there: dict[int, dict[str, Any]], known: dict[int, dict[str, str]]
    ) -> dict[str, str] | None:
        """The part that the server has and that need not be sent; None when it must."""
        part, noted = there.get(number), known.get(number)
        if part is None or noted is None or part.get("Size") != length or part.get("ETag") != noted["ETag"]:
            known.pop(number, None)
            return None
        return noted

    def _sent(self, upload: str, number: int, source: BinaryIO, start: int, length: int) -> dict[str, str] | None:
        sha256 = base64.b64encode(_sha256_of(source, start, length)).decode()
        send = functools.partial(
            self._client.upload_part,
            **{**self._named, "UploadId": upload, "PartNumber": number, "ChecksumSHA256": sha256},
            Body=FilePiece(source, start, length),
        )
        answer, refused = asked(self._place, send, but=_ENDED)
        return None if refused else {"ETag": str(answer["ETag"]), "ChecksumSHA256": sha256}

    def _joined(self, upload: str, parts: list[dict[str, Any]]) -> bool | None:
        complete = functools.partial(self._client.complete_multipart_upload, **self._named, UploadId=upload, IfNoneMatch="*")
        _, refused = asked(self._place, lambda: complete(MultipartUpload={"Parts": parts}), but=(*THERE, *CONFLICT, *_ENDED))
        if not refused:
            return True
        if refused in THERE or self._exists():
            abort(self._client, self._named, upload)
            return False
        # After a conflict all parts must be sent anew, as Amazon's manual says.
        return None

    def _exists(self) -> bool:
        _, missing = asked(self._place, lambda: self._client.head_object(**self._named), but=("404",))
        return not missing


def abort(client: Any, named: dict[str, Any], upload: str) -> None:
    """Have the server forget an upload that is of no use, as far as it lets us: what it keeps of it costs."""
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):
        client.abort_multipart_upload(**named, UploadId=upload)


#: The places of which this process knows that they put parts together under a condition.
_JOINING: set[tuple[str, str]] = set()


def joins_only_if_absent(client: Any, place: StoragePlace, named: Callable[[str], dict[str, Any]], archive: str) -> bool:
    """True when the server puts no parts together under a key that is taken: tried at the mark of ``archive``, once a process.

    The mark would be replaced by what it is: a server that knows no such condition changes nothing by it.
    """
    known = (place.where, place.endpoint)
    if known not in _JOINING and _joins(client, place, named(keys.mark(archive))):
        _JOINING.add(known)
    return known in _JOINING


def _joins(client: Any, place: StoragePlace, mark: dict[str, Any]) -> bool:
    upload = ""

    def join() -> None:
        nonlocal upload
        content = client.get_object(**mark)["Body"].read()
        sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
        upload = client.create_multipart_upload(**mark, ChecksumAlgorithm="SHA256")["UploadId"]
        part = client.upload_part(**mark, UploadId=upload, PartNumber=1, Body=content, ChecksumSHA256=sha256)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": sha256}]}
        client.complete_multipart_upload(**mark, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")

    _, refused = asked(place, join, but=(*THERE, *_UNKNOWN))
    if refused and upload:
        abort(client, mark, upload)
    return refused in THERE


def _sha256_of(source: BinaryIO, start: int, length: int) -> bytes:
    digest = hashlib.sha256()
    source.seek(start)
    while length and (piece := source.read(min(CHUNK, length))):
        digest.update(piece)
        length -= len(piece)
    return digest.digest()


def _note(record: BinaryIO, value: dict[str, Any]) -> None:
    record.seek(0, os.SEEK_END)
    record.write(json.dumps(value).encode() + b"\n")
    record.flush()


@contextmanager
def _alone(path: Path) -> Iterator[BinaryIO]:
    """Context of the record, in which no other process sends the file."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "r+b")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                # Who had the lock before may have ended, and removed the record.
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    yield file
                    return
