"""Drafts of profiles on a real archive: what is said of them, and what is saved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.archive import saved_profiles
from core.archive.archive import Archive
from core.profiles.profile import Access, Profile
from core.secrets import Secret
from tests import homes
from tui.gateway.drafts import Drafts


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


@pytest.fixture
async def saved(archive: Archive) -> Profile:
    """The profile Anna, with its password."""
    plain = homes.profile("mail.example.test", 993, name="Anna")
    profile = replace(plain, server=replace(plain.server, access=Access.IMAP_SSL))
    await saved_profiles.save(archive, profile, Secret("word"))
    return profile


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"server.host": "other.example.test"}, "The server is another one"),
        ({"login.username": "bob@example.test"}, "The account is another one"),
        ({"server.access": "imap"}, "The encryption is weaker"),
        ({"filter.older_than": "x", "delete.when": "older-than"}, ""),
        ({"server.host": "a b"}, ""),
    ],
)
async def test_it_is_said_why_the_password_is_needed_again(archive: Archive, changed: dict[str, Any], words: str) -> None:
    """Server, account or encryption; not for what has nothing to do with the login."""
    desk = Drafts(archive)
    draft = await desk.edit("Anna")
    draft.fields.update(changed)
    problem = (await desk.problems(draft)).get("login.password", "")
    assert problem.startswith(words) if words else not problem


@pytest.mark.usefixtures("saved")
async def test_a_profile_that_was_removed_meanwhile_is_told(archive: Archive) -> None:
    """Its password went with it."""
    desk = Drafts(archive)
    draft = await desk.copy("Anna")
    await saved_profiles.remove(archive, "Anna")
    assert (await desk.problems(draft))["login.password"].startswith("Anna was removed meanwhile")
