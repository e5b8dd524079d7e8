"""Deletion of messages that were just read: what the trash keeps, and how a deletion that broke off is ended."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from core.engine.visit import filing
from core.errors import StorageError
from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from tests import exact_deletion
from tests.exact_deletion import AT_ONCE, FETCHES, deletes_the_rest, hide, inbox, left, marked, nothing_lost, stored
from tests.reasons import said
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Sandbox, mail, profile, sha256

box = exact_deletion.box

TRASH_TOO = Deletion(When.IMMEDIATELY, trash_too=True)


# -- the trash


@pytest.mark.parametrize("identified", [True, False], ids=["Message-ID", "no Message-ID"])
@pytest.mark.parametrize("rule", [AT_ONCE, TRASH_TOO], ids=["keep", "trash_too"])
async def test_what_a_server_moves_to_its_trash_is_ours_and_nothing_else(
    box: Sandbox, identified: bool, rule: Deletion
) -> None:
    """Known there without a move; removed for good with trash_too alone, and a twin that was thrown away before stays."""
    raws = [mail(f"number {n}") if identified else mail(f"number {n}").replace(b"Message-ID", b"X-Old") for n in range(8)]
    messages = [Stored(n + 1, raw) for n, raw in enumerate(raws)]
    script = Script(trash="Trash", attributes={"Trash": r"\Trash"})
    with ScriptedServer({"INBOX": messages, "Trash": [Stored(1, raws[0])]}, script) as server:
        outcome = await box.run(profile(server, deletion=rule))
        assert (outcome.status, outcome.tally.deleted, outcome.tally.moved, outcome.adds_up) == (
            RunStatus.SUCCEEDED,
            8,
            0,
            True,
        )
        assert left(server, "Trash") == ([1] if rule.trash_too else list(range(1, 10)))
        again = await box.run(profile(server, deletion=rule))
        assert (again.status, again.tally.moved, again.tally.archived, again.adds_up) == (RunStatus.SUCCEEDED, 0, 0, True)


async def test_the_trash_is_left_alone_in_the_run_that_learns_that_sizes_are_inexact(box: Sandbox) -> None:
    """Messages left there by an earlier run stay as well, until the next run."""
    script = Script(trash="Trash", attributes={"Trash": r"\Trash"})
    with inbox(6, script) as server:
        server.folders["Trash"] = []
        await box.run(profile(server, deletion=AT_ONCE))
        assert len(left(server, "Trash")) == 6
        server.folders["INBOX"] = stored(*range(101, 141))
        server.script.size_lies = dict.fromkeys(range(101, 141), 250)
        outcome = await box.run(profile(server, deletion=TRASH_TOO))
        assert (len(left(server)), len(left(server, "Trash"))) == (40, 6)
        assert outcome.status is RunStatus.SUCCEEDED
        server.script.size_lies = dict.fromkeys(range(1, 200), 250)
        await deletes_the_rest(box, server, TRASH_TOO)
        assert left(server, "Trash") == []


# -- what a crash leaves


@pytest.mark.parametrize("rule", [AT_ONCE, TRASH_TOO], ids=["keep", "trash_too"])
@pytest.mark.parametrize("step", ["record_deleting", "record_deleted", "record_moves"])
@pytest.mark.parametrize("to_trash", [False, True], ids=["for good", "to the trash"])
async def test_a_deletion_that_a_full_disk_breaks_off_is_ended_by_the_next_run(
    box: Sandbox, step: str, rule: Deletion, to_trash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any of its entries: nothing is lost, no mark stays, nothing counts as moved; what lies in the trash is settled or
    named."""
    script = Script(trash="Trash", attributes={"Trash": r"\Trash"}) if to_trash else None
    with inbox(6, script) as server:
        server.folders |= {"Trash": []} if to_trash else {}
        whole = {sha256(one.raw) for one in server.folders["INBOX"]}

        record = getattr(filing, step)

        async def fail(*arguments: Any) -> None:
            if step == "record_moves" and not arguments[2]:
                await record(*arguments)
            else:
                raise StorageError(said("No space left on device."))

        await box.run(profile(server))
        with monkeypatch.context() as patched:
            patched.setattr(filing, step, fail)
            with pytest.raises(StorageError) if step != "record_moves" or to_trash else nullcontext():
                await box.run(profile(server, deletion=rule))
        await nothing_lost(box, whole, server)
        after = await box.run(profile(server, deletion=rule))
        assert (after.tally.moved, after.adds_up, marked(server), left(server)) == (0, True, [], [])
        in_trash = to_trash and left(server, "Trash")
        if rule.trash_too and in_trash:
            assert "6 messages that were deleted here lie in the trash" in "\n".join(after.told("warning"))


async def test_a_set_answered_in_part_does_not_settle_a_deletion_that_broke_off(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked, and then the disk was full; the next run is not shown some of them: none counts as gone, no mark stays."""

    async def fail(*_: object) -> None:
        raise StorageError(said("No space left on device."))

    with inbox(6, Script(answers={"UID EXPUNGE": "OK but no"})) as server:
        await box.run(profile(server))
        with monkeypatch.context() as patched:
            patched.setattr(filing, "record_deleted", fail)
            with pytest.raises(StorageError):
                await box.run(profile(server, deletion=AT_ONCE))
        server.script.answers = {}
        with monkeypatch.context() as patched:
            hide(patched, FETCHES["UIDs"], {2, 3})
            outcome = await box.run(profile(server))
            assert (outcome.tally.deleted, left(server), marked(server)) == (0, [1, 2, 3, 4, 5, 6], [])
        assert (await deletes_the_rest(box, server)).tally.deleted == 6
