"""Catch-all mailboxes: mail for addresses of nobody waits, and goes on when it is known whose they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from core.archive.registry import refiling, unknown, users
from core.archive.registry.refiling import refile
from core.archive.registry.unknown import AddressState
from core.engine.examine.examples import examples
from core.errors import InputError
from core.imap.session import Session
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deletion import Deletion
from core.profiles.mailboxes import of_everybody
from core.secrets import Secret
from tests import catchall
from tests.catchall import AT_ONCE, JOURNAL, UNKNOWN, inbox, journal, mail, places, proved, sent, to
from tests.journals import report
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import TRASH, Kerio
from tests.support import At, Sandbox

server = catchall.server
box = catchall.box

pytestmark = pytest.mark.server
LEAVE = CatchAll(unknown=UnknownPolicy.LEAVE)


@pytest.mark.parametrize("rules", [CatchAll(), LEAVE], ids=["archive", "leave"])
@pytest.mark.parametrize("auto_expunge", [1, 0])
async def test_mail_for_somebody_who_comes_later_is_not_lost(
    server: Dovecot, box: Sandbox, rules: CatchAll, auto_expunge: int
) -> None:
    """The loss trap: a message for a known and an unknown colleague, with deletion on; the second is made a day later."""
    with Kerio(server) as kerio:
        kerio.behaviour.auto_expunge = auto_expunge  # type: ignore[assignment]
        server.deliver(JOURNAL, "INBOX", mail("for two", to("anna", "carl")))
        server.deliver(JOURNAL, "INBOX", mail("from an unknown", to("anna"), sender="carl@example.test"))
        server.deliver(JOURNAL, "INBOX", mail("for anna", to("anna")))
        profile = journal(At(kerio.host, kerio.port), rules, deletion=AT_ONCE)
        first = await box.run(profile)
        assert first.reasons == ""
        held = rules is LEAVE
        assert first.tally.deleted == (1 if held else 3)
        assert len(server.messages(JOURNAL, "INBOX")) == (2 if held else 0)
        if held:
            assert any("carl@example.test" in text and "not deleted" in text for text in first.told("warning"))
        else:
            assert UNKNOWN in (await places(box))["for two"]
        assert (await box.run(profile)).tally.deleted == 0

        await unknown.make_user(box.archive, "carl@example.test", "carl")
        known = await box.run(profile)
        assert known.tally.deleted == 0, "a user who has it is not enough: the mail must be there"
        assert "2 messages wait to be filed to users who are known by now." in known.told("warning")
        assert (await refile(box.archive)).messages == 2
        assert await places(box) == {
            "for two": {inbox("anna"), inbox("carl")},
            "from an unknown": {inbox("anna"), sent("carl")},
            "for anna": {inbox("anna")},
        }
        assert (await box.run(profile)).tally.deleted == (2 if held else 0)
        assert server.messages(JOURNAL, "INBOX") == []
        if auto_expunge:
            assert len(server.messages(JOURNAL, TRASH)) == 3
        await proved(box)


async def test_what_nobody_gets_is_left_and_not_fetched_again(
    server: Dovecot, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted as excluded, with the reason; looked at again without a download, archived when the user is there."""
    for number in range(5):
        server.deliver(JOURNAL, "INBOX", mail(f"for carl {number}", to("carl")))
    server.deliver(JOURNAL, "INBOX", mail("for anna", to("anna")))
    server.deliver(JOURNAL, "INBOX", mail("elsewhere", "To: y@elsewhere.test"))
    profile = journal(At(server.host, server.plain_port), LEAVE, deletion=AT_ONCE)
    first = await box.run(profile)
    assert (first.tally.archived, first.tally.excluded, first.tally.deleted) == (1, 6, 1)
    assert any("6 messages stay in the mailbox" in text for text in first.told("warning"))
    assert await box.missing(profile) == {}
    [one] = await unknown.page(box.archive)
    assert (one.address, one.state, one.messages, one.open) == ("carl@example.test", AddressState.OPEN, 5, 5)
    fetched: list[int] = []
    download = Session.download

    async def counted(self: Session, uids: list[int], size: int) -> object:
        fetched.extend(uids)
        return await download(self, uids, size)

    monkeypatch.setattr(Session, "download", counted)
    second = await box.run(profile)
    assert (second.tally.archived, second.tally.excluded, fetched) == (0, 6, [])
    await proved(box)
    await unknown.make_alias(box.archive, "carl@example.test", "bob")
    third = await box.run(profile)
    assert (third.tally.archived, third.tally.excluded, third.tally.deleted) == (5, 1, 5)
    # To be archived, and once more in the state in which they are deleted.
    assert fetched == [1, 2, 3, 4, 5] * 2
    assert set((await places(box))["for carl 3"]) == {inbox("bob")}
    server.remove_messages(JOURNAL, "INBOX")
    await box.run(profile)
    assert await box.archive.database.read("SELECT * FROM left_message") == []
    server.deliver(JOURNAL, "Other", mail("elsewhere again", "To: y@elsewhere.test"))
    assert (await box.run(profile)).tally.excluded == 1
    server.remove_folder(JOURNAL, "Other")
    await box.run(profile)
    assert await box.archive.database.read("SELECT * FROM left_message") == []
    assert [(one.state, one.messages) for one in await unknown.page(box.archive)] == [(AddressState.DONE, 5)]
    await proved(box)


async def test_addresses_become_an_alias_a_user_or_are_not_ours(server: Dovecot, box: Sandbox) -> None:
    """Each is counted with its mail and what waits; what is not ours holds nothing back; all of it can be taken back."""
    for raw in (
        mail("1", to("anna", "carl", "spam")),
        mail("2", to("carl"), sender="dora@example.test"),
        mail("3", "To: y@elsewhere.test"),
        mail("4", to("spam")),
    ):
        server.deliver(JOURNAL, "INBOX", raw)
    profile = journal(At(server.host, server.plain_port), LEAVE, deletion=AT_ONCE)
    archive = box.archive
    await box.run(replace(profile, catchall=CatchAll(), deletion=Deletion()))
    listed = {one.address: one for one in await unknown.page(archive)}
    assert {name: (one.state, one.messages, one.open) for name, one in listed.items()} == {
        "carl@example.test": (AddressState.OPEN, 2, 2),
        "spam@example.test": (AddressState.OPEN, 2, 2),
        "dora@example.test": (AddressState.OPEN, 1, 1),
    }
    assert all(one.first_seen == one.last_seen != "" for one in listed.values())
    assert (await unknown.open_since(archive))[0] == 3
    assert await unknown.set_ours(archive, "SPAM@example.test", False) == "spam@example.test"
    with pytest.raises(InputError, match="already"):
        await unknown.set_ours(archive, "spam@example.test", False)
    with pytest.raises(InputError, match="belongs to anna"):
        await unknown.set_ours(archive, "sales@example.test", False)
    assert [one.address for one in await unknown.page(archive, states=[AddressState.NOT_OURS])] == ["spam@example.test"]
    await unknown.make_alias(archive, "carl@example.test", "bob")
    await unknown.make_user(archive, "dora@example.test", "dora", full_name="Dora")
    assert {one.user for one in await unknown.page(archive, states=[AddressState.WAITING])} == {"bob", "dora"}
    planned = await refile(archive, dry_run=True)
    assert (planned.messages, planned.users) == (2, Counter(bob=2, dora=1))
    assert (await places(box))["2"] == {UNKNOWN}
    done = await refile(archive)
    assert (done.messages, done.users) == (planned.messages, planned.users)
    assert await places(box) == {
        "1": {inbox("anna"), inbox("bob")},
        "2": {inbox("bob"), sent("dora")},
        "3": {UNKNOWN},
        "4": {UNKNOWN},
    }
    assert (await refile(archive)).messages == 0, "a second time there is nothing"
    assert len(await box.entries("refiled")) == 1
    await unknown.set_ours(archive, "spam@example.test", True)
    await unknown.set_ours(archive, "EXAMPLE.test", False)
    assert [one.ignored_by for one in await unknown.page(archive, states=[AddressState.NOT_OURS])] == ["@example.test"]
    await unknown.set_ours(archive, "@example.test", True)
    await unknown.make_user(archive, "spam@example.test", "eve")
    await users.add(archive, "yves", ["y@elsewhere.test"])
    assert (await refile(archive)).messages == 3
    assert (await places(box))["1"] == {inbox("anna"), inbox("bob"), ("eve", "spam@example.test/INBOX")}
    assert (await places(box))["3"] == {("yves", "y@elsewhere.test/INBOX")}, "somebody of another domain, too"
    assert {one.state for one in await unknown.page(archive)} == {AddressState.DONE}
    await proved(box)


async def test_what_is_not_ours_holds_nothing_back(server: Dovecot, box: Sandbox) -> None:
    """A message that was held for an address goes when that is said to be not ours, and is held again when it is taken back."""
    server.deliver(JOURNAL, "INBOX", mail("1", to("anna", "spam")))
    server.deliver(JOURNAL, "INBOX", mail("2", to("anna", "carl")))
    profile = journal(At(server.host, server.plain_port), LEAVE, deletion=AT_ONCE)
    assert (await box.run(profile, dry_run=True)).result.forecast is not None
    assert (await box.run(profile)).tally.deleted == 0
    forecast = (await box.run(profile, dry_run=True)).result.forecast or []
    assert [one.delete for one in forecast] == [()]
    await unknown.set_ours(box.archive, "spam@example.test", False)
    assert (await box.run(profile)).tally.deleted == 1
    await unknown.set_ours(box.archive, "@example.test", False)
    await unknown.set_ours(box.archive, "@example.test", True)
    assert (await box.run(profile)).tally.deleted == 0


async def test_mail_of_nobody_can_go_to_an_archive_of_somebody(server: Dovecot, box: Sandbox) -> None:
    """Into the folder that was chosen; there it stays when it is filed to its owner."""
    server.deliver(JOURNAL, "INBOX", mail("for carl", to("carl")))
    rules = CatchAll(archive="bob", unknown_folder="Post/Unknown")
    await box.run(journal(At(server.host, server.plain_port), rules))
    assert (await places(box))["for carl"] == {("bob", "Post/Unknown")}
    await unknown.make_user(box.archive, "carl@example.test", "carl")
    await refile(box.archive)
    assert (await places(box))["for carl"] == {("bob", "Post/Unknown"), inbox("carl")}
    await proved(box)


async def test_mail_is_filed_again_by_profile_and_goes_on_where_it_was_broken_off(
    server: Dovecot, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch is an entry of its own; what is done is not done again; an address of a user who has others is filed once."""
    for number in range(7):
        server.deliver(JOURNAL, "INBOX", mail(f"mail {number}", to("carl", "c.muster")))
    profile = journal(At(server.host, server.plain_port), CatchAll(incoming="{h-email}/In"))
    await box.run(profile)
    await users.add(box.archive, "carl", ["carl@example.test", "c.muster@example.test"])
    assert (await refile(box.archive, source="imap://other@x -> everybody")).messages == 0
    monkeypatch.setattr(refiling, "BATCH", 2)
    count = 0

    def break_off(done: refiling.RefileResult) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await refile(box.archive, tick=break_off)
    assert len(await box.entries("refiled")) == 2
    assert (await refile(box.archive)).messages == 3
    assert {frozenset(where) for where in (await places(box)).values()} == {frozenset({("carl", "carl@example.test/In")})}
    await proved(box)


async def test_examples_tell_where_real_messages_would_go(server: Dovecot, box: Sandbox) -> None:
    """The last ones of the fullest folder, and nothing is archived or marked as read."""
    for number in range(4):
        server.deliver(JOURNAL, "INBOX", mail(f"mail {number}", to("anna", "carl"), sender="bob@example.test"))
    inner = mail("in a report", to("team"))
    server.deliver(JOURNAL, "INBOX", report(inner, ("Sender: x@elsewhere.test", "To: y@elsewhere.test")))
    profile = journal(At(server.host, server.plain_port))
    mailbox = of_everybody(profile, users.NOBODY)
    found = await examples(profile, box.archive, mailbox, Secret("secret"))
    assert [one.subject for one in found] == ["in a report", "mail 3", "mail 2"]
    assert [(place.user, place.folder) for place in found[1].places] == [sent("bob"), inbox("anna"), UNKNOWN]
    assert (found[1].unknown, found[1].journal, found[0].journal) == (("carl@example.test",), False, True)
    assert [(place.user, place.folder) for place in found[0].places] == [UNKNOWN]
    left = await examples(replace(profile, catchall=LEAVE), box.archive, mailbox, Secret("secret"), 1)
    assert (left[0].places, left[0].left) == ((), True)
    assert await box.digests() == set()
