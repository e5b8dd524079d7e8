"""Commands for whoever keeps an archive: settings, many users, what was verified, disk space, the ledger in sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.config import Home
from tests import homes


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    return await homes.filled(tmp_path / "home")


def test_settings_are_listed_and_changed(home: Home) -> None:
    """With what each is for; a wrong value is refused with exit code 2 and what is allowed, and --json has the values."""
    listed = homes.cli(home, "settings")
    assert listed.returncode == 0
    for words in ("theme", "dark", "volume_bytes", "4 GiB", "Most runs at once. Allowed: a number from 1 to 16."):
        assert words in listed.stdout
    changed = homes.cli(home, "settings", "set", "volume_bytes", "2 GB", "--json")
    assert json.loads(changed.stdout)["settings"]["volume_bytes"] == 2_000_000_000
    assert "volume_bytes is 2 GB now." in changed.stderr
    refused = homes.cli(home, "settings", "set", "runs", "17")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert 'runs: "17" is not allowed.' in refused.stderr
    assert "a number from 1 to 16" in refused.stderr
    values = json.loads(homes.cli(home, "settings", "--json").stdout)["settings"]
    assert values["volume_bytes"] == 2_000_000_000
    assert values["runs"] == 4
