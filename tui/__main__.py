"""The ``archivar`` command: the console for a person at a terminal, the command line for everything else.

Only the standard library is imported before the arguments are read, so that the command line never waits for
Textual and ``--version`` waits for nothing.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the command in ``sys.argv``; the exit codes are those of the command line contract."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from core import __version__

        sys.stdout.write(f"archivar {__version__}\n")
        return
    from core.system import guard

    guard.protect()
    if _names_no_command(arguments) and _at_terminal():
        _console(Path(home) if (home := _home(arguments)) else None)
    else:
        queued = None
        if "run" in arguments:
            # Before the command line is loaded, which takes longer than many a run.
            from core.cli import ahead

            queued = ahead.queue(arguments)
        from core.cli.main import main as command_line

        raise SystemExit(command_line(arguments, _console, queued))


def _console(home: Path | None) -> None:
    """Open the console on an archive."""
    from tui.app import run

    run(home)


def _names_no_command(arguments: list[str]) -> bool:
    return not arguments or bool(_home(arguments))


def _home(arguments: list[str]) -> str:
    """The folder when ``arguments`` are ``--home FOLDER`` or ``--home=FOLDER`` and nothing else, or an empty string."""
    match arguments:
        case ["--home", home]:
            return home
        case [option] if option.startswith("--home="):
            return option.removeprefix("--home=")
    return ""


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


if __name__ == "__main__":
    main()
