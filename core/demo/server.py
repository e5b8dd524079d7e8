"""An IMAP server with sample mailboxes inside this process, on a free loopback port: pymap (extra ``demo``).

What holds here: every message is served byte for byte, odd ones too. pymap on its own alters some (it drops the last byte of
a message without a body and cannot take every header apart), so messages are put past its APPEND and the raw bytes are
what ``BODY[]`` and RFC822.SIZE answer from; only ENVELOPE, BODYSTRUCTURE and parts are made by pymap, when asked for.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from argparse import Namespace
from asyncio import StreamReader, StreamWriter, Task
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4
from zlib import crc32

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxSet
from pymap.bytes import Writeable
from pymap.concurrent import Subsystem
from pymap.imap import IMAPServer
from pymap.mime import MessageContent
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials.flag import Flag
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

from core.demo.mail import SampleMessage
from core.values import dataclass

HOST = "127.0.0.1"
# A command may name thousands of UIDs; asyncio's own limit for a line is 64 KiB.
LONGEST_LINE = 16 * 1024 * 1024

Mailboxes = Mapping[str, tuple[str, Iterable[SampleMessage]]]


@dataclass(frozen=True, slots=True)
class DemoServer:
    """The address of the server: plain IMAP, no encryption, loopback only."""

    host: str
    port: int


@asynccontextmanager
async def demo_server(mailboxes: Mailboxes, port: int = 0) -> AsyncIterator[DemoServer]:
    """Context in which the running loop serves these mailboxes (login -> password and messages).

    Listens on ``port`` if that is free, else on any.
    """
    config = _Config()
    login = Login(config)
    for name, (password, messages) in mailboxes.items():
        await Identity(name, login, None, frozenset()).set(UserMetadata(config, name, password=password))
        config.set_cache[name] = (await _filled(messages), FilterSet())
    imap = IMAPServer(login, config)
    clients: set[Task[Any]] = set()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        try:
            await imap(reader, writer, SocketInfo.get(writer, None, unique_id=uuid4().bytes))
        finally:
            clients.discard(task)

    try:
        server = await asyncio.start_server(serve, HOST, port, limit=LONGEST_LINE)
    except OSError:
        # The port is taken by another process now.
        server = await asyncio.start_server(serve, HOST, 0, limit=LONGEST_LINE)
    try:
        host, port = server.sockets[0].getsockname()
        yield DemoServer(host, port)
    finally:
        server.close()
        waiting = list(clients)
        for client in waiting:
            client.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await server.wait_closed()


class DemoServerThread:
    """The demo server in a thread with a loop of its own, for programs whose main thread is busy otherwise."""

    def __init__(self, mailboxes: Mailboxes, port: int = 0) -> None:
        self._mailboxes = mailboxes
        self._port = port
        self._thread = threading.Thread(target=self._run, name="demo-server", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._server: DemoServer | None = None
        self._error: BaseException | None = None

    @property
    def host(self) -> str:
        return self._listening.host

    @property
    def port(self) -> int:
        return self._listening.port

    @property
    def _listening(self) -> DemoServer:
        if self._server is None:
            raise RuntimeError("the demo server has not been started")
        return self._server

    def start(self) -> None:
        """Fill the mailboxes and listen; returns when clients can connect."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def stop(self) -> None:
        """End all sessions and the thread. Stopping twice, or before the start, does nothing."""
        if self._loop is not None and self._end is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with demo_server(self._mailboxes, self._port) as self._server:
            self._ready.set()
            await self._end.wait()


async def _filled(messages: Iterable[SampleMessage]) -> MailboxSet:
    mailboxes = MailboxSet()
    known = {"INBOX"}
    for number, message in enumerate(messages):
        if message.folder not in known:
            known.add(message.folder)
            await mailboxes.add_mailbox(message.folder)
        mailbox = await mailboxes.get_mailbox(message.folder)
        # The same each time, as a real server's: otherwise each start would look like new folders.
        mailbox._uid_validity = crc32(message.folder.encode()) or 1
        flags = frozenset(Flag(flag.encode("ascii")) for flag in message.flags)
        # Stands for its message until the next line, and makes pymap's object ids differ.
        placeholder = b"Message-ID: <%d@demo.example.test>\r\n\r\n" % number
        stored = await mailbox.append(AppendMessage(placeholder, message.internaldate, flags))
        stored._content = cast(MessageContent, _Verbatim(message.raw))
    return mailboxes


class _Verbatim(Writeable):
    """A message's content: serves the raw bytes, and is parsed only for requests of its parts."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __bytes__(self) -> bytes:
        return self._raw

    def __len__(self) -> int:
        return len(self._raw)

    def __getattr__(self, name: str) -> Any:
        # Not kept: pymap's line tables take several times the memory of the message.
        return getattr(MessageContent.parse(self._raw), name)


class _Config(Config):
    """No TLS, no threads, no name look-ups, and plain passwords: a server for local, short use."""

    def __init__(self) -> None:
        super().__init__(
            Namespace(passlib_cfg=None, proxy_protocol=None, debug=False),
            host=HOST,
            port=0,
            demo_data=False,
            demo_user="",
            demo_password="",
            # Given, so that pymap does not read CERT_FILE and KEY_FILE from the environment.
            ssl_context=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
            tls_enabled=False,
            hash_context=Cleartext(),
            cpu_subsystem=Subsystem.for_asyncio(),
            invalid_user_sleep=0.0,
        )

    @property
    def greeting(self) -> bytes:
        return b"Archivar demo server ready"
