"""Passwords at rest, and in memory, where they must not be seen by accident."""

from __future__ import annotations

import asyncio
import os
import pickle
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.errors import HomeError, StorageError
from core.secrets import KEY_BYTES, KeyFile, Secret
from tests import homes

WORD = "Sesam-öffne-dich"


def test_a_secret_is_not_shown_by_anything_but_reveal() -> None:
    """Neither by repr, str, format, a container, a traceback with its locals, nor by pickling."""
    secret = Secret(WORD)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret]), repr({"a": secret})):
        assert WORD not in shown
    try:
        _fail(secret)
    except ValueError as error:
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "<secret>" in told
    assert WORD not in told
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == WORD
    assert (secret == Secret(WORD), secret == WORD, bool(Secret(""))) == (True, False, False)


def _fail(password: Secret) -> None:
    raise ValueError(str(password))


@given(st.text(), st.text())
def test_a_password_comes_back_and_only_for_its_own_purpose(
    tmp_path_factory: pytest.TempPathFactory, text: str, purpose: str
) -> None:
    """Any text, also one that a terminal in another encoding made; a box of another profile is refused."""
    key = KeyFile(tmp_path_factory.getbasetemp() / "secret.key")
    purpose = purpose.encode("utf-8", "replace").decode()
    text = text.encode("utf-8", "replace").decode() + "\udcff"
    box = key.encrypt(Secret(text), purpose=purpose)
    assert key.decrypt(box, purpose=purpose).reveal() == text
    with pytest.raises(HomeError, match="cannot be decrypted"):
        key.decrypt(box, purpose=purpose + "x")


def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600 with any umask, and nothing else is left beside it."""
    before = os.umask(0)
    try:
        KeyFile(tmp_path / "secret.key").encrypt(Secret("a"), purpose="b")
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secret.key").stat().st_size == KEY_BYTES


@pytest.mark.parametrize("damage", ["another", "missing", "short", "box"])
def test_key_and_password_that_do_not_belong_together_are_told_with_the_remedy(tmp_path: Path, damage: str) -> None:
    """A key that is another, gone or cut short, a box that is cut short: what happened, and to enter the password again."""
    key = KeyFile(tmp_path / "secret.key")
    box = key.encrypt(Secret(WORD), purpose="profile:a")
    if damage == "another":
        key.path.write_bytes(os.urandom(KEY_BYTES))
    elif damage == "missing":
        key.path.unlink()
    elif damage == "short":
        key.path.write_bytes(b"short")
    else:
        box = box[:5]
    with pytest.raises(HomeError) as caught:
        key.decrypt(box, purpose="profile:a")
    assert "passwords again" in caught.value.hint or "password again" in caught.value.hint
    assert key.path.exists() == (damage != "missing")


def test_processes_that_need_the_first_key_at_once_get_the_same(tmp_path: Path) -> None:
    """No password is lost because another made a key at the same moment."""
    keys = [KeyFile(tmp_path / "secret.key") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        boxes = list(pool.map(lambda key: key.encrypt(Secret(WORD), purpose="a"), keys))
    assert {KeyFile(tmp_path / "secret.key").decrypt(box, purpose="a").reveal() for box in boxes} == {WORD}


def test_a_key_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    """A folder that is not there stands for a disk that is full."""
    with pytest.raises(StorageError, match="cannot be written"):
        KeyFile(tmp_path / "no" / "secret.key").encrypt(Secret(WORD), purpose="a")


async def test_a_stored_password_is_in_no_file_of_the_home(tmp_path: Path) -> None:
    """Saved, changed and removed: the plain text is in none of them, and gone with the profile."""
    profile = homes.profile("127.0.0.1", 9)
    home = await homes.with_profile(tmp_path / "home", profile, password=WORD)
    archive = await Archive.open(home)
    try:
        assert (await saved_profiles.password(archive, profile)).reveal() == WORD
        for path in home.path.rglob("*"):
            if path.is_file():
                content = await asyncio.to_thread(path.read_bytes)
                assert WORD.encode() not in content, path
        await saved_profiles.remove(archive, "test")
        assert await archive.database.read("SELECT * FROM password") == []
    finally:
        await archive.close()
