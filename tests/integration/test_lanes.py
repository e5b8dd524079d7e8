"""Lanes: several writers with chains of their own, made part of one archive by its own entries, in whatever order."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal_check
from core.archive.proof.seal import parse
from core.archive.read import browsing, reading
from core.archive.registry import lanes, users
from core.archive.registry.lanes import Anchored
from core.archive.store import message_rows, volume_rows
from core.archive.store.entry_numbers import number_of
from core.archive.store.lane_writer import LaneIdentity, LaneWriter
from core.archive.store.ledger import Draft
from core.archive.store.volume import Volume
from core.config import IN_LANE, Home
from core.db.database import Database
from core.engine.visit.limits import Limits
from core.errors import BusyError, DamagedError, InputError
from core.model import Run
from core.problems import finding, profile
from core.problems import lane as problems
from core.service.queue import Queue
from core.service.run_work import RunWork
from core.service.workers import Workers
from tests import homes
from tests.lanes import ENTRIES, SHARED, WRITTEN, archived, begin, content, write

NAMES = ("anna", "berta", "carl")
T = TypeVar("T")


def _in(home: Home, work: Callable[[Archive], Awaitable[T]]) -> T:
    async def run() -> T:
        archive = await Archive.open(home)
        try:
            return await work(archive)
        finally:
            await archive.close()

    return asyncio.run(run())


async def _begun(archive: Archive) -> list[tuple[LaneIdentity, str]]:
    """Three lanes, each with the id of the user whose mailbox it archives."""
    found = []
    for name in NAMES:
        user, _ = await users.add(archive, name, [f"{name}@example.test"])
        found.append((await lanes.open_lane(archive, f"worker of {name}"), user.id))
    return found


def _written(home: Home) -> list[tuple[LaneIdentity, str]]:
    """An archive with three lanes that three processes have written at the same time."""
    several = asyncio.run(_made(home))
    processes = [begin(home, lane, owner) for lane, owner in several]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    return several


async def _made(home: Home) -> list[tuple[LaneIdentity, str]]:
    archive = await homes.begin(home.path)
    try:
        return await _begun(archive)
    finally:
        await archive.close()


def _anchor(home: Home, *wanted: int) -> Anchored:
    return _in(home, lambda archive: lanes.anchor(archive, wanted))


def _head(home: Home) -> str:
    return homes.cli(home, "ledger", "head").stdout.strip()


def _difference(home: Home, head: str) -> str:
    return asyncio.run(seal_check.check(home, [parse(head)], deep=True)).difference


def _codes(home: Home) -> set[str]:
    return {one.reason.code.word for one in homes.verdict(home).findings}


@pytest.fixture(scope="session")
def lanes_template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive with three written lanes of which nothing is anchored, to be copied and not touched."""
    home = Home(tmp_path_factory.mktemp("lanes") / "home")
    _written(home)
    return home


@pytest.fixture
def home(lanes_template: Home, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(lanes_template.path, tmp_path / "home")))


@pytest.fixture
def anchored(home: Home) -> Home:
    assert len(_anchor(home).heads) == len(NAMES)
    return home


def test_any_order_of_anchoring_gives_one_catalog_and_seals_that_hold(lanes_template: Home, tmp_path: Path) -> None:
    """Six orders, lane by lane, in six copies: the same content; each seal holds, also made before the later anchors."""
    found = []
    for number, order in enumerate(itertools.permutations((1, 2, 3))):
        copy = Home(Path(shutil.copytree(lanes_template.path, tmp_path / str(number))))
        seals = []
        for lane in order:
            done = _anchor(copy, lane)
            assert [(one.lane, one.after, one.head.seq) for one in done.heads] == [(lane, 0, WRITTEN)]
            seals.append(_head(copy))
        assert [_difference(copy, seal) for seal in seals] == ["", "", ""]
        assert homes.findings(copy) == []
        found.append(content(copy))
        before = homes.tables(copy)
        homes.rebuild(copy)
        assert homes.tables(copy) == before
    assert all(one == found[0] for one in found)
    # All mail of three mailboxes, and the message that they share once.
    assert len(found[0]["message"]) == 3 * 2 * ENTRIES + 1
    assert len(found[0]["placement"]) == 3 * (2 * ENTRIES + 2)
    assert [row[1:] for row in found[0]["unknown_address"]] == [(number_of(1, ENTRIES + 1), number_of(3, ENTRIES + 1), 1)]


def test_mail_of_a_lane_is_read_listed_and_told_like_any_other(anchored: Home) -> None:
    """Commands simply work; entries after the last anchor are no damage and no part of the archive."""

    async def look(archive: Archive) -> list[bytes]:
        return [*(await homes.raws(archive)).values()]

    assert SHARED in _in(anchored, look)
    assert len(set(_in(anchored, look))) == 3 * 2 * ENTRIES + 1
    told = homes.cli(anchored, "ledger", "show").stdout
    assert f"{WRITTEN} entries of lane 2, up to entry {WRITTEN}" in told
    assert homes.cli(anchored, "status").returncode == 0
    assert homes.cli(anchored, "index").returncode == 0
    assert f"{3 * 2 * ENTRIES + 1} messages found" in homes.cli(anchored, "search", "message").stderr
    shown = homes.cli(anchored, "show", hashlib.sha256(SHARED).hexdigest())
    assert all(name in shown.stdout for name in NAMES)


def test_a_list_stands_still_while_lanes_are_anchored(home: Home) -> None:
    """A list shows the state after an entry of the archive's own, with what was anchored up to there."""

    async def look(archive: Archive) -> None:
        owner = (await users.find(archive, "berta")).id
        await lanes.anchor(archive, (1,))
        before = await browsing.reached(archive)
        await lanes.anchor(archive, (2,))
        [folder] = [one for one in await browsing.folders(archive, owner) if one.path == "mail/INBOX"]
        now = await browsing.reached(archive)
        mails = 2 * ENTRIES
        assert folder.messages == mails
        assert [await browsing.count(archive, folder.id, seq) for seq in (before, now)] == [0, mails]
        assert await browsing.since(archive, folder.id, before) == browsing.Since(mails, 0)
        assert await browsing.since(archive, folder.id, now) == browsing.Since(0, 0)
        page = await browsing.page(archive, folder.id, now, mails)
        assert len(page) == mails
        [*_, placed] = await reading.places(archive, page[0].id)
        [(at,)] = homes.rows(archive.home.volume(archive.home.volumes_of(2)[0]), "SELECT at FROM ledger WHERE seq = 1")
        assert placed.since >= at

    _in(home, look)


def test_the_archives_own_open_volume_is_salvaged_with_its_lanes(anchored: Home) -> None:
    """Its ledger lost: lanes that only the catalog still knew are opened and anchored again, and nothing of them is lost."""
    before = content(anchored)
    whole = anchored.volume(1).read_bytes()
    anchored.volume(1).write_bytes(whole[: len(whole) // 2])
    done = homes.cli(anchored, "repair")
    assert done.returncode == 0, done.stderr
    assert {name: rows for name, rows in content(anchored).items() if name != "user"} == {
        name: rows for name, rows in before.items() if name != "user"
    }
    assert homes.findings(anchored) == []


def test_a_lost_volume_of_a_lane_is_passed_over_by_a_rebuild(anchored: Home, tmp_path: Path) -> None:
    """The command refuses as for any lost volume; without a catalog what can be read is there, and all when it is back."""
    copy = tmp_path / "copy"
    assert homes.cli(anchored, "backup", str(copy)).returncode == 0
    lost = anchored.volumes_of(2)[1]
    anchored.volume(lost).unlink()
    done = homes.cli(anchored, "rebuild")
    assert (done.returncode, anchored.volume(lost).name in done.stderr) == (4, True)
    homes.rebuild(anchored)
    mails = len(content(anchored)["message"])
    assert 3 * 2 * ENTRIES > mails > 2 * 2 * ENTRIES
    shutil.copy(Home(copy).volume(lost), anchored.volume(lost))
    homes.rebuild(anchored)
    assert homes.findings(anchored) == []
    assert len(content(anchored)["message"]) == 3 * 2 * ENTRIES + 1


def test_damaged_mail_of_a_lane_is_repaired_in_the_archives_own_volume(anchored: Home, tmp_path: Path) -> None:
    """From a backup; its volume stays as it is, and verify says that a good copy stands elsewhere."""
    copy = tmp_path / "copy"
    assert homes.cli(anchored, "backup", str(copy)).returncode == 0
    number = anchored.volumes_of(2)[0]
    homes.change(anchored.volume(number), "UPDATE part SET data = zeroblob(length(data)) WHERE id = 2")
    assert homes.cli(anchored, "verify").returncode == 4
    done = homes.cli(anchored, "repair", "--from", str(copy))
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = homes.verdict(anchored)
    assert (verdict.findings, {one.where for one in verdict.mended}) == ([], {anchored.volume(number).name})
    assert len(_in(anchored, homes.raws)) == 3 * 2 * ENTRIES + 1


def test_a_missing_volume_of_a_lane_is_told_and_keeps_nothing_from_being_archived(anchored: Home) -> None:
    lost = anchored.volumes_of(3)[-1]
    anchored.volume(lost).unlink()

    async def go_on(archive: Archive) -> list[str]:
        await homes.store(archive, {1: homes.message(5001)})
        return archive.notices

    assert any(anchored.volume(lost).name in notice for notice in _in(anchored, go_on))


def test_what_is_not_anchored_is_counted_and_no_damage(home: Home) -> None:
    verdict = homes.verdict(home)
    assert (verdict.findings, verdict.unanchored) == ([], 3 * WRITTEN)
    assert content(home)["message"] == []
    _anchor(home, 2)
    assert homes.verdict(home).unanchored == 2 * WRITTEN
    assert _anchor(home).heads[0].lane == 1
    assert _anchor(home).heads == ()


def test_a_killed_writer_of_a_lane_loses_nothing_that_it_has_committed(tmp_path: Path) -> None:
    """kill -9 at several moments; the next writer goes on, and all is anchored and whole."""
    home = Home(tmp_path / "home")
    lane, owner = asyncio.run(_made(home))[0]
    done = 0
    for moment in range(6):
        process = begin(home, lane, owner, 400)
        wanted = done + 1 + 5 * moment

        def reached(wanted: int = wanted) -> bool:
            return sum(_entries(home, number) for number in home.volumes_of(1)) >= wanted

        homes.wait_for(reached, "entries of the lane")
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        heads = _anchor(home).heads
        assert heads[0].head.seq >= wanted
        done = heads[0].head.seq
    assert len(home.volumes_of(1)) > 2
    asyncio.run(write(home, lane, owner, entries=1))
    assert _anchor(home).heads[0].head.seq == done + 1
    assert homes.findings(home) == []


@pytest.mark.parametrize("step", ["Volume.seal", "volume_file.create", "sealing.finish_all", "Volume.index", "Volume.close"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_writer_that_dies_while_it_seals_is_followed_by_one_that_goes_on(tmp_path: Path, step: str, when: str) -> None:
    """Each step of sealing a volume of a lane and beginning the next one."""
    home = Home(tmp_path / "home")
    lane, owner = asyncio.run(_made(home))[0]
    asyncio.run(write(home, lane, owner, entries=2))
    child = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from core.archive.store import sealing, volume_file; from core.archive.store.volume import Volume\n"
        "from core.archive.store.lane_writer import LaneIdentity, LaneWriter; from core.config import Home\n"
        f"place, name = {step.split('.')[0]}, '{step.split('.')[1]}'\n"
        "async def main():\n"
        "    path, archive_id, lane_id = sys.argv[1:]\n"
        "    async with LaneWriter.open(Home(Path(path)), LaneIdentity(archive_id, lane_id, 1)) as writer:\n"
        "        work = getattr(place, name)\n"
        "        async def dying(*values, **more):\n"
        f"            if {when == 'after'}: await work(*values, **more)\n"
        "            os.kill(os.getpid(), 9)\n"
        "        setattr(place, name, dying)\n"
        "        await writer.seal()\n"
        "asyncio.run(main())\n"
    )
    said = [sys.executable, "-c", child, str(home.path), lane.archive_id, lane.id]
    assert subprocess.run(said, cwd=homes.ROOT, check=False).returncode == -signal.SIGKILL
    asyncio.run(write(home, lane, owner, entries=2))
    assert [one.head.seq for one in _anchor(home).heads] == [4]
    assert homes.findings(home) == []


def _entries(home: Home, number: int) -> int:
    try:
        return int(homes.rows(home.volume(number), "SELECT count(*) FROM ledger")[0][0])
    except Exception:
        # It is being made.
        return 0


@pytest.mark.parametrize("pages", [0, 1, 3])
def test_a_home_that_dies_between_anchor_and_catalog_follows_at_the_next_start(home: Home, pages: int) -> None:
    """Nothing of a lane applied, or some pages of it, when the process ends: the same catalog in the end."""
    other = Home(Path(shutil.copytree(home.path, home.path.with_name("other"))))
    _anchor(other, 3, 1, 2)
    child = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from core.archive.archive import Archive; from core.archive.catalog import lane_following\n"
        "from core.archive.registry import lanes; from core.config import Home\n"
        "applied = lane_following.LaneFollower._apply\n"
        f"left = [{pages}]\n"
        "async def dying(self, anchor, page):\n"
        "    if not left[0]: os.kill(os.getpid(), 9)\n"
        "    left[0] -= 1\n"
        "    await applied(self, anchor, page)\n"
        "lane_following.LaneFollower._apply = dying\n"
        "async def main():\n"
        "    archive = await Archive.open(Home(Path(sys.argv[1])))\n"
        "    await lanes.anchor(archive, (3, 1, 2))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", child, str(home.path)], cwd=homes.ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert content(home)["lane"] != content(other)["lane"]
    _in(home, lambda archive: archive.head())
    assert content(home) == content(other)
    assert homes.findings(home) == []


def test_an_anchor_whose_entries_are_missing_stops_the_catalog_until_they_are_back(home: Home, tmp_path: Path) -> None:
    """A catalog that skipped them would be another than everybody else's."""
    before = Path(shutil.copy(home.catalog, tmp_path / "before.sqlite"))
    _anchor(home, 3, 2, 1)
    whole = content(home)
    shutil.copy(before, home.catalog)
    lost = home.volumes_of(2)[-1]
    home.volume(lost).rename(tmp_path / "lost.sqlite")
    refusal = _in(home, _refusal)
    assert isinstance(refusal, DamagedError)
    assert refusal.reason.code is problems.ENTRY_MISSING
    assert {row[0]: row[4] for row in content(home)["lane"]}[3] == WRITTEN
    (tmp_path / "lost.sqlite").rename(home.volume(lost))
    assert _in(home, _refusal) is None
    assert content(home) == whole


def test_an_open_archive_goes_on_when_the_entries_of_an_anchor_are_back(home: Home, tmp_path: Path) -> None:
    """A service that began without them does a run as soon as they are there; it need not be started anew."""
    before = Path(shutil.copy(home.catalog, tmp_path / "before.sqlite"))
    _anchor(home, 3, 2, 1)
    whole = content(home)
    shutil.copy(before, home.catalog)
    lost = home.volumes_of(2)[-1]
    home.volume(lost).rename(tmp_path / "lost.sqlite")

    async def run(archive: Archive) -> Run:
        queue = Queue(archive.database)
        number = (await queue.enqueue("nobody's"))[0]
        await RunWork(archive, queue, number, Limits(), Workers(archive)).do()
        return await queue.run(number.id)

    async def serve(archive: Archive) -> None:
        assert isinstance(archive.refusal, DamagedError)
        assert (why := (await run(archive)).why) is not None
        assert why.code is problems.ENTRY_MISSING
        (tmp_path / "lost.sqlite").rename(home.volume(lost))
        assert (why := (await run(archive)).why) is not None
        assert why.code is profile.UNKNOWN
        assert archive.refusal is None

    _in(home, serve)
    assert content(home) == whole
    assert homes.findings(home) == []


async def _refusal(archive: Archive) -> Exception | None:
    return archive.refusal


def test_damage_of_a_lane_after_the_anchor_is_found_by_verify_and_by_the_seal(anchored: Home) -> None:
    """A changed part, an entry taken out, a volume that is missing or in the place of another, a whole lane gone."""
    seal = _head(anchored)
    assert len(anchored.volumes_of(2)) >= 3
    first, second, *_, last = anchored.volumes_of(2)

    def tried(work: Callable[[Home], object]) -> tuple[set[str], str]:
        copy = Home(Path(shutil.copytree(anchored.path, anchored.path.with_name("copy"))))
        try:
            work(copy)
            return _codes(copy), _difference(copy, seal)
        finally:
            shutil.rmtree(copy.path)

    def change(sql: str, number: int) -> Callable[[Home], object]:
        return lambda copy: homes.change(copy.volume(number), sql)

    def swap(copy: Home) -> None:
        copy.volume(first).rename(copy.path / "aside")
        copy.volume(second).rename(copy.volume(first))
        (copy.path / "aside").rename(copy.volume(second))

    def foreign(copy: Home) -> None:
        copy.volume(IN_LANE + 1).replace(copy.volume(first))

    missing, other = problems.ENTRY_MISSING.word, problems.OTHER_VOLUME.word
    for number in (first, last):
        codes, difference = tried(lambda copy, number=number: copy.volume(number).unlink())  # type: ignore[misc]
        assert (missing in codes, difference != "") == (True, True), number
    for work, code in (
        (swap, other),
        (foreign, other),
        (lambda copy: shutil.rmtree(copy.lane(2)), missing),
        (change("DELETE FROM ledger WHERE seq = 2", first), missing),
        (change("UPDATE ledger SET actor = 'x' WHERE seq = 3", first), problems.ENTRY_CHANGED.word),
        (change("UPDATE part SET data = zeroblob(length(data)) WHERE id = 2", first), finding.MESSAGE_DAMAGED.word),
    ):
        codes, difference = tried(work)
        assert (code in codes, difference != "") == (True, True), code


def test_a_lane_that_was_written_anew_is_another(anchored: Home, lanes_template: Home, tmp_path: Path) -> None:
    """A chain of its own from the first entry on, whole and of the same length: the anchor names another hash."""
    seal = _head(anchored)
    lane = next(iter(_in(anchored, lanes.all_of).values()))
    [(owner,)] = homes.rows(anchored.catalog, "SELECT id FROM user WHERE name = 'anna'")
    shutil.rmtree(anchored.lane(1))
    asyncio.run(write(anchored, LaneIdentity(_in(anchored, _id), lane.end.id, 1), owner))
    assert _codes(anchored) == {problems.ENTRY_OTHER.word}
    assert "another than the one that was anchored" in _difference(anchored, seal)


async def _id(archive: Archive) -> str:
    return archive.archive_id


def test_a_lane_of_another_archive_and_one_that_nobody_opened(home: Home, tmp_path: Path) -> None:
    """The first is not anchored, and named; the second is a stranger."""
    other = Home(tmp_path / "other")
    [(lane, owner), *_] = asyncio.run(_made(other))
    asyncio.run(write(other, LaneIdentity(lane.archive_id, _in(home, lanes.all_of)[1].end.id, 1), owner))
    shutil.rmtree(home.lane(1))
    shutil.copytree(other.lane(1), home.lane(1))
    done = _anchor(home)
    assert {number: reason.code for number, reason in done.refused.items()} == {1: problems.OTHER_ARCHIVE}
    assert [one.lane for one in done.heads] == [2, 3]
    shutil.rmtree(home.lane(1))
    shutil.copytree(home.lane(2), home.lane(4))
    assert finding.STRANGE_LANE.word in _codes(home)


def test_kinds_that_no_lane_may_have_are_refused_by_writer_and_anchor(home: Home) -> None:
    """A lane says nothing of users: not by its writer, nor forged into its file with a right chain."""
    lane = LaneIdentity(_in(home, _id), _in(home, lanes.all_of)[1].end.id, 1)
    forged = homes.draft("archive.created", {"archive_id": "x"})

    async def forge() -> None:
        async with LaneWriter.open(home, lane) as writer:
            with pytest.raises(InputError) as refused:
                await writer.append([forged])
            assert refused.value.reason.code is problems.STRANGE_KIND
            with pytest.raises(BusyError):
                async with LaneWriter.open(home, lane):
                    pass
        volume = await Volume.open(home.volume(home.volumes_of(1)[-1]))
        try:
            head = await volume.head()
            async with volume.database.transaction() as transaction:
                await volume_rows.put_entries(transaction, [one.row() for one in volume_rows.chained([forged], head)])
        finally:
            await volume.close()

    asyncio.run(forge())
    done = _anchor(home)
    assert {number: reason.code for number, reason in done.refused.items()} == {1: problems.KIND}
    assert [one.lane for one in done.heads] == [2, 3]


def test_an_anchor_looks_at_the_rows_that_came_since(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The open volume of a lane has no index; what the catalog has of it is not looked through for each anchor."""
    begun: list[int] = []
    page = message_rows._page

    def noting(after: int, most: int, connection: sqlite3.Connection) -> tuple[list[tuple[bytes, int]], int]:
        begun.append(after)
        return page(after, most, connection)

    async def none(database: Database, digests: Sequence[bytes]) -> dict[bytes, message_rows.Record]:
        return {}

    monkeypatch.setattr(message_rows, "_page", noting)
    monkeypatch.setattr(message_rows, "_tried", none)
    lane = LaneIdentity(_in(home, _id), _in(home, lanes.all_of)[1].end.id, 1)
    assert _anchor(home, 1).heads
    [(known,)] = homes.rows(
        home.catalog, "SELECT max(volume_row) FROM message WHERE volume = (SELECT volume FROM lane WHERE number = 1)"
    )
    assert known > 0
    begun.clear()
    owner = _in(home, lambda archive: users.find(archive, "anna")).id

    async def write_more() -> None:
        async with LaneWriter.open(home, lane) as writer:
            raw = homes.message(900)
            await writer.append([Draft(archived(owner, "INBOX", {900: raw}))], [raw])

    asyncio.run(write_more())
    done = _anchor(home, 1)
    assert done.heads, done.refused
    assert begun
    assert min(begun) >= known
    assert homes.findings(home) == []


def test_a_message_that_is_nowhere_keeps_a_lane_from_being_anchored(home: Home) -> None:
    lane = LaneIdentity(_in(home, _id), _in(home, lanes.all_of)[1].end.id, 1)

    async def name_only() -> None:
        async with LaneWriter.open(home, lane) as writer:
            await writer.append([Draft(archived("x", "INBOX", {1: b"nowhere"}))])

    asyncio.run(name_only())
    assert _anchor(home, 1).refused[1].code is problems.MESSAGE_MISSING


def test_backups_have_the_lanes_and_are_archives_of_their_own_afterwards(home: Home, tmp_path: Path) -> None:
    """A first backup, a later one by what is new, and the copy taken for the archive: it anchors what it has."""
    copy = Home(tmp_path / "copy")
    _anchor(home, 1)
    for lane in (2, 3):
        assert homes.cli(home, "backup", str(copy.path)).returncode == 0
        assert homes.findings(copy) == []
        _anchor(home, lane)
    assert homes.cli(home, "backup", str(copy.path)).returncode == 0
    assert content(copy) == content(home)
    seal = _head(home)
    assert homes.findings(copy) == []
    shutil.rmtree(home.lane(2))
    done = homes.cli(home, "backup", str(copy.path))
    assert (done.returncode, Home(home.path).volume(2 * IN_LANE + 1).name in done.stdout + done.stderr) == (4, True)
    assert copy.volumes_of(2)
    shutil.rmtree(home.path)
    (copy.path / "backup.json").unlink()
    assert _difference(copy, seal) == ""
    homes.rebuild(copy)
    assert homes.findings(copy) == []
    assert len(_in(copy, homes.raws)) == 3 * 2 * ENTRIES + 1
