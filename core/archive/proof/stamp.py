"""Time stamps (RFC 3161): an authority's signature on a seal with the time. Checked without network, at any later time.

The SHA-256 of a seal's line (``seal.line``) is stamped, so that the ledger itself tells the entry of a token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ArchivarError, InputError
from core.problems import stamp as problems
from core.values import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

#: Bytes; a token has a few kB, with all certificates.
LARGEST = 1024 * 1024
LONGEST_CHAIN = 8
_HASHES = ("sha256", "sha384", "sha512")
#: Critical certificate extensions that are checked here.
_HEEDED = {"2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.32"}


class StampError(ArchivarError):
    """A token without value as proof: not granted, not properly signed, or about something else."""


@dataclass(frozen=True, slots=True)
class StampRequest:
    """The request to an authority, and the nonce that its answer must repeat."""

    data: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """A checked token: the stamped SHA-256, its time, and the authority (the certificate's subject)."""

    imprint: bytes
    at: datetime
    authority: str
    serial: int


def request(imprint: bytes) -> StampRequest:
    """The request for a time stamp of a SHA-256."""
    from asn1crypto import tsp

    nonce = secrets.randbits(63) | 1
    asked = {
        "version": 1,
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": imprint},
        "nonce": nonce,
        "cert_req": True,
    }
    return StampRequest(tsp.TimeStampReq(asked).dump(), nonce)


def roots(path: Path) -> list[Certificate]:
    """The certificates in a PEM file. Raises ``InputError``."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise InputError(problems.CERTIFICATES_UNREAD(path=str(path), said=str(error.strerror))) from error
    except ValueError:
        found = []
    if not found:
        raise InputError(problems.NO_CERTIFICATES(path=str(path)))
    return found


def check(data: bytes, trusted: Sequence[Certificate], nonce: int | None = None) -> Stamp:
    """The stamp in an authority's answer (a DER ``TimeStampResp``). Raises ``StampError``.

    ``nonce``: that of the request which it answers, None when the token was kept.
    """
    try:
        return _check(data, trusted, nonce)
    except StampError:
        raise
    except Exception as error:
        # Both libraries raise a dozen kinds of errors on foreign bytes.
        raise StampError(problems.NO_STAMP(kind=type(error).__name__)) from error


@lru_cache
def _answer() -> Any:
    """The ASN.1 type of an authority's answer with an optional token: the library's own requires one."""
    from asn1crypto import cms, core, tsp

    fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]
    return type("Answer", (core.Sequence,), {"_fields": fields})


def _check(data: bytes, trusted: Sequence[Certificate], nonce: int | None) -> Stamp:
    if len(data) > LARGEST:
        raise StampError(problems.TOO_LARGE())
    answer = _answer().load(data, strict=True)
    if (status := answer["status"]["status"].native) != "granted":
        raise StampError(problems.NOT_GRANTED(said=_said(answer["status"], status)))
    signed = answer["time_stamp_token"]["content"]
    info = signed["encap_content_info"]
    if info["content_type"].native != "tst_info":
        raise StampError(problems.OTHER_CONTENT())
    told = info["content"].parsed
    imprint = told["message_imprint"]
    if imprint["hash_algorithm"]["algorithm"].native != "sha256":
        raise StampError(problems.OTHER_HASH())
    if nonce is not None and told["nonce"].native != nonce:
        raise StampError(problems.OTHER_NONCE())
    at: datetime = told["gen_time"].native
    signer = _signer(signed, info["content"].contents)
    _refuse_other_purpose(signer)
    _refuse_untrusted(signer, _certificates(signed), trusted, at)
    return Stamp(imprint["hashed_message"].native, at, signer.subject.rfc4514_string(), told["serial_number"].native)


def _said(status: Any, word: str) -> str:
    """The reason of an authority's refusal, in its own words and the standard's."""
    text = "; ".join(str(one)[:200] for one in status["status_string"].native or ())
    failure = ", ".join(sorted(status["fail_info"].native or ()))
    return ", ".join(part for part in (word, text, failure) if part)


def _certificates(signed: Any) -> list[Certificate]:
    from cryptography import x509

    return [x509.load_der_x509_certificate(one.chosen.dump()) for one in signed["certificates"] if one.name == "certificate"]


def _signer(signed: Any, content: bytes) -> Certificate:
    """The certificate that signed ``content``, its signature checked. Raises ``StampError``."""
    infos = signed["signer_infos"]
    if len(infos) != 1:
        raise StampError(problems.SIGNATURES(count=len(infos)))
    [info] = infos
    wanted = info["sid"]
    if wanted.name != "issuer_and_serial_number":
        raise StampError(problems.SIGNER_UNNAMED())
    serial, issuer = wanted.chosen["serial_number"].native, wanted.chosen["issuer"].dump()
    found = [one for one in _certificates(signed) if one.serial_number == serial and one.issuer.public_bytes() == issuer]
    if not found:
        raise StampError(problems.SIGNER_MISSING())
    algorithm = info["digest_algorithm"]["algorithm"].native
    if algorithm not in _HASHES:
        raise StampError(problems.WEAK_DIGEST(algorithm=algorithm))
    attributes = {one["type"].native: one["values"] for one in info["signed_attrs"]}
    if attributes["content_type"][0].native != "tst_info":
        raise StampError(problems.OTHER_CONTENT())
    if attributes["message_digest"][0].native != hashlib.new(algorithm, content).digest():
        raise StampError(problems.CHANGED())
    _refuse_other_certificate(found[0], attributes)
    # The signature covers a SET, not the tag under which the attributes stand in the token.
    _refuse_forged(found[0], info, algorithm, b"\x31" + info["signed_attrs"].dump()[1:])
    return found[0]


def _refuse_other_certificate(signer: Certificate, attributes: dict[str, Any]) -> None:
    """Raise ``StampError`` unless the signed attributes name the signer's own certificate (ESSCertID)."""
    from cryptography.hazmat.primitives.serialization import Encoding

    for name, default in (("signing_certificate_v2", "sha256"), ("signing_certificate", "sha1")):
        if name in attributes:
            named = attributes[name][0]["certs"][0]
            algorithm = named["hash_algorithm"]["algorithm"].native if name.endswith("v2") else default
            if hashlib.new(algorithm, signer.public_bytes(Encoding.DER)).digest() == named["cert_hash"].native:
                return
            break
    raise StampError(problems.CERTIFICATE_UNNAMED())


def _refuse_forged(signer: Certificate, info: Any, algorithm: str, signed: bytes) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key, signature = signer.public_key(), info["signature"].native
    used = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[algorithm]
    kind = info["signature_algorithm"].signature_algo
    try:
        if isinstance(key, rsa.RSAPublicKey) and kind == "rsassa_pkcs1v15":
            key.verify(signature, signed, padding.PKCS1v15(), used)
        elif isinstance(key, rsa.RSAPublicKey) and kind == "rsassa_pss":
            key.verify(signature, signed, padding.PSS(padding.MGF1(used), padding.PSS.AUTO), used)
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(signature, signed, ec.ECDSA(used))
        else:
            raise StampError(problems.UNKNOWN_SIGNATURE(kind=kind))
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise StampError(problems.FORGED()) from error


def _refuse_other_purpose(signer: Certificate) -> None:
    """Raise ``StampError`` unless the certificate is for time stamps alone (RFC 3161 section 2.3)."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise StampError(problems.OTHER_PURPOSE()) from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise StampError(problems.SEVERAL_PURPOSES())


def _refuse_untrusted(signer: Certificate, given: list[Certificate], trusted: Sequence[Certificate], at: datetime) -> None:
    """Raise ``StampError`` unless certificates valid ``at`` that time lead from ``signer`` to a trusted one."""
    if not _valid(signer, at):
        raise StampError(problems.EXPIRED(at=f"{at:%Y-%m-%d %H:%M}"))
    if _strange(signer):
        raise StampError(problems.STRANGE())
    ways = [(signer, 0)]
    seen = {signer}
    while ways:
        below, depth = ways.pop()
        if below in trusted:
            return
        if depth == LONGEST_CHAIN:
            continue
        for above in (*trusted, *given):
            if (above in trusted or above not in seen) and _issued(above, below, depth, at):
                if above in trusted:
                    return
                seen.add(above)
                ways.append((above, depth + 1))
    raise StampError(problems.UNTRUSTED())


def _issued(above: Certificate, below: Certificate, depth: int, at: datetime) -> bool:
    """True when ``above``, an authority's certificate then, issued ``below``. ``depth``: the authorities below it."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if not _valid(above, at) or _strange(above):
        return False
    try:
        constraints = above.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or (constraints.path_length is not None and constraints.path_length < depth):
            return False
        below.verify_directly_issued_by(above)
    except (x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    try:
        return bool(above.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign)
    except x509.ExtensionNotFound:
        return True


def _valid(certificate: Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _strange(certificate: Certificate) -> bool:
    return any(one.critical and one.oid.dotted_string not in _HEEDED for one in certificate.extensions)
