"""Unusual line ends of messages: bare CRs of old Macintoshes, double CRs of files converted twice. Pure."""

from __future__ import annotations


def with_line_feeds(raw: bytes) -> bytes:
    """A message with readable line ends, judged by its header; one with usual ones unchanged."""
    end = raw.find(b"\n")
    first = raw[:end] if end >= 0 else raw
    if b"\r" not in first[:-1]:
        return raw if end >= 0 else raw.replace(b"\r", b"\n")
    if b"\r" not in first.rstrip(b"\r"):
        return raw.replace(b"\r\r\n", b"\r\n") if end >= 0 else raw.replace(b"\r", b"\n")
    # A single CR within a line may be anything; two that end a header are no coincidence.
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if end < 0 or b"\r\r" in first else raw
