"""The server of a run, shared by all its mailboxes: its identity, and the accuracy of its sizes.

A size is announced by RFC822.SIZE and shown by the message sent. Some servers compute it in another way than they send: there
each message has another length than announced. On any other server such a message was cut short or replaced. The kind of a
server is learnt from its own messages and remembered.
"""

from __future__ import annotations

from dataclasses import replace

from core.archive.registry import servers
from core.archive.registry.servers import ServerState
from core.archive.visited import VisitedArchive
from core.engine.visit.story import Listener
from core.errors import ProtocolError
from core.imap.session import Session
from core.problems.code import Reason
from core.problems.warning import INEXACT, OTHER_CERTIFICATE, OTHER_SERVER, RECOMPUTED
from core.profiles.profile import Server

#: Messages, and at least half of those with known length, that must differ before a server counts as inexact.
MANY = 5
#: Certificates remembered: a cluster has one for each node.
CERTIFICATES = 8


class KnownServer:
    """A server in one run. ``warn`` gets each warning once."""

    def __init__(
        self, archive: VisitedArchive, name: str, state: ServerState, listener: Listener, *, keeps: bool = True
    ) -> None:
        self._archive = archive
        self._keeps = keeps
        self._name = name
        self._state = state
        self._listener = listener
        self._met = False
        self._warned: list[Reason] = []
        self._exact = self._differing = 0
        #: True when the server proved inexact in this very run.
        self.learnt = False

    @classmethod
    async def load(cls, archive: VisitedArchive, server: Server, listener: Listener, *, keeps: bool = True) -> KnownServer:
        """The server with the knowledge of earlier runs.

        Without ``keeps`` nothing learnt is saved: an examination takes no warning away from the next run.
        """
        name = server.source("").rpartition("@")[2]
        return cls(archive, name, await servers.load(archive, name), listener, keeps=keeps)

    async def welcome(self, session: Session) -> Session:
        """The session, once its server is identified; closed when that fails. Raises ``Dropped``."""
        try:
            await self.meet(session)
        except ProtocolError:
            # Its name does not matter then.
            return session
        except BaseException:
            session.abort()
            await session.close()
            raise
        return session

    async def meet(self, session: Session) -> None:
        """Identify the server: the first session asks for its ID (RFC 2971), each has a certificate. Raises ``Dropped``."""
        if not self._met:
            self._met = True
            await self._identify(*(await session.identity()))
        if session.certificate and session.certificate not in self._state.certificates:
            if self._state.certificates:
                self.warn(OTHER_CERTIFICATE(server=self._name, digest=session.certificate[:16]))
            known = (*self._state.certificates, session.certificate)[-CERTIFICATES:]
            await self._remember(replace(self._state, certificates=known))

    async def _identify(self, product: str, vendor: str) -> None:
        before = (self._state.product, self._state.vendor)
        if not product and not vendor:
            return
        if any(before) and (product, vendor) != before:
            self.warn(OTHER_SERVER(server=self._name, called=_called(product, vendor), before=_called(*before)))
            await servers.distrust(self._archive, self._name)
            await self._remember(replace(self._state, inexact=False))
        if (product, vendor) != before:
            await self._remember(replace(self._state, product=product, vendor=vendor))

    async def _remember(self, state: ServerState) -> None:
        self._state = state
        if self._keeps:
            await servers.save(self._archive, self._name, state)

    def warn(self, reason: Reason) -> None:
        """Warn, once a run."""
        if reason not in self._warned:
            self._warned.append(reason)
            self._listener.warn("", reason)

    @property
    def inexact(self) -> bool:
        """True when its sizes are known to be inexact."""
        return self._state.inexact

    def saw_exact(self, messages: int) -> None:
        """Count messages of the announced length."""
        self._exact += messages

    async def saw_differing(self, messages: int) -> None:
        """Count messages of another length that were sent identically on a second connection."""
        self._differing += messages
        if not self.inexact and self._differing >= MANY and self._differing >= self._exact:
            self.learnt = True
            await self._remember(replace(self._state, inexact=True))
            self.warn(INEXACT(server=self._name, differing=self._differing, all=self._differing + self._exact))

    def recomputes(self) -> None:
        """Record that the server lists other sizes or dates for unchanged messages."""
        self.warn(RECOMPUTED(server=self._name))


def _called(product: str, vendor: str) -> str:
    return f"{product or 'nothing'} by {vendor}" if vendor else product
