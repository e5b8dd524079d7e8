"""Masking of known passwords in outside text, in every spelling in which a server may repeat them.

Each ``Secret`` is known here for as long as it lives. ``masked`` is called where text of a server, or of a library that was
given a password, comes in: everything later, in log, ledger, screen or JSON, contains none. Our own sentences are not masked,
since a password may be one of their words.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from functools import cached_property
from weakref import WeakValueDictionary

from core.text.normal import normal
from core.text.patterns import pattern
from core.text.utf7 import modified_utf7

MASK = "***"
#: A shorter password is masked only as a whole word: gaps in every sentence would reveal it.
_SHORT = 4
#: A folder's name is not only shown but kept: a password shorter than the first is masked in it only as a whole word, one
#: shorter than the second not at all.
_SHORT_IN_NAMES, _LEFT_IN_NAMES = 8, 5
#: Digits of base64 long enough to be searched for.
_TELLING = 6
_BASE64 = pattern(r"[A-Za-z0-9+/_=,-]*")


class KnownPassword:
    """One password in all its possible spellings."""

    def __init__(self, text: str) -> None:
        forms = {normal("NFC", text), normal("NFD", text), text}
        spelled = "|".join("".join(map(_spellings, form)) for form in sorted(forms))
        whole = "|".join(re.escape(one) for one in sorted(_rewritten(text), key=len, reverse=True))
        self._anywhere = re.compile(f"{spelled}|{whole}", re.IGNORECASE | re.DOTALL)
        self._spelled = spelled
        self._encoded = _encoded(text)
        self._length = len(text)

    @cached_property
    def _words(self) -> re.Pattern[str]:
        spelled = self._spelled
        return re.compile(rf"(?<!\w)(?:{spelled})(?!\w)", re.IGNORECASE | re.DOTALL)

    def out_of(self, text: str) -> str:
        """``text`` without the password."""
        for form in self._encoded:
            text = _without_encoded(text, form)
        return (self._words if self._length < _SHORT else self._anywhere).sub(MASK, text)

    def out_of_name(self, name: str) -> str:
        """A folder's name without the password. No spelling of it is shorter than itself."""
        if len(name) < self._length or self._length < _LEFT_IN_NAMES or name.upper() == "INBOX":
            return name
        return (self._words if self._length < _SHORT_IN_NAMES else self._anywhere).sub(MASK, name)


class Register:
    """The passwords that this process knows, each until it is forgotten; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: WeakValueDictionary[int, PasswordHolder] = WeakValueDictionary()

    def add(self, holder: PasswordHolder) -> None:
        with self._lock:
            self._holders[id(holder)] = holder

    def known(self) -> list[KnownPassword]:
        """The passwords to search for; the longest first, as others may be parts of it."""
        with self._lock:
            holders = list(self._holders.values())
        return [holder.known() for holder in sorted(holders, key=lambda holder: -len(holder.text))]


class PasswordHolder:
    """A password in the register, known as long as its owner keeps it."""

    __slots__ = ("__weakref__", "_known", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._known: KnownPassword | None = None

    def known(self) -> KnownPassword:
        if self._known is None:
            self._known = KnownPassword(self.text)
        return self._known


_REGISTER = Register()


def remember(text: str) -> PasswordHolder | None:
    """Mask ``text`` wherever it comes in, as long as the returned holder lives; None for an empty one."""
    if not text:
        return None
    holder = PasswordHolder(text)
    _REGISTER.add(holder)
    return holder


def masked(text: str) -> str:
    """``text`` from outside, without any known password."""
    for known in _REGISTER.known():
        text = known.out_of(text)
    return text


def masked_name(name: str) -> str:
    """A folder's name without any known password that is no ordinary word in it."""
    for known in _REGISTER.known():
        name = known.out_of_name(name)
    return name


#: Characters that HTML writes by name, as ``html.escape`` does: its list of all names takes long to load.
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}


def _spellings(character: str) -> str:
    """A character in the spellings of servers and libraries: itself, with backslashes, or by number in the usual ways."""
    code = f"{ord(character):x}"
    ways = [re.escape(character), rf"\\u\{{?0*{code}\}}?", rf"&\#(?:x0*{code}|0*{ord(character)});"]
    if character in _NAMED:
        ways.append(re.escape(_NAMED[character]))
    data = character.encode("utf-8", "surrogateescape")
    for raw in {data, character.encode("latin-1", "ignore")} - {b""}:
        # Percent signs of URLs, = of quoted-printable, \ of LDAP, \x of repr.
        ways.append("".join(rf"(?:%|=|\\x?){byte:02x}" for byte in raw))
        if not raw.isascii():
            ways.append(re.escape(raw.decode("latin-1")))
            ways.append(re.escape(raw.decode("utf-8", "replace")))
    if ord(character) > 0xFFFF:
        pair = character.encode("utf-16-be", "surrogatepass")
        ways.append(rf"\\u{pair[:2].hex()}\\u{pair[2:].hex()}")
    if character == " ":
        ways.append(r"\+|_")
    return rf"(?:\\{{0,3}}(?:{'|'.join(dict.fromkeys(ways))}))"


def _rewritten(text: str) -> set[str]:
    """Spellings of the whole password that are not made character by character."""
    plain = text.encode("utf-8", "surrogateescape")
    found = {modified_utf7(text), repr(text)[1:-1], repr(plain)[2:-1], json.dumps(text)[1:-1], plain.hex()}
    return found - {""}


def _encoded(text: str) -> list[str]:
    """Digits of base64 independent of the surrounding bytes: in SASL PLAIN, in Basic, alone."""
    found = []
    for raw in dict.fromkeys((text.encode("utf-8", "surrogateescape"), text.encode("latin-1", "replace"))):
        for before in range(3):
            digits = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
            # The first digits contain bits of the text before, the last one of the text after.
            inner = digits[-(-before * 8 // 6) :]
            inner = inner[:-1] if (before + len(raw)) % 3 else inner
            if len(inner) >= _TELLING:
                found.append(inner)
        if not found:
            found.append(base64.b64encode(raw).decode())
    return list(dict.fromkeys([*found, *(form.replace("+", "-").replace("/", "_") for form in found)]))


def _without_encoded(text: str, form: str) -> str:
    """``text`` without ``form`` and all digits of base64 around it."""
    parts: list[str] = []
    at = 0
    while (found := text.find(form, at)) >= 0:
        begin = found
        while begin > at and _BASE64.fullmatch(text[begin - 1]):
            begin -= 1
        match = _BASE64.match(text, found)
        parts += [text[at:begin], MASK]
        at = match.end() if match else found + len(form)
    return "".join([*parts, text[at:]]) if parts else text
