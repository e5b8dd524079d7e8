"""Filters on real mailboxes: excluded messages are counted, checked again when that may change, and never take long twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.model import RunStatus
from core.profiles.age import Age
from core.profiles.filter import Filter, Seen
from core.profiles.profile import Profile
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ScriptedServer, Stored
from tests.support import ALICE, At, Sandbox, mail, profile, sandbox, sha256

pytestmark = pytest.mark.server


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def filtering(server: Dovecot, rule: Filter) -> Profile:
    return profile(At(server.host, server.plain_port), filter=rule)


def days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def test_found_is_archived_known_and_left_out_whatever_the_filter(dovecot: StartDovecot, box: Sandbox) -> None:
    """Each kind of rule on the same mailbox: the sum is right, and exactly those that pass are archived."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("Bericht 2024"), ["\\Seen"], days_ago(400))
    server.deliver(ALICE, "INBOX", mail("large", "x" * 5000), [], days_ago(10))
    server.deliver(ALICE, "INBOX", mail("flagged").replace(b"sender@", b"boss@"), ["\\Flagged"], days_ago(10))
    server.deliver(ALICE, "Projects", mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?="), [], days_ago(100))
    everything = {digest for digests in server.expected(ALICE).values() for digest in digests}
    for rule, count in (
        (Filter(seen=Seen.SEEN), 1),
        (Filter(older_than=Age(3, "month")), 2),
        (Filter(smaller_than=1000), 3),
        (Filter(sender=("boss@*",)), 1),
        (Filter(subject=("grüsse", "grüße")), 1),
        (Filter(recipient=("ALICE@",)), 4),
        (Filter(older_than=Age(3, "month"), subject=("bericht",)), 1),
    ):
        async with sandbox(box.archive.home.path.parent / str(rule.digest)) as other:
            first = await other.run(filtering(server, rule))
            assert first.status is RunStatus.SUCCEEDED
            assert (first.tally.found, first.tally.archived, first.tally.excluded) == (4, count, 4 - count), rule
            again = await other.run(filtering(server, rule))
            assert (again.tally.found, again.tally.known, again.tally.excluded) == (4, count, 4 - count), rule
            assert await other.missing(filtering(server, rule)) == {}
            rest = await other.run(filtering(server, Filter()))
            assert (rest.tally.archived, rest.tally.known) == (4 - count, count), rule
            assert await other.digests() == everything


async def test_what_was_left_out_for_now_is_archived_when_it_passes(dovecot: StartDovecot, box: Sandbox) -> None:
    """A message that has been read since, in a folder in which nothing else happened."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("to be read"))
    rule = Filter(seen=Seen.SEEN)
    assert (await box.run(filtering(server, rule))).tally.excluded == 1
    [file] = server.messages(ALICE, "INBOX")
    file.rename(file.with_name(file.name + "S"))
    assert (await box.run(filtering(server, rule))).tally.archived == 1
    assert await box.digests() == {sha256(mail("to be read"))}


async def test_headers_are_read_once_and_unchanged_folders_not_at_all(box: Sandbox) -> None:
    """A second run opens no folder; after one more message only its header is asked for."""
    letters = [Stored(uid, mail(f"newsletter {uid}" if uid % 2 else f"letter {uid}")) for uid in range(1, 31)]
    rule = Filter(subject=("letter 1*",))
    with ScriptedServer({"INBOX": letters}) as server:
        through = profile(server, filter=rule)
        first = await box.run(through)
        assert (first.tally.found, first.tally.archived) == (30, 11)
        assert "UID FETCH 1:30 (UID BODY.PEEK[HEADER])" in server.lines(1)
        again = await box.run(through)
        assert (again.tally.known, again.tally.excluded, again.tally.archived) == (11, 19, 0)
        assert not any(line.startswith(("EXAMINE", "UID FETCH")) for line in server.lines(2))
        server.folders["INBOX"].append(Stored(31, mail("letter 100")))
        third = await box.run(through)
        assert (third.tally.archived, third.tally.known, third.tally.excluded) == (1, 11, 19)
        assert [line for line in server.lines(3) if "HEADER" in line] == ["UID FETCH 31 (UID BODY.PEEK[HEADER])"]


async def test_an_archived_message_that_moves_is_followed_whatever_the_filter(dovecot: StartDovecot, box: Sandbox) -> None:
    """The filter says what is archived; what is archived is followed."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("unread"))
    rule = Filter(seen=Seen.UNSEEN)
    assert (await box.run(filtering(server, rule))).tally.archived == 1
    [file] = server.messages(ALICE, "INBOX")
    file.rename(file.with_name(file.name + "S"))
    server.move(ALICE, "INBOX", "Projects")
    outcome = await box.run(filtering(server, rule))
    assert (outcome.tally.moved, outcome.tally.archived, outcome.tally.excluded) == (1, 0, 0)
