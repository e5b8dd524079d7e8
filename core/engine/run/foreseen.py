"""The forecast of a dry run in numbers, summed over the folders of its result. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Messages that a run would archive (``new``, with ``bytes``), and those that it would ``delete`` on the server."""

    new: int = 0
    bytes: int = 0
    delete: int = 0


def of_mailbox(mailbox: Mapping[str, Any]) -> Foreseen:
    """The forecast for one mailbox of a dry run's result; zeros where it has none."""
    folders = mailbox.get("folders", ())
    return Foreseen(
        sum(folder["new"] for folder in folders),
        sum(folder["bytes"] for folder in folders),
        sum(len(folder["delete"]) for folder in folders),
    )


def of_result(result: Mapping[str, Any]) -> Foreseen:
    """The forecast for all mailboxes of a dry run's result (the JSON object of ``run --json``)."""
    found = [of_mailbox(mailbox) for mailbox in result.get("mailboxes", ())]
    return Foreseen(sum(one.new for one in found), sum(one.bytes for one in found), sum(one.delete for one in found))
