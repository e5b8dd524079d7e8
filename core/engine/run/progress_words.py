"""A run's progress in words, for the console and the command line: remaining time, rates, and a server's silence."""

from __future__ import annotations

from core.engine.visit.progress import Basis, Snapshot
from core.text.format import duration, number

#: Seconds after which a server's silence is shown.
SILENCE = 5.0


def left(snapshot: Snapshot) -> str:
    """The remaining time: ``3 min left``, with ``about`` while not all is listed; empty while unknown."""
    if snapshot.seconds_left is None:
        return ""
    about = "" if snapshot.basis in (Basis.NOTHING, Basis.BYTES) else "about "
    return f"{about}{duration(snapshot.seconds_left)} left"


def basis(snapshot: Snapshot) -> str:
    """The basis of the remaining time: ``by bytes``, ``by 12 of 40 mailboxes``; empty when there is none."""
    if snapshot.seconds_left is None:
        return ""
    everyone = number(snapshot.mailboxes_total)
    match snapshot.basis:
        case Basis.BYTES:
            return "by bytes"
        case Basis.BYTES_LISTED:
            listed = snapshot.mailboxes_total - snapshot.mailboxes_unlisted
            return f"by the bytes of {number(listed)} of {everyone} mailboxes"
        case Basis.MAILBOXES:
            return f"by {number(snapshot.mailboxes_done)} of {everyone} mailboxes"
        case _:
            return ""


def left_by(snapshot: Snapshot) -> str:
    """The remaining time with its basis."""
    return f"{left(snapshot)} {basis(snapshot)}".strip()


def rate(snapshot: Snapshot) -> str:
    """The rate in messages a second, with one decimal below ten; empty while nothing is done."""
    if not snapshot.message_rate:
        return ""
    if snapshot.message_rate >= 10:
        return f"{number(round(snapshot.message_rate))} msg/s"
    return f"{snapshot.message_rate:.1f} msg/s" if snapshot.message_rate >= 0.1 else "under 0.1 msg/s"


def silence(snapshot: Snapshot) -> str:
    """``last byte 12 s ago``; empty for the first seconds, and while no answer is expected."""
    if snapshot.silent < SILENCE:
        return ""
    ago = duration(snapshot.silent)
    return f"last byte {ago} ago" if snapshot.received else f"no byte yet for {ago}"
