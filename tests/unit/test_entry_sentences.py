"""Sentences of ledger entries: one for every kind, for every change that an entry names, and for what cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.archive.store.entries import KINDS
from core.archive.store.ledger import Entry
from core.errors import DamagedError
from tests.entries import LINES, MOVE, PAYLOADS, PLACE, SHA256, SOURCE, SYNCED, USER, entry

TOTALS = {"archived": 1200, "failed": 1, "deleted": 3}
TOLD = [
    {"field": "delete.when", "old": "never", "new": "immediately"},
    {"field": "users.list", "old": ["anna", "carl"], "new": ["carl", "bob"]},
    {"field": "login.password", "secret": True},
    {"field": "delete.trash_too", "old": False, "new": True},
]

EXAMPLES: list[tuple[str, dict[str, Any], str]] = [
    ("archive.created", {"archive_id": "ab"}, "The archive was begun (id ab)."),
    ("lane.opened", {"lane": "0" * 32, "number": 2, "name": "w"}, f"Lane 2 was opened for w (id {'0' * 32})."),
    (
        "lanes.anchored",
        {"heads": [[2, 40, 57, "00"], [1, 0, 1, "00"]]},
        "Anchored 17 entries of lane 2, up to entry 57; 1 entry of lane 1, up to entry 1.",
    ),
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
        {"name": "Staff", "definition": {}, "changes": TOLD},
        "Profile Staff was saved. login.password: changed; delete.when: never → immediately; "
        "users.list: +bob, -anna; and 1 more.",
    ),
    (
        "profile.saved",
        {"name": "Staff", "definition": {}, "changes": []},
        "Profile Staff was saved. Nothing of it was changed.",
    ),
    ("directory.removed", {}, "The settings of the directory were removed; users stay as they are."),
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
        | {"incoming": "i", "outgoing": "o", "kept": None}
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
    (
        "alarm.acknowledged",
        {"rule": "profile", "subject": "Staff", "code": "x-y", "about": "", "reason": "An inner net.", "withdrawn": False},
        "Alarm profile of Staff (x-y) acknowledged: An inner net.",
    ),
    (
        "alarm.acknowledged",
        {"rule": "exposed", "subject": "", "code": "x", "about": "{}", "reason": "", "withdrawn": True},
        "Alarm exposed (x) is no longer acknowledged.",
    ),
    ("key.rotated", {"passwords": 2, "unreadable": []}, "Key rotated: 2 passwords stored under a new one."),
    (
        "volume.stored",
        {"volume": 3, "key": "ab/c", "sha256": SHA256, "size": 2_000_000},
        "Volume 3 was stored as ab/c (2.0 MB) and read back.",
    ),
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
    *((kind, json.loads(plain), sentence) for kind, plain, *sentences in LINES for sentence in sentences),
]


@pytest.mark.parametrize(("kind", "payload", "sentence"), EXAMPLES)
def test_an_entry_is_one_plain_sentence(kind: str, payload: dict[str, Any], sentence: str) -> None:
    """Actor, action, numbers, run."""
    assert entry(kind, payload).sentence() == sentence


def test_every_kind_has_its_example() -> None:
    """Here, or as the third column of a line of its payload."""
    without = KINDS.keys() - {kind for kind, _, _ in EXAMPLES}
    assert sorted(without) == [], f"kinds whose sentence is in no line of {PAYLOADS.name}"


def test_every_change_of_an_entry_is_told_in_a_line() -> None:
    """All of them, and none for an entry of an older version or one that cannot be read."""
    told = entry("profile.saved", {"name": "Staff", "definition": {}, "changes": TOLD}).changes() or ()
    assert told[-1].sentence() == "delete.trash_too: no → yes"
    assert [change.as_json() for change in told] == TOLD
    payloads: list[dict[str, Any]] = [{}, {"changes": 1}, {"changes": [1]}, {"changes": [{}]}]
    for payload in payloads:
        assert entry("profile.saved", {"name": "Staff", "definition": {}} | payload).changes() is None


@pytest.mark.parametrize("payload", [{}, {"user": 1}, {"uids": "x", "source": 1}, {"messages": [1]}])
def test_an_unreadable_entry_has_a_sentence(payload: dict[str, Any]) -> None:
    """Another version's or a damaged payload, an unknown kind: a sentence, and no error."""
    for kind in KINDS.keys() - {"directory.removed"}:
        assert entry(kind, payload).sentence() == f"An entry of the kind {kind} that cannot be read."
        with pytest.raises(DamagedError, match=rf"entry 1 \({kind}\) cannot be read: .+\.$"):
            _ = entry(kind, payload).value
    assert "does not know" in entry("future", payload).sentence()
    assert "cannot be read" in Entry(1, "", "future", "", b"{", b"").sentence()
