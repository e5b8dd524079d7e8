"""Verification in shares: all of the archive in turn, beside repairs and sealing, and carried on by another process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import damage, last_verification, verification
from core.archive.proof.check_place import CheckPosition, CheckStage
from core.archive.proof.findings import Verdict
from core.archive.proof.volume_check import walk
from core.config import Home
from core.engine.restore import repair as mending
from core.model import now
from tests import homes, several
from tests.broken import break_message
from tests.homes import change, message, rows

home = several.home


async def test_a_verification_is_carried_on_by_another_process_wherever_it_was_ended(volumes_template: Home) -> None:
    """Ended after each save: in the end it has looked at as much, and found the same, as one in a piece."""
    nothing: list[float] = []

    async def ignore(state: dict[str, object]) -> None:
        nothing.append(0.0)

    expected = await verification.whole(volumes_template, {}, lambda share, verdict: None, ignore)
    place, verdict = CheckPosition(), Verdict()
    turns = 0
    while True:
        turns += 1
        place, verdict = (
            CheckPosition.from_json(json.loads(json.dumps(place.as_json()))),
            Verdict.from_json(json.loads(json.dumps(verdict.as_json()))),
        )
        steps = walk(volumes_template, place, verdict, gentle=True)
        try:
            await anext(steps)
        except StopAsyncIteration:
            break
        finally:
            await steps.aclose()
    assert turns > 10
    assert verdict.findings == []
    assert (verdict.messages, verdict.parts, verdict.entries, verdict.head) == (
        expected.messages,
        expected.parts,
        expected.entries,
        expected.head,
    )


async def test_shares_come_to_everything_and_find_what_is_damaged(home: Home) -> None:
    """Share after share: the round ends, damage found on the way is kept, and a new round begins at the beginning."""
    sha256, _ = break_message(home, 1)
    archive = await Archive.open(home)
    try:
        complete, shares, reached = False, 0, 0.0
        while not complete:
            shares += 1
            verdict, complete = await verification.share(archive, 20, lambda share, verdict: None)
            round_ = await verification.present_round(archive)
            assert (round_ is None) == complete
            if round_ is not None:
                assert reached < round_.done < 1
                reached = round_.done
        assert 2 <= shares <= 6
        assert sha256.hex() in {one.sha256 for one in verdict.findings}
        assert sha256.hex() in {one.finding.sha256 for one in await damage.known(archive)}
        assert len(await archive.volumes.entry_seqs("verified")) == shares
    finally:
        await archive.close()


async def test_what_is_repaired_between_two_shares_is_damage_no_more(volumes_template: Home, home: Home) -> None:
    """A round goes on with what it found, but not with what was mended since."""
    sha256, _ = break_message(home, 1)
    archive = await Archive.open(home)
    try:
        while not (await damage.count(archive))[1]:
            await verification.share(archive, 20, lambda share, verdict: None)
        assert await verification.present_round(archive) is not None
        done = await mending.repair(archive, others=[volumes_template])
        assert [one.message.sha256 for one in done.repaired] == [sha256]
        assert await damage.count(archive) == (0, 0)
        complete = False
        while not complete:
            verdict, complete = await verification.share(archive, 20, lambda share, verdict: None)
            assert verdict.findings == []
            assert await damage.count(archive) == (0, 0)
        last = await last_verification.last(archive)
        assert last is not None
        assert last.ok
    finally:
        await archive.close()


async def test_what_is_repaired_while_all_is_verified_is_damage_no_more(volumes_template: Home, home: Home) -> None:
    """It was found at the beginning, and is mended at the end."""
    sha256, _ = break_message(home, 1)
    archive = await Archive.open(home)
    mended: list[bytes] = []

    async def pause() -> None:
        if found and found[-1].findings and not mended:
            # As a verification does that was done before.
            async with archive.database.transaction() as transaction:
                await damage.keep(transaction, found[-1].findings, now())
            done = await mending.repair(archive, others=[volumes_template])
            mended.extend(one.message.sha256 for one in done.repaired)

    async def save(_state: object) -> None:
        return

    found: list[Verdict] = []
    try:
        verdict = await verification.whole(home, {}, lambda share, verdict: found.append(verdict), save, pause)
    finally:
        await archive.close()
    assert mended == [sha256]
    assert verdict.findings == []
    assert sha256.hex() in {one.sha256 for one in verdict.mended}


async def test_a_round_of_shares_ends_with_the_catalog(home: Home) -> None:
    """A catalog that is not what the ledger says is found, and known until it is made anew."""
    change(home.catalog, "UPDATE message SET subject = 'another' WHERE id = 1")
    archive = await Archive.open(home)
    try:
        for expected in (True, False):
            complete = False
            while not complete:
                verdict, complete = await verification.share(archive, 50, lambda share, verdict: None)
            assert any(one.where == "catalog" for one in verdict.findings) is expected
            assert bool((await damage.count(archive))[0]) is expected
            await archive.rebuild()
    finally:
        await archive.close()


@pytest.mark.parametrize("stage", [CheckStage.PARTS, CheckStage.MESSAGES])
async def test_a_volume_that_is_sealed_while_it_is_looked_at_is_no_damage(tmp_path: Path, stage: CheckStage) -> None:
    """Entries written after its ledger was checked are checked too, and later ones continue from there."""
    home = await homes.filled(tmp_path / "home")
    archive = await Archive.open(home)
    place, verdict, steps = CheckPosition(), Verdict(), 0
    try:
        async for _ in walk(home, place, verdict, gentle=True):
            if place.stage is stage and not steps:
                await homes.store(archive, {100: message(100)})
                async with archive.database.transaction() as transaction:
                    await transaction.execute("INSERT OR REPLACE INTO setting VALUES ('volume_bytes', '1')")
                await homes.store(archive, {101: message(101)})
            steps += place.stage is stage
        assert steps
        assert home.volume_numbers() == [1, 2]
        assert verdict.findings == []
        assert verdict.head == await archive.head()
        assert verdict.entries == verdict.head.seq
    finally:
        await archive.close()


async def test_damage_in_the_middle_of_a_volume_is_told_at_the_end_of_the_share(tmp_path: Path) -> None:
    """Not weeks later at the volume's end; once it is repaired, it is told no more."""
    home = await homes.filled(tmp_path / "home")
    part = rows(home.volume(1), "SELECT min(id) FROM part WHERE size > 16384")[0][0]
    change(home.volume(1), f"UPDATE part SET data = zeroblob(10) WHERE id = {part}")
    good = await homes.filled(tmp_path / "good")
    archive = await Archive.open(home)
    try:
        reached = 0.0
        for repaired in (False, True):
            verdict, complete = await verification.share(archive, 10, lambda share, verdict: None)
            round_ = await verification.present_round(archive)
            assert not complete
            assert round_ is not None
            assert reached < round_.done < 1
            reached = round_.done
            texts = [one.text for one in verdict.findings]
            assert bool(texts) is not repaired
            assert round_.findings == len(texts) == (await damage.count(archive))[0]
            if not repaired:
                [digest] = {one.sha256 for one in verdict.findings if one.sha256}
                assert any(text.startswith(f"Part {part} ") for text in texts)
                done = await mending.repair(archive, others=[good])
                assert [one.message.sha256.hex() for one in done.repaired] == [digest]
    finally:
        await archive.close()
