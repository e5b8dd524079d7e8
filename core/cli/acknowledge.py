"""``archivar acknowledge``: alarms that a person knows of and lets stand."""

from __future__ import annotations

from typing import Annotated

import typer

from core.archive.registry import acknowledged
from core.cli.answer import Answer
from core.cli.context import actor, context
from core.cli.help import Command
from core.errors import InputError
from core.problems import alarm as problems
from core.problems import usage
from core.service.alarms.alarm import AlarmRule
from core.service.alarms.watch import Watch, runs_of
from core.text.format import counted


def register(app: typer.Typer) -> None:
    app.command("acknowledge", cls=Command)(acknowledge)


async def acknowledge(
    rule: Annotated[AlarmRule, typer.Argument(metavar="RULE", help="The alarm's rule, as status --json names it.")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The profile that it is about; without it, all of the rule.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it may stand.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take it back.")] = False,
) -> Answer:
    """Let a standing alarm stand: it counts as a remark from then on.

    For unsafe settings, open files, a missing key and the forecast of the disk. Damage, failed runs and a missing service
    cannot be acknowledged. Who did it and why is in the ledger. An alarm that ends and comes again is
    told again.
    """
    if not rule.stands:
        raise InputError(problems.NOT_STANDING(rule=rule.value, allowed=tuple(one.value for one in AlarmRule if one.stands)))
    if not withdraw and not reason.strip():
        raise InputError(usage.NEEDS_OTHER(option="acknowledge", other="--reason"))
    async with context.archive() as archive:
        seen = await Watch(archive).look(await runs_of(archive))
        found = [one for one in seen.alarms if one.rule is rule and name.casefold() in ("", one.subject.casefold())]
        if not found:
            raise InputError(problems.NO_ALARM(rule=rule.value, name=name))
        keys = [one.key for one in found]
        if withdraw:
            await acknowledged.withdraw(archive, keys, actor=actor())
        else:
            await acknowledged.acknowledge(archive, keys, reason.strip(), actor=actor())
    said = f"{counted(len(found), 'alarm')} {'is told again' if withdraw else 'acknowledged'}."
    return Answer(
        json=lambda: {"acknowledged": 0 if withdraw else len(found), "withdrawn": len(found) if withdraw else 0}, notes=[said]
    )
