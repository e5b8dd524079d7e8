"""Events of a run as it goes on: none of them is a problem, and none has a remedy."""

from __future__ import annotations

from core.problems.code import Code, Family

STARTED = Code("run-started", "The run has started.", "", Family.EVENT)
FINISHED = Code("run-finished", "The run has finished: {status}.", "", Family.EVENT)
RESUMED = Code("run-resumed", "The run was interrupted, and is carried on by a new service.", "", Family.EVENT)
WAITING = Code("run-waiting", "{why} Waits until {until:time}, then tries again.", "", Family.EVENT)
WOULD_ARCHIVE = Code("would-archive", "{count:number} new, {size:bytes}.", "", Family.EVENT)
WOULD_LEAVE_OUT = Code("would-leave-out", "{count:number} left out by the filter.", "", Family.EVENT)
WOULD_DELETE = Code("would-delete", "{count:number} would be deleted on the server (UID {uids}).", "", Family.EVENT)
MOVED = Code(
    "moved-on-server",
    "{count:message} moved on the server; the archive follows, nothing was downloaded again.",
    "",
    Family.EVENT,
)
DELETED = Code("deleted-on-server", "{count:number} deleted on the server.", "", Family.EVENT)
REMOVED = Code("removed-for-good", "{count:number} that were deleted before removed for good.", "", Family.EVENT)
SYNCHRONISING = Code("directory-synchronising", "Users are synchronised with the directory.", "", Family.EVENT)
_COUNTS = (
    "{entries:number} in the directory: {created:number} created, {adopted:number} adopted, {back:number} back, "
    "{changed:number} changed, {disabled:number} disabled, {removed:number} removed, {unchanged:number} unchanged, "
    "{left:number} no longer there, {conflicts:conflict}."
)
SYNCHRONISED = Code("directory-synchronised", _COUNTS, "", Family.EVENT)
WOULD_SYNCHRONISE = Code("would-synchronise", f"Nothing of it was done in a dry run. {_COUNTS}", "", Family.EVENT)
CONFLICT = Code("directory-conflict", "Conflict: {who}: {why} {why:remedy}", "", Family.EVENT)
