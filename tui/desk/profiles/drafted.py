"""A draft as a profile: complete, or as far as one request needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.archive.registry.saved_profiles import Misfit
from core.errors import InputError
from core.problems import console
from core.problems.code import Reason
from core.profiles.profile import Kind, Profile
from core.profiles.schema import forms
from core.profiles.schema.faults import FieldError
from core.profiles.schema.profile_rules import HOW, How
from core.profiles.schema.profiles import PROFILES
from core.profiles.selection import SelectionMode
from tui.desk.profiles.draft import ProfileDraft

_MISFITS = {
    Misfit.NOT_STORED: console.PASSWORD_NOT_KEPT,
    Misfit.SERVER: console.OTHER_SERVER,
    Misfit.ACCOUNT: console.OTHER_ACCOUNT,
    Misfit.ENCRYPTION: console.OTHER_ENCRYPTION,
}


def filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with derived values for empty ones: the address is the user name."""
    found = dict(fields)
    if found.get("kind") == Kind.MAILBOX and not str(found.get("login.username") or "").strip():
        found["login.username"] = found.get("target.folder") or ""
    return found


def stand_in(draft: ProfileDraft) -> Profile:
    """The draft as a profile, with stand-ins for fields that a connection does not need. Raises ``InputError``."""
    fields = filled(draft.fields)
    for name in forms.problems(PROFILES, fields):
        if name in ("name", "target.user", "target.folder") or name.partition(".")[0] in ("users", "schedule"):
            fields.pop(name, None)
        if name.startswith("schedule."):
            fields[HOW] = How.MANUAL.value
    fields.setdefault("name", "new")
    if fields.get("kind") == Kind.MAILBOX:
        fields["target.user"] = fields.get("target.user") or "nobody"
        fields["target.folder"] = fields.get("target.folder") or fields.get("login.username") or "x"
    elif draft.many and not fields.get("users.list"):
        fields["users.mode"] = SelectionMode.ALL.value
    fields.setdefault(HOW, How.MANUAL.value)
    return forms.made(PROFILES, fields)


def login_of(draft: ProfileDraft) -> Profile:
    """The draft as a profile with only server and login set. Raises ``InputError`` when these are invalid."""
    fields = {
        name: value for name, value in filled(draft.fields).items() if name.partition(".")[0] in ("kind", "server", "login")
    }
    return stand_in(ProfileDraft(fields))


def complete(draft: ProfileDraft) -> Profile:
    """The draft as a profile for a test. Raises ``InputError`` naming the missing field."""
    try:
        return stand_in(draft)
    except FieldError as error:
        raise InputError(console.NOT_TRIED(place=_place(draft, error))) from error


def made(draft: ProfileDraft) -> Profile:
    """The profile of the draft. Raises ``InputError`` naming the invalid field."""
    try:
        return forms.made(PROFILES, filled(draft.fields))
    except FieldError as error:
        raise InputError(console.NOT_SAVED(place=_place(draft, error))) from error


def _place(draft: ProfileDraft, error: FieldError) -> str:
    return forms.place(PROFILES, error.field, draft.fields)


def needed(misfit: Misfit, profile: str) -> Reason:
    """The reason why the password kept for a profile does not fit any more."""
    return console.PASSWORD_REMOVED(profile=profile) if misfit is Misfit.REMOVED else _MISFITS[misfit]()
