"""Restoring through the console's desk, from real servers' mailboxes and back into them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.registry import saved_profiles, users
from core.config import Home
from core.profiles.profile import Method, Profile
from core.secrets import Secret
from tests.conftest import StartDovecot
from tests.emptied import BOB, fill, on_server, wipe
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy
from tests.support import ALICE, At, mail, many, profile, sandbox
from tests.waiting import until
from tui.desk.archive.archive import MailSelection
from tui.desk.desk import Desk, open_desk
from tui.desk.jobs import JobView
from tui.desk.present import own
from tui.desk.refusals import Refused
from tui.desk.transfer.restores import Looking, RestoreWish

pytestmark = pytest.mark.server


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    server = dovecot(master=("archive", "kerio master"))
    fill(server)
    fill(server, BOB, 3)
    return server


@pytest.fixture
async def proxy(server: Dovecot) -> AsyncIterator[Proxy]:
    with Proxy(server.host, server.plain_port) as proxy:
        yield proxy


@pytest.fixture
async def home(server: Dovecot, proxy: Proxy, tmp_path: Path) -> Home:
    """An archive of both mailboxes, with profiles for one and for many."""
    one, staff = alice(proxy), replace(many(At(proxy.host, proxy.port), Method.MASTER_USER, username="archive"), name="Staff")
    async with sandbox(tmp_path / "home") as box:
        await users.add(box.archive, "bob", [BOB])
        await saved_profiles.save(box.archive, one, Secret("secret"))
        await saved_profiles.save(box.archive, staff, Secret("kerio master"))
        await box.run(one)
        await box.run(staff, "kerio master")
        return box.archive.home


@pytest.fixture
async def desk(home: Home) -> AsyncIterator[Desk]:
    desk = await open_desk(home.path)
    yield desk
    await desk.close()


def alice(proxy: Proxy) -> Profile:
    return replace(profile(proxy), name="Alice")


async def wish(desk: Desk, user: str = "alice", folder: str = "") -> RestoreWish:
    [row] = await desk.mail.owners(user, 0, 10)
    return await desk.restores.prepare(MailSelection(row.key, folder, words=own("all of it")), lambda looking: None)


async def done(desk: Desk, key: int) -> JobView:
    await until(lambda: not desk.jobs.view(key).active)
    return desk.jobs.view(key)


async def test_an_emptied_mailbox_gets_back_what_it_had(desk: Desk, server: Dovecot) -> None:
    """Looked at first, then the same bytes, flags and dates; a second look and a second restore find nothing to do."""
    before = on_server(server)
    wipe(server)
    server.deliver(ALICE, "INBOX", mail("note 0"))
    meant = await wish(desk)
    assert meant.profile == "Alice"
    seen: list[Looking] = []
    look = await desk.restores.look(meant, seen.append)
    assert look.missing == 6
    assert look.sentences[0].startswith("6 of 7 messages are missing there, ")
    assert look.sentences[0].endswith(" 1 there already.")
    assert "Sent Items" in look.sentences[1]
    assert seen[-1].fraction == 1.0
    assert server.folders(ALICE) == ["INBOX"]
    wipe(server)
    view = await done(desk, await desk.restores.begin(meant))
    assert (view.state.word, view.problems) == ("done", ())
    assert view.result[0].startswith("7 messages, ")
    assert view.result[0].endswith(f"restored to {ALICE}.")
    assert "Folders made there: " in view.result[1]
    assert on_server(server) == before
    assert (await desk.restores.look(meant, seen.append)).missing == 0
    again = await done(desk, await desk.restores.begin(meant))
    assert again.result[0] == "Nothing was missing: 7 messages there already."
    assert on_server(server) == before
    page = await desk.activity.entries("restored", 0, 20)
    assert len(page) == 3
    assert any(f"of {ALICE}/INBOX" in row.sentence and "by profile Alice" in row.sentence for row in page)


async def test_a_folder_goes_into_another_one_by_the_login_for_all(desk: Desk, server: Dovecot) -> None:
    """Bob's folder, into his mailbox, through the profile for many; no other mailbox is touched."""
    alices = on_server(server)
    meant = await wish(desk, "bob", f"{BOB}/INBOX")
    assert (meant.profile, meant.user) == ("Staff", "bob")
    view = await done(desk, await desk.restores.begin(replace(meant, to="Restored/2024")))
    assert view.result[0].startswith("3 messages, ")
    assert len(server.messages(BOB, "Restored/2024")) == 3
    assert on_server(server) == alices


async def test_a_wrong_password_is_said_and_changes_nothing(desk: Desk, server: Dovecot, home: Home) -> None:
    """By the look as an error with a remedy, by a job as its result."""
    await saved(home, Secret("wrong"), desk)
    wipe(server)
    meant = await wish(desk)
    with pytest.raises(Refused, match="refused the login") as refused:
        await desk.restores.look(meant, lambda looking: None)
    assert "Check user name and password" in refused.value.hint
    view = await done(desk, await desk.restores.begin(meant))
    assert view.state.word == "failed"
    assert "refused the login" in view.result[0]
    assert "wrong" not in " ".join(view.result).replace("wrong password", "")
    assert on_server(server) == []


async def saved(home: Home, password: Secret, desk: Desk) -> None:
    from core.archive.archive import Archive

    archive = await Archive.open(home)
    try:
        await saved_profiles.save(archive, await saved_profiles.find(archive, "Alice"), password)
    finally:
        await archive.close()


async def test_one_that_was_stopped_in_the_middle_carries_on(
    desk: Desk, server: Dovecot, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while the server is silent; a second one at the same time is refused; the next one adds only what is missing."""
    monkeypatch.setattr("core.engine.restore.restoring.CHUNK", 2)
    before = on_server(server)
    wipe(server)
    meant = await wish(desk)
    proxy.reset_counters()
    proxy.stall_after_bytes = 2500
    key = await desk.restores.begin(meant)
    await until(lambda: len(on_server(server)) > 1)
    with pytest.raises(Refused, match="is under way"):
        await desk.restores.begin(meant)
    desk.jobs.stop(key)
    view = await done(desk, key)
    assert view.state.word == "stopped"
    assert "The same restore again carries on" in view.result[0]
    there = len(on_server(server))
    assert 1 < there < 7
    proxy.stall_after_bytes = None
    look = await desk.restores.look(meant, lambda looking: None)
    assert look.missing == 7 - there
    view = await done(desk, await desk.restores.begin(meant))
    assert view.result[0].startswith(f"{7 - there} message")
    assert f"{there} there already" in view.result[0]
    assert on_server(server) == before


async def test_whose_mailbox_and_which_folder_it_was_is_told(dovecot: StartDovecot, tmp_path: Path) -> None:
    """By a look and by the job: a server that has all folders below INBOX, asked for one beside it."""
    server = dovecot(separator=".", personal="INBOX.")
    server.deliver(ALICE, "INBOX", mail("one"))
    one = replace(profile(At(server.host, server.plain_port)), name="Alice")
    async with sandbox(tmp_path / "home") as box:
        await saved_profiles.save(box.archive, one, Secret("secret"))
        await box.run(one)
    desk = await open_desk(tmp_path / "home")
    try:
        meant = replace(await wish(desk), to="Zurück")
        look = await desk.restores.look(meant, lambda looking: None)
        told = f"In the mailbox that {ALICE} opens on 127.0.0.1: INBOX/Zurück (for Zurück): 1 message."
        assert told in look.sentences
        assert "Folders that will be made there: INBOX/Zurück." in look.sentences
        assert told in (await done(desk, await desk.restores.begin(meant))).result
        assert server.folders(ALICE) == ["INBOX", "INBOX.Zurück"]
        refused = await done(desk, await desk.restores.begin(replace(meant, to="v1.2")))
        assert "Choose another folder for it." in refused.problems[0]
    finally:
        await desk.close()
