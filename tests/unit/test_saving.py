"""Attachments become files: new ones, private ones, under names that do no harm."""

from __future__ import annotations

import email
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.transfer.filenames import attachment_name, fold, is_device
from core.archive.transfer.saving import TRIES, place, save
from core.errors import InputError, StorageError

#: As a mail program that means harm would name its attachments.
NAMES = b"Content-Type: multipart/mixed; boundary=a\n\n" + b"".join(
    b'--a\nContent-Disposition: attachment; filename="%b"\n\nx\n' % name for name in (b".bash_profile", b"-rf", b"CON", b"../x")
)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A second file of the name gets a number before what tells its kind, and is for its owner only."""
    names = [save(tmp_path, 7, "report.pdf", content).name for content in (b"1", b"2", b"3")]
    assert names == ["report.pdf", "report (2).pdf", "report (3).pdf"]
    assert save(tmp_path, 7, "REPORT.PDF", b"4").name == "REPORT (4).PDF"
    assert save(tmp_path, 7, "u\u0308.pdf", b"5").name != save(tmp_path, 7, "\u00fc.pdf", b"6").name
    own = tmp_path / place(7)
    assert [(own / name).read_bytes() for name in names] == [b"1", b"2", b"3"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in own.iterdir())
    assert (own.stat().st_mode & 0o777, os.listdir(tmp_path)) == (0o700, [own.name])


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """An account with write access to the folder cannot redirect the attachment."""
    elsewhere = tmp_path / "elsewhere"
    own = tmp_path / place(7)
    own.mkdir()
    (own / "a.txt").symlink_to(elsewhere)
    assert save(tmp_path, 7, "a.txt", b"x").name == "a (2).txt"
    assert not elsewhere.exists()
    elsewhere.mkdir()
    (tmp_path / place(8)).symlink_to(elsewhere)
    with pytest.raises(InputError, match="is a link"):
        save(tmp_path, 8, "a.txt", b"x")
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize(
    ("name", "beginning", "end"),
    [
        ("../../etc/passwd", "passwd", ""),
        ("C:\\Users\\a\\b.doc", "b", ".doc"),
        ("a\u202efdp.exe", "a_fdp~", ".exe"),
        ("\x1b]2;OWNED\x07.pdf", "_]2;OWNED_~", ".pdf"),
        ("", "attachment", ""),
        ("..", "attachment", ""),
        (".bash_profile", "_.bash_profile~", ""),
        ("x/ .profile", "_.profile~", ""),
        ("\u200b.profile", "_~", ".profile"),
        ("-rf", "_-rf~", ""),
        ("CONIN$", "_CONIN$~", ""),
        ("COM\u00b9.txt", "_COM\u00b9~", ".txt"),
        ("lpt9 .tar.gz", "_lpt9 .tar~", ".gz"),
        ("\uff23\uff2f\uff2e.txt", "_\uff23\uff2f\uff2e~", ".txt"),
        ("a.txt:b.exe", "a.txt_b~", ".exe"),
        ("a.exe. .", "a", ".exe"),
        ("a.pdf" + " " * 200 + ".exe", "a.pdf~", ".exe"),
        ("a.pdf\u3164\u3164.exe", "a.pdf__~", ".exe"),
        ("\u00fc" * 200 + ".xlsx", "\u00fc" * 40 + "~", ".xlsx"),
        ("Bericht.\u0434\u043e\u043a", "Bericht", ".\u0434\u043e\u043a"),
        ("con.txt", "_con~", ".txt"),
        ("a.b c", "a.b c", ""),
        ("Übersicht 2025.xlsx", "Übersicht 2025", ".xlsx"),
    ],
)
def test_names_are_made_safe_and_keep_their_kind(tmp_path: Path, name: str, beginning: str, end: str) -> None:
    """For any name in a message, the file is in the folder, under a name that every file system takes."""
    file = save(tmp_path, 7, name, b"x")
    assert file.parent == tmp_path / place(7)
    assert file.name.startswith(beginning)
    assert file.name.endswith(end)


ODD = st.text("aA.-~ _\u00a0\u200b\u202e\u3164\u00b9$/\\:cConN1\ud800", max_size=20)


@given(st.text(max_size=300) | ODD)
def test_no_name_leaves_the_folder_or_does_harm_in_it(name: str) -> None:
    """Any text at all: one level, no controls, not too long, not hidden, no option, no device."""
    stem, kind = attachment_name(name)
    made = stem + kind
    assert Path("/folder", made).name == made
    assert made[0] not in ".-"
    assert not made[-1].isspace()
    assert not made.endswith(".")
    assert not is_device(made)
    assert len(made.encode()) <= 120
    assert not {unicodedata.category(character) for character in made} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert (stem, kind) == attachment_name(name)


def test_a_name_as_long_as_a_message_is_read_in_no_time() -> None:
    """Its beginning is all that can be of use."""
    assert len(attachment_name("\u0301" * 2_000_000)[0].encode()) <= 90


@pytest.mark.parametrize("device", ["con", "PRN", "aux.txt", "nul", "CONOUT$", "com\u00b3", "LPT0.a.b", "com1 .x"])
def test_devices_of_windows_are_known(device: str) -> None:
    """With any extension, and with the digits that Windows takes for digits."""
    assert is_device(device)
    assert not is_device(f"a{device}")
    assert not is_device(attachment_name(device)[0])


def test_the_attachments_of_a_message_lie_beside_nothing_else(tmp_path: Path) -> None:
    """Names that are settings, options and devices elsewhere: four attachments, four files of that message alone."""
    (tmp_path / ".bash_profile").write_bytes(b"mine")
    mail = email.message_from_bytes(NAMES)
    names = [str(part.get_filename()) for part in mail.walk() if part.get_filename()]
    assert len(names) == 4
    made = [save(tmp_path, 1, name, b"x") for name in names]
    assert len({fold(file.name) for file in made}) == 4
    assert not [file for file in made if file.name[0] in ".-" or is_device(file.name)]
    assert (tmp_path / ".bash_profile").read_bytes() == b"mine"


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such folder, a file in its place, a name that is none, a full disk: said, and nothing is left behind."""
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file", Path("a\0b")):
        with pytest.raises(InputError):
            save(folder, 7, "a.txt", b"x")
    target = tmp_path / place(7)
    target.mkdir()
    (target / "full.txt").write_bytes(b"")
    for number in range(2, TRIES + 1):
        (target / f"full ({number}).txt").touch()
    with pytest.raises(StorageError):
        save(tmp_path, 7, "full.txt", b"x")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.archive.transfer.saving.open", full, raising=False)
    with pytest.raises(StorageError, match="No space left"):
        save(tmp_path, 7, "b.txt", b"x")
    assert not (target / "b.txt").exists()
