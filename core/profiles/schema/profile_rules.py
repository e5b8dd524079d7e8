"""The fields of profile files and of the wizard's pages: selection of mail, destination, deletion, and schedule."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Any

from core.problems import fields
from core.profiles import templates
from core.profiles.catchall import HEADERS, UNKNOWN_FOLDER, UnknownPolicy
from core.profiles.deletion import OnTrash, When
from core.profiles.filter import Flagged, Seen
from core.profiles.profile import Kind as ProfileKind
from core.profiles.schema import profile_kinds as of
from core.profiles.schema.kinds import Choice, Day, Flag, ValueKind
from core.profiles.schema.table import By, Field, Where, While
from core.profiles.selection import SelectionMode


class How(StrEnum):
    """Ways to start a profile: a choice in the form that decides which schedule fields the profile keeps."""

    MANUAL = "manual"
    EVERY = "every"
    DAILY = "daily"
    CRON = "cron"


#: The form's field for the way to start.
HOW = "schedule.how"

_OF_MANY = While("kind", (ProfileKind.MAILBOXES,), fields.ALL_USERS(allowed=""))
_DELETES = While("delete.when", (When.IMMEDIATELY, When.OLDER_THAN))
_ARCHIVES = While("catchall.unknown", (UnknownPolicy.ARCHIVE,))
_of_filter = partial(Field, page="Filter")
_of_delete = partial(Field, page="Delete")
_of_filing = partial(Field, page="Filing")
_of_users = partial(Field, page="Users", where=Where.FILE, told=True, label="the ticks")
_of_name = partial(Field, page="Name")

FILTER = (
    _of_filter(
        "filter.seen",
        Choice(members=Seen),
        Seen.ANY,
        label="Read",
        options={Seen.ANY: "read and unread", Seen.SEEN: "only read", Seen.UNSEEN: "only unread"},
    ),
    _of_filter(
        "filter.flagged",
        Choice(members=Flagged),
        Flagged.ANY,
        label="Flagged",
        options={Flagged.ANY: "flagged or not", Flagged.FLAGGED: "only flagged", Flagged.UNFLAGGED: "only not flagged"},
    ),
    _of_filter("filter.older_than", of.AGE, label="Older than", hint="e.g. 3 months"),
    _of_filter("filter.newer_than", of.AGE, label="Not older than", hint="e.g. 10 years"),
    _of_filter("filter.since", Day(), label="Since the day", hint="e.g. 2024-01-31"),
    _of_filter("filter.before", Day(), label="Before the day", hint="e.g. 2025-01-01"),
    _of_filter("filter.larger_than", of.SIZE, 0, label="Larger than", hint="e.g. 500 kB"),
    _of_filter("filter.smaller_than", of.SIZE, 0, label="Smaller than", hint="e.g. 50 MB"),
    _of_filter("filter.sender", of.SOUGHT, (), label="Sender", hint="e.g. *@example.com, newsletter"),
    _of_filter("filter.recipient", of.SOUGHT, (), label="Recipient", hint="any of these, with commas between"),
    _of_filter("filter.subject", of.SOUGHT, (), label="Subject"),
)
_RACE = (
    "Without UIDPLUS a plain EXPUNGE takes whatever is marked: a message that somebody marks between our check and the "
    "EXPUNGE is gone too."
)
DELETE = (
    _of_delete(
        "delete.when",
        Choice(members=When),
        When.NEVER,
        told=True,
        label="Delete",
        options={When.NEVER: "never", When.IMMEDIATELY: "immediately after archiving", When.OLDER_THAN: "when older than"},
        column=True,
    ),
    _of_delete(
        "delete.age",
        of.AGE,
        needed=(
            While(
                "delete.when",
                (When.OLDER_THAN,),
                fields.MISSING_WITH(other="delete.when=older-than", allowed='age = "6 months"'),
            ),
        ),
        beside=(While("delete.when", (When.OLDER_THAN,)),),
        label="Older than",
        hint="e.g. 6 months",
    ),
    _of_delete(
        "delete.trash_too",
        Flag(),
        False,
        beside=(_DELETES,),
        label="Final",
        tick="remove from the server's trash what was deleted",
        note=By(
            "delete.trash_too",
            {True: "Only what this program deleted. What users threw away stays."},
            "Kerio Connect moves it there, where it takes space.",
        ),
    ),
    _of_delete(
        "delete.on_trash",
        Choice(members=OnTrash),
        OnTrash.KEEP,
        label="Users' deletions",
        options={OnTrash.KEEP: "keeps its place in the archive", OnTrash.FOLLOW: "moves to the trash in the archive too"},
        note="Mail that a user moves to the trash.",
        column=True,
    ),
    _of_delete(
        "delete.without_uidplus",
        Flag(),
        False,
        beside=(_DELETES,),
        label="Old servers",
        tick="delete without UIDPLUS too",
        note=By("delete.without_uidplus", {True: f"! {_RACE}"}, f"{_RACE} Unticked: nothing is deleted there."),
    ),
    _of_delete(
        "delete.shared",
        Flag(),
        False,
        beside=(_DELETES,),
        label="Shared",
        tick="also in folders of others and shared ones",
        note=By(
            "delete.shared",
            {True: "Their mail goes too, where such folders are archived."},
            "Those ticked in Folders are archived; their mail stays on the server.",
        ),
    ),
)
CATCHALL_FIELDS = (
    _of_filing("catchall.incoming", of.TEMPLATE, templates.INCOMING, told=True, label="Received mail", hint=templates.INCOMING),
    _of_filing("catchall.outgoing", of.TEMPLATE, templates.OUTGOING, told=True, label="Sent mail", hint=templates.OUTGOING),
    _of_filing(
        "catchall.unknown",
        Choice(members=UnknownPolicy),
        UnknownPolicy.ARCHIVE,
        told=True,
        label="Unknown people",
        options={UnknownPolicy.ARCHIVE: "into the catch-all archive", UnknownPolicy.LEAVE: "stays in the mailbox"},
        note=By(
            "catchall.unknown",
            {UnknownPolicy.LEAVE: "Mail to addresses that no user has is not archived, and never deleted."},
            "Mail to addresses that no user has is kept, and can be filed when they have one.",
        ),
    ),
    _of_filing(
        "catchall.unknown_folder",
        of.PLAIN_FOLDER,
        UNKNOWN_FOLDER,
        beside=(_ARCHIVES,),
        told=True,
        label="Folder",
        hint=UNKNOWN_FOLDER,
    ),
    _of_filing(
        "catchall.archive",
        of.ARCHIVE,
        "",
        beside=(_ARCHIVES,),
        label="Archive of",
        hint="a user's name; empty: an archive that is nobody's",
    ),
    _of_filing(
        "catchall.own_addresses",
        of.ADDRESSES,
        (),
        label="Own addresses",
        hint="the mailbox's; empty: the user name",
    ),
    _of_filing(
        "catchall.domains",
        of.DOMAINS,
        (),
        label="Our domains",
        hint="empty: those of the users' addresses",
    ),
    _of_filing(
        "catchall.headers",
        of.HEADERS,
        HEADERS,
        label="Header fields",
        hint="empty: the usual ones, From, To, Cc, Delivered-To and more",
    ),
)
USERS = (
    _of_users(
        "users.mode",
        Choice(members=SelectionMode),
        SelectionMode.ALL,
        beside=(_OF_MANY,),
        options={
            SelectionMode.ALL: "all users with an e-mail address",
            SelectionMode.ALL_EXCEPT: "all but the unticked",
            SelectionMode.ONLY: "only the ticked",
        },
    ),
    _of_users(
        "users.list",
        of.USERS,
        (),
        needed=(
            *(
                While("users.mode", (mode,), fields.MISSING_WITH(other=f"users.mode={mode.value}", allowed='list = ["anna"]'))
                for mode in (SelectionMode.ALL_EXCEPT, SelectionMode.ONLY)
            ),
        ),
        beside=(
            _OF_MANY,
            While(
                "users.mode", (SelectionMode.ALL_EXCEPT, SelectionMode.ONLY), allowed="all-except or only as mode, or no list"
            ),
        ),
    ),
    _of_filing("users.sync_directory_first", Flag(), False, label="Directory", tick="synchronise the users before each run"),
)


def _timed(how: How, kind: ValueKind, **line: Any) -> Field:
    """One of the fields with the time of a start."""
    beside = While(HOW, (how,), fields.SECOND_START(allowed="every, daily, cron"))
    return _of_name(f"schedule.{how}", kind, "", needed=(While(HOW, (how,)),), beside=(beside,), **line)


SCHEDULE = (
    _of_name(
        HOW,
        Choice(members=How),
        How.MANUAL,
        where=Where.FORM,
        label="Started",
        options={How.MANUAL: "by hand", How.EVERY: "every …", How.DAILY: "daily at", How.CRON: "cron expression"},
    ),
    _timed(
        How.EVERY,
        of.EVERY,
        label="Every",
        hint="e.g. 15 minutes",
        fill="15 minutes",
    ),
    _timed(
        How.DAILY,
        of.DAILY,
        label="At",
        hint="e.g. 02:00",
        fill="02:00",
    ),
    _of_name(
        "schedule.weekdays",
        of.WEEKDAYS,
        (),
        beside=(While(HOW, (How.DAILY,), fields.FOR_DAILY(allowed='daily = "02:00", or no weekdays')),),
        label="On",
        note="Empty: every day.",
        hint="e.g. mon, tue, wed, thu, fri",
    ),
    _timed(
        How.CRON,
        of.CRON,
        label="Cron expression",
        note="Minute, hour, day, month, weekday.",
        hint="e.g. 0 2 * * 1-5",
    ),
    _of_name(
        "schedule.time_zone",
        of.ZONE,
        "",
        beside=(While(HOW, (How.DAILY, How.CRON), fields.NO_ZONE(allowed="daily or cron, or no time_zone")),),
        label="Time zone",
        hint="e.g. Europe/Berlin; empty: that of this machine",
    ),
    _of_name("schedule.automatic", Flag(), True, label="Automatic", tick="switched on"),
)
RULES = (*FILTER, *DELETE, *CATCHALL_FIELDS, *USERS, *SCHEDULE)
