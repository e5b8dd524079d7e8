"""Views, folders that show messages of others: those only in a view are archived, and nothing is downloaded or filed twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.imap import gmail
from core.imap.names import Folder, Reply
from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from tests.conftest import StartDovecot
from tests.servers.gmail import ALL, SENT, STARRED, Gmail, Message
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, At, Sandbox, mail, profile, sandbox, sha256

pytestmark = pytest.mark.server


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with sandbox(tmp_path / "home") as box:
        yield box


MAIL = {name: mail(name, f"Text of {name}.") for name in ("in", "both", "work", "starred", "alone", "hidden", "two", "sent")}


def usual(**options: object) -> Gmail:
    """A mailbox with all kinds: several labels, none, hidden ones."""
    messages = [
        Message(MAIL["in"], [r"\Inbox"]),
        Message(MAIL["both"], [r"\Inbox", "Work", "Größen/Ä", r"\Important"]),
        Message(MAIL["work"], ["Work"]),
        Message(MAIL["starred"], [r"\Starred"]),
        Message(MAIL["alone"]),
        Message(MAIL["hidden"], ["Private"]),
        Message(MAIL["two"], ["Private", "Other box", r"\Starred"]),
        Message(MAIL["sent"], [r"\Sent", "Work"]),
    ]
    return Gmail(messages, hidden=["Private", "Other box"], **options)  # type: ignore[arg-type]


PLACES = {
    "in": ["INBOX"],
    "both": ["INBOX", "Work", "Größen/Ä"],
    "work": ["Work"],
    "starred": [ALL],
    "alone": [ALL],
    "hidden": ["Private"],
    "two": ["Private", "Other box"],
    "sent": [SENT, "Work"],
}


def places(found: dict[str, list[str]]) -> Counter[tuple[str, str]]:
    return Counter((folder, sha256(MAIL[name])) for name, folders in found.items() for folder in folders)


async def test_each_message_is_stored_and_downloaded_once(box: Sandbox) -> None:
    """With any labels; a message only in the folder of all mail is filed by labels that IMAP does not show."""
    story = usual()
    with story.server as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived, outcome.tally.failed) == (RunStatus.SUCCEEDED, 8, 0)
        assert story.downloads() == 8
        assert outcome.tally.found == outcome.tally.archived + outcome.tally.known
        assert await box.digests() == {sha256(raw) for raw in MAIL.values()}
        assert await box.places() == places(PLACES)
        assert await box.missing(profile(server)) == {}
        again = await box.run(profile(server))
        assert (again.tally.archived, again.tally.found, again.tally.known) == (0, outcome.tally.found, outcome.tally.found)
        assert story.downloads() == 8
        assert server.round_trips_after_login(server.connections) <= 3


async def test_labels_that_come_and_go_cost_no_download(box: Sandbox) -> None:
    """A label more is a place more, a label less leaves the place in the archive; archived mail stays where it was."""
    story = usual()
    with story.server as server:
        await box.run(profile(server))
        story.messages[0].labels = []
        story.messages[2].labels = ["Work", "Later"]
        story.messages.append(Message(mail("new"), [r"\Inbox", "Later"]))
        story.change()
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 1)
        assert story.downloads() == 9
        found = await box.places()
        assert found[("Later", sha256(MAIL["work"]))] == found[("INBOX", sha256(MAIL["in"]))] == 1
        assert (ALL, sha256(MAIL["in"])) not in found
        assert await box.missing(profile(server)) == {}


async def test_what_is_left_out_under_a_label_is_not_brought_in_by_all_mail(box: Sandbox) -> None:
    """A message whose only label is excluded stays out; one that has another label comes."""
    story = usual()
    with story.server as server:
        outcome = await box.run(profile(server, exclude=["Work", "Private"]))
        assert outcome.status is RunStatus.SUCCEEDED
        wanted = {**PLACES, "both": ["INBOX", "Größen/Ä"], "work": [], "hidden": [], "two": ["Other box"], "sent": [SENT]}
        assert await box.places() == places(wanted)
        assert await box.missing(profile(server, exclude=["Work", "Private"])) == {}
        story.messages[2].labels = []
        story.change()
        await box.run(profile(server, exclude=["Work", "Private"]))
        assert (ALL, sha256(MAIL["work"])) in await box.places()


async def test_two_messages_with_one_header_are_two(box: Sandbox) -> None:
    """The server's id tells them apart, though size, date and Message-ID are the same."""
    twins = [mail("twin", body, message_id="one") for body in ("AAAA", "BBBB")]
    story = Gmail([Message(twins[0], [r"\Inbox"]), Message(twins[1])])
    with story.server as server:
        outcome = await box.run(profile(server))
        assert outcome.tally.archived == 2
        assert await box.digests() == {sha256(raw) for raw in twins}


async def test_a_message_that_cannot_be_had_in_one_folder_is_fetched_from_another(box: Sandbox) -> None:
    """The failure is named, and the message is archived all the same."""
    story = usual()
    # The folder that comes first.
    first = story.server.folders["Größen/Ä"][0].uid
    story.script.nil_uids = {first}
    with story.server as server:
        outcome = await box.run(profile(server))
        assert outcome.problems == [("Größen/Ä", first)]
        assert sha256(MAIL["both"]) in await box.digests()


@pytest.mark.parametrize("verb", ["NO not today", "BAD what is that"])
async def test_ids_that_are_refused_lose_nothing(box: Sandbox, verb: str) -> None:
    """Then content decides, as on any other server."""
    story = usual()
    story.script.refused_items = {"X-GM-MSGID": verb}
    with story.server as server:
        await box.run(profile(server))
        assert await box.digests() == {sha256(raw) for raw in MAIL.values()}


async def test_an_archive_of_before_ids_were_kept_downloads_once_more(box: Sandbox) -> None:
    """Messages archived from folders without an id are read in the folder of all mail, once."""
    story = usual()
    with story.server as server:
        await box.run(profile(server, exclude=["[[]Gmail]/**", ALL, STARRED]))
        async with box.archive.database.transaction() as transaction:
            await transaction.execute("DELETE FROM server_identity")
        before = story.downloads()
        await box.run(profile(server))
        assert story.downloads() - before == 8
        await box.run(profile(server))
        assert story.downloads() - before == 8
        assert await box.digests() == {sha256(raw) for raw in MAIL.values()}


async def test_nothing_is_deleted_through_a_view(box: Sandbox) -> None:
    """Mail in real folders goes; what is only shown stays, and the run says so."""
    story = usual()
    with story.server as server:
        outcome = await box.run(profile(server, deletion=Deletion(When.IMMEDIATELY)))
        assert outcome.status is RunStatus.SUCCEEDED
        assert (len(server.folders["INBOX"]), len(server.folders[ALL]), len(server.folders[STARRED])) == (0, 8, 2)
    assert any(ALL in text for text in outcome.told("warning"))


async def test_a_dry_run_counts_no_message_twice(box: Sandbox) -> None:
    """By size and date, which is all that can be told before anything is read."""
    story = Gmail([Message(MAIL["in"], [r"\Inbox"]), Message(MAIL["alone"], [], "02-Feb-2024 10:00:00 +0000")])
    with story.server as server:
        outcome = await box.run(profile(server), dry_run=True)
        assert outcome.result.forecast is not None
        assert {one.folder: one.new for one in outcome.result.forecast if one.new} == {"INBOX": 1, ALL: 1}
        assert story.downloads() == 0


# -- Other servers ----------------------------------------------------------------------------------------------------------


async def test_a_view_without_ids_is_told_by_content(box: Sandbox) -> None:
    """Messages of other folders are not downloaded again, others are archived under the view's name, junk stays out."""
    story = usual(ids=False)
    story.script.attributes |= {"Spam": r"\Junk"}
    with story.server as server:
        server.folders["Spam"] = [Stored(5, mail("junk"))]
        server.folders[ALL].append(Stored(9000, mail("junk")))
        story.script.uidnext[ALL] = 9001
        outcome = await box.run(profile(server))
        assert outcome.status is RunStatus.SUCCEEDED
        wanted = {**PLACES, "hidden": [ALL], "two": [ALL]}
        assert await box.places() == places(wanted)
        assert await box.missing(profile(server)) == {}
        before = story.downloads()
        await box.run(profile(server))
        assert story.downloads() == before
        # It is no junk any more, and now lies in the view alone.
        server.folders["Spam"] = []
        await box.run(profile(server))
        assert (ALL, sha256(mail("junk"))) in await box.places()


@pytest.mark.parametrize("same_id", ["one", ""])
async def test_equal_headers_in_a_view_are_no_proof(box: Sandbox, same_id: str) -> None:
    """With more of them than are known, or without a Message-ID, the bodies are read."""
    twins = [mail("twin", body, message_id="one") for body in ("AAAA", "BBBB")]
    if not same_id:
        twins = [raw.replace(b"Message-ID: <one@example.test>\r\n", b"") for raw in twins]
    shown = twins if same_id else twins[1:]
    folders = {"INBOX": [Stored(1, twins[0])], "All": [Stored(uid, raw) for uid, raw in enumerate(shown, 7)]}
    with ScriptedServer(folders, Script(attributes={"All": r"\All"})) as server:
        await box.run(profile(server))
        assert await box.digests() == {sha256(raw) for raw in twins}
        assert ("All", sha256(twins[0])) not in await box.places()
        # One more, later, which must not be taken for the one that is linked already.
        server.folders["All"].append(Stored(50, mail("twin", "CCCC", message_id="one")))
        await box.run(profile(server))
        assert len(await box.digests()) == 3


@pytest.mark.parametrize("there", ["INBOX", "Spam"])
async def test_another_body_in_a_view_is_archived(box: Sandbox, there: str) -> None:
    """Its header with Message-ID, size and date are those of a message that lies elsewhere, archived or left out."""
    twins = [mail("twin", body, message_id="one") for body in ("AAAA", "BBBB")]
    folders = {"INBOX": [Stored(1, MAIL["in"])], "All": [Stored(7, MAIL["in"]), Stored(8, twins[1])]}
    folders.setdefault(there, []).append(Stored(2, twins[0]))
    with ScriptedServer(folders, Script(attributes={"All": r"\All", "Spam": r"\Junk"})) as server:
        outcome = await box.run(profile(server))
        assert ("All", sha256(twins[1])) in await box.places()
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 3 if there == "INBOX" else 2)
        assert outcome.adds_up
        read = server.bodies
        await box.run(profile(server))
        assert server.bodies == read
        # What was left out by its bytes is not read for that again when the view changes.
        server.folders["All"].append(Stored(9, MAIL["alone"]))
        await box.run(profile(server))
        assert server.bodies == read + 1


@pytest.mark.parametrize("use", [r"\Flagged", r"\Important"])
async def test_a_view_of_flagged_or_important_mail_adds_no_place(box: Sandbox, use: str) -> None:
    """Views of any use; a mailbox that consists of one has its mail there."""
    folders = {"INBOX": [Stored(1, MAIL["in"])], "Stars": [Stored(3, MAIL["in"]), Stored(4, MAIL["alone"])]}
    with ScriptedServer(folders, Script(attributes={"Stars": use})) as server:
        await box.run(profile(server))
        assert await box.places() == places({"in": ["INBOX"]}) + Counter([("Stars", sha256(MAIL["alone"]))])


async def test_a_mailbox_that_is_a_view_alone_is_archived(box: Sandbox) -> None:
    """There is nothing else that it could show."""
    with ScriptedServer({"INBOX": [Stored(1, MAIL["in"])]}, Script(attributes={"INBOX": r"\All"})) as server:
        outcome = await box.run(profile(server))
        assert outcome.tally.archived == 1


async def test_the_virtual_folders_of_dovecot(dovecot: StartDovecot, box: Sandbox) -> None:
    """A view of all mail with its use announced, and a search without one in the virtual namespace."""
    server = dovecot(virtual=True)
    for name in ("in", "both"):
        server.deliver(ALICE, "INBOX", MAIL[name])
    server.deliver(ALICE, "Work", MAIL["work"])
    server.create_search(ALICE, "All", "*\n  all\n")
    server.create_search(ALICE, "unseen", "INBOX\nWork\n  unseen\n")
    address = At(server.host, server.plain_port)
    outcome = await box.run(profile(address))
    assert (outcome.status, outcome.tally.archived, outcome.tally.found) == (RunStatus.SUCCEEDED, 3, 9)
    assert await box.places() == places({"in": ["INBOX"], "both": ["INBOX"], "work": ["Work"]})
    assert await box.missing(profile(address)) == {}
    # What was never archived elsewhere, and is gone from there, is archived from the view.
    only = await box.run(profile(address, include=["virtual/All"]))
    assert only.status is RunStatus.SUCCEEDED


# -- Reading ----------------------------------------------------------------------------------------------------------------


def test_labels_are_read_in_any_form() -> None:
    """Quoted, bare, as literals, in modified UTF-7; places are told from marks."""
    replies: list[Reply] = [
        rb'1 (UID 5 X-GM-MSGID 12 X-GM-LABELS (\Inbox \Sent "a \"b\"" &ANw-ber/x))',
        b"2 (FLAGS (\\Seen))",
        (b"3 (X-GM-LABELS ({5}", b"x (y)"),
        b") X-GM-MSGID 13 UID 6)",
        b"4 (UID 7 X-GM-MSGID nonsense)",
        b"5 (UID 8 X-GM-MSGID 14 X-GM-LABELS ())",
    ]
    found = gmail.parse(replies)
    folders = [Folder("S", "[Gmail]/Gesendet", ("\\sent",))]
    assert {uid: (one.id, one.paths(folders)) for uid, one in found.items()} == {
        5: ("12", ["INBOX", "[Gmail]/Gesendet", 'a "b"', "Über/x"]),
        6: ("13", ["x (y)"]),
        8: ("14", []),
    }
