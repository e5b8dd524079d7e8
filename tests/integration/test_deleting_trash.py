"""Deleting on the server: what goes to the trash, what is removed there, and what of others stays."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal

import pytest

from core.model import RunStatus
from core.profiles.deletion import OnTrash
from tests import deletions
from tests.deletions import AFTER_A_YEAR, AT_ONCE, MODES, NEW, Server, fill
from tests.servers.kerio import TRASH
from tests.support import ALICE, Sandbox, mail, sha256

box = deletions.box
server = deletions.server

pytestmark = pytest.mark.server


@pytest.mark.parametrize("excluded", [(), ("Deleted Items",)], ids=["trash archived", "trash excluded"])
@pytest.mark.parametrize(("auto_expunge", "moves_at"), MODES)
async def test_trash_too_removes_there_what_we_deleted_and_nothing_else(
    server: Server,
    box: Sandbox,
    auto_expunge: Literal[0, 1],
    moves_at: Literal["store", "expunge"],
    excluded: tuple[str, ...],
) -> None:
    """Mail thrown away by a user stays in the trash, a twin of ours too; ours is deleted for good, also an earlier run's."""
    server.behaviour.auto_expunge, server.behaviour.moves_at = auto_expunge, moves_at
    server.deliver("INBOX", "earlier")
    assert (await box.run(server.profile(AFTER_A_YEAR, exclude=excluded))).tally.deleted == 1
    assert server.subjects(TRASH) == (["earlier"] if auto_expunge else [])
    fill(server)
    server.deliver(TRASH, "old")
    rule = replace(AFTER_A_YEAR, trash_too=True)
    outcome = await box.run(server.profile(rule, exclude=excluded))
    assert (outcome.status, outcome.reasons, outcome.tally.deleted) == (RunStatus.SUCCEEDED, "", 3)
    assert server.subjects(TRASH) == ["old", "thrown away"]
    assert server.subjects("INBOX") == ["half written", "new", "old and flagged"]
    places = await box.places()
    again = await box.run(server.profile(rule, exclude=excluded))
    assert (again.status, again.tally.deleted, again.tally.moved) == (RunStatus.SUCCEEDED, 0, 0)
    assert await box.places() == places
    assert server.subjects(TRASH) == ["old", "thrown away"]


@pytest.mark.parametrize("on_trash", list(OnTrash))
async def test_what_a_user_moves_to_the_trash_keeps_its_place_or_follows(
    server: Server, box: Sandbox, on_trash: OnTrash
) -> None:
    """As the profile says; what we delete keeps its place in either case."""
    server.behaviour.moves_at = "expunge"
    server.deliver("INBOX", "by the user", date=NEW)
    server.deliver("INBOX", "by the rule")
    rule = replace(AFTER_A_YEAR, on_trash=on_trash)
    assert (await box.run(server.profile(rule))).tally.deleted == 1
    server.dovecot.move(ALICE, "INBOX", TRASH)
    outcome = await box.run(server.profile(rule))
    assert (outcome.status, outcome.tally.moved, outcome.tally.archived) == (RunStatus.SUCCEEDED, 1, 0)
    user, ours = sha256(mail("by the user")), sha256(mail("by the rule"))
    place = TRASH if on_trash is OnTrash.FOLLOW else "INBOX"
    assert await box.places() == Counter({(place, user): 1, ("INBOX", ours): 1})


async def test_a_flag_set_just_before_a_server_that_moves_at_store_is_seen(server: Server, box: Sandbox) -> None:
    """There STORE is the end of it: the flags are asked for once more before."""
    server.deliver("INBOX", "flagged late")
    server.deliver("INBOX", "goes")
    server.behaviour.before = {"SELECT": lambda: server.flag("INBOX", "flagged late")}
    assert (await box.run(server.profile(AT_ONCE))).tally.deleted == 1
    assert server.subjects("INBOX") == ["flagged late"]


async def test_a_trash_that_could_not_be_emptied_is_emptied_later(server: Server, box: Sandbox) -> None:
    """Refused once, what is ours there stays ours; the trash may be one that the server made in this very run."""
    server.deliver("INBOX", "old")
    rule = replace(AFTER_A_YEAR, trash_too=True)
    server.behaviour.answers = {"UID EXPUNGE": "NO not today"}
    first = await box.run(server.profile(rule))
    assert (first.status, server.subjects(TRASH)) == (RunStatus.WITH_ERRORS, ["old"])
    dry = await box.run(server.profile(rule), dry_run=True)
    assert dry.result.forecast is not None
    assert (TRASH, (1,)) in [(one.folder, one.delete) for one in dry.result.forecast]
    assert (await box.run(server.profile(rule))).status is RunStatus.SUCCEEDED
    assert server.subjects(TRASH) == []


async def test_a_copy_that_a_user_throws_away_later_stays_in_the_trash(server: Server, box: Sandbox) -> None:
    """We deleted its twin for good; this one was never ours."""
    server.behaviour.auto_expunge = 0
    for folder in ("INBOX", "Junk E-mail"):
        server.deliver(folder, "twin")
    server.deliver(TRASH, "thrown away")
    rule = replace(AFTER_A_YEAR, trash_too=True)
    assert (await box.run(server.profile(rule))).tally.deleted == 1
    server.dovecot.move(ALICE, "Junk E-mail", TRASH)
    await box.run(server.profile(rule))
    assert server.subjects(TRASH) == ["thrown away", "twin"]
