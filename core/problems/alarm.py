"""Alarms about the whole archive: its proof, its service, and the last runs of its profiles."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

DAMAGE_FOUND = Code("damage-stands", "DAMAGED: verification found {count:fault}.", f"{Do.REPAIR}", Family.DAMAGE)
MESSAGES_DAMAGED = Code(
    "damaged-messages-stand",
    "DAMAGED: verification found {count:fault}; {messages:message is|messages are} damaged.",
    f"{Do.REPAIR}",
    Family.DAMAGE,
)
NOTHING_ADDED = Code(
    "damage-stops-archiving",
    "DAMAGED: {why} Nothing is added to the archive until it is repaired.",
    "{why:remedy}",
    Family.DAMAGE,
)
SERVICE_MISSING = Code(
    "service-missing",
    "The service is not running, so nothing starts by itself: {count:profile has|profiles have} a schedule.",
    f"{Do.START_SERVICE}",
)
RUNS_WAIT = Code("runs-wait-for-service", "{count:run waits|runs wait} for a service.", f"{Do.START_SERVICE}")
VERIFICATION_WAITS = Code("verification-waits-for-service", "A verification waits for a service.", f"{Do.START_SERVICE}")
RUN_FAILED = Code("profile-failed", "{profile} failed: {why}", "{why:remedy}")
RUN_FAILED_SILENTLY = Code("profile-failed-without-reason", "{profile} failed, and no reason is known.", f"{Do.RUN_AGAIN}")
_TRIED_AGAIN = "The next run tries again."
MAILBOXES_FAILED = Code(
    "profile-failed-mailboxes",
    f"{{profile}}: {{count:mailbox|mailboxes}} could not be archived. {_TRIED_AGAIN}",
    f"{Do.LIST_RUNS}",
    Family.ITEM,
)
MESSAGES_FAILED = Code(
    "profile-failed-messages",
    f"{{profile}}: {{count:message}} could not be archived. {_TRIED_AGAIN}",
    f"{Do.LIST_RUNS}",
    Family.ITEM,
)
NOT_ALL_DONE = Code(
    "profile-not-all-done", f"{{profile}}: something could not be done. {_TRIED_AGAIN}", f"{Do.LIST_RUNS}", Family.ITEM
)
RUN_OVERDUE = Code(
    "profile-overdue",
    "{profile} should have been started by its schedule at {due:moment}, and was not.",
    f"{Do.SHOW_SERVICE}",
)
RUN_LONG = Code(
    "profile-runs-long",
    "{profile} has been under way since {since:moment}; until its end it is not started again.",
    f"{Do.LIST_RUNS}",
)
NEVER_STARTED = Code(
    "profile-never-started",
    "{profile} is never started by its schedule: this system does not know its time zone.",
    f"{Do.CHANGE_PROFILE}",
)
VERIFICATION_FAILED_SILENTLY = Code(
    "last-verification-failed-without-reason",
    "The last verification, {at:moment}, failed, and no reason is known.",
    f"{Do.VERIFY_NOW}",
)
NEVER_VERIFIED = Code(
    "only-verification-cancelled",
    "The archive was never verified: the last verification was cancelled, {at:moment}.",
    f"{Do.VERIFY_NOW}",
)
VERIFIED_LONG_AGO = Code(
    "verifications-cancelled",
    "The archive was last verified {age:day} ago: the verification of {at:moment} was cancelled.",
    f"{Do.VERIFY_NOW}",
)
VERIFICATION_FAILED = Code("last-verification-failed", "The last verification, {at:moment}, failed: {why}", "{why:remedy}")
SYNCHRONISATION_FAILED = Code(
    "last-synchronisation-failed", "Users could not be synchronised ({at:moment}): {why}", "{why:remedy}"
)
SYNCHRONISATION_WITHHELD = Code(
    "last-synchronisation-withheld",
    "Users were synchronised ({at:moment}), but for those who left: {why}",
    "{why:remedy}",
)
BACKUP_FAILED = Code("last-backup-failed", "The last scheduled backup, {at:moment}, failed: {why}", "{why:remedy}")
BACKUP_DAMAGED = Code(
    "backup-damaged",
    "The backup in {path} is DAMAGED: its verification found {count:fault}.",
    "Keep it, check its disk, and back up to another folder.",
    Family.DAMAGE,
)
BACKUP_OVERDUE = Code(
    "backup-overdue", "A backup should have been made by its schedule at {due:moment}, and was not.", f"{Do.SHOW_SERVICE}"
)
ALIKE = Code("alarms-alike", "{why} The same holds for {more:more profile|more profiles}.", "{why:remedy}")

NOT_STANDING = Code(
    "alarm-not-acknowledged",
    "An alarm of the rule {rule} cannot be acknowledged: it ends when its cause is mended.",
    "These rules can be: {allowed}.",
    Family.INPUT,
)
NO_ALARM = Code(
    "alarm-not-there",
    "There is no such alarm now: {rule} {name}",
    "Give its rule and the profile as the JSON of the status has them.",
    Family.INPUT,
)
