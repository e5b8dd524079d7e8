"""Seal places: where seals are sent, as set up in the ledger, with the state of their delivery.

The state is this machine's knowledge, and not in the ledger. Passwords lie encrypted among those of profiles, under names that
no profile can have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.proof.seal import Seal
from core.archive.registry import passwords, saved_profiles
from core.archive.store.entries.records import SealPlaceRemoved, SealPlaceSaved
from core.archive.store.ledger import Draft
from core.db import kept
from core.db.database import Database, Row, Transaction
from core.errors import InputError
from core.model import moment, now, timestamp
from core.problems import place as problems
from core.problems import table
from core.problems.code import Reason
from core.problems.command_line import told
from core.profiles.seal_place import PlaceError, PlaceKind, SealPlace, checked
from core.secrets import Secret
from core.values import dataclass

LONGEST_REASON = 500
#: The kept text with the reasons of failures: the table has only their sentences.
FAILURES = "seal_failures"


@dataclass(frozen=True, slots=True)
class PlaceState:
    """A place and its delivery state. ``at``: the last attempt; ``sent``: the time at which ``seal``, the last delivered, was.

    ``why``: the reason why the last attempt failed, the ``failures``-th in a row; ``broken``: the archive does not match
    the seal sent there.
    """

    place: SealPlace
    at: datetime | None = None
    sent: datetime | None = None
    seal: Seal | None = None
    why: Reason | None = None
    failures: int = 0
    broken: bool = False

    @property
    def failure(self) -> str:
        """The reason of the failure with its remedy, in the words of the command line; empty without one."""
        return told(self.why) if self.why is not None else ""

    def as_json(self) -> dict[str, Any]:
        return {
            **self.place.as_json(),
            "tried": timestamp(self.at) if self.at else None,
            "sent": timestamp(self.sent) if self.sent else None,
            "seal": self.seal.as_json() if self.seal else None,
            "failure": self.failure,
            "code": self.why.code.word if self.why is not None else "",
            "values": self.why.as_json()["values"] if self.why is not None else {},
            "broken": self.broken,
        }


async def standings(archive: Archive) -> list[PlaceState]:
    """All places, by their names; a definition that this program cannot read is left out."""
    rows = await archive.database.read(
        "SELECT definition, at, sent, seq, hash, entry_at, failure, failures, broken FROM seal_place ORDER BY name"
    )
    reasons = await _reasons(archive.database)
    return [one for one in (_standing(row, reasons) for row in rows) if one is not None]


async def _reasons(source: Database | Transaction) -> dict[str, Any]:
    """The kept reasons of failures by name of the place: ``{"at": time of the attempt, "reason", "code", "values"}``."""
    with suppress(ValueError):
        value = json.loads(await kept.value(source, FAILURES) or "{}")
        return value if isinstance(value, dict) else {}
    return {}


def _standing(row: Row, reasons: Mapping[str, Any]) -> PlaceState | None:
    definition, at, sent, seq, digest, entry_at, failure, failures, broken = row
    try:
        place = SealPlace.from_json(json.loads(definition))
        seal = Seal(seq, bytes(digest), entry_at) if seq is not None else None
        # Another version may have failed there since, whose sentence alone is known.
        known = reasons.get(place.name) if isinstance(reasons.get(place.name), dict) else None
        why = known if known and known.get("at") == at else {"reason": failure}
        reason = table.kept(why) if failure else None
        return PlaceState(place, _moment(at), _moment(sent), seal, reason, failures, bool(broken))
    except (ValueError, TypeError, KeyError):
        return None


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None


async def find(archive: Archive, name: str) -> PlaceState:
    """The place called ``name``. Raises ``InputError``."""
    for one in await standings(archive):
        if one.place.name.casefold() == name.strip().casefold():
            return one
    raise InputError(problems.UNKNOWN(name=name[:60]))


async def save(
    archive: Archive, place: SealPlace, password: Secret | None = None, *, actor: str = "archivar", new: bool = False
) -> SealPlace:
    """Save a place, and its password (encrypted) when one is given; the place as it was saved. Raises ``InputError``.

    ``new``: refused when there is one of that name. A stored password is forgotten when the account or server changes: it is
    never sent to another.
    """
    place = checked(place)
    if place.kind is PlaceKind.FILE and archive.home.holds(Path(place.target)):
        raise PlaceError("target", problems.WITHIN_HOME(path=place.target))
    async with archive.changing():
        before = {one.place.name.casefold(): one.place for one in await standings(archive)}.get(place.name.casefold())
        if before is not None and new:
            raise PlaceError("name", problems.THERE(name=before.name))
        if before is not None:
            # A place renamed only in case keeps its first spelling, by which it is known everywhere.
            place = replace(place, name=before.name)
        key = _key(place.name)
        box = passwords.box(archive, key, password) if password is not None else None
        stays = before is not None and before.same_account(place) and place.needs_password
        if (
            place.needs_password
            and box is None
            and not (stays and await archive.database.value("SELECT 1 FROM password WHERE profile = ?", (key,)))
        ):
            raise PlaceError("password", problems.PASSWORD_NEEDED(host=place.host, login=place.username))
        # Forgotten before and stored after the entry, so that a crash in between leaves no password rather than the wrong one.
        if not stays or box is not None:
            async with archive.database.transaction() as transaction:
                await transaction.execute("DELETE FROM password WHERE profile = ?", (key,))
        await archive.append([Draft(SealPlaceSaved(place.as_json()), actor)])
        async with archive.database.transaction() as transaction:
            if box is not None:
                await transaction.execute("INSERT INTO password (profile, box) VALUES (?, ?)", (key, box))
            same = before is not None and (before.kind, before.target) == (place.kind, place.target)
            # Another place under the same name has received no seal yet.
            forgotten = "" if same else ", sent = NULL, seq = NULL, hash = NULL, entry_at = NULL, broken = 0"
            await transaction.execute(
                f"UPDATE seal_place SET at = NULL, failure = '', failures = 0{forgotten} WHERE name = ?", (place.name,)
            )
    return place


async def remove(archive: Archive, name: str, *, actor: str = "archivar") -> SealPlace:
    """Forget a place and its password; seals sent there stay there. Raises ``InputError``."""
    async with archive.changing():
        place = (await find(archive, name)).place
        await archive.append([Draft(SealPlaceRemoved(place.name, place.kind.value), actor)])
        async with archive.database.transaction() as transaction:
            await transaction.execute("DELETE FROM password WHERE profile = ?", (_key(place.name),))
    return place


async def password(archive: Archive, place: SealPlace) -> Secret:
    """The password of a place's account; empty when it has none. Raises ``InputError``, ``HomeError``."""
    if place.password_file:
        return saved_profiles.read_password(Path(place.password_file))
    if not place.username:
        return Secret("")
    key = _key(place.name)
    stored = await passwords.stored(archive, key)
    if stored is None:
        raise InputError(problems.NO_PASSWORD(place=place.name))
    return stored


async def arrived(archive: Archive, place: SealPlace, seal: Seal, *, sent: bool) -> None:
    """Record a success: ``seal`` was ``sent``, or was there already."""
    at = timestamp(now())
    async with archive.database.transaction() as transaction:
        await transaction.execute(
            "UPDATE seal_place SET at = ?, sent = CASE WHEN ? OR sent IS NULL THEN ? ELSE sent END, seq = ?, hash = ?, "
            "entry_at = ?, failure = '', failures = 0, broken = 0 WHERE name = ?",
            (at, sent, at, seal.seq, seal.hash, seal.at, place.name),
        )


async def failed(archive: Archive, place: SealPlace, reason: Reason, *, broken: bool = False) -> None:
    """Record a failed attempt, with its reason."""
    at, text = timestamp(now()), told(reason)[:LONGEST_REASON].encode("utf-8", "replace").decode()
    async with archive.database.transaction() as transaction:
        reasons = await _reasons(transaction) | {place.name: {"at": at, **table.as_kept(reason)}}
        await kept.keep(transaction, FAILURES, json.dumps(reasons))
        await transaction.execute(
            "UPDATE seal_place SET at = ?, failure = ?, failures = failures + 1, broken = ? WHERE name = ?",
            (at, text, broken, place.name),
        )


def _key(name: str) -> str:
    return f"-seal:{name.casefold()}"
