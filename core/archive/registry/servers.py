"""Mail servers as this machine met them: product, certificates, accuracy of announced sizes."""

from __future__ import annotations

import json

from core.archive.visited import VisitedArchive
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class ServerState:
    """The last known state of a server. ``product`` and ``vendor`` are from its ID (RFC 2971), empty without one.

    ``certificates`` holds the SHA-256 of its certificates in hexadecimal digits, the newest last. ``inexact``: many of
    its messages have another length than it announces.
    """

    product: str = ""
    vendor: str = ""
    certificates: tuple[str, ...] = ()
    inexact: bool = False


async def load(archive: VisitedArchive, name: str) -> ServerState:
    """The state of the server ``name`` (a source name without its login: ``host`` or ``host:port``)."""
    row = await archive.database.one("SELECT product, vendor, certificates, inexact FROM server WHERE name = ?", (name,))
    return ServerState(row[0], row[1], tuple(json.loads(row[2])), bool(row[3])) if row else ServerState()


async def save(archive: VisitedArchive, name: str, state: ServerState) -> None:
    """Keep the state of a server."""
    async with archive.database.transaction() as transaction:
        await transaction.execute(
            "INSERT OR REPLACE INTO server (name, product, vendor, certificates, inexact) VALUES (?, ?, ?, ?, ?)",
            (name, state.product, state.vendor, json.dumps(state.certificates), state.inexact),
        )


async def distrust(archive: VisitedArchive, name: str) -> None:
    """Trust no earlier STATUS of the server: each of its folders is listed whole at its next visit.

    Results of comparisons with it are forgotten, too.
    """
    async with archive.database.transaction() as transaction:
        for table in ("folder_state", "compared"):
            await transaction.execute(f"DELETE FROM {table} WHERE instr(source, ?) > 0", (f"@{name} -> ",))
