"""Frames are decompressed with kept contexts just as Python's module does it, and every error is told as by that."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.store import decompressor

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def slowly(data: bytes, size: int) -> bytes | str:
    try:
        return zstd.ZstdDecompressor().decompress(data, size + 1)
    except zstd.ZstdError as error:
        return str(error)


def quickly(data: bytes, size: int) -> bytes | str:
    try:
        return decompressor.decompress(data, size)
    except zstd.ZstdError as error:
        return str(error)


def test_the_library_of_this_python_is_reached() -> None:
    kept = decompressor.kept_contexts()
    assert kept is not None
    assert kept(zstd.compress(b"mail" * 1000), 4000) == b"mail" * 1000
    assert kept(zstd.compress(b"mail" * 1000), 3999) is None
    assert kept(zstd.compress(b"mail" * 1000), 4001) is None
    assert kept(b"no frame", 8) is None


@given(
    plain=st.binary(max_size=300) | st.integers(0, 2 * decompressor.LARGEST).map(lambda size: b"mail" * (size // 4)),
    more=st.sampled_from((-1, 0, 1, 1000)),
    cut=st.integers(0, 30),
    behind=st.binary(max_size=20),
)
def test_a_frame_of_any_size_gives_what_python_gives(plain: bytes, more: int, cut: int, behind: bytes) -> None:
    data = zstd.compress(plain)
    size = max(len(plain) + more, 0)
    for some in (data, data[:-cut], data + behind):
        assert quickly(some, size) == slowly(some, size)


@given(plain=st.binary(min_size=1, max_size=200), at=st.integers(0), bit=st.integers(0, 7))
def test_a_changed_frame_gives_what_python_gives(plain: bytes, at: int, bit: int) -> None:
    data = bytearray(zstd.compress(plain * 3))
    data[at % len(data)] ^= 1 << bit
    assert quickly(bytes(data), 3 * len(plain)) == slowly(bytes(data), 3 * len(plain))


def test_many_threads_get_what_is_theirs() -> None:
    frames = [(zstd.compress(plain), plain) for plain in (bytes([number % 251]) * (number * 7) for number in range(2000))]
    with ThreadPoolExecutor(3 * decompressor.KEPT) as pool:
        found = list(pool.map(lambda one: decompressor.decompress(one[0], len(one[1])), frames))
    assert found == [plain for _, plain in frames]


def test_without_the_library_python_decompresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompressor, "kept_contexts", lambda: None)
    assert decompressor.decompress(zstd.compress(b"mail"), 4) == b"mail"
