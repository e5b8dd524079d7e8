"""The service: whether it runs, starts, ends and does something."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_LOG = "See {log}."
_END = "kill -KILL {pid} ends it, and the next service carries on."

RUNNING = Code("service-running", "The service is running.", f"{Do.STOP_SERVICE}", Family.BUSY)
ALREADY_RUNNING = Code("service-already-running", "A service is running for {home} already.", f"{Do.SHOW_SERVICE}", Family.BUSY)
NOT_STARTED = Code("service-not-started", "The service did not start.", _LOG)
NOT_STOPPING = Code("service-not-stopping", "The service does not stop.", _LOG, Family.BUSY)
ENDS_AGAIN = Code("service-ends-again", "The service ends again and again before the run has ended.", _LOG)
STOPPED = Code(
    "service-stopped",
    "The service is stopped: its process {pid} does nothing (signal SIGSTOP).",
    f"kill -CONT {{pid}} lets it go on; {_END}",
    Family.BUSY,
)
SILENT = Code(
    "service-silent",
    "The service has given no sign of life for {seconds} s (process {pid}).",
    f"It may wait for the disk, and then goes on by itself; {_END}",
    Family.BUSY,
)
HOLDS = Code("service-holds-archive", "{why} {busy}", "{why:remedy}", Family.BUSY)
CANCELS_LATER = Code(
    "run-ends-later",
    "{why} Run {run} is asked to end, and will as soon as the service goes on.",
    "{why:remedy}",
    Family.BUSY,
)
NO_UNIT = Code(
    "path-not-for-unit",
    "{text} has characters that cannot stand in a systemd unit.",
    "Move the archive or program to a plainer path.",
    Family.INPUT,
)

# Verifications of the service ------------------------------------------------------------------------------------------------

VERIFICATION_NOT_STARTED = Code("verification-not-started", "Its process cannot be started: {said}.", _LOG)
VERIFICATION_ENDS = Code("verification-ends-again", "It ended {tries} times without a result.", _LOG)
