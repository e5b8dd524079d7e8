"""Changes from old to new values: in every entry that saves or removes a record, without passwords."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.registry import saved_directory, saved_profiles, saved_settings, unknown, user_import, users
from core.archive.store.entries.change import Change, between, flat
from core.archive.store.entries.reading import Fields
from core.archive.store.entries.records import ProfileSaved, UserSaved
from core.archive.store.ledger import Draft
from core.archive.store.volume import Volume
from core.errors import StorageError
from core.model import User
from core.profiles.deletion import Deletion, When
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer
from core.profiles.schedule import Schedule
from core.profiles.users_csv import CsvUser
from core.secrets import Secret
from tests import homes
from tests.reasons import said

WORD = "geheim-4711"
DIRECTORY = Directory(DirectoryKind.LDAP, DirectoryServer("dc1", DirectoryAccess.LDAP_SSL), "cn=reader,dc=x")
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.text("ab", max_size=2), st.lists(st.text("ab", max_size=2)))
RECORDS = st.dictionaries(st.sampled_from("abc"), LEAVES | st.dictionaries(st.sampled_from("xyz"), LEAVES, max_size=3))


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def _last(archive: Archive) -> list[dict[str, Any]]:
    """The changes of the last entry; in no part of it is there a password."""
    [entry] = await archive.entries_before(None, 1)
    assert WORD not in entry.plain.decode()
    found: list[dict[str, Any]] = entry.payload["changes"]
    assert len(entry.changes() or ()) == len(found)
    return found


def _fields(found: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {one["field"]: (one.get("old"), one.get("new")) for one in found}


async def test_a_profile_says_what_it_began_with_what_was_changed_and_what_it_was(archive: Archive) -> None:
    """New: what it has and no old values; changed: the fields alone; removed: what it had and no new ones."""
    profile = homes.profile("mail.example.test", 993, name="Staff")
    await saved_profiles.save(archive, profile, Secret(WORD))
    new = await _last(archive)
    assert {"field": "server.host", "new": "mail.example.test"} in new
    assert {"field": "login.password", "secret": True} in new
    assert not any("old" in one for one in new)
    changed = replace(profile, deletion=Deletion(When.IMMEDIATELY), schedule=Schedule(every="1 hour"))
    await saved_profiles.save(archive, changed)
    found = _fields(await _last(archive))
    assert found["delete.when"] == ("never", "immediately")
    assert found["schedule.every"] == (None, "1 hour")
    assert not found.keys() & {"server.host", "login.password"}
    await saved_profiles.set_automatic(archive, "staff", False)
    assert await _last(archive) == [{"field": "schedule.automatic", "old": True, "new": False}]
    await saved_profiles.save(archive, replace(changed, name="STAFF"))
    assert _fields(await _last(archive))["name"] == ("Staff", "STAFF")
    await saved_profiles.remove(archive, "staff")
    removed = await _last(archive)
    assert {"field": "delete.when", "old": "immediately"} in removed
    assert {"field": "login.password", "secret": True} in removed
    assert not any("new" in one for one in removed)


async def test_of_a_password_only_is_told_that_it_changed(archive: Archive) -> None:
    """Stored, replaced, kept, taken from a file from now on: neither its value nor its length nor a hash."""
    profile = homes.profile("mail.example.test", 993)
    secret = [{"field": "login.password", "secret": True}]
    await saved_profiles.save(archive, profile, Secret(WORD))
    await saved_profiles.save(archive, profile)
    assert await _last(archive) == []
    await saved_profiles.save(archive, profile, Secret(WORD * 3))
    assert await _last(archive) == secret
    file = archive.home.path.parent / "word"
    await saved_profiles.save(archive, replace(profile, login=replace(profile.login, password_file=str(file))))
    assert await _last(archive) == [{"field": "login.password_file", "old": "", "new": str(file)}, *secret]


async def test_what_cannot_be_saved_leaves_the_stored_password_as_it_was(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk while settings are saved with another password, or from a file, or for another server."""
    profile = homes.profile("mail.example.test", 993)
    await saved_profiles.save(archive, profile, Secret(WORD))
    await saved_directory.save(archive, DIRECTORY, Secret(WORD))
    append = Volume.append

    async def full(*arguments: object, **options: object) -> None:
        raise StorageError(said("000001.sqlite: The disk is full."))

    monkeypatch.setattr(Volume, "append", full)
    filed = replace(profile, login=replace(profile.login, password_file="/x"))
    other = replace(DIRECTORY, server=replace(DIRECTORY.server, host="dc2"))
    for work in (
        saved_profiles.save(archive, profile, Secret("other")),
        saved_profiles.save(archive, filed),
        saved_directory.save(archive, DIRECTORY, Secret("other")),
        saved_directory.save(archive, other),
    ):
        with pytest.raises(StorageError, match="full"):
            await work
    monkeypatch.setattr(Volume, "append", append)
    assert (await saved_profiles.password(archive, await saved_profiles.find(archive, "Test"))).reveal() == WORD
    assert (await saved_directory.password(archive, await saved_directory.find(archive))).reveal() == WORD
    assert (await saved_profiles.find(archive, "Test"), await saved_directory.find(archive)) == (profile, DIRECTORY)


async def test_a_renamed_profile_is_compared_with_what_it_was(archive: Archive) -> None:
    """The new one says its old name, and which fields differ; the password that it keeps is no change."""
    profile = homes.profile("mail.example.test", 993, name="Old")
    await saved_profiles.save(archive, profile, Secret(WORD))
    await saved_profiles.save(
        archive, replace(profile, name="New", deletion=Deletion(When.IMMEDIATELY)), edited=saved_profiles.Edited("old")
    )
    found = _fields(await _last(archive))
    assert (found.pop("name"), found.pop("delete.when")) == (("Old", "New"), ("never", "immediately"))
    assert found == {}
    [entry] = await archive.entries_before(None, 1)
    assert entry.sentence().startswith("Profile Old was saved as New. ")
    await saved_profiles.save(archive, replace(profile, name="Newer"), Secret(WORD), edited=saved_profiles.Edited("new"))
    assert {"field": "login.password", "secret": True} in await _last(archive)


async def test_users_say_what_was_changed_however_they_are_saved(archive: Archive) -> None:
    """By hand, from a list, from an unknown address, by a synchronisation; several entries at once too."""
    anna, _ = await users.add(archive, "anna", ["a@example.test"], login="al")
    assert _fields(await _last(archive)) == {
        "name": (None, "anna"),
        "addresses": (None, ["a@example.test"]),
        "login": (None, "al"),
    }
    await unknown.make_alias(archive, "b@example.test", "anna")
    change = {"field": "addresses", "old": ["a@example.test"], "new": ["a@example.test", "b@example.test"]}
    assert await _last(archive) == [change]
    await user_import.carry_out(archive, await user_import.plan(archive, [CsvUser(2, "anna", None, "x", None)]))
    assert await _last(archive) == [{"field": "login", "old": "al", "new": "x"}]
    saved = [User(f"id{number}", f"u{number}", (f"u{number}@example.test",)) for number in range(3)]
    await saved_directory.write(archive, [replace(anna, login="y"), *saved], {}, actor="directory", asked_by="cli")
    entries = (await archive.entries_before(None, 5))[::-1]
    assert entries[0].payload["changes"][-1] == {"field": "login", "old": "x", "new": "y"}
    assert [_fields(one.payload["changes"])["name"] for one in entries[1:4]] == [(None, one.name) for one in saved]
    assert "changes" not in entries[4].payload
    # One batch that saves a user twice: the second is compared with the first.
    drafts = [Draft(UserSaved(replace(saved[0], login=login))) for login in ("1", "2")]
    await archive.append(drafts)
    assert await _last(archive) == [{"field": "login", "old": "1", "new": "2"}]
    await users.remove(archive, await users.find(archive, "u0"))
    gone = await _last(archive)
    assert {"field": "addresses", "old": ["u0@example.test"]} in gone
    assert not any("new" in one for one in gone)
    await users.add(archive, "u0", ["u0@example.test"])
    assert not any("old" in one for one in await _last(archive))


async def test_directory_addresses_and_settings_say_what_was_changed(archive: Archive) -> None:
    """Set up, changed, given another password, removed; not ours and ours again; a setting from its default on."""
    secret = {"field": "login.password", "secret": True}
    await saved_directory.save(archive, DIRECTORY, Secret(WORD))
    assert secret in await _last(archive)
    moved = replace(DIRECTORY, server=replace(DIRECTORY.server, host="dc2"))
    await saved_directory.save(archive, moved)
    # The password was for another server, so it is forgotten.
    assert await _last(archive) == [{"field": "server.host", "old": "dc1", "new": "dc2"}, secret]
    await saved_directory.save(archive, moved)
    assert await _last(archive) == []
    await saved_directory.remove(archive)
    assert {"field": "server.host", "old": "dc2"} in await _last(archive)
    await unknown.set_ours(archive, "example.org", False)
    assert await _last(archive) == [{"field": "ours", "old": True, "new": False}]
    await unknown.set_ours(archive, "example.org", True)
    assert await _last(archive) == [{"field": "ours", "old": False, "new": True}]
    head = await archive.head()
    await saved_settings.change(archive, "runs", "4")
    assert await archive.head() == head, "as it was before"
    for name in settings.DESCRIBED:
        value = {
            "theme": "light",
            "seal": "nightly",
            "mouse": "on",
            "refresh": "2",
            "volume_bytes": "1 GB",
            "storage_cache": "2 GB",
            "storage_bound": "3 GB",
            "verify": "weekly",
            "backup_to": "/srv/copies",
            "backup_every": "sun at 03:00",
        }.get(name, "7")
        before = settings.shown(await settings.read(archive.database))[name]
        after = settings.shown(await saved_settings.change(archive, name, value))[name]
        if before != after:
            assert await _last(archive) == [{"field": name, "old": before, "new": after}]


async def test_changes_are_kept_through_a_rebuild_and_older_entries_have_none(archive: Archive) -> None:
    """They are the ledger's, and the catalog is what it was."""
    await users.add(archive, "anna", ["a@example.test"])
    before = homes.tables(archive.home)
    await archive.rebuild()
    assert homes.tables(archive.home) == before
    assert ProfileSaved.of(Fields({"name": "x", "definition": {}})).changes is None


@given(RECORDS, RECORDS)
def test_what_is_told_makes_of_the_one_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    """The old record with every change is the new one, but for fields that say nothing; and it goes through JSON."""
    found = [Change.of_json(json.loads(json.dumps(one.as_json()))) for one in between(old, new)]
    assert found == between(old, new)
    value = flat(old)
    for change in found:
        assert change.sentence().startswith(f"{change.field}: ")
        assert change.old == value.get(change.field)
        value[change.field] = change.new
    wanted = flat(new)
    assert all((value.get(name) or None) == (wanted.get(name) or None) for name in value.keys() | wanted.keys())
