"""Any profile comes back from its file as it was, and no text ends in anything but a profile or a refusal."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.profiles.age import Age
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deletion import Deletion, OnTrash, When
from core.profiles.filter import Filter, Flagged, Seen
from core.profiles.profile import Access, Login, Method, Profile, Server, Target, from_json
from core.profiles.rules import FolderRules, Rule
from core.profiles.schedule import WEEKDAYS, Schedule, in_order
from core.profiles.selection import SelectionMode, UserSelection
from core.text.format import safe
from tests.profile_files import MINIMAL, as_toml, parse

VISIBLE = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def one_line(longest: int) -> st.SearchStrategy[str]:
    return st.text(VISIBLE, min_size=1, max_size=longest).map(str.strip).filter(lambda text: bool(text) and text[0] != "-")


LEVEL = one_line(20).filter(lambda text: "/" not in text and text not in (".", ".."))
PATTERN = st.text(st.characters(codec="utf-8"), min_size=1, max_size=150).filter(Rule.valid)
AGE = st.builds(Age, st.integers(1, 200), st.sampled_from(["day", "week", "month", "year"]))
TEXTS = st.lists(one_line(20).filter(lambda text: bool(text.strip("* "))), max_size=2).map(tuple)
FILTERS = st.builds(
    Filter,
    seen=st.sampled_from(Seen),
    flagged=st.sampled_from(Flagged),
    older_than=st.none() | AGE,
    newer_than=st.none() | AGE,
    since=st.none() | st.dates(date(1990, 1, 1), date(2020, 1, 1)),
    before=st.none() | st.dates(date(2020, 1, 2), date(2030, 1, 1)),
    larger_than=st.integers(0, 10_000),
    smaller_than=st.just(0) | st.integers(10_001, 10**8),
    sender=TEXTS,
    recipient=TEXTS,
    subject=TEXTS,
)
DELETIONS = st.builds(Deletion, st.just(When.IMMEDIATELY), st.none(), st.booleans(), st.sampled_from(OnTrash)) | st.builds(
    Deletion, st.just(When.OLDER_THAN), AGE, st.booleans(), st.sampled_from(OnTrash)
)
NAMES = st.lists(one_line(20), min_size=1, max_size=3).map(tuple)
SELECTIONS = st.just(UserSelection()) | st.builds(
    UserSelection, st.sampled_from([SelectionMode.ALL_EXCEPT, SelectionMode.ONLY]), NAMES
)
SCHEDULES = st.builds(Schedule, every=st.sampled_from(["1 minute", "30 days"]), automatic=st.booleans()) | st.builds(
    Schedule,
    daily=st.just("02:00"),
    weekdays=st.lists(st.sampled_from(WEEKDAYS)).map(lambda days: in_order(tuple(days))),
    time_zone=st.sampled_from(["", "Europe/Berlin"]),
    automatic=st.booleans(),
)
SINGLE_PROFILES = st.builds(
    Profile,
    name=one_line(60),
    server=st.builds(
        Server,
        host=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True),
        access=st.just(Access.IMAP_TLS),
        port=st.integers(0, 65535),
        accept_all_certificates=st.booleans(),
        timeout=st.floats(1, 86400) | st.integers(1, 86400).map(float),
        connections=st.integers(1, 16),
        slowest_bytes_a_second=st.integers(1, 1_000_000),
        megabytes_a_day=st.integers(0, 100_000_000),
    ),
    login=st.builds(Login, username=one_line(60)),
    target=st.builds(Target, user=one_line(60), folder=st.lists(LEVEL, min_size=1, max_size=4).map("/".join)),
    folders=st.builds(FolderRules.of, st.lists(PATTERN, max_size=4), st.lists(PATTERN, max_size=4)),
    filter=FILTERS,
    deletion=st.just(Deletion()) | DELETIONS,
    schedule=st.none() | SCHEDULES,
)
MANY_PROFILES = st.builds(
    Profile,
    name=one_line(60),
    server=st.just(Server("mail.example.test")),
    login=st.builds(Login, one_line(60), st.just(""), st.sampled_from([method for method in Method if method.master])),
    selection=SELECTIONS,
)
PATH = st.lists(LEVEL.filter(lambda text: not set("{}") & set(text)), min_size=1, max_size=3).map("/".join)
TEMPLATE = st.builds("{}/{}".format, st.sampled_from(["{u-email}", "{h-email}", "x"]), PATH)
DOMAINS = st.lists(st.from_regex(r"[a-z]{1,9}\.test", fullmatch=True), max_size=2, unique=True).map(tuple)
HEADERS = st.just(CatchAll().headers) | st.just(("To", "X-Other"))
CATCHALLS = st.builds(
    CatchAll, TEMPLATE, TEMPLATE, st.just(UnknownPolicy.ARCHIVE), PATH, st.sampled_from(["", "anna"]), HEADERS, domains=DOMAINS
) | st.builds(CatchAll, unknown=st.just(UnknownPolicy.LEAVE), own_addresses=st.sampled_from([(), ("j@x.test",)]))
CATCHALL_PROFILES = st.builds(
    Profile,
    name=one_line(60),
    server=st.just(Server("mail.example.test")),
    login=st.builds(Login, one_line(60)),
    sync_directory_first=st.booleans(),
    catchall=CATCHALLS,
)


@given(SINGLE_PROFILES | MANY_PROFILES | CATCHALL_PROFILES)
def test_a_profile_written_to_a_file_reads_back_the_same(profile: Profile) -> None:
    """The output of ``profile show`` can be applied again and is the same profile, even copied from a terminal."""
    text = as_toml(profile)
    assert parse(text, Path("x.toml")).settings == profile
    assert [safe(line, 10_000) for line in text.split("\n")] == text.split("\n")
    assert from_json(profile.as_json()) == profile


@given(st.text(alphabet="ab=\"[]{}.\n\\u0 #'", max_size=60))
def test_no_text_whatever_ends_in_anything_but_a_refusal(text: str) -> None:
    """Any text is either a profile or refused with a message and a hint."""
    for candidate in (text, MINIMAL + text):
        try:
            parse(candidate, Path("x.toml"))
        except InputError as error:
            refused = error
        else:
            continue
        assert refused.message.startswith("x.toml")
        assert refused.hint


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("INBOX", ["INBOX"], ["INBOX/A", "A"]),
        ("inbox/**", ["INBOX", "INBOX/a/b"], ["INBOXES"]),
        ("Projects/*", ["Projects/A"], ["Projects", "Projects/A/B"]),
        ("**/Old", ["Old", "a/Old", "a/b/Old"], ["Older", "a/Old/b"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["a/x/b/c", "ab"]),
        ("**", ["a", "a/b"], []),
        ("*2*4", ["2024", "24", "x2y4"], ["2024/x", "x2y"]),
        ("a[b](c)+.", ["a[b](c)+."], ["ab"]),
        ("a\nb", [], ["a/b"]),
    ],
)
def test_patterns_choose_folders_level_by_level(pattern: str, matching: list[str], others: list[str]) -> None:
    """``*`` stays within a level, ``**`` takes any number of levels, and everything else means itself."""
    rule = Rule.of(pattern)
    assert [path for path in matching if not rule.matches(path)] == []
    assert [path for path in others if rule.matches(path)] == []


def test_no_pattern_takes_for_ever() -> None:
    """Many stars against a name that nearly matches are decided at once: the names come from servers."""
    assert not Rule.of("*a" * 40 + "b").matches("a" * 2000)
    assert not Rule.of("**/a/" * 40 + "b").matches("/".join("a" * 500))
