"""Changes of settings, one by one, each an entry of the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from core.archive.archive import Archive
from core.archive.catalog.settings import DESCRIBED, Settings, read, themes
from core.archive.store.entries.records import SettingSaved
from core.archive.store.ledger import Draft
from core.db import kept
from core.errors import InputError
from core.problems import setting as problems


async def change(archive: Archive, name: str, text: str, *, actor: str = "archivar") -> Settings:
    """Change one setting; all settings afterwards. An unchanged one leaves no trace in the ledger.

    Raises ``InputError`` that names the allowed values.
    """
    described = DESCRIBED.get(name)
    if described is None:
        raise InputError(problems.UNKNOWN(name=_short(name), near=_near(name, DESCRIBED), there=tuple(DESCRIBED)))
    try:
        value = described.parse(text.strip())
    except ValueError:
        near, allowed = "", described.allowed
        if name == "theme":
            near, allowed = _near(text, themes()), f"{allowed}: {', '.join(themes())}"
        raise InputError(problems.NOT_ALLOWED(name=name, value=_short(text), near=near, allowed=allowed)) from None
    described.check(archive.home, value)
    stored = str(value) if isinstance(value, int) and not isinstance(value, bool) else described.show(value)
    async with archive.changing():
        if value != getattr(await read(archive.database), name):
            # The entry first, so that no setting changes without one.
            await archive.append([Draft(SettingSaved(name, described.show(value)), actor)])
        async with archive.database.transaction() as transaction:
            await kept.keep(transaction, name, stored)
    return await read(archive.database)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _near(text: str, known: Iterable[str]) -> str:
    """The known name that is most like ``text``; empty when none is."""
    from difflib import get_close_matches

    found = get_close_matches(text.strip().lower()[:60], list(known), n=1)
    return found[0] if found else ""
