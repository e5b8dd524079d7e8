"""Ownership of folders, in more forms of servers: own mail is never left out by a name, nor others' deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.archive.registry import users
from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Access, Login, Method, Profile, Server, Target
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, Sandbox, mail, many, profile, sandbox, sha256

pytestmark = pytest.mark.server
BOB = "bob@example.test"
GO = Deletion(When.IMMEDIATELY)
KERIO = "* OK Kerio Connect 9.4.2 IMAP4rev1 server ready"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with sandbox(tmp_path / "home") as box:
        yield box


def stored(*subjects: str) -> list[Stored]:
    return [Stored(uid, mail(subject)) for uid, subject in enumerate(subjects, 1)]


def lent_to(login: str, server: ScriptedServer, user: str, deletion: Deletion | None = None) -> Profile:
    base = Server(server.host, Access.IMAP, server.port, timeout=20.0)
    return Profile(user, base, Login(login), Target(user, login), deletion=deletion or Deletion())


# -- one's own, named like another user's ------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["sales", "archive", "info"])
@pytest.mark.parametrize("root", ["empty", "with mail", "not listed", "not selectable"])
@pytest.mark.parametrize("greeting", [KERIO, "* OK ready"], ids=["Kerio", "other"])
async def test_ones_own_tree_that_is_called_like_a_user_is_archived(box: Sandbox, login: str, root: str, greeting: str) -> None:
    """There is a user sales, and every user sorts mail below Sales: archived everywhere, deleted nowhere in doubt."""
    await users.add(box.archive, login, [f"{login}@example.test"], login=login)
    top = login.capitalize()
    folders = {"INBOX": stored("one"), f"{top}/2023": stored("two"), f"{top}/2024/May": stored("three")}
    if root in ("empty", "with mail"):
        folders[top] = stored("zero") if root == "with mail" else []
    script = Script(greeting=greeting, noselect={top} if root == "not selectable" else set())
    with ScriptedServer(folders, script) as server:
        outcome = await box.run(profile(server, deletion=GO))
        assert outcome.status is RunStatus.SUCCEEDED
        assert outcome.result.excluded_folders == {}
        assert outcome.tally.archived == 3 + (root == "with mail")


@pytest.mark.parametrize("child", ["INBOX", "Sent Items", "Deleted Items", "Gesendete Objekte"])
async def test_a_tree_with_the_folders_of_a_mailbox_is_that_users(box: Sandbox, child: str) -> None:
    """On Kerio, by the login alone, spelled as it is."""
    await users.add(box.archive, "bob", [BOB], login="bob")
    folders = {"INBOX": stored("one"), "bob": [], f"bob/{child}": stored("of bob")}
    with ScriptedServer(folders, Script(greeting=KERIO)) as server:
        outcome = await box.run(profile(server, deletion=GO))
        assert (outcome.tally.archived, outcome.tally.deleted) == (1, 1)
        assert outcome.result.excluded_folders[f"bob/{child}"] == f"a folder of {BOB}"


# -- public folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["Public Folders", "Öffentliche Ordner", "#shared"])
@pytest.mark.parametrize("namespace", [None, '(("" "/")) NIL NIL'])
async def test_public_folders_that_only_their_name_tells_are_not_emptied(box: Sandbox, top: str, namespace: str | None) -> None:
    """Named in include they are archived; deleted there is with delete.shared alone."""
    folders = {"INBOX": stored("one"), f"{top}/News": stored("two")}
    capabilities = ["IMAP4rev1", "UIDPLUS", *(["NAMESPACE"] if namespace else [])]
    with ScriptedServer(folders, Script(capabilities, greeting=KERIO, namespace=namespace)) as server:
        asked = profile(server, include=["**", f"{top}/**"], deletion=GO)
        outcome = await box.run(asked)
        assert (outcome.status, outcome.tally.archived, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 2, 1)
        assert (f"{top}/News", sha256(mail("two"))) in await box.places()
        outcome = await box.run(replace(asked, deletion=Deletion(When.IMMEDIATELY, shared=True)))
        assert outcome.tally.deleted == 1


# -- one folder in two mailboxes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs", "own"),
    [
        ("INBOX.Lent", "INBOX", False),
        ("INBOX.Team.Plans", "INBOX.Plans", False),
        ("INBOX.Plans", "INBOX.Plans", True),
        ("INBOX.Plans", "INBOX.Team.Plans", True),
    ],
)
async def test_a_lent_folder_where_levels_are_parted_by_dots(box: Sandbox, mine: str, theirs: str, own: bool) -> None:
    """Its distance from the top is counted by the server's own delimiter."""
    await users.add(box.archive, "bob", [BOB])
    lent = stored("b 1", "b 2", "b 3", "b 4")
    boxes = {BOB: {"INBOX": stored("b"), theirs: lent}, ALICE: {"INBOX": stored("a"), mine: list(lent)}}
    with ScriptedServer({}, separator=".") as server:
        for login, user in ((BOB, "bob"), (ALICE, "alice")):
            server.folders = boxes[login]
            outcome = await box.run(lent_to(login, server, user))
        assert (outcome.tally.archived == 5) is own
        assert bool(outcome.result.excluded_folders) is not own


@pytest.mark.parametrize("namespace", ['(("" "/")) NIL NIL', '(("" "/")) (("~" "/")) NIL', '(("" "/")) (("" "/")) NIL'])
@pytest.mark.parametrize("greeting", [KERIO, "* OK ready"], ids=["Kerio", "other"])
async def test_a_lent_folder_in_ones_own_namespace(box: Sandbox, namespace: str, greeting: str) -> None:
    """A folder there by the server's word may be another user's all the same: the bytes tell."""
    await users.add(box.archive, "bob", [BOB])
    lent = stored("b 1", "b 2", "b 3")
    boxes = {BOB: {"INBOX": lent}, ALICE: {"INBOX": stored("a"), "Lent": list(lent)}}
    script = Script(["IMAP4rev1", "UIDPLUS", "NAMESPACE"], greeting=greeting, namespace=namespace)
    with ScriptedServer({}, script) as server:
        for login, user, deletion in ((BOB, "bob", Deletion()), (ALICE, "alice", GO)):
            server.folders = boxes[login]
            outcome = await box.run(lent_to(login, server, user, deletion))
        assert outcome.result.excluded_folders == {"Lent": f"a folder of {BOB}"}
        assert len(server.folders["Lent"]) == 3


@pytest.mark.parametrize("greeting", [KERIO, "* OK ready"], ids=["Kerio", "other"])
async def test_a_mailbox_called_by_an_address_beside_a_told_namespace_is_not_emptied(box: Sandbox, greeting: str) -> None:
    """On Kerio, with any other namespaces."""
    await users.add(box.archive, "bob", [BOB])
    folders = {"INBOX": stored("one"), f"{BOB}/INBOX": stored("of bob")}
    script = Script(["IMAP4rev1", "UIDPLUS", "NAMESPACE"], greeting=KERIO, namespace='(("" "/")) (("~" "/")) NIL')
    with ScriptedServer(folders, script) as server:
        await box.run(profile(server, deletion=GO))
        assert len(server.folders[f"{BOB}/INBOX"]) == 1


class Lending:
    """Two mailboxes; Bob's INBOX is shown to Alice as Lent, and what happens in one is seen in the other."""

    def __init__(self, server: ScriptedServer, patch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.mine = {"INBOX": stored("a"), "Mine": stored("m"), "Lent": stored("b 1", "b 2", "b 3")}
        self.bobs = {"INBOX": list(self.mine["Lent"])}
        patch.setattr(scripted.Session, "do_x_setuser", lambda session, name: self.open(name))

    def open(self, name: str) -> str:
        shown = self.server.folders
        lent = shown["Lent"] if shown is self.mine else shown.get("INBOX", self.bobs["INBOX"])
        self.mine["Lent"], self.bobs["INBOX"] = list(lent), list(lent)
        self.server.folders = self.mine if name == ALICE else self.bobs
        return "OK X-SETUSER completed"


@pytest.mark.parametrize("first", [ALICE, BOB])
async def test_a_lent_folder_is_not_emptied_by_another_than_its_owner(
    box: Sandbox, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a first run with deletion, in either order; and later, though all archived mail is deleted by then."""
    await users.add(box.archive, "bob" if first == ALICE else "adam", [BOB], login=BOB)
    script = Script(master_password="word", greeting=KERIO, uidnext={"Lent": 50, "INBOX": 50})
    with ScriptedServer({}, script) as server:
        both = Lending(server, monkeypatch)
        wanted = replace(many(server, Method.KERIO_MASTER, connections=1), deletion=GO)
        outcome = await box.run(wanted, "word")
        assert outcome.status is RunStatus.SUCCEEDED
        told = {one.mailbox: one.tally.deleted for one in outcome.mailboxes}
        assert told == ({ALICE: 1, BOB: 3} if first == ALICE else {ALICE: 2, BOB: 3})
        assert any("Nothing is deleted yet in" in text for text in outcome.told("warning")) is (first == ALICE)
        server.folders["INBOX" if server.folders is both.bobs else "Lent"].append(Stored(4, mail("b 4")))
        outcome = await box.run(wanted, "word")
        told = {one.mailbox: one.tally.deleted for one in outcome.mailboxes}
        assert told == ({ALICE: 1, BOB: 1} if first == ALICE else {ALICE: 0, BOB: 1})


@pytest.mark.parametrize("greeting", [KERIO, "* OK ready"], ids=["Kerio", "other"])
async def test_a_server_with_one_uidvalidity_for_all_is_not_asked_again_and_again(box: Sandbox, greeting: str) -> None:
    """Folders that have no UID in common, or other headers, are compared once."""
    boxes = {}
    for number in range(4):
        login = f"u{number}@example.test"
        await users.add(box.archive, f"u{number}", [login])
        own = [Stored(uid + number * 10, mail(f"{number} {uid}")) for uid in range(1, 4)]
        boxes[login] = {"INBOX": own, "Work": own[:2], "Common": stored(f"of {number}")}
    script = Script(["IMAP4rev1", "UIDPLUS", "NAMESPACE"], greeting=greeting, uidnext=dict.fromkeys(("INBOX", "Work"), 90))
    with ScriptedServer({}, script) as server:
        for turn in range(3):
            for login, folders in boxes.items():
                server.folders = folders
                outcome = await box.run(lent_to(login, server, login.partition("@")[0]))
                assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 0 if turn else 6)
                assert turn < 2 or server.round_trips_after_login(server.connections) <= 3


# -- what LIST does not say --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [["Sent", "Work"], []])
async def test_an_inbox_that_is_not_listed_is_archived(
    box: Sandbox, others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every mailbox has one; where there is none nothing is named."""
    send = scripted.Session.send

    def hide(session: Any, *lines: str) -> None:
        send(session, *(line for line in lines if not (line.startswith("* LIST") and line.endswith("INBOX"))))

    monkeypatch.setattr(scripted.Session, "send", hide)
    folders = {"INBOX": stored("one", "two")} | {name: stored(name) for name in others}
    with ScriptedServer(folders) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 2 + len(others))
        assert await box.missing(profile(server)) == {}
    with ScriptedServer({"Sent": stored("s")}) as server:
        outcome = await box.run(profile(server, username="other"))
        assert (outcome.status, outcome.tally.archived, outcome.problems) == (RunStatus.SUCCEEDED, 1, [])


async def test_a_mailbox_of_another_below_inbox_is_not_emptied(box: Sandbox) -> None:
    """With all folders below INBOX and no namespaces, a name there is a doubt, too."""
    await users.add(box.archive, "bob", [BOB], login="bob")
    folders = {"INBOX": stored("one"), "INBOX.Work": stored("w"), "INBOX.bob.Sent": stored("s")}
    folders["INBOX.sales"] = stored("own")
    with ScriptedServer(folders, separator=".") as server:
        outcome = await box.run(profile(server, deletion=GO))
        assert (outcome.tally.archived, outcome.tally.deleted) == (4, 3)
        assert len(server.folders["INBOX.bob.Sent"]) == 1
    assert any("INBOX/bob/Sent" in text for text in outcome.told("warning"))
