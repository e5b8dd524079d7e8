"""A password that a server or a library repeats is masked where its words come in, in every spelling."""

from __future__ import annotations

import base64
import gc
import html
import imaplib
import io
import json
import logging
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imapclient import imap_utf7

from core.imap import names, replies
from core.imap.words import said, words
from core.masking import MASK, KnownPassword, masked
from core.problems import folder
from core.secrets import Secret
from core.system import log

WORD = 'Sesam "öffne" \\dich+1'
PASSWORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=8, max_size=40).filter(
    lambda text: MASK not in text
)

#: How a server or a library writes what it was given.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "quoted": lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
    "every character quoted": lambda text: "".join(f"\\{character}" for character in text),
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent of a form": urllib.parse.quote_plus,
    "percent in small letters": lambda text: urllib.parse.quote(text, safe="").replace("%C3", "%c3"),
    "modified UTF-7": lambda text: imap_utf7.encode(text).decode("latin-1"),
    "UTF-8 read as Latin-1": lambda text: text.encode().decode("latin-1"),
    "Latin-1 read as UTF-8": lambda text: text.encode("latin-1").decode("utf-8", "replace"),
    "repr": lambda text: repr(text)[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "JSON": lambda text: json.dumps(text)[1:-1],
    "HTML": html.escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "SASL PLAIN": lambda text: base64.b64encode(f"\0alice@example.test\0{text}".encode()).decode(),
    "SASL PLAIN for another": lambda text: base64.b64encode(f"bob\0alice\0{text}".encode()).decode(),
    "Basic": lambda text: base64.urlsafe_b64encode(f"ad:{text}".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "LDAP": lambda text: "".join(f"\\{byte:02x}" for byte in text.encode()),
    "quoted-printable": lambda text: text.encode().decode("latin-1").replace("+", "=2B").replace('"', "=22"),
    "in capitals": str.upper,
}


@pytest.mark.parametrize("way", SPELLINGS)
def test_a_password_is_masked_in_every_spelling(way: str) -> None:
    """And nothing else of the sentence goes; a password of an account is no other one's."""
    secret = Secret(WORD)
    told = f"Login failed for alice ({SPELLINGS[way](secret.reveal())}), try again"
    assert masked(told) == f"Login failed for alice ({MASK}), try again"


@settings(max_examples=30)
@given(PASSWORDS, st.sampled_from(sorted(set(SPELLINGS) - {"Latin-1 read as UTF-8", "in capitals", "quoted-printable"})))
def test_no_password_comes_through(text: str, way: str) -> None:
    """Any text for a password, wherever it stands."""
    known = KnownPassword(text)
    spelled = SPELLINGS[way](text)
    found = known.out_of(f"a {spelled} b {spelled}")
    assert spelled not in found
    assert text not in found


def test_a_password_is_forgotten_with_its_last_owner() -> None:
    """Two holders of the same one are two; a password without a holder is an ordinary word again."""
    first, second = Secret("Kirschbaum"), Secret("Kirschbaum")
    del first
    gc.collect()
    assert masked("Kirschbaum") == MASK
    del second
    gc.collect()
    assert masked("Kirschbaum") == "Kirschbaum"


def test_a_short_password_is_masked_as_a_word_only() -> None:
    """A hole in every sentence would tell it."""
    secret = Secret("in")
    assert masked(f"logging in as inge with {secret.reveal()}") == f"logging {MASK} as inge with {MASK}"


@pytest.mark.parametrize("error", [imaplib.IMAP4.error(f"LOGIN command error: BAD [{WORD.encode()!r}]"), OSError(5, WORD)])
def test_words_of_a_server_hold_no_password(error: Exception) -> None:
    """However imaplib dresses them, and where they are cut."""
    secret = Secret(WORD)
    assert secret.reveal() not in words(error)
    assert MASK in words(error)
    long = words(imaplib.IMAP4.error(("x" * 490 + secret.reveal()).encode()))
    assert "Sesam" not in long
    assert said([f"NO {secret.reveal()}".encode()]) == f"NO {MASK}"


def test_folders_flags_and_names_of_a_server_hold_no_password() -> None:
    """Such a folder is left alone and named as far as it can be, since its name would be in the ledger; ordinary words stay."""
    secret = Secret("Entwürfe-2024")
    paths = ("Entwürfe-2024", "Alt/Entwürfe-2024", "Entwürfe", "ENTWÜRFE-2024")
    wire = [imap_utf7.encode(path).decode("latin-1") for path in paths]
    listed = [f'() "/" "{name}"'.encode() for name in wire]
    found, unreadable = names.folders([*listed, f'() "/" "{secret.reveal()}'.encode()])
    assert [folder.path for folder in found] == ["Entwürfe"]
    assert list(unreadable) == [MASK, f"Alt/{MASK}", MASK, f'() "/" "{MASK}']
    assert [line.reason.code for line in unreadable] == [*[folder.HOLDS_PASSWORD] * 3, folder.UNREADABLE_LINE]
    plain = Secret("hunter2-hunter2")
    assert replies._flags(rb"\Seen hunter2-hunter2 NonJunk") == rf"\Seen {MASK} NonJunk"
    assert replies.identity([f'("name" "{plain.reveal()}")'.encode()]) == {"name": MASK}


@pytest.mark.parametrize(
    ("password", "folder"), [("INBOX", "INBOX"), ("Sent", "Sent Items"), ("Archiv1", "Archiv12"), ("", "A")]
)
def test_a_password_that_is_an_ordinary_name_renames_no_folder(password: str, folder: str) -> None:
    """Mail would be archived under another name than people look for."""
    secret = Secret(password)
    assert names.folders([f'() "/" "{folder}"'.encode()])[0][0].path == folder
    assert secret.reveal() == password


def test_a_traceback_in_the_log_holds_no_password(tmp_path: Path) -> None:
    """Not even in a library's untranslated error, or in its cause."""
    secret = Secret(WORD)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log._Formatter())
    try:
        try:
            raise imaplib.IMAP4.error(f"refused: {secret.reveal()}")
        except imaplib.IMAP4.error as error:
            raise RuntimeError("the program fell") from error
    except RuntimeError as error:
        handler.handle(logging.LogRecord("a", logging.ERROR, "", 0, "run", None, (type(error), error, error.__traceback__)))
    assert "the program fell" in stream.getvalue()
    assert "Sesam" not in stream.getvalue()
