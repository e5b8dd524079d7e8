"""Messages damaged in the volumes of an archive."""

from __future__ import annotations

from core.config import Home
from tests.homes import change, rows


def break_message(home: Home, number: int) -> tuple[bytes, int]:
    """Damage the largest part of a volume; a message that needs it, and the part."""
    part = rows(home.volume(number), "SELECT id FROM part ORDER BY size DESC LIMIT 1")[0][0]
    change(home.volume(number), f"UPDATE part SET data = zeroblob(10) WHERE id = {part}")
    for sha256, recipe in rows(home.volume(number), "SELECT sha256, recipe FROM message"):
        if part in {int.from_bytes(recipe[at : at + 8], "big") for at in range(0, len(recipe), 8)}:
            return sha256, part
    raise AssertionError("no message needs the part")
