"""Folders of a server, and their owners: LIST, STATUS, NAMESPACE, MYRIGHTS and ID in as few round trips as possible.

Invariant: LIST goes first, and commands beside it may be refused, or never answered, without a folder being lost. A server that
does not take pipelined commands (RFC 3501 section 5.5) is asked one by one from then on. All of it runs in the session's
thread.
"""

from __future__ import annotations

import imaplib
from collections.abc import Sequence
from dataclasses import field
from typing import Any, Protocol

from core.errors import ProtocolError
from core.imap import codes, names, namespaces, replies
from core.imap.login import ServerKnowledge
from core.imap.names import Folder, Reply, Status
from core.imap.namespaces import Namespaces
from core.imap.words import said, words
from core.problems.folder import COMMAND_REFUSED
from core.values import dataclass

#: ID (RFC 2971), without naming this program.
WHO = b"ID NIL"
STATUS_ITEMS = ("MESSAGES", "UIDNEXT", "UIDVALIDITY")
#: Commands sent at once: no more than fit the buffers of both sides, or both could wait for each other for ever.
AT_ONCE = 200
#: Seconds to wait for the answer to a pipelined command, before they are sent one by one.
PATIENCE = 20.0


class Session(Protocol):
    """The part of an open session needed here."""

    capabilities: frozenset[str]
    known: ServerKnowledge
    namespaces: Namespaces | None

    @property
    def protocol(self) -> Any:
        """imaplib's side of the connection."""

    @staticmethod
    def refusal(what: Any, words: str, /) -> ProtocolError:
        """The error for the server's ``words``."""


@dataclass(slots=True)
class FolderList:
    """The folders of a server. ``unreadable`` lines name folders that are not among them."""

    folders: list[Folder]
    statuses: dict[str, Status] = field(default_factory=dict)
    unreadable: list[names.Unused] = field(default_factory=list)


def read(session: Session, with_status: bool) -> FolderList:
    """All folders, ``with_status`` also their STATUS. Raises ``ProtocolError``, ``Busy``."""
    asked = {name: line for name, line in _beside(session).items() if name not in session.known.refused}
    extended = _returned(session, with_status)
    listing = b'LIST "" "*"'
    first = listing + (b" RETURN (" + b" ".join(extended) + b")" if extended else b"")
    kinds = ("LIST", "STATUS", "MYRIGHTS", *asked)
    for kind in kinds:
        session.protocol.untagged_responses.pop(kind, None)
    refusals = at_once(session, [("LIST", first), *asked.items()])
    if refusals[0] and extended and not codes.busy(refusals[0]):
        # The server may fail at an extension that it announces; every server knows the plain form.
        extended = []
        refusals[0] = at_once(session, [("LIST", listing)])[0]
    told = {kind: _taken(session, kind) for kind in kinds}
    if refusals[0]:
        raise session.refusal(COMMAND_REFUSED(command="LIST", said=refusals[0]), refusals[0])
    _learn(session, asked, refusals[1:], told)
    found, unreadable = names.folders(told["LIST"])
    if not any(folder.path == "INBOX" for folder in found) and _has_inbox(session):
        found.insert(0, Folder("INBOX", "INBOX"))
    statuses, granted = names.statuses(told["STATUS"]), namespaces.rights(told["MYRIGHTS"])
    statuses, granted = _rest(session, found, statuses, granted, extended, with_status)
    return FolderList(namespaces.annotated(found, session.namespaces, granted), statuses, unreadable)


def _has_inbox(session: Session) -> bool:
    """True for an INBOX, which every mailbox has, although LIST does not name it."""
    refusal = at_once(session, [("STATUS", b"STATUS INBOX (MESSAGES)")])[0]
    if codes.busy(refusal):
        raise session.refusal(COMMAND_REFUSED(command="STATUS", said=refusal), refusal)
    return not refusal and bool(_taken(session, "STATUS"))


def _beside(session: Session) -> dict[str, bytes]:
    """Commands sent together with LIST, once a session or once a server."""
    asked = {}
    if "NAMESPACE" in session.capabilities and session.namespaces is None:
        asked["NAMESPACE"] = b"NAMESPACE"
    if "ID" in session.capabilities and session.known.product is None:
        asked["ID"] = WHO
    return asked


def _learn(session: Session, asked: dict[str, bytes], refusals: Sequence[str], told: dict[str, list[Reply]]) -> None:
    for kind, refusal in zip(asked, refusals, strict=True):
        if codes.busy(refusal):
            raise session.refusal(COMMAND_REFUSED(command=kind, said=refusal), refusal)
        if refusal:
            session.known.refused.add(kind)
    if "NAMESPACE" in asked:
        session.namespaces = namespaces.parse(told["NAMESPACE"])
    if "ID" in asked:
        session.known.learn(replies.identity(told["ID"]))


def _returned(session: Session, with_status: bool) -> list[bytes]:
    returned = [b"SPECIAL-USE"] if {"SPECIAL-USE", "LIST-EXTENDED"} <= session.capabilities else []
    if "LIST-MYRIGHTS" in session.capabilities:
        returned.append(b"MYRIGHTS")
    if with_status and "LIST-STATUS" in session.capabilities:
        returned.append(b"STATUS " + _items(session))
    return returned


def _items(session: Session) -> bytes:
    modseq = ("HIGHESTMODSEQ",) if {"CONDSTORE", "QRESYNC"} & session.capabilities else ()
    return "({})".format(" ".join(STATUS_ITEMS + modseq)).encode()


def _rest(
    session: Session,
    found: Sequence[Folder],
    statuses: dict[str, Status],
    granted: dict[str, frozenset[str]],
    extended: Sequence[bytes],
    with_status: bool,
) -> tuple[dict[str, Status], dict[str, frozenset[str]]]:
    """STATUS and MYRIGHTS of folders for which LIST has not brought them: all at once, in one round trip."""
    wanted = [folder for folder in found if folder.selectable and not names.needs_literal(folder.name)]
    commands: list[tuple[str, bytes]] = []
    items, status_told = _items(session), any(item.startswith(b"STATUS") for item in extended)
    rights_told = b"MYRIGHTS" in extended
    spaces = session.namespaces
    for folder in wanted:
        if with_status and not status_told:
            commands.append(("STATUS", b"STATUS %b %b" % (names.quote(folder.name), items)))
        # In a foreign namespace, our rights tell nothing more.
        own = spaces is None or not spaces.whose(folder.name).foreign
        if own and "ACL" in session.capabilities and not rights_told and "MYRIGHTS" not in session.known.refused:
            commands.append(("MYRIGHTS", b"MYRIGHTS %b" % names.quote(folder.name)))
    asked = [kind for kind, _ in commands]
    status_replies: list[Reply] = []
    rights_replies: list[Reply] = []
    refusals: list[str] = []
    for start in range(0, len(commands), AT_ONCE):
        # NO and BAD concern one folder: they show again, with their reason, when it is opened.
        refusals += at_once(session, commands[start : start + AT_ONCE])
        status_replies += _taken(session, "STATUS")
        rights_replies += _taken(session, "MYRIGHTS")
    if "MYRIGHTS" in asked and all(refusal for kind, refusal in zip(asked, refusals, strict=True) if kind == "MYRIGHTS"):
        session.known.refused.add("MYRIGHTS")
    return statuses | names.statuses(status_replies), granted | namespaces.rights(rights_replies)


def _taken(session: Session, kind: str) -> list[Reply]:
    replies: list[Reply] = session.protocol.untagged_responses.pop(kind, [])
    return replies


def at_once(session: Session, commands: Sequence[tuple[str, bytes]]) -> list[str]:
    """Send commands in one piece, and take their answers, which come in order; the text of each refusal, or empty.

    Raises errors that end the connection; from then on the server is asked one by one, since pipelining may have been the
    reason.
    """
    protocol, known = session.protocol, session.known
    protocol.begin(keep=True)
    if known.one_by_one:
        return [answer(session, *sent(session, [one])[0]) for one in commands]
    patient = protocol.sock.gettimeout()
    refusals = []
    try:
        for number, (name, tag) in enumerate(sent(session, commands)):
            if number == 1:
                protocol.sock.settimeout(min(patient or PATIENCE, PATIENCE))
            refusals.append(answer(session, name, tag))
        protocol.sock.settimeout(patient)
    except (imaplib.IMAP4.abort, OSError, EOFError):
        known.one_by_one = len(commands) > 1
        raise
    if len(commands) > 1 and any(refusals):
        refusals = _asked_again(session, commands, refusals)
    return refusals


def _asked_again(session: Session, commands: Sequence[tuple[str, bytes]], refusals: Sequence[str]) -> list[str]:
    """Send the commands refused with BAD again, one by one: a server may read only one command at a time."""
    found = list(refusals)
    for number, (command, refusal) in enumerate(zip(commands, refusals, strict=True)):
        if refusal.startswith("BAD") and not session.known.one_by_one:
            found[number] = answer(session, *sent(session, [command])[0])
            if found[number]:
                # Not supported at all: the other folders need not be asked.
                break
            session.known.one_by_one = True
        elif refusal.startswith("BAD"):
            found[number] = answer(session, *sent(session, [command])[0])
    return found


def sent(session: Session, commands: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The names of commands, with their tags."""
    protocol = session.protocol
    tagged = [(name, protocol._new_tag(), line) for name, line in commands]
    protocol.send(b"".join(b"%b %b\r\n" % (tag, line) for _, tag, line in tagged))
    return [(name, tag) for name, tag, _ in tagged]


def answer(session: Session, name: str, tag: bytes) -> str:
    """Wait for the answer to a command that was sent; the text of its refusal, or empty. Raises when the connection ends."""
    try:
        kind, data = session.protocol._command_complete(name, tag)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        return words(error)
    return "" if kind == "OK" else f"{kind}: {said(data)}"
