"""The displayed progress of a run: never backwards, never beyond the end, and the same after a trip through the database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.words import progress_line, waits
from core.engine.run import progress_words
from core.engine.visit.motion import SHOWN_PROBLEMS
from core.engine.visit.progress import MailboxLine, MailboxProgress, Snapshot
from core.engine.visit.run_progress import Progress
from core.model import COUNTERS, MailboxResult, Phase, Problem, RunStatus
from core.problems.message import NOT_ARCHIVED
from core.text.format import clock
from tui.desk.runs.run_mailboxes import LiveMailboxes


@dataclass
class Simulated:
    """A mailbox that is stepped through its life."""

    progress: MailboxProgress
    sizes: list[int]

    def step(self) -> None:
        mailbox = self.progress
        order = [Phase.WAITING, Phase.CONNECTING, Phase.LISTING, Phase.ARCHIVING, Phase.CHECKING, Phase.DONE]
        if mailbox.phase is Phase.LISTING and not mailbox.messages_total:
            mailbox.messages_total, mailbox.bytes_total = len(self.sizes), sum(self.sizes)
        if mailbox.phase is Phase.ARCHIVING and mailbox.messages_done < len(self.sizes):
            mailbox.bytes_done += self.sizes[mailbox.messages_done]
            mailbox.messages_done += 1
            mailbox.tally.archived += 1
        elif mailbox.phase is not Phase.DONE:
            mailbox.phase = order[order.index(mailbox.phase) + 1]


def run_of(sizes: list[list[int]]) -> tuple[Progress, list[Simulated]]:
    boxes = [MailboxProgress(MailboxResult(f"m{number}@example.test", "alice")) for number in range(len(sizes))]
    return Progress(7, "Staff", boxes), [Simulated(box, one) for box, one in zip(boxes, sizes, strict=True)]


@given(st.lists(st.lists(st.integers(0, 1000), max_size=5), min_size=1, max_size=4), st.data())
def test_the_share_done_never_falls_and_ends_at_one(sizes: list[list[int]], data: st.DataObject) -> None:
    """For any order in which mailboxes are listed and archived, 0 <= share <= 1, rising, 1 only at the end."""
    progress, mailboxes = run_of(sizes)
    reached, elapsed = 0.0, 0.0
    while unfinished := [one for one in mailboxes if one.progress.phase is not Phase.DONE]:
        data.draw(st.sampled_from(unfinished)).step()
        elapsed += 0.25
        snapshot = progress.snapshot(elapsed)
        share = snapshot.fraction or 0.0
        assert reached <= share <= 1.0
        reached = share
        assert snapshot.message_rate >= 0
        assert snapshot.byte_rate >= 0
        assert snapshot.seconds_left is None or snapshot.seconds_left >= 0
        assert Snapshot.from_json(json.loads(json.dumps(snapshot.as_json()))) == snapshot
    assert reached == 1.0
    assert progress.snapshot(elapsed + 1).totals["archived"] == sum(map(len, sizes))


def test_nothing_is_claimed_before_anything_is_listed() -> None:
    """No share and no time left while the folders of no mailbox are known."""
    progress, mailboxes = run_of([[10], [10]])
    assert progress.snapshot(0.0).fraction is None
    mailboxes[0].step()
    snapshot = progress.snapshot(0.5)
    assert (snapshot.fraction, snapshot.seconds_left) == (None, None)
    assert {position: line.status for position, line in snapshot.moving.items()} == {0: "running"}
    assert [line.status for line in progress.settled().values()] == ["running", "queued"]


def test_the_time_left_is_that_of_the_last_seconds() -> None:
    """100 of 1,000 bytes in each second leave nine after the first; a pause makes it longer, and never unknown."""
    progress, [mailbox] = run_of([[100] * 10])
    while mailbox.progress.phase is not Phase.ARCHIVING:
        mailbox.step()
    progress.snapshot(0.0)
    mailbox.step()
    assert progress.snapshot(1.0).seconds_left == pytest.approx(9.0)
    slower = progress.snapshot(4.0)
    assert slower.byte_rate == pytest.approx(25.0)
    assert slower.seconds_left == pytest.approx(36.0)
    for moment in range(5, 30):
        progress.snapshot(float(moment))
    assert progress.snapshot(30.0).seconds_left == pytest.approx(270.0)
    assert progress_words.rate(progress.snapshot(60.0)) == "under 0.1 msg/s"
    mailbox.step()
    mailbox.step()
    assert progress.snapshot(61.0).byte_rate == pytest.approx(200 / 60, abs=0.01)


def test_a_batch_that_is_done_at_once_has_the_rate_of_the_time_that_it_took() -> None:
    """Every 80 seconds 8 MB, on a slow line: 100 kB a second, before, in and after the moment in which they are stored."""
    progress, [mailbox] = run_of([[8_000_000] * 10])
    while mailbox.progress.phase is not Phase.ARCHIVING:
        mailbox.step()
    rates = []
    for quarter in range(4 * 400):
        if quarter and quarter % (4 * 80) == 0:
            mailbox.step()
        rates.append(progress.snapshot(quarter / 4).byte_rate)
    assert all(rate == 0 for rate in rates[: 4 * 80])
    assert all(50_000 <= rate <= 100_500 for rate in rates[4 * 80 :])


def test_the_time_left_is_told_as_soon_as_a_tenth_is_listed_and_says_what_it_rests_on() -> None:
    """By the bytes of those that are listed, or by the mailboxes that are done where that takes longer; in the end by bytes."""
    progress, mailboxes = run_of([[] for _ in range(20)])
    told = []
    for number, one in enumerate(mailboxes[:3]):
        while one.progress.phase is not Phase.DONE:
            one.step()
        told.append(progress.snapshot(10.0 * (number + 1)))
    assert [progress_words.left_by(one) for one in told] == [
        "",
        "about 3 min left by 2 of 20 mailboxes",
        "about 2 min 50 s left by 3 of 20 mailboxes",
    ]
    listed, rest = run_of([[1000] * 4 for _ in range(10)])
    while rest[0].progress.phase is not Phase.ARCHIVING:
        rest[0].step()
    listed.snapshot(0.0)
    rest[0].step()
    first = listed.snapshot(1.0)
    assert first.seconds_left == pytest.approx(39.0)
    assert progress_words.left_by(first) == "about 39 s left by the bytes of 1 of 10 mailboxes"
    for one in rest:
        while one.progress.phase is not Phase.ARCHIVING:
            one.step()
    assert progress_words.basis(listed.snapshot(2.0)) == "by bytes"


def test_silence_is_told_after_five_seconds_and_not_while_nothing_is_expected() -> None:
    """Since the last byte of any kind, also within a message; before the first one it says so; a wait is told by itself."""
    progress, [mailbox] = run_of([[100] * 10])
    mailbox.step()
    said = [progress_words.silence(progress.snapshot(moment)) for moment in (0.0, 4.9, 5.0, 12.0)]
    assert said == ["", "", "no byte yet for 5 s", "no byte yet for 12 s"]
    mailbox.progress.hear(17)
    said = [progress_words.silence(progress.snapshot(moment)) for moment in (13.0, 17.0, 18.0)]
    assert said == ["", "", "last byte 5 s ago"]
    assert "last byte 7 s ago" in progress_line(progress.snapshot(20.0))
    mailbox.progress.waits_until = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)
    assert progress_words.silence(progress.snapshot(40.0)) == ""
    mailbox.progress.waits_until, mailbox.progress.phase = None, Phase.CHECKING
    assert progress_words.silence(progress.snapshot(60.0)) == ""


def test_a_snapshot_holds_the_last_problems_and_all_counts() -> None:
    """However many there are, a row stays small; the counts are complete."""
    progress, [mailbox] = run_of([[]])
    result = mailbox.progress.result
    result.problems += [Problem("INBOX", uid, NOT_ARCHIVED()) for uid in range(1, 101)]
    for name in COUNTERS:
        setattr(result.tally, name, 3)
    mailbox.progress.phase, result.status = Phase.DONE, RunStatus.WITH_ERRORS
    snapshot = progress.snapshot(1.0)
    assert [problem["uid"] for problem in snapshot.problems] == list(range(101 - SHOWN_PROBLEMS, 101))
    assert snapshot.totals == dict.fromkeys(COUNTERS, 3)
    assert (snapshot.mailboxes_done, snapshot.moving, snapshot.fraction) == (1, {}, 1.0)
    assert progress.settled()[0].status == "completed_with_errors"


def test_a_mailbox_whose_mail_is_deleted_on_the_server_keeps_its_share() -> None:
    """It comes after all its messages were archived."""
    line = MailboxLine("anna@example.test", "anna", "checking", "running", "INBOX", 4, 4, 400, 400, 4)
    rows = LiveMailboxes([line, line._replace(phase="deleting")])
    assert [row.fraction for row in rows] == [1.0, 1.0]


def test_until_when_a_mailbox_waits_is_told_everywhere() -> None:
    """In the snapshot, on the command line for one and for several mailboxes, and in the console's row."""
    progress, mailboxes = run_of([[10], [10]])
    until = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)
    mailboxes[0].progress.phase, mailboxes[0].progress.waits_until = Phase.ARCHIVING, until
    snapshot = progress.snapshot(1.0)
    assert [line.waits_until for line in snapshot.moving.values()] == ["2026-01-31T09:05:00.000Z"]
    assert Snapshot.from_json(json.loads(json.dumps(snapshot.as_json()))) == snapshot
    shown = clock("2026-01-31T09:05:00.000Z")
    assert waits(snapshot) == f"1 mailbox waits, the next until {shown}"
    row = LiveMailboxes(snapshot.moving.values())[0]
    assert (row.state.word, row.folder) == ("waits", f"waits until {shown}")
    alone, [only] = run_of([[10]])
    only.progress.phase, only.progress.waits_until = Phase.LISTING, until
    assert waits(alone.snapshot(1.0)) == f"waits until {shown}"
    only.progress.waits_until = None
    assert waits(alone.snapshot(1.0)) == ""
