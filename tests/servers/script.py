"""A script for an IMAP server: its messages, and every behaviour that a real server does not show on demand."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the server holds it; ``internaldate`` in the form of RFC 3501 (``date-time`` without the quotes)."""

    uid: int
    raw: bytes
    flags: tuple[str, ...] = ()
    internaldate: str = "01-Feb-2024 10:00:00 +0000"


@dataclass(frozen=True, slots=True)
class Received:
    """A command as received; ``turn`` counts how often its connection has waited for the client before it."""

    connection: int
    turn: int
    line: str


@dataclass(slots=True)
class Script:
    """The server's behaviour besides, or instead of, the standard's. Folder names are decoded, UIDs count in any folder."""

    capabilities: list[str] = field(default_factory=lambda: ["IMAP4rev1", "UIDPLUS", "SASL-IR"])
    greeting: str = "* OK ready"  # "* BYE too many connections" ends the session at once
    refuse_logins: int = 0  # so many logins are answered NO
    master_password: str | None = None  # Kerio's X-MASTERAUTH is known when set
    starttls: ssl.SSLContext | None = None
    uidvalidity: dict[str, int] = field(default_factory=dict)
    uidnext: dict[str, int] = field(default_factory=dict)
    highestmodseq: dict[str, int] = field(default_factory=dict)
    noselect: set[str] = field(default_factory=set)
    nonexistent: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    shut: set[str] = field(default_factory=set)  # opening such a folder is answered NO
    exists: dict[str, int] = field(default_factory=dict)  # EXISTS as told when such a folder is opened
    attributes: dict[str, str] = field(default_factory=dict)  # folder -> \Sent and the like
    namespace: str | None = None  # what NAMESPACE is answered; None: all is personal
    rights: dict[str, str] = field(default_factory=dict)  # folder -> what MYRIGHTS tells; NO for others
    product: str = "Scripted"  # the name in the reply to ID
    # More FETCH items: (folder, message, item) -> what stands behind the item's name, or None
    items: Callable[[str, Stored, str], str | None] = lambda folder, message, item: None
    refused_items: dict[str, str] = field(default_factory=dict)  # FETCH item -> the answer to a FETCH with it
    at_once: str = "taken"  # commands sent at once: "taken", "dropped", "refused" (BAD), "closed"

    nil_uids: set[int] = field(default_factory=set)  # BODY[] NIL
    omit_uids: set[int] = field(default_factory=set)  # no FETCH reply at all for a body
    no_uids: set[int] = field(default_factory=set)  # tagged NO for a body FETCH with such a UID in it
    size_lies: dict[int, int] = field(default_factory=dict)  # RFC822.SIZE as told
    expunge_between: set[int] = field(default_factory=set)  # listed, and gone when a body is asked for
    empty_fetch_bad: bool = False  # FETCH on an empty folder is answered BAD

    cut_literal_after: int | None = None  # once: the connection ends after so many bytes of a body
    bye_in_literal: int | None = None  # once: BYE after so many bytes of a body
    reset: bool = False  # connections that are cut end with RST
    drop_after_commands: int | None = None  # once: the connection ends after so many answered commands
    silent_after: int | None = None  # no byte any more after so many answered commands of a connection
    untagged_noise: bool = False
    text_less: bool = False  # response codes without text, tagged ones too
    bare_ok: bool = False  # tagged OK and nothing behind it, not even a blank (imaplib cannot read that)
    throttle: int = 0  # so many commands after the login are answered NO [UNAVAILABLE]
    answers: dict[str, str] = field(default_factory=dict)  # "UID EXPUNGE" -> "NO not today", instead of doing it
    trash: str | None = None  # what is expunged elsewhere goes here

    turn_away: int = 0  # so many connections are closed without a greeting
    bye_to: dict[str, str] = field(default_factory=dict)  # once a verb: BYE with this text instead of an answer
    flood: dict[str, bytes] = field(default_factory=dict)  # verb, or "greeting" -> what comes without end instead of an answer
    drip: float | None = None  # seconds between two bytes of a body, in the folders of ``drips_in``
    drips_in: set[str] = field(default_factory=set)
    size_of_all: int | None = None  # RFC822.SIZE of every message
