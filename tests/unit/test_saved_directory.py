"""The settings of the directory in an archive: kept, proved, and the password for its own account only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.registry import last_attempt, saved_directory
from core.archive.registry.last_attempt import AttemptOutcome
from core.directory.diff import compare
from core.directory.entry import DirectoryEntry
from core.directory.group_notes import GroupNote
from core.engine.examine import directory_sync
from core.errors import DirectoryError, InputError
from core.network import Report
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer, LeaverPolicy
from core.secrets import Secret
from core.system.actor import Actor
from tests import homes
from tests.reasons import said

WORD = "geheim-4711"
LDAP = Directory(
    DirectoryKind.LDAP, DirectoryServer("dc1", DirectoryAccess.LDAP_SSL), "cn=reader,dc=x", left=LeaverPolicy.DELETE
)
PEOPLE = tuple(DirectoryEntry(f"entryUUID:{n}", f"u{n:04}", "", (f"u{n:04}@x.test",)) for n in range(1200))


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


def directory_of(monkeypatch: pytest.MonkeyPatch, *answers: tuple[DirectoryEntry, ...] | DirectoryError) -> None:
    """Have the directory give these answers, one after the other."""
    waiting = iter(answers)

    async def people(
        directory: Directory, password: Secret, report: Report, note: Callable[[GroupNote], None]
    ) -> tuple[DirectoryEntry, ...]:
        assert password.reveal() == WORD
        answer = next(waiting)
        if isinstance(answer, DirectoryError):
            raise answer
        return answer

    monkeypatch.setattr(directory_sync, "people", people)


async def test_settings_are_kept_in_the_ledger_and_the_password_is_not(archive: Archive) -> None:
    """Read back as saved, replayed by verify; removed, both are gone."""
    assert await saved_directory.load(archive) is None
    await saved_directory.save(archive, LDAP, Secret(WORD), actor="cli:test")
    assert await saved_directory.find(archive) == LDAP
    assert (await saved_directory.password(archive, LDAP)).reveal() == WORD
    assert (await verify(archive.home)).findings == []
    assert not any(WORD in entry.plain.decode() for entry in await homes.entries(archive))
    for path in archive.home.path.rglob("*"):
        assert not path.is_file() or WORD.encode() not in path.read_bytes(), path
    await saved_directory.remove(archive)
    assert await saved_directory.load(archive) is None
    assert await archive.database.read("SELECT * FROM password") == []
    assert (await verify(archive.home)).findings == []
    with pytest.raises(InputError, match="No directory"):
        await saved_directory.remove(archive)


@pytest.mark.parametrize(
    "other",
    [
        replace(LDAP, server=replace(LDAP.server, host="dc2")),
        replace(LDAP, server=replace(LDAP.server, port=1636)),
        replace(LDAP, username="cn=other"),
        replace(LDAP, source=DirectoryKind.ACTIVE_DIRECTORY),
        replace(LDAP, server=replace(LDAP.server, access=DirectoryAccess.LDAP, port=636)),
        replace(LDAP, server=replace(LDAP.server, accept_all_certificates=True)),
        replace(LDAP, server=replace(LDAP.server, ca_file="/tmp/own.pem")),
    ],
)
async def test_a_password_is_never_sent_where_it_was_not_meant_for(archive: Archive, other: Directory) -> None:
    """Another account or server: forgotten; the same one with other rules keeps it."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    await saved_directory.save(archive, replace(LDAP, guard=50))
    assert (await saved_directory.password(archive, LDAP)).reveal() == WORD
    assert not await saved_directory.has_password(archive, other)
    with pytest.raises(InputError, match="No password"):
        await saved_directory.password(archive, other)
    await saved_directory.save(archive, other)
    with pytest.raises(InputError, match="No password"):
        await saved_directory.password(archive, other)


async def test_a_synchronisation_is_one_write_with_every_change(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,200 users and the numbers, by the directory as actor; the preview writes nothing, a second time there is no change."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    directory_of(monkeypatch, PEOPLE, PEOPLE, PEOPLE)
    head = await archive.head()
    assert (await directory_sync.sync(archive, dry_run=True)).done is False
    assert await archive.head() == head
    first = await directory_sync.sync(archive, asked_by="cli:test")
    entries = [entry async for entry in archive.entries(head.seq)]
    assert [entry.kind for entry in entries] == ["user.saved"] * 1200 + ["directory.synced"]
    assert {Actor.of(entry.actor).channel for entry in entries} == {"directory"}
    assert (entries[-1].payload["created"], entries[-1].payload["asked_by"]) == (1200, "cli:test")
    assert first.sentence() == "1,200 in the directory: 1,200 created, 0 unchanged."
    second = await directory_sync.sync(archive)
    assert second.difference.changes == ()
    last = await saved_directory.last_sync(archive)
    assert last is not None
    assert last[1].counts["unchanged"] == 1200
    assert (await verify(archive.home)).findings == []


async def test_names_that_go_round_are_followed_in_the_catalog(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two colleagues swap their user names: no makeshift name remains afterwards."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    one, two = PEOPLE[:2]
    swapped = (replace(one, name=two.name), replace(two, name=one.name))
    directory_of(monkeypatch, (one, two), swapped, swapped)
    await directory_sync.sync(archive)
    await directory_sync.sync(archive)
    again = await directory_sync.sync(archive)
    assert (again.difference.changes, again.difference.unchanged) == ((), 2)
    assert (await verify(archive.home)).findings == []


async def test_nobody_goes_at_an_error_or_when_too_many_would(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error changes nothing at all; half of the users missing is refused with the number, and forced only on request."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    directory_of(monkeypatch, PEOPLE[:20], DirectoryError(said("cut off")), PEOPLE[:10], PEOPLE[:10])
    await directory_sync.sync(archive)
    head = await archive.head()
    with pytest.raises(DirectoryError, match="cut off"):
        await directory_sync.sync(archive)
    assert await archive.head() == head
    refused = await directory_sync.sync(archive)
    assert refused.refusal is not None
    assert "10 of 20 users" in refused.refusal.message
    assert refused.refusal.exit_code == 3
    assert refused.difference.changes == ()
    forced = await directory_sync.sync(archive, agreed=None)
    assert forced.refusal is None
    assert forced.difference.counts()["removed"] == 10


async def attempt(archive: Archive) -> tuple[AttemptOutcome, str, str]:
    found = await last_attempt.last(archive)
    assert found is not None
    return found.outcome, found.reason, found.asked_by


async def test_the_last_attempt_is_remembered_until_the_next(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed, withheld and done, by whom; a dry run is no attempt."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    failed = DirectoryError(said("nobody here.", "Ask."))
    directory_of(monkeypatch, PEOPLE[:20], failed, PEOPLE[:10], DirectoryError(said("dry")), PEOPLE[:10])
    assert await last_attempt.last(archive) is None
    await directory_sync.sync(archive, asked_by="console")
    outcome, reason, asked_by = await attempt(archive)
    assert (outcome, reason, Actor.of(asked_by).channel) == (AttemptOutcome.DONE, "", "console")
    with pytest.raises(DirectoryError):
        await directory_sync.sync(archive, asked_by="run 7 of Staff")
    assert await attempt(archive) == (AttemptOutcome.FAILED, "nobody here. Ask.", "run 7 of Staff")
    await directory_sync.sync(archive)
    outcome, reason, _ = await attempt(archive)
    assert outcome is AttemptOutcome.WITHHELD
    assert "10 of 20 users" in reason
    with pytest.raises(DirectoryError):
        await directory_sync.sync(archive, dry_run=True)
    assert (await attempt(archive))[0] is AttemptOutcome.WITHHELD
    await directory_sync.sync(archive, agreed=None)
    assert (await attempt(archive))[0] is AttemptOutcome.DONE
    await saved_directory.remove(archive)
    assert await last_attempt.last(archive) is None


async def test_a_missing_password_is_a_failed_attempt(archive: Archive) -> None:
    """It is told like any other reason, and what cannot be read counts as no attempt."""
    await saved_directory.save(archive, LDAP)
    with pytest.raises(InputError, match="No password"):
        await directory_sync.sync(archive, asked_by="cli:test")
    outcome, reason, _ = await attempt(archive)
    assert (outcome, reason.split(".")[0]) == (AttemptOutcome.FAILED, "No password is stored for the directory")
    async with archive.database.transaction() as transaction:
        await transaction.execute("UPDATE setting SET value = '{' WHERE name = ?", (last_attempt.NAME,))
    assert await last_attempt.last(archive) is None


def test_comparing_many_people_takes_no_time_that_counts() -> None:
    """20,000 people, all new, then all unchanged: no step is quadratic."""
    many = [DirectoryEntry(f"entryUUID:{n}", f"u{n}", "", (f"u{n}@x.test", f"a{n}@x.test")) for n in range(20000)]
    users = [change.after for change in compare(many, []).changes]
    assert compare(many, users).unchanged == 20000


async def test_settings_that_somebody_else_changed_are_not_saved_over(archive: Archive) -> None:
    """Changed, made or removed since they were read: refused, and what is there stays."""
    await saved_directory.save(archive, LDAP, Secret(WORD), expected={})
    other = replace(LDAP, guard=50)
    with pytest.raises(InputError, match="Somebody else"):
        await saved_directory.save(archive, other, expected={})
    await saved_directory.save(archive, other, expected=LDAP.as_json())
    with pytest.raises(InputError, match="Somebody else"):
        await saved_directory.save(archive, LDAP, expected=LDAP.as_json())
    assert await saved_directory.find(archive) == other
