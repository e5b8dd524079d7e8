"""A mail server (aiosmtpd) on a free loopback port, with STARTTLS and a login if wanted; it keeps what it gets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass(slots=True)
class Mailhost:
    """The received mail, and the server's address. ``refusal`` is the answer to a mail in place of accepting it."""

    port: int = 0
    refusal: str = ""
    mails: list[bytes] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refusal:
            return self.refusal
        self.mails.append(envelope.content)
        self.secure.append(session.ssl is not None)
        return "250 OK"


@asynccontextmanager
async def mailhost(context: ssl.SSLContext | None = None, login: tuple[str, str] | None = None) -> AsyncIterator[Mailhost]:
    """A server in this loop while the block lasts; with ``context`` it wants STARTTLS, with ``login`` name and password."""
    handler = Mailhost()

    def allowed(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and login is not None
        return AuthResult(success=right and (data.login.decode(), data.password.decode()) == login, handled=False)

    def protocol() -> SMTP:
        return SMTP(
            handler,
            hostname="mail.example.test",
            tls_context=context,
            require_starttls=context is not None,
            authenticator=allowed,
            auth_required=login is not None,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        handler.port = server.sockets[0].getsockname()[1]
        yield handler
    finally:
        server.close()
