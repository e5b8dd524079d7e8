"""``archivar settings``: console looks, concurrency, and more."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from core.archive.catalog import settings
from core.archive.registry import saved_settings
from core.cli.answer import Answer, Table
from core.cli.context import actor, context
from core.cli.help import Command, Group

NAME = Annotated[str, typer.Argument(metavar="NAME", help="The setting's name, as archivar settings lists it.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="Settings: listed, or one of them set.", invoke_without_command=True)
    group.callback()(list_settings)
    group.command("set", cls=Command)(set_one)
    app.add_typer(group, name="settings")


def list_settings(asked: typer.Context) -> Coroutine[Any, Any, Answer] | None:
    """Settings: listed, or one of them set."""
    return _list() if asked.invoked_subcommand is None else None


async def _list() -> Answer:
    async with context.archive() as archive:
        found = await settings.read(archive.database)
    values = settings.shown(found)
    rows = [(name, values[name], f"{one.what} Allowed: {one.allowed}.") for name, one in settings.DESCRIBED.items()]
    return Answer(json=lambda: {"settings": found.as_json()}, lines=[Table(("NAME", "VALUE", "WHAT IT IS"), rows)])


async def set_one(name: NAME, value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")]) -> Answer:
    """Change a setting. A running service goes by it at once."""
    async with context.archive() as archive:
        changed = await saved_settings.change(archive, name, value, actor=actor())
    return Answer(json=lambda: {"settings": changed.as_json()}, notes=[f"{name} is {settings.shown(changed)[name]} now."])
