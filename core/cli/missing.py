"""``archivar missing``: comparison of a server with the archive, by numbers or by every byte."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.registry import saved_profiles
from core.cli.answer import Answer, Line, Part, Table
from core.cli.context import actor, context
from core.cli.help import Command
from core.cli.moments import day_and_time
from core.cli.output import output
from core.cli.progress import ProgressLine
from core.engine.examine.differences import DifferenceKind, Differing, MissingFolder, MissingMailbox, account
from core.errors import DamagedError, InputError
from core.model import now, timestamp
from core.problems.code import Reason
from core.problems.command_line import told
from core.problems.usage import NEEDS_OTHER
from core.text.format import counted, number, size

if TYPE_CHECKING:
    from core.engine.examine.comparison import Compared, Deep

#: Messages listed for each folder; --json has all.
SHOWN = 10
#: Seconds between plain lines, so that the log of a long comparison stays readable.
LINE_SECONDS = 5.0

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]


def register(app: typer.Typer) -> None:
    app.command("missing", cls=Command)(missing)


async def missing(
    name: Name,
    deep: Annotated[bool, typer.Option("--deep", help="Read every message, and compare its SHA-256.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="With --deep: archive what differs, beside the old.")] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="With --deep: from the beginning, also when one that was stopped could go on.")
    ] = False,
) -> Answer:
    """Compare the server with the archive.

    Every message of every folder is looked for; --deep reads them all, and goes on where it was stopped. Exit code 1 if one is
    missing or differs, or if a folder cannot be compared.
    """
    if (repair or anew) and not deep:
        raise InputError(NEEDS_OTHER(option="--repair" if repair else "--anew", other="--deep"))
    from core.engine.examine import examine
    from core.engine.examine.comparison import Deep
    from core.service.idle import until_idle

    async with context.archive() as archive:
        profile = await saved_profiles.find(archive, name)
        secret = await saved_profiles.password(archive, profile)
        wanted = None
        if deep:
            wanted = Deep(repair=repair, anew=anew, actor=actor(), tick=_Told(), told=_warn)
            wanted.quiet = lambda: until_idle(archive, profile.name, output.note)
        try:
            found = await examine.missing(archive, profile, secret, wanted)
        except asyncio.CancelledError:
            if wanted:
                output.note(f"{counted(wanted.progress.done, 'message')} compared. The same command goes on from there.")
            raise
        finally:
            if output.for_person:
                output.progress()
        # Messages archived in a lost volume may be gone: comparing numbers cannot stand for them.
        unread = [archive.home.volume(number).name for number in await archive.volumes.unusable()]
    return Answer(
        json=lambda: as_json(profile.name, found, wanted) | {"unreadable": unread},
        lines=_lines(found, profile.name, wanted, unread),
        exit_code=DamagedError.exit_code if unread else int(any(one.missing or one.errors for one in found)),
    )


def _warn(reason: Reason) -> None:
    output.note(f"Warning: {told(reason)}")


class _Told:
    """Shows the progress of a deep comparison: a moving line at a terminal, lines at intervals elsewhere."""

    def __init__(self) -> None:
        self._line = ProgressLine()
        # The first line comes late: a comparison of seconds needs none.
        self._last = time.monotonic()

    def __call__(self, done: Compared) -> None:
        self._line(lambda: _progress(done))
        if not output.for_person and time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            output.note(f"Comparing: {_progress(done)}")


def _progress(done: Compared) -> str:
    differing = f" · {number(done.differing)} differ" if done.differing else ""
    return f"{number(done.done)} of {number(done.total)}, {size(done.bytes)}{differing} · {done.where}"


def as_json(profile: str, found: Sequence[MissingMailbox], deep: Deep | None) -> dict[str, Any]:
    """The JSON object of ``missing --json``."""
    value: dict[str, Any] = {
        "profile": profile,
        "missing": sum(one.missing for one in found),
        "mailboxes": [one.as_json() for one in found],
    }
    if deep is not None:
        depths = [folder.depth for one in found for folder in one.folders if folder.depth]
        kept = [depth.kept_since for depth in depths if depth.kept_since]
        value["deep"] = {
            "started": timestamp(deep.started),
            "finished": None if any(one.unfinished for one in found) else timestamp(now()),
            "compared": sum(depth.compared for depth in depths),
            "bytes": sum(depth.bytes for depth in depths),
            "kept": sum(depth.kept for depth in depths),
            "kept_since": timestamp(min(kept)) if kept else None,
            "renumbered": sum(depth.renumbered for depth in depths),
            "left_over": sum(depth.left_over for depth in depths),
            "repaired": sum(one.repaired for one in found),
        }
    return value


def _lines(found: Sequence[MissingMailbox], profile: str, deep: Deep | None, unread: Sequence[str]) -> Iterator[Part | str]:
    for mailbox in found:
        # One mailbox of many is only shown in full when something differs.
        if len(found) == 1 or mailbox.missing or mailbox.errors or mailbox.repaired:
            yield from _of_mailbox(mailbox, alone=len(found) == 1)
    count, errors = sum(one.missing for one in found), sum(one.errors for one in found)
    if len(found) > 1:
        complete = sum(not one.missing and not one.errors for one in found)
        yield f"{number(complete)} of {counted(len(found), 'mailbox', 'mailboxes')} complete."
    if errors:
        what = "could not be compared."
        yield (f"{counted(errors, 'folder')} {what}" if len(found) == 1 else f"{number(errors)} mailboxes or folders {what}")
    yield from account(found) if deep is not None else ()
    if count and deep is not None:
        verb = "differs" if count == 1 else "differ"
        hint = "" if deep.repair else f" To archive what differs: archivar missing {quote(profile)} --deep --repair"
        yield f"{counted(count, 'message')} {verb} from the archive, or cannot be compared.{hint}"
    elif count:
        yield f"{counted(count, 'message')} missing in the archive. To fetch what is missing: archivar run {quote(profile)}"
    elif unread:
        what = f"{', '.join(unread)} cannot be read whole, and what was archived there may be lost"
        yield f"Nothing else is missing, but {what}: archivar repair names it and brings it back."
    elif not errors:
        yield (
            "Nothing is missing in the archive."
            if deep is None
            else "Nothing is missing in the archive, and every byte is the same."
        )


def _of_mailbox(mailbox: MissingMailbox, *, alone: bool) -> Iterator[Part | str]:
    if not alone:
        yield f"{mailbox.mailbox} ({mailbox.user})"
    if mailbox.error:
        yield Line(f"! cannot be compared: {mailbox.error}", 2)
    folders = sorted(mailbox.folders, key=lambda folder: (folder.path != "INBOX", folder.path.casefold()))
    rows = [(folder.path, *_counts(folder), _state(folder)) for folder in folders]
    if rows:
        yield Table(("FOLDER", "ON SERVER", "ARCHIVED", "STATE"), rows, right=("ON SERVER", "ARCHIVED"))
    yield ""
    for folder in folders:
        for one in folder.differences[:SHOWN]:
            yield Line(f"{folder.path}, {_named(one)}", 2)
        if (more := len(folder.differences) - SHOWN) > 0:
            yield Line(f"{folder.path}: {number(more)} more (--json names all)", 2)
        repaired = folder.depth.repaired if folder.depth else ()
        for one in repaired[:SHOWN]:
            yield Line(f"{folder.path}, {_named(one)}: repaired", 2)
        if (more := len(repaired) - SHOWN) > 0:
            yield Line(f"{folder.path}: {number(more)} more repaired (--json names all)", 2)


def _counts(folder: MissingFolder) -> tuple[str, str]:
    """The numbers of messages on the server, and of archived ones; empty where unknown."""
    unknown = bool(folder.error) and not folder.found
    known = "" if folder.excluded or unknown else number(folder.archived)
    return "" if unknown else number(folder.found), known


def _state(folder: MissingFolder) -> str:
    if folder.excluded:
        return f"- {folder.excluded}"
    if folder.error:
        lost = f"{number(len(folder.differences))} {_verb(folder)}; " if folder.differences else ""
        return f"! {lost}cannot be compared: {folder.error}"
    state = f"! {number(len(folder.differences))} {_verb(folder)}" if folder.differences else "✔ complete"
    return state + (f" ({number(folder.left_out)} left out by the filter)" if folder.left_out else "")


def _verb(folder: MissingFolder) -> str:
    if all(one.what is DifferenceKind.NOT_ARCHIVED for one in folder.differences):
        return "missing"
    return "differs" if len(folder.differences) == 1 else "differ"


def _named(one: Differing) -> str:
    """A differing message, with the difference."""
    reason = f" ({one.told})" if one.told else ""
    known = f"UID {one.uid}: {counted(one.size, 'byte')}, {day_and_time(one.internaldate) or 'no date'}"
    return f"{known}, {one.what.words}{reason}"
