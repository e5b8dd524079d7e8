"""Puts the manual into the wheel: its pages where ``core.manual`` finds them, and the pages for man made of them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds ``core/manual/pages`` and ``share/man``; an editable installation reads the checkout and has no pages for man."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the pages for man into a folder of their own, since a checkout may be read-only."""
        if version == "editable":
            return
        build_data["force_include"]["docs"] = "core/manual/pages"
        sys.path.insert(0, self.root)
        from core.manual import sheets

        self._folder = Path(tempfile.mkdtemp(prefix="archivar-man-"))
        build_data["shared_data"].update({str(path): f"share/{place}" for path, place in sheets.write(self._folder).items()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove that folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
