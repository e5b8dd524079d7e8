"""``archivar folders``, ``show``, ``export``, ``verify``, ``rebuild``, ``ledger``: reading back and proving."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.archive import users
from core.archive.ledger import Draft
from core.cli.context import actor, context, run
from core.cli.help import Command, Group
from core.cli.output import output
from core.cli.words import counted, day_and_time, minute
from core.errors import ArchivarError, BusyError
from core.format import number, size

# What only one of these commands needs is imported there: ``ledger head`` may be asked for every minute.
if TYPE_CHECKING:
    from core.archive import verify as proof


class Format(StrEnum):
    """Formats of an export."""

    EML = "eml"


def register(app: typer.Typer) -> None:
    app.command("folders", cls=Command)(folders)
    app.command("show", cls=Command)(show)
    app.command("export", cls=Command)(export_messages)
    app.command("verify", cls=Command)(verify)
    app.command("rebuild", cls=Command)(rebuild)
    group = typer.Typer(cls=Group, help="The ledger: everything that happened, chained.", no_args_is_help=True)
    group.command("show", cls=Command)(ledger_show)
    group.command("head", cls=Command)(ledger_head)
    app.add_typer(group, name="ledger")


def folders(user: Annotated[str, typer.Argument(metavar="USER", help="User name or address.")]) -> None:
    """List the folders in a user's archive."""
    from core.archive import reading

    async def work() -> None:
        async with context.archive() as archive:
            owner = await users.find(archive, user, removed=True)
            found = await reading.folders(archive, owner.id)
        if output.json_wanted:
            rows = [{"folder": one.path, "messages": one.messages, "bytes": one.bytes} for one in found]
            output.json({"user": owner.name, "folders": rows})
            return
        if not found:
            output.line(f"{owner.name} has no mail in the archive yet.")
            return
        rows_ = [(number(one.messages), size(one.bytes), one.path) for one in found]
        output.table(("MESSAGES", "SIZE", "FOLDER"), rows_, right=("MESSAGES", "SIZE"))

    run(work())


def show(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message's number, or the start of its SHA-256.")],
    raw: Annotated[bool, typer.Option("--raw", help="The whole message, byte for byte, for a file or pipe.")] = False,
) -> None:
    """Show a message, where it lies and where it was."""
    from core.archive import reading

    async def work() -> None:
        async with context.archive() as archive:
            found = await reading.find(archive, message)
            content = await archive.raw(found.sha256)
            if raw:
                output.raw(content)
                return
            places = await reading.places(archive, found.id)
        text = reading.text(content)
        date = day_and_time(found.date)
        if output.json_wanted:
            output.json(
                {
                    "id": found.id,
                    "sha256": found.sha256.hex(),
                    "subject": found.subject,
                    "from": found.sender,
                    "to": found.recipients,
                    "date": date,
                    "size": found.size,
                    "attachments": found.attachments,
                    "places": [
                        {"user": one.user, "folder": one.folder, "since": one.since, "until": one.until or None}
                        for one in places
                    ],
                    "text": text,
                }
            )
            return
        for label, value in (
            ("Subject", found.subject),
            ("From", found.sender),
            ("To", found.recipients),
            ("Date", date),
            ("Size", f"{counted(found.size, 'byte')}, {counted(found.attachments, 'attachment')}"),
            ("SHA-256", found.sha256.hex()),
        ):
            output.line(f"{label + ':':<9}{value}".rstrip(), indent=9)
        for one in places:
            until = f", until {minute(one.until)}" if one.until else ""
            output.line(f"{'Place:':<9}{one.user}: {one.folder} (since {minute(one.since)}{until})", indent=9)
        output.line()
        for line in text.splitlines():
            output.line(line)

    run(work())


def export_messages(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")],
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Whose archive.")],
    format_: Annotated[Format, typer.Option("--format", metavar="FORMAT", help="The format of the files: eml.")],
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Only this folder of the archive, and below.")] = "",
) -> None:
    """Write messages to files, byte for byte.

    Files that are there already are not written over; the same export again carries on.
    """
    from core.archive import export

    async def work() -> int:
        async with context.archive() as archive:
            owner = await users.find(archive, user, removed=True)
            done = await export.export_eml(archive, owner, directory, folder=folder, actor=actor())
        if output.json_wanted:
            output.json(
                {
                    "user": owner.name,
                    "directory": str(directory),
                    "messages": done.messages,
                    "bytes": done.bytes,
                    "already": done.already,
                    "damaged": done.damaged,
                }
            )
        output.note(
            f"{counted(done.messages, 'message')}, {size(done.bytes)} written to {directory}"
            + (f"; {number(done.already)} there already" if done.already else "")
            + "."
        )
        for name in done.damaged:
            output.note(f"Damaged: {name}")
        return 4 if done.damaged else 0

    raise typer.Exit(run(work()))


def verify() -> None:
    """Prove that the archive is undamaged.

    Every byte is hashed again, the ledger's chain walked, the catalog compared with it. Exit code 4 if anything is wrong.
    """
    from core.archive import last_verification
    from core.archive import verify as proof

    async def work() -> int:
        home = context.find()
        verdict = await proof.verify(home, _tick if output.for_person else lambda verdict: None)
        if output.for_person:
            output.progress()
        named = await _names(verdict)
        await _record(verdict)
        await last_verification.remember(home, verdict)
        if output.json_wanted:
            value = {"volumes": verdict.volumes, "parts": verdict.parts, "messages": verdict.messages}
            value |= {"entries": verdict.entries, "bytes": verdict.bytes}
            head = {"seq": verdict.head.seq, "hash": verdict.head.hash.hex()}
            found = [one.as_json() | {"messages": named.get(one.text, "")} for one in verdict.findings]
            output.json({"ok": not verdict.findings, **value, "head": head, "findings": found})
        else:
            for one in verdict.findings:
                output.line(f"✘ {one.where}: {one.text}" + (f" ({named[one.text]})" if one.text in named else ""))
            output.line(
                f"{'✘ damaged' if verdict.findings else '✔ clean'}: {counted(verdict.volumes, 'volume')}, "
                f"{counted(verdict.parts, 'part')}, {counted(verdict.messages, 'message')}, "
                f"{counted(verdict.entries, 'ledger entry', 'ledger entries')}, {size(verdict.bytes)}"
            )
        return 4 if verdict.findings else 0

    raise typer.Exit(run(work()))


def _tick(verdict: proof.Verdict) -> None:
    from core.archive.verify import ROWS

    if verdict.parts % 4096 < ROWS:
        known = f"{counted(verdict.parts, 'part')}, {counted(verdict.messages, 'message')}"
        output.progress(f"{known}, {size(verdict.bytes)}")


async def _names(verdict: proof.Verdict) -> dict[str, str]:
    """Where damaged messages lie, by the text of the finding, as far as the catalog can still tell."""
    from core.archive.verify import describe_message

    prefixes = {one.text: match[1] for one in verdict.findings if (match := re.match(r"Message ([0-9a-f]{16})", one.text))}
    if not prefixes:
        return {}
    try:
        async with context.archive(follow=False) as archive:
            return {text: await describe_message(archive, prefix) for text, prefix in prefixes.items()}
    except ArchivarError:
        return {}


async def _record(verdict: proof.Verdict) -> None:
    """Note a clean result in the ledger; a damaged archive is not written to any more than it must be."""
    if not verdict.findings:
        payload = {"parts": verdict.parts, "messages": verdict.messages, "entries": verdict.entries, "findings": 0}
        async with context.archive() as archive:
            await archive.append([Draft("verified", payload, actor())])


def rebuild() -> None:
    """Make the catalog anew from the volumes."""
    from core.service.lock import ServiceLock

    async def work() -> None:
        lock = ServiceLock(context.find())
        try:
            lock.acquire()
        except BusyError:
            raise BusyError("The service is running.", "Stop it first: archivar service stop.") from None
        try:
            async with context.archive(follow=False) as archive:
                entries = await archive.rebuild()
        finally:
            lock.release()
        if output.json_wanted:
            output.json({"entries": entries})
        output.note(f"The catalog was made anew from {counted(entries, 'ledger entry', 'ledger entries')}.")

    run(work())


def ledger_show(
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many entries.")] = 50,
    before: Annotated[
        int | None, typer.Option("--before", metavar="SEQ", min=1, help="Only entries before this number.")
    ] = None,
) -> None:
    """Show the ledger's entries, the newest first."""

    async def work() -> None:
        from core.archive.audit import describe

        async with context.archive() as archive:
            entries = await archive.entries_before(before, limit)
        if output.json_wanted:
            rows = [
                {
                    "seq": e.seq,
                    "at": e.at,
                    "kind": e.kind,
                    "actor": e.actor,
                    "hash": e.hash.hex(),
                    "what": describe(e),
                    "payload": e.payload,
                }
                for e in entries
            ]
            output.json({"entries": rows})
            return
        rows_ = [(str(e.seq), f"{e.at[:10]} {e.at[11:16]}", e.actor, describe(e)) for e in entries]
        output.table(("SEQ", "TIME (UTC)", "BY", "WHAT"), rows_, right=("SEQ",))
        if entries and entries[-1].seq > 1:
            output.note(f"More: archivar ledger show --before {entries[-1].seq}")

    run(work())


def ledger_head() -> None:
    """Show the end of the chain.

    A number and a hash that stand for everything before. Kept elsewhere, they prove that nothing was taken out or changed.
    """

    async def work() -> None:
        async with context.archive() as archive:
            head = await archive.head()
            times = await archive.entry_times({head.seq})
        if output.json_wanted:
            output.json({"seq": head.seq, "hash": head.hash.hex(), "at": times.get(head.seq)})
            return
        output.verbatim(f"{head.seq} {head.hash.hex()} {times.get(head.seq, '')}")

    run(work())
