"""A field of a record that was changed, as entries of the ledger tell it.

Every entry that saves or removes a record carries ``changes``::

    [{field, old, new}]       another value; a new record has no ``old`` in any of them, a removed one no ``new``
    [{field, secret: true}]   a password was stored, replaced or forgotten: that it changed, and nothing of it

``field`` is the key of the settings file (``delete.when``), or the name in ``User``. Entries of older versions have none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.archive.store.entries.reading import Fields, Payload, record, row
from core.text.format import number

KEY = "changes"
#: The JSON of a user, profile, directory, address, setting or place of seals.
Record = dict[str, Any]
#: Ids and what only the program needs are told by the entry itself.
_UNTOLD = {"id", "v"}
_ABSENT: Any = object()
#: Changes that a sentence tells, and the longest text of one there.
_SHOWN, _LONGEST = 3, 90


@dataclass(frozen=True, slots=True)
class Change:
    """One field. ``old`` and ``new`` are values of JSON, ``ABSENT`` where there was, or is, none; ``secret``: not told."""

    field: str
    old: Any = _ABSENT
    new: Any = _ABSENT
    secret: bool = False

    @classmethod
    def of_json(cls, value: object) -> Change:
        """Raises ``Unreadable`` when it is none."""
        fields = Fields(record(value))
        return cls(
            fields.text("field"), fields.raw("old", _ABSENT), fields.raw("new", _ABSENT), bool(fields.raw("secret", False))
        )

    def as_json(self) -> Record:
        if self.secret:
            return {"field": self.field, "secret": True}
        both = {"field": self.field, "old": self.old, "new": self.new}
        return {name: value for name, value in both.items() if value is not _ABSENT}

    @property
    def began(self) -> bool:
        """True for the value that a new record began with."""
        return self.old is _ABSENT and not self.secret

    @property
    def ended(self) -> bool:
        """True for the value that a record had when it was removed."""
        return self.new is _ABSENT and not self.secret

    def sentence(self) -> str:
        """``delete.when: never → immediately``; what a list gained and lost rather than all of it, twice."""
        if self.secret:
            return f"{self.field}: changed"
        if self.began or self.ended:
            return f"{self.field}: {_shown(self.new if self.began else self.old)}"
        if isinstance(self.old, list) and isinstance(self.new, list) and self.old and self.new:
            gained = [f"+{_shown(one)}" for one in self.new if one not in self.old]
            lost = [f"-{_shown(one)}" for one in self.old if one not in self.new]
            if gained or lost:
                return f"{self.field}: {', '.join([*gained, *lost])}"
        return f"{self.field}: {_shown(self.old)} → {_shown(self.new)}"


#: The changes that an entry tells; None of one of an older version, which tells none.
Changes = tuple[Change, ...] | None

#: The changes that a caller tells who has stored, replaced or forgotten a password of a profile or of the directory.
PASSWORD_CHANGED = (Change("login.password", secret=True),)


def of(fields: Fields) -> Changes:
    """The changes in a payload. Raises ``Unreadable``."""
    return tuple(map(Change.of_json, row(fields.raw(KEY)))) if KEY in fields else None


def payload(changes: Changes) -> Payload:
    """The field of a payload that has the changes; none where none are told."""
    return {} if changes is None else {KEY: [one.as_json() for one in changes]}


def summary(changes: Changes, *, renamed: bool) -> str:
    """The first changes, after the sentence that says of what; ``renamed``: it says the name as well."""
    if changes is None or any(change.ended for change in changes):
        return ""
    if any(change.began for change in changes):
        return " It is new."
    if not renamed and not changes:
        return " Nothing of it was changed."
    found = [one for one in changes if not (renamed and one.field == "name")]
    # That a password changed must not be what is left out.
    found.sort(key=lambda one: not one.secret)
    texts = (one.sentence() for one in found[:_SHOWN])
    cut = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…" for text in texts]
    more = f"; and {number(len(found) - _SHOWN)} more" if len(found) > _SHOWN else ""
    said = f"{'; '.join(cut)}{more}"
    return f" {said.removesuffix('.')}." if said else ""


def between(old: Record | None, new: Record | None) -> list[Change]:
    """The fields that differ; of a new record (``old`` is None) or a removed one all that say anything."""
    before, after = ({} if one is None else flat(one) for one in (old, new))
    found = []
    for field in dict.fromkeys((*after, *before)):
        was, now = before.get(field, _ABSENT), after.get(field, _ABSENT)
        if old is None or new is None:
            value = now if old is None else was
            if value is not False and not _is_nothing(value):
                found.append(Change(field, was, now))
        elif was != now and not (_is_nothing(was) and _is_nothing(now)):
            # One that a section has only now, or no more: not given is a value as any other.
            found.append(Change(field, None if was is _ABSENT else was, None if now is _ABSENT else now))
    return found


def sentences(changes: Sequence[Change] | None) -> list[str]:
    """Each change in a line."""
    return [change.sentence() for change in changes or ()]


def flat(value: Record, prefix: str = "") -> Record:
    """Fields by their dotted names; lists are values."""
    found: Record = {}
    for name, one in value.items():
        if not prefix and name in _UNTOLD:
            continue
        if isinstance(one, dict):
            found.update(flat(one, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = one
    return found


def _is_nothing(value: Any) -> bool:
    """True for a value that says nothing: not given, or empty."""
    return value is _ABSENT or value is None or value in ("", [], {})


def _shown(value: Any) -> str:
    if _is_nothing(value):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)
