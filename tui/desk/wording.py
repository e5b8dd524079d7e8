"""Sentences of the core in the console's words: its pages and fields instead of profile files and commands."""

from __future__ import annotations

import re
from collections.abc import Callable

from core.profiles.schema import forms
from core.profiles.schema.profiles import PROFILES
from tui.desk.present import Safe, sentence


def _label(field: str) -> str:
    return f'"{forms.label(PROFILES, field)}"'


def _key(name: str) -> str:
    """Pattern of a profile file's key as a word of its own, not within a file name."""
    return rf"(?<![\w./-]){name}(?![\w/-]|\.\w)"


#: Sentences and phrases of the core (regular expressions), with the console's wording.
_SENTENCES: tuple[tuple[str, str], ...] = (
    (r"set trash_too = true in \[delete\]", f"tick {_label('delete.trash_too')}"),
    (r"\(archivar profile apply\)", "(change the profile, page Login)"),
    (r"Name it in catchall\.own_addresses", f"Name it as {_label('catchall.own_addresses')} on the page Filing"),
)
#: Keys of files, with their labels. They are short, and might occur in outside text.
_KEYS: tuple[tuple[str, str], ...] = (
    (_key("ca_file"), _label("server.ca_file")),
    (_key("slowest_bytes_a_second"), _label("server.slowest_bytes_a_second")),
    (_key("imap-ssl"), "IMAP-SSL"),
    (_key("imap-tls"), "IMAP-TLS"),
)
#: A quoted text is a name from outside, and stays unchanged.
_QUOTED = re.compile(r'("[^"]*")')


def _compiled(table: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    rules = tuple((re.compile(words), instead) for words, instead in table)

    def replaced(text: str) -> str:
        for words, instead in rules:
            text = words.sub(instead, text)
        return text

    return replaced


_in_sentences, _in_keys = map(_compiled, (_SENTENCES, _KEYS))


def advice(text: str) -> Safe:
    """A hint or a remedy, wholly the core's own, in the console's wording.

    Names from outside are no part of it, or quoted.
    """
    parts = _QUOTED.split(_in_sentences(text))
    return sentence("".join(part if part.startswith('"') else _in_keys(part) for part in parts))


def phrase(text: str) -> str:
    """A sentence of the core with a name from outside: only whole phrases of ours are reworded."""
    return _in_sentences(text)
