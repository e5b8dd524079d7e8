"""Problems of a run as a whole."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

PROGRAM_FAULT = Code(
    "run-program-fault",
    "An error of the program ended the run ({kind}). See the service's log.",
    f"This is a fault of Archivar. The folder log in the archive's folder has the details: please report it. {Do.RUN_AGAIN}",
)
_INSTALL = "Install the program anew; see the service's log."
NOT_LOADED = Code("program-incomplete", "A part of the program is missing or cannot be loaded.", _INSTALL)
PART_NOT_LOADED = Code("program-part-missing", "A part of the program is missing or cannot be loaded ({part}).", _INSTALL)
NO_MEMORY = Code(
    "no-memory",
    "There is not enough memory.",
    f"Make some free, or lower {Setting('settings.runs')} and {Setting('server.connections')}.",
)
SYSTEM_REFUSED = Code("system-refused", "The system refused: {said}.", f"See the service's log. {Do.RUN_AGAIN}")
SERVICE_DIED = Code(
    "service-died",
    "The service died {tries} times in this run without getting further. See {log}.",
    f"Please report it with what the log says. {Do.RUN_AGAIN}",
)
UNKNOWN = Code("no-run", "There is no run {run}.", f"{Do.LIST_RUNS}", Family.INPUT)
NONE_YET = Code("no-run-yet", "There was no run yet.", f"{Do.RUN}", Family.INPUT)
ENDED = Code("run-ended", "Run {run} has ended already ({status}).", f"{Do.LIST_RUNS}", Family.INPUT)
TRIED_OUT = Code(
    "profile-being-tried", "{profile} is being tried out (run {run}).", "Try again when that has ended.", Family.BUSY
)
ARCHIVED = Code(
    "profile-being-archived", "{profile} is being archived (run {run}).", "Try again when that has ended.", Family.BUSY
)
