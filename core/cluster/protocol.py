"""The protocol between home and workers: its number, and how its values are written. Pure.

Values are JSON, compressed. A worker of another number takes no job.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from core.errors import ConnectError
from core.model import COUNTERS, MailboxResult, Phase, Problem, RunStatus, Tally
from core.problems import table

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: The number of this protocol. Every change of a value or a table that an older program would misread raises it.
PROTOCOL = 2
#: Plain bytes of one value at most: a mailbox of two million messages.
MOST_BYTES = 1 << 30


def packed(value: Any) -> bytes:
    """A value for PostgreSQL."""
    return zstd.compress(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"), 1)


def unpacked(data: bytes) -> Any:
    """The reverse of ``packed``. Raises ``ValueError`` for anything else."""
    decompressor = zstd.ZstdDecompressor()
    try:
        plain = decompressor.decompress(bytes(data), MOST_BYTES)
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from error
    if not decompressor.eof:
        raise ValueError("the value is larger than any")
    return json.loads(plain.decode("utf-8", "surrogatepass"))


def result_as_json(result: MailboxResult) -> dict[str, Any]:
    """The result of a mailbox, or as much of it as there is."""
    return result.as_json()


def take_result(result: MailboxResult, value: dict[str, Any]) -> None:
    """Put into ``result`` what ``result_as_json`` has written."""
    result.status = RunStatus(value["status"])
    result.tally = tally_of(value)
    result.problems[:] = [Problem.kept(one) for one in value["problems"]]
    result.excluded_folders = dict(value["excluded_folders"])


def outcome(data: bytes) -> dict[str, Any]:
    """The outcome of a visit, whose parts can all be read. Raises ``ValueError``, ``KeyError``, ``TypeError``."""
    value = unpacked(data)
    take_result(MailboxResult("", ""), value["result"])
    if value["error"]:
        error_of(value["error"])
    return {"result": value["result"], "error": value["error"], "learnt": dict(value["learnt"])}


def tally_of(value: Mapping[str, Any]) -> Tally:
    """The counts of a mailbox."""
    return Tally(**{name: int(value[name]) for name in COUNTERS})


def error_as_json(error: ConnectError) -> dict[str, Any]:
    """An error of a connection."""
    return {
        "step": error.step,
        "reason": table.as_kept(error.reason),
        "retry": error.retry,
        "busy": error.busy,
        "master": error.master,
    }


def error_of(value: dict[str, Any]) -> ConnectError:
    """The reverse."""
    reason = table.kept(value["reason"])
    return ConnectError(value["step"], reason, retry=value["retry"], busy=value["busy"], master=value["master"])


#: Counts of a mailbox's progress that are told while it is visited.
COUNTED = ("messages_total", "messages_done", "bytes_total", "bytes_done", "received")
#: Phases by their words.
PHASES = {phase.value: phase for phase in Phase}
