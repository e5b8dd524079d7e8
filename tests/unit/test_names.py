"""Folder names: from the wire to the displayed path and back, for any server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imap import names
from core.imap.names import Folder, Status, folders, needs_literal, path, quote, statuses
from tests.servers.dovecot import modified_utf7

# What a level may hold: no separators, and no lone surrogates, which are no characters.
LEVELS = st.text(st.characters(codec="utf-8", exclude_characters="/."), min_size=1, max_size=12)
WIRE = st.text(st.characters(max_codepoint=255), max_size=30)


@given(st.lists(LEVELS, min_size=1, max_size=4), st.sampled_from("/."))
def test_a_name_is_read_as_it_was_meant(levels: list[str], separator: str) -> None:
    """Modified UTF-7 with either separator gives the levels joined by a slash."""
    readable = ["INBOX" if levels[0].upper() == "INBOX" and levels[0].isascii() else levels[0], *levels[1:]]
    assert path(separator.join(modified_utf7(level) for level in levels), separator) == "/".join(readable)


@given(WIRE, st.sampled_from(("/", ".", "\\", "")))
def test_any_name_has_a_path_that_can_be_stored(wire: str, separator: str) -> None:
    """Broken modified UTF-7 and raw bytes never raise, and never give what is no Unicode text."""
    path(wire, separator).encode("utf-8")


@pytest.mark.parametrize(
    ("wire", "separator", "expected"),
    [
        ("INBOX.Entw&APw-rfe", ".", "INBOX/Entwürfe"),
        ("inbox/Sub", "/", "INBOX/Sub"),
        ("Inboxes", "/", "Inboxes"),
        ("&ATE-nbox", "/", "ınbox"),
        ("a/b.c", ".", "a\u2215b/c"),
        ("&2D3c5g-", "/", "📦"),
        ("&2D0-", "/", "&2D0-"),
        ("&", "/", "&"),
        ("caf\u00c3\u00a9", "/", "café"),
        ("a&-b", "/", "a&b"),
        ("no separator/at all", "", "no separator\u2215at all"),
    ],
)
def test_folder_names_are_shown_as_paths_for_people(wire: str, separator: str, expected: str) -> None:
    """INBOX in any case but not what only looks like it, slashes inside a level, broken names as they came."""
    assert path(wire, separator) == expected


def test_list_replies_are_read_in_all_their_forms() -> None:
    """Atoms, quoted strings and literals; NIL as separator; attributes in any case; doubles dropped, nonsense named."""
    replies: list[bytes | tuple[bytes, bytes] | None] = [
        b'(\\HasNoChildren) "/" INBOX',
        b'(\\Trash \\Noselect) "/" "Deleted Items"',
        b'() NIL "single"',
        b'() nil "lower"',
        b'() "\\\\" "say \\"hi\\" \\\\x"',
        (b'(\\NonExistent) "." {5}', b'a"b\\c'),
        b"",
        b'() "/" "007" ("CHILDINFO" ("SUBSCRIBED"))',
        b'() "/" INBOX',
        b"nonsense",
        None,
    ]
    found, unreadable = folders(replies)
    assert unreadable == ["nonsense"]
    assert [(folder.name, folder.selectable) for folder in found] == [
        ("INBOX", True),
        ("Deleted Items", False),
        ("single", True),
        ("lower", True),
        ('say "hi" \\x', True),
        ('a"b\\c', False),
        ("007", True),
    ]
    assert found[1].attributes == ("\\trash", "\\noselect")
    assert found[4].path == 'say "hi" /x'


@pytest.mark.parametrize("delimiter", [b"/", b".", b"\\"])
def test_a_delimiter_without_quotes_is_understood(delimiter: bytes) -> None:
    """Servers leave the quotes out; the folder is the same, its levels too."""
    wire = b"Sales" + delimiter + b"North"
    name = wire.decode()
    assert folders([b"(\\HasNoChildren)  " + delimiter + b" " + wire]) == (
        [Folder(name, "Sales/North", ("\\hasnochildren",))],
        [],
    )


@pytest.mark.parametrize(
    "line", ["nonsense", '() "/" Deleted Items', '() "/" "never closed', '() "/"', '() "/" "a" b', "() // Sales"]
)
def test_lines_that_cannot_be_read_are_handed_back(line: str) -> None:
    """Names with blanks or quotes that are never closed are no other folder, and not passed over."""
    assert folders([line.encode(), b'() "/" INBOX', (b"() no {3}", b"x y")]) == (
        [Folder("INBOX", "INBOX")],
        [line, "() no {3}x y"],
    )


def test_absurd_numbers_of_a_status_are_passed_over() -> None:
    """More than the database keeps, more digits than int() takes: as if not said, and nothing is remembered."""
    reply = b"INBOX (MESSAGES 9223372036854775808 UIDNEXT 9223372036854775807 UIDVALIDITY " + b"9" * 5000 + b")"
    assert statuses([reply])["INBOX"] == Status({"UIDNEXT": 2**63 - 1})
    assert statuses([reply])["INBOX"].signature == ""


def test_status_replies_are_read_in_all_their_forms() -> None:
    """Names as atom, quoted and literal; items in any order and case."""
    replies: list[bytes | tuple[bytes, bytes] | None] = [
        b"INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7)",
        b'"a (MESSAGES 99)" (uidnext 1 MESSAGES 0 UIDVALIDITY 2 HIGHESTMODSEQ 18446744073709551615)',
        (b"{3}", b"x y"),
        b" (MESSAGES 5)",
    ]
    found = statuses(replies)
    assert found["INBOX"].signature == "7:9:3:"
    assert found["a (MESSAGES 99)"].signature == "2:1:0:18446744073709551615"
    assert found["x y"] == Status({"MESSAGES": 5})
    assert found["x y"].signature == ""


@given(WIRE)
def test_a_quoted_name_is_read_back_as_the_same_folder(wire: str) -> None:
    """Quoting a name and parsing LIST are inverse; names with line breaks are sent in another way."""
    assert folders([b'() "/" ' + quote(wire)]) == ([Folder(wire, path(wire, "/"))], [])
    assert needs_literal(wire) == (b"\r" in quote(wire) or b"\n" in quote(wire))


@pytest.mark.parametrize("delimiter", ["/", ".", "\\"])
@pytest.mark.parametrize("path", ["INBOX", "INBOX/Entwürfe & mehr", "a/b c/日本語", "😀/x", "Q&A", "a∕b/c"])
def test_a_path_becomes_the_name_that_it_was_read_from(path: str, delimiter: str) -> None:
    """With any delimiter of the server, the name read back gives the same path."""
    wire = names.wire(path, delimiter)
    assert wire is not None
    assert wire.isascii()
    assert names.path(wire, delimiter) == path


def test_what_no_server_can_have_has_no_name() -> None:
    """A level with the delimiter in it, an empty level, levels on a server without any."""
    assert [names.wire(*one) for one in (("v1.2/x", "."), ("a//b", "/"), ("a/b", ""), ("", "/"))] == [None] * 4
    assert names.wire("flat", "") == "flat"


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        (b'(\\Noselect) "/" ""', "/"),
        (b'(\\Noselect) "." ""', "."),
        (b'() "\\\\" ""', "\\"),
        (b'() NIL ""', ""),
        (b"nonsense", "/"),
    ],
)
def test_the_delimiter_is_what_list_says(line: bytes, delimiter: str) -> None:
    """NIL: names have no levels. A reply that cannot be read says nothing."""
    assert names.delimiter([line]) == delimiter
