"""TLS settings of a profile, and errors of the handshake in words with a remedy."""

from __future__ import annotations

import ssl

from core.network import tls_context, tls_errors
from core.problems.connection import NO_IMAP_TLS, NO_TLS
from core.profiles.profile import Access, Server


def context(server: Server) -> ssl.SSLContext:
    """The TLS settings of a profile: the system's authorities, an own one, or none. Raises ``ConnectError``."""
    return tls_context(server.ca_file, accept_all=server.accept_all_certificates)


def errors(server: Server, port: int) -> tls_errors:
    """Translate errors of a TLS handshake."""
    return tls_errors(server.host, port, NO_IMAP_TLS if server.access is Access.IMAP_SSL else NO_TLS)
