"""What the core says, in the console's own words: its pages and fields instead of profile files and commands."""

from __future__ import annotations

import re
from collections.abc import Callable

from core.profiles.schema import forms
from core.profiles.schema.profiles import PROFILES
from tui.desk.present import Safe, sentence


def _label(field: str) -> str:
    return f'"{forms.label(PROFILES, field)}"'


def _key(name: str) -> str:
    """A key of a profile file as a word of its own, not within the name of a file."""
    return rf"(?<![\w./-]){name}(?![\w/-]|\.\w)"


#: Sentences and phrases of the core (regular expressions), and what the console says instead.
_SENTENCES: tuple[tuple[str, str], ...] = (
    (r"set trash_too = true in \[delete\]", f"tick {_label('delete.trash_too')}"),
    (r"\(archivar profile apply\)", "(change the profile, page Login)"),
    (r"Name it in catchall\.own_addresses", f"Name it as {_label('catchall.own_addresses')} on the page Filing"),
    (r"Say what is there with --format, if it is mail", "Say in which format it is, if it is mail"),
    (r"Say whose is to be imported with --of NAME", "Name one of them here"),
)
#: Keys of files, and what they are called on a page. They are short, and might stand in a text from outside.
_KEYS: tuple[tuple[str, str], ...] = (
    (_key("ca_file"), _label("server.ca_file")),
    (_key("slowest_bytes_a_second"), _label("server.slowest_bytes_a_second")),
    (_key("imap-ssl"), "IMAP-SSL"),
    (_key("imap-tls"), "IMAP-TLS"),
)
#: A text in quotes is somebody's, and stays as it is.
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
    """A hint or a remedy, which is the core's own from end to end, as the console says it.

    What a server, a folder or a person calls something is no part of it, or stands in quotes.
    """
    parts = _QUOTED.split(_in_sentences(text))
    return sentence("".join(part if part.startswith('"') else _in_keys(part) for part in parts))


def phrase(text: str) -> str:
    """A sentence of the core that has a name from outside in it: only whole phrases of ours are said in another way."""
    return _in_sentences(text)
