"""Safe texts on the way to the toolkit: as content, which is never markup, and as a message in a corner of the screen."""

from __future__ import annotations

from typing import Literal

from textual.content import Content
from textual.dom import DOMNode

from tui.desk.present import Safe


def shown(text: Safe) -> Content:
    """A safe text as the toolkit's content."""
    return Content(text)


def tell(
    node: DOMNode, text: Safe, *, severity: Literal["information", "warning"] = "information", timeout: float | None = None
) -> None:
    """Show a text in a corner for some seconds, or for ``timeout`` seconds."""
    node.app.notify(text, severity=severity, timeout=timeout, markup=False)
