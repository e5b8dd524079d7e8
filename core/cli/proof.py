"""``archivar verify``, ``rebuild``: proving the archive, and making its catalog anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

from core.archive.ledger import Draft
from core.cli.context import actor, context, run
from core.cli.help import Command
from core.cli.output import output
from core.cli.words import counted
from core.errors import ArchivarError, BusyError
from core.format import size

if TYPE_CHECKING:
    from core.archive import verify as proof


def register(app: typer.Typer) -> None:
    app.command("verify", cls=Command)(verify)
    app.command("rebuild", cls=Command)(rebuild)


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
