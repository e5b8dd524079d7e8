"""Fields of the console's forms: those of profile and directory files with a line on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.profiles.schema import forms
from core.profiles.schema.directories import DIRECTORIES
from core.profiles.schema.profiles import PROFILES
from core.profiles.schema.table import Field

__all__ = ["Field", "of_directory", "of_profile", "options"]


def of_profile(page: str, fields: Mapping[str, Any]) -> Sequence[Field]:
    """The fields on a page of the wizard, in its order; ``fields`` are those of the draft."""
    return forms.lines(PROFILES, page, fields)


def of_directory() -> Sequence[Field]:
    """The fields on the directory's page, in its order."""
    return forms.lines(DIRECTORIES, "Directory", {})


def options(name: str) -> Sequence[tuple[str, str]]:
    """The choices of a profile's field, each with its words."""
    return list(PROFILES.by_name[name].options.items())
