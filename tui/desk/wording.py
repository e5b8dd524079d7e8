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
    ("set accept_all_certificates = true", 'tick "accept all certificates"'),
    ("the port is a key of its own", "the port has a field of its own"),
    ("its path relative to this file", "best with its whole path"),
    ("Save one with archivar profile apply", "The key n on Home makes one"),
    ("Enter it with archivar directory apply, or name a password_file", "Type it on the directory's page"),
    (r"Set one up with archivar directory apply FILE\.toml", "Set one up: the key t in Users"),
    (r"Look at domains and groups in \[search\]", 'Look at "Domains" and "Groups"'),
    (r"Look at \[search\]: it asked for", 'Look at "Filter" and "Base DN": it asked for'),
    (
        r"archivar profile apply FILE\.toml asks for (?:the password anew|it)",
        "Change the profile, and type the password on the page Login",
    ),
    (r"\(archivar profile apply\)", "(change the profile, page Login)"),
    (
        r'Add a \[schedule\] to its file, such as daily = "02:00", and apply it again',
        "Change it, and choose on the page Name when it is started",
    ),
    (r"Name it in catchall\.own_addresses", f"Name it as {_label('catchall.own_addresses')} on the page Filing"),
    (r"archivar user list shows them", "The place Users lists all of them"),
    (r"archivar folders USER shows them", "The place Archive shows everybody's folders"),
    (r"with archivar user edit", "in Users (the key u on Home)"),
    (
        r"Say with --to which folder on the server its mail goes to, or choose another one with --folder",
        "Name a folder on the server for it, or choose another profile",
    ),
    (r"Give --user NAME", "Choose the mailbox"),
    (r"archivar profile show tells who is", "Choose another mailbox or another profile"),
    (r"Say what is there with --format, if it is mail", "Say in which format it is, if it is mail"),
    (r"Say whose is to be imported with --of NAME", "Name one of them here"),
    (r"archivar folders USER shows the folders", "It may have been moved. Archive (the key m) shows the folders"),
    (r"archivar search shows what a query finds", "Look what the search finds"),
    (r"archivar user add brings the user and the archive back", "Adding a user of that name in Users brings the archive back"),
    (r"after since(?=,)", f"after {_label('filter.since')}"),
    (r"over larger_than(?=,)", f"over {_label('filter.larger_than')}"),
    ("with ca_file in the profile", f"as {_label('server.ca_file')} in the profile"),
)
#: What a message begins with when it is about one field.
_OPENINGS: tuple[tuple[str, str], ...] = (
    (r"^login\.password_file ", "The password file "),
    (r"^users\.list: ", "Users: "),
    (r"^--to: the name", "The name"),
    ("^--to: ", ""),
    (r"^delete\.when: ", "Delete: "),
)
#: Keys of files, and what they are called on a page. They are short, and might stand in a text from outside.
_KEYS: tuple[tuple[str, str], ...] = (
    (_key("ca_file"), _label("server.ca_file")),
    (_key("slowest_bytes_a_second"), _label("server.slowest_bytes_a_second")),
    (r"megabytes_a_day in the profile", f"{_label('server.megabytes_a_day')} in the profile"),
    ("access and port", f"{_label('server.access')} and {_label('server.port')}"),
    (r"access imap(?![\w-])", f"{_label('server.access')} IMAP"),
    ("access (?=imap-)", f"{_label('server.access')} "),
    # Keys of a directory's file, by the labels of its page.
    (_key(r"search\.base_dn"), '"Base DN"'),
    (_key(r"search\.filter"), '"Filter"'),
    (_key(r"search\.domains"), '"Domains"'),
    (_key(r"search\.groups"), '"Groups"'),
    (_key(r"attributes\.email"), '"Addresses from"'),
    (_key(r"server\.timeout"), '"Timeout"'),
    (_key(r"server\.host"), '"Server name"'),
    (r"login\.username \(a DN", '"Login" (a DN'),
    (r"access (?=ldap-)", f"{_label('server.access')} "),
    (_key("ldap-ssl"), "LDAPS"),
    (_key("ldap-tls"), "StartTLS"),
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


_in_sentences, _in_openings, _in_keys = map(_compiled, (_SENTENCES, _OPENINGS, _KEYS))


def advice(text: str) -> Safe:
    """A hint or a remedy, which is the core's own from end to end, as the console says it.

    What a server, a folder or a person calls something is no part of it, or stands in quotes.
    """
    parts = _QUOTED.split(_in_sentences(text))
    return sentence("".join(part if part.startswith('"') else _in_keys(part) for part in parts))


def phrase(text: str) -> str:
    """A sentence of the core that has a name from outside in it: only whole phrases of ours are said in another way."""
    return _in_sentences(text)


def message(text: str) -> str:
    """What happened: it may hold words of a server, and is shown as it is, but for the field that it begins with."""
    return _in_openings(text)
