"""Attachments become files: new ones, private ones, under names that do no harm."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.saving import TRIES, _parts, save
from core.errors import InputError, StorageError


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A second file of the name gets a number before what tells its kind, and is for nobody else's eyes."""
    names = [save(tmp_path, "report.pdf", content).name for content in (b"1", b"2", b"3")]
    assert names == ["report.pdf", "report (2).pdf", "report (3).pdf"]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"1", b"2", b"3"]
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o600 for name in names)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever can write to the folder cannot have the attachment written elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "a.txt").symlink_to(elsewhere)
    assert save(tmp_path, "a.txt", b"x").name == "a (2).txt"
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("name", "beginning", "end"),
    [
        ("../../etc/passwd", "passwd", ""),
        ("C:\\Users\\a\\b.doc", "b", ".doc"),
        ("a\u202efdp.exe", "a_fdp~", ".exe"),
        ("\x1b]2;OWNED\x07.pdf", "_]2;OWNED_~", ".pdf"),
        ("", "attachment", ""),
        ("..", "_~", ""),
        ("con.txt", "_con~", ".txt"),
        ("a.b c", "a.b c", ""),
        ("Übersicht 2025.xlsx", "Übersicht 2025", ".xlsx"),
    ],
)
def test_names_are_made_safe_and_keep_their_kind(tmp_path: Path, name: str, beginning: str, end: str) -> None:
    """Whatever a message calls it, it lies in the folder, under a name that every file system takes."""
    file = save(tmp_path, name, b"x")
    assert file.parent == tmp_path
    assert file.name.startswith(beginning)
    assert file.name.endswith(end)


@given(st.text(max_size=300))
def test_no_name_leaves_the_folder(name: str) -> None:
    """Any text at all: one level, no controls, not too long."""
    made = "".join(_parts(name))
    assert Path("/folder", made).name == made
    assert made not in (".", "..")
    assert len(made.encode()) <= 120
    assert not {unicodedata.category(character) for character in made} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such folder, a file in its place, a name that is none, a full disk: said, and nothing is left behind."""
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file", Path("a\0b")):
        with pytest.raises(InputError):
            save(folder, "a.txt", b"x")
    target = tmp_path / "target"
    target.mkdir()
    (target / "full.txt").write_bytes(b"")
    for number in range(2, TRIES + 1):
        (target / f"full ({number}).txt").touch()
    with pytest.raises(StorageError):
        save(target, "full.txt", b"x")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.archive.saving.open", full, raising=False)
    with pytest.raises(StorageError, match="No space left"):
        save(tmp_path, "b.txt", b"x")
    assert not (tmp_path / "b.txt").exists()
