"""A message for a reader: its content, and its text or a note in its place."""

from __future__ import annotations

from core.errors import ArchivarError
from core.message import content
from core.message.content import Content
from core.message.octets import Bytes


def read(raw: Bytes) -> Content:
    """The content of a message for a reader; an error of reading it becomes its text."""
    try:
        return content.read(raw)
    except ArchivarError:
        # It could be read a moment ago, and cannot any more.
        raise
    except Exception as error:
        said = f"(its text cannot be read, by a fault of Archivar: {type(error).__name__}; its source shows all of it)"
        return Content((), said, "", (), (type(error).__name__,))


def text(read: Content) -> str:
    """The readable text of a message, converted from HTML if it has no other, or a note that there is none."""
    return read.text or "(no text in this message; its source shows all of it)"
