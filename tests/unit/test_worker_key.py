"""The workers' key: opens what was sealed to it, for its purpose, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cluster import worker_key
from core.errors import HomeError, InputError
from core.secrets import Secret


def test_a_secret_is_opened_by_the_key_that_it_was_sealed_to(tmp_path: Path) -> None:
    public = worker_key.make(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert worker_key.public_half(tmp_path / "key") == public
    secret = Secret("pässword \udcff")
    boxes = [worker_key.seal(public, secret, purpose="a") for _ in range(2)]
    assert boxes[0] != boxes[1]
    assert b"ssword" not in boxes[0]
    assert [worker_key.unseal(tmp_path / "key", box, purpose="a") for box in boxes] == [secret, secret]


def test_another_key_another_purpose_and_a_changed_box_open_nothing(tmp_path: Path) -> None:
    public = worker_key.make(tmp_path / "key")
    worker_key.make(tmp_path / "other")
    box = worker_key.seal(public, Secret("word"), purpose="a")
    changed = box[:-1] + bytes([box[-1] ^ 1])
    for path, one, purpose in (("other", box, "a"), ("key", box, "b"), ("key", changed, "a"), ("key", b"", "a")):
        with pytest.raises(HomeError) as found:
            worker_key.unseal(tmp_path / path, one, purpose=purpose)
        assert found.value.exit_code == 2


def test_a_key_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x")
    for name in ("short", "missing"):
        with pytest.raises(InputError, match=name):
            worker_key.public_half(tmp_path / name)
