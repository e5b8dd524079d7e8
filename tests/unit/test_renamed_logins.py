"""A login that is refused after the user's address was renamed says what the address was, until when, and what it is now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.read import renames
from core.archive.registry import saved_directory, saved_profiles, users
from core.engine.examine import examine
from core.engine.visit.limits import Limits
from core.engine.visit.renamed_logins import RenamedLogins
from core.errors import ConnectError
from core.imap.session import Session
from core.model import User, now
from core.problems import login
from core.profiles import mailboxes
from core.profiles.profile import Access, Login, Method, Profile, Server, Target
from core.profiles.selection import SelectionMode, UserSelection
from core.secrets import Secret
from core.service.queue import Queue
from core.service.run_work import RunWork
from tests import homes
from tests.reasons import said

OLD, NEW = "anna.alt@example.test", "anna.neu@example.test"
REFUSED = ConnectError("login", login.REFUSED(host="mail.example.test", login="anna", said="NO"))
STAFF = Profile(
    "Staff",
    Server("mail.example.test", Access.IMAP_SSL),
    Login("master", method=Method.MASTER_USER),
    selection=UserSelection(SelectionMode.ALL),
)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive with anna, whose address the directory has renamed, and bob, whose address never changed."""
    archive = await homes.begin(tmp_path / "home")
    anna, _ = await users.add(archive, "anna", [OLD])
    await users.add(archive, "bob", ["bob@example.test"])
    renamed = replace(anna, addresses=(NEW, OLD))
    await saved_directory.write(archive, [renamed], {}, actor="directory", asked_by="cli")
    await users.edit(archive, replace(renamed, full_name="Anna"))
    yield archive
    await archive.close()


async def _explained(archive: Archive, name: str, profile: Profile = STAFF, error: ConnectError = REFUSED) -> ConnectError:
    user = await users.find(archive, name)
    mailbox = mailboxes.of_target(profile, user) if profile.target else mailboxes.of_user(profile, user)
    return await RenamedLogins(archive).explained(profile, mailbox, error)


async def test_the_refusal_says_what_the_address_was_and_what_it_is(archive: Archive) -> None:
    """Until which day, by whom; the remedy, then what is to be checked in any case; nothing of it for who was not renamed."""
    found = await _explained(archive, "anna")
    day = f"{now().astimezone():%Y-%m-%d}"
    assert found.message == (
        "mail.example.test refused the login of anna (NO). This login name follows the e-mail address of anna, "
        f"which was {OLD} until {day}, when the directory renamed it, and is {NEW} now."
    )
    assert found.hint.startswith(f"If the server still knows the account as {OLD}, give the user that login name.")
    assert found.hint.endswith(REFUSED.hint)
    assert (found.step, found.retry, found.busy) == (REFUSED.step, False, False)
    assert await _explained(archive, "bob") is REFUSED
    for other in (
        ConnectError("tls", said("x")),
        ConnectError("login", said("x"), busy=True),
        ConnectError("login", said("x"), master=True),
    ):
        assert await _explained(archive, "anna", error=other) is other


async def test_a_login_of_its_own_follows_no_address_but_a_domain_may(archive: Archive) -> None:
    """Kerio's names get the domain of the address; one profile's own user name may be the former address."""
    anna = await users.find(archive, "anna")
    await users.edit(archive, replace(anna, login="al"))
    assert await _explained(archive, "anna") is REFUSED
    await users.edit(archive, replace(anna, login="al", addresses=("anna@example.org",)))
    kerio = replace(STAFF, login=Login("", method=Method.KERIO_MASTER))
    assert "If the server still knows the account as al@example.test" in (await _explained(archive, "anna", kerio)).hint
    one = Profile("One", STAFF.server, Login(NEW), Target("anna", NEW))
    assert (
        f"That is the former e-mail address of anna, which was {NEW} until" in (await _explained(archive, "anna", one)).message
    )
    assert await _explained(archive, "anna", replace(one, login=Login("al"))) is REFUSED


async def test_the_last_change_of_each_user_counts(archive: Archive) -> None:
    """Others may be added, removed and brought back; entries that say nothing of an address are passed over."""
    ids = {user.name: user.id for user in await users.all_users(archive)}
    found = await renames.last(archive)
    assert {key: (one.address, one.channel) for key, one in found.items()} == {ids["anna"]: (OLD, "directory")}
    anna = await users.find(archive, "anna")
    await users.edit(archive, replace(anna, addresses=("third@example.test",)), actor="cli")
    assert (await renames.last(archive))[anna.id].address == NEW


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*arguments: Any, **options: Any) -> Session:
        raise REFUSED

    monkeypatch.setattr(Session, "open", refuse)


async def test_runs_tests_and_comparisons_say_it(archive: Archive, refusing: None) -> None:
    """In the problems of the mailbox, in the step that failed, in the comparison's error."""
    await saved_profiles.save(archive, STAFF, Secret("secret"))
    run, _ = await Queue(archive.database).enqueue("Staff")
    await RunWork(archive, Queue(archive.database), run, Limits()).do()
    result = (await Queue(archive.database).run(run.id)).result
    assert result is not None
    told = {one["user"]: one["problems"][0]["reason"] for one in result["mailboxes"]}
    assert f"which was {OLD} until" in told["anna"]
    assert "until" not in told["bob"]
    anna: User = await users.find(archive, "anna")
    mailbox = mailboxes.of_user(STAFF, anna)
    steps = await examine.connection_test(STAFF, mailbox, Secret("x"), renamed=RenamedLogins(archive))
    assert any(OLD in step.text for step in steps)
    missing = {one.user: one.error for one in await examine.missing(archive, STAFF, Secret("x"))}
    assert OLD in missing["anna"]
