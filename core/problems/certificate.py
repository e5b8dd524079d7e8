"""Certificates that cannot be checked, or do not fit."""

from __future__ import annotations

from core.problems.code import Code, Setting

_ALL = f"To accept all certificates ({Setting('server.accept_all_certificates', 'true')}) lets anyone in between read along."
_AUTHORITY = f"Best is a certificate that this machine can check: give its authority as {Setting('server.ca_file')}. {_ALL}"
_NAME = f"Use the name that is in the certificate. {_ALL}"

EXPIRED = Code("certificate-expired", "The certificate of {host} has expired.", f"Have it renewed on the server. {_ALL}")
SELF_SIGNED = Code("certificate-self-signed", "The certificate of {host} is self-signed.", _AUTHORITY)
UNKNOWN_AUTHORITY = Code(
    "certificate-unknown-authority", "The certificate of {host} is signed by an unknown authority.", _AUTHORITY
)
OTHER_NAME = Code("certificate-other-name", "The certificate of {host} is for another name.", _NAME)
OTHER_ADDRESS = Code("certificate-other-address", "The certificate of {host} is for another address.", _NAME)
INVALID = Code(
    "certificate-invalid", "The certificate of {host} is not valid ({said}).", f"Have it corrected on the server. {_ALL}"
)
NO_AUTHORITIES = Code(
    "no-authorities",
    "{file} holds no certificate that can be read.",
    f"{Setting('server.ca_file')} must be a PEM file.",
)
