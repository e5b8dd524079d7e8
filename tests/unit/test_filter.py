"""Filters and deletion rules: pure decisions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.profiles import plain
from core.profiles.age import Age
from core.profiles.deletion import Deletion, OnTrash, When
from core.profiles.filter import Filter, Flagged, Seen, contains, has_flag

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
FLAGS = st.lists(st.sampled_from(["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Label1"]), unique=True).map(" ".join)
DATES = st.none() | st.integers(0, 2**31)


def ago(**units: float) -> int:
    return int((NOW - timedelta(**units)).timestamp())


@pytest.mark.parametrize(
    ("rule", "flags", "internaldate", "size", "passes"),
    [
        (Filter(), "", None, 0, True),
        (Filter(seen=Seen.SEEN), "\\Seen", ago(days=1), 10, True),
        (Filter(seen=Seen.SEEN), "\\Flagged", ago(days=1), 10, False),
        (Filter(seen=Seen.UNSEEN), "\\SEEN", ago(days=1), 10, False),
        (Filter(seen=Seen.UNSEEN), "", ago(days=1), 10, True),
        (Filter(flagged=Flagged.FLAGGED), "\\Seen \\flagged", ago(days=1), 10, True),
        (Filter(flagged=Flagged.UNFLAGGED), "\\Flagged", ago(days=1), 10, False),
        (Filter(older_than=Age(3, "month")), "", ago(days=93), 10, True),
        (Filter(older_than=Age(3, "month")), "", ago(days=80), 10, False),
        (Filter(older_than=Age(3, "month")), "", None, 10, True),
        (Filter(newer_than=Age(1, "week")), "", ago(days=6), 10, True),
        (Filter(newer_than=Age(1, "week")), "", ago(days=8), 10, False),
        (Filter(since=date(2026, 6, 1)), "", int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()), 10, True),
        (Filter(since=date(2026, 6, 1)), "", int(datetime(2026, 5, 31, 23, 59, tzinfo=UTC).timestamp()), 10, False),
        (Filter(before=date(2026, 6, 1)), "", int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()), 10, False),
        (Filter(before=date(2026, 6, 1)), "", int(datetime(2026, 5, 31, 23, 59, tzinfo=UTC).timestamp()), 10, True),
        (Filter(larger_than=1000), "", None, 1000, False),
        (Filter(larger_than=1000), "", None, 1001, True),
        (Filter(smaller_than=1000), "", None, 1000, False),
        (Filter(smaller_than=1000), "", None, 999, True),
    ],
)
def test_a_message_passes_or_is_left_out(rule: Filter, flags: str, internaldate: int | None, size: int, passes: bool) -> None:
    """By flags, age, date and size; a message without a date is archived."""
    assert (rule.reason(flags, internaldate, size, NOW) == "") is passes


def test_headers_are_searched_without_regard_to_case() -> None:
    """Any text of one kind may match, and each kind must."""
    rule = Filter(sender=("*@example.test", "boss"), subject=("bericht*2024",))
    assert rule.needs_header
    assert rule.header_reason("Anna <anna@EXAMPLE.test>", "", "Der Bericht für 2024") == ""
    assert rule.header_reason("The Boss <x@y>", "", "BERICHT 2024") == ""
    assert rule.header_reason("anna@example.org", "", "Bericht 2024") == "another sender"
    assert rule.header_reason("boss", "", "2024 Bericht") == "another subject"
    assert Filter(recipient=("list@",)).header_reason("", "a@b, List@c", "") == ""


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_a_pattern_means_what_a_regular_expression_would(pattern: str, text: str) -> None:
    """``*`` stands for anything, also for nothing; the rest for itself."""
    import re

    assert contains(text, pattern) == bool(re.search(".*".join(map(re.escape, pattern.split("*"))), text))


@given(FLAGS, DATES, st.integers(0, 10**9))
def test_what_passes_a_filter_passes_its_parts(flags: str, internaldate: int | None, size: int) -> None:
    """A filter leaves a message out exactly when one of its conditions does."""
    parts: list[dict[str, Any]] = [
        {"seen": Seen.UNSEEN},
        {"flagged": Flagged.UNFLAGGED},
        {"older_than": Age(1, "year")},
        {"since": date(2000, 1, 1)},
        {"smaller_than": 10**6},
    ]
    whole = Filter(**{key: value for part in parts for key, value in part.items()})
    alone = [Filter(**part).reason(flags, internaldate, size, NOW) == "" for part in parts]
    assert (whole.reason(flags, internaldate, size, NOW) == "") is all(alone)


def test_equal_filters_have_equal_digests_and_no_filter_none() -> None:
    """So that a folder is looked at again when the rule has changed."""
    assert Filter().digest == ""
    assert Filter(subject=("a",)).digest == Filter(subject=("a",)).digest != Filter(subject=("b",)).digest
    assert not Filter(subject=("a",)).changes
    assert Filter(older_than=Age(1, "day")).changes
    assert Filter(seen=Seen.SEEN).changes


@given(FLAGS, DATES)
def test_flagged_mail_drafts_and_undated_mail_are_never_deleted(flags: str, internaldate: int | None) -> None:
    """With any rule and any age."""
    rules = [Deletion(When.IMMEDIATELY), Deletion(When.OLDER_THAN, Age(1, "day"))]
    for rule in rules:
        going = rule.reason_to_keep(flags, internaldate, NOW) == ""
        if has_flag(flags, "\\flagged") or has_flag(flags, "\\draft"):
            assert not going
        elif rule.age is None:
            assert going
        else:
            assert going is (internaldate is not None and internaldate < ago(days=1))
    assert Deletion().reason_to_keep("", 0, NOW) != ""


def test_a_rule_says_what_it_does() -> None:
    """One plain sentence for people, and the same rule back from the ledger."""
    rule = Deletion(When.OLDER_THAN, Age(6, "month"), trash_too=True, on_trash=OnTrash.FOLLOW)
    assert rule.sentence().startswith("After archiving, archived messages older than 6 months are deleted on the server")
    assert "removed there too" in rule.sentence()
    assert "every archived message is" in Deletion(When.IMMEDIATELY).sentence()
    assert Deletion().sentence() == "Nothing is deleted on the server."
    assert plain.from_json(Deletion, plain.as_json(rule)) == rule


def test_a_plain_expunge_is_for_profiles_that_say_so_alone() -> None:
    """The rule says what it risks; one that was saved before there was a choice has none."""
    rule = Deletion(When.IMMEDIATELY, without_uidplus=True)
    assert "somebody marks between the check and the EXPUNGE is gone too" in rule.sentence()
    assert plain.from_json(Deletion, plain.as_json(rule)) == rule
    older = {key: value for key, value in plain.as_json(rule).items() if key != "without_uidplus"}
    assert plain.from_json(Deletion, older) == Deletion(When.IMMEDIATELY)
    assert "EXPUNGE" not in Deletion(When.IMMEDIATELY).sentence()


def test_folders_of_others_are_for_profiles_that_say_so_alone() -> None:
    """The rule says it; one that was saved before there was a choice has none."""
    rule = Deletion(When.IMMEDIATELY, shared=True)
    assert "Also in folders of others and shared ones" in rule.sentence()
    assert plain.from_json(Deletion, plain.as_json(rule)) == rule
    older = {key: value for key, value in plain.as_json(rule).items() if key not in ("shared", "without_uidplus")}
    assert plain.from_json(Deletion, older) == Deletion(When.IMMEDIATELY)
