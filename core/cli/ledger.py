"""``archivar ledger``: the history, and the seal that proves it later."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.answer import Answer, Line, Note, Part, Table, Verbatim
from core.cli.context import context
from core.cli.help import Command, Group
from core.errors import InputError
from core.problems import usage
from core.problems.ledger import NO_ENTRY
from core.problems.seal_line import NOTHING_TO_CHECK
from core.system.actor import Actor

if TYPE_CHECKING:
    from core.archive.store.ledger import Entry


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="The ledger: everything that happened, chained.", no_args_is_help=True)
    group.command("show", cls=Command)(ledger_show)
    group.command("head", cls=Command)(ledger_head)
    group.command("check", cls=Command)(ledger_check)
    app.add_typer(group, name="ledger")


async def ledger_show(
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many entries.")] = 50,
    before: Annotated[
        int | None, typer.Option("--before", metavar="SEQ", min=1, help="Only entries before this number.")
    ] = None,
    entry: Annotated[
        int | None, typer.Option("--entry", metavar="SEQ", min=1, help="Only this entry, with every change that it tells.")
    ] = None,
) -> Answer:
    """Show the ledger's entries, the newest first: when, by which account, what, and from what to what.

    BY is the channel and the account as the kernel names it; anna>root is who logged in as anna and became root.
    """
    async with context.archive() as archive:
        if entry is not None:
            entries = [one for one in await archive.entries_before(entry + 1, 1) if one.seq == entry]
            if not entries:
                raise InputError(NO_ENTRY(entry=entry))
        else:
            entries = await archive.entries_before(before, limit)
    lines = _listed(entries) if entry is None else _lines(entries[0])
    return Answer(json=lambda: {"entries": [_as_json(one) for one in entries]}, lines=lines)


def _listed(entries: Sequence[Entry]) -> Iterator[Part]:
    rows = [(str(e.seq), f"{e.at[:10]} {e.at[11:16]}", Actor.of(e.actor).short(), e.sentence()) for e in entries]
    yield Table(("SEQ", "TIME (UTC)", "BY", "WHAT"), rows, right=("SEQ",))
    if entries and entries[-1].seq > 1:
        yield Note(f"More: archivar ledger show --before {entries[-1].seq}")


def _as_json(entry: Entry) -> dict[str, Any]:
    changes = entry.changes()
    return {
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind,
        "actor": entry.actor,
        "by": Actor.of(entry.actor).as_json(),
        "hash": entry.hash.hex(),
        "what": entry.sentence(),
        "changes": None if changes is None else [change.as_json() for change in changes],
        "payload": entry.payload,
    }


def _lines(entry: Entry) -> Iterator[Line]:
    """All of an entry except its payload, which ``--json`` has."""
    for name, value in (
        ("Entry", str(entry.seq)),
        ("Time", entry.at),
        ("By", Actor.of(entry.actor).sentence()),
        ("Kind", entry.kind),
        ("Says", entry.sentence()),
        ("Hash", entry.hash.hex()),
    ):
        yield Line(f"{name:<8}{value}", 8)
    for index, change in enumerate(entry.changes() or ()):
        yield Line(f"{'' if index else 'Changes':<8}{change.sentence()}", 10)


async def ledger_head() -> Answer:
    """Show the end of the chain: a seal of all that there is now.

    Number, hash and time in one line. Kept elsewhere, on paper or in a mail, it proves with archivar ledger check that
    nothing up to there was taken out or changed.
    """
    from core.archive.proof import seal

    async with context.archive() as archive:
        now = await seal.current(archive)
    return Answer(json=now.as_json, lines=[Verbatim(str(now))])


async def ledger_check(
    head: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="HEAD", help="A seal as it was kept: the line, a file with one or many (journal, mail), or - for stdin."
        ),
    ] = None,
    stamp: Annotated[
        list[Path] | None,
        typer.Option("--stamp", metavar="FILE", help="A time stamp that was kept (seals/*.tsr in the home). Can be repeated."),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="PEM", help="The root of the stamp's authority; without it, those that are set up."),
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read and hash every message, too.")] = False,
) -> Answer:
    """Prove that the archive still contains everything up to a seal or time stamp.

    The whole chain is walked from the volumes, without the catalog, and every message that it names must be there with all
    its parts; its bytes are read with --deep. No network is used. Exit code 4 with the first difference if anything up to that
    entry was changed or taken out.
    """
    from core.archive.proof import seal, seal_check
    from core.cli import evidence

    home = context.find()
    if not head and not stamp:
        raise InputError(NOTHING_TO_CHECK())
    wanted = seal.find(_text(" ".join(head)), await seal_check.archive_id(home)) if head else ()
    stamps = await evidence.stamps(home, stamp or [], ca_file)
    return await evidence.check(home, wanted, stamps, deep=deep)


def _text(given: str) -> str:
    """The seal itself, or read from a given file or stdin. Raises ``InputError``."""
    from core.archive.proof import seal

    if given == "-":
        if sys.stdin is None:
            raise InputError(usage.NO_INPUT(command="archivar ledger head"))
        return sys.stdin.buffer.read(seal.LONGEST_FILE + 1).decode("utf-8", "replace")
    return seal.text(given)
