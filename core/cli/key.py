"""``archivar key``: the key that encrypts stored passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from core import files
from core.archive.registry import passwords
from core.archive.registry.passwords import Rotated
from core.cli.answer import Answer
from core.cli.context import actor, context
from core.cli.help import Command, Group
from core.config import Home
from core.errors import InputError
from core.problems import disk
from core.text.format import counted


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="The key that encrypts stored passwords.", no_args_is_help=True)
    # Typer would make a lone command the whole group.
    group.callback()(lambda: None)
    group.command("rotate", cls=Command)(rotate)
    app.add_typer(group, name="key")


async def rotate(
    keep_old: Annotated[
        Path | None,
        typer.Option("--keep-old", metavar="FILE", help="Keep the old key in this new file; backups made before need it."),
    ] = None,
) -> Answer:
    """Make a new key and store all passwords under it, while runs go on.

    The old key is gone then, unless --keep-old names a file for it. Broken off, it carries on when it is given again. The old
    key with a copy of the archive reveals the passwords: change those on the servers too. Exit code 1 if a password
    could not be read with the old key.
    """
    async with context.archive() as archive:
        passwords.refuse_rotation(archive)
        if keep_old is not None:
            _keep(archive.home, keep_old)
        try:
            done = await passwords.rotate_key(archive, actor=actor())
        except BaseException:
            if keep_old is not None:
                # The key is in its place, or both are; the same command can be repeated.
                keep_old.unlink(missing_ok=True)
            raise
    old = str(keep_old.absolute()) if keep_old is not None else None
    value = {"passwords": done.passwords, "unreadable": list(done.unreadable), "resumed": done.resumed, "old_key": old}
    return Answer(json=lambda: value, notes=_told(done, old), exit_code=1 if done.unreadable else 0)


def _told(done: Rotated, old: str | None) -> Iterator[str]:
    before = " A rotation that was broken off was carried on." if done.resumed else ""
    yield f"The key is new; {counted(done.passwords, 'password')} stored under it.{before}"
    for name in done.unreadable:
        yield f"! The password of {passwords.whose(name)} could not be read before either: enter it again."
    where = f"in {old}" if old is not None else "gone"
    yield f"The old key is {where}. Backups that hold it open with it still, until they are brought up to date."


def _keep(home: Home, file: Path) -> None:
    """Copy the key to a new file. Raises ``InputError``."""
    try:
        files.create(file, home.key.path.read_bytes())
    except FileExistsError:
        raise InputError(disk.THERE(path=str(file))) from None
    except ValueError:
        raise InputError(disk.NO_NAME(path=str(file))) from None
    except OSError as error:
        raise InputError(disk.NOT_COPIED(path=str(file), said=str(error.strerror))) from None
