"""``cluster.json`` of a home: where its workers' database is. It holds no secret."""

from __future__ import annotations

import json
from pathlib import Path

from core import files
from core.config import Home
from core.errors import InputError, StorageError
from core.problems import cluster as problems
from core.problems.disk import UNWRITTEN
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class ClusterFile:
    """The cluster of a home. ``address``: of the database, without a password; ``public_key``: of the workers."""

    address: str
    public_key: bytes

    def write(self, home: Home) -> None:
        """Write it into the home. Raises ``InputError`` when there is one, ``StorageError``."""
        value = {"address": self.address, "public_key": self.public_key.hex()}
        try:
            files.create_whole(path_of(home), json.dumps(value, indent=2).encode() + b"\n")
        except FileExistsError:
            raise InputError(problems.THERE(path=str(path_of(home)))) from None
        except OSError as error:
            raise StorageError(UNWRITTEN(path=str(path_of(home)), said=str(error.strerror))) from error


def path_of(home: Home) -> Path:
    """The file in a home."""
    return home.cluster


def is_there(home: Home) -> bool:
    """True when the home has workers."""
    return path_of(home).exists()


def read(home: Home) -> ClusterFile:
    """The cluster of a home. Raises ``InputError``."""
    path = path_of(home)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return ClusterFile(str(value["address"]), bytes.fromhex(value["public_key"]))
    except FileNotFoundError:
        raise InputError(problems.NONE_HERE()) from None
    except OSError as error:
        raise InputError(problems.FILE_UNREAD(path=str(path), said=str(error.strerror))) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(problems.FILE_UNREAD(path=str(path), said=type(error).__name__)) from error
