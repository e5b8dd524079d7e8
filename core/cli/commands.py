"""The commands by name, in the order of use, and their group, which imports a command's module on demand.

What holds here: the help of all commands loads none of them, so each command's line is repeated here.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand

from core.cli.help import Group


class CommandEntry(NamedTuple):
    """A command that is not loaded: its module within ``core.cli``, and its line in the help."""

    module: str
    line: str


#: In the order of use, not of the alphabet.
COMMANDS = {
    "demo": CommandEntry("demo", "Try it on three sample mailboxes."),
    "user": CommandEntry("users", "Users: whose mail is archived."),
    "directory": CommandEntry("directory", "The directory that users come from."),
    "profile": CommandEntry("profiles", "Profiles: what is archived, from where, into whose archive."),
    "run": CommandEntry("runs", "Archive: run a profile and watch."),
    "runs": CommandEntry("runs", "List past and present runs."),
    "watch": CommandEntry("runs", "Watch a run until it ends; leaving does not stop it."),
    "cancel": CommandEntry("runs", "Cancel a run."),
    "missing": CommandEntry("missing", "Compare the server with the archive."),
    "status": CommandEntry("status", "Show the archive at a glance: profiles, last results."),
    "acknowledge": CommandEntry("acknowledge", "Let a standing alarm stand: it counts as a remark from then on."),
    "stats": CommandEntry("statistics", "Show how mail is spread over time, users, folders, senders and sizes."),
    "doctor": CommandEntry(
        "doctor", "Look whether Kerio Connect is set up for archiving, and whether others can read the archive's files."
    ),
    "unknown": CommandEntry("unknown", "Addresses in our domains that no user has, seen in catch-all mailboxes."),
    "refile": CommandEntry("unknown", "File mail that is archived already to users who were not known when it came."),
    "folders": CommandEntry("archive", "List the folders in a user's archive."),
    "search": CommandEntry("search", "Find mail."),
    "index": CommandEntry("search", "Bring the search index up to the archive."),
    "show": CommandEntry("archive", "Show a message, where it lies and where it was."),
    "export": CommandEntry("transfer", "Write messages to files, byte for byte, with a manifest and SHA256SUMS."),
    "import": CommandEntry("transfer", "Put mail from files into a user's archive, byte for byte."),
    "restore": CommandEntry("restore", "Put messages back into a mailbox, byte for byte, with flags and dates."),
    "verify": CommandEntry("proof", "Prove that the archive is undamaged."),
    "repair": CommandEntry("proof", "Fetch damaged messages again."),
    "rebuild": CommandEntry(
        "proof", "Make catalog and search index anew from the volumes; a restored backup becomes an archive of its own."
    ),
    "backup": CommandEntry("backup", "Copy the archive to a folder, best on another disk, while runs go on."),
    "storage": CommandEntry("storage", "The storage of sealed volumes outside the home: a bucket, or a folder."),
    "key": CommandEntry("key", "The key that encrypts stored passwords."),
    "ledger": CommandEntry("ledger", "The ledger: everything that happened, chained."),
    "seal": CommandEntry("seal", "The archive's seal, and the places outside that it is sent to by itself."),
    "settings": CommandEntry("settings", "Settings: listed, or one of them set."),
    "service": CommandEntry("service", "The service that does the runs."),
    "cluster": CommandEntry("cluster", "Workers on other machines: set up, and shown."),
    "worker": CommandEntry("cluster", "Visit mailboxes for an archive on another machine, until stopped (SIGTERM, SIGINT)."),
    "help": CommandEntry("manual", "Show a page of the manual; without a topic, which pages there are."),
}


class _Unloaded(TyperCommand):
    """A command before its import: name and line of the help."""


class Commands(Group):
    """All commands. ``commands`` has each by its name from the start; ``get_command`` imports it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: _Unloaded(name, help=known.line) for name, known in COMMANDS.items()}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if isinstance(self.commands.get(cmd_name), _Unloaded):
            self.commands.update(load(COMMANDS[cmd_name].module))
        return super().get_command(ctx, cmd_name)


@cache
def load(module: str) -> dict[str, Any]:
    """The commands of a module, made once: reading the types of their options takes longer than many a command."""
    app = typer.Typer(rich_markup_mode=None)
    # Otherwise Typer would make a lone command the whole program.
    app.callback()(lambda: None)
    import_module(f"core.cli.{module}").register(app)
    group: Any = typer.main.get_command(app)
    return dict(group.commands)
