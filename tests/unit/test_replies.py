"""FETCH replies as servers really send them: nothing is read into the wrong message, nothing is made up."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imap.names import Reply
from core.imap.replies import Listed, Listing, Sections, identity, internaldate, listing, sections, uids

DATE = "17-Jul-1996 02:44:25 -0700"
ANY_UID = range(1, 2**32)
SECONDS = int(datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC).timestamp())


def bodies(replies: list[Reply], name: str = "BODY[]") -> dict[int, bytes | None]:
    return sections(replies, name, ANY_UID).found


@pytest.mark.parametrize(
    "line",
    [
        b'1 (UID 7 FLAGS (\\Seen \\Recent Key) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 44827)',
        b'1 (FLAGS (\\Seen Key) RFC822.SIZE 44827 INTERNALDATE "17-Jul-1996 02:44:25 -0700" UID 7)',
        b'1 (rfc822.size 44827 uid 7 internaldate "17-Jul-1996 02:44:25 -0700" flags (\\Seen Key))',
        b'1 (RFC822.SIZE 44827 MODSEQ (12121231000) UID 7 INTERNALDATE "17-Jul-1996 02:44:25 -0700" FLAGS (\\Seen Key))',
    ],
)
def test_a_listing_is_read_in_any_order_and_case(line: bytes) -> None:
    r"""UID, size, date and flags, without \Recent, which is about the session."""
    assert listing([line]).messages == {7: Listed(44827, SECONDS, "\\Seen Key")}


def test_keywords_cannot_pose_as_another_message() -> None:
    """A keyword may be called UID or RFC822.SIZE: what is in the list of flags is a flag."""
    line = b"1 (FLAGS (UID 99 RFC822.SIZE 1) UID 3 RFC822.SIZE 20)"
    assert listing([line]).messages == {3: Listed(20, None, "UID 99 RFC822.SIZE 1")}
    assert bodies([(b"1 (FLAGS (UID 99) UID 3 BODY[] {2}", b"ab"), b")"]) == {3: b"ab"}
    assert bodies([(b"1 (BODY[] {2}", b"ab"), b" FLAGS (UID 99) UID 3)"]) == {3: b"ab"}
    assert bodies([b"1 (FLAGS (UID 99) UID 3 BODY[] NIL)"]) == {3: None}


def test_what_was_not_asked_for_is_passed_over() -> None:
    """Changes of flags, replies without UID or without size, nothing at all."""
    assert listing([b"1 (FLAGS (\\Seen))", b"2 (UID 5 FLAGS ())", b"3 (RFC822.SIZE 3)", None, b""]) == Listing({})
    assert bodies([b"1 (FLAGS (\\Seen))", b"2 (UID 5 FLAGS (\\Seen))", None]) == {}
    assert uids([b"1 (FLAGS (\\Seen))", b"2 (UID 5)", (b"3 (UID 6 BODY[] {1}", b"x"), b")"]) == {5, 6}


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([(b"1 (UID 7 BODY[] {3}", b"abc"), b")"], {7: b"abc"}),
        ([(b"1 (BODY[] {3}", b"abc"), b" UID 7)"], {7: b"abc"}),
        ([(b"1 (BODY[] {3}", b"abc"), b" FLAGS (\\Seen) UID 7)"], {7: b"abc"}),
        ([(b"1 (FLAGS (\\Seen) UID 7 BODY[] {3}", b"abc"), b")"], {7: b"abc"}),
        ([(b"1 (UID 7 BODY[] {0}", b""), b")"], {7: b""}),
        ([(b"1 (UID 7 X-FIRST {3}", b"no!"), (b" BODY[] {3}", b"abc"), b")"], {7: b"abc"}),
        ([(b"1 (UID 7 BODY[HEADER] {3}", b"no!"), (b" BODY[] {3}", b"abc"), b")"], {7: b"abc"}),
        ([(b"1 (UID 7 BODY[] {3}", b"abc"), (b" BODY[TEXT] {3}", b"no!"), b")"], {7: b"abc"}),
        ([(b"1 (UID 7 BODY[]<0> {3}", b"no!"), b")"], {}),
        ([(b"1 (UID 7 ENVELOPE (NIL {3}", b"no!"), (b" NIL) BODY[] {3}", b"abc"), b")"], {7: b"abc"}),
        ([(b'1 (UID 7 X-WORD "BODY[] {3}" BODY[] {3}', b"abc"), b")"], {7: b"abc"}),
        ([(b"1 (UID 7 BODY[HEADER] {3}", b"no!"), b")"], {}),
        ([(b"1 (UID 7 UID 8 BODY[] {3}", b"abc"), b")"], {}),
        ([b'1 (UID 7 BODY[] "")'], {7: b""}),
        ([b'1 (UID 7 BODY[] "a \\"quoted\\" \\\\ one")'], {7: b'a "quoted" \\ one'}),
        (
            [b'1 (BODY[] "it says UID 9 and BODY[] NIL and FLAGS (\\\\Seen)" UID 7)'],
            {7: b"it says UID 9 and BODY[] NIL and FLAGS (\\Seen)"},
        ),
        ([b"1 (UID 7 BODY[] NIL)"], {7: None}),
        ([b"1 (BODY[] NIL UID 7)"], {7: None}),
        ([(b"1 (BODY[] {3}", b"abc"), b")"], {}),
        ([(b"1 (BODY[] {3}", b"abc"), (b"2 (UID 8 BODY[] {1}", b"x"), b")"], {8: b"x"}),
        ([(b"1 (UID 7 BODY[] {3}", b"abc"), b")", b"1 (UID 7 FLAGS (\\Seen))"], {7: b"abc"}),
    ],
)
def test_bodies_are_read_in_all_their_forms(replies: list[Reply], expected: dict[int, bytes | None]) -> None:
    """Literal, quoted string and NIL; the UID before or after; without its UID a body belongs to no message."""
    assert bodies(replies) == expected


def test_several_contents_for_one_uid_are_no_content() -> None:
    """Two bodies that differ, in one reply or in two: neither is taken. The same twice is that one."""
    twice: list[Reply] = [(b"1 (UID 7 BODY[] {3}", b"abc"), (b" BODY[] {3}", b"xyz"), b")"]
    assert sections(twice, "BODY[]", ANY_UID) == Sections({}, frozenset({7}))
    apart: list[Reply] = [(b"1 (UID 7 BODY[] {3}", b"abc"), b")", (b"2 (UID 7 BODY[] {3}", b"xyz"), b")"]
    assert sections(apart, "BODY[]", ANY_UID) == Sections({}, frozenset({7}))
    same: list[Reply] = [(b"1 (UID 7 BODY[] {3}", b"abc"), b")", (b"1 (UID 7 BODY[] {3}", b"abc"), b")"]
    assert sections(same, "BODY[]", ANY_UID) == Sections({7: b"abc"})


@pytest.mark.parametrize(
    "rest", [b"d (", b"def", b") ghi", b'"', b"d (e) f)", b" price 12)", b" x (y))", b" BODY 1)", b"\r\n", b" UIDS 7)"]
)
def test_a_body_with_more_bytes_behind_it_is_none(rest: bytes) -> None:
    """A literal shorter than its message leaves the rest of it in the reply, which may look like an item with a value."""
    found = sections([(b"1 (UID 7 BODY[] {3}", b"abc"), rest, (b"2 (UID 8 BODY[] {1}", b"x"), b")"], "BODY[]", ANY_UID)
    assert found == Sections({8: b"x"}, torn=frozenset({7}))


def test_a_body_whose_uid_stands_behind_the_rest_of_it_is_none() -> None:
    """A request for one message alone is needed to know which one it is."""
    assert sections([(b"1 (BODY[] {3}", b"abc"), b"def UID 7)"], "BODY[]", {7}) == Sections({}, torn=frozenset({0}))


def test_a_body_that_came_whole_beside_a_torn_one_is_taken() -> None:
    """The server answered twice for it."""
    torn: list[Reply] = [(b"1 (UID 7 BODY[] {2}", b"ab"), b"c)"]
    whole: list[Reply] = [(b"1 (UID 7 BODY[] {3}", b"abc"), b")"]
    assert sections([*torn, *whole], "BODY[]", ANY_UID) == Sections({7: b"abc"})
    assert sections([*whole, *torn], "BODY[]", ANY_UID) == Sections({7: b"abc"})


def test_a_body_behind_which_the_connection_broke_is_none() -> None:
    """It is not known if the rest of its message would have come."""
    assert sections([(b"1 (UID 7 BODY[] {3}", b"abc")], "BODY[]", ANY_UID) == Sections({})


def test_items_that_servers_send_behind_a_body_are_no_rest_of_it() -> None:
    """Flags, numbers and other sections, in any case."""
    behind = b' flags (\\Seen) MODSEQ (9) UID 7 INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 3 BODY[1]<0> NIL)'
    assert bodies([(b"1 (BODY[] {3}", b"abc"), behind]) == {7: b"abc"}


def test_an_item_of_any_name_may_stand_behind_a_body_with_a_literal_of_its_own() -> None:
    """A message seldom ends with the announcement of bytes that then come."""
    other: list[Reply] = [(b"1 (UID 7 BODY[] {3}", b"abc"), (b" X-ANNOTATION {2}", b"no"), b")"]
    assert bodies(other) == {7: b"abc"}


def test_what_was_not_asked_for_is_no_answer() -> None:
    """A body of another UID than those that were asked for is dropped."""
    assert sections([(b"1 (UID 8 BODY[] {3}", b"abc"), b")"], "BODY[]", {7}) == Sections({})


def test_a_uid_that_is_listed_for_two_messages_is_told() -> None:
    """Two sequence numbers, or two sizes; the same line again is nothing."""
    one, other = b"1 (UID 7 FLAGS () RFC822.SIZE 5)", b"2 (UID 7 FLAGS () RFC822.SIZE 5)"
    assert listing([one, other]).twice == {7}
    assert listing([one, b"1 (UID 7 FLAGS () RFC822.SIZE 6)"]).twice == {7}
    assert listing([one, one]).twice == frozenset()


@pytest.mark.parametrize("size", [b"-1", b"NIL", b"9999999999999999999", b"()"])
def test_a_size_that_cannot_be_true_is_none(size: bytes) -> None:
    """The message is listed all the same."""
    line = b'1 (UID 7 FLAGS () INTERNALDATE "%b" RFC822.SIZE %b)' % (DATE.encode(), size)
    assert listing([line]).messages == {7: Listed(0, SECONDS, "", sizeless=True)}


def test_an_id_is_read_in_all_its_forms() -> None:
    """Quoted strings, NIL and literals (RFC 2971 section 3.2); anything else is nothing."""
    assert identity([b'("Name" "Kerio Connect" "vendor" NIL)']) == {"name": "Kerio Connect", "vendor": ""}
    assert identity([(b'("name" {4}', b"Cyrus"), b")"]) == {"name": "Cyrus"}
    assert identity([b"NIL", None]) == {}


@given(st.lists(st.binary(max_size=30) | st.tuples(st.binary(max_size=30), st.binary(max_size=9)), max_size=6))
def test_no_reply_breaks_the_reader(replies: list[Reply]) -> None:
    """Any bytes are read as something or nothing."""
    listing(replies)
    sections(replies, "BODY[]", ANY_UID)
    uids(replies)
    identity(replies)


@given(st.dictionaries(st.integers(1, 2**32 - 1), st.binary(max_size=60), max_size=6), st.booleans(), st.booleans())
def test_any_bytes_in_a_literal_are_kept(messages: dict[int, bytes], uid_first: bool, noise: bool) -> None:
    """Any text in a message is content, with the UID in any place."""
    replies: list[Reply] = []
    for uid, raw in messages.items():
        if noise:
            replies.append(b"9 (FLAGS (\\Seen))")
        head, tail = (b"1 (UID %d BODY[]" % uid, b")") if uid_first else (b"1 (BODY[]", b" UID %d)" % uid)
        replies += [(head + b" {%d}" % len(raw), raw), tail]
    assert bodies(replies) == messages


@given(st.datetimes(datetime(1, 1, 3), datetime(9998, 12, 31)), st.integers(-99 * 60, 99 * 60))  # noqa: DTZ001
def test_every_internaldate_is_the_moment_it_names(moment: datetime, minutes: int) -> None:
    """All years, months and zones, in seconds since 1970."""
    moment = moment.replace(microsecond=0)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
    text = f"{moment.day:2}-{months[moment.month - 1]}-{moment.year:04} {moment:%H:%M:%S} {sign}{hours:02}{rest:02}"
    assert internaldate(text) == calendar.timegm(moment.timetuple()) - minutes * 60


@pytest.mark.parametrize("text", ["", "31-Jun-2024 10:00:00 +0000", "01-Foo-2024 10:00:00 +0000", "yesterday", "1-Jan-2024"])
def test_an_impossible_date_is_none(text: str) -> None:
    """31 June, unknown months and nonsense do not raise."""
    assert internaldate(text) is None


def test_leap_seconds_and_the_year_0_are_taken() -> None:
    """Second 60 is a second; year 0, which servers send, is some early moment."""
    moment = datetime(2017, 1, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=1)))
    assert internaldate("31-Dec-2016 23:59:60 +0000") == moment.timestamp()
    assert internaldate("01-Jan-0000 00:00:00 +0000") is not None


@given(st.text())
def test_no_text_breaks_the_reader_of_dates(text: str) -> None:
    """Any text is a date or none."""
    internaldate(text)
