"""Time stamps that prove nothing, and the certificates by which they are checked."""

from __future__ import annotations

from core.problems.code import Code, Family

_ROOT = "Give the PEM file with the authority's root certificate."
_ASK = "See that the file is as the authority gave it, and that its root certificate is the right one."

CERTIFICATES_UNREAD = Code("root-certificate-unread", "{path} cannot be read: {said}.", _ROOT, Family.INPUT)
NO_CERTIFICATES = Code("root-certificate-unreadable", "{path} holds no certificate that can be read.", _ROOT, Family.INPUT)
NO_STAMP = Code("stamp-unreadable", "It is no time stamp that can be read ({kind}).", _ASK)
TOO_LARGE = Code("stamp-too-large", "It is too large to be a time stamp.", _ASK)
NOT_GRANTED = Code(
    "stamp-not-granted",
    "The authority granted no time stamp: {said}.",
    "Ask whoever runs that authority, or choose another one.",
)
OTHER_CONTENT = Code("stamp-other-content", "Something else than a time stamp was signed.", _ASK)
OTHER_HASH = Code("stamp-other-hash", "It is of another kind of hash than SHA-256.", _ASK)
OTHER_NONCE = Code("stamp-other-nonce", "It does not answer what was asked: its nonce is another one.", _ASK)
SIGNATURES = Code("stamp-signatures", "It has {count} signatures instead of one.", _ASK)
SIGNER_UNNAMED = Code("stamp-signer-unnamed", "It does not name its signer by issuer and number.", _ASK)
SIGNER_MISSING = Code("stamp-signer-missing", "The certificate of its signer is not in it.", _ASK)
WEAK_DIGEST = Code("stamp-digest-weak", "It was signed with {algorithm}, which is not enough.", _ASK)
CHANGED = Code("stamp-changed", "Its content was changed after it was signed.", _ASK)
CERTIFICATE_UNNAMED = Code("stamp-certificate-unnamed", "It does not name the certificate by which it was signed.", _ASK)
UNKNOWN_SIGNATURE = Code("stamp-signature-unknown", "It was signed in a way that is not known here ({kind}).", _ASK)
FORGED = Code("stamp-forged", "Its signature is not that of the certificate in it.", _ASK)
OTHER_PURPOSE = Code("stamp-certificate-purpose", "The certificate of its signer is not for time stamps.", _ASK)
SEVERAL_PURPOSES = Code("stamp-certificate-purposes", "The certificate of its signer is not for time stamps alone.", _ASK)
EXPIRED = Code("stamp-certificate-not-valid", "The certificate of its signer was not valid at its time, {at}.", _ASK)
STRANGE = Code("stamp-certificate-conditions", "The certificate of its signer has conditions that are not known here.", _ASK)
UNTRUSTED = Code("stamp-untrusted", "The certificate of its signer does not lead to any that is trusted here.", _ASK)
