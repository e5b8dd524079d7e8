"""Lanes: several writers with chains of their own, made part of one archive by its own entries, in whatever order."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from pathlib import Path

from core.archive.archive import Archive
from core.archive.read import browsing, reading
from core.archive.registry import lanes, users
from core.archive.store.entry_numbers import number_of
from core.config import IN_LANE, Home
from tests import homes, lane_homes
from tests.lane_homes import NAMES, anchor_all, difference_of, head_of, in_archive
from tests.lanes import ENTRIES, SHARED, WRITTEN, content

lanes_template = lane_homes.lanes_template
home = lane_homes.home
anchored = lane_homes.anchored


def test_any_order_of_anchoring_gives_one_catalog_and_seals_that_hold(lanes_template: Home, tmp_path: Path) -> None:
    """Six orders, lane by lane, in six copies: the same content; each seal holds, also made before the later anchors."""
    found = []
    for number, order in enumerate(itertools.permutations((1, 2, 3))):
        copy = Home(Path(shutil.copytree(lanes_template.path, tmp_path / str(number))))
        seals = []
        for lane in order:
            done = anchor_all(copy, lane)
            assert [(one.lane, one.after, one.head.seq) for one in done.heads] == [(lane, 0, WRITTEN)]
            seals.append(head_of(copy))
        assert [difference_of(copy, seal) for seal in seals] == ["", "", ""]
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

    assert SHARED in in_archive(anchored, look)
    assert len(set(in_archive(anchored, look))) == 3 * 2 * ENTRIES + 1
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

    in_archive(home, look)


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
    assert len(in_archive(anchored, homes.raws)) == 3 * 2 * ENTRIES + 1


def test_a_missing_volume_of_a_lane_is_told_and_keeps_nothing_from_being_archived(anchored: Home) -> None:
    lost = anchored.volumes_of(3)[-1]
    anchored.volume(lost).unlink()

    async def go_on(archive: Archive) -> list[str]:
        await homes.store(archive, {1: homes.message(5001)})
        return archive.notices

    assert any(anchored.volume(lost).name in notice for notice in in_archive(anchored, go_on))


def test_what_is_not_anchored_is_counted_and_no_damage(home: Home) -> None:
    verdict = homes.verdict(home)
    assert (verdict.findings, verdict.unanchored) == ([], 3 * WRITTEN)
    assert content(home)["message"] == []
    anchor_all(home, 2)
    assert homes.verdict(home).unanchored == 2 * WRITTEN
    assert anchor_all(home).heads[0].lane == 1
    assert anchor_all(home).heads == ()


def test_backups_have_the_lanes_and_are_archives_of_their_own_afterwards(home: Home, tmp_path: Path) -> None:
    """A first backup, a later one by what is new, and the copy taken for the archive: it anchors what it has."""
    copy = Home(tmp_path / "copy")
    anchor_all(home, 1)
    for lane in (2, 3):
        assert homes.cli(home, "backup", str(copy.path)).returncode == 0
        assert homes.findings(copy) == []
        anchor_all(home, lane)
    assert homes.cli(home, "backup", str(copy.path)).returncode == 0
    assert content(copy) == content(home)
    seal = head_of(home)
    assert homes.findings(copy) == []
    shutil.rmtree(home.lane(2))
    done = homes.cli(home, "backup", str(copy.path))
    assert (done.returncode, Home(home.path).volume(2 * IN_LANE + 1).name in done.stdout + done.stderr) == (4, True)
    assert copy.volumes_of(2)
    shutil.rmtree(home.path)
    (copy.path / "backup.json").unlink()
    assert difference_of(copy, seal) == ""
    homes.rebuild(copy)
    assert homes.findings(copy) == []
    assert len(in_archive(copy, homes.raws)) == 3 * 2 * ENTRIES + 1
