"""Catch-all mailboxes: each message goes to the archives of its people, and none is lost."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from core.archive.registry import users
from core.errors import InputError
from core.model import RunStatus
from core.profiles.catchall import CatchAll
from core.profiles.filter import Filter
from tests import catchall, homes
from tests.catchall import AT_ONCE, JOURNAL, UNKNOWN, inbox, journal, mail, places, proved, sent, to
from tests.journals import report
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import TRASH, Kerio
from tests.support import At, Sandbox

server = catchall.server
box = catchall.box

pytestmark = pytest.mark.server


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
