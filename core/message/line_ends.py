"""Line ends of messages that no standard knows: bare CRs of old Macintoshes, both CRs of files converted twice. Pure."""

from __future__ import annotations


def with_line_feeds(raw: bytes) -> bytes:
    """Return a message with line ends that can be read, told from those of its header; one that has usual ones as it is."""
    end = raw.find(b"\n")
    first = raw[:end] if end >= 0 else raw
    if b"\r" not in first[:-1]:
        return raw if end >= 0 else raw.replace(b"\r", b"\n")
    if b"\r" not in first.rstrip(b"\r"):
        return raw.replace(b"\r\r\n", b"\r\n") if end >= 0 else raw.replace(b"\r", b"\n")
    # A single CR within a line may be anything; that two of them end a header is no chance.
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if end < 0 or b"\r\r" in first else raw
