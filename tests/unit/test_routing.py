"""Routing of a message: addresses by role, in any header, and the users who have them."""

from __future__ import annotations

import time
from email.utils import formataddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import User
from core.profiles import addresses, correspondents
from core.profiles.correspondents import Correspondents, find
from core.profiles.routing import AddressBook

ANNA = User("1", "anna", ("anna@example.test", "a.muster@example.test", "sales@Example.test"))
BOB = User("2", "bob", ("Bob@example.test",))
ZOE = User("3", "zoe", ("zoë@müller.test",))
BOOK = AddressBook([ANNA, BOB, ZOE], own=["journal@example.test"])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('Anna <anna@example.test>, "Muster, Bob" <bob@example.test>', ["anna@example.test", "bob@example.test"]),
        ("anna@x (c@d), b@y", ["anna@x", "b@y"]),
        ("(a@b) c@d (nested (e@f) \\) g@h)", ["c@d"]),
        ("Team: a@x, Bob <b@y>;", ["a@x", "b@y"]),
        ("A: a@x;, B: b@y;", ["a@x", "b@y"]),
        ("undisclosed-recipients:;", []),
        ('"anna muster"@example.test', ['"anna muster"@example.test']),
        ('"anna"@example.test', ["anna@example.test"]),
        ('anna."m u".x@example.test', ['"anna.m u.x"@example.test']),
        ("other@example.test <bob@example.test>", ["bob@example.test"]),
        ('"anna@example.test" <bob@example.test>', ["bob@example.test"]),
        ("=?utf-8?q?anna=40example.test?= <bob@example.test>", ["bob@example.test"]),
        ("=?utf-8?q?Anna_=3Canna=40example.test=3E?=", ["anna@example.test"]),
        ("=?utf-8?b?QW5uYSA8YW5uYUBleGFtcGxlLnRlc3Q+?=, b@y", ["anna@example.test", "b@y"]),
        ("=?iso-8859-1?q?M=FCller?=\r\n <anna@example.test>", ["anna@example.test"]),
        ("'anna@example.test'", ["anna@example.test"]),
        ("<anna@example.test", ["anna@example.test"]),
        ('"never closed <anna@example.test>, b@y', ["anna@example.test", "b@y"]),
        ("(never closed anna@example.test", ["anna@example.test"]),
        ("<<a@x>>, <a@y, b@y>, <c@z> <d@z>", ["a@x", "a@y", "b@y", "c@z", "d@z"]),
        ("<@r.test,@s.test:anna@example.test>", ["anna@example.test"]),
        ("anna @ example.test", ["anna@example.test"]),
        ("anna@example.test.; b@y", ["anna@example.test", "b@y"]),
        ("a@x\r\n\tb@y", ["a@x", "b@y"]),
        ("mailto:anna@example.test", ["anna@example.test"]),
        ("anna@[192.0.2.1]", ["anna@[192.0.2.1]"]),
        ("o'brien@example.test", ["o'brien@example.test"]),
        ("zoë@müller.test", ["zoë@müller.test"]),
        ("\x00anna@example.test\x00\u200b", ["anna@example.test"]),
        ("anna, @x, y@, @", []),
        ("ysato@x (Yutaka =?ISO-2022-JP?B?GyRCOjRGI0stGyhC?=)", ["ysato@x"]),
        ("=?ISO-2022-JP?B?GyRCOjRGI0stGyhC?= ysato@x", ["ysato@x"]),
        ("a@x (=?utf-8?q?=28b=40y?=), =?utf-8?q?c=40z?= (e@v)", ["a@x", "c@z"]),
        ("=?utf-8?q?b=40y?= a@x", ["a@x"]),
        (f"{'a' * 320}@x", []),
        ("", []),
    ],
)
def test_all_addresses_of_a_field_are_found(value: str, found: list[str]) -> None:
    """Lists, groups, comments, encoded words, quoted local parts, and of what is broken as much as can be read."""
    assert correspondents.addresses(value) == found


def _header(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", "To: body@example.test", ""]).encode()


def test_each_field_has_its_side_and_they_are_read_in_the_order_of_the_profile() -> None:
    """Sender, Resent-Sender and the like are one side, all that say who gets it the other; what stands in the body is none."""
    raw = _header(
        *("Received: from b.for.c by d (for e@f)", "\tfor <from.received@x>; Thu, 1 Feb 2024 10:00:00 +0000"),
        *("X-RCPT-TO: rcpt@x", "Envelope-To: envelope@x", "X-Envelope-To: xenvelope@x", "X-Original-To: original@x"),
        *("Delivered-To: delivered@x", "Resent-Bcc: rbcc@x", "Resent-Cc: rcc@x", "Resent-To: rto@x"),
        *("Resent-Sender: rsender@x", "Resent-From: rfrom@x", "Bcc: bcc@x", "CC: cc@x", "to : to@x", "To: to2@x, TO@x"),
        *("Sender: sender@x", "From: from@x", "Reply-To: reply@x", "X-Other: other@x"),
    )
    assert find(raw) == Correspondents(
        ("from@x", "sender@x", "rfrom@x", "rsender@x"),
        *[
            (
                *("to@x", "to2@x", "cc@x", "bcc@x", "rto@x", "rcc@x", "rbcc@x", "delivered@x", "original@x", "xenvelope@x"),
                *("envelope@x", "rcpt@x", "from.received@x"),
            )
        ],
    )
    assert find(raw, ["x-other", "Bcc"]) == Correspondents((), ("other@x", "bcc@x"))


@pytest.mark.parametrize(
    "raw",
    [
        b"To: ysato@x (Sato \x1b$B:4F#(K-\x1b(B), b@y",
        b"To: ysato@x (Sato \x1b$B:4F#)K-\x1b(B), b@y",
        b'To: \x1b$B:4F"K-\x1b(B ysato@x, b@y',
        b"To: \x1b$)C\x0e(<1\x0f <ysato@x>, b@y",
        b"To: ~{<:(Ky~} <ysato@x>, b@y",
        b"To: \x1b$B never ended <ysato@x>, b@y",
    ],
)
def test_letters_in_seven_bits_are_no_signs(raw: bytes) -> None:
    """Japanese, Korean and Chinese that nothing encodes has bytes that look like parentheses and quotes."""
    assert find(raw).recipients == ("ysato@x", "b@y")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("from a by b (for <c@d>) with ESMTP id 1 for <e@f>; Thu", ("e@f",)),
        ("by b (Postfix, from userid 1, for <c@d>) id 1; Thu", ()),
        ("by b (nested (for c@d) for g@h) for\r\n\t(comment) <e@f>; Thu", ("e@f",)),
        ('by b for <"a (for c@d"@f>; Thu', ('"a (for c@d"@f',)),
    ],
)
def test_what_a_comment_of_received_says_is_no_address(value: str, found: tuple[str, ...]) -> None:
    """Only the clause itself counts."""
    assert find(f"Received: {value}\r\n\r\n".encode()).recipients == found


def test_a_recipient_that_cannot_be_read_is_kept_as_it_stands() -> None:
    """A recipient of a message without others: it counts as one of ours, so that it is looked at."""
    long = f"{'a' * 400}@example.test"
    found = find(f"From: x@y\r\nTo: {long}, anna@\r\n\r\n".encode())
    assert found.unreadable == (f"{long[:100]}…{long[-100:]}", "anna@")
    assert BOOK.route(found).unresolved
    assert not AddressBook([ANNA], ignored=found.unreadable).route(found).unresolved
    # The mailbox's own address is no other one.
    found = find(b"To: Anna <anna@>\r\nDelivered-To: all@example.test\r\n\r\n")
    assert AddressBook([ANNA], own=["all@example.test"]).route(found).unresolved
    assert find(b"To: a@b.test, <broken@@x.test>, broken@@c.test, <no>\r\n\r\n").unreadable == (
        "<broken@@x.test>",
        "broken@@c.test",
    )
    # Beside one that can be read, those in our domains; what is elsewhere is noise.
    found = find(b'To: bob@example.test, "anna@example.test", "news@shop.test", eva@\r\n\r\n')
    assert [one.address for one in BOOK.route(found).strangers] == ['"anna@example.test"', "eva@"]
    assert find(b"To: undisclosed-recipients:;\r\nCc: Team (x@y)\r\n\r\n").unreadable == ()


def test_users_are_found_by_any_address_in_any_case_once_for_each_side() -> None:
    """The first address that is found counts; the mailbox's own belongs to no user; unknown ones are told apart by domain."""
    found = Correspondents(
        ("ANNA@EXAMPLE.TEST", "journal@example.test"),
        (
            "Sales@example.TEST",
            "anna@example.test",
            "bob@example.test",
            "Journal@Example.test",
            "New@example.test",
            "x@else.test",
        ),
    )
    route = BOOK.route(found)
    assert [(match.user.name, match.address, match.sent) for match in route.matches] == [
        ("anna", "anna@example.test", True),
        ("anna", "sales@Example.test", False),
        ("bob", "Bob@example.test", False),
    ]
    assert [(one.address, one.sent, one.ours) for one in route.strangers] == [
        ("new@example.test", False, True),
        ("x@else.test", False, False),
    ]
    assert route.unresolved


def test_a_domain_is_the_same_in_punycode_and_spelled_out() -> None:
    """As is a letter that is put together in another way."""
    for address in ("zoë@xn--mller-kva.test", "ZOË@MÜLLER.test", "zoe\u0308@mu\u0308ller.test"):
        assert [match.user for match in BOOK.route(Correspondents((), (address,))).matches] == [ZOE], address
    assert BOOK.domains == {"example.test", "müller.test"}


def test_our_domains_can_be_named_and_what_is_not_ours_resolves() -> None:
    """An address marked as not ours, or in such a domain, does not keep mail waiting; it is still listed."""
    book = AddressBook([ANNA], domains=["Other.test"], ignored=["spam@other.test", "@gone.test"])
    assert not book.route(Correspondents((), ("new@example.test",))).unresolved
    assert book.route(Correspondents((), ("new@OTHER.test",))).unresolved
    ignored = book.route(Correspondents((), ("Spam@other.test",)))
    assert [(one.ours, one.ignored) for one in ignored.strangers] == [(True, True)]
    assert not ignored.unresolved
    assert not AddressBook([ANNA], ["gone.test"], ignored=["@gone.test"]).route(Correspondents((), ("a@gone.test",))).unresolved


_PIECES = (
    *("anna@example.test", "<bob@example.test>", '"Muster, Bob" ', "Anna ", ", ", ",", "\r\n ", "=?utf-8?q?a=40b?=", " "),
    *("a.b+c=d@x-y.example.test", "<o'brien@x>", "ü", "x@y.", "(c)", ";", "a@b@c", "<", ">", '"', "@", ".", "=", "?", "_", "'"),
)
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=30)
_LOCALS = st.from_regex(r"[a-z0-9]+([._+'-][a-z0-9]+){0,3}", fullmatch=True).filter(lambda local: len(local) < 60)


@given(people=st.lists(st.tuples(_NAMES, _LOCALS), min_size=1, max_size=6))
@settings(deadline=None)
def test_what_a_mail_program_writes_is_read(people: list[tuple[str, str]]) -> None:
    """Any names with any addresses, written by the standard library, give these addresses."""
    value = ", ".join(formataddr((name, f"{local}@example.test")) for name, local in people)
    assert correspondents.addresses(value) == [f"{local}@example.test" for _, local in people]


@given(value=st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
@settings(deadline=None, max_examples=500)
def test_the_quick_way_reads_what_the_thorough_one_does(value: str) -> None:
    """Values as nearly all programs write them are read by one expression, with the same result."""
    assert correspondents.addresses(value) == list(correspondents._addresses(value, decode=True))


@given(
    raw=st.binary(max_size=400) | st.text('<>@,;:"()[]\\ =?abQ\r\n\t.', max_size=300).map(lambda text: b"To:" + text.encode())
)
@settings(deadline=None, max_examples=300)
def test_nothing_is_raised_and_addresses_are_whole(raw: bytes) -> None:
    """For any bytes: found addresses have two sides, can be kept in a ledger, and are the same when read again."""
    found = find(raw)
    for address in (*found.senders, *found.recipients):
        local, _, domain = address.rpartition("@")
        assert local
        assert domain
        assert len(address.encode()) <= 320
        assert addresses.key(addresses.key(address)) == addresses.key(address)
    BOOK.route(found)


@pytest.mark.parametrize(
    "value",
    ['"\\"' * 200_000, "(" * 400_000, "<" * 400_000, "a@" * 200_000, "[a" * 200_000, "=?a?q?x?=@" * 50_000, '"a".' * 100_000],
    ids=["quotes", "comments", "angles", "signs", "literals", "encoded words", "quoted parts"],
)
def test_hostile_headers_cost_time_in_proportion_to_their_length(value: str) -> None:
    """Half a megabyte of what is never closed takes not much longer than as much in order: the square would be minutes."""
    started = time.process_time()
    correspondents.addresses(", ".join(f"user{number}@example.test" for number in range(50_000)))
    usual = time.process_time() - started
    started = time.process_time()
    correspondents.addresses(value)
    assert time.process_time() - started < 20 * usual + 5
