"""Catch-all mailboxes: each message goes to the archives of its people, and none is lost."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.proof.verify import verify
from core.archive.registry import refiling, unknown, users
from core.archive.registry.refiling import refile
from core.archive.registry.unknown import AddressState
from core.engine.examine.examples import examples
from core.errors import InputError
from core.imap.session import Session
from core.model import RunStatus
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deletion import Deletion, When
from core.profiles.filter import Filter
from core.profiles.mailboxes import of_everybody
from core.profiles.profile import Access, Login, Profile, Server
from core.secrets import Secret
from tests import homes
from tests.conftest import StartDovecot
from tests.journals import report
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import TRASH, Kerio
from tests.support import Address, At, Sandbox, sandbox

pytestmark = pytest.mark.server
JOURNAL = "journal@example.test"
AT_ONCE = Deletion(When.IMMEDIATELY)
LEAVE = CatchAll(unknown=UnknownPolicy.LEAVE)
#: (user, folder) of each place of a message, by its subject.
Places = dict[str, set[tuple[str, str]]]


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    return dovecot({JOURNAL: "secret"}, master=("master", "word"))


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the users alice, anna, who has aliases, and bob."""
    async with sandbox(tmp_path / "home") as opened:
        await users.add(opened.archive, "anna", ["anna@example.test", "a.muster@example.test", "sales@example.test"])
        await users.add(opened.archive, "bob", ["bob@example.test"])
        yield opened


def journal(
    address: Address, rules: CatchAll | None = None, *, deletion: Deletion | None = None, filter: Filter | None = None
) -> Profile:
    """A catch-all profile on a test server."""
    server = Server(address.host, Access.IMAP, address.port, timeout=20.0)
    return Profile(
        "Journal",
        server,
        Login(JOURNAL),
        catchall=rules or CatchAll(),
        deletion=deletion or Deletion(),
        filter=filter or Filter(),
    )


def mail(subject: str, *lines: str, sender: str = "x@elsewhere.test", body: str = "Text.") -> bytes:
    return "\r\n".join([f"From: {sender}", *lines, f"Subject: {subject}", "", body, ""]).encode()


def to(*people: str) -> str:
    return f"To: {', '.join(f'{one}@example.test' for one in people)}"


async def places(box: Sandbox) -> Places:
    """The present place of every message."""
    rows = await box.archive.database.read(
        "SELECT m.subject, user.name, folder.path FROM placement p JOIN message m ON m.id = p.message_id "
        "JOIN folder ON folder.id = p.folder_id JOIN user ON user.id = folder.owner WHERE p.until_seq IS NULL"
    )
    found: Places = {}
    for subject, user, path in rows:
        found.setdefault(subject, set()).add((user, path))
    return found


def inbox(name: str) -> tuple[str, str]:
    return name, f"{name}@example.test/INBOX"


def sent(name: str) -> tuple[str, str]:
    return name, f"{name}@example.test/Sent Items"


UNKNOWN = ("@catchall", "Unknown addresses")


async def proved(box: Sandbox) -> None:
    """Verify is clean, and a rebuild gives the same catalog."""
    assert [finding.text for finding in (await verify(box.archive.home)).findings] == []
    before = homes.tables(box.archive.home)
    await box.archive.rebuild()
    assert homes.tables(box.archive.home) == before


async def test_each_message_goes_to_all_whom_it_concerns(server: Dovecot, box: Sandbox) -> None:
    """Sender and recipients by any address, blind ones by the envelope; once for each side; mail of unknown people is kept."""
    for raw in (
        mail("to both", to("anna", "bob")),
        mail("between", to("bob"), "Cc: Anna <A.MUSTER@Example.Test>, sales@example.test", sender="Anna <anna@example.test>"),
        mail("blind", "To: undisclosed-recipients:;", "X-Envelope-To: bob@example.test"),
        mail("by a list", "To: all@list.test", "Received: from a by b\r\n\tfor <alice@example.test>; Thu, 1 Feb 2024"),
        mail("elsewhere", "To: journal@example.test, y@elsewhere.test"),
        mail("new colleague", to("anna", "carl")),
        b"no header at all",
    ):
        server.deliver(JOURNAL, "INBOX", raw)
    result = await box.run(journal(At(server.host, server.plain_port)))
    assert (result.status, result.reasons) == (RunStatus.SUCCEEDED, "")
    assert (result.tally.found, result.tally.archived, result.tally.excluded) == (7, 7, 0)
    assert await places(box) == {
        "to both": {inbox("anna"), inbox("bob")},
        "between": {sent("anna"), inbox("bob"), inbox("anna")},
        "blind": {inbox("bob")},
        "by a list": {inbox("alice")},
        "elsewhere": {UNKNOWN},
        "new colleague": {inbox("anna"), UNKNOWN},
        "": {UNKNOWN},
    }
    assert any("carl@example.test" in text for text in result.told("warning"))
    assert await box.digests() == {digest for digests in server.expected(JOURNAL).values() for digest in digests}
    assert len(await box.entries("filed")) == 1
    again = await box.run(journal(At(server.host, server.plain_port)))
    assert (again.tally.known, again.tally.archived) == (7, 0)
    await proved(box)


@pytest.mark.parametrize(
    ("template", "folders"),
    [
        ("{u-email}/INBOX", {"anna@example.test/INBOX"}),
        ("{h-email}/INBOX", {"anna@example.test/INBOX", "a.muster@example.test/INBOX", "sales@example.test/INBOX"}),
    ],
)
async def test_aliases_share_a_folder_or_have_their_own(
    server: Dovecot, box: Sandbox, template: str, folders: set[str]
) -> None:
    """As in the guide: {u-email} gathers all aliases below the primary address, {h-email} gives each a folder."""
    for name in ("anna", "a.muster", "Sales"):
        server.deliver(JOURNAL, "INBOX", mail(name, to(name)))
    server.deliver(JOURNAL, "INBOX", mail("two of one", to("sales", "anna")))
    await box.run(journal(At(server.host, server.plain_port), CatchAll(incoming=template)))
    found = await places(box)
    assert {path for where in found.values() for _, path in where} == folders
    assert len(found["two of one"]) == 1, "once into each user's archive"


async def test_a_journal_report_is_unwrapped(server: Dovecot, box: Sandbox) -> None:
    """The recipients are the report's, the message is the one that lay in it; and it may go when that is proved."""
    inner = mail("in a report", to("team"), sender="anna@example.test", body="x" * 30_000)
    lines = ("Sender: anna@example.test", "To: bob@example.test, Expanded: team@example.test", "Bcc: alice@example.test")
    server.deliver(JOURNAL, "INBOX", report(inner, lines))
    server.deliver(JOURNAL, "INBOX", report(inner, ("Sender: anna@example.test", "To: sales@example.test")))
    broken = report(inner, lines)[:-12]
    server.deliver(JOURNAL, "INBOX", broken)
    rules = journal(At(server.host, server.plain_port))
    await box.run(rules)
    assert (await places(box))["in a report"] == {sent("anna"), inbox("bob"), inbox("alice"), inbox("anna")}
    assert await box.digests() == {hashlib.sha256(raw).hexdigest() for raw in (inner, broken)}
    server.move(JOURNAL, "INBOX", "Done", 1)
    moved = await box.run(rules)
    assert (moved.tally.moved, moved.tally.archived) == (1, 0)
    gone = await box.run(replace(rules, deletion=AT_ONCE))
    assert (gone.reasons, gone.tally.deleted) == ("", 3)
    await proved(box)


@pytest.mark.parametrize("auto_expunge", [1, 0])
async def test_reports_go_for_good_when_the_trash_is_to_go_too(server: Dovecot, box: Sandbox, auto_expunge: int) -> None:
    """A report that the server moves to its trash is recognised there by its header, and read whole before it is deleted."""
    with Kerio(server) as kerio:
        kerio.behaviour.auto_expunge = auto_expunge  # type: ignore[assignment]
        for number in range(3):
            lines = ("Sender: x@elsewhere.test", "To: anna@example.test")
            server.deliver(JOURNAL, "INBOX", report(mail(f"mail {number}", to("anna")), lines))
        server.deliver(JOURNAL, TRASH, mail("thrown away", to("anna")))
        rules = replace(AT_ONCE, trash_too=True)
        result = await box.run(journal(At(kerio.host, kerio.port), deletion=rules))
        assert (result.reasons, result.tally.archived, result.tally.deleted) == ("", 4, 3)
        assert server.messages(JOURNAL, "INBOX") == []
        assert len(server.messages(JOURNAL, TRASH)) == 1
        again = await box.run(journal(At(kerio.host, kerio.port), deletion=rules))
        assert (again.reasons, again.tally.archived, again.tally.deleted) == ("", 0, 0)
        await proved(box)


async def test_what_says_to_be_a_report_and_is_for_a_user_is_archived_whole(server: Dovecot, box: Sandbox) -> None:
    """Any sender can write a mail that looks like one; its recipient gets it whole, also when the mailbox is emptied."""
    raw = report(mail("harmless", "To: y@elsewhere.test"), ("Sender: x@elsewhere.test", "Recipient: y@elsewhere.test"))
    raw = raw.replace(b"To: journal@example.test", b"To: anna@example.test").replace(b"a report", b"the contract")
    server.deliver(JOURNAL, "INBOX", raw)
    result = await box.run(journal(At(server.host, server.plain_port), deletion=AT_ONCE))
    assert (result.status, result.tally.deleted) == (RunStatus.SUCCEEDED, 1)
    assert await places(box) == {"the contract": {inbox("anna"), UNKNOWN}}
    assert set((await homes.raws(box.archive)).values()) == {raw}


async def test_a_report_that_is_another_by_now_is_not_deleted(server: Dovecot, box: Sandbox) -> None:
    """The proof goes by the report's own header; when the server shows another, it is read whole, and archived too."""
    inner, other = mail("first", to("anna")), mail("other", to("anna"))
    server.deliver(JOURNAL, "INBOX", report(inner, ("Sender: x@elsewhere.test", "To: anna@example.test")))
    rules = journal(At(server.host, server.plain_port))
    await box.run(rules)
    [file] = server.messages(JOURNAL, "INBOX")
    time = file.stat().st_mtime
    file.write_bytes(file.read_bytes().replace(b"a report", b"b report").replace(b"first", b"other"))
    os.utime(file, (time, time))
    for cache in server.maildir(JOURNAL).glob("dovecot.index*"):
        cache.unlink()
    result = await box.run(replace(rules, deletion=AT_ONCE))
    assert result.tally.deleted == 0
    assert "another message" in result.reasons
    assert await box.digests() == {hashlib.sha256(raw).hexdigest() for raw in (inner, other)}


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


async def test_a_move_on_the_server_moves_nothing_in_the_archives(server: Dovecot, box: Sandbox) -> None:
    """Mail is filed by person: the mailbox's folders and UIDVALIDITY mean nothing, and cost no download."""
    for number in range(4):
        server.deliver(JOURNAL, "INBOX", mail(f"mail {number}", to("anna", "carl")))
    profile = journal(At(server.host, server.plain_port))
    await box.run(profile)
    before = await places(box)
    server.move(JOURNAL, "INBOX", "Old/2024", 3)
    moved = await box.run(profile)
    assert (moved.tally.moved, moved.tally.archived) == (3, 0)
    server.change_uidvalidity(JOURNAL, "INBOX")
    again = await box.run(profile)
    assert (again.tally.archived, again.reasons) == (0, "")
    assert await places(box) == before
    assert [row for row in await box.history() if row[2] is not None] == []
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


async def test_the_mailbox_of_a_user_is_refused(server: Dovecot, box: Sandbox) -> None:
    """Its address belongs to a user: refused when it is run, with the reason; users change after a profile is saved."""
    profile = journal(At(server.host, server.plain_port))
    await box.run(profile)
    await users.add(box.archive, "archivist", [JOURNAL.upper()])
    with pytest.raises(InputError, match="belongs to the user archivist"):
        await box.run(profile)


async def test_a_filter_is_asked_about_the_report_and_about_what_goes(server: Dovecot, box: Sandbox) -> None:
    """By the header that the server has, when it is archived and when it is deleted."""
    inner = mail("inside", to("anna"))
    server.deliver(JOURNAL, "INBOX", report(inner, ("Sender: x@elsewhere.test", "To: anna@example.test")))
    server.deliver(JOURNAL, "INBOX", mail("a report, says one", to("anna")))
    server.deliver(JOURNAL, "INBOX", mail("another", to("anna")))
    profile = journal(At(server.host, server.plain_port), filter=Filter(subject=("a report",)), deletion=AT_ONCE)
    result = await box.run(profile)
    assert (result.reasons, result.tally.archived, result.tally.excluded, result.tally.deleted) == ("", 2, 1, 2)


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
