"""Assembles the commands and turns errors into exit codes."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from inspect import iscoroutine
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.answer import Answer
from core.cli.context import Console, context, run
from core.cli.output import output
from core.errors import ArchivarError, InputError, StorageError
from core.problems import usage
from core.system import locales

if TYPE_CHECKING:
    import typer

    from core.service.ahead import QueuedAhead

HELP = """Archives mailboxes of Kerio Connect and any other IMAP server.

At a terminal, archivar without a command opens the console.
"""


def build() -> typer.Typer:
    """The group of all commands, none of them imported."""
    import typer

    from core.cli.commands import Commands

    app = typer.Typer(
        name="archivar",
        cls=Commands,
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        # Rich's tracebacks show local variables, and some of those are secret.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(lambda: None)
    return app


def main(arguments: Sequence[str], console: Console | None = None, ahead: QueuedAhead | None = None) -> int:
    """Run the command in ``arguments``; the exit code. ``console`` opens the console, for commands that end there.

    ``ahead``: the run that the command asks for, queued already.
    """
    context.console = console
    try:
        left = _take_options(list(arguments))
        _doubt_locale()
        return _do(left) if ahead is None else _waited(ahead, left)
    except ArchivarError as error:
        try:
            output.error(error)
        except StorageError:
            # Reported on stderr already; stdout is closed.
            return error.exit_code
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _waited(ahead: QueuedAhead, arguments: Sequence[str]) -> int:
    """Wait for the run that is queued: without Typer, which takes longer to load than a small run."""
    from core.cli import waiting

    detach = "--detach" in arguments
    answer = None if detach else waiting.short(ahead)
    if answer is None:
        from core.cli.following import follow

        answer = run(follow(ahead, detach=detach))
    return output.show(answer)


def _doubt_locale() -> None:
    """Warn about a locale without UTF-8, at a terminal or when characters are lost."""
    if (output.lossy or output.at_terminal) and not output.json_wanted and any(doubt := locales.doubt()):
        output.note("! " + " ".join(doubt))


def _do(arguments: list[str]) -> int:
    if not arguments:
        _write_help(build())
        raise InputError(usage.NO_TERMINAL())
    if arguments == ["--version"]:
        from core import __version__

        output.line(f"archivar {__version__}")
        return 0
    import typer

    try:
        said = build()(arguments, prog_name="archivar", standalone_mode=False)
        if iscoroutine(said):
            said = run(said)
        return output.show(said) if isinstance(said, Answer) else said if isinstance(said, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return 130
    except OSError as error:
        # Typer writes its help texts itself.
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        output.stdout_failed(error)
        return 0
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            for line in str(error).splitlines():
                output.note(line)
            return 2
        wrong = _usage_error(error)
        if wrong is None:
            raise
        raise wrong from None


def _write_help(app: typer.Typer) -> None:
    import typer

    command = typer.main.get_command(app)
    for line in command.get_help(command.make_context("archivar", ["--help"], resilient_parsing=True)).splitlines():
        output.note(line)


def _take_options(arguments: list[str]) -> list[str]:
    """Remove ``--home`` and ``--json``, which may stand anywhere, from the arguments."""
    output.json_wanted = "--json" in arguments[: arguments.index("--")] if "--" in arguments else "--json" in arguments
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*rest, word, *words]
        if word == "--json":
            continue
        if word == "--home" or word.startswith("--home="):
            folder = next(words, "") if word == "--home" else word.removeprefix("--home=")
            if not folder or "\0" in folder:
                raise InputError(usage.NO_FOLDER(option="--home", help="archivar --help"))
            context.home = Path(folder)
        else:
            rest.append(word)
    return rest


def _usage_error(error: Exception) -> InputError | None:
    """Typer's own sentence about wrong usage, or None for another error."""
    describe = getattr(error, "format_message", None)
    if describe is None:
        return None
    command = getattr(getattr(error, "ctx", None), "command_path", "archivar")
    # The prefix is from the library that Typer checks values with, and carries no information.
    said = str(describe()).replace("Value error, ", "")
    return InputError(usage.WRONG(said=said, help=f"{command} --help"))
