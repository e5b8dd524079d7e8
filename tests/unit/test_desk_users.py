"""Home counts users in the catalog, and again only when one of them was changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.profiles.profile import Login, Method, Profile, Server
from core.profiles.selection import Chosen, UserSelection
from core.secrets import Secret
from tests import homes
from tui.desk.desk import open_desk


async def test_home_tells_of_changed_users_and_counts_no_more_than_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An added, changed or removed user shows at the next look; otherwise nothing is counted."""
    other = await homes.begin(tmp_path / "home")
    staff = Profile("Staff", Server("mail.example.test"), Login("", "", Method.KERIO_MASTER), selection=UserSelection())
    await saved_profiles.save(other, staff, Secret("word"))
    counted = 0
    choose = users.chosen

    async def counting(archive: Archive, selection: UserSelection) -> Chosen:
        nonlocal counted
        counted += 1
        return await choose(archive, selection)

    async def all_users(archive: Archive, *, removed: bool = False) -> None:
        raise AssertionError("all users were read")

    monkeypatch.setattr(users, "chosen", counting)
    monkeypatch.setattr(users, "all_users", all_users)
    desk = await open_desk(other.home.path)
    try:

        async def look() -> tuple[str, tuple[str, ...]]:
            view = await desk.home()
            return view.profiles[0].mailbox, tuple(item.text for item in view.attention)

        assert await look() == ("1 mailbox", ())
        assert await look() == ("1 mailbox", ())
        assert counted == 1
        bob, _ = await users.add(other, "bob", ["bob@example.test"])
        assert (await look())[0] == "2 mailboxes"
        await users.edit(other, replace(bob, addresses=()))
        mailbox, (warning,) = await look()
        assert mailbox == "1 mailbox"
        assert "leaves out 1 user without an e-mail address: bob." in warning
        await users.remove(other, bob)
        assert await look() == ("1 mailbox", ())
        await homes.store(other, {1: homes.message(1)})
        assert await look() == ("1 mailbox", ())
        assert counted == 4
    finally:
        await desk.close()
        await other.close()
