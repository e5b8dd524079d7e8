"""The brief form of a run's result, which is all that lists of runs read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.engine.run.foreseen import Foreseen, of_result
from core.model import RunStatus


def brief(result: Mapping[str, Any]) -> dict[str, Any]:
    """The brief form of a result (the JSON object of ``run --json``): totals, why it failed, failed mailboxes, forecast."""
    found = of_result(result)
    return {
        **{name: result.get(name) for name in ("totals", "code", "values")},
        "failed_mailboxes": failed_mailboxes(result),
        "foreseen": [found.new, found.bytes, found.delete],
    }


def failed_mailboxes(result: Mapping[str, Any]) -> int:
    """The number of failed mailboxes among several, in a result or its brief form; of a single one the run's state tells."""
    if "failed_mailboxes" in result:
        return int(result["failed_mailboxes"])
    mailboxes = result.get("mailboxes", ())
    return sum(mailbox["status"] == RunStatus.FAILED for mailbox in mailboxes) if len(mailboxes) > 1 else 0


def foreseen(result: Mapping[str, Any]) -> Foreseen:
    """The forecast of a dry run, in a result or its brief form."""
    return Foreseen(*result["foreseen"]) if "foreseen" in result else of_result(result)
