"""A changed byte in the header of a file: every command that reads it answers with one of our errors, and names the file."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.config import Home
from core.errors import ArchivarError, HomeError
from tests import homes

HEADER = 100


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = asyncio.run(homes.filled(tmp_path_factory.mktemp("template") / "home", batches=1))
    # In one file, so that what is in its log does not take the place of the changed page.
    homes.change(home.catalog, "PRAGMA journal_mode = DELETE")
    return home


async def _read(home: Home) -> str:
    """The damage that an opened archive speaks of; empty for none. Another number of the format may forbid to write."""
    try:
        archive = await Archive.open(home)
    except ArchivarError as error:
        return error.message
    try:
        return str(archive.damage or "")
    finally:
        await archive.close()


async def _is_found(home: Home) -> bool:
    """True when a verification names the file: by a finding, or as one of a newer version, whose number may be any."""
    try:
        return bool((await verify(home)).findings)
    except HomeError:
        return True


@pytest.mark.parametrize("name", ["archive.sqlite", "volumes/000001.sqlite"])
@pytest.mark.parametrize("turned", [0x01, 0xFF])
async def test_each_byte_of_a_header(name: str, turned: int, template: Home, tmp_path: Path) -> None:
    """Verified it is a finding, a newer version, or one of the bytes that SQLite does not look at and writes anew."""
    for place in range(HEADER):
        home = Home(Path(shutil.copytree(template.path, tmp_path / str(place))))
        file = home.path / name
        content = bytearray(file.read_bytes())
        content[place] ^= turned
        file.write_bytes(content)
        found = await _is_found(home)
        said = await _read(home)
        assert found or not said, (place, said)
        shutil.rmtree(home.path)
