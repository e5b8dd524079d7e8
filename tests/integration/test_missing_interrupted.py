"""Comparisons that are stopped, cancelled or cut off: what was read is kept, and stands for nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.archive.catalog import settings
from core.engine.examine.comparison import Compared, Deep
from core.engine.examine.differences import DifferenceKind
from core.engine.visit import download
from core.model import now, timestamp
from core.profiles.profile import Profile
from core.system.tasks import spawn
from tests import comparing
from tests.comparing import compare, differing, exchange, folder, inbox
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Sandbox, mail, profile

box = comparing.box


def asked(server: ScriptedServer) -> list[str]:
    """The commands that asked for bodies."""
    return [line for line in server.lines() if "BODY.PEEK[]" in line]


# -- going on


class Stop(Exception):
    """The comparison is stopped here."""


def stopping_after(messages: int) -> Any:
    def tick(done: Compared) -> None:
        if done.done >= messages:
            raise Stop

    return tick


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BATCH_MESSAGES", 5)


async def stopped(box: Sandbox, wanted: Profile, after: int) -> None:
    with pytest.raises(Stop):
        await compare(box, wanted, Deep(tick=stopping_after(after)))


@pytest.mark.usefixtures("small_batches")
async def test_a_stopped_comparison_goes_on_and_says_how_old_its_beginning_is(box: Sandbox) -> None:
    """Equal messages are not read again, and the result tells their number and time."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        before = len(asked(server))
        await stopped(box, profile(server), 20)
        first = len(asked(server)) - before
        found = await compare(box, profile(server), Deep())
        depth = folder(found).depth
        assert depth is not None
        assert depth.kept >= 20
        assert depth.kept + depth.compared == 40
        assert depth.kept_since is not None
        assert depth.kept_since <= now()
        assert len(asked(server)) - before - first < 8
        assert (differing(found), folder(found).archived) == ({}, 40)
        again = folder(await compare(box, profile(server), Deep())).depth
        assert again is not None
        assert (again.kept, again.compared) == (0, 40)


@pytest.mark.usefixtures("small_batches")
async def test_a_cancelled_comparison_keeps_what_it_read(box: Sandbox) -> None:
    """Ctrl-C, or the key that stops it: at any moment, and the next one goes on."""
    reached = asyncio.Event()

    def tick(done: Compared) -> None:
        if done.done >= 20:
            reached.set()

    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        work = spawn(compare(box, profile(server), Deep(tick=tick)), name="compare")
        await reached.wait()
        work.cancel()
        await asyncio.wait({work})
        depth = folder(await compare(box, profile(server), Deep())).depth
        assert depth is not None
        assert (depth.kept >= 20, depth.kept + depth.compared) == (work.cancelled(), 40)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("why", ["validity", "anew", "old", "future", "recorded", "other server"])
async def test_what_is_kept_never_stands_for_something_else(box: Sandbox, why: str) -> None:
    """Another UIDVALIDITY, a new start, age, a clock that was wrong, another record, another server: all is read again."""
    with inbox(Script(capabilities=["IMAP4rev1", "UIDPLUS", "ID"]), *range(1, 41)) as server:
        await box.run(profile(server))
        await stopped(box, profile(server), 20)
        deep = Deep()
        if why == "validity":
            server.script.uidvalidity = {"INBOX": 7}
            await box.run(profile(server))
        elif why == "anew":
            deep.anew = True
        elif why == "recorded":
            # A run has found other messages since, and recorded them.
            server.folders["INBOX"] = [Stored(uid, mail(f"other {uid}")) for uid in range(1, 41)]
            await box.run(profile(server))
        elif why == "other server":
            await comparisons_of_another_server(box)
        else:
            days = (await settings.read(box.archive.database)).relist
            at = now() - timedelta(days=days, hours=1) if why == "old" else now() + timedelta(days=1)
            async with box.archive.database.transaction() as transaction:
                await transaction.execute("UPDATE compared SET at = ?", (timestamp(at),))
        depth = folder(await compare(box, profile(server), deep)).depth
        assert depth is not None
        assert (depth.kept, depth.compared) == (0, 40)


async def comparisons_of_another_server(box: Sandbox) -> None:
    """Have the archive know the server by another name than it tells."""
    async with box.archive.database.transaction() as transaction:
        await transaction.execute("UPDATE server SET product = 'Another'")


@pytest.mark.usefixtures("small_batches")
async def test_the_repair_after_a_comparison_reads_only_what_differed(box: Sandbox) -> None:
    """Messages just found equal are not read a second time; a later comparison begins anew."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        exchange(server, 30)
        await compare(box, profile(server), Deep())
        before = len(asked(server))
        found = await compare(box, profile(server), Deep(repair=True))
        depth = folder(found).depth
        assert depth is not None
        assert (depth.kept, depth.compared, found[0].repaired) == (39, 1, 1)
        assert len(asked(server)) - before <= 3
        again = folder(await compare(box, profile(server), Deep())).depth
        assert again is not None
        assert (again.kept, again.compared) == (0, 40)


@pytest.mark.usefixtures("small_batches")
async def test_a_connection_that_drops_in_the_middle_is_made_again(box: Sandbox) -> None:
    """Within one comparison, and nothing is left out."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        exchange(server, 33)
        server.script.drop_after_commands = 7
        server.script.cut_literal_after = 100
        found = await compare(box, profile(server), Deep())
        assert differing(found) == {"INBOX": {33: DifferenceKind.OTHER_BYTES}}
        assert folder(found).archived == 39


@pytest.mark.usefixtures("small_batches")
async def test_a_server_that_goes_away_leaves_something_to_go_on_with(box: Sandbox) -> None:
    """The comparison until then is reported and kept, the rest is left over; the next one continues."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        gone = False

        def tick(done: Compared) -> None:
            nonlocal gone
            if done.done >= 15 and not gone:
                gone = True
                server.script.greeting = "* BYE not today"
                server.script.drop_after_commands = 0

        found = await compare(box, profile(server), Deep(tick=tick))
        assert found[0].unfinished
        assert found[0].error
        depth = folder(found).depth
        assert depth is not None
        assert depth.left_over
        assert depth.left_over + depth.compared == 40
        server.script.greeting = "* OK ready"
        server.script.drop_after_commands = None
        rest = folder(await compare(box, profile(server), Deep())).depth
        assert rest is not None
        assert rest.kept == depth.compared
        assert rest.kept + rest.compared == 40
