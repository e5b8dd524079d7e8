"""A profile that deletes more than the saved one is recognised by its rules, in every way in which it can."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from core.profiles.age import Age
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deleting_more import SENTENCES, More, more
from core.profiles.deletion import Deletion, When
from core.profiles.filter import Filter, Flagged, Seen
from core.profiles.profile import Profile, Server
from core.profiles.rules import FolderRules
from core.profiles.selection import SelectionMode, UserSelection
from tests import homes

NOW = datetime(2026, 5, 31, tzinfo=UTC)
YEAR, MONTHS = Age(1, "year"), Age(6, "month")
BEFORE = replace(homes.profile("mail.example.test", 993), deletion=Deletion(When.OLDER_THAN, YEAR))


def selecting(mode: SelectionMode, *names: str) -> Profile:
    return replace(BEFORE, target=None, selection=UserSelection(mode, names))


def filtering(**values: object) -> Profile:
    return replace(BEFORE, filter=Filter(**values))  # type: ignore[arg-type]


def folders(include: list[str], exclude: list[str]) -> Profile:
    return replace(BEFORE, folders=FolderRules.of(include, exclude))


def catching(**values: object) -> Profile:
    return replace(BEFORE, target=None, catchall=CatchAll(**values))  # type: ignore[arg-type]


NEVER = replace(BEFORE, deletion=Deletion())
NOW_AT_ONCE = replace(BEFORE, deletion=Deletion(When.IMMEDIATELY))
SOONER = replace(BEFORE, deletion=Deletion(When.OLDER_THAN, MONTHS))
JOURNAL = replace(BEFORE, target=None, catchall=CatchAll(unknown=UnknownPolicy.LEAVE))
CASES: list[tuple[Profile | None, Profile, More | None]] = [
    (None, NOW_AT_ONCE, More.SWITCHED_ON),
    (None, NEVER, None),
    (NEVER, SOONER, More.SWITCHED_ON),
    (BEFORE, NEVER, None),
    (BEFORE, BEFORE, None),
    (BEFORE, SOONER, More.SOONER),
    (SOONER, BEFORE, None),
    (BEFORE, replace(BEFORE, deletion=Deletion(When.OLDER_THAN, Age(12, "month"))), None),
    (BEFORE, NOW_AT_ONCE, More.SOONER),
    (NOW_AT_ONCE, BEFORE, None),
    (BEFORE, replace(BEFORE, deletion=replace(BEFORE.deletion, trash_too=True)), More.TRASH),
    (BEFORE, replace(BEFORE, deletion=replace(BEFORE.deletion, shared=True)), More.SHARED),
    (BEFORE, replace(BEFORE, deletion=replace(BEFORE.deletion, without_uidplus=True)), More.PLAIN_EXPUNGE),
    (BEFORE, replace(BEFORE, server=Server("other.example.test", port=993)), More.MAILBOX),
    (BEFORE, replace(BEFORE, login=replace(BEFORE.login, username="bob@example.test")), More.MAILBOX),
    (BEFORE, replace(BEFORE, name="Other"), None),
    (selecting(SelectionMode.ALL), selecting(SelectionMode.ALL_EXCEPT, "bob"), None),
    (selecting(SelectionMode.ALL_EXCEPT, "bob"), selecting(SelectionMode.ALL), More.USERS),
    (selecting(SelectionMode.ALL_EXCEPT, "Bob", "carl"), selecting(SelectionMode.ALL_EXCEPT, "bob"), More.USERS),
    (selecting(SelectionMode.ALL_EXCEPT, "bob"), selecting(SelectionMode.ONLY, "BOB"), More.USERS),
    (selecting(SelectionMode.ALL), selecting(SelectionMode.ONLY, "bob"), None),
    (selecting(SelectionMode.ONLY, "bob"), selecting(SelectionMode.ONLY, "bob", "carl"), More.USERS),
    (selecting(SelectionMode.ONLY, "bob", "carl"), selecting(SelectionMode.ONLY, "bob"), None),
    (selecting(SelectionMode.ONLY, "bob"), selecting(SelectionMode.ALL_EXCEPT, "carl"), More.USERS),
    (folders([], []), folders(["INBOX"], []), None),
    (folders([], []), folders(["**", "Junk E-mail"], []), More.FOLDERS),
    # Folders that only the server marks as junk, calendar or foreign were left out until they were named.
    (folders([], []), folders(["Onbezorgd"], []), More.FOLDERS),
    (folders(["**"], []), folders(["INBOX", "Projects"], []), More.FOLDERS),
    (folders(["Projects/**"], []), folders(["Projects/A"], []), None),
    (folders(["INBOX"], []), folders([], []), More.FOLDERS),
    (folders(["INBOX"], []), folders(["INBOX", "Sent"], []), More.FOLDERS),
    (folders(["INBOX", "Sent"], []), folders(["INBOX"], []), None),
    (folders([], ["Old/**"]), folders([], []), More.FOLDERS),
    (folders([], []), folders([], ["Old/**"]), None),
    (filtering(seen=Seen.SEEN), filtering(), More.FILTER),
    (filtering(), filtering(seen=Seen.SEEN), None),
    (filtering(flagged=Flagged.FLAGGED), filtering(flagged=Flagged.UNFLAGGED), More.FILTER),
    (filtering(older_than=YEAR), filtering(older_than=MONTHS), More.FILTER),
    (filtering(older_than=MONTHS), filtering(older_than=YEAR), None),
    (filtering(newer_than=MONTHS), filtering(newer_than=YEAR), More.FILTER),
    (filtering(newer_than=YEAR), filtering(newer_than=MONTHS), None),
    (filtering(since=date(2024, 1, 1)), filtering(since=date(2023, 1, 1)), More.FILTER),
    (filtering(before=date(2024, 1, 1)), filtering(), More.FILTER),
    (filtering(before=date(2024, 1, 1)), filtering(before=date(2023, 1, 1)), None),
    (filtering(larger_than=1000), filtering(larger_than=10), More.FILTER),
    (filtering(smaller_than=1000), filtering(smaller_than=10), None),
    (filtering(smaller_than=1000), filtering(smaller_than=0), More.FILTER),
    (filtering(sender=("a",)), filtering(sender=("a", "b")), More.FILTER),
    (filtering(sender=("a", "b")), filtering(sender=("a",)), None),
    (filtering(subject=("a",)), filtering(), More.FILTER),
    (JOURNAL, replace(JOURNAL, catchall=CatchAll(unknown=UnknownPolicy.ARCHIVE)), More.UNKNOWN),
    (replace(JOURNAL, catchall=CatchAll(unknown=UnknownPolicy.ARCHIVE)), JOURNAL, None),
    (catching(domains=("a.test", "b.test")), catching(domains=("A.test",)), More.ADDRESSES),
    (catching(domains=("a.test",)), catching(domains=("a.test", "b.test")), None),
    (catching(domains=("a.test",)), catching(), More.ADDRESSES),
    (catching(), catching(domains=("a.test",)), More.ADDRESSES),
    (catching(headers=("To", "Cc")), catching(headers=("To",)), More.ADDRESSES),
    (catching(headers=("To",)), catching(headers=("Cc", "To")), None),
    (catching(), catching(own_addresses=("journal@a.test",)), More.ADDRESSES),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES)
def test_what_is_deleted_beyond_before_is_named(before: Profile | None, after: Profile, expected: More | None) -> None:
    """One way for each change that widens, none for one that narrows."""
    assert more(before, after, NOW) == ((expected,) if expected else ())


def test_every_way_is_tried_and_has_a_sentence() -> None:
    """No way is forgotten, neither here nor where it is told."""
    assert {expected for _, _, expected in CASES if expected} == set(More) == set(SENTENCES)
