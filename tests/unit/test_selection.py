"""The mailboxes of a profile, and their login names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import User
from core.profiles.mailboxes import Mailbox, login_name, of_user
from core.profiles.profile import Access, Login, Method, Profile, Server
from core.profiles.selection import SelectionMode, UserSelection, select

ANNA = User("1", "anna", ("anna@example.test", "a.muster@example.test"))
BOB = User("2", "Bob", ("bob@example.test",), login="bobby")
CARL = User("3", "carl")
PEOPLE = (ANNA, BOB, CARL)


@pytest.mark.parametrize(
    ("mode", "names", "chosen", "without", "unknown"),
    [
        (SelectionMode.ALL, (), ["anna", "Bob"], ["carl"], ()),
        (SelectionMode.ALL_EXCEPT, ("bob",), ["anna"], ["carl"], ()),
        (SelectionMode.ALL_EXCEPT, ("A.Muster@example.test", "carl"), ["Bob"], [], ()),
        (SelectionMode.ONLY, ("BOB@example.test",), ["Bob"], [], ()),
        (SelectionMode.ONLY, (" anna ", "carl", "dora"), ["anna"], ["carl"], ("dora",)),
    ],
)
def test_users_are_chosen_by_name_or_address(
    mode: SelectionMode, names: tuple[str, ...], chosen: list[str], without: list[str], unknown: tuple[str, ...]
) -> None:
    """In any case; users without an address are told apart, and so are unknown names."""
    found = select(UserSelection(mode, names), PEOPLE)
    assert [user.name for user in found.users] == chosen
    assert [user.name for user in found.without_address] == without
    assert found.unknown == unknown


def test_a_selection_says_its_numbers() -> None:
    """So that an administrator sees who is missing."""
    assert select(UserSelection(), PEOPLE).sentence() == "2 of 3 users, 1 has no e-mail address"
    assert select(UserSelection(), PEOPLE[:2]).sentence() == "2 of 2 users"


@given(st.lists(st.sampled_from(["anna", "bob", "carl", "nobody"]), unique=True).map(tuple))
def test_a_user_is_selected_by_either_only_or_all_except(names: tuple[str, ...]) -> None:
    """Every user with an address is in exactly one of them."""
    only, rest = (
        select(UserSelection(SelectionMode.ONLY, names), PEOPLE),
        select(UserSelection(SelectionMode.ALL_EXCEPT, names), PEOPLE),
    )
    assert sorted(user.id for user in (*only.users, *rest.users)) == ["1", "2"]


def test_a_mailbox_goes_to_its_users_archive_under_the_primary_address() -> None:
    """The login name opens it; for Kerio it has a domain, for others it is as given."""
    profile = Profile("Staff", Server("Mail.example.test"), Login("", "", Method.KERIO_MASTER), selection=UserSelection())
    assert of_user(profile, BOB) == Mailbox(BOB, "bobby@example.test", "bob@example.test")
    assert of_user(profile, BOB).source(profile.server) == "imap://bobby@example.test@mail.example.test -> 2/bob@example.test"
    assert login_name(BOB, Method.MASTER_USER) == "bobby"
    assert login_name(ANNA, Method.PLAIN_AUTHZID) == "anna@example.test"
    assert Server("h", Access.IMAP, 1143).source("x") == "imap://x@h:1143"
