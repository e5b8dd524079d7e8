"""Frames are decompressed with kept contexts just as Python's module does it, and every error is told as by that."""

from __future__ import annotations

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

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


def test_a_frame_that_names_a_size_beyond_what_is_asked_is_given_no_memory_for_it() -> None:
    huge = zstd.compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    try:
        assert len(decompressor.decompress(huge, 100)) == 101
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_kept_context_is_used_again() -> None:
    data = zstd.compress(b"mail")
    decompressor.decompress(data, 4)
    kept = list(decompressor._waiting)
    decompressor.decompress(data, 4)
    assert kept
    assert decompressor._waiting == kept
