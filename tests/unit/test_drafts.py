"""Drafts of profiles on a real archive: what is said of them, and what is saved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.profiles.profile import Access, Profile, Target
from core.secrets import Secret
from tests import homes
from tui.desk.profiles.drafts import Drafts
from tui.desk.refusals import Refused


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
async def test_a_draft_tells_why_its_password_is_needed_again(archive: Archive, changed: dict[str, Any], words: str) -> None:
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
    assert (await desk.problems(draft))["login.password"].startswith("Anna was removed or renamed meanwhile")


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("name", ["Anna", "Anna 2"])
async def test_two_consoles_do_not_lose_each_others_changes(archive: Archive, name: str) -> None:
    """The second one is told, also when it renames, and nothing of its change is saved; opened anew it can."""
    desk = Drafts(archive)
    first, second = await desk.edit("Anna"), await desk.edit("Anna")
    first.fields["server.timeout"] = "60"
    await desk.save(first)
    second.fields.update({"filter.older_than": "3 months", "name": name})
    head = await archive.head()
    with pytest.raises(Refused, match="Somebody else changed Anna meanwhile") as refused:
        await desk.save(second)
    assert "open it again" in refused.value.hint
    assert await archive.head() == head
    again = await desk.edit("Anna")
    again.fields["filter.older_than"] = "3 months"
    await desk.save(again)
    now = await saved_profiles.find(archive, "Anna")
    assert (now.server.timeout, bool(now.filter.older_than)) == (60, True)


@pytest.mark.usefixtures("saved")
async def test_a_profile_that_was_removed_meanwhile_does_not_come_back(archive: Archive) -> None:
    """Also when the password was typed."""
    desk = Drafts(archive)
    draft = await desk.edit("Anna")
    draft.password = Secret("word")
    await saved_profiles.remove(archive, "Anna")
    with pytest.raises(Refused, match="Anna was removed or renamed meanwhile"):
        await desk.save(draft)
    assert await saved_profiles.all_profiles(archive) == []


async def test_a_new_profile_takes_no_name_that_is_taken(archive: Archive, saved: Profile) -> None:
    """Even when it was taken after the page was checked; a profile file replaces."""
    desk = Drafts(archive)
    draft = await desk.copy("Anna")
    draft.fields.update({"name": "ANNA", "server.timeout": "60"})
    with pytest.raises(Refused, match="a profile Anna already"):
        await desk.save(draft)
    assert await saved_profiles.all_profiles(archive) == [saved]
    replaced = replace(saved, server=replace(saved.server, timeout=60))
    await saved_profiles.save(archive, replaced)
    assert await saved_profiles.all_profiles(archive) == [replaced]


@pytest.mark.usefixtures("saved")
async def test_a_schedule_that_is_not_complete_keeps_nobody_from_trying(archive: Archive) -> None:
    """The next start is not told then, and the connection can be tried."""
    desk = Drafts(archive)
    draft = await desk.edit("Anna")
    draft.fields.update({"schedule.how": "daily", "schedule.daily": ""})
    assert desk.next_start(draft.fields) == ""
    assert len(desk.steps(draft)) > 3
    assert desk.next_start({**draft.fields, "schedule.daily": "02:00"}).startswith("Next start")
    assert (await desk.problems(draft)) == {"schedule.daily": "This is needed."}


async def test_an_empty_user_name_is_the_address_as_it_is_at_last(archive: Archive) -> None:
    """It stays empty in the form, so a corrected address is the one that is logged in with; what was typed stays."""
    desk = Drafts(archive)
    draft = await desk.new("mailbox")
    draft.fields.update({"name": "A", "server.host": "h.example.test", "target.user": "alice", "login.username": " "})
    draft.password = Secret("word")
    assert set(await desk.problems(draft)) == {"login.username"}
    for address in ("alcie@example.test", "alice@example.test"):
        draft.fields["target.folder"] = address
        assert await desk.problems(draft) == {}
        assert ("Mailboxes", f"{address}.") in (await desk.summary(draft)).facts
    assert draft.fields["login.username"] == " "
    await desk.save(draft)
    saved = await saved_profiles.find(archive, "A")
    assert (saved.login.username, saved.target) == ("alice@example.test", Target("alice", "alice@example.test"))
    draft = await desk.edit("A")
    draft.fields["login.username"] = ""
    assert await desk.problems(draft) == {}
    draft.fields["target.folder"] = "bob@example.test"
    assert "The account" in (await desk.problems(draft))["login.password"]
    draft.fields["login.username"] = "alice@example.test"
    assert await desk.problems(draft) == {}


async def test_names_are_taken_as_the_archive_compares_them(archive: Archive) -> None:
    """Letters beyond ASCII have a case there: Ärzte and ärzte are two profiles, ÄRZTE is the first."""
    profile = homes.profile("mail.example.test", 993, name="Ärzte")
    await saved_profiles.save(archive, profile, Secret("word"))
    desk = Drafts(archive)
    draft = await desk.edit("Ärzte")
    for name, taken in (("ärzte", False), ("ÄRZTE", False), ("Other", False), ("OTHER", True)):
        if taken:
            await saved_profiles.save(archive, replace(profile, name="Other"), Secret("word"))
        draft.fields["name"] = name
        assert ("name" in await desk.problems(draft)) is taken
    draft = await desk.copy("Ärzte")
    for name, taken in (("ärzte", False), ("ÄRZTE", True), ("Ärzte", True)):
        draft.fields["name"] = name
        assert ("name" in await desk.problems(draft)) is taken
    draft.fields["name"] = "ärzte"
    await desk.save(draft)
    assert [one.name for one in await saved_profiles.all_profiles(archive)] == ["Other", "Ärzte", "ärzte"]
