"""Homes as earlier versions of the program left them, with a catalog of any earlier schema.

Two were written by programs of their time: CATALOG_1 with the first schema, FORMAT_1 with the one of number 15. Those between
and after them are such a home that the next programs were started on: their scripts have been run.
"""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from core.config import Home
from core.db.migrate import migrations, statements
from tests import homes

CATALOG_1 = homes.ROOT / "tests" / "catalog-1.tar.xz"
FORMAT_1 = homes.ROOT / "tests" / "format-1.tar.xz"
_WRITTEN = {1: CATALOG_1, 15: FORMAT_1}
#: All earlier schemas.
VERSIONS = [one.number for one in migrations()][:-1]


def unpacked(place: Path, version: int) -> Home:
    """A home below ``place`` with a catalog of ``version``, in a folder of the archive's name."""
    written = max(number for number in _WRITTEN if number <= version)
    with tarfile.open(_WRITTEN[written]) as packed:
        packed.extractall(place, filter="data")
    home = Home(place / _WRITTEN[written].name.removesuffix(".tar.xz"))
    for folder in (home.path, home.volumes):
        # The unpacking gives folders no mode of their own.
        folder.chmod(0o700)
    with closing(sqlite3.connect(home.catalog, isolation_level=None)) as catalog:
        for script in migrations()[written:version]:
            catalog.execute("BEGIN")
            for statement in statements(script.sql):
                catalog.execute(statement)
            catalog.execute("INSERT INTO migration VALUES (?, ?, '2026-01-01T00:00:00.000Z')", (script.number, script.name))
            catalog.execute(f"PRAGMA user_version = {script.number}")
            catalog.execute("COMMIT")
    return home
