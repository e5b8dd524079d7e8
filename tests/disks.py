"""File systems of a few megabytes, in memory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size: str, *, lazily: bool = False) -> Iterator[Path]:
    """A file system of its own in the new folder ``place``; ``size`` as in ``8m``.

    ``lazily``: it may be unmounted already, or be in use at the end.
    """
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "archivar-test", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        if lazily:
            subprocess.run(["umount", "-l", str(place)], capture_output=True)
        else:
            subprocess.run(["umount", str(place)], check=True)
