"""``storage.json`` of a home: the definition of its storage, and the secret of its key, encrypted.

It is a file and not in the catalog, so that volumes can be fetched while the catalog is made anew from them.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from core import files
from core.config import Home
from core.errors import HomeError, InputError, StorageError
from core.problems import bucket as problems
from core.problems.disk import UNWRITTEN
from core.secrets import KeyFile, Secret
from core.storage import opening
from core.storage.line import LineLimit, LinePace
from core.storage.place import StoragePlace
from core.storage.port import VolumeStorage, nothing


def read(home: Home) -> StoragePlace | None:
    """The storage of ``home``; None when all volumes are here. Raises ``HomeError`` for a file that cannot be read."""
    value = _content(home)
    if value is None:
        return None
    try:
        return StoragePlace.from_json(value["place"])
    except (KeyError, TypeError, AttributeError) as error:
        raise HomeError(problems.CONFIGURATION_DAMAGED(path=str(path_of(home)))) from error


def secret(home: Home, place: StoragePlace) -> Secret | None:
    """The stored secret for ``place``; None when none is stored for its server and key. Raises ``HomeError``."""
    value = _content(home) or {}
    if not value.get("box") or value.get("account") != place.account:
        return None
    return home.key.decrypt(base64.b64decode(value["box"]), purpose=_purpose(place.account), whose=place.where)


def write(home: Home, place: StoragePlace, secret: Secret | None) -> None:
    """Save the storage. Raises ``HomeError``, ``StorageError``."""
    value: dict[str, Any] = {"place": place.as_json()}
    # The line stays what it is, wherever it leads.
    value |= {"line": limit} if (limit := (_content(home) or {}).get("line")) else {}
    if secret is not None:
        box = home.key.encrypt(secret, purpose=_purpose(place.account))
        value |= {"account": place.account, "box": base64.b64encode(box).decode()}
    _write(path_of(home), value)


def remove(home: Home) -> None:
    """Forget the storage; nothing in it changes."""
    path_of(home).unlink(missing_ok=True)
    files.durable(home.path)


def encrypt_anew(home: Home, key: KeyFile) -> None:
    """Store the secret under another key, as a rotation does; one that cannot be decrypted stays as it is."""
    value = _content(home)
    if value is None or not value.get("box"):
        return
    purpose = _purpose(str(value.get("account")))
    try:
        plain = home.key.decrypt(base64.b64decode(value["box"]), purpose=purpose)
    except HomeError:
        return
    _write(path_of(home), value | {"box": base64.b64encode(key.encrypt(plain, purpose=purpose)).decode()})


def line(home: Home) -> str:
    """The limit of the line to the storage, as it was given; empty without one."""
    return str((_content(home) or {}).get("line", ""))


def limit_line(home: Home, text: str) -> None:
    """Save the limit of the line. Raises ``InputError`` without a storage, or when ``text`` is none."""
    value = _content(home)
    if value is None:
        raise InputError(problems.NOT_SET())
    limit = LineLimit.parse(text)
    _write(path_of(home), {**value, "line": text if limit.is_set else ""})


def opened(home: Home, *, tries: int = 3, limited: bool = False) -> VolumeStorage:
    """The storage of ``home``. ``limited``: over its line as it was limited; what is fetched to be read is not.

    Raises ``InputError`` without one, or without the secret of its key.
    """
    place = read(home)
    if place is None:
        raise InputError(problems.NOT_SET())
    known = secret(home, place) if place.access_key else None
    if place.access_key and known is None:
        raise InputError(problems.NO_SECRET(key=place.access_key))
    return opening.opened(place, known, tries=tries, pace=LinePace(LineLimit.parse(line(home))) if limited else nothing)


def path_of(home: Home) -> Path:
    return home.path / "storage.json"


def _content(home: Home) -> dict[str, Any] | None:
    path = path_of(home)
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise HomeError(problems.CONFIGURATION_DAMAGED(path=str(path))) from error
    if not isinstance(value, dict):
        raise HomeError(problems.CONFIGURATION_DAMAGED(path=str(path)))
    return value


def _write(path: Path, value: dict[str, Any]) -> None:
    try:
        files.write(path, json.dumps(value).encode())
    except OSError as error:
        raise StorageError(UNWRITTEN(path=str(path), said=str(error.strerror))) from error


def _purpose(account: str) -> str:
    return f"-storage:{account}"
