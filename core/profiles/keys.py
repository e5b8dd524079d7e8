"""The keys of a profile file, by section, with what each may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.profiles import age as ages
from core.profiles import sizes, templates
from core.profiles.catchall import Unknown
from core.profiles.deletion import OnTrash, When
from core.profiles.filter import Flagged, Seen
from core.profiles.profile import FASTEST, MAX_CONNECTIONS, MOST_MEGABYTES, Access, Kind, Method
from core.profiles.schedule import WHAT_CRON, WHAT_DAILY, WHAT_EVERY, WHAT_ZONE
from core.profiles.selection import Mode


@dataclass(frozen=True, slots=True)
class Key:
    """What a value may be: its types, what to write instead, and the texts allowed, if these can be listed."""

    kinds: tuple[type, ...]
    what: str
    allowed: tuple[str, ...] = ()


_TEXT = Key((str,), "a text in quotes")
_TEXTS = Key((list,), "a list of texts")
_BOOL = Key((bool,), "true or false")
_AGE = Key((str,), ages.WHAT)
_TEMPLATE = Key((str,), templates.WHAT)
DAY = Key((date, str), "a day such as 2024-12-31")
SIZE = Key((str,), sizes.WHAT)

KEYS: dict[str, dict[str, Key]] = {
    "": {
        "name": _TEXT,
        "kind": Key((str,), "a text", tuple(kind.value for kind in Kind)),
    },
    "server": {
        "host": _TEXT,
        "port": Key((int,), "a number from 1 to 65535"),
        "access": Key((str,), "a text", tuple(access.value for access in Access)),
        "accept_all_certificates": _BOOL,
        "ca_file": _TEXT,
        "timeout": Key((int, float), "seconds, from 1 to 86400"),
        "connections": Key((int,), f"a number from 1 to {MAX_CONNECTIONS}"),
        "slowest_bytes_a_second": Key((int,), f"a number from 1 to {FASTEST}"),
        "megabytes_a_day": Key((int,), f"a number from 0 (no limit) to {MOST_MEGABYTES}"),
    },
    "login": {
        "method": Key((str,), "a text", tuple(method.value for method in Method)),
        "username": _TEXT,
        "password_file": _TEXT,
        "password_env": _TEXT,
    },
    "folders": {"include": _TEXTS, "exclude": _TEXTS},
    "filter": {
        "seen": Key((str,), "a text", tuple(seen.value for seen in Seen)),
        "flagged": Key((str,), "a text", tuple(flagged.value for flagged in Flagged)),
        "older_than": _AGE,
        "newer_than": _AGE,
        "since": DAY,
        "before": DAY,
        "larger_than": SIZE,
        "smaller_than": SIZE,
        "sender": _TEXTS,
        "recipient": _TEXTS,
        "subject": _TEXTS,
    },
    "delete": {
        "when": Key((str,), "a text", tuple(when.value for when in When)),
        "age": _AGE,
        "trash_too": _BOOL,
        "on_trash": Key((str,), "a text", tuple(place.value for place in OnTrash)),
        "without_uidplus": _BOOL,
        "shared": _BOOL,
    },
    "target": {"user": _TEXT, "folder": _TEXT},
    "users": {
        "mode": Key((str,), "a text", tuple(mode.value for mode in Mode)),
        "list": _TEXTS,
        "sync_directory_first": _BOOL,
    },
    "catchall": {
        "incoming": _TEMPLATE,
        "outgoing": _TEMPLATE,
        "unknown": Key((str,), "a text", tuple(unknown.value for unknown in Unknown)),
        "unknown_folder": _TEXT,
        "archive": _TEXT,
        "headers": _TEXTS,
        "domains": _TEXTS,
        "own_addresses": _TEXTS,
    },
    "schedule": {
        "every": Key((str,), WHAT_EVERY),
        "daily": Key((str,), WHAT_DAILY),
        "weekdays": _TEXTS,
        "cron": Key((str,), WHAT_CRON),
        "time_zone": Key((str,), WHAT_ZONE),
        "automatic": _BOOL,
    },
}
#: Sections that not all kinds of profiles have.
OWN = {
    "target": (Kind.MAILBOX,),
    "users": (Kind.MAILBOXES, Kind.CATCHALL),
    "catchall": (Kind.CATCHALL,),
}
REQUIRED = {
    ("", "name"): 'name = "Alice"',
    ("", "kind"): 'kind = "mailbox"',
    ("server", "host"): 'host = "mail.example.test" in [server]',
}
REQUIRED_OF_MAILBOX = {
    ("login", "username"): 'username = "alice@example.test" in [login]',
    ("target", "user"): 'user = "alice" in [target]',
}
