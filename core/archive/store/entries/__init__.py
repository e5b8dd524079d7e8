"""Statements of ledger entries: one frozen class for each kind.

Each class documents the fields of its payload (version 1), and has all that follows from the kind alone: how the
payload is written and read (of every version that ever wrote one), its sentence, the messages that it names, its title in a
list of kinds. What it means for the catalog stands in ``core.archive.catalog``, by a ``match`` that the type checker holds to
be complete. A new kind is a class here, in its module's union at the end, and a case there; none in the catalog for a class
that is ``Unprojected``.

``sha256`` is in hexadecimal digits, ``internaldate`` in seconds since 1970 or null, ``flags`` in one text with blanks between.
``source`` names a mailbox on a server and where it goes (``imap://login@host -> owner/top folder``), ``server_folder`` the
folder's name exactly as on the wire, ``folder`` its path in the owner's archive, ``owner`` the user's id.
"""

from __future__ import annotations

from typing import get_args

from core.archive.store.entries.everybody import AnyFiling
from core.archive.store.entries.lanes import AnyLane
from core.archive.store.entries.mail import AnyMail
from core.archive.store.entries.reading import Fields, Payload
from core.archive.store.entries.records import AnyRecord
from core.archive.store.entries.statement import Newer
from core.archive.store.entries.transfers import AnyTransfer
from core.archive.store.entries.upkeep import AnyUpkeep

#: Every statement that this version can write.
AnyEntry = AnyMail | AnyFiling | AnyTransfer | AnyRecord | AnyUpkeep | AnyLane

#: The classes, by kind.
KINDS: dict[str, type[AnyEntry]] = {one.kind: one for one in get_args(AnyEntry)}


def is_a(kind: str, group: type) -> bool:
    """True when statements of ``kind`` are of the class ``group``; nothing is read."""
    found = KINDS.get(kind)
    return found is not None and issubclass(found, group)


def read(kind: str, payload: Payload) -> AnyEntry | Newer:
    """Read the statement of a payload. Raises ``Unreadable``, ``ValueError``."""
    found = KINDS.get(kind)
    return Newer(kind) if found is None else found.of(Fields(payload))
