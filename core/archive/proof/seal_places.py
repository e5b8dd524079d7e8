"""Seal places: where seals are sent, as set up in the ledger, with the state of their delivery.

The state is this machine's knowledge, and not in the ledger. Passwords lie encrypted among those of profiles, under names that
no profile can have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.proof.seal import Seal
from core.archive.registry import passwords, saved_profiles
from core.archive.store.entries.records import SealPlaceRemoved, SealPlaceSaved
from core.archive.store.ledger import Draft
from core.config import Home
from core.db.database import Row
from core.errors import InputError
from core.model import moment, now, timestamp
from core.problems import place as problems
from core.profiles.seal_place import PlaceError, PlaceKind, SealPlace, checked
from core.secrets import Secret

LONGEST_REASON = 500
#: The folder of the home for tokens of time-stamp authorities.
FOLDER = "seals"


@dataclass(frozen=True, slots=True)
class PlaceState:
    """A place and its delivery state. ``at``: the last attempt; ``sent``: the time at which ``seal``, the last delivered, was.

    ``failure``: the reason why the last attempt failed, the ``failures``-th in a row; ``broken``: the archive does not match
    the seal sent there.
    """

    place: SealPlace
    at: datetime | None = None
    sent: datetime | None = None
    seal: Seal | None = None
    failure: str = ""
    failures: int = 0
    broken: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            **self.place.as_json(),
            "tried": timestamp(self.at) if self.at else None,
            "sent": timestamp(self.sent) if self.sent else None,
            "seal": self.seal.as_json() if self.seal else None,
            "failure": self.failure,
            "broken": self.broken,
        }


async def standings(archive: Archive) -> list[PlaceState]:
    """All places, by their names; a definition that this program cannot read is left out."""
    rows = await archive.database.read(
        "SELECT definition, at, sent, seq, hash, entry_at, failure, failures, broken FROM seal_place ORDER BY name"
    )
    return [one for one in map(_standing, rows) if one is not None]


def _standing(row: Row) -> PlaceState | None:
    definition, at, sent, seq, digest, entry_at, failure, failures, broken = row
    try:
        place = SealPlace.from_json(json.loads(definition))
        seal = Seal(seq, bytes(digest), entry_at) if seq is not None else None
        return PlaceState(place, _moment(at), _moment(sent), seal, failure, failures, bool(broken))
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


async def failed(archive: Archive, place: SealPlace, reason: str, *, broken: bool = False) -> None:
    """Record a failed attempt, with its reason."""
    async with archive.database.transaction() as transaction:
        await transaction.execute(
            "UPDATE seal_place SET at = ?, failure = ?, failures = failures + 1, broken = ? WHERE name = ?",
            (timestamp(now()), reason[:LONGEST_REASON].encode("utf-8", "replace").decode(), broken, place.name),
        )


def trouble(found: Sequence[PlaceState]) -> str:
    """The failures at places in a sentence for the administrator; empty when there are none."""
    wrong = [one for one in found if one.failure]
    if broken := [one for one in wrong if one.broken]:
        return f"DAMAGED: {broken[0].failure}"
    if not wrong:
        return ""
    one = wrong[0]
    more = f" So with {len(wrong) - 1} more." if len(wrong) > 1 else ""
    return f"No seal reaches {one.place.name}: {one.failure}{more} It is tried again."


def tokens(home: Home) -> list[Path]:
    """The files of time stamps in the home, in the order of their entries."""
    return sorted(path for path in (home.path / FOLDER).glob("*.tsr") if path.name[:12].isdecimal() and path.name[12] == "-")


def _key(name: str) -> str:
    return f"-seal:{name.casefold()}"
