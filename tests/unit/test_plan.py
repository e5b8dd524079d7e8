"""The decisions of archiving, on UID sets alone: nothing is left out, nothing is counted twice."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.read.sources import Recorded
from core.engine.visit.plan import Fingerprint, ServerPlace, batches, differs, folder_plan, match_moves
from core.imap.replies import Listed
from core.profiles.rules import is_drafts, is_trash

UIDS = st.frozensets(st.integers(1, 60))
VALIDITY = st.integers(1, 3)
FINGERPRINTS = st.builds(
    Fingerprint,
    st.integers(1, 2),
    st.sampled_from((None, 5)),
    st.sampled_from((b"a", b"b")),
    st.sampled_from(("", "<1@x>", "<2@x>", "<3@x>")),
)
PLACES = st.builds(ServerPlace, st.sampled_from(("A", "B", "C")), st.integers(1, 2), st.integers(1, 9))
SEEN = st.dictionaries(PLACES, FINGERPRINTS).map(lambda seen: list(seen.items()))
SIZES = st.lists(st.integers(0, 50), max_size=40).map(lambda sizes: list(enumerate(sizes, 1)))


@given(UIDS, VALIDITY, st.dictionaries(VALIDITY, UIDS))
def test_nothing_vanished_that_an_incomplete_list_leaves_out(
    listed: frozenset[int], uidvalidity: int, known: dict[int, frozenset[int]]
) -> None:
    """All else is as with a complete list; what is of another UIDVALIDITY has vanished all the same."""
    whole, part = (folder_plan(listed, uidvalidity, known, complete=complete) for complete in (True, False))
    assert (part.new, part.known) == (whole.new, whole.known)
    assert part.vanished == {validity: uids for validity, uids in whole.vanished.items() if validity != uidvalidity}


@given(UIDS, VALIDITY, st.dictionaries(VALIDITY, UIDS))
def test_each_uid_of_a_folder_is_new_or_known_and_nothing_else(
    listed: frozenset[int], uidvalidity: int, known: dict[int, frozenset[int]]
) -> None:
    """New and known are a partition of what is listed, new in ascending order (P2)."""
    plan = folder_plan(listed, uidvalidity, known)
    assert set(plan.new) | plan.known == listed
    assert not set(plan.new) & plan.known
    assert list(plan.new) == sorted(set(plan.new))
    assert plan.known == listed & known.get(uidvalidity, frozenset())


@given(UIDS, VALIDITY, st.dictionaries(VALIDITY, UIDS))
def test_what_was_known_is_there_or_vanished(
    listed: frozenset[int], uidvalidity: int, known: dict[int, frozenset[int]]
) -> None:
    """Under the present UIDVALIDITY what is listed no more has vanished; under any other, all of it."""
    plan = folder_plan(listed, uidvalidity, known)
    for validity, uids in known.items():
        vanished = set(plan.vanished.get(validity, ()))
        assert vanished == (uids - listed if validity == uidvalidity else uids)
    assert plan.vanished.keys() <= known.keys()
    assert all(plan.vanished.values())


def test_a_new_uidvalidity_makes_everything_new() -> None:
    """The same UIDs under another UIDVALIDITY are other messages (RFC 3501 section 2.3.1.1)."""
    plan = folder_plan({1, 2}, 8, {7: frozenset({1, 2, 3})})
    assert (plan.new, plan.known, plan.vanished) == ((1, 2), frozenset(), {7: (1, 2, 3)})


@given(SEEN, SEEN)
def test_a_move_joins_equal_messages_that_one_message_id_tells_apart(
    vanished: list[tuple[ServerPlace, Fingerprint]], arrived: list[tuple[ServerPlace, Fingerprint]]
) -> None:
    """A pair is equal in everything, its Message-ID is once on either side, and every such pair is found."""
    pairs = match_moves(vanished, arrived)
    wanted = [
        (origin, place)
        for origin, before in vanished
        for place, after in arrived
        if before == after
        and before.message_id
        and [one.message_id for _, one in vanished].count(before.message_id) == 1
        and [one.message_id for _, one in arrived].count(before.message_id) == 1
        and (origin.folder, origin.uidvalidity) != (place.folder, place.uidvalidity)
    ]
    assert sorted(pairs, key=repr) == sorted(wanted, key=repr)


def test_thousands_of_equal_messages_take_no_time() -> None:
    """A mailbox of 20,000 copies of one message that was moved as a whole: linear, or this test would never end."""
    same = Fingerprint(10, 5, b"x", "<1@x>")
    vanished = [(ServerPlace("A", 1, uid), same) for uid in range(1, 20_001)]
    arrived = [(ServerPlace("B", 1, uid), same) for uid in range(1, 20_001)]
    assert match_moves(vanished, arrived) == []


@pytest.mark.parametrize("message_id", ["", "<1@x>"])
def test_without_a_message_id_nothing_is_a_move(message_id: str) -> None:
    """Equal header, size and second are what newsletters and test mails have by the thousand."""
    same = Fingerprint(10, 5, b"x", message_id)
    pair = (ServerPlace("A", 1, 1), ServerPlace("B", 1, 1))
    assert match_moves([(pair[0], same)], [(pair[1], same)]) == ([pair] if message_id else [])


@pytest.mark.parametrize(
    ("listed", "other"),
    [
        (Listed(10, 5, ""), False),
        (Listed(11, 5, ""), True),
        (Listed(10, 6, ""), True),
        (Listed(10, None, ""), False),
        (Listed(0, 5, "", sizeless=True), False),
        (Listed(0, 6, "", sizeless=True), True),
    ],
)
def test_a_uid_is_known_only_with_what_it_named(listed: Listed, other: bool) -> None:
    """Another size or INTERNALDATE is a difference; what the server does not tell is none."""
    assert differs(listed, Recorded(10, 5, 10)) is other


@given(SIZES, st.integers(1, 60), st.integers(1, 7))
def test_batches_are_complete_in_order_and_within_both_bounds(
    sizes: list[tuple[int, int]], max_bytes: int, max_messages: int
) -> None:
    """Every UID once and in order; only a message that is too large alone exceeds the bytes, and it is alone."""
    made = list(batches(sizes, max_bytes=max_bytes, max_messages=max_messages))
    assert [uid for batch in made for uid in batch] == [uid for uid, _ in sizes]
    by_uid = dict(sizes)
    for batch in made:
        assert 1 <= len(batch) <= max_messages
        assert sum(by_uid[uid] for uid in batch) <= max_bytes or len(batch) == 1


@given(SIZES, st.integers(1, 60), st.integers(1, 7))
def test_batches_are_as_few_as_their_order_allows(sizes: list[tuple[int, int]], max_bytes: int, max_messages: int) -> None:
    """A batch ends only where the next message would not fit."""
    made = list(batches(sizes, max_bytes=max_bytes, max_messages=max_messages))
    by_uid = dict(sizes)
    for batch, following in pairwise(made):
        full = sum(by_uid[uid] for uid in batch) + by_uid[following[0]] > max_bytes
        assert full or len(batch) == max_messages


@pytest.mark.parametrize(
    ("path", "attributes", "drafts", "trash"),
    [
        ("Anything", ("\\drafts",), True, False),
        ("Entwürfe", (), True, False),
        ("INBOX/Drafts", (), True, False),
        ("Papierkorb", (), False, True),
        ("Anything", ("\\trash",), False, True),
        ("Deleted Items/Old", (), False, True),
        ("INBOX/Trash", (), False, True),
        ("INBOX/Trash/Old", (), False, True),
        ("Projects/Trash", (), False, False),
        ("INBOX", (), False, False),
    ],
)
def test_special_folders_are_known_by_attribute_and_by_name(
    path: str, attributes: tuple[str, ...], drafts: bool, trash: bool
) -> None:
    """English and German names, also below INBOX, where some servers keep all folders."""
    assert (is_drafts(path, attributes), is_trash(path, attributes)) == (drafts, trash)
