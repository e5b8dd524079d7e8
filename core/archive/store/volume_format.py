"""The format of a volume file: schema, table meta, recipes and stored parts, and the refusals of files that are no volume.

Format 2 is written, and format 1 is read: its tables had indexes over digests from the beginning, and its entries no items.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from core.archive.store.codecs import PLAIN, ZSTD
from core.archive.store.decompressor import decompress
from core.archive.store.ledger import Head
from core.db.database import Database, Row
from core.db.shape import Shape, made_by
from core.errors import DamagedError, HomeError, StorageError
from core.problems import volume as problems
from core.values import dataclass

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMAT = 2
APPLICATION_ID = 0x41524356
#: Pragma: SQLite reads the remaining rows of a truncated file, instead of nothing.
AS_FAR_AS_IT_GOES = "writable_schema = ON"
#: A seq above that of any ledger.
LAST_SEQ = 2**63 - 1
#: A number above that of any row that is written.
LAST_ROW = 2**48
#: The largest id that SQLite gives to a row.
LAST_PART = 2**63 - 1
#: SQLite keeps no value of 2 GB or more.
LARGEST_PART = 2**31

PAGE_BYTES = 16384
_BEGIN = f"""
PRAGMA page_size = {PAGE_BYTES};
PRAGMA application_id = {APPLICATION_ID};
BEGIN EXCLUSIVE;
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
"""
#: Rows are added at the end of each table. ``digests`` is NULL of an entry that came from a volume of format 1.
SCHEMA = f"""{_BEGIN}
CREATE TABLE part (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, codec INTEGER NOT NULL, size INTEGER NOT NULL,
    data BLOB NOT NULL) STRICT;
CREATE TABLE message (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, size INTEGER NOT NULL, recipe BLOB NOT NULL) STRICT;
CREATE TABLE ledger (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL,
    payload BLOB, hash BLOB NOT NULL, digests BLOB) STRICT;
COMMIT;
"""
#: What a sealed volume has beside: written in the order of the keys, in one go.
INDEXES = """
CREATE INDEX part_sha256 ON part (sha256);
CREATE INDEX message_sha256 ON message (sha256);
"""
OLD_SCHEMA = f"""{_BEGIN}
CREATE TABLE part (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, codec INTEGER NOT NULL, size INTEGER NOT NULL,
    data BLOB NOT NULL) STRICT;
CREATE TABLE message (sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL, recipe BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE ledger (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL,
    payload BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
COMMIT;
"""
#: The keys of table meta.
META_KEYS = {"format", "archive_id", "lane", "number", "generation", "previous_seq", "previous_hash", "sealed"}
TABLES = ("meta", "part", "message", "ledger")


@dataclass(frozen=True, slots=True)
class Meta:
    """The identity of a volume, from its table meta.

    ``lane``: the writer whose chain of entries it has a part of, empty for the archive's own. ``number`` and ``previous`` are
    within that. ``generation`` begins with 1 and grows each time that the volume is written anew without erased content.
    """

    archive_id: str
    number: int
    previous: Head
    lane: str = ""
    generation: int = 1
    format: int = FORMAT

    @property
    def is_old(self) -> bool:
        """True for format 1."""
        return self.format < FORMAT

    def rows(self) -> list[Row]:
        """The rows of table meta of a new volume."""
        said = {"format": self.format, "archive_id": self.archive_id, "number": self.number}
        said |= {} if self.is_old else {"lane": self.lane, "generation": self.generation}
        return [*said.items(), ("previous_seq", self.previous.seq), ("previous_hash", self.previous.hash)]


def refuse_strange(path: Path, found: Shape, format: int | None = None) -> None:
    """Raise ``DamagedError`` when the schema is not that of a volume of this ``format``: it must not be written to.

    None: of the format that it resembles.
    """
    old = made_by(OLD_SCHEMA)
    if format == 1 or (format is None and found.has(old, ("message",))):
        wrong = found.differences(old)
    else:
        wrong = found.differences(made_by(SCHEMA))
        if wrong and is_indexed(found):
            wrong = found.differences(made_by(SCHEMA, INDEXES))
    if wrong:
        raise DamagedError(problems.SCHEMA(file=path.name, wrong=wrong))


def is_indexed(found: Shape) -> bool:
    """True when the volume has its indexes by SHA-256, or one of them."""
    indexes = made_by(SCHEMA, INDEXES).without(made_by(SCHEMA))
    return bool(found.objects & indexes.objects)


def has_tables(shape: Shape, names: Sequence[str] = TABLES) -> bool:
    """True when the tables of these names have the schema of a volume, so that reading them runs no foreign code."""
    return any(shape.has(made_by(schema), names) for schema in (SCHEMA, OLD_SCHEMA))


async def format_of(database: Database) -> int:
    """The format whose table of messages the file has; the present one when it has none of both."""
    try:
        return 1 if (await database.shape()).has(made_by(OLD_SCHEMA), ("message",)) else FORMAT
    except (DamagedError, StorageError):
        return FORMAT


def meta_of(path: Path, rows: Iterable[Row]) -> Meta:
    """Read table meta, which may hold anything. Raises ``HomeError``, ``DamagedError``."""
    values: dict[Any, Any] = dict(rows)
    match values:
        case {"format": int(found)} if found > FORMAT:
            raise HomeError(problems.NEWER(file=path.name, format=found))
        case {
            "format": int(found),
            "archive_id": str(archive_id),
            "number": int(number),
            "previous_seq": int(seq),
            "previous_hash": bytes(digest),
        }:
            match found, values:
                case 1, _:
                    return Meta(archive_id, number, Head(seq, digest), format=1)
                case 2, {"lane": str(lane), "generation": int(generation)}:
                    return Meta(archive_id, number, Head(seq, digest), lane, generation)
    raise DamagedError(problems.UNIDENTIFIED(file=path.name))


def refuse_no_file(path: Path) -> None:
    """Raise ``DamagedError`` when ``path`` is no file that could be a volume."""
    try:
        there = path.stat()
    except FileNotFoundError:
        raise DamagedError(problems.MISSING(file=path.name)) from None
    except OSError as error:
        raise DamagedError(problems.UNREADABLE(file=path.name, said=str(error.strerror))) from error
    if not stat.S_ISREG(there.st_mode):
        raise DamagedError(problems.NO_FILE(file=path.name))
    if not os.access(path, os.R_OK):
        raise DamagedError(problems.DENIED(file=path.name))


async def refuse_cut(database: Database) -> None:
    """Raise ``DamagedError`` when the file is shorter than the pages committed to it."""
    size = int(await database.value("PRAGMA page_count")) * int(await database.value("PRAGMA page_size"))
    # Measured afterwards: a writer makes the file longer, never shorter.
    if (found := database.path.stat().st_size) < size:
        raise DamagedError(problems.CUT(file=database.path.name, found=found, size=size))


def pack(ids: Sequence[int]) -> bytes:
    """Encode part ids as a recipe."""
    return struct.pack(f">{len(ids)}Q", *ids)


def unpack(recipe: bytes) -> tuple[int, ...]:
    """Decode the part ids of a recipe. Raises ``DamagedError`` when it is no whole number of ids that parts can have."""
    if not isinstance(recipe, bytes) or len(recipe) % 8:
        raise DamagedError(problems.RECIPE_CUT())
    ids = struct.unpack(f">{len(recipe) // 8}Q", recipe)
    if max(ids, default=0) > LAST_PART:
        raise DamagedError(problems.RECIPE_PART(part=max(ids)))
    return ids


def plain(codec: int, size: int, data: bytes) -> bytes:
    """The bytes of a stored part. Raises ``DamagedError`` when it cannot be decompressed; the caller checks the SHA-256."""
    if not isinstance(data, bytes) or not isinstance(size, int) or not 0 <= size < LARGEST_PART:
        raise DamagedError(problems.NO_PART())
    if codec == PLAIN:
        return data
    if codec != ZSTD:
        raise DamagedError(problems.PART_CODEC(codec=str(codec)))
    try:
        result = decompress(data, size)
    except zstd.ZstdError as error:
        raise DamagedError(problems.PART_COMPRESSION(said=str(error))) from error
    if len(result) != size:
        raise DamagedError(problems.PART_SIZE(found=len(result), size=size))
    return result


def sound(sha256: bytes, codec: int, size: int, data: bytes) -> bool:
    """True when a stored part matches its SHA-256."""
    try:
        return hashlib.sha256(plain(codec, size, data)).digest() == sha256
    except DamagedError:
        return False
