"""A time-stamp authority (RFC 3161): OpenSSL's own, with keys made here, behind HTTP on a free loopback port."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)
CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
certs = {folder}/chain.pem
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


class Authority:
    """An authority with a root, one certificate between, and a signer. ``root`` is the PEM file that trusts it.

    ``purposes`` are those of the signer's certificate, ``critical`` whether a reader must heed them, ``days`` how long from now
    on certificates are valid (with ``begun`` days behind), ``between_ca``: whether the one between may issue.
    """

    def __init__(
        self,
        folder: Path,
        *,
        use_rsa: bool = False,
        purposes: tuple[x509.ObjectIdentifier, ...] = STAMPING,
        critical: bool = True,
        begun: int = 1,
        days: int = 30,
        between_ca: bool = True,
        digest: str = "sha256",
        ess: str = "sha256",
    ) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.root = folder / "root.pem"
        #: What HTTP answers instead of a stamp: a status, or a body.
        self.answer: int | bytes | None = None
        self.asked = 0
        self._times = datetime.now(UTC) - timedelta(days=begun), datetime.now(UTC) + timedelta(days=days)
        keys: list[Key] = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        keys.append(rsa.generate_private_key(65537, 2048) if use_rsa else ec.generate_private_key(ec.SECP256R1()))
        root = self._certificate("Root", keys[0], "Root", keys[0], x509.BasicConstraints(ca=True, path_length=None))
        between = self._certificate("Between", keys[1], "Root", keys[0], x509.BasicConstraints(ca=between_ca, path_length=None))
        usage = x509.ExtendedKeyUsage(purposes) if purposes else None
        signer = self._certificate("Signer", keys[2], "Between", keys[1], usage, critical=critical)
        self.root.write_bytes(root.public_bytes(Encoding.PEM))
        (folder / "chain.pem").write_bytes(between.public_bytes(Encoding.PEM))
        (folder / "signer.pem").write_bytes(signer.public_bytes(Encoding.PEM))
        secret = keys[2].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "signer.key").write_bytes(secret)
        (folder / "serial").write_text("01\n", encoding="ascii")
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder, digest=digest, ess=ess), encoding="ascii")

    def _certificate(
        self, name: str, key: Key, by: str, signed: Key, extension: x509.ExtensionType | None, *, critical: bool = True
    ) -> x509.Certificate:
        subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, by))
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), *self._times)
        if extension is not None:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(signed, hashes.SHA256())

    def reply(self, query: bytes) -> bytes:
        """The authority's answer to a query; a stamp, if it grants one."""
        (self.folder / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "answer"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)
        return (self.folder / "answer").read_bytes()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address at which it answers while the block lasts."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked += 1
                said = authority.answer
                self.send_response(said if isinstance(said, int) else 200)
                body = said if isinstance(said, bytes) else b"" if isinstance(said, int) else authority.reply(query)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/tsr"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
