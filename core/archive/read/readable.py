"""A message for a reader: its content, and its text or a note in its place."""

from __future__ import annotations

from core.message import content
from core.message.content import Content


def read(raw: bytes) -> Content:
    """The content of a message for a reader; an error of reading it becomes its text."""
    try:
        return content.read(raw)
    except Exception as error:
        said = f"(its text cannot be read, by a fault of Archivar: {type(error).__name__}; its source shows all of it)"
        return Content((), said, "", (), (type(error).__name__,))


def text(read: Content) -> str:
    """The readable text of a message, converted from HTML if it has no other, or a note that there is none."""
    return read.text or "(no text in this message; its source shows all of it)"
