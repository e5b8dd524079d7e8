"""``archivar backup``: a second home with the same archive, while runs go on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from core.archive.noting import cause
from core.archive.proof.findings import Verdict
from core.archive.transfer.backup import Backup, back_up
from core.archive.transfer.backup_work import Steps, make
from core.cli.answer import Answer
from core.cli.context import actor, context
from core.cli.help import Command
from core.cli.progress import ProgressLine
from core.errors import InputError
from core.problems.command_line import coded, sentence
from core.problems.disk import NO_FOLDER
from core.text.format import counted, number, size

#: Findings of a verification that are listed.
SHOWN = 10


def register(app: typer.Typer) -> None:
    app.command("backup", cls=Command)(backup)


async def backup(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The folder of the backup; without it the scheduled one is made now.")
    ] = None,
    without_key: Annotated[
        bool,
        typer.Option("--without-key", help="Leave out secret.key, so that the backup opens no password; keep it elsewhere."),
    ] = False,
) -> Answer:
    """Copy the archive to a folder, best on another disk, while runs go on.

    The same folder again: only what is new is copied. Broken off, it carries on. To restore, copy the folder's content back,
    and archivar rebuild there. By itself the service backs up to the folder of archivar settings set backup_to.
    """
    if directory is None:
        return await _scheduled(with_key=not without_key)
    if "\0" in str(directory):
        raise InputError(NO_FOLDER(path="DIR"))
    place = directory.absolute()
    async with context.archive() as archive:
        progress = ProgressLine()
        try:
            done = await back_up(
                archive,
                place,
                with_key=not without_key,
                actor=actor(),
                tick=lambda done: progress(lambda: _line(done)),
            )
        finally:
            progress.end()
    return Answer(
        json=lambda: _as_json(done, place, with_key=not without_key),
        notes=_told(done, place, with_key=not without_key),
        exit_code=4 if done.damaged else 0,
    )


async def _scheduled(*, with_key: bool) -> Answer:
    """Make the scheduled backup now, and verify it."""
    async with context.archive() as archive:
        progress = ProgressLine()
        steps = Steps(
            copied=lambda done: progress(lambda: _line(done)),
            verified=lambda verdict: progress(lambda: f"verifying it: {counted(verdict.messages, 'message')}"),
        )
        try:
            made = await make(archive, actor=actor(), with_key=with_key, steps=steps)
        finally:
            progress.end()
    done, verdict, place = made.done, made.verdict, Path(made.end.directory)
    verified = {"clean": not verdict.findings, "messages": verdict.messages, "findings": len(verdict.findings)}
    return Answer(
        json=lambda: _as_json(done, place, with_key=with_key) | {"verified": verified},
        notes=[*_told(done, place, with_key=with_key, proved=True), *_verified(verdict)],
        exit_code=4 if done.damaged or verdict.findings else 0,
    )


def _verified(verdict: Verdict) -> Iterator[str]:
    if not verdict.findings:
        yield f"✔ Verified: {counted(verdict.messages, 'message')}, nothing is damaged."
    for one in verdict.findings[:SHOWN]:
        yield f"✘ {one.where}: {one.text}"
    if len(verdict.findings) > SHOWN:
        yield f"… {counted(len(verdict.findings) - SHOWN, 'more finding')}"


def _line(done: Backup) -> str:
    return f"{size(done.bytes)} of about {size(max(done.total, done.bytes))}: {done.where}"


def _as_json(done: Backup, place: Path, *, with_key: bool) -> dict[str, Any]:
    return {
        "directory": str(place),
        "volumes": done.volumes,
        "already": done.already,
        "bytes": done.bytes,
        "damaged": [sentence(one.why) for one in done.damaged],
        "problems": [one.as_json() for one in done.damaged],
        "unnoted": coded(cause(done.unnoted)) if done.unnoted else None,
        "key": with_key,
        "head": {"seq": done.head.seq, "hash": done.head.hash.hex()},
    }


def _told(done: Backup, place: Path, *, with_key: bool, proved: bool = False) -> Iterator[str]:
    unchanged = f", {number(done.already)} unchanged" if done.already else ""
    yield f"Backed up to {place}: {counted(done.volumes, 'volume')} copied ({size(done.bytes)}){unchanged}."
    if done.unnoted:
        yield f"! {sentence(done.unnoted)}"
    if done.damaged:
        for one in done.damaged:
            yield f"✘ Not copied: {sentence(one.why)}"
        yield "Where the archive itself is damaged: archivar repair; then back up again."
        return
    if not with_key:
        gone = " The one that was there is removed." if done.key_removed else ""
        yield f"! secret.key is not in it.{gone} Keep a copy elsewhere: without it no stored password can be read."
    if not proved:
        yield f"To prove it: archivar verify --home {shlex.quote(str(place))}"
    yield "To restore: copy all that is in it to an empty folder HOME, then archivar rebuild --home HOME"
