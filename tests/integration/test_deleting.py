"""Deleting on the server (P3): exactly what is archived, proved, old enough and unflagged, with every behaviour of servers.

Dovecot holds the mail; the Kerio double before it moves deleted mail to Deleted Items, or not, and misbehaves on demand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from core.archive.archive import Archive
from core.engine.visit import filing
from core.engine.visit.link import Link
from core.errors import StorageError
from core.imap import deleting as deleting_on_server
from core.imap.names import Folder
from core.model import RunStatus
from core.profiles.filter import Filter, Flagged
from tests import deletions
from tests.deletions import AFTER_A_YEAR, AT_ONCE, MODES, NEVER, NEW, Server, fill
from tests.reasons import said
from tests.servers.kerio import TRASH
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, Sandbox, mail, profile, sandbox, sha256

box = deletions.box
server = deletions.server

pytestmark = pytest.mark.server


@pytest.mark.parametrize("uidplus", [True, False], ids=["UIDPLUS", "no UIDPLUS"])
@pytest.mark.parametrize(("auto_expunge", "moves_at"), MODES)
async def test_exactly_what_is_archived_old_enough_and_unflagged_goes(
    server: Server, box: Sandbox, auto_expunge: Literal[0, 1], moves_at: Literal["store", "expunge"], uidplus: bool
) -> None:
    """With every way in which servers treat deleted mail; two more runs change nothing in the archive's folders."""
    server.behaviour.auto_expunge, server.behaviour.moves_at = auto_expunge, moves_at
    server.behaviour.hidden |= set() if uidplus else {"UIDPLUS"}
    fill(server)
    everything = {digest for digests in server.dovecot.expected(ALICE).values() for digest in digests}
    junk = sha256(mail("junk"))
    rule = replace(AFTER_A_YEAR, without_uidplus=not uidplus)
    first = await box.run(server.profile(rule))
    assert (first.status, first.reasons) == (RunStatus.SUCCEEDED, "")
    assert (first.tally.archived, first.tally.deleted) == (8, 3)
    assert server.subjects("INBOX") == ["half written", "new", "old and flagged"]
    assert server.subjects("Projects/Old") == []
    assert server.subjects("Drafts") == ["old draft"]
    moved = ["old", "old and large", "old in a project"] if auto_expunge else []
    assert server.subjects(TRASH) == sorted([*moved, "thrown away"])
    assert await box.digests() == everything - {junk}
    assert server.marked() == []
    places = await box.places()
    for _ in range(2):
        again = await box.run(server.profile(rule))
        assert (again.status, again.reasons) == (RunStatus.SUCCEEDED, "")
        assert (again.tally.archived, again.tally.moved, again.tally.deleted) == (0, 0, 0)
        assert again.tally.found == again.tally.known + again.tally.excluded
        assert await box.places() == places
    assert server.subjects(TRASH) == sorted([*moved, "thrown away"])
    assert await box.missing(server.profile(rule)) == {}


async def test_what_comes_or_is_flagged_between_archiving_and_deleting_survives(server: Server, box: Sandbox) -> None:
    """New mail in the very moment of deletion, and a flag set then by another client."""
    server.behaviour.auto_expunge = 0
    for subject in ("goes", "flagged late"):
        server.deliver("INBOX", subject)

    def meanwhile() -> None:
        server.flag("INBOX", "flagged late")
        server.deliver("INBOX", "came late")

    for verb in ("SELECT", "UID STORE"):
        server.behaviour.before = {verb: meanwhile}
        outcome = await box.run(server.profile(AT_ONCE))
        assert outcome.tally.deleted == 1
        assert server.subjects("INBOX") == ["came late", "flagged late"]
        assert server.marked() == []
        server.dovecot.remove_messages(ALICE, "INBOX", 2)
        for subject in ("goes", "flagged late"):
            server.deliver("INBOX", subject)


@dataclass(frozen=True, slots=True)
class Trouble:
    """An event in the middle of a deletion, and True if the messages are gone at the end of the run."""

    happens: Callable[[Server], None]
    deleted: int
    reason: str = ""


def _set(**values: object) -> Callable[[Server], None]:
    def change(server: Server) -> None:
        for name, value in values.items():
            setattr(server.behaviour, name, value)

    return change


def _new_uidvalidity(verb: str) -> Callable[[Server], None]:
    def change(server: Server) -> None:
        server.behaviour.before = {verb: lambda: server.dovecot.change_uidvalidity(ALICE, "INBOX")}

    return change


TROUBLES = {
    "dropped at STORE": Trouble(_set(drop_at="UID STORE"), 3),
    "dropped after STORE": Trouble(_set(drop_after="UID STORE"), 3),
    "dropped at EXPUNGE": Trouble(_set(drop_at="UID EXPUNGE"), 3),
    "dropped after EXPUNGE": Trouble(_set(drop_after="UID EXPUNGE"), 3),
    "NO to STORE": Trouble(_set(answers={"UID STORE": "NO not today"}), 0, "not today"),
    "NO to EXPUNGE": Trouble(_set(answers={"UID EXPUNGE": "NO not today"}), 0, "not today"),
    "BAD to EXPUNGE": Trouble(_set(answers={"UID EXPUNGE": "BAD what"}), 0, "what"),
    "NO to SELECT": Trouble(_set(answers={"SELECT": "NO not today"}), 0, "not today"),
    "OK to EXPUNGE, but nothing done": Trouble(_set(answers={"UID EXPUNGE": "OK done"}), 0),
    "new UIDVALIDITY at SELECT": Trouble(_new_uidvalidity("SELECT"), 0),
    "new UIDVALIDITY at STORE": Trouble(_new_uidvalidity("UID STORE"), 0),
    "new UIDVALIDITY at EXPUNGE": Trouble(_new_uidvalidity("UID EXPUNGE"), 0),
}


@pytest.mark.parametrize("name", list(TROUBLES))
async def test_trouble_in_the_middle_of_a_deletion_loses_nothing(server: Server, box: Sandbox, name: str) -> None:
    """Nothing unproved goes, no mark is left behind, what happened is named, and the next run ends what was begun."""
    trouble = TROUBLES[name]
    server.behaviour.auto_expunge = 0
    for number in range(3):
        server.deliver("INBOX", f"message {number}")
    server.deliver("INBOX", "flagged", flags=("\\Flagged",))
    server.deliver("Last", "flagged too", flags=("\\Flagged",))
    everything = {digest for digests in server.dovecot.expected(ALICE).values() for digest in digests}
    trouble.happens(server)
    outcome = await box.run(server.profile(AT_ONCE))
    assert await box.digests() == everything
    assert outcome.tally.deleted == trouble.deleted
    left = [f"message {number}" for number in range(3)] if not trouble.deleted else []
    assert server.subjects("INBOX") == ["flagged", *left]
    if trouble.deleted:
        assert (outcome.status, outcome.reasons) == (RunStatus.SUCCEEDED, "")
    else:
        assert outcome.status is RunStatus.WITH_ERRORS
        assert trouble.reason in outcome.reasons
    if "UIDVALIDITY" not in name:
        assert server.marked() == []
    places = await box.places()
    again = await box.run(server.profile(AT_ONCE))
    assert (again.status, again.reasons) == (RunStatus.SUCCEEDED, "")
    assert again.tally.deleted == 3 - trouble.deleted
    assert server.subjects("INBOX") == ["flagged"]
    assert server.marked() == []
    assert await box.places() == places
    assert (await box.run(server.profile(AT_ONCE))).tally.deleted == 0


async def test_a_deletion_that_ended_with_the_program_is_settled_by_the_next_run(
    server: Server, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted on the server, not yet written down: the next run knows that it is no move, and leaves it in the trash."""

    async def end(*_: object) -> None:
        raise StorageError(said("the disk is full"))

    server.deliver("INBOX", "old")
    server.deliver("INBOX", "stays", flags=("\\Flagged",))
    with monkeypatch.context() as patch:
        patch.setattr(filing, "record_deleted", end)
        with pytest.raises(StorageError):
            await box.run(server.profile(AFTER_A_YEAR))
    assert server.subjects(TRASH) == ["old"]
    places = await box.places()
    outcome = await box.run(server.profile(replace(AFTER_A_YEAR, trash_too=True)))
    assert (outcome.status, outcome.reasons) == (RunStatus.SUCCEEDED, "")
    assert server.subjects(TRASH) == ["old"]
    assert await box.places() == places


async def test_marks_of_others_are_respected_without_uidplus(server: Server, box: Sandbox) -> None:
    """EXPUNGE would take messages marked by another client: nothing is deleted, with the reason. With UIDPLUS only ours go."""
    server.behaviour.auto_expunge = 0
    server.behaviour.hidden.add("UIDPLUS")
    server.deliver("INBOX", "marked by somebody", flags=("\\Deleted", "\\Flagged"))
    server.deliver("INBOX", "ours")
    outcome = await box.run(server.profile(replace(AT_ONCE, without_uidplus=True)))
    assert (outcome.status, outcome.tally.deleted) == (RunStatus.WITH_ERRORS, 0)
    assert "it has no UIDPLUS" in outcome.reasons
    assert server.subjects("INBOX") == ["marked by somebody", "ours"]
    assert server.marked() == ["marked by somebody"]
    server.behaviour.hidden.clear()
    assert (await box.run(server.profile(AT_ONCE))).tally.deleted == 1
    assert server.subjects("INBOX") == ["marked by somebody"]


async def test_a_mark_that_comes_just_before_expunge_is_respected_without_uidplus(server: Server, box: Sandbox) -> None:
    """Another client marks a message while ours are marked: ours are unmarked, and nothing is expunged."""
    server.behaviour.auto_expunge = 0
    server.behaviour.hidden.add("UIDPLUS")
    server.deliver("INBOX", "ours")
    server.behaviour.before = {"UID STORE": lambda: server.deliver("INBOX", "theirs", flags=("\\Deleted",))}
    outcome = await box.run(server.profile(replace(AT_ONCE, without_uidplus=True)))
    assert (outcome.status, outcome.tally.deleted) == (RunStatus.WITH_ERRORS, 0)
    assert server.subjects("INBOX") == ["ours", "theirs"]
    assert server.marked() == ["theirs"]


async def test_read_only_folders_are_left_alone_and_named(tmp_path: Path) -> None:
    """The server says READ-ONLY: nothing is marked, nothing expunged, and the result says why."""
    script = Script(read_only={"INBOX"})
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))], "Open": [Stored(1, mail("two"))]}, script) as scripted:
        async with sandbox(tmp_path / "home") as box:
            outcome = await box.run(profile(scripted, deletion=AT_ONCE))
        assert (outcome.status, outcome.tally.deleted) == (RunStatus.WITH_ERRORS, 1)
        assert outcome.problems == [("INBOX", None)]
        assert "only read" in outcome.reasons
        assert [one.uid for one in scripted.folders["INBOX"]] == [1]
        assert scripted.folders["Open"] == []


async def test_a_folder_made_anew_since_it_was_archived_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """UIDVALIDITY changed between archiving and deleting: the old UIDs mean nothing any more, and the result says so."""
    select = Link.select
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}) as scripted:

        async def made_anew(link: Link, folder: Folder) -> object:
            scripted.script.uidvalidity["INBOX"] = 7
            return await select(link, folder)

        monkeypatch.setattr(Link, "select", made_anew)
        async with sandbox(tmp_path / "home") as box:
            outcome = await box.run(profile(scripted, deletion=AT_ONCE))
        assert (outcome.status, outcome.tally.deleted, outcome.problems) == (RunStatus.WITH_ERRORS, 0, [("INBOX", None)])
        assert "UIDVALIDITY changed" in outcome.reasons
        assert [one.uid for one in scripted.folders["INBOX"]] == [1]
        assert not any("STORE" in line for line in scripted.lines())


async def test_no_date_and_no_search_decides_what_is_deleted(tmp_path: Path) -> None:
    """A server that would answer an age search with everything is not asked: what is new stays."""
    old, new = (
        Stored(1, mail("old"), (), "01-Feb-2020 10:00:00 +0000"),
        Stored(2, mail("new"), (), f"{NEW:%d-%b-%Y} 10:00:00 +0000"),
    )
    script = Script(answers={"SEARCH": "OK done", "UID SEARCH": "OK done"})
    with ScriptedServer({"INBOX": [old, new]}, script) as scripted:
        async with sandbox(tmp_path / "home") as box:
            outcome = await box.run(profile(scripted, deletion=AFTER_A_YEAR))
        assert outcome.tally.deleted == 1
        assert [one.uid for one in scripted.folders["INBOX"]] == [2]
        assert not any("SEARCH" in line for line in scripted.lines())


async def test_a_dry_run_lists_what_would_go_and_changes_nothing(server: Server, box: Sandbox) -> None:
    """By folder: what is new, what the filter leaves out, and the UIDs that would be deleted."""
    fill(server)
    outcome = await box.run(server.profile(AFTER_A_YEAR, filter=Filter(flagged=Flagged.UNFLAGGED)), dry_run=True)
    assert outcome.result.forecast is not None
    found = {one.folder: (one.new, one.excluded, one.delete) for one in outcome.result.forecast}
    assert found == {"INBOX": (4, 1, (1, 2)), "Projects/Old": (1, 0, (1,)), "Drafts": (1, 0, ()), TRASH: (1, 0, ())}
    assert outcome.tally.deleted == 0
    assert await box.digests() == set()
    assert not any(line.startswith(("SELECT", "UID STORE", "UID EXPUNGE")) for line in server.kerio.lines())
    assert any("would be deleted on the server (UID 1:2)" in text for text in outcome.told("plan"))


async def test_the_ledger_tells_what_was_deleted_and_rebuild_knows_it(server: Server, box: Sandbox) -> None:
    """First that it is about to be, then that it is gone; a rebuilt catalog leaves the trash alone just the same."""
    server.deliver("INBOX", "old")
    await box.run(server.profile(AFTER_A_YEAR))
    [about], [gone] = await box.entries("deleting"), await box.entries("deleted")
    assert (about["server_folder"], about["uids"]) == ("INBOX", "1")
    assert (gone["uids"], gone["kept"]) == ("1", "")
    archive: Archive = box.archive
    await archive.rebuild()
    again = await box.run(server.profile(AFTER_A_YEAR))
    assert (again.tally.moved, again.tally.archived, again.tally.deleted) == (0, 0, 0)
    assert server.subjects(TRASH) == ["old"]


async def test_a_mark_left_by_an_interruption_is_taken_back_when_nothing_is_deleted_any_more(
    server: Server, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted between STORE and EXPUNGE, and the rule changed to never: no other client's EXPUNGE shall take it."""
    server.behaviour.auto_expunge = 0
    server.deliver("INBOX", "marked")

    async def end(*_: object) -> None:
        raise StorageError(said("the disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(deleting_on_server, "expunge", end)
        with pytest.raises(StorageError):
            await box.run(server.profile(AT_ONCE))
    assert server.marked() == ["marked"]
    assert (await box.run(server.profile(NEVER))).status is RunStatus.SUCCEEDED
    assert (server.marked(), server.subjects("INBOX")) == ([], ["marked"])
