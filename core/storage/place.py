"""The definition of a storage: where it is, and how it is reached."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import InputError
from core.problems import bucket as problems
from core.storage import keys
from core.storage.port import ObjectLock
from core.values import dataclass

_S3 = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_TOKEN = re.compile(r"[!-~]{0,200}")
#: What the server is asked to encrypt an object with; empty: what the bucket is set to.
ENCRYPTIONS = ("", "AES256", "aws:kms", "aws:kms:dsse")
#: How firmly seals and time stamps are locked in the bucket; empty: not by us.
LOCKS = ("", "GOVERNANCE", "COMPLIANCE")
_DAYS = re.compile(r"[1-9][0-9]{0,4}")
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """A storage. ``where``: ``s3://bucket/prefix``, or the full path of a folder; the rest is about buckets.

    ``lock``: the mode in which seals and time stamps are locked, for ``lock_days``.
    ``endpoint``: the address of a server other than Amazon's. ``access_key``: the id of the key pair, whose other half is a
    secret and not here; empty: the rights of this machine. ``encryption_key``: the id of a key that the server has.
    """

    where: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    ca_file: str = ""
    encryption: str = ""
    encryption_key: str = ""
    lock: str = ""
    lock_days: str = ""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> StoragePlace:
        """The reverse of ``as_json``. Raises ``KeyError``, ``TypeError``."""
        known = {name: str(text) for name, text in value.items() if name in cls.__dataclass_fields__}
        return cls(**{"where": value["where"], **known})

    def as_json(self) -> dict[str, Any]:
        return {name: text for name, text in asdict(self).items() if text}

    @property
    def is_bucket(self) -> bool:
        return self.where.startswith(_S3)

    @property
    def bucket(self) -> str:
        return self.where.removeprefix(_S3).partition("/")[0]

    @property
    def prefix(self) -> str:
        """The folder of the bucket below which everything lies; empty for the bucket itself."""
        return self.where.removeprefix(_S3).partition("/")[2]

    @property
    def account(self) -> str:
        """The owner of a stored secret: it is never sent to another server, nor for another key."""
        return f"{self.access_key}@{self.endpoint or 'amazonaws.com'}"

    def is_same(self, other: StoragePlace) -> bool:
        """True when objects of both lie in one place, by whatever path a folder is named."""
        if self.is_bucket or other.is_bucket:
            return (self.where, self.endpoint.lower()) == (other.where, other.endpoint.lower())
        return Path(self.where).resolve() == Path(other.where).resolve()

    @property
    def is_open_to_view(self) -> bool:
        """True when what is sent can be read on the way."""
        url = urlsplit(self.endpoint)
        return url.scheme == "http" and url.hostname not in _LOCAL


def checked(place: StoragePlace) -> StoragePlace:
    """``place`` in the form to be saved. Raises ``InputError`` that names the field."""
    place = replace(place, **{name: text.strip() for name, text in asdict(place).items()})
    if not place.is_bucket:
        return _folder(place)
    place = replace(place, where=place.where.rstrip("/"), endpoint=place.endpoint.rstrip("/"))
    if not _BUCKET.fullmatch(place.bucket) or (place.prefix and not keys.is_plain(place.prefix)):
        raise _wrong("where", place.where, "s3://BUCKET or s3://BUCKET/PREFIX, in letters, digits, dots and hyphens")
    if place.endpoint:
        _check_endpoint(place.endpoint)
    elif not place.region:
        raise InputError(problems.REGION_NEEDED(bucket=place.bucket))
    if place.region and not _REGION.fullmatch(place.region):
        raise _wrong("region", place.region, "the name of a region such as eu-central-1")
    for name in ("access_key", "encryption_key"):
        if not _TOKEN.fullmatch(getattr(place, name)):
            raise _wrong(name, getattr(place, name), "visible ASCII characters without blanks")
    if place.encryption not in ENCRYPTIONS:
        raise _wrong("encryption", place.encryption, ", ".join(ENCRYPTIONS[1:]))
    if place.encryption_key and not place.encryption.startswith("aws:kms"):
        raise _wrong("encryption_key", place.encryption_key, "a key only with the encryption aws:kms")
    if place.lock not in LOCKS:
        raise _wrong("lock", place.lock, ", ".join(LOCKS[1:]))
    if bool(place.lock) != bool(place.lock_days) or (place.lock_days and not _DAYS.fullmatch(place.lock_days)):
        raise _wrong("lock_days", place.lock_days, "a number of days from 1 to 99999, with a lock")
    if place.ca_file:
        path = Path(place.ca_file).expanduser().absolute()
        if not path.is_file():
            raise _wrong("ca_file", place.ca_file, "the path of a PEM file")
        place = replace(place, ca_file=str(path))
    return place


def lock_of(place: StoragePlace, now: datetime) -> ObjectLock | None:
    """The lock of a seal that is put ``now``; None when the storage is not set to lock."""
    if not place.lock:
        return None
    return ObjectLock(place.lock, now + timedelta(days=int(place.lock_days)))


def _folder(place: StoragePlace) -> StoragePlace:
    path = Path(place.where).expanduser()
    if not path.is_absolute():
        raise _wrong("where", place.where, "s3://BUCKET/PREFIX, or the full path of a folder")
    if not path.is_dir():
        raise InputError(problems.UNFIT(why=problems.FOLDER_MISSING(folder=str(path))))
    for name, text in asdict(place).items():
        if text and name != "where":
            raise _wrong(name, text, "nothing for a folder")
    return StoragePlace(str(path))


def _check_endpoint(endpoint: str) -> None:
    try:
        url = urlsplit(endpoint)
        right = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        right = False
    if not right or url.username or url.password or url.query or url.fragment or url.path or not endpoint.isascii():
        raise _wrong("endpoint", endpoint, "https://HOST or https://HOST:PORT (http:// where nobody can listen)")


def _wrong(field: str, value: str, allowed: str) -> InputError:
    return InputError(problems.NOT_ALLOWED(field=field, value=value[:80], allowed=allowed))
