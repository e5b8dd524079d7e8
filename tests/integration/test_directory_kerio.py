"""Users of Kerio Connect's administration API, from a stand-in that is held to what is known of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.directory.people import connection_test, people
from core.errors import ConnectError, DirectoryError
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectorySearch, DirectoryServer
from core.secrets import Secret
from core.system.tasks import spawn
from tests.servers.kerio_api import ADMIN, PASSWORD, Behaviour, KerioApi, staff, user


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KerioApi]:
    with KerioApi(Behaviour(users=staff()), folder=tmp_path) as running:
        yield running


def settings(api: KerioApi, **search: Any) -> Directory:
    where = DirectoryServer(api.host, DirectoryAccess.HTTPS, api.port, False, str(api.ca_file), 10.0)
    return Directory(DirectoryKind.KERIO, where, ADMIN, search=DirectorySearch(**search))


async def test_all_users_of_all_domains_are_read_in_pages(api: KerioApi) -> None:
    """1,200 in pages of 100, two domains with an alias, enumerations as words and numbers; the session is ended."""
    steps, found = await connection_test(settings(api), Secret(PASSWORD))
    assert [(step.name, step.ok) for step in steps] == [
        (name, True) for name in ("lookup", "tcp", "tls", "certificate", "login", "search")
    ]
    assert steps[-1].text == "1,200 users"
    assert len({one.id for one in found}) == 1200
    assert api.calls.count("Users.get") == 12
    assert (api.logins, api.open, api.calls[-1]) == (1, 0, "Session.logout")
    by_name = {one.name: one for one in found}
    assert by_name["user0001"].addresses == ("user0001@example.test", "user0001@example.example")
    assert by_name["user0003"].addresses == (
        "user0003@example.test",
        "alias3@example.test",
        "user0003@example.example",
        "alias3@example.example",
    )
    second = by_name["user0004@second.test"]
    assert (second.login, second.addresses) == ("user0004@second.test", ("user0004@second.test",))
    assert all(one.enabled for one in found)


async def test_domains_groups_and_disabled_accounts_choose_users(api: KerioApi) -> None:
    """By name or alias of a domain, by the name of a group; a disabled account is a user unless the settings say otherwise."""
    api.behaviour.users = [
        user(1, "anna", userGroups=[{"id": "g", "name": "Staff"}], emailAddresses=["anna@second.test", "a"]),
        user(2, "bob", isEnabled=False),
        user(3, "carl", "d2", isEnabled=0),
    ]
    assert [one.name for one in await people(settings(api, domains=("EXAMPLE.example",)), Secret(PASSWORD))] == ["anna", "bob"]
    [anna] = await people(settings(api, groups=("staff",)), Secret(PASSWORD))
    assert anna.addresses == (
        "anna@example.test",
        "anna@second.test",
        "a@example.test",
        "anna@example.example",
        "a@example.example",
    )
    assert [one.name for one in await people(replace(settings(api), include_disabled=False), Secret(PASSWORD))] == ["anna"]
    with pytest.raises(DirectoryError, match=r'no domain "third.test"'):
        await people(settings(api, domains=("third.test",)), Secret(PASSWORD))
    with pytest.raises(DirectoryError, match='nobody in a group "Board"'):
        # Its members would count as having left, were the other group enough.
        await people(settings(api, groups=("Staff", "Board")), Secret(PASSWORD))


async def test_a_session_that_expires_in_the_middle_is_begun_anew_once(api: KerioApi) -> None:
    """All users are read all the same; a server that forgets every session is an error."""
    api.behaviour.expire_after = 7
    assert len(await people(settings(api), Secret(PASSWORD))) == 1200
    assert api.logins == 2
    api.behaviour.expire_always = True
    with pytest.raises(DirectoryError, match="Session expired"):
        await people(settings(api), Secret(PASSWORD))
    assert api.logins == 4


async def test_a_part_of_the_users_is_an_error(api: KerioApi) -> None:
    """Fewer than announced, or a list that never stays the same; one that changes once is read again."""
    api.behaviour.short_pages = 250
    with pytest.raises(DirectoryError, match="only 250 of 900 users"):
        await people(settings(api), Secret(PASSWORD))
    api.behaviour.short_pages, api.behaviour.growing = None, 1
    assert len(await people(settings(api), Secret(PASSWORD))) == 1201
    api.behaviour.shrinking = 1
    found = await people(settings(api), Secret(PASSWORD))
    assert {one.id for one in found} == {one["id"] for one in api.behaviour.users}
    api.behaviour.growing = 50
    with pytest.raises(DirectoryError, match="changed its list of users"):
        await people(settings(api), Secret(PASSWORD))


async def test_what_the_server_refuses_is_told_in_its_words_filled_in(api: KerioApi) -> None:
    """``%1`` and ``%2`` of its texts, and what an Auditor may not."""
    refused = {
        "code": 1000,
        "message": "%1 may not %2.",
        "data": {"messageParameters": {"positionalParameters": ["You", "list"]}},
    }
    api.behaviour.errors["Domains.get"] = refused
    with pytest.raises(DirectoryError, match=r"You may not list\.") as error:
        await people(settings(api), Secret(PASSWORD))
    assert "Auditor" in error.value.hint
    assert api.open == 0
    steps, _ = await connection_test(settings(api), Secret("wrong word"))
    failed = next(step for step in steps if step.ok is False)
    assert (failed.name, f"Login of {ADMIN} failed: invalid user name" in failed.text) == ("login", True)
    assert "wrong word" not in failed.text + failed.hint


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"result": {"list": 3}}', b'{"result": {"token": ""}}'])
async def test_an_answer_that_is_no_administration_is_refused(api: KerioApi, answer: bytes) -> None:
    """With any other answer on that port, no users are read."""
    api.behaviour.broken = answer
    with pytest.raises((ConnectError, DirectoryError)):
        await people(settings(api), Secret(PASSWORD))


async def test_certificates_are_checked_unless_all_are_accepted(api: KerioApi) -> None:
    """Self-signed as on most servers: refused with the remedy, taken when told to."""
    directory = settings(api)
    steps, _ = await connection_test(replace(directory, server=replace(directory.server, ca_file="")), Secret(PASSWORD))
    failed = next(step for step in steps if step.ok is False)
    assert failed.name == "certificate"
    assert "accept_all_certificates" in failed.hint
    assert api.logins == 0
    trusting = replace(directory.server, ca_file="", accept_all_certificates=True)
    assert len(await people(replace(directory, server=trusting), Secret(PASSWORD))) == 1200


async def test_a_silent_server_is_given_up_and_a_call_can_be_called_off(api: KerioApi) -> None:
    """After the timeout; or at once, when it is cancelled."""
    directory = settings(api)
    slow = replace(directory, server=replace(directory.server, timeout=1.0))
    with api.lock, pytest.raises(ConnectError, match="did not answer"):
        await people(slow, Secret(PASSWORD))
    with api.lock:
        task = spawn(people(directory, Secret(PASSWORD)), name="people")
        await asyncio.wait({task}, timeout=0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_password_is_in_no_log(api: KerioApi, caplog: pytest.LogCaptureFixture) -> None:
    """The libraries' most verbose logs do not contain it."""
    caplog.set_level(logging.DEBUG)
    await people(settings(api), Secret(PASSWORD))
    api.behaviour.broken = b"{"
    with pytest.raises(DirectoryError) as error:
        await people(settings(api), Secret(PASSWORD))
    assert PASSWORD not in caplog.text
    assert PASSWORD not in str(error.getrepr(style="long", showlocals=False))
