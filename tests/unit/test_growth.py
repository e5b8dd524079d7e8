"""Time grows with the size of what comes from outside, and not with its square: each pattern and each reader, by doubling."""

from __future__ import annotations

import ast
import io
import json
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from core import masking
from core.archive.catalog import tallies
from core.archive.read.reading import Stored
from core.archive.search import folding, index_document, numbers
from core.archive.search.index_row import Lack
from core.archive.store import intake
from core.archive.store.ledger import Entry
from core.archive.transfer import emlx, file_kinds, filenames, kerio, mail_items
from core.archive.transfer.trees import UnusableFile
from core.db import shape as schemas
from core.directory import values
from core.errors import DamagedError
from core.imap import codes, names, namespaces, replies, resync, selected, tokens, words
from core.imap import gmail as labels
from core.message import (
    arrival,
    content,
    date_field,
    decoding,
    envelope,
    gmail,
    invitation,
    mbox,
    separators,
    splitter,
    transfer_encoding,
    uuencoded,
)
from core.message import html_references as markup
from core.message import html_text as pages
from core.message.octets import Held
from core.profiles import addresses, correspondents, journal
from core.storage import answers
from core.storage.keys import VolumeKey, archive_of, is_plain, seal_digits
from core.storage.place import StoragePlace
from core.text import layout, normal, utf7
from core.text.format import safe
from tests import growth
from tests.growth import LARGE, SMALL, Expression
from tests.payloads import encode
from tests.sources import walk
from tui import keys
from tui.desk import present
from tui.desk.archive.message import SourceLines, message_view
from tui.desk.present import Safe
from tui.text import format as shapes
from tui.text import mail as lines

#: Modules with patterns for what administrators write: their files, forms and command lines, and our own words.
INSIDE = frozenset(
    (
        *(
            "core.system.actor",
            "core.config",
            "core.trial",
            "core.imap.login",
            "core.imap.appending",
        ),
        *(
            "core.archive.search.query",
            "core.archive.search.query_values",
            "core.profiles.seal_place",
            "core.storage.place",
            "core.archive.proof.seal",
            "core.archive.catalog.settings",
            "core.archive.registry.lanes",
            "core.archive.registry.unknown",
            "core.archive.registry.user_import",
        ),
        *(
            "core.archive.registry.users",
            "core.archive.transfer.manifest",
            "tui.desk.present",
            "tui.desk.users.users",
        ),
        *("core.manual.pages", "core.profiles.schema.directory_fields", "tui.desk.home"),
        *("tui.keymap", "tui.text.prose", "core.profiles.age", "core.profiles.cron", "core.profiles.schema.kinds"),
        *("core.profiles.ldap_filter", "core.profiles.lines", "core.profiles.schema.profile_kinds"),
        *("core.profiles.rhythm", "core.profiles.schedule", "core.profiles.schema.reading", "core.profiles.sizes"),
        *("core.profiles.templates", "core.profiles.users_csv"),
    )
)
#: Modules whose patterns are reached through a reader of another one.
THROUGH = frozenset(
    (
        *(
            "core.text.codepoints",
            "core.archive.transfer.mail_files",
            "core.archive.transfer.maildir_files",
            "core.directory.ldap",
        ),
        *("core.imap.protocol", "core.imap.session", "core.message.header_fields", "core.message.leaves"),
    )
)


#: The modules and their patterns are read once for these tests.
in_one_process = pytest.mark.xdist_group("modules")
#: Of each pattern so many texts are tried, evenly out of all, beside those of signs alone.
MOST_SHAPES = 30
#: What no linear pattern takes for a text of the larger size: each character is looked at by this one as often as not.
_PLAIN = re.compile("(?:b|c)*+d")
CHUNKS = 6


def _slow(one: Expression, size: int = 10_000) -> str:
    """The first text with which a pattern takes more than its share; empty when there is none."""
    as_bytes = isinstance(one.pattern.pattern, bytes)

    def text(shape: growth.Shape, size: int) -> Any:
        return shape.text(size).encode("latin-1", "replace") if as_bytes else shape.text(size)

    enough = 4 * growth.seconds(lambda: _PLAIN.match("b" * size), 3)
    for method in sorted((one.methods or {"search"}) - {"compile"}):
        work = growth.use(one, method)
        tried = growth.hostile(one.pattern)
        for shape in [*tried[:16], *tried[16 :: max(len(tried) // MOST_SHAPES, 1)]]:
            large = text(shape, size)
            if (took := growth.seconds(partial(work, large))) <= enough:
                continue
            if ratio := growth.grows_too_fast(work, text(shape, size // 8), large, took):
                return f"{one.where} by {method}: {shape} takes {ratio:.0f} times as long"
    return ""


@in_one_process
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_pattern_takes_more_than_its_share(chunk: int) -> None:
    """Every regular expression of the product, for any use; a new one is tried without being named here."""
    assert list(filter(None, map(_slow, growth.expressions()[chunk::CHUNKS]))) == []


@pytest.mark.parametrize(
    "pattern", [rb"&[^-]*$", rb"([A-Z0-9.]+) (\d{1,20})", r"&([^-]*)-", rb"[;\s]\s*+([^\s=;]++)\s*+=", r'"(?:[^"\\]|\\.)*"']
)
def test_a_pattern_that_is_too_slow_is_seen(pattern: str | bytes) -> None:
    """The check itself: each of these takes the square of the time."""
    assert _slow(Expression("here", re.compile(pattern), {"finditer"}), 2_000)


# Readers -----------------------------------------------------------------------------------------------------------------

#: What is repeated: signs that something begins with, ends with, or is counted by.
UNITS = (
    *(b" ", b"\n", b"\r", b"\n ", b";", b"; ", b"a=", b'"', b'\\"', b'"\\', b"(", b")", b"<", b"<>", b"a@", b"a@b,", b"a:b;"),
    *(b"=?utf-8?q?a?= ", b"=?a?b?QQ==?=(", b"%4", b";n*0=a", b"&#1", b"&a", b"<a ", b"<!--", b"<script>", b"<a b='", b"<p>"),
    *(b"--b\n", b"\n--b--", b"--b\nContent-Type: message/rfc822\n\n", b"\xcc\x81\xcc\xa7", b"\xef\xbe\x9e\xcc\xa7", b"\xff"),
    *(b"From \n", b"From\n", b"From a@b Thu Jan  1 00:00:00 1970\n", b"jan ", b"Status:", b" for <a@b>", b"{1", b"[", b"a[ "),
    *(b"a/", b"X:y\n", b"#'0", b"dc=a,", b"\x1b$B(", b"To: a@b\n", b"QUJD", b"1", b"Bcc: <a@b>, Expanded: "),
)
_HEAD = b"From: a@b\r\nTo: c@d\r\nDate: Mon, 1 Jun 2020 10:00:00 +0000\r\nX-MS-Journal-Report:\r\n"
_PART = b"\n--b\nContent-Type: message/rfc822\n\nFrom: a@b\nTo: c@d\n\nx\n--b--\n"
_STORED = Stored(1, b"", 1, 1, "s", "f", "t", 0, 0, None)


def _fields(unit: bytes, size: int) -> bytes:
    """A message with ``unit`` in the fields that are taken apart."""
    text = unit * (size // 6 // len(unit))
    fields = (
        b"Subject: ",
        b"Cc: ",
        b"Received: by x ",
        b"Content-Disposition: attachment; filename*0=",
        b"Content-Type: a/b; c=",
    )
    return _HEAD + b"".join(name + text + b"\r\n" for name in fields) + b"\r\n" + text


def _parts(unit: bytes, size: int) -> bytes:
    """A message, which is a journal report too, with ``unit`` in the header of a part, in HTML and in a plain text."""
    text = unit * (size // 3 // len(unit))
    kinds = (
        b"image/png; name=x" + text + b"\n\nx",
        b"text/html; charset=utf-8\n\n" + text,
        b"text/plain; charset=utf-8\n\nTo: c@d," + text,
    )
    return (
        _HEAD
        + b"Content-Type: multipart/mixed; boundary=b\n"
        + b"".join(b"\n--b\nContent-Type: " + kind for kind in kinds)
        + _PART
    )


def _plainly(unit: bytes, size: int) -> bytes:
    return unit * (size // len(unit))


def _reply(unit: bytes, size: int) -> bytes:
    return b"1 (UID 1 FLAGS (" + _plainly(unit, size) + b")"


def _list(unit: bytes, size: int) -> bytes:
    return b'(\\a) "/" "' + _plainly(unit, size) + b'"'


Shaping = Callable[[bytes, int], bytes]
Reader = Callable[[bytes], object]


def _text(reader: Callable[[str], object]) -> Reader:
    return lambda data: reader(data.decode("utf-8", "replace"))


def _shown(raw: bytes) -> None:
    view = message_view(_STORED, content.read(raw))
    lines.message_lines(view, 80, full=True)
    lines.preview_lines(view, 80, 6)


def _indexed(raw: bytes) -> None:
    document = index_document.document((1, bytes(32), 1, "s", "f", "t", 0, 0), raw)
    assert document.unread is None or document.unread.lack is not Lack.FAILED


def _entry(data: bytes) -> None:
    """A payload written into a volume from outside, in its place and as a text within one."""
    for plain in (data, json.dumps({"v": 1, "name": data.decode("latin-1")}).encode()):
        with suppress(DamagedError):
            assert encode(Entry(1, "", "profile.removed", "", plain, b"").payload)


def _emlx(raw: bytes) -> None:
    with suppress(UnusableFile):
        emlx.read(b"%d\n" % len(raw) + raw + b"<?xml")
    emlx.completed(raw, lambda number: b"x")


def _values(data: bytes) -> None:
    waiting = tokens.tokens([data])
    while waiting:
        with suppress(ValueError, IndexError):
            tokens.value(waiting)


def _separated(data: bytes) -> None:
    line = separators.read(data[: separators.LONGEST])
    separators.parts(line or separators.SeparatorLine(b"", None, False, False, False), True, data[: separators.AHEAD])
    separators.is_header(data)


MAIL: tuple[Shaping, ...] = (_fields, _parts, _plainly)
TEXT: tuple[Shaping, ...] = (_plainly,)
_BUCKET = StoragePlace("s3://bucket")
_PASSWORD = masking.KnownPassword("aB-4711_ö")
READERS: dict[str, tuple[tuple[Shaping, ...], Reader]] = {
    "core.message.content": (MAIL, _shown),
    "core.archive.search.index_document": (MAIL, _indexed),
    "core.archive.store.ledger": (TEXT, _entry),
    "core.archive.store.intake": (MAIL, intake.prepare),
    "core.message.envelope": (
        MAIL,
        lambda raw: (envelope.describe_header(raw), envelope.line(raw), envelope.characters(raw, "")),
    ),
    "core.message.splitter": (MAIL, lambda raw: splitter.split(raw, threshold=1)),
    "core.archive.transfer.emlx": (MAIL, _emlx),
    "core.message.mbox": (
        MAIL,
        lambda raw: (list(mbox.scan(io.BytesIO(raw))), mbox.flags(raw), mbox.unquoted(mbox.quoted(raw))),
    ),
    "core.message.separators": (TEXT, _separated),
    "core.message.arrival": (MAIL, arrival.arrived),
    "core.archive.catalog.tallies": (TEXT, _text(tallies.domain)),
    "core.message.date_field": (TEXT, _text(date_field.seconds)),
    "core.message.gmail": (MAIL, lambda raw: gmail.filed(b"X-Gmail-Labels: " + raw)),
    "core.archive.transfer.kerio": (MAIL, kerio._item),
    "core.archive.transfer.file_kinds": (MAIL, lambda raw: (file_kinds.told(raw), file_kinds.document(raw))),
    "core.archive.transfer.filenames": (TEXT, _text(lambda text: (filenames.file_name(text), filenames.fold(text)))),
    "core.archive.transfer.mail_items": (TEXT, _text(mail_items.level)),
    "core.archive.search.folding": (TEXT, _text(folding.words)),
    "core.profiles.correspondents": (MAIL, correspondents.find),
    "core.profiles.journal": (MAIL, journal.unwrap),
    "core.profiles.addresses": (TEXT, _text(addresses.key)),
    "core.message.invitation": (TEXT, _text(lambda text: invitation.told(f"BEGIN:VEVENT\n{text}\nSUMMARY:{text}\nEND:VEVENT"))),
    "core.message.html_text": (TEXT, _text(lambda text: (pages.read(text), pages.read(f'<a href="{text}">')))),
    "core.archive.search.numbers": (TEXT, _text(numbers.compact)),
    "core.message.transfer_encoding": (
        TEXT,
        lambda data: [
            (transfer_encoding.decoded(data, one), transfer_encoding.trailer(data, one))
            for one in ("base64", "quoted-printable", "uuencode")
        ],
    ),
    "core.message.decoding": (
        TEXT,
        lambda data: [
            *(len(decoding.decoded(Held(data), one)) for one in ("base64", "quoted-printable", "uuencode")),
            len(decoding.with_line_feeds(Held(data))),
        ],
    ),
    "core.message.uuencoded": (TEXT, lambda data: uuencoded.taken_out(b"begin 644 a\n" + data)),
    "core.db.shape": (TEXT, _text(schemas._plain)),
    "core.storage.answers": (
        TEXT,
        _text(lambda text: answers.reason("400", text, text, _BUCKET)),
    ),
    "core.storage.keys": (
        TEXT,
        _text(lambda text: (VolumeKey.parse(text), archive_of(text), is_plain(text), seal_digits(text))),
    ),
    "core.masking": (TEXT, _text(lambda text: (_PASSWORD.out_of(text), _PASSWORD.out_of_name(text)))),
    "core.text.utf7": (TEXT, _text(lambda text: utf7.decoded_utf7(utf7.modified_utf7(text) + text))),
    "tui.keys": (TEXT, _text(lambda text: keys._length(f"\x1b[{text}", ""))),
    "core.message.html_references": (TEXT, _text(markup.plain_lines)),
    "core.text.normal": (TEXT, _text(lambda text: (normal.normal("NFC", text), normal.normal("NFKD", text)))),
    "core.imap.replies": ((_plainly, _reply), lambda data: (replies.listing([data]), replies.identity([data]))),
    "core.imap.names": (
        (_plainly, _list),
        lambda data: (names.folders([data]), names.statuses([data]), names.path(data.decode("latin-1"), "/")),
    ),
    "core.imap.tokens": ((_plainly, _reply), _values),
    "core.imap.namespaces": (TEXT, lambda data: (namespaces.parse([data]), namespaces.rights([data]))),
    "core.imap.resync": (TEXT, lambda data: resync.parse([b"(EARLIER) " + data])),
    "core.imap.selected": (TEXT, lambda data: selected._number([data])),
    "core.imap.gmail": ((_plainly, _reply), lambda data: labels.parse([data])),
    "core.imap.codes": (TEXT, _text(codes.busy)),
    "core.imap.words": (TEXT, lambda data: words.words(Exception(repr(data)))),
    "core.directory.values": (TEXT, _text(values.dn_key)),
    "core.text.format": (TEXT, _text(lambda text: safe(text, len(text) + 1))),
    "core.text.layout": (TEXT, _text(lambda text: layout.wrapped(safe(text, len(text) + 1), 80))),
    "tui.text.format": (TEXT, _text(lambda text: shapes.wrap(Safe(present.steady(safe(text, len(text) + 1))), 80))),
    "tui.desk.archive.message": (MAIL, lambda raw: len(SourceLines(raw, 80))),
}


@pytest.mark.parametrize("module", READERS)
def test_no_reader_takes_more_than_its_share(module: str) -> None:
    """Mail, replies and names that begin something again and again, eight times as long: about eight times the time."""
    shapings, reader = READERS[module]
    slow = []
    for shaping in shapings:
        harmless = growth.seconds(partial(reader, shaping(b"Guten Tag. ", LARGE)), 2)
        for unit in UNITS:
            large = shaping(unit, LARGE)
            # Nothing that takes so little longer than harmless text of this size can be the square.
            if (took := growth.seconds(partial(reader, large))) <= 8 * harmless:
                continue
            if ratio := growth.grows_too_fast(reader, shaping(unit, SMALL), large, took):
                slow.append(f"{shaping.__name__}({unit!r}) takes {ratio:.0f} times as long")
    assert slow == []


@in_one_process
def test_every_module_with_patterns_has_a_reader_here_or_reads_nothing_from_outside() -> None:
    """A new one must be put into one of the lists."""
    known = READERS.keys() | INSIDE | THROUGH
    found = {one.where.partition(":")[0] for one in growth.expressions()}
    modules = {module.__name__ for module, _ in growth.modules()}
    missing = {name for name in found if not any(name == one or name.startswith(f"{one}.") for one in known)}
    assert missing == set()
    assert {one for one in known if one not in modules} == set()


@in_one_process
def test_text_is_normalised_and_references_are_resolved_in_one_place_each() -> None:
    """The library's own take the square of the time, or raise."""
    wanted = {("unicodedata", "normalize"): "core.text.normal", ("html", "unescape"): "core.message.html_references"}
    for module, tree in growth.modules():
        for node in walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                home = wanted.get((node.value.id, node.attr), module.__name__)
                assert home == module.__name__, f"{module.__name__}:{node.lineno}"


def test_a_run_of_marks_is_cut_and_no_other_text_changes() -> None:
    """Every mark of Unicode is known as one; what languages write stays as the library has it."""
    marks = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000 and normal.is_mark(chr(number))]
    for mark in marks:
        assert len(normal.normal("NFKD", "a" + mark * 100)) <= 1 + 2 * normal.MOST_MARKS
    for text in ("Z\u0351\u0321algo", "नमस्ते", "tiếng Việt", "한국어", "─" * 200, "ｶﾞ" * 200, "é" * 200):
        assert normal.normal("NFKD", text) == unicodedata.normalize("NFKD", text)
