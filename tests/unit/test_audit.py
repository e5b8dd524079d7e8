"""The ledger in sentences, and read backwards: every kind that the program writes, the newest first, across volumes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.read.audit import changed, describe, details
from core.archive.store import ledger
from core.archive.store.ledger import Entry, encode
from core.archive.store.volume import Volume
from tests import homes

CORE = Path(__file__).parents[2] / "core"
SOURCE = {"run": 7, "source": "imap://anna@example.test@mail.example.test:994 -> 0123/anna"}
PLACE = SOURCE | {"server_folder": "INBOX", "uidvalidity": 1}
USER = {"id": "1", "name": "anna", "addresses": ["a@x.test", "b@x.test"], "login": "al", "full_name": "", "removed": False}
SYNCED = dict.fromkeys(("created", "adopted", "back", "changed", "disabled", "removed", "conflicts", "withheld"), 0)
TOTALS = {"archived": 1200, "failed": 1, "deleted": 3}
MOVE = ["INBOX", 1, 1, "anna/Done", "Done", 1, 1, 100, None, ""]

CHANGES = [
    {"field": "delete.when", "old": "never", "new": "immediately"},
    {"field": "users.list", "old": ["anna", "carl"], "new": ["carl", "bob"]},
    {"field": "login.password", "secret": True},
    {"field": "delete.trash_too", "old": False, "new": True},
]

EXAMPLES: list[tuple[str, dict[str, Any], str]] = [
    ("archive.created", {"archive_id": "ab"}, "The archive was begun (id ab)."),
    ("user.saved", {"user": USER}, "User anna was saved: a@x.test, b@x.test, login al."),
    ("user.saved", {"user": USER | {"removed": True}}, "User anna was removed; the archive is kept."),
    ("profile.saved", {"name": "Staff", "definition": {}}, "Profile Staff was saved."),
    ("profile.saved", {"name": "All", "definition": {}, "renamed": "Staff"}, "Profile Staff was saved as All."),
    (
        "profile.saved",
        {"name": "Staff", "definition": {}, "changes": [{"field": "kind", "new": "mailbox"}]},
        "Profile Staff was saved. It is new.",
    ),
    (
        "profile.saved",
        {"name": "Staff", "definition": {}, "changes": CHANGES},
        "Profile Staff was saved. login.password: changed; delete.when: never → immediately; "
        "users.list: +bob, -anna; and 1 more.",
    ),
    (
        "profile.saved",
        {"name": "Staff", "definition": {}, "changes": []},
        "Profile Staff was saved. Nothing of it was changed.",
    ),
    ("settings.saved", {"name": "runs", "value": "7"}, "The setting runs was saved: 7."),
    ("user.saved", {"user": USER | {"disabled": True}}, "User anna left the directory and was disabled; the archive is kept."),
    ("profile.removed", {"name": "Staff"}, "Profile Staff was removed."),
    (
        "directory.saved",
        {"definition": {"type": "ldap", "server": {"host": "dc1"}}},
        "The settings of the directory (ldap, dc1) were saved.",
    ),
    (
        "directory.removed",
        {"type": "ldap", "host": "dc1"},
        "The settings of the directory (ldap, dc1) were removed; users stay as they are.",
    ),
    (
        "seal.place.saved",
        {"definition": {"name": "audit", "kind": "mail", "target": "audit@example.test"}},
        "Seals are sent to audit, a place of the kind mail (audit@example.test).",
    ),
    (
        "seal.place.removed",
        {"name": "audit", "kind": "mail"},
        "Seals are no longer sent to audit, a place of the kind mail.",
    ),
    ("directory.synced", SYNCED, "Users were synchronised with the directory: no changes."),
    (
        "directory.synced",
        SYNCED | {"created": 1200, "removed": 1, "conflicts": 2, "withheld": 1},
        "Users were synchronised with the directory: 1,200 created, 1 removed; 2 conflicts; "
        "too many would have gone, so none did.",
    ),
    (
        "archived",
        PLACE | {"owner": "1", "folder": "anna/INBOX", "messages": [["ab", 1, 1500, None, ""], ["cd", 2, 500, None, ""]]},
        "Archived 2 messages (2 kB) from anna@example.test into anna/INBOX by run 7.",
    ),
    (
        "linked",
        PLACE | {"owner": "1", "folder": "anna/Work", "messages": [["ab", 1, 1500, None, ""], ["cd", 2, 500, None, ""]]},
        'Found 2 messages that are archived already in "INBOX" of anna@example.test as well.',
    ),
    (
        "filed",
        PLACE
        | {"places": [["1", "a"], ["2", "b"], ["2", "c"]], "addresses": [["x@y", True], ["z@y", False]]}
        | {"messages": [["ab", 1, 1500, None, "", [0, 1], [], [0], None], ["cd", 2, 500, None, "", [2], [], [1], None]]},
        "Archived 2 messages (2 kB) from anna@example.test into 2 archives, with 1 unknown address, by run 7.",
    ),
    (
        "left",
        PLACE | {"reading": "ab", "addresses": [["x@y", True]], "messages": [[1, [0]]]},
        '1 message left in "INBOX" of anna@example.test, since no user has any of their addresses, by run 7.',
    ),
    (
        "refiled",
        {"places": [["1", "a"]], "messages": [["ab", [["x@y", 0, 0]]], ["cd", [["x@y", 0, 0]]]]},
        "Filed 2 messages to the user who has the address by now.",
    ),
    (
        "backed_up",
        {"directory": "/mnt/b", "seq": 1200, "hash": "ab", "volumes": 1, "already": 3, "bytes": 1500},
        "Backed up to /mnt/b up to entry 1,200: 1 volume (2 kB) copied, 3 unchanged.",
    ),
    (
        "backed_up",
        {"directory": "/mnt/b", "seq": 2, "hash": "ab", "volumes": 1, "already": 0, "bytes": 9, "key": False},
        "Backed up without the key to /mnt/b up to entry 2: 1 volume (9 B) copied, 0 unchanged.",
    ),
    ("key.rotated", {"passwords": 2, "unreadable": []}, "Key rotated: 2 passwords stored under a new one."),
    ("address.ours", {"address": "@y", "ours": False}, "@y is said to be not ours."),
    (
        "moved",
        SOURCE | {"owner": "", "moves": [[*MOVE[:3], None, *MOVE[4:]]]},
        "Followed 1 message of anna@example.test that moved on the server, where the archive has no folders of it, by run 7.",
    ),
    (
        "moved",
        SOURCE | {"owner": "1", "moves": [MOVE]},
        "Followed 1 message of anna@example.test that moved to anna/Done, by run 7.",
    ),
    (
        "vanished",
        PLACE | {"uids": "1:5,9"},
        '6 messages in "INBOX" of anna@example.test no longer on the server, seen by run 7; kept here.',
    ),
    (
        "relisted",
        PLACE | {"messages": [[1, 5, None, ""], [2, 6, None, ""]]},
        '2 known messages in "INBOX" of anna@example.test listed with other numbers by the server, seen by run 7; '
        "the same mail.",
    ),
    (
        "returned",
        PLACE | {"uids": "1:2"},
        '2 messages in "INBOX" of anna@example.test on the server again, seen by run 7.',
    ),
    (
        "deleting",
        PLACE | {"uids": "1:3"},
        '3 messages in "INBOX" of anna@example.test about to be deleted at the source by run 7.',
    ),
    (
        "deleted",
        PLACE | {"uids": "1:2", "kept": "3"},
        '2 messages in "INBOX" of anna@example.test deleted at the source by run 7; 1 message left there.',
    ),
    (
        "run.finished",
        {"run": 7, "profile": "Staff", "status": "completed_with_errors", "totals": TOTALS, "problems": 1},
        "Run 7 of Staff completed with errors: 1,200 archived, 1 failed, 3 deleted at the source.",
    ),
    (
        "run.finished",
        {"run": 8, "profile": "Staff", "dry_run": True, "status": "succeeded", "totals": TOTALS | {"found": 9}, "problems": 1},
        "Dry run 8 of Staff succeeded: 9 messages looked at, 1 failed; nothing was archived or deleted.",
    ),
    (
        "exported",
        {"owner": "1", "folder": "anna/INBOX", "format": "eml", "messages": 2},
        "Exported 2 messages of anna/INBOX as EML.",
    ),
    (
        "imported",
        {"owner": "1", "folder": "Imported", "format": "mbox", "path": "/old.mbox", "messages": [["00", 2000, None, ""]]},
        "Imported 1 message (2 kB) from /old.mbox into Imported.",
    ),
    (
        "restored",
        {"profile": "Anna", "source": SOURCE["source"], "owner": "1", "folder": "anna/INBOX", "server_folder": "INBOX"}
        | {"uidvalidity": 1, "known": True, "messages": [["ab", 9, 1500, None, ""], ["cd", None, 500, None, ""]]},
        'Restored 2 messages (2 kB) of anna/INBOX to "INBOX" of anna@example.test, by profile Anna.',
    ),
    ("verified", {"parts": 2, "messages": 1, "entries": 9, "findings": 0}, "Verified 1 message and 2 parts: clean."),
    (
        "verified",
        {"parts": 2, "messages": 1, "entries": 9, "findings": 1, "share": 4},
        "Verified 1 message and 2 parts, in shares of 4 %: 1 finding.",
    ),
    (
        "salvaged",
        {"volume": "000003.sqlite", "kept": 41, "seen": [45, "00"], "lost": [["ab", [], [], "", "", None]], "placed": []},
        "Salvaged 000003.sqlite: its ledger is whole up to entry 41, and was known up to entry 45; 1 message lost.",
    ),
    (
        "repaired",
        {"messages": [["00", 5, "anna on mail.example.test"]]},
        "Repaired 1 damaged message: stored anew from anna on mail.example.test.",
    ),
]


def entry(kind: str, payload: dict[str, Any]) -> Entry:
    return Entry(1, "2026-01-01T00:00:00.000Z", kind, "test", encode(payload), b"")


@pytest.mark.parametrize(("kind", "payload", "sentence"), EXAMPLES)
def test_an_entry_is_one_plain_sentence(kind: str, payload: dict[str, Any], sentence: str) -> None:
    """Who, what, how much, by which run."""
    assert describe(entry(kind, payload)) == sentence


def _kinds_written() -> set[str]:
    """The first argument of every ``Draft(...)`` in the program."""
    found = set()
    for file in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Draft":
                assert isinstance(node.args[0], ast.Constant), f"{file}:{node.lineno}: the kind is not written out"
                found.add(str(node.args[0].value))
    return found


def test_every_kind_that_is_written_has_its_sentence() -> None:
    """A new kind of entry without a sentence, or that is not listed in the ledger's own description, is found here."""
    written = _kinds_written()
    assert {"archived", "user.saved", "run.finished"} <= written
    assert written == {kind for kind, _, _ in EXAMPLES}
    assert ledger.__doc__ is not None
    assert all(f"    {kind} " in ledger.__doc__ for kind in written)


def test_every_change_of_an_entry_is_told_in_a_line() -> None:
    """All of them, and none for an entry of an older version or one that cannot be read."""
    told = entry("profile.saved", {"name": "Staff", "definition": {}, "changes": CHANGES})
    payloads: list[dict[str, Any]] = [{"name": "Staff"}, {"changes": 1}, {"changes": [1]}, {"changes": [{}]}]
    assert details(told)[-1] == "delete.trash_too: no → yes"
    assert (len(details(told)), changed(told)) == (4, CHANGES)
    for payload in payloads:
        assert details(entry("profile.saved", payload)) == []
        assert changed(entry("profile.saved", payload)) is None


@pytest.mark.parametrize("payload", [{}, {"user": 1}, {"uids": "x", "source": 1}, {"messages": [1]}])
def test_what_cannot_be_read_is_said(payload: dict[str, Any]) -> None:
    """Another version's or a damaged payload, an unknown kind: a sentence, and no error."""
    for kind in _kinds_written() - {"archive.created"}:
        assert describe(entry(kind, payload)) == f"An entry of the kind {kind} that cannot be read."
    assert "does not know" in describe(entry("future", payload))
    assert "cannot be read" in describe(Entry(1, "", "future", "", b"{", b""))


async def test_the_ledger_is_read_backwards_across_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any page of it is what reading forwards gives, turned around; volumes that are not needed are not opened."""
    home = await homes.filled(tmp_path / "home", volume_bytes=60_000)
    assert len(home.volume_numbers()) > 2
    archive = await Archive.open(home)
    try:
        forwards = await homes.entries(archive)
        last = forwards[-1].seq
        for before in (None, *range(1, last + 3)):
            expected = [one for one in reversed(forwards) if before is None or one.seq < before]
            for limit in (1, 3, last + 10):
                assert await archive.entries_before(before, limit) == expected[:limit]
        assert await archive.entries_before(None, 0) == []
    finally:
        await archive.close()
    archive = await Archive.open(home)
    opened: list[str] = []
    open_ = Volume.open

    async def noting(path: Path, *, read_only: bool = False) -> Volume:
        opened.append(path.name)
        return await open_(path, read_only=read_only)

    monkeypatch.setattr(Volume, "open", noting)
    try:
        await archive.entries_before(None, 1)
        assert opened == []
    finally:
        await archive.close()


async def test_entries_of_one_kind_are_found_in_all_volumes(tmp_path: Path) -> None:
    """Their seqs in order, those after a known one alone, and the entries backwards from any of them."""
    home = await homes.filled(tmp_path / "home", batches=5, volume_bytes=60_000)
    assert len(home.volume_numbers()) > 1
    archive = await Archive.open(home)
    try:
        entries = [entry for entry in await homes.entries(archive) if entry.kind == "archived"]
        seqs = [entry.seq for entry in entries]
        assert len(seqs) == 5
        assert await archive.volumes.entry_seqs("archived") == seqs
        assert await archive.volumes.entry_seqs("archived", seqs[2]) == seqs[3:]
        assert await archive.volumes.entry_seqs("nothing") == []
        assert await archive.entries_before(None, 3, "archived") == entries[:-4:-1]
        assert await archive.entries_before(seqs[3], 10, "archived") == entries[2::-1]
    finally:
        await archive.close()
