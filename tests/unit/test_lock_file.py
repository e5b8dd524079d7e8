"""The lock file: it pins everything, names no place, and follows pyproject.toml."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.sources import ROOT

pytestmark = pytest.mark.xdist_group("modules")
PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?P<marker> ; [^\\]+?)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)


def requirements() -> list[str]:
    """The lines of the lock file, each requirement on one."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return [re.sub(r"\s+", " ", line).strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def pins() -> dict[str, Version]:
    found = [PIN.fullmatch(line) for line in requirements()]
    return {pin["name"]: Version(pin["version"]) for pin in found if pin}


def test_the_lock_file_pins_everything_and_names_no_place() -> None:
    """Every line of requirements.lock is an exact version with its hashes; none of them is an address, path or option."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert [word for word in ("://", "--index", "--extra-index", "--find-links", "file:", " @ ") if word in text] == []
    assert [line for line in requirements() if not PIN.fullmatch(line)] == []


def test_the_lock_file_follows_pyproject() -> None:
    """Every requirement of pyproject.toml is in requirements.lock, in a version that it admits."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = declared["project"]
    wanted = [
        *declared["build-system"]["requires"],
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
        *(line for group in declared["dependency-groups"].values() for line in group),
    ]
    locked = pins()
    lagging = [
        line
        for line in wanted
        if (name := canonicalize_name(Requirement(line).name)) not in locked
        or not Requirement(line).specifier.contains(locked[name], prereleases=True)
    ]
    assert lagging == [], "run: make lock"
