"""Folder rules: patterns match what an administrator reads in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.profiles.rules import FolderRules, Rule

LEVEL = st.text(st.characters(codec="utf-8", exclude_characters="/*"), min_size=1, max_size=8)
PATHS = st.lists(LEVEL, min_size=1, max_size=4).map("/".join).filter(lambda path: not path.upper().startswith("INBOX"))


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("Name", ["Name"], ["Name/Sub", "name", "Names", "A/Name"]),
        ("Name/**", ["Name", "Name/Sub", "Name/a/b"], ["Names", "A/Name"]),
        ("Name/*", ["Name/Sub"], ["Name", "Name/a/b"]),
        ("**/Old", ["Old", "a/Old", "a/b/Old"], ["aOld", "Old/a"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["a", "az", "a/b"]),
        ("**", ["INBOX", "a/b/c"], []),
        ("Archive *", ["Archive 2024", "Archive "], ["Archive", "Archive 2024/Sub"]),
        ("inbox/Sub", ["INBOX/Sub"], ["inbox/Sub"]),
        ("/Name/", ["Name"], ["Name/Sub"]),
        ("a.b[c]", ["a.b[c]"], ["axb[c]", "a.bc"]),
        ("line\u2028x*", ["line\u2028xyz"], []),
    ],
)
def test_a_star_matches_within_a_level_and_two_match_any_levels(pattern: str, matching: list[str], other: list[str]) -> None:
    """One star within a level, two for any number of levels, everything else as it stands."""
    rule = Rule.of(pattern)
    assert [path for path in [*matching, *other] if rule.matches(path)] == matching


@given(PATHS)
def test_a_path_without_stars_matches_itself_alone(path: str) -> None:
    """No character of a folder's name has a meaning in a pattern but the star."""
    rule = Rule.of(path)
    assert rule.matches(path.strip("/"))
    assert not rule.matches(path + "x")
    assert Rule.of(f"{path}/**").matches(f"{path}/below")


@given(PATHS, st.lists(PATHS, max_size=3), st.lists(PATHS, max_size=3))
def test_an_exclusion_beats_an_inclusion(path: str, include: list[str], exclude: list[str]) -> None:
    """Named on both lists it is left out; named to be included, and not excluded, it is archived."""
    both = FolderRules.of([*include, path], [*exclude, path])
    assert both.reason_to_exclude(path).startswith("excluded by")
    included = FolderRules.of([*include, path], [one for one in exclude if not Rule.of(one).matches(path)])
    assert included.reason_to_exclude(path) == ""


@given(PATHS)
def test_a_list_of_folders_leaves_out_all_others(path: str) -> None:
    """With an include list nothing else is archived."""
    rules = FolderRules.of(["Only this"], [])
    assert bool(rules.reason_to_exclude(path)) == (path != "Only this")


@pytest.mark.parametrize(
    ("path", "uses", "reason"),
    [
        ("INBOX", (), ""),
        ("Deleted Items", ("\\trash",), ""),
        ("Drafts", ("\\drafts",), ""),
        ("Junk E-mail", (), "junk mail"),
        ("Werbung", ("\\Junk",), "junk mail"),
        ("Junk E-mail/Sub", (), "junk mail"),
        ("[Gmail]/All Mail", ("\\all",), ""),
        ("#Public/x", (), "belongs to the server"),
        ("Public Folders/Sales", (), "public folders"),
        ("Öffentliche Ordner", (), "public folders"),
        ("Kalender", (), "no mail folder"),
        ("calendar/Sub", (), "no mail folder"),
        ("Projekte/Kalender", (), ""),
        ("Spam", ("\\archive",), ""),
    ],
)
def test_junk_and_public_folders_are_left_out_unless_asked_for(path: str, uses: tuple[str, ...], reason: str) -> None:
    """Junk, public and non-mail folders; by attribute first, by English and German name second."""
    assert FolderRules.of([], []).reason_to_exclude(path, uses) == reason


def test_naming_a_folder_beats_the_defaults_and_everything_does_not() -> None:
    """Include "**" is no wish for junk; including "Junk E-mail" is."""
    assert FolderRules.of(["**"], []).reason_to_exclude("Junk E-mail", ("\\junk",)) == "junk mail"
    assert FolderRules.of(["**", "Junk E-mail"], []).reason_to_exclude("Junk E-mail", ("\\junk",)) == ""
    assert FolderRules.of(["Junk E-mail/**"], []).reason_to_exclude("Junk E-mail/Old", ()) == ""


@pytest.mark.parametrize(
    ("pattern", "valid"), [("Name", True), ("**", True), ("", False), ("/", False), ("a***", False), ("a\nb", False)]
)
def test_patterns_that_can_mean_nothing_are_refused(pattern: str, valid: bool) -> None:
    """Empty ones, three stars, control characters."""
    assert Rule.valid(pattern) is valid
