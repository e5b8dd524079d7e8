"""Generations of scheduled backups: the folders that take turns, each a whole backup of its own.

They share no file: a disk error in one is in no other.
"""

from __future__ import annotations

import json
from pathlib import Path

from core.config import Home
from core.errors import InputError
from core.problems import backup as problems


def following(place: Path, keep: int) -> Path:
    """The folder of the next backup in ``place``, which has ``keep`` generations; one alone is ``place`` itself.

    Broken-off ones are continued first, then missing ones are begun, then the oldest is brought up to date. Raises
    ``InputError`` when ``place`` is a backup itself, so that it cannot have several.
    """
    if keep == 1:
        return place
    if Home(place).is_backup:
        raise InputError(problems.ONE_GENERATION(path=str(place), keep=keep))
    found = [(_age(folder), number, folder) for number, folder in enumerate(folders(place, keep))]
    return min(found)[2]


def folders(place: Path, keep: int) -> list[Path]:
    """The folders of all generations."""
    return [place] if keep == 1 else [place / f"generation-{number}" for number in range(1, keep + 1)]


def _age(folder: Path) -> tuple[int, str]:
    """The order in which generations take their turn."""
    note = Home(folder).backup_note
    try:
        complete = json.loads(note.read_bytes())["complete"]
        return (2, str(complete["at"])) if complete is not None else (0, "")
    except FileNotFoundError:
        return (1, "")
    except (OSError, ValueError, TypeError, KeyError):
        # What is wrong with it is said by the backup that tries.
        return (0, "")
