"""Findings of a verification: each has a code, and is read back from a kept state as it was."""

from __future__ import annotations

import json

from core.archive.proof.check_place import CheckPosition
from core.archive.proof.findings import Finding, Verdict
from core.problems import command_line, finding, subjects

DAMAGED = finding.MESSAGE_UNREAD(message="ab" * 8, why=finding.PART_CHANGED(part=7))


def test_a_finding_has_a_code_of_the_list_beside_its_sentence() -> None:
    """In JSON, for monitoring; the sentence may be worded better in time."""
    value = Finding("000001.sqlite", DAMAGED, "ab" * 32, True).as_json()
    assert value == {
        "where": "000001.sqlite",
        "text": f"Message {'ab' * 8} cannot be read: Part 7 does not match its SHA-256.",
        "code": "found-message-unread",
    }
    assert value["code"] in subjects.CODES


def test_a_verdict_is_read_back_from_its_state_as_it_was() -> None:
    """With the reasons of its findings, so that another process goes on with them."""
    verdict = Verdict(volumes=1, findings=[Finding("ledger", finding.ENTRY_UNREAD(file="000001.sqlite", entry=3, why=DAMAGED))])
    verdict.mended = [Finding("000001.sqlite", finding.REPAIRED(why=DAMAGED), "ab" * 32, True)]
    assert Verdict.from_json(json.loads(json.dumps(verdict.as_json()))) == verdict


def test_the_findings_of_an_earlier_version_keep_their_sentence() -> None:
    """They were kept without a code: the sentence whole, or without its subject and full stop."""
    state = Verdict().as_json() | {"findings": [["ledger", "It ends too early.", "", False]]}
    [found] = Verdict.from_json(state).findings
    assert (found.text, found.reason.code.word) == ("It ends too early.", "earlier")
    kept = CheckPosition().as_json() | {"parts": {"7": "does not match its SHA-256"}, "faults": ["SQLite finds: x"]}
    place = CheckPosition.from_json(json.loads(json.dumps(kept)))
    assert command_line.sentence(place.parts[7]) == "Part 7 does not match its SHA-256."
    assert command_line.sentence(place.faults[0]) == "SQLite finds: x."


def test_a_position_is_read_back_from_its_state_as_it_was() -> None:
    """With all that is wrong in the volume so far."""
    place = CheckPosition(3, parts={7: finding.PART_CHANGED(part=7)}, needs={7: ["ab"]}, messages={"ab" * 32: DAMAGED})
    place.faults = [finding.PAGES(said="row 3 missing from index")]
    assert CheckPosition.from_json(json.loads(json.dumps(place.as_json()))) == place
