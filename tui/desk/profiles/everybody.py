"""Drafts of catch-all profiles: checks against the archive, and examples in words."""

from __future__ import annotations

from datetime import UTC, datetime

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.engine.examine.examples import Example
from core.errors import InputError
from core.text import format as texts
from tui.desk import face, present
from tui.desk.profiles.draft import ExampleRow, ProfileDraft
from tui.desk.profiles.drafted import stand_in


async def problems(archive: Archive, draft: ProfileDraft) -> dict[str, str]:
    """Faults of a catch-all mailbox that only the archive knows: its address must not be a user's."""
    found: dict[str, str] = {}
    if owner := str(draft.fields.get("catchall.archive", "")).strip():
        try:
            await users.find(archive, owner)
        except InputError as error:
            found["catchall.archive"] = present.text(error.message)
    try:
        profile = stand_in(draft)
    except InputError:
        # Another field must be corrected first.
        return found
    try:
        await saved_profiles.refuse_own_address(archive, profile)
    except InputError as error:
        field = "catchall.own_addresses" if profile.catchall and profile.catchall.own_addresses else "login.username"
        found[field] = present.text(face.said(error), 500)
    return found


def example(one: Example) -> ExampleRow:
    facts = [f"from {present.text(one.sender, 100)}" if one.sender else "from nobody"]
    if one.date is not None:
        facts.append(_day(one.date))
    if one.journal:
        facts.append("in a journal report")
    notes = [present.sentence(f"no user has {present.text(address, 100)}") for address in one.unknown[:5]]
    if len(one.unknown) > 5:
        notes.append(present.sentence(f"and {texts.number(len(one.unknown) - 5)} more"))
    if one.left:
        notes.append(present.own("stays in the mailbox"))
    places = (
        ("the catch-all archive" if place.user == users.NOBODY.name else present.text(place.user, 60), place.folder)
        for place in one.places
    )
    return ExampleRow(
        present.text(one.subject, 200) or present.own("(no subject)"),
        present.sentence(", ".join(facts)),
        tuple(present.sentence(f"{whose}: {present.text(folder, 200)}") for whose, folder in places),
        tuple(notes),
    )


def _day(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        # A year outside the calendar.
        return "without a day"
