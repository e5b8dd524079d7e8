"""``archivar settings``: how the console looks, how much is done at once."""

from __future__ import annotations

from typing import Annotated

import typer

from core.archive.catalog import settings
from core.archive.registry import saved_settings
from core.cli.context import actor, context, run
from core.cli.help import Command, Group
from core.cli.output import output

NAME = Annotated[str, typer.Argument(metavar="NAME", help="The setting's name, as archivar settings lists it.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="Settings: listed, or one of them set.", invoke_without_command=True)
    group.callback()(list_settings)
    group.command("set", cls=Command)(set_one)
    app.add_typer(group, name="settings")


def list_settings(asked: typer.Context) -> None:
    """Settings: listed, or one of them set."""
    if asked.invoked_subcommand is not None:
        return

    async def work() -> None:
        async with context.archive() as archive:
            found = await settings.read(archive.database)
        if output.json_wanted:
            output.json({"settings": found.as_json()})
            return
        values = settings.shown(found)
        rows = [(name, values[name], f"{one.what} Allowed: {one.allowed}.") for name, one in settings.DESCRIBED.items()]
        output.table(("NAME", "VALUE", "WHAT IT IS"), rows)

    run(work())


def set_one(name: NAME, value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")]) -> None:
    """Change a setting. A running service goes by it at once."""

    async def work() -> None:
        async with context.archive() as archive:
            changed = await saved_settings.change(archive, name, value, actor=actor())
        if output.json_wanted:
            output.json({"settings": changed.as_json()})
        output.note(f"{name} is {settings.shown(changed)[name]} now.")

    run(work())
