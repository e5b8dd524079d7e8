"""Saved profiles: in the ledger without their passwords, which are this machine's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.catalog import catalog
from core.archive.registry import planning, saved_profiles, users
from core.archive.registry.saved_profiles import Misfit
from core.archive.store.ledger import Draft, Head
from core.errors import InputError
from core.profiles.profile import Access, Login, Profile, Target
from core.profiles.schedule import Schedule
from core.secrets import Secret
from core.service.queue import Queue
from tests import homes


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def test_a_profile_comes_back_as_it_was_saved_in_any_case_of_letters(archive: Archive) -> None:
    """Saved, found, saved again under another spelling: one profile, with its password."""
    await saved_profiles.save(archive, homes.profile("mail.example.test", 993, name="Staff"), Secret("one"))
    changed = homes.profile("mail.example.test", 143, name="STAFF")
    await saved_profiles.save(archive, changed)
    assert await saved_profiles.all_profiles(archive) == [changed]
    assert (await saved_profiles.password(archive, changed)).reveal() == "one"
    assert await saved_profiles.has_password(archive, changed)


async def test_the_ledger_never_holds_a_password(archive: Archive) -> None:
    """Profiles come back with a rebuild; passwords are kept through it, as they are no part of the catalog."""
    profile = homes.profile("mail.example.test", 993)
    await saved_profiles.save(archive, profile, Secret("Passwort!"))
    assert all(b"Passwort" not in entry.plain for entry in await homes.entries(archive))
    await archive.rebuild()
    assert await saved_profiles.all_profiles(archive) == [profile]
    assert (await saved_profiles.password(archive, profile)).reveal() == "Passwort!"


async def test_nothing_is_saved_for_a_user_who_is_not_there(archive: Archive) -> None:
    """The target must be a user: refused, and no entry is written."""
    head = await archive.head()
    profile = homes.profile("mail.example.test", 993)
    stranger = type(profile)(profile.name, profile.server, profile.login, Target("nobody", "x"))
    with pytest.raises(InputError, match="no user"):
        await saved_profiles.save(archive, stranger, Secret("a"))
    assert await archive.head() == head
    assert await archive.database.read("SELECT * FROM password") == []


async def test_a_profile_that_is_being_run_is_not_removed(archive: Archive) -> None:
    """Refused with the run's number; removed when it has ended, with its password."""
    profile = homes.profile("mail.example.test", 993)
    await saved_profiles.save(archive, profile, Secret("a"))
    run, _ = await Queue(archive.database).enqueue("Test")
    with pytest.raises(InputError, match=f"run {run.id}"):
        await saved_profiles.remove(archive, "test")
    await archive.database.read("UPDATE run SET status = 'failed'")
    await saved_profiles.remove(archive, "test")
    assert await saved_profiles.all_profiles(archive) == []
    with pytest.raises(InputError, match="no profile"):
        await saved_profiles.find(archive, "Test")


async def test_a_renamed_profile_keeps_all_that_is_its_own(archive: Archive) -> None:
    """One step in the ledger: the old name is gone, and password, runs and next start are under the new one."""
    scheduled = replace(homes.profile("mail.example.test", 993, name="Old"), schedule=Schedule(every="2 hours"))
    await saved_profiles.save(archive, scheduled, Secret("geheim"))
    run, _ = await Queue(archive.database).enqueue("Old", automatic=True)
    await archive.database.read("UPDATE run SET status = 'failed'")
    start = (await planning.planned(archive.database))["old"].next
    seen = (await archive.head()).seq
    renamed = replace(scheduled, name="New")
    await saved_profiles.save(archive, renamed, edited=saved_profiles.Edited("old"))
    assert [entry.kind for entry in (await homes.entries(archive))[seen:]] == ["profile.removed", "profile.saved"]
    assert await saved_profiles.all_profiles(archive) == [renamed]
    assert (await saved_profiles.password(archive, renamed)).reveal() == "geheim"
    assert await archive.database.read("SELECT profile FROM password") == [("New",)]
    assert [one.id for one in await Queue(archive.database).runs("New")] == [run.id]
    assert await Queue(archive.database).runs("Old") == []
    [planned] = (await planning.planned(archive.database)).values()
    assert (planned.profile, planned.next) == ("New", start)
    await archive.rebuild()
    assert await saved_profiles.all_profiles(archive) == [renamed]


async def test_a_profile_is_renamed_with_another_password_or_with_none(archive: Archive) -> None:
    """A new one takes the place of the stored one; a password file makes it go."""
    old = homes.profile("mail.example.test", 993, name="Old")
    await saved_profiles.save(archive, old, Secret("one"))
    new = replace(old, name="New")
    await saved_profiles.save(archive, new, Secret("two"), edited=saved_profiles.Edited("Old"))
    assert (await saved_profiles.password(archive, new)).reveal() == "two"
    from_file = replace(old, name="Newer", login=replace(old.login, password_file="/etc/archivar/word"))
    await saved_profiles.save(archive, from_file, edited=saved_profiles.Edited("New"))
    assert await archive.database.read("SELECT profile FROM password") == []


async def test_a_rename_that_cannot_be_is_refused_and_nothing_changes(archive: Archive) -> None:
    """A name that is taken, a run that goes on, a profile that is not there."""
    one = homes.profile("mail.example.test", 993, name="One")
    two = homes.profile("mail.example.test", 993, name="Two")
    await saved_profiles.save(archive, one, Secret("one"))
    await saved_profiles.save(archive, two, Secret("two"))
    head = await archive.head()
    with pytest.raises(InputError, match="a profile Two already"):
        await saved_profiles.save(archive, replace(one, name="TWO"), edited=saved_profiles.Edited("One"))
    with pytest.raises(InputError, match="no profile"):
        await saved_profiles.save(archive, replace(one, name="Four"), edited=saved_profiles.Edited("Three"))
    with pytest.raises(InputError, match="no profile"):
        await saved_profiles.save(archive, replace(one, name="THREE"), edited=saved_profiles.Edited("Three"))
    run, _ = await Queue(archive.database).enqueue("One")
    for name in ("Five", "ONE"):
        with pytest.raises(InputError, match=f"run {run.id}"):
            await saved_profiles.save(archive, replace(one, name=name), edited=saved_profiles.Edited("One"))
    assert await archive.head() == head
    assert (await saved_profiles.password(archive, two)).reveal() == "two"


async def test_a_name_whose_case_changes_beyond_ascii_is_renamed_too(archive: Archive) -> None:
    """The catalog takes them for two names: one profile is left, with its password."""
    profile = homes.profile("mail.example.test", 993, name="Ärzte")
    await saved_profiles.save(archive, profile, Secret("one"))
    renamed = replace(profile, name="ärzte")
    await saved_profiles.save(archive, renamed, edited=saved_profiles.Edited("Ärzte"))
    assert await saved_profiles.all_profiles(archive) == [renamed]
    assert (await saved_profiles.password(archive, renamed)).reveal() == "one"


async def test_runs_are_told_under_the_name_as_it_is_spelled_now(archive: Archive) -> None:
    """A name whose letters changed their case is still the same profile with the same runs."""
    profile = homes.profile("mail.example.test", 993, name="Staff")
    await saved_profiles.save(archive, profile, Secret("one"))
    run, _ = await Queue(archive.database).enqueue("Staff")
    await archive.database.read("UPDATE run SET status = 'failed'")
    await saved_profiles.save(archive, replace(profile, name="STAFF"), edited=saved_profiles.Edited("Staff"))
    assert (await Queue(archive.database).latest())["STAFF"].id == run.id
    assert (await saved_profiles.password(archive, replace(profile, name="STAFF"))).reveal() == "one"


async def test_a_copy_is_a_profile_of_its_own_that_starts_by_hand(archive: Archive) -> None:
    """Definition and password are the original's, its schedule is kept and off; a name that is taken is refused."""
    original = replace(homes.profile("mail.example.test", 993, name="One"), schedule=Schedule(every="2 hours"))
    await saved_profiles.save(archive, original, Secret("geheim"))
    copy = await saved_profiles.copy(archive, "one", "Two")
    assert copy == replace(original, name="Two", schedule=Schedule(every="2 hours", automatic=False))
    assert await saved_profiles.all_profiles(archive) == [original, copy]
    assert (await saved_profiles.password(archive, copy)).reveal() == "geheim"
    assert list(await planning.planned(archive.database)) == ["one"]
    await saved_profiles.save(archive, copy, Secret("other"))
    assert (await saved_profiles.password(archive, original)).reveal() == "geheim"
    with pytest.raises(InputError, match="a profile Two already"):
        await saved_profiles.copy(archive, "One", "two")


async def test_a_profile_without_a_schedule_is_not_made_automatic(archive: Archive) -> None:
    """Refused with what to write; with one it is switched, and switching to what is so already writes nothing."""
    profile = homes.profile("mail.example.test", 993)
    await saved_profiles.save(archive, profile, Secret("a"))
    for on in (True, False):
        with pytest.raises(InputError, match="has no schedule") as refused:
            await saved_profiles.set_automatic(archive, "test", on)
        assert "[schedule]" in refused.value.hint
    await saved_profiles.save(archive, replace(profile, schedule=Schedule(daily="02:00")))
    off = await saved_profiles.set_automatic(archive, "test", False)
    assert off.schedule == Schedule(daily="02:00", automatic=False)
    assert await saved_profiles.find(archive, "Test") == off
    head = await archive.head()
    await saved_profiles.set_automatic(archive, "test", False)
    assert await archive.head() == head
    assert (await saved_profiles.password(archive, off)).reveal() == "a"


async def test_a_profile_is_switched_off_even_when_it_could_not_be_saved_anew(archive: Archive) -> None:
    """Its user has gone: what starts it must be stopped all the same."""
    profile = replace(homes.profile("mail.example.test", 993), schedule=Schedule(every="1 minute"))
    await saved_profiles.save(archive, profile, Secret("a"))
    await users.remove(archive, await users.find(archive, "alice"))
    await saved_profiles.set_automatic(archive, "Test", False)
    assert await planning.planned(archive.database) == {}


async def test_a_password_file_is_read_at_its_first_line(archive: Archive, tmp_path: Path) -> None:
    """Line end left out; missing, empty or binary files are told by name."""
    file = tmp_path / "word"
    file.write_bytes("Öl und Essig \r\nsecond".encode())
    assert saved_profiles.read_password(file).reveal() == "Öl und Essig "
    for content, words in ((b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")):
        file.write_bytes(content)
        with pytest.raises(InputError, match=words):
            saved_profiles.read_password(file)
    with pytest.raises(InputError, match="cannot be read"):
        saved_profiles.read_password(tmp_path / "none")


def _on(**server: Any) -> Profile:
    profile = homes.profile("mail.example.test", 993)
    return replace(profile, server=replace(profile.server, **{"access": Access.IMAP_SSL, **server}))


@pytest.mark.parametrize(
    ("before", "after", "misfit"),
    [
        (_on(), _on(access=Access.IMAP), Misfit.ENCRYPTION),
        (_on(access=Access.IMAP_TLS), _on(access=Access.IMAP), Misfit.ENCRYPTION),
        (_on(), _on(accept_all_certificates=True), Misfit.ENCRYPTION),
        (_on(accept_all_certificates=True), _on(access=Access.IMAP), Misfit.ENCRYPTION),
        (_on(), _on(ca_file="/a.pem"), Misfit.ENCRYPTION),
        (_on(ca_file="/a.pem"), _on(ca_file="/b.pem"), Misfit.ENCRYPTION),
        (_on(ca_file="/a.pem"), _on(), Misfit.ENCRYPTION),
        (_on(), _on(host="other.example.test"), Misfit.SERVER),
        (_on(), _on(port=1993), Misfit.SERVER),
        (_on(), replace(_on(), login=Login("bob@example.test")), Misfit.ACCOUNT),
        (_on(), _on(access=Access.IMAP_TLS, host="MAIL.example.test", timeout=5.0), None),
        (_on(access=Access.IMAP), _on(accept_all_certificates=True), None),
        (_on(accept_all_certificates=True), _on(ca_file="/a.pem"), None),
        (_on(access=Access.IMAP), _on(access=Access.IMAP), None),
    ],
)
async def test_a_stored_password_serves_nothing_less_protected(
    archive: Archive, before: Profile, after: Profile, misfit: Misfit | None
) -> None:
    """Another server or account, or a connection on which more people could read it: the password is asked for again."""
    await saved_profiles.save(archive, before, Secret("one"))
    assert await saved_profiles.password_misfit(archive, after, "TEST") is misfit
    assert await saved_profiles.password_fits(archive, after, "TEST") is (misfit is None)


async def test_a_password_that_is_not_there_serves_nobody(archive: Archive) -> None:
    """Of a removed profile, and of one that reads it from a file."""
    profile = homes.profile("mail.example.test", 993)
    assert await saved_profiles.password_misfit(archive, profile, "Test") is Misfit.REMOVED
    await saved_profiles.save(archive, replace(profile, login=replace(profile.login, password_file="/etc/archivar/word")))
    assert await saved_profiles.password_misfit(archive, profile, "Test") is Misfit.NOT_STORED


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("ends", ["rename", "remove"])
@pytest.mark.parametrize("then", ["save", "rename", "copy", "removal"])
async def test_a_crash_leaves_no_password_to_a_later_profile_of_that_name(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, ends: str, then: str
) -> None:
    """The entry is in the ledger and the password still there: the next change removes it, before the name is reused."""
    old = homes.profile("mail.example.test", 993, name="Old")
    other = homes.profile("mail.example.test", 993, name="Other")
    await saved_profiles.save(archive, old, Secret("secret of old"))
    await saved_profiles.save(archive, other)
    append = archive.append

    async def crash(drafts: Sequence[Draft]) -> None:
        await append(drafts)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(archive, "append", crash)
        renaming = saved_profiles.save(archive, replace(old, name="New"), edited=saved_profiles.Edited("Old"))
        removing = saved_profiles.remove(archive, "Old")
        job, other_job = (renaming, removing) if ends == "rename" else (removing, renaming)
        other_job.close()
        with pytest.raises(Crash):
            await job
    again = replace(old, server=replace(old.server, host="other.example.test"))
    if then == "save":
        await saved_profiles.save(archive, again)
    elif then == "rename":
        await saved_profiles.save(archive, again, edited=saved_profiles.Edited("Other"))
    elif then == "copy":
        await saved_profiles.copy(archive, "Other", "Old")
    else:
        await saved_profiles.remove(archive, "Other")
    # Who was renamed kept it under the new name, for the server that it is for.
    assert await archive.database.read("SELECT profile FROM password") == ([("New",)] if ends == "rename" else [])
    assert not await saved_profiles.has_password(archive, again)
    if ends == "rename":
        assert (await saved_profiles.password(archive, replace(old, name="New"))).reveal() == "secret of old"


async def test_a_rename_that_does_not_come_to_the_ledger_leaves_no_password(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old profile keeps its own; what was laid down for the new name goes with the next change."""
    old = homes.profile("mail.example.test", 993, name="Old")
    await saved_profiles.save(archive, old, Secret("secret of old"))

    async def crash(drafts: Sequence[Draft]) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(archive, "append", crash)
        with pytest.raises(Crash):
            await saved_profiles.save(archive, replace(old, name="New"), edited=saved_profiles.Edited("Old"))
    assert (await saved_profiles.password(archive, old)).reveal() == "secret of old"
    await saved_profiles.save(archive, homes.profile("mail.example.test", 993, name="Other"))
    assert await archive.database.read("SELECT profile FROM password") == [("Old",)]


async def test_no_password_is_forgotten_while_the_catalog_is_rebuilt(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is empty then, and knows no profile: that is no reason to think that its password is of none."""
    profile = homes.profile("mail.example.test", 993)
    await saved_profiles.save(archive, profile, Secret("one"))
    head = archive.head

    async def emptied() -> Head:
        async with archive.database.transaction() as transaction:
            await catalog.clear(transaction)
        return await head()

    with monkeypatch.context() as patch:
        patch.setattr(archive, "catch_up", AsyncMock())
        patch.setattr(archive, "head", emptied)
        with pytest.raises(InputError):
            await saved_profiles.remove(archive, "Test")
    await archive.rebuild()
    assert (await saved_profiles.password(archive, profile)).reveal() == "one"
