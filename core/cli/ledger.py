"""``archivar ledger``: what happened, and the seal that proves it later."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.actor import Actor
from core.cli.context import context, run
from core.cli.help import Command, Group
from core.cli.output import output
from core.errors import InputError

if TYPE_CHECKING:
    from core.archive.ledger import Entry


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="The ledger: everything that happened, chained.", no_args_is_help=True)
    group.command("show", cls=Command)(ledger_show)
    group.command("head", cls=Command)(ledger_head)
    group.command("check", cls=Command)(ledger_check)
    app.add_typer(group, name="ledger")


def ledger_show(
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many entries.")] = 50,
    before: Annotated[
        int | None, typer.Option("--before", metavar="SEQ", min=1, help="Only entries before this number.")
    ] = None,
    entry: Annotated[
        int | None, typer.Option("--entry", metavar="SEQ", min=1, help="Only this entry, with every change that it tells.")
    ] = None,
) -> None:
    """Show the ledger's entries, the newest first: when, by which account, what, and from what to what.

    BY is the channel and the account as the kernel names it; anna>root is who logged in as anna and became root.
    """

    async def work() -> None:
        from core.archive.audit import describe

        async with context.archive() as archive:
            if entry is not None:
                entries = [one for one in await archive.entries_before(entry + 1, 1) if one.seq == entry]
                if not entries:
                    raise InputError(f"There is no entry {entry} in the ledger.", "archivar ledger show lists them.")
            else:
                entries = await archive.entries_before(before, limit)
        if output.json_wanted:
            output.json({"entries": [_as_json(one) for one in entries]})
            return
        if entry is not None:
            _show(entries[0])
            return
        rows = [(str(e.seq), f"{e.at[:10]} {e.at[11:16]}", Actor.of(e.actor).short(), describe(e)) for e in entries]
        output.table(("SEQ", "TIME (UTC)", "BY", "WHAT"), rows, right=("SEQ",))
        if entries and entries[-1].seq > 1:
            output.note(f"More: archivar ledger show --before {entries[-1].seq}")

    run(work())


def _as_json(entry: Entry) -> dict[str, Any]:
    from core.archive.audit import changed, describe

    return {
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind,
        "actor": entry.actor,
        "by": Actor.of(entry.actor).as_json(),
        "hash": entry.hash.hex(),
        "what": describe(entry),
        "changes": changed(entry),
        "payload": entry.payload,
    }


def _show(entry: Entry) -> None:
    """All of an entry but its payload, which ``--json`` has."""
    from core.archive.audit import describe, details

    for name, value in (
        ("Entry", str(entry.seq)),
        ("Time", entry.at),
        ("By", Actor.of(entry.actor).sentence()),
        ("Kind", entry.kind),
        ("Says", describe(entry)),
        ("Hash", entry.hash.hex()),
    ):
        output.line(f"{name:<8}{value}", indent=8)
    for index, text in enumerate(details(entry)):
        output.line(f"{'' if index else 'Changes':<8}{text}", indent=10)


def ledger_head() -> None:
    """Show the end of the chain: a seal of all that there is now.

    Number, hash and time in one line. Kept elsewhere, on paper or in a mail, it proves with archivar ledger check that
    nothing up to there was taken out or changed.
    """
    from core.archive import seal

    async def work() -> None:
        async with context.archive() as archive:
            now = await seal.current(archive)
        if output.json_wanted:
            output.json(now.as_json())
            return
        output.verbatim(str(now))

    run(work())


def ledger_check(
    head: Annotated[
        list[str],
        typer.Argument(metavar="HEAD", help="The line of ledger head as it was kept, a file that holds it, or - for stdin."),
    ],
) -> None:
    """Prove that the archive still contains everything up to a seal.

    HEAD is the line that archivar ledger head printed. The whole chain is walked from the volumes, without the catalog. Exit
    code 4 with the first difference if anything up to that entry was changed or taken out.
    """
    from core.archive import seal

    async def work() -> int:
        wanted = seal.parse(_text(" ".join(head)))
        found = await seal.check(context.find(), wanted)
        if output.json_wanted:
            last = {"seq": found.last.seq, "hash": found.last.hash.hex()}
            output.json({"ok": not found.difference, "difference": found.difference, "seal": wanted.as_json(), "reached": last})
        if found.difference:
            output.line(f"✘ {found.difference}")
            return 4
        output.line(f"✔ The archive contains everything up to entry {wanted.seq}, unchanged.")
        return 0

    raise typer.Exit(run(work()))


def _text(given: str) -> str:
    """The seal itself, out of a file or stdin if that is what was given. Raises ``InputError``."""
    from core.archive import seal

    if given == "-":
        if sys.stdin is None:
            raise InputError("There is nothing on stdin.", "Give the line of archivar ledger head.")
        return sys.stdin.buffer.read(seal.LONGEST + 1).decode("utf-8", "replace")
    return seal.text(given)
