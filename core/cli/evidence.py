"""Checking seals and time stamps from the command line: reading them, walking the archive, and reporting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.proof import seal_check, seal_places, stamp
from core.archive.proof.seal import Seal
from core.archive.proof.seal_check import SealCheck
from core.archive.proof.stamp import Stamp
from core.cli.answer import Answer, Line
from core.cli.progress import ProgressLine
from core.config import Home
from core.errors import ArchivarError, DamagedError, InputError
from core.problems import seal as seal_problems
from core.problems.disk import UNREAD
from core.profiles.seal_place import PlaceKind
from core.text.format import number


async def stamps(home: Home, files: Sequence[Path], ca_file: Path | None) -> list[Stamp]:
    """The time stamps in ``files``, each checked by ``ca_file`` or by the configured authorities.

    Raises ``InputError``, and ``DamagedError`` for a token that proves nothing.
    """
    if not files:
        return []
    authorities = [ca_file] if ca_file else await _authorities(home)
    trusted = [certificate for path in authorities for certificate in stamp.roots(path)]
    found = []
    for file in files:
        try:
            with file.open("rb") as opened:
                data = opened.read(stamp.LARGEST + 1)
        except OSError as error:
            raise InputError(UNREAD(path=str(file), said=str(error.strerror))) from error
        try:
            found.append(stamp.check(data, trusted))
        except stamp.StampError as error:
            raise DamagedError(seal_problems.FILE_PROVES_NOTHING(file=str(file), why=error.reason)) from error
    return found


async def _authorities(home: Home) -> list[Path]:
    """The root certificates of the configured time-stamp authorities, from the catalog."""
    try:
        archive = await Archive.open(home, follow=False)
        try:
            places = [one.place for one in await seal_places.standings(archive)]
        finally:
            await archive.close()
    except ArchivarError as error:
        raise InputError(seal_problems.AUTHORITIES_UNKNOWN(why=error.reason, option="--ca-file")) from error
    found = [Path(place.ca_file) for place in places if place.kind is PlaceKind.STAMP]
    if not found:
        raise InputError(seal_problems.NO_AUTHORITY(option="--ca-file"))
    return found


async def check(home: Home, wanted: Iterable[Seal], stamps: Sequence[Stamp], *, deep: bool) -> Answer:
    """Check the archive, with progress; the answer has exit code 4 where it differs."""
    progress = ProgressLine(0.1)
    seals = tuple(wanted)

    def tell(done: int, total: int, what: str) -> None:
        progress(lambda: f"{what} {number(done)}" + (f" of {number(total)}" if total else ""))

    found = await seal_check.check(home, seals, stamps, deep=deep, tell=tell)
    progress.end()
    return Answer(json=lambda: _as_json(found, seals), notes=_lines(found), exit_code=4 if found.difference else 0)


def _as_json(found: SealCheck, seals: Sequence[Seal]) -> dict[str, Any]:
    value = {**found.as_json(), "seals": [one.as_json() for one in seals]}
    # A single seal keeps its earlier key.
    return value | {"seal": seals[-1].as_json()} if seals else value


def _lines(found: SealCheck) -> Iterator[Line]:
    if found.difference:
        yield Line(f"✘ {found.difference}")
        return
    yield Line(f"✔ {found.sentence()}")
    for text in found.stamps():
        yield Line(f"✔ {text}")
