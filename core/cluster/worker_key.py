"""The key that the workers of an archive share: passwords of jobs are sealed to it, so that PostgreSQL has none in the clear.

X25519 with a key of its own for each secret, HKDF-SHA256, AES-256-GCM. The home keeps the public half only.
"""

from __future__ import annotations

import os
from pathlib import Path

from core import files
from core.errors import HomeError, InputError, StorageError
from core.problems import cluster as problems
from core.problems.disk import UNWRITTEN
from core.secrets import Secret

KEY_BYTES, NONCE_BYTES = 32, 12


def make(path: Path) -> bytes:
    """Make a new key at ``path`` (mode 0600), which is not there; its public half. Raises ``StorageError``."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    private = X25519PrivateKey.generate()
    try:
        files.create_whole(path, private.private_bytes_raw())
    except OSError as error:
        raise StorageError(UNWRITTEN(path=str(path), said=str(error.strerror))) from error
    return private.public_key().public_bytes_raw()


def public_half(path: Path) -> bytes:
    """The public half of the key at ``path``. Raises ``InputError``."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(_private(path)).public_key().public_bytes_raw()


def seal(public: bytes, secret: Secret, *, purpose: str) -> bytes:
    """``secret`` sealed to the key whose public half is ``public``, bound to ``purpose``."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    once = X25519PrivateKey.generate()
    ours = once.public_key().public_bytes_raw()
    key = _key(once.exchange(X25519PublicKey.from_public_bytes(public)), ours, public)
    nonce = os.urandom(NONCE_BYTES)
    plain = secret.reveal().encode("utf-8", "surrogateescape")
    return ours + nonce + AESGCM(key).encrypt(nonce, plain, purpose.encode())


def unseal(path: Path, box: bytes, *, purpose: str) -> Secret:
    """The secret in ``box``, opened with the key at ``path``. Raises ``InputError``, ``HomeError``."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    private = X25519PrivateKey.from_private_bytes(_private(path))
    theirs, nonce, sealed = box[:KEY_BYTES], box[KEY_BYTES : KEY_BYTES + NONCE_BYTES], box[KEY_BYTES + NONCE_BYTES :]
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(theirs))
        key = _key(shared, theirs, private.public_key().public_bytes_raw())
        plain = AESGCM(key).decrypt(nonce, sealed, purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise HomeError(problems.SECRET_UNREAD(path=str(path))) from error
    return Secret(plain.decode("utf-8", "surrogateescape"))


def _key(shared: bytes, once: bytes, public: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"archivar worker" + once + public).derive(shared)


def _private(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise InputError(problems.KEY_UNREAD(path=str(path), said=str(error.strerror))) from error
    if len(key) != KEY_BYTES:
        raise InputError(problems.KEY_UNREAD(path=str(path), said=f"{len(key)} bytes instead of {KEY_BYTES}"))
    return key
