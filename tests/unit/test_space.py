"""Disk use of an archive, and warnings of little space."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.archive.store.space import DiskUse, use
from tests import homes

GB = 1_000_000_000


async def test_every_file_of_a_home_is_counted_once(tmp_path: Path) -> None:
    """By what it is; together they are all there is."""
    home = await homes.filled(tmp_path / "home")
    (home.path / "log").mkdir()
    home.log.write_bytes(b"x" * 500)
    (home.path / "verify-x").mkdir()
    (home.path / "verify-x" / "replayed.sqlite").write_bytes(b"x" * 70)
    (home.path / "strange").symlink_to("/dev/zero")
    found = use(home)
    assert found.volumes == sum(path.stat().st_size for path in home.volumes.iterdir())
    assert found.catalog == sum(path.stat().st_size for path in home.path.glob("archive.sqlite*"))
    assert found.log == 500
    assert found.other == 70
    assert found.used == found.volumes + found.catalog + 570
    assert 0 < found.free <= found.total


@pytest.mark.parametrize(
    ("free", "total", "low"),
    [
        (0.99 * GB, 10 * GB, True),
        (1.01 * GB, 10 * GB, False),
        (4.9 * GB, 100 * GB, True),
        (5.1 * GB, 100 * GB, False),
        (19.9 * GB, 10_000 * GB, True),
        (20.1 * GB, 10_000 * GB, False),
    ],
)
def test_little_room_is_said(free: float, total: float, low: bool) -> None:
    """Under 1 GB, or under 5 % of the file system, of which 20 GB are always enough."""
    found = DiskUse(1, 2, 3, 4, int(free), int(total))
    assert found.low is low
    assert found.sentence().startswith("Only ") is low
    assert "free on the archive's disk" in found.sentence()
