"""Ticking folders: the rules that come of it archive what is ticked and nothing else."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.profiles import folder_choice
from core.profiles.folder_choice import FolderChoice
from core.profiles.ownership import Evidence, Standing, Whose
from tui.desk.present import BLANK, text
from tui.desk.profiles.draft import FolderRow, FolderTree, ProfileDraft
from tui.desk.profiles.drafts import Drafts

TREE: list[tuple[str, tuple[str, ...]]] = [
    ("INBOX", ("\\inbox",)),
    ("INBOX/Orders", ()),
    ("Projects", ()),
    ("Projects/A", ()),
    ("Projects/A/Old", ()),
    ("Sent Items", ("\\sent",)),
    ("Deleted Items", ("\\trash",)),
    ("Junk E-mail", ("\\junk",)),
    ("Calendar", ()),
]


Folder = tuple[str, tuple[str, ...]]
#: Names of listed folders, names of others, and patterns.
PATTERNS = [path for path, _ in TREE] + ["inbox", "Other", "Other/**", "Private/**", "**/Old", "Projects/**", "Projects/*"]
PATTERNS += ["Junk E-mail/**", "*"]


def ticked(choice: FolderChoice) -> set[str]:
    return {path for path, uses in TREE if not choice.reason(path, uses)}


USUAL = ticked(FolderChoice())


def test_unticking_a_folder_leaves_out_just_that_one() -> None:
    """Folders below it stay ticked, until it is unticked with all that is below."""
    choice = FolderChoice().untick("Projects")
    assert ticked(choice) == USUAL - {"Projects"}
    choice = FolderChoice().untick("Projects", below=True)
    assert ticked(choice) == USUAL - {"Projects", "Projects/A", "Projects/A/Old"}
    assert choice.exclude == ("Projects/**",)


def test_ticking_what_is_left_out_by_default_keeps_everything_else() -> None:
    """Junk is archived when it is ticked, beside all other folders; unticked again nothing is left of it."""
    choice = FolderChoice().tick("Junk E-mail", ("\\junk",))
    assert ticked(choice) == USUAL | {"Junk E-mail"}
    assert not choice.only
    assert choice.untick("Junk E-mail", ("\\junk",)) == FolderChoice()


def test_ticking_again_takes_the_rule_back() -> None:
    """No rules pile up."""
    choice = FolderChoice().untick("Projects", below=True).tick("Projects", below=True)
    assert choice == FolderChoice()


def test_a_choice_of_ticked_folders_leaves_out_new_ones() -> None:
    """The way is changed without changing what is ticked, and new folders are then left out."""
    choice = FolderChoice().untick("Projects", below=True).only_ticked(TREE)
    assert choice.only
    assert ticked(choice) == USUAL - {"Projects", "Projects/A", "Projects/A/Old"}
    assert choice.reason("New folder")
    back = choice.all_but_unticked(TREE)
    assert not back.only
    assert ticked(back) == ticked(choice)
    assert not back.reason("New folder")


def test_the_last_folder_cannot_be_unticked() -> None:
    """An empty list would mean everything."""
    choice = FolderChoice(include=("INBOX",))
    assert ticked(choice.untick("INBOX")) in ({"INBOX"}, set())
    assert choice.untick("INBOX").only


def test_patterns_are_added_and_taken_back() -> None:
    """As they were typed; what is no pattern is refused."""
    choice = FolderChoice().add("**/Old", include=False)
    assert ticked(choice) == USUAL - {"Projects/A/Old"}
    assert choice.remove("**/Old") == FolderChoice()
    choice = choice.add("Junk E-mail/**", include=True)
    assert "Junk E-mail" in ticked(choice)
    assert choice.remove("Junk E-mail/**").include == ()
    with pytest.raises(ValueError, match=r"^a//b$"):
        choice.add("a//b", include=True)


@given(st.lists(st.tuples(st.sampled_from(TREE), st.booleans(), st.booleans()), max_size=12))
def test_whatever_is_ticked_and_unticked_the_last_word_counts(
    steps: list[tuple[Folder, bool, bool]],
) -> None:
    """After ticking, the folder is archived unless a rule for those above it says no; after unticking it never is."""
    choice = FolderChoice()
    for (path, uses), on, below in steps:
        choice = choice.tick(path, uses, below=below) if on else choice.untick(path, uses, below=below)
        if not on:
            assert choice.reason(path, uses)
        elif not any(path.startswith(rule.removesuffix("**")) for rule in choice.exclude if rule.endswith("/**")):
            assert not choice.reason(path, uses)


@st.composite
def choices(draw: st.DrawFn) -> FolderChoice:
    """Any rules that a profile may have."""
    include = draw(st.lists(st.sampled_from([*PATTERNS, "**"]), unique=True, max_size=4))
    return FolderChoice(tuple(include), tuple(draw(st.lists(st.sampled_from(PATTERNS), unique=True, max_size=4))))


@given(choices())
def test_changing_the_way_changes_no_tick_and_drops_no_pattern(choice: FolderChoice) -> None:
    """Patterns without a listed folder stay on their side in both directions, and every listed folder is ticked as before."""
    listed = {*(path for path, _ in TREE), "inbox", "**"}
    turned = choice.all_but_unticked(TREE) if choice.only else choice.only_ticked(TREE)
    assert ticked(turned) == ticked(choice)
    assert {one for one in choice.include if one not in listed} <= set(turned.include)
    assert {one for one in choice.exclude if one not in listed} <= set(turned.exclude)
    assert turned.only != choice.only or not ticked(choice)


@given(choices(), st.integers(1, 5))
def test_the_console_comes_back_to_the_same_rules(choice: FolderChoice, turns: int) -> None:
    """There and back, any number of times; what was ticked in between is not undone."""
    desk = Drafts(cast(Archive, None))
    tree = FolderTree(BLANK, tuple(FolderRow(path, uses, text(path), 0, BLANK, True) for path, uses in TREE))
    draft = ProfileDraft({"folders.include": list(choice.include), "folders.exclude": list(choice.exclude)})
    for _ in range(turns):
        if not desk.choose_folders(draft, tree, only=not choice.only):
            return
        there = draft.fields["folders.include"], draft.fields["folders.exclude"]
        assert desk.choose_folders(draft, tree, only=choice.only)
        assert (draft.fields["folders.include"], draft.fields["folders.exclude"]) == (
            list(choice.include),
            list(choice.exclude),
        )
    desk.choose_folders(draft, tree, only=not choice.only)
    assert (draft.fields["folders.include"], draft.fields["folders.exclude"]) == there
    assert not desk.add_pattern(draft, "- Elsewhere/**")
    desk.choose_folders(draft, tree, only=choice.only)
    assert "Elsewhere/**" in draft.fields["folders.exclude"]


def test_a_folder_of_others_is_left_out_until_it_is_ticked() -> None:
    """All but the unticked or only the ticked: it must be named, and stays so when the way of choosing is changed."""
    bob = Whose(Standing.OTHERS, "bob", Evidence.NAMESPACE, "user")
    folders: list[folder_choice.Folder] = [("INBOX", ()), ("user/bob", (), bob), ("user/bob/Plans", (), bob)]
    choice = FolderChoice()
    assert [choice.reason(*one) for one in folders] == ["", "a folder of bob", "a folder of bob"]
    choice = choice.tick("user/bob", (), bob)
    assert [choice.reason(*one) for one in folders] == ["", "", "a folder of bob"]
    only = choice.only_ticked(folders)
    assert only.only
    assert [bool(only.reason(*one)) for one in folders] == [False, False, True]
    assert [bool(only.all_but_unticked(folders).reason(*one)) for one in folders] == [False, False, True]
    below = FolderChoice().tick("user/bob", (), bob, below=True)
    assert [bool(below.reason(*one)) for one in folders] == [False, False, False]
    assert below.untick("user/bob/Plans", (), bob).reason(*folders[2])
