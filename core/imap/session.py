"""A session with one mailbox: the IMAP commands of archiving, on a thread of its own.

Every command is one round trip. A cancelled session is closed from outside (``abort``), which ends a read that is waiting.
"""

from __future__ import annotations

import asyncio
import hashlib
import imaplib
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from imapclient.exceptions import IMAPClientError

from core.errors import Boundless, Dropped, ProtocolError, Sluggish
from core.imap import codes, folders, names, replies
from core.imap.codes import ResponseCode
from core.imap.connection import Client, connect
from core.imap.login import Credentials, ServerKnowledge
from core.imap.names import Folder, Reply, Status, Unused
from core.imap.namespaces import Namespaces
from core.imap.protocol import LISTED_COST, LISTING, MOST_LISTED, Endless, Farewell, Oversized, Slow
from core.imap.replies import Listing, Sections
from core.imap.selected import OPENED, Selected, opened
from core.imap.words import said, words
from core.network import Opening, Report
from core.problems import connection
from core.problems import folder as problems
from core.problems.code import Reason
from core.profiles.profile import Method, Server
from core.text import sequence
from core.values import dataclass

T = TypeVar("T")
LOGOUT_SECONDS = 5.0
#: Bytes of an answer beside its messages.
SLACK = 4 * 1024 * 1024
#: Bytes of the messages in one answer, where no sizes are known.
LARGEST_ANSWER = 2**31
#: Commands that store something on the server: over quota they fail tomorrow too.
_PUTTING = ("APPEND", "CREATE")
#: Kerio Connect's greeting when it is set to hide its version.
_HIDDEN_KERIO = "* OK IMAP4rev1 server ready"
#: FETCH items of a listing.
ITEMS_LISTED = "(UID FLAGS INTERNALDATE RFC822.SIZE)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of a FETCH of bodies: message bytes by UID (None for NIL), and the server's text when it said NO or BAD.

    ``twice``: UIDs with several different bodies; ``torn``: UIDs with more bytes behind their bodies than announced (0: of
    an unknown one); none of them is in ``bodies``. ``broken``: the connection ended after ``bodies``. ``oversized``: because of
    a message far above its answer's limit: UID if known (else 0), and size.
    """

    bodies: dict[int, bytes | None]
    refusal: str = ""
    twice: frozenset[int] = frozenset()
    broken: Dropped | None = None
    oversized: tuple[int, int] | None = None
    torn: frozenset[int] = frozenset()

    @property
    def busy(self) -> bool:
        """True for a temporary refusal."""
        return codes.busy(self.refusal)


class Busy(ProtocolError):
    """The server refused temporarily ([UNAVAILABLE], throttling)."""


class Session:
    """An open session. Not for use by two tasks at once."""

    def __init__(self, client: Client, executor: ThreadPoolExecutor, capabilities: frozenset[str]) -> None:
        self._client = client
        self._executor = executor
        self.capabilities = capabilities
        self.known = ServerKnowledge()
        #: The server's namespaces; None before it has told them, or when it does not.
        self.namespaces: Namespaces | None = None
        self._kerio_login = False
        self._exists = 0
        #: Called with the bytes of messages in each answer.
        self.received: Callable[[int], None] = lambda size: None

    @classmethod
    async def open(cls, server: Server, credentials: Credentials, report: Report = lambda step, text: None) -> Session:
        """Connect and log in. Raises ``ConnectError``."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="imap")
        loop, opening = asyncio.get_running_loop(), Opening()
        try:
            connecting = loop.run_in_executor(executor, connect, server, credentials, report, opening)
            try:
                client = await asyncio.shield(connecting)
            except asyncio.CancelledError:
                # The thread would wait for a silent server until its timeout, and the program for the thread.
                connecting.add_done_callback(_close_late)
                opening.end()
                raise
        except BaseException:
            executor.shutdown(wait=False)
            raise
        session = cls(client, executor, frozenset())
        session.known = credentials.known
        session._kerio_login = credentials.method is Method.KERIO_MASTER
        try:
            session.capabilities = await session.call(session._read_capabilities)
        except BaseException:
            session.abort()
            await session.close()
            raise
        return session

    def hear(self, told: Callable[[int], None]) -> None:
        """Have ``told`` called, in the session's thread, with the size of every arrival from the server."""
        self._client.pace.told = told

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run ``function`` in the session's thread. Raises ``Dropped``, ``Sluggish``, ``ProtocolError``, ``Busy``."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        except asyncio.CancelledError:
            self.abort()
            raise
        except (imaplib.IMAP4.abort, ssl.SSLError, OSError, EOFError) as error:
            raise _lost(error) from error
        except (imaplib.IMAP4.error, IMAPClientError) as error:
            raise _refused(problems.REFUSED(said=words(error)), words(error)) from error
        except (ValueError, LookupError, TypeError) as error:
            # imaplib fails on invalid replies; the position in the stream is unknown then.
            self.abort()
            raise Dropped(connection.UNREADABLE(kind=type(error).__name__)) from error

    def _read_capabilities(self) -> frozenset[str]:
        # Most servers tell the capabilities after login within the OK, which saves a round trip.
        told = self.protocol.untagged_responses.pop("CAPABILITY", None)
        if told and told[-1]:
            return frozenset(told[-1].decode("latin-1").upper().split())
        before = frozenset(str(item).upper() for item in self.protocol.capabilities)
        asked = [("CAPABILITY", b"CAPABILITY")]
        if "ID" in before and self.known.product is None:
            # Requested later it would be a round trip of its own.
            self.protocol.untagged_responses.pop("ID", None)
            asked.append(("ID", folders.WHO))
        refusals = folders.at_once(self, asked)
        if len(asked) > 1:
            self.known.learn(replies.identity(self.protocol.untagged_responses.pop("ID", [])))
        told = self.protocol.untagged_responses.pop("CAPABILITY", None)
        # When it is refused, the capabilities announced before the login are used.
        return frozenset(told[-1].decode("latin-1").upper().split()) if told and told[-1] and not refusals[0] else before

    @property
    def protocol(self) -> Any:
        """imaplib's side of the connection, for the session's thread only."""
        return self._client.protocol

    async def identity(self) -> tuple[str, str]:
        """Name and vendor of the server's software, from its ID (RFC 2971); empty when it does not tell."""
        if "ID" in self.capabilities and self.known.product is None:
            await self.call(self._identify)
        return self.known.product or "", self.known.vendor

    def _identify(self) -> None:
        imaplib.Commands.setdefault("ID", ("NONAUTH", "AUTH", "SELECTED"))
        try:
            self.known.learn(replies.identity(self.command("ID", b"NIL", wanted=("ID",))["ID"]))
        except ProtocolError:
            self.known.learn({})

    @property
    def certificate(self) -> str:
        """SHA-256 of the server's certificate in hexadecimal digits; empty without TLS."""
        sock = self.protocol.sock
        shown = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
        return hashlib.sha256(shown).hexdigest() if shown else ""

    async def folders(self) -> list[Folder]:
        """All folders with their owners, those that can only hold others included."""
        return (await self.call(folders.read, self, False)).folders

    async def folders_with_status(self) -> tuple[list[Folder], dict[str, Status], list[Unused]]:
        """All folders, STATUS by name, unreadable lines: one round trip with LIST-STATUS (RFC 5819), else two."""
        found = await self.call(folders.read, self, True)
        return found.folders, found.statuses, found.unreadable

    @property
    def is_kerio(self) -> bool:
        """True for a Kerio Connect, by ID, then by the greeting; only such a server knows a master login."""
        product = self.known.product or ""
        welcome = (self.protocol.welcome or b"").decode("latin-1")
        return (
            self._kerio_login
            or "kerio" in product.lower()
            or (not product and ("Kerio Connect" in welcome or welcome.strip() == _HIDDEN_KERIO))
        )

    def command(self, name: str, *arguments: bytes, wanted: Sequence[str] = ()) -> dict[str, list[Reply]]:
        """Run one command, in the session's thread; its untagged replies of the kinds ``wanted``. Raises on NO and BAD."""
        protocol = self.protocol
        for key in wanted:
            protocol.untagged_responses.pop(key, None)
        kind, data = protocol._simple_command(name, *arguments)
        if kind != "OK":
            shown = f"{name} {arguments[0].decode()}" if name == "UID" else name
            text = said(data)
            raise _refused(problems.COMMAND_REFUSED(command=shown, said=f"{kind}: {text}"), text, putting=name in _PUTTING)
        return {key: protocol.untagged_responses.pop(key, []) for key in wanted}

    @staticmethod
    def refusal(reason: Reason, words: str) -> ProtocolError:
        """The error for the server's ``words``: ``Busy`` when the same may succeed later."""
        return _refused(reason, words)

    async def examine(self, folder: Folder) -> Selected:
        """Open a folder for reading only. Raises ``ProtocolError`` when the server refuses."""
        return await self.call(self.open_folder, "EXAMINE", folder)

    def open_folder(self, command: str, folder: Folder) -> Selected:
        """EXAMINE or SELECT, in the session's thread."""
        protocol = self.protocol
        protocol.untagged_responses = {}
        # Otherwise imaplib takes a folder that turns out to be read-only for an error.
        protocol.is_readonly = True
        arguments = [names.quote(folder.name)]
        if names.needs_literal(folder.name):
            arguments, protocol.literal = [], folder.name.encode("latin-1")
        found = self.command(command, *arguments, wanted=OPENED)
        protocol.state = "SELECTED"
        selected = opened(found)
        self._exists = selected.exists
        return selected

    async def listing(self, uids: str = "1:*") -> Listing:
        """All messages of the open folder, or those of a sequence set, in one round trip."""
        return await self.call(self._listing, uids)

    def _listing(self, uids: str) -> Listing:
        self.protocol.allow(LISTING + LISTED_COST * min(self._exists, MOST_LISTED))
        fetched = self._fetch(uids, ITEMS_LISTED)
        if fetched[1]:
            raise _refused(problems.LISTING_REFUSED(said=fetched[1]), fetched[1])
        # Here and not on the loop: half a million lines take seconds.
        return replies.listing(fetched[0])

    async def headers(self, uids: Iterable[int]) -> dict[int, bytes | None]:
        """Header blocks by UID; none for a UID with several different ones."""
        return (await self._sections(uids, "BODY[HEADER]"))[0].found

    async def bodies(self, uids: Iterable[int], size: int = LARGEST_ANSWER) -> Fetched:
        """Messages by UID, byte for byte, without making them \\Seen. Together they should have no more than ``size`` bytes.

        Raises ``Dropped`` when the connection breaks.
        """
        fetched = await self.download(uids, size)
        if fetched.broken:
            raise fetched.broken
        return fetched

    async def download(self, uids: Iterable[int], size: int) -> Fetched:
        """The same as ``bodies``, but a broken connection, which ends the session, is reported beside the messages before."""
        return await self.call(self._download, frozenset(uids), size)

    def _download(self, uids: frozenset[int], size: int) -> Fetched:
        protocol = self.protocol
        protocol.allow(size + size // 4 + SLACK)
        broken: Dropped | None = None
        oversized: tuple[int, int] | None = None
        try:
            replied, refusal = self._fetch(sequence.pack(uids), section("BODY[]"))
        except (imaplib.IMAP4.abort, ssl.SSLError, OSError, EOFError, ValueError, LookupError, TypeError) as error:
            # An invalid reply too is that of one message, which is found by what came before it.
            broken = _lost(error)
            if isinstance(error, Oversized):
                oversized = (next(iter(replies.uids([error.head])), 0), error.size)
            replied, refusal = protocol.untagged_responses.pop("FETCH", []), ""
        sections = replies.sections(replied, "BODY[]", uids)
        self.received(sum(len(body) for body in sections.found.values() if body))
        return Fetched(sections.found, refusal, sections.twice, broken, oversized, sections.torn)

    async def _sections(self, uids: Iterable[int], name: str) -> tuple[Sections, str]:
        wanted = frozenset(uids)
        replied, refusal = await self.call(self._fetch, sequence.pack(wanted), section(name))
        return replies.sections(replied, name, wanted), refusal

    async def present(self, uids: Iterable[int]) -> set[int]:
        """Those of ``uids`` that the open folder still has. Raises ``ProtocolError`` when the server refuses."""
        wanted = set(uids)
        fetched = await self.call(self._fetch, sequence.pack(wanted), "(UID)")
        if fetched[1]:
            raise _refused(problems.LISTING_REFUSED(said=fetched[1]), fetched[1])
        return replies.uids(fetched[0]) & wanted

    async def uids(self, low: int, high: int | None) -> set[int]:
        """The UIDs of the open folder from ``low`` to ``high`` (None: to the last one). Raises ``ProtocolError``."""
        return await self.call(self._uids, low, high)

    def _uids(self, low: int, high: int | None) -> set[int]:
        self.protocol.allow(LISTING + LISTED_COST * min(self._exists, MOST_LISTED))
        fetched = self._fetch(f"{low}:{'*' if high is None else high}", "(UID)")
        if fetched[1]:
            raise _refused(problems.LISTING_REFUSED(said=fetched[1]), fetched[1])
        return {uid for uid in replies.uids(fetched[0]) if low <= uid <= (high or uid)}

    def _fetch(self, uids: str, items: str) -> tuple[list[Reply], str]:
        protocol = self.protocol
        protocol.untagged_responses.pop("FETCH", None)
        try:
            kind, data = protocol.uid("FETCH", uids, items)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            # BAD comes as an exception; replies before it are valid all the same.
            return protocol.untagged_responses.pop("FETCH", []), words(error)
        if kind != "OK":
            return protocol.untagged_responses.pop("FETCH", []), f"{kind} {said(data)}"
        return [item for item in data if item], ""

    async def close(self) -> None:
        """LOGOUT and close; a closed connection is no error."""
        try:
            await self.call(self._log_out)
        except (Dropped, ProtocolError):
            self.abort()
        finally:
            self._executor.submit(self._shut_down)
            self._executor.shutdown(wait=False)

    def _log_out(self) -> None:
        # Nothing depends on the answer.
        self.protocol.sock.settimeout(LOGOUT_SECONDS)
        self._client.logout()

    def _shut_down(self) -> None:
        try:
            self.protocol.shutdown()
        except OSError:
            # Closed already.
            return

    def abort(self) -> None:
        """Close at once, from any thread: a waiting read ends with an error."""
        try:
            # The plain socket below TLS: unwrapping would wait for the server.
            socket.socket.shutdown(self.protocol.sock, socket.SHUT_RDWR)
        except OSError:
            # Closed already.
            return


def section(name: str) -> str:
    """The FETCH items for the section ``name`` that set no flag."""
    return f"(UID {name.replace('[', '.PEEK[')})"


def _close_late(connecting: asyncio.Future[Client]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().protocol.shutdown()


def _refused(reason: Reason, said: str, *, putting: bool = False) -> ProtocolError:
    """The error for a refusal; ``said`` is the server's text, ``putting``: something was to be stored there."""
    full = putting and codes.code(said) is ResponseCode.OVERQUOTA
    return Busy(problems.BUSY(said=said)) if codes.busy(said) and not full else ProtocolError(reason)


def _lost(error: BaseException) -> Dropped:
    """The error for a broken connection."""
    if isinstance(error, TimeoutError):
        return Dropped(connection.SILENT())
    if isinstance(error, Slow):
        return Sluggish(connection.SLOW())
    if isinstance(error, Oversized | Endless):
        return Boundless(connection.OVERSIZED(size=error.size) if isinstance(error, Oversized) else connection.ENDLESS())
    if isinstance(error, ValueError | LookupError | TypeError) and not isinstance(error, OSError):
        return Dropped(connection.UNREADABLE(kind=type(error).__name__))
    text = words(error)
    if isinstance(error, Farewell):
        return Dropped(connection.SESSION_ENDED(said=text), busy=codes.busy(text))
    return Dropped(connection.CONNECTION_LOST(said=text))
