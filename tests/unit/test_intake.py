"""Messages made ready for a volume: no byte is lost, with any content."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.store import intake
from core.archive.store.volume_format import plain
from core.demo.odd import odd_messages
from tests.homes import message

LINES = st.sampled_from([b"--b", b"--b--", b"", b"Content-Type: multipart/mixed; boundary=b", b"x" * 20000, b"\0\xff", b"a: b"])
ENDS = st.sampled_from([b"\r\n", b"\n", b"\r"])
MAIL = st.builds(lambda lines, end: bytes(end.join(lines)), st.lists(LINES, max_size=12), ENDS)


def _joined(prepared: intake.PreparedMessage) -> bytes:
    """The message from its parts, as a volume puts it together."""
    parts = {part.sha256: plain(part.codec, part.size, part.data) for part in intake.parts([prepared], ())}
    return b"".join(parts[piece.sha256] for piece in prepared.pieces)


@given(st.binary(max_size=300) | MAIL)
def test_any_bytes_come_back_from_their_parts(raw: bytes) -> None:
    """Split, compressed, decompressed and joined: byte for byte the same (P1)."""
    prepared = intake.prepare(raw)
    assert prepared.sha256 == hashlib.sha256(raw).digest()
    assert _joined(prepared) == raw


def test_odd_mail_comes_back_from_its_parts() -> None:
    """Every kind of odd mail that was seen in the wild."""
    for sample in odd_messages(3):
        assert _joined(intake.prepare(sample.raw)) == sample.raw, sample.name


@pytest.mark.parametrize(
    "ends",
    [[(0, 5), (5, -1)], [(0, 10), (11, 0)], [(0, 20), (10, 0)], [(5, 9), (9, 0)], [(9, 0), (0, 9)], [(0, 9), (9, 9), (9, 0)]],
)
def test_a_wrong_split_keeps_the_message_whole(ends: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps, overlaps, another order, too short: segments that are not the message are not used (P1)."""
    raw = message(1, 30_000)
    segments = [(start, end if end > 0 else len(raw) + end) for start, end in ends]
    monkeypatch.setattr(intake, "split", lambda raw, scan: segments)
    prepared = intake.prepare(raw)
    assert len(prepared.pieces) == 1
    assert _joined(prepared) == raw


def test_equal_attachments_are_one_part() -> None:
    """Two messages with the same attachment: it is compressed and handed over once, and not at all when it is known."""
    first, second = message(1, 40_000), message(1, 40_000).replace(b"Subject: message 1", b"Subject: another one")
    prepared = intake.prepare_all([first, second])
    shared = {piece.sha256 for piece in prepared[0].pieces} & {piece.sha256 for piece in prepared[1].pieces}
    assert shared
    parts = list(intake.parts(prepared, ()))
    assert len({part.sha256 for part in parts}) == len(parts)
    assert not shared & {part.sha256 for part in intake.parts(prepared, shared)}
