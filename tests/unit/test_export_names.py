"""Names of folders in an export: safe on any file system, and never the same for two."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from core.archive.transfer import filenames
from core.archive.transfer.filenames import file_name, fold, maildirs, tree


@given(st.text(max_size=120))
@example("..")
@example("con")
@example("a/../../etc")
@example("CON.txt")
@example(".hidden")
@example("-rf")
@example("\u00a0COM\u00b2")
@example("\u202egnp.exe")
@example("a" * 300)
@example("ends with dot.")
@example("\ud800")
def test_a_folder_s_name_is_safe_on_any_file_system(level: str) -> None:
    """One level of a path, never up, never hidden by reserved names, within the length; equal names stay equal."""
    name = file_name(level)
    assert name == file_name(level)
    assert 0 < len(name.encode()) <= 100
    assert name not in (".", "..")
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name.isprintable() or all(not 0xD800 <= ord(character) < 0xE000 and ord(character) > 31 for character in name)
    assert name == name.rstrip(". ").lstrip(" ")
    assert not filenames.is_device(name)
    assert name[0] not in ".-"


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_folders_never_share_a_name_by_accident(one: str, other: str) -> None:
    """A changed name carries digits of the original."""
    if one != other and "~" not in one + other:
        assert file_name(one) != file_name(other)


@given(st.lists(st.lists(st.text("aAß.~/:é\\", max_size=4), min_size=1, max_size=3), max_size=6))
def test_no_two_folders_share_a_place_on_any_file_system(levels: list[list[str]]) -> None:
    """Not where capital and small letters are the same, and no later folder changes the place of an earlier one."""
    paths = list(dict.fromkeys("/".join(one) for one in levels))
    for named in (tree, maildirs):
        places = named(paths)
        assert len({fold(place) for place in places.values()}) == len(paths)
        for count in range(len(paths)):
            assert named(paths[:count]) == {path: places[path] for path in paths[:count]}


def test_folders_nested_without_end_have_a_place() -> None:
    """A hundred levels: a path that file systems take, and another one for another folder."""
    one, other = "/".join(["level" * 8] * 100), "/".join(["level" * 8] * 101)
    for named in (tree, maildirs):
        places = named([one, other])
        assert len(set(places.values())) == 2
        assert all(len(place.encode()) < 1100 for place in places.values())
        assert all(len(level.encode()) < 256 for place in places.values() for level in place.split("/"))


def test_maildir_names_have_a_dot_for_each_level_and_no_other() -> None:
    """INBOX is the top of the tree; dots within a name do not make levels of it; other letters as IMAP writes them."""
    top = "a@b.example"
    places = maildirs([f"{top}/INBOX", f"{top}/Sent/2024", f"{top}/v1.2", f"{top}/Entw\u00fcrfe", "Alone"])
    assert places[f"{top}/INBOX"] == top
    assert places[f"{top}/Sent/2024"] == f"{top}/.Sent.2024"
    assert places[f"{top}/v1.2"].startswith(f"{top}/.v1_2~")
    assert places[f"{top}/Entw\u00fcrfe"] == f"{top}/.Entw&APw-rfe"
    assert places["Alone"] == "Alone/.Alone"
