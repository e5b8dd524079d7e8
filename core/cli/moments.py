"""Times of the ledger and of messages as the command line and its JSON have them. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime


def minute(text: str) -> str:
    """A time of the ledger in readable form: ``2026-01-31 09:05 UTC``."""
    return f"{text[:10]} {text[11:16]} UTC"


def day_and_time(seconds: int | None) -> str:
    """Seconds since 1970 as date and time in UTC; empty when unknown or outside the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds is not None else ""
    except (ValueError, OverflowError, OSError):
        return ""


def date_or_arrival(date: int | None, arrived: int | None, written: str) -> str:
    """The date of a message; without a usable one, its time of receipt, marked as such."""
    if known := day_and_time(date):
        return known
    why = f"its own date cannot be used: {written}" if written else "it has no date of its own"
    received = day_and_time(arrived)
    return f"received {received} ({why})" if received else f"unknown ({why})"


def iso(seconds: int | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC, for JSON; None where ``day_and_time`` is empty."""
    if seconds is None or not day_and_time(seconds):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
