"""``archivar doctor``: exposure of the archive's files, and the checkup of a server through Kerio's administration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from core.archive.registry import saved_directory, saved_profiles
from core.archive.transfer import exposures
from core.cli.answer import Answer, Line, Part
from core.cli.context import context
from core.cli.help import Command
from core.errors import InputError
from core.problems.directory import NOT_KERIO
from core.profiles.directory import DirectoryKind

if TYPE_CHECKING:
    from core.directory.checkup import CheckupFinding


def register(app: typer.Typer) -> None:
    app.command("doctor", cls=Command)(doctor)


async def doctor(
    profile: Annotated[str | None, typer.Option("--profile", metavar="NAME", help="What this profile needs decides.")] = None,
) -> Answer:
    """Look whether Kerio Connect is set up for archiving, and whether others can read the archive's files.

    Asks the administration with the directory's settings, which must be those of Kerio Connect; changes nothing. Looks at
    master authentication, the archive's classes of messages, limits of services, clean-out rules. Exit code 1 when something
    should be changed.
    """
    from core.directory import checkup
    from core.directory.checkup import CheckupFinding

    async with context.archive() as archive:
        open_to_others = await exposures.look(archive)
        own = [CheckupFinding("Files of the archive", False, reason=one.reason) for one in open_to_others]
        if not own:
            own = [CheckupFinding("Files of the archive", True, "No other account can read them.")]
        wanted = await saved_profiles.find(archive, profile) if profile is not None else None
        if await saved_directory.load(archive) is None:
            return _answer(own, "No directory is set up: nothing is asked of a server.")
        directory = await saved_directory.find(archive)
        if directory.source is not DirectoryKind.KERIO:
            if open_to_others:
                return _answer(own, "The directory is not Kerio Connect: nothing is asked of the server.")
            raise InputError(NOT_KERIO())
        password = await saved_directory.password(archive, directory)
    return _answer(own + await checkup.examine(directory, password, wanted, lambda step, text: None))


def _answer(found: Sequence[CheckupFinding], note: str = "") -> Answer:
    ok = all(one.ok is not False for one in found)
    return Answer(
        json=lambda: {"ok": ok, "checks": [one.as_json() for one in found]},
        notes=_told(found, note),
        exit_code=0 if ok else 1,
    )


def _told(found: Sequence[CheckupFinding], note: str) -> Iterator[Part | str]:
    if note:
        yield note
    for one in found:
        mark = "! unclear" if one.ok is None else "✔ good" if one.ok else "✘ change"
        yield Line(f"{one.name:<24}{mark:<10}{one.text}", 34)
        if one.remedy:
            yield Line(f"{'':34}{one.remedy}", 34)
