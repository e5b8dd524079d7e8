"""The form of ``--help``: arguments and options in plain words, and with each command the options that may stand anywhere."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

#: Removed from the arguments by ``main`` before Typer sees them.
ANYWHERE = (
    ("--home FOLDER", "The archive's folder; else ARCHIVAR_HOME, /var/lib/archivar for root, ~/.local/share/archivar."),
    ("--json", "One JSON object on stdout; text for people goes to stderr."),
)


class Command(TyperCommand):
    """A command."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``[OPTIONS] NAME [RUN]``."""
        return ["[OPTIONS]", *usage(self, ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        arguments = [(_name(one), getattr(one, "help", None) or "") for one in _arguments(self, ctx)]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        _write_options(self, ctx, formatter)


class Group(TyperGroup):
    """A group of commands."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(200)) for name in self.list_commands(ctx)])
        _write_options(self, ctx, formatter)


def usage(command: TyperCommand, ctx: Any) -> list[str]:
    """The arguments of a command, optional ones in brackets."""
    return [_name(one) if one.required else f"[{_name(one)}]" for one in _arguments(command, ctx)]


def _arguments(command: TyperCommand, ctx: Any) -> list[Any]:
    return [one for one in command.get_params(ctx) if one.param_type_name == "argument"]


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()) + (" ..." if argument.nargs == -1 else "")


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    found = [one.get_help_record(ctx) for one in command.get_params(ctx) if one.param_type_name == "option"]
    version = [("--version", "Show the version and exit.")] if ctx.parent is None else []
    with formatter.section("Options"):
        formatter.write_dl([*filter(None, found), *ANYWHERE, *version])
