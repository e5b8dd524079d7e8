"""Passwords: kept encrypted (AES-256-GCM) with a key in a file beside the databases, never inside one.

What holds here: a ``Secret`` shows itself as ``<secret>`` in logs, tracebacks and locals; the key file has mode 0600; each
ciphertext is bound to the profile it belongs to (additional authenticated data), so rows cannot be swapped.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from core import files
from core.errors import HomeError, StorageError
from core.masking import remember
from core.problems import key as key_problems
from core.problems.disk import UNWRITTEN

KEY_BYTES = 32
NONCE_BYTES = 12


class Secret:
    """A text that must not be shown by accident; ``reveal()`` is the only way to it, and outside text is ``masked`` of it."""

    __slots__ = ("_remembered", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._remembered = remember(text)

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be serialised")


class KeyFile:
    """``secret.key`` of a home; made when first needed.

    During a rotation there are two: the next one is beside it, and a box may be of either. So a password is readable at every
    moment of a rotation, also after a broken-off one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: The file of the next key, from the beginning of a rotation to its end.
        self.next_path = path.with_name(f"{path.name}.next")

    def encrypt(self, secret: Secret, *, purpose: str) -> bytes:
        """Nonce and ciphertext of ``secret``, bound to ``purpose`` (such as ``profile:Staff``)."""
        # The library costs 40 ms to import and most commands need no password.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self._key(create=True)).encrypt(nonce, _bytes(secret.reveal()), _bytes(purpose))

    def next(self) -> KeyFile:
        """The next key, made unless a broken-off rotation has made it. Raises ``StorageError``."""
        following = KeyFile(self.next_path)
        if not following.path.exists():
            following._make()
        return following

    def finish_rotation(self) -> None:
        """Replace this key by the next one. Raises ``StorageError``."""
        try:
            files.put(self.next_path, self.path)
        except OSError as error:
            raise StorageError(UNWRITTEN(path=str(self.path), said=str(error.strerror))) from error

    def check(self) -> None:
        """Raise ``HomeError`` when there is no usable key."""
        self._key(create=False)

    def content(self) -> tuple[bytes, bytes]:
        """The bytes of the next key and of this one, each empty when there is none. Raises ``OSError``."""
        # In this order: the next key may replace this one in between.
        return _content(self.next_path), _content(self.path)

    def decrypt(self, box: bytes, *, purpose: str, whose: str = "") -> Secret:
        """Decrypt a box. Raises ``HomeError`` when key and box do not belong together, with the owner ``whose``."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        keys = [key for key in (_content(self.next_path), self._key(create=False)) if len(key) == KEY_BYTES]
        for key in keys:
            with suppress(InvalidTag, ValueError):
                plain = AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], _bytes(purpose))
                return Secret(plain.decode("utf-8", "surrogateescape"))
        raise HomeError(key_problems.UNFIT(whose=whose or purpose, file=self.path.name))

    def _key(self, *, create: bool) -> bytes:
        try:
            key = self.path.read_bytes()
        except FileNotFoundError:
            if not create:
                raise HomeError(key_problems.MISSING(file=self.path.name, path=str(self.path))) from None
            self._make()
            return self._key(create=False)
        except OSError as error:
            raise HomeError(key_problems.UNREAD(path=str(self.path), said=str(error.strerror))) from error
        if len(key) != KEY_BYTES:
            raise HomeError(key_problems.DAMAGED(file=self.path.name, bytes=len(key), needed=KEY_BYTES))
        return key

    def _make(self) -> None:
        """A new key, written whole or not at all: a truncated one would lose every password stored with it."""
        try:
            # Never over a key that another process has made since and has used already.
            with suppress(FileExistsError):
                files.create_whole(self.path, os.urandom(KEY_BYTES))
        except OSError as error:
            raise StorageError(UNWRITTEN(path=str(self.path), said=str(error.strerror))) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _bytes(text: str) -> bytes:
    # Bytes of a terminal or variable that are no UTF-8 come back unchanged.
    return text.encode("utf-8", "surrogateescape")
