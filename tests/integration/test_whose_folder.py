"""Ownership of folders, for archiving and deletion: shared folders are left alone unless they are named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.archive.registry import users
from core.engine.examine import preview
from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Access, Login, Method, Profile, Server, Target
from core.profiles.selection import SelectionMode, UserSelection
from core.secrets import Secret
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import Kerio
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, At, Sandbox, folder_tree, mail, mailbox_of, many, profile, sandbox, sha256

pytestmark = pytest.mark.server
BOB = "bob@example.test"
GO = Deletion(When.IMMEDIATELY)
MASTER = ("boss", "master word")


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with sandbox(tmp_path / "home") as box:
        yield box


def sharing(dovecot: StartDovecot, *, separator: str = "/", personal: str = "", shared: str = "shared/%%u/") -> Dovecot:
    """Bob shares his INBOX with Alice, who may do all but administer it, and another folder, which she may read."""
    own = {ALICE: "secret", BOB: "secret"}
    server = dovecot(own, separator=separator, personal=personal, shared=shared, master=MASTER)
    server.deliver(ALICE, "INBOX", mail("to alice"))
    server.deliver(ALICE, "Projects", mail("plan of alice"))
    for number in range(3):
        server.deliver(BOB, "INBOX", mail(f"to bob {number}"))
    server.deliver(BOB, "Plans", mail("plan of bob"))
    server.share(BOB, f"{personal}INBOX".removeprefix(f"INBOX{separator}"), ALICE, "lrswite")
    server.share(BOB, f"{personal}Plans", ALICE, "lr")
    return server


def at(server: Dovecot) -> At:
    return At(server.host, server.plain_port)


@pytest.mark.parametrize("shared", ["shared/%%u/", "Shares/%%d/%%n/", "INBOX/users/%%u/"])
async def test_a_shared_inbox_is_left_alone(dovecot: StartDovecot, box: Sandbox, shared: str) -> None:
    """With one person chosen and deletion on: hers is archived and deleted, his is where it was, and named with the reason."""
    server = sharing(dovecot, shared=shared)
    outcome = await box.run(profile(at(server), deletion=GO))
    assert (outcome.status, outcome.tally.archived, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 2, 2)
    assert await box.digests() == {sha256(mail("to alice")), sha256(mail("plan of alice"))}
    assert (len(server.messages(BOB, "INBOX")), len(server.messages(BOB, "Plans"))) == (3, 1)
    left = outcome.result.excluded_folders
    assert len(left) == 2
    assert all("a folder of" in reason and ("bob" in reason or "example.test" in reason) for reason in left.values())


async def test_folders_below_inbox_with_dots(dovecot: StartDovecot, box: Sandbox) -> None:
    """Own folders below INBOX., those of others below user."""
    server = sharing(dovecot, separator=".", personal="INBOX.", shared="user.%%u.")
    outcome = await box.run(profile(at(server), deletion=GO))
    assert outcome.tally.archived == outcome.tally.deleted == 2
    assert len(server.messages(BOB, "INBOX")) == 3
    assert not any("alice" in reason for reason in outcome.result.excluded_folders.values())


async def test_named_folders_of_others_are_archived_in_a_place_that_says_so(dovecot: StartDovecot, box: Sandbox) -> None:
    """They are copied, and nothing is deleted there; with delete.shared it is, as far as the rights go."""
    server = sharing(dovecot)
    wanted = ["**", f"shared/{BOB}/**"]
    outcome = await box.run(profile(at(server), include=wanted, deletion=GO))
    assert (outcome.status, outcome.tally.archived, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 6, 2)
    assert len(server.messages(BOB, "INBOX")) == 3
    assert {folder for folder, _ in await box.places()} == {"INBOX", "Projects", f"shared/{BOB}", f"shared/{BOB}/Plans"}
    outcome = await box.run(
        profile(at(server), include=[*wanted], exclude=["**/Plans"], deletion=Deletion(GO.when, shared=True))
    )
    assert outcome.tally.deleted == 3
    assert (len(server.messages(BOB, "INBOX")), len(server.messages(BOB, "Plans"))) == (0, 1)


@pytest.mark.parametrize("method", [Method.MASTER_USER, Method.PLAIN_AUTHZID])
async def test_who_owns_a_folder_gets_it(dovecot: StartDovecot, box: Sandbox, method: Method) -> None:
    """Two users who can both see a folder, in one run with a master login: it is the owner's, once."""
    server = sharing(dovecot)
    await users.add(box.archive, "bob", [BOB])
    outcome = await box.run(many(at(server), method, username=MASTER[0]), MASTER[1])
    assert outcome.status is RunStatus.SUCCEEDED
    assert [(one.user, one.tally.archived) for one in outcome.mailboxes] == [("alice", 2), ("bob", 4)]


async def test_the_tree_shows_them_apart(dovecot: StartDovecot, box: Sandbox) -> None:
    """One's own first, then what is shared, each with whose it is; the preview of a deletion counts them as kept."""
    server = sharing(dovecot)
    reading = profile(at(server), include=["**", f"shared/{BOB}/**"], deletion=GO)
    tree = await folder_tree(profile(at(server)), Secret("secret"))
    foreign = [one.whose.foreign for one in tree]
    assert foreign == sorted(foreign)
    shown = {one.path: (one.whose.owner, one.excluded) for one in tree if one.whose.foreign and one.selectable}
    assert shown == {path: (BOB, f"a folder of {BOB}") for path in (f"shared/{BOB}", f"shared/{BOB}/Plans")}
    found = await preview.deletion(reading, mailbox_of(reading), Secret("secret"))
    assert (found.delete, found.kept[preview.OF_OTHERS]) == (2, 4)
    assert await box.missing(profile(at(server))) == {"INBOX": [1], "Projects": [1]}


# -- Kerio Connect ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def kerio(dovecot: StartDovecot) -> Iterator[tuple[Kerio, Dovecot]]:
    """Alice has subscribed to folders of Bob, which stand in her own tree below a root that carries his address."""
    server = dovecot({ALICE: "x", BOB: "x"}, master=MASTER)
    server.deliver(ALICE, "INBOX", mail("to alice"))
    server.deliver(ALICE, f"{BOB}/INBOX", mail("to bob"))
    server.deliver(ALICE, f"{BOB}/Deleted Items", mail("thrown away by bob"))
    server.deliver(BOB, "INBOX", mail("to bob"))
    with Kerio(server, master_password="word") as kerio:
        yield kerio, server


@pytest.mark.parametrize("hidden", [set[str](), {"NAMESPACE"}, {"NAMESPACE", "ID"}])
@pytest.mark.parametrize("known", [True, False])
async def test_on_kerio_a_subscribed_mailbox_is_its_owners(
    kerio: tuple[Kerio, Dovecot], box: Sandbox, hidden: set[str], known: bool
) -> None:
    """With or without NAMESPACE, and with or without Bob as a user of the archive; only Alice is chosen."""
    double, server = kerio
    double.behaviour.hidden = hidden
    if known:
        await users.add(box.archive, "bob", [BOB])
    chosen = many(double, Method.KERIO_MASTER, selection=UserSelection(SelectionMode.ONLY, ("alice",)))
    going = Profile(chosen.name, chosen.server, chosen.login, selection=chosen.selection, deletion=GO)
    outcome = await box.run(going, "word")
    assert (outcome.status, outcome.tally.archived, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 1, 1)
    assert outcome.result.excluded_folders == {f"{BOB}/{name}": f"a folder of {BOB}" for name in ("INBOX", "Deleted Items")}
    assert len(server.messages(ALICE, f"{BOB}/INBOX")) == len(server.messages(ALICE, f"{BOB}/Deleted Items")) == 1


def lending(folder: str, *, owner: str = "INBOX", several: int = 3) -> dict[str, dict[str, list[Stored]]]:
    """Two mailboxes, by login: Bob has a folder, and Alice is shown the very same under another name."""
    lent = stored(*(f"mail of bob {number}" for number in range(several)))
    return {BOB: {"INBOX": stored("b"), owner: lent}, ALICE: {"INBOX": stored("a"), "Mine": stored("m"), folder: list(lent)}}


@pytest.mark.parametrize(
    ("folder", "owner", "reason"),
    [
        ("Lent", "INBOX", f"a folder of {BOB}"),
        ("Team/Plans", "Plans", f"a folder of {BOB}"),
        ("Plans", "Plans", ""),
        ("Plans", "Team/Plans", ""),
    ],
)
@pytest.mark.parametrize("several", [1, 3])
async def test_a_folder_that_another_mailbox_has_as_well(
    box: Sandbox, folder: str, owner: str, reason: str, several: int
) -> None:
    """Equal UIDVALIDITY, UIDs and headers: it is the owner's, who has it as INBOX or nearer to the top; else it is a doubt."""
    await users.add(box.archive, "bob", [BOB])
    boxes = lending(folder, owner=owner, several=several)
    with ScriptedServer({}, Script(greeting="* OK IMAP4rev1 server ready")) as server:
        base = Server(server.host, Access.IMAP, server.port, timeout=20.0)
        for login, user in ((BOB, "bob"), (ALICE, "alice")):
            server.folders = boxes[login]
            outcome = await box.run(Profile(user, base, Login(login), Target(user, login), deletion=Deletion()))
        assert outcome.result.excluded_folders == ({folder: reason} if reason else {})
        outcome = await box.run(Profile("alice", base, Login(ALICE), Target("alice", ALICE), deletion=GO))
        assert (outcome.status, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 2 + several * ("/" in owner))
        assert len(server.folders[folder]) == (0 if "/" in owner else several)
        last = server.connections
        assert not any("Lent" in line and "EXAMINE" in line for line in server.lines(last))


async def test_folders_that_only_look_alike_are_their_owners(box: Sandbox) -> None:
    """Made in one second, with as many messages; the headers tell."""
    await users.add(box.archive, "bob", [BOB])
    boxes = lending("Plans", owner="Plans")
    boxes[ALICE]["Plans"] = stored("own 1", "own 2", "own 3")
    with ScriptedServer({}, Script(greeting="* OK IMAP4rev1 server ready")) as server:
        base = Server(server.host, Access.IMAP, server.port, timeout=20.0)
        for login, user in ((BOB, "bob"), (ALICE, "alice")):
            server.folders = boxes[login]
            outcome = await box.run(Profile(user, base, Login(login), Target(user, login), deletion=GO))
            assert not outcome.told("warning")[1:]
        assert outcome.tally.deleted == 5


# -- Servers that say less, or other things ---------------------------------------------------------------------------------


def stored(*subjects: str) -> list[Stored]:
    return [Stored(uid, mail(subject)) for uid, subject in enumerate(subjects, 1)]


FOLDERS = {"INBOX": stored("one"), "Mine": stored("two"), "lent": stored("three")}


async def test_fewer_rights_than_in_inbox_mean_archived_and_not_deleted(box: Sandbox) -> None:
    """It may be one's own all the same: the mail is safe here and there, and the run says so."""
    rights = {"INBOX": "lrswipkxtea", "Mine": "lrswipkxtea", "lent": "lrs"}
    script = Script(["IMAP4rev1", "UIDPLUS", "ACL"], rights=rights)
    with ScriptedServer(FOLDERS, script) as server:
        outcome = await box.run(profile(server, deletion=GO))
        assert (outcome.status, outcome.tally.archived, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 3, 2)
        assert [len(server.folders[name]) for name in ("INBOX", "Mine", "lent")] == [0, 0, 1]
    said = [text for text in outcome.told("warning") if "lent" in text]
    assert len(said) == 1
    assert "may be somebody else's" in said[0]


@pytest.mark.parametrize("extra", [[], ["LIST-STATUS", "LIST-EXTENDED"], ["LIST-STATUS", "LIST-MYRIGHTS", "LIST-EXTENDED"]])
async def test_asking_costs_no_round_trip_too_many(box: Sandbox, extra: list[str]) -> None:
    """NAMESPACE, ID and MYRIGHTS travel with what is asked anyway: nothing new is three round trips."""
    rights = dict.fromkeys(FOLDERS, "lrswipkxtea")
    script = Script(["IMAP4rev1", "NAMESPACE", "ACL", "ID", *extra], rights=rights)
    with ScriptedServer(FOLDERS, script) as server:
        await box.run(profile(server))
        outcome = await box.run(profile(server))
        assert (outcome.tally.archived, outcome.tally.known) == (0, 3)
        lines = server.lines(2)
        assert server.round_trips_after_login(2) <= 3
    assert sum(line.startswith("NAMESPACE") for line in lines) == sum(line.startswith("ID ") for line in lines) == 1
    assert sum(line.startswith("MYRIGHTS") for line in lines) == (0 if "LIST-MYRIGHTS" in extra else 3)


@pytest.mark.parametrize("at_once", ["dropped", "refused", "closed"])
async def test_a_server_that_takes_one_command_at_a_time(box: Sandbox, at_once: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer, BAD or a closed connection: it is asked one by one, nothing hangs, and no folder is lost."""
    monkeypatch.setattr("core.imap.folders.PATIENCE", 0.2)
    rights = dict.fromkeys(FOLDERS, "lrswipkxtea") | {"user.bob": "lr"}
    told = '(("" ".")) (("user." ".")) NIL'
    script = Script(["IMAP4rev1", "NAMESPACE", "ACL"], namespace=told, rights=rights, at_once=at_once)
    folders = FOLDERS | {"user.bob": stored("four")}
    with ScriptedServer(folders, script, separator=".") as server:
        outcome = await box.run(profile(server, timeout=5))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 3)
        assert outcome.result.excluded_folders == {"user/bob": "a folder of bob"}


@pytest.mark.parametrize("verb", ["NAMESPACE", "MYRIGHTS", "ID"])
@pytest.mark.parametrize("answer", ["NO not today", "BAD what is that"])
async def test_what_is_announced_and_refused_is_unknown(box: Sandbox, verb: str, answer: str) -> None:
    """The folders are archived as if it had not been asked."""
    script = Script(
        ["IMAP4rev1", "UIDPLUS", "NAMESPACE", "ACL", "ID"], rights=dict.fromkeys(FOLDERS, "lra"), answers={verb: answer}
    )
    with ScriptedServer(FOLDERS, script) as server:
        outcome = await box.run(profile(server, deletion=GO))
    assert (outcome.status, outcome.tally.archived, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 3, 3)


@pytest.mark.parametrize("told", ["NIL NIL NIL", "((", '(("" "."))', '(("INBOX." ".")) NIL NIL'])
async def test_an_odd_reply_loses_no_folder(box: Sandbox, told: str) -> None:
    """Nothing is told, or something that fits no folder: what lies outside is archived, and then not deleted."""
    script = Script(["IMAP4rev1", "UIDPLUS", "NAMESPACE"], namespace=told)
    with ScriptedServer(FOLDERS, script, separator=".") as server:
        outcome = await box.run(profile(server, deletion=GO))
        assert outcome.tally.archived == 3
        assert outcome.tally.deleted == (1 if "INBOX." in told else 3)


async def test_a_shared_folder_without_an_owner(box: Sandbox) -> None:
    """Public folders of the server by its namespace."""
    told = '(("" "/")) NIL (("Team/" "/"))'
    with ScriptedServer(
        {"INBOX": stored("one"), "Team/News": stored("n")}, Script(["IMAP4rev1", "NAMESPACE"], namespace=told)
    ) as s:
        outcome = await box.run(profile(s))
        assert outcome.result.excluded_folders == {"Team/News": "a shared folder"}
        outcome = await box.run(profile(s, include=["**", "Team/**"]))
        assert ("Team/News", sha256(mail("n"))) in await box.places()


async def test_names_are_a_doubt_on_servers_of_which_nothing_is_known(box: Sandbox) -> None:
    """A folder called after another user may be one's own there: archived, not deleted, and said."""
    await users.add(box.archive, "bob", [BOB])
    with ScriptedServer({"INBOX": stored("one"), f"{BOB}/INBOX": stored("two")}) as server:
        outcome = await box.run(profile(server, deletion=GO))
        assert (outcome.tally.archived, outcome.tally.deleted) == (2, 1)
    assert any(BOB in text for text in outcome.told("warning"))
