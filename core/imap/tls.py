"""TLS as a profile wants it, and what goes wrong with it in words that say what to do."""

from __future__ import annotations

import ssl

from core.errors import ConnectError
from core.profiles.profile import Access, Server


def context(server: Server) -> ssl.SSLContext:
    """The TLS settings of a profile: the system's authorities, an own one, or none. Raises ``ConnectError``."""
    try:
        settings = ssl.create_default_context(cafile=server.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConnectError(
            "certificate", f"{server.ca_file} holds no certificate that can be read.", "ca_file must be a PEM file."
        ) from error
    if server.accept_all_certificates:
        settings.check_hostname = False
        settings.verify_mode = ssl.CERT_NONE
    return settings


class errors:
    """Translate what goes wrong in a TLS handshake."""

    def __init__(self, server: Server, port: int) -> None:
        self._server, self._port = server, port

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        server, port = self._server, self._port
        if isinstance(error, ssl.SSLCertVerificationError):
            raise _certificate_error(error, server) from error
        if isinstance(error, TimeoutError):
            raise ConnectError(
                "tls", f"{server.host} did not answer the TLS handshake on port {port}.", "Check access and port.", retry=True
            ) from error
        if isinstance(error, OSError):
            hint = (
                f"Port {port} does not seem to speak TLS from the first byte: use access imap-tls or imap with port 143, "
                "or imap-ssl with port 993."
                if server.access is Access.IMAP_SSL
                else "Check access and port."
            )
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "connection closed"
            # A connection that just ends may be a server that is starting; any other answer is no TLS, today and tomorrow.
            ended = not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError)
            message = f"{server.host} does not speak TLS on port {port} ({reason})."
            raise ConnectError("tls", message, hint, retry=ended) from error


def _certificate_error(error: ssl.SSLCertVerificationError, server: Server) -> ConnectError:
    reasons = {
        10: ("has expired", "Have it renewed on the server"),
        18: ("is self-signed", "Give its authority as ca_file"),
        19: ("is signed by an unknown authority", "Give that authority as ca_file"),
        20: ("is signed by an unknown authority", "Give that authority as ca_file"),
        21: ("is signed by an unknown authority", "Give that authority as ca_file"),
        62: ("is for another name", "Use the name that is in the certificate"),
        64: ("is for another address", "Use the name that is in the certificate"),
    }
    what, remedy = reasons.get(error.verify_code, (f"is not valid ({error.verify_message})", "Have it corrected on the server"))
    return ConnectError(
        "certificate",
        f"The certificate of {server.host} {what}.",
        f"{remedy}, or set accept_all_certificates = true (then anyone in between can read along).",
    )
