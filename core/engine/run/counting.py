"""The work of a run by its entries, mailbox by mailbox."""

from __future__ import annotations

from typing import assert_never

from core.archive.store.entries import AnyEntry
from core.archive.store.entries.everybody import Filed
from core.archive.store.entries.mail import Archived, Deleted, Moved
from core.archive.store.entries.statement import Erased, Newer
from core.archive.store.entries.values import count_of
from core.model import Tally

#: Kinds of entries that are counted.
COUNTED = {Archived.kind, Filed.kind, Moved.kind, Deleted.kind}


def count(tallies: dict[str, Tally], run: int, value: AnyEntry | Newer | Erased) -> None:
    """Add an entry of the run to the tally of its mailbox, by the mailbox's name in the ledger."""
    if not isinstance(value, Archived | Filed | Moved | Deleted) or value.run != run:
        return
    source = value.source if isinstance(value, Moved) else value.source.source
    tally = tallies.setdefault(source, Tally())
    match value:
        case Archived(messages=messages):
            tally.archived += len(messages)
            tally.bytes += sum(message.size for message in messages)
        case Filed(messages=filed):
            tally.archived += len(filed)
            tally.bytes += sum(one.message.size for one in filed)
        case Moved():
            tally.moved += value.followed()
        case Deleted(uids=uids):
            tally.deleted += count_of(uids)
        case _:
            assert_never(value)


def add_before(tally: Tally, before: Tally) -> None:
    """Add what was done before a run went on: messages archived then are known now, and are the run's own work."""
    # Messages deleted since are not known any more.
    tally.known = max(tally.known - before.archived - before.moved, 0)
    tally.add(before)
