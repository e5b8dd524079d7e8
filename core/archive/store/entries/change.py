"""A field of a record that was changed, as entries of the ledger tell it.

Every entry that saves or removes a record carries ``changes``::

    [{field, old, new}]       another value; a new record has no ``old`` in any of them, a removed one no ``new``
    [{field, secret: true}]   a password was stored, replaced or forgotten: that it changed, and nothing of it

``field`` is the key of the settings file (``delete.when``), or the name in ``User``. Entries of older versions have none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.archive.store.entries.reading import Fields, Payload, record, row
from core.text.format import number
from core.values import dataclass

KEY = "changes"
#: The JSON of a user, profile, directory, address, setting or place of seals.
Record = dict[str, Any]
#: Fields left out of the changes: ids and internals, which the entry itself has.
_UNTOLD = {"id", "v"}
_ABSENT: Any = object()
#: How many changes a sentence lists, and the longest text of one there.
_SHOWN, _LONGEST = 3, 90


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one field.

    ``old`` and ``new`` are JSON values, ``ABSENT`` where there is none; ``secret``: without values.
    """

    field: str
    old: Any = _ABSENT
    new: Any = _ABSENT
    secret: bool = False

    @classmethod
    def of_json(cls, value: object) -> Change:
        """The change in one item of a payload. Raises ``Unreadable``."""
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
        """True for the first value of a new record."""
        return self.old is _ABSENT and not self.secret

    @property
    def ended(self) -> bool:
        """True for the last value of a removed record."""
        return self.new is _ABSENT and not self.secret

    def sentence(self) -> str:
        """The change in words: ``delete.when: never → immediately``; of lists only the items gained and lost."""
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


#: The changes of an entry; None for an entry of an older version, which has none.
Changes = tuple[Change, ...] | None

#: Change reported by the caller when a password of a profile or of the directory was stored, replaced or forgotten.
PASSWORD_CHANGED = (Change("login.password", secret=True),)


def of(fields: Fields) -> Changes:
    """The changes of a payload. Raises ``Unreadable``."""
    return tuple(map(Change.of_json, row(fields.raw(KEY)))) if KEY in fields else None


def payload(changes: Changes) -> Payload:
    """The payload's ``changes`` field; no field for None."""
    return {} if changes is None else {KEY: [one.as_json() for one in changes]}


def summary(changes: Changes, *, renamed: bool) -> str:
    """The first changes as the end of a sentence; ``renamed``: the old name comes first."""
    if changes is None or any(change.ended for change in changes):
        return ""
    if any(change.began for change in changes):
        return " It is new."
    if not renamed and not changes:
        return " Nothing of it was changed."
    found = [one for one in changes if not (renamed and one.field == "name")]
    # A changed password must not be among those left out.
    found.sort(key=lambda one: not one.secret)
    texts = (one.sentence() for one in found[:_SHOWN])
    cut = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…" for text in texts]
    more = f"; and {number(len(found) - _SHOWN)} more" if len(found) > _SHOWN else ""
    said = f"{'; '.join(cut)}{more}"
    return f" {said}{'' if said.endswith('.') else '.'}" if said else ""


def between(old: Record | None, new: Record | None) -> list[Change]:
    """The fields that differ; for a new record (``old`` is None) or a removed one all fields that are not empty."""
    before, after = ({} if one is None else flat(one) for one in (old, new))
    found = []
    for field in dict.fromkeys((*after, *before)):
        was, now = before.get(field, _ABSENT), after.get(field, _ABSENT)
        if old is None or new is None:
            value = now if old is None else was
            if value is not False and not _is_nothing(value):
                found.append(Change(field, was, now))
        elif was != now and not (_is_nothing(was) and _is_nothing(now)):
            # A field that only one side has: absent counts as a value.
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
    """True for a value that is absent or empty."""
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
