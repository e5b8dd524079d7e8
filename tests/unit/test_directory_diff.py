"""Comparison of a directory's people with the known users: created, changed, adopted, kept, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.directory.diff import compare, in_order
from core.directory.difference import Difference, UserChangeKind
from core.directory.entry import DirectoryEntry
from core.model import User
from core.problems import warning
from core.problems.command_line import COMMAND_LINE
from core.problems.directory import TOO_MANY_LEAVE
from core.profiles.directory import LeaverPolicy


def conflicts(found: Difference) -> list[str]:
    """The conflicts as the command line tells them."""
    return [conflict.told(COMMAND_LINE) for conflict in found.conflicts]


def entry(number: int, name: str, *emails: str, **more: str) -> DirectoryEntry:
    return DirectoryEntry(f"entryUUID:{number}", name, more.get("full_name", ""), emails, more.get("login", ""))


def known(number: int, name: str, *emails: str, by_hand: Sequence[str] = ()) -> User:
    """A user who came from the directory with that id."""
    return User(f"u{number}", name, (*emails, *by_hand), directory_id=f"entryUUID:{number}", directory_addresses=emails)


def told(found: Difference) -> list[str]:
    return [f"{change.what}: {change.sentence()}" for change in found.changes]


def after(users: Sequence[User], found: Difference) -> list[User]:
    """The users when all of it is done; removed ones have no addresses, as in the catalog."""
    result = {user.id: user for user in users}
    for user in in_order(found.changes):
        others = {one.name.casefold() for one in result.values() if one.id != user.id}
        assert user.name.casefold() not in others, "a name would be taken that somebody still has"
        result[user.id] = replace(user, addresses=()) if user.removed else user
    return list(result.values())


def test_new_changed_and_unchanged_people_are_told_apart() -> None:
    """By the permanent id: a renamed user stays the same."""
    users = [known(1, "anna", "anna@x.test"), known(2, "bob", "bob@x.test")]
    people = [
        entry(1, "anna.b", "anna.b@x.test", "anna@x.test", full_name="Anna B", login="ab"),
        entry(2, "bob", "bob@x.test"),
        entry(3, "carl", "carl@x.test"),
    ]
    found = compare(people, users, new_id=lambda: "new")
    assert told(found) == [
        "created: carl: new, carl@x.test",
        'changed: anna.b: name "anna" -> "anna.b"; full name "" -> "Anna B"; '
        'addresses "anna@x.test" -> "anna.b@x.test, anna@x.test"; login "" -> "ab"',
    ]
    assert (found.unchanged, found.conflicts, found.left) == (1, (), ())
    assert found.of(UserChangeKind.CHANGED)[0].after.id == "u1"
    assert compare(people, after(users, found)).changes == ()


def test_what_the_directory_does_not_tell_is_left_alone() -> None:
    """An empty full name or login takes nothing away."""
    user = replace(known(1, "anna", "anna@x.test"), full_name="Anna", login="a1")
    assert compare([entry(1, "anna", "anna@x.test")], [user]).changes == ()


def test_addresses_added_by_hand_stay_and_those_of_the_directory_follow_it() -> None:
    """An alias that an administrator made survives; one that the directory gave goes with the directory."""
    user = known(1, "anna", "anna@x.test", "old@x.test", by_hand=["alias@y.test"])
    [change] = compare([entry(1, "anna", "anna@x.test", "new@x.test")], [user]).changes
    assert change.after.addresses == ("anna@x.test", "new@x.test", "alias@y.test")
    assert change.after.directory_addresses == ("anna@x.test", "new@x.test")


def test_a_user_made_by_hand_is_adopted_once_and_not_doubled() -> None:
    """By the primary address, with any name; by the name alone only when no address speaks against it."""
    users = [User("1", "ann", ("ANNA@x.test", "more@x.test")), User("2", "Bob"), User("3", "carl", ("carl@elsewhere.test",))]
    people = [entry(1, "anna", "anna@x.test"), entry(2, "bob", "bob@x.test"), entry(3, "carl", "carl@x.test")]
    found = compare(people, users)
    assert told(found) == [
        'adopted: anna: was known already, comes from this directory now; name "ann" -> "anna"; '
        'addresses "ANNA@x.test, more@x.test" -> "anna@x.test, more@x.test"',
        'adopted: bob: was known already, comes from this directory now; name "Bob" -> "bob"; addresses "" -> "bob@x.test"',
    ]
    assert [change.after.id for change in found.changes] == ["1", "2"]
    [conflict] = found.conflicts
    assert "carl: The user name carl belongs to a user with other addresses" in conflict.told(COMMAND_LINE)
    again = compare(people, after(users, found))
    assert (again.changes, again.conflicts) == ((), (conflict,))


def test_another_kind_of_directory_takes_users_over() -> None:
    """From Kerio's API to Active Directory: other ids, the same people, none gone and none doubled."""
    users = [replace(known(1, "anna", "anna@x.test"), directory_id="keriodb://user/1")]
    found = compare([entry(9, "anna", "anna@x.test")], users, left=LeaverPolicy.DELETE)
    assert [(change.what, change.after.id, change.after.directory_id) for change in found.changes] == [
        (UserChangeKind.ADOPTED, "u1", "entryUUID:9")
    ]
    assert found.left == ()


def test_a_removed_users_archive_goes_to_nobody_because_of_a_name() -> None:
    """Neither one kept by hand nor an account made anew under the old name; both say what to do."""
    by_hand, gone = User("1", "anna", removed=True), known(2, "bob", "bob@x.test")
    found = compare([entry(7, "anna", "a@x.test"), entry(8, "bob", "bob@x.test")], [by_hand, gone])
    assert found.changes == ()
    assert "archivar user add brings" in found.conflicts[0].told(COMMAND_LINE)
    assert "archivar user edit NAME --by-hand" in found.conflicts[1].told(COMMAND_LINE)
    again = compare([entry(8, "bob", "bob@x.test")], [by_hand, gone.by_hand()])
    assert [change.what for change in again.changes] == [UserChangeKind.ADOPTED]


def test_an_address_of_somebody_else_is_left_out_and_the_rest_goes_on() -> None:
    """Of a user kept by hand, of one who got it by hand, and one that is in the directory twice."""
    users = [User("h", "hand", ("shared@x.test", "hand@x.test")), known(1, "anna", "anna@x.test", by_hand=["alias@x.test"])]
    people = [
        entry(1, "anna", "anna@x.test"),
        entry(2, "bob", "bob@x.test", "alias@x.test", "twice@x.test"),
        entry(3, "carl", "carl@x.test", "twice@x.test"),
        entry(4, "dora", "alias@x.test"),
    ]
    found = compare(people, users)
    assert [(change.after.name, change.after.addresses) for change in found.changes] == [
        ("bob", ("bob@x.test", "twice@x.test")),
        ("carl", ("carl@x.test",)),
    ]
    assert conflicts(found) == [
        "bob: alias@x.test belongs to anna. It is left out.",
        "carl: twice@x.test belongs to somebody else in the directory too. It is left out.",
        "dora: alias@x.test belongs to anna. It is left out.",
    ]
    assert compare(people, after(users, found)).changes == ()


def test_an_address_that_the_directory_hands_on_goes_to_its_new_owner() -> None:
    """Between two present users, and from one who left and is kept."""
    users = [known(1, "anna", "anna@x.test", "info@x.test"), known(2, "bob", "bob@x.test"), known(3, "carl", "sales@x.test")]
    people = [entry(1, "anna", "anna@x.test"), entry(2, "bob", "bob@x.test", "info@x.test", "sales@x.test")]
    found = compare(people, users)
    assert {user.name: user.addresses for user in after(users, found)} == {
        "anna": ("anna@x.test",),
        "bob": ("bob@x.test", "info@x.test", "sales@x.test"),
        "carl": (),
    }
    assert compare(people, after(users, found)).changes == ()


def test_names_that_change_hands_go_round_without_anybody_losing_theirs() -> None:
    """A ring of three, and a chain behind a name that gets free."""
    users = [known(number, name, f"{number}@x.test") for number, name in enumerate("abcde")]
    people = [entry(number, name, f"{number}@x.test") for number, name in enumerate("bcaef")]
    found = compare(people, users)
    assert found.conflicts == ()
    assert {user.id: user.name for user in after(users, found)} == {"u0": "b", "u1": "c", "u2": "a", "u3": "e", "u4": "f"}


def test_a_name_that_is_not_free_is_named_and_the_rest_of_the_entry_followed() -> None:
    """Twice in the directory, or of a user kept by hand: the old name stays, the addresses follow."""
    users = [User("h", "hand", ("hand@x.test",)), known(1, "anna", "anna@x.test"), known(2, "bob", "bob@x.test")]
    people = [entry(1, "hand", "anna@x.test", "a2@x.test"), entry(2, "bob", "bob@x.test"), entry(3, "Bob", "b3@x.test")]
    found = compare(people, users)
    assert told(found) == ['changed: anna: addresses "anna@x.test" -> "anna@x.test, a2@x.test"']
    assert [conflict.who for conflict in found.conflicts] == ["Bob", "hand"]
    nameless = compare([entry(4, "", "x@x.test"), entry(5, "a/b", "y@x.test")], [])
    assert (nameless.changes, len(nameless.conflicts)) == ((), 2)


STAFF = [known(number, f"u{number}", f"{number}@x.test") for number in range(20)]
THERE = [entry(number, f"u{number}", f"{number}@x.test") for number in range(20)]


@pytest.mark.parametrize(
    ("left", "what"),
    [(LeaverPolicy.KEEP, None), (LeaverPolicy.DISABLE, UserChangeKind.DISABLED), (LeaverPolicy.DELETE, UserChangeKind.REMOVED)],
)
def test_who_left_is_kept_disabled_or_removed_as_the_option_says(left: LeaverPolicy, what: UserChangeKind | None) -> None:
    """Three of twenty, told in any case; by-hand users are none of the directory's business; once is enough."""
    users = [*STAFF, User("h", "hand", ("hand@x.test",))]
    found = compare(THERE[3:], users, left=left, guard=20)
    assert [user.name for user in found.left] == ["u0", "u1", "u2"]
    assert [change.what for change in found.changes] == ([what] * 3 if what else [])
    result = after(users, found)
    assert {user.id for user in result} == {user.id for user in users}
    again = compare(THERE[3:], result, left=left, guard=20)
    assert again.changes == ()
    back = compare(THERE, result, left=left, guard=20)
    assert [change.what for change in back.changes] == ([UserChangeKind.BACK] * 3 if what else [])
    assert {user.id: user for user in after(result, back)} == {user.id: user for user in users}


def test_when_too_many_would_go_none_does_and_the_rest_goes_on() -> None:
    """Five of twenty is over 20 %: newcomers come, none goes, the number is named; force lets them go."""
    people = [*THERE[5:], entry(99, "new", "new@x.test")]
    found = compare(people, STAFF, left=LeaverPolicy.DELETE, guard=20)
    assert [change.what for change in found.changes] == [UserChangeKind.CREATED]
    assert found.withheld == TOO_MANY_LEAVE(going=5, known=20, guard=20)
    assert len(compare(people, STAFF, left=LeaverPolicy.DELETE, guard=None).of(UserChangeKind.REMOVED)) == 5
    assert compare(THERE[4:], STAFF, left=LeaverPolicy.DELETE, guard=20).withheld is None


NAMES = ["a", "A", "b", "c", "d", ""]
EMAILS = ["1@x.test", "2@x.test", "3@x.test", "4@x.test", "2@X.test", "broken"]
entries = st.lists(
    st.builds(
        DirectoryEntry,
        st.sampled_from([f"entryUUID:{number}" for number in range(6)]),
        st.sampled_from(NAMES),
        st.sampled_from(["", "Full Name"]),
        st.lists(st.sampled_from(EMAILS), max_size=3).map(tuple),
        st.sampled_from(["", "login"]),
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def everybody(draw: st.DrawFn) -> list[User]:
    """Users as a catalog may hold them: names and addresses belong to one each."""
    names = draw(st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True))
    emails = draw(st.permutations(["1@x.test", "2@x.test", "3@x.test", "4@x.test", "5@x.test"]))
    found = []
    for number, name in enumerate(names):
        came = draw(st.sampled_from(["", f"entryUUID:{number}", f"keriodb://user/{number}"]))
        removed, own = draw(st.booleans()), tuple(emails[number : number + draw(st.integers(0, 1))])
        given_ = own if came and draw(st.booleans()) else ()
        disabled = bool(came) and draw(st.booleans())
        found.append(User(f"u{number}", name, () if removed else own, "", "", removed, disabled, came, given_))
    return found


@given(entries, everybody(), st.sampled_from(LeaverPolicy), st.sampled_from([1, 50, 100]))
def test_whatever_the_directory_says_users_stay_consistent(
    people: list[DirectoryEntry], users: list[User], left: LeaverPolicy, guard: int
) -> None:
    """Names and addresses belong to one user each, none is lost, none kept by hand goes, a second time changes nothing."""
    numbers = count()
    found = compare(people, users, left=left, guard=guard, new_id=lambda: f"n{next(numbers)}")
    result = after(users, found)
    names = [user.name.casefold() for user in result]
    emails = [address.casefold() for user in result for address in user.addresses]
    assert len(set(names)) == len(names)
    assert len(set(emails)) == len(emails)
    assert {user.id for user in users} <= {user.id for user in result}
    now = {user.id: user for user in result}
    for user in users:
        if not user.directory_id and not user.removed:
            assert not now[user.id].removed
            assert not now[user.id].disabled
            assert {one.casefold() for one in user.addresses} <= {one.casefold() for one in now[user.id].addresses}
        if left is LeaverPolicy.KEEP:
            assert now[user.id].removed <= user.removed
    if not found.withheld:
        assert told(compare(people, result, left=left, guard=guard)) == []


def test_who_is_removed_leaves_all_addresses_behind() -> None:
    """Also one that was added by hand: whom the directory gives it to gets it in the same synchronisation."""
    users = [known(1, "anna", "anna@x.test", by_hand=["info@x.test"]), known(2, "bob", "bob@x.test")]
    people = [entry(2, "bob", "bob@x.test", "info@x.test")]
    found = compare(people, users, left=LeaverPolicy.DELETE)
    assert [(change.what, change.after.name) for change in found.changes] == [
        (UserChangeKind.CHANGED, "bob"),
        (UserChangeKind.REMOVED, "anna"),
    ]
    assert found.conflicts == ()
    kept = compare(people, users, left=LeaverPolicy.DISABLE)
    assert conflicts(kept) == ["bob: info@x.test belongs to anna. It is left out."]


def test_a_shared_alias_makes_nobody_the_owner_of_an_archive() -> None:
    """A user with only an alias of an entry is another person, unless the name is the same too."""
    users = [User("1", "frontdesk", ("info@x.test",)), User("2", "Carl", ("carl@old.test", "c@x.test"))]
    people = [entry(1, "bob", "bob@x.test", "info@x.test"), entry(2, "carl", "carl@x.test", "c@x.test")]
    found = compare(people, users)
    assert [(change.what, change.after.name, change.after.id == "2") for change in found.changes] == [
        (UserChangeKind.CREATED, "bob", False),
        (UserChangeKind.ADOPTED, "carl", True),
    ]
    assert conflicts(found) == ["bob: info@x.test belongs to frontdesk. It is left out."]
    assert found.changes[1].after.addresses == ("carl@x.test", "c@x.test", "carl@old.test")


@pytest.mark.parametrize("ids", [(1, 2), (2, 1)])
def test_a_shared_alias_of_a_user_hands_the_archive_to_nobody(ids: tuple[int, int]) -> None:
    """The front desk's entry does not become the user who answers its mail, whether or not that user has an entry."""
    users = [User("1", "ann", ("ann@x.test", "info@x.test"))]
    desk, ann = entry(ids[0], "info", "info@x.test"), entry(ids[1], "ann", "ann@x.test")
    found = compare([desk, ann], users)
    assert [(change.what, change.after.name, change.after.id) for change in found.changes] == [
        (UserChangeKind.ADOPTED, "ann", "1")
    ]
    assert conflicts(found) == ["info: info@x.test belongs to ann. It is left out."]
    assert compare([desk], users).changes == ()


def test_a_user_whose_addresses_changed_places_is_adopted() -> None:
    """The primary one here is an alias there, and the other way round: that is no chance."""
    found = compare([entry(1, "a.b", "a.b@x.test", "ann@x.test")], [User("1", "ann", ("ann@x.test", "a.b@x.test"))])
    assert [(change.what, change.after.id) for change in found.changes] == [(UserChangeKind.ADOPTED, "1")]


def test_the_mailbox_of_a_catch_all_profile_becomes_no_user() -> None:
    """Its account is passed by and told; as a user's alias its address is left out."""
    people = [entry(1, "archive", "Archive@x.test", "archive@y.test"), entry(2, "bob", "bob@x.test", "archive@x.test")]
    found = compare(people, [], mailboxes={"archive@x.test": "Journal"})
    assert [(change.what, change.after.name, change.after.addresses) for change in found.changes] == [
        (UserChangeKind.CREATED, "bob", ("bob@x.test",))
    ]
    assert found.notes == (warning.MAILBOX_OF_PROFILE(address="Archive@x.test", profile="Journal"),)
    assert len(found.conflicts) == 1
    assert found.entries == 2
