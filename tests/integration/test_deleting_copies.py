"""Deleting on the server: nothing goes whose archived copy is damaged, missing, or another message's."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.model import RunStatus
from core.profiles.filter import Filter, Seen
from tests import deletions
from tests.deletions import AT_ONCE, NEVER, OLD, Server
from tests.support import ALICE, Sandbox, mail, sha256

box = deletions.box
server = deletions.server

pytestmark = pytest.mark.server


def flip(path: Path, raw: bytes) -> None:
    """Flip a bit in the stored part that is a message, past the product."""
    digest = bytes.fromhex(sha256(raw))
    with closing(sqlite3.connect(path)) as connection:
        [[data]] = connection.execute("SELECT data FROM part WHERE sha256 = ?", (digest,)).fetchall()
        connection.execute("UPDATE part SET data = ? WHERE sha256 = ?", (data[:-1] + bytes([data[-1] ^ 1]), digest))
        connection.commit()


async def test_a_message_whose_archived_copy_is_damaged_is_not_deleted_and_named(server: Server, box: Sandbox) -> None:
    """A bit flipped in the volume between archiving and deleting: that message stays, the others go."""
    for number in range(3):
        server.deliver("INBOX", f"message {number}")
    assert (await box.run(server.profile(NEVER))).tally.archived == 3
    flip(box.archive.home.volume(1), mail("message 1"))
    outcome = await box.run(server.profile(AT_ONCE))
    assert outcome.status is RunStatus.WITH_ERRORS
    assert (outcome.tally.deleted, outcome.problems) == (2, [("INBOX", 2)])
    assert "the archived copy is damaged" in outcome.reasons
    assert server.subjects("INBOX") == ["message 1"]


async def test_a_message_missing_in_the_volume_is_not_deleted(server: Server, box: Sandbox) -> None:
    """The catalog knows it, the volume has it no more: it stays on the server."""
    server.deliver("INBOX", "only on the server now")
    await box.run(server.profile(NEVER))
    with closing(sqlite3.connect(box.archive.home.volume(1))) as connection:
        connection.execute("DELETE FROM message")
        connection.commit()
    outcome = await box.run(server.profile(AT_ONCE))
    assert (outcome.tally.deleted, outcome.problems) == (0, [("INBOX", 1)])
    assert server.subjects("INBOX") == ["only on the server now"]


async def test_a_message_that_a_filter_leaves_out_is_never_deleted(server: Server, box: Sandbox) -> None:
    """Neither what was never archived, nor what was and is left out by now."""
    server.behaviour.auto_expunge = 0
    server.deliver("INBOX", "read", flags=("\\Seen",))
    server.deliver("INBOX", "unread")
    server.deliver("INBOX", "report of today")
    seen = await box.run(server.profile(AT_ONCE, filter=Filter(seen=Seen.SEEN)))
    assert (seen.tally.found, seen.tally.archived, seen.tally.excluded, seen.tally.deleted) == (3, 1, 2, 1)
    assert server.subjects("INBOX") == ["report of today", "unread"]
    assert (await box.run(server.profile(NEVER))).tally.archived == 2
    reports = await box.run(server.profile(AT_ONCE, filter=Filter(subject=("REPORT",))))
    assert (reports.tally.known, reports.tally.deleted) == (2, 1)
    assert server.subjects("INBOX") == ["unread"]


async def test_a_twin_that_was_taken_for_a_moved_message_is_never_deleted_unread(server: Server, box: Sandbox) -> None:
    """Same header, size and date, another body: it was never read, so it is read now, archived, named, and not deleted."""
    server.behaviour.auto_expunge = 0
    server.deliver("INBOX", "twin", "Text A.")
    await box.run(server.profile(NEVER))
    server.dovecot.remove_messages(ALICE, "INBOX")
    server.deliver("Projects", "twin", "Text B.")
    taken = await box.run(server.profile(NEVER))
    assert taken.tally.moved == 1
    outcome = await box.run(server.profile(AT_ONCE))
    assert (outcome.tally.deleted, outcome.problems) == (0, [("Projects", 1)])
    assert "another message here" in outcome.reasons
    assert {sha256(mail("twin", text)) for text in ("Text A.", "Text B.")} == await box.digests()
    again = await box.run(server.profile(AT_ONCE))
    assert (again.status, again.tally.deleted) == (RunStatus.SUCCEEDED, 1)


async def test_what_moved_for_real_is_compared_byte_for_byte_and_deleted(server: Server, box: Sandbox) -> None:
    """A message that the archive followed without downloading is read before it is deleted."""
    server.behaviour.auto_expunge = 0
    server.deliver("INBOX", "wanderer")
    await box.run(server.profile(NEVER))
    server.dovecot.move(ALICE, "INBOX", "Projects")
    outcome = await box.run(server.profile(AT_ONCE))
    assert (outcome.tally.moved, outcome.tally.deleted, outcome.reasons) == (1, 1, "")
    assert server.subjects("Projects") == []
    assert any("UID FETCH 1 (UID BODY.PEEK[])" in line for line in server.kerio.lines(2))


async def test_another_message_under_a_known_uid_is_archived_and_not_deleted(server: Server, box: Sandbox) -> None:
    """A server that gives a UID twice, with the same size and date: the header tells, and nothing is lost."""
    server.behaviour.auto_expunge = 0
    server.deliver("INBOX", "letter a")
    await box.run(server.profile(NEVER))
    [file] = server.dovecot.messages(ALICE, "INBOX")
    stamp = file.stat().st_mtime
    file.write_bytes(mail("letter b"))
    os.utime(file, (stamp, stamp))
    for cache in file.parent.parent.glob("dovecot.index*"):
        cache.unlink()
    outcome = await box.run(server.profile(AT_ONCE))
    assert (outcome.tally.deleted, outcome.problems) == (0, [("INBOX", 1)])
    assert sha256(mail("letter b")) in await box.digests()


async def test_bytes_that_unpack_but_are_others_are_not_taken_for_the_message(server: Server, box: Sandbox) -> None:
    """A flipped bit in a part that is kept as it is: only its SHA-256 tells."""
    raw = b"Subject: s\r\n\r\nshort\r\n"
    server.dovecot.deliver(ALICE, "INBOX", raw, (), OLD)
    await box.run(server.profile(NEVER))
    flip(box.archive.home.volume(1), raw)
    outcome = await box.run(server.profile(AT_ONCE))
    assert (outcome.tally.deleted, outcome.problems) == (0, [("INBOX", 1)])
    assert "does not match its SHA-256" in outcome.reasons
