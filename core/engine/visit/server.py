"""The server of a run, as all of its mailboxes meet it: is it the one that was met before, and are its sizes exact?

A size is announced by RFC822.SIZE and shown by the message that is sent. Some servers compute it in another way than they
send: of these each message has another length than announced. On any other server such a message was cut short or replaced.
Which kind a server is, is learnt from its own messages and remembered.
"""

from __future__ import annotations

from dataclasses import replace

from core.archive.archive import Archive
from core.archive.registry import servers
from core.archive.registry.servers import ServerState
from core.engine.visit.story import Listener
from core.errors import ProtocolError
from core.imap.session import Session
from core.profiles.profile import Server
from core.text.format import counted, number

#: So many messages, and at least half of those whose length is known, must differ before a server counts as inexact.
MANY = 5
#: Certificates that are remembered: a cluster shows one a node.
CERTIFICATES = 8


class KnownServer:
    """A server in one run. Each warning about it goes to ``listener`` once."""

    def __init__(self, archive: Archive, name: str, state: ServerState, listener: Listener, *, keeps: bool = True) -> None:
        self._archive = archive
        self._keeps = keeps
        self._name = name
        self._state = state
        self._listener = listener
        self._met = False
        self._told: set[str] = set()
        self._exact = self._differing = 0
        #: Was it in this run that the server showed its sizes to be inexact?
        self.learnt = False

    @classmethod
    async def load(cls, archive: Archive, server: Server, listener: Listener, *, keeps: bool = True) -> KnownServer:
        """The server with what earlier runs learnt of it.

        Without ``keeps`` nothing that is learnt is remembered: who only looks takes no warning away from the next run.
        """
        name = server.source("").rpartition("@")[2]
        return cls(archive, name, await servers.load(archive, name), listener, keeps=keeps)

    async def welcome(self, session: Session) -> Session:
        """The session, once it was looked at who answers in it; it is closed when that fails. Raises ``Dropped``."""
        try:
            await self.meet(session)
        except ProtocolError:
            # What it calls itself is of no use then.
            return session
        except BaseException:
            session.abort()
            await session.close()
            raise
        return session

    async def meet(self, session: Session) -> None:
        """Look who it is: the first session asks for its ID (RFC 2971), each shows a certificate. Raises ``Dropped``."""
        if not self._met:
            self._met = True
            await self._identify(*(await session.identity()))
        if session.certificate and session.certificate not in self._state.certificates:
            if self._state.certificates:
                self.tell(
                    f"{self._name} shows another certificate than before (SHA-256 {session.certificate[:16]}…). If it was not "
                    "renewed, something else may answer in its place."
                )
            known = (*self._state.certificates, session.certificate)[-CERTIFICATES:]
            await self._remember(replace(self._state, certificates=known))

    async def _identify(self, product: str, vendor: str) -> None:
        before = (self._state.product, self._state.vendor)
        if not product and not vendor:
            return
        if any(before) and (product, vendor) != before:
            self.tell(
                f"{self._name} is a different server behind the same name: it calls itself {_called(product, vendor)}, and was "
                f"{_called(*before)}. Every folder is listed whole and compared."
            )
            await servers.distrust(self._archive, self._name)
            await self._remember(replace(self._state, inexact=False))
        if (product, vendor) != before:
            await self._remember(replace(self._state, product=product, vendor=vendor))

    async def _remember(self, state: ServerState) -> None:
        self._state = state
        if self._keeps:
            await servers.save(self._archive, self._name, state)

    def tell(self, text: str) -> None:
        """Warn, once a run."""
        if text not in self._told:
            self._told.add(text)
            self._listener.tell("warning", "", text)

    @property
    def inexact(self) -> bool:
        """Are its sizes known to be inexact?"""
        return self._state.inexact

    def saw_exact(self, messages: int) -> None:
        """So many messages had the length that was announced."""
        self._exact += messages

    async def saw_differing(self, messages: int) -> None:
        """So many messages had another length, and the same bytes again on a connection of their own."""
        self._differing += messages
        if not self.inexact and self._differing >= MANY and self._differing >= self._exact:
            self.learnt = True
            await self._remember(replace(self._state, inexact=True))
            self.tell(
                f"{self._name} announces other sizes than its messages have ({number(self._differing)} of "
                f"{counted(self._differing + self._exact, 'message')}): they are kept as sent. Nothing is deleted on it in "
                "this run."
            )

    def recomputes(self) -> None:
        """The server names other sizes or dates for messages that are the same."""
        self.tell(
            f"{self._name} names other sizes or dates than before for known messages that are the same: it has computed them "
            "anew. Headers were compared instead."
        )


def _called(product: str, vendor: str) -> str:
    return f"{product or 'nothing'} by {vendor}" if vendor else product
