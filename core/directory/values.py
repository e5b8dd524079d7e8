"""Values of an LDAP entry: attributes by their names in lower case, distinguished names, and Active Directory's SIDs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from core.text.patterns import pattern
from core.values import dataclass

Values = Mapping[str, Sequence[bytes]]
#: An entry: its DN and its attributes.
Row = tuple[str, Values]
#: A DN in comparable form: its parts from the entry up, in lower case and without optional spelling.
DnKey = tuple[str, ...]

_ESCAPED = pattern(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
#: The optional identifier after a uniqueMember (RFC 4517 section 3.3.21).
_UNIQUE = pattern(r"#'[01]*'B$")


def texts(values: Values, name: str) -> list[str]:
    """All values of an attribute."""
    return [bytes(value).decode("utf-8", "replace") for value in values.get(name.lower(), ())]


def first(values: Values, name: str) -> str:
    """The first value of an attribute without blanks around it; empty when there is none."""
    return next(iter(texts(values, name)), "").strip()


def dn_key(dn: str) -> DnKey:
    """A distinguished name (RFC 4514) in comparable form: case, blanks around separators and escapes do not count."""
    return tuple("+".join(sorted(_assertion(one) for one in _split(rdn, "+"))) for rdn in _split(_UNIQUE.sub("", dn), ",;"))


def is_below(key: DnKey, top: DnKey) -> bool:
    """True for an entry in the tree of ``top``."""
    return len(key) >= len(top) and key[len(key) - len(top) :] == top


def domain_of(key: DnKey) -> DnKey:
    """The domain at the end of a DN: its last parts that begin with ``dc=``."""
    at = len(key)
    while at and key[at - 1].startswith("dc="):
        at -= 1
    return key[at:]


def _split(text: str, signs: str) -> list[str]:
    """``text`` split at ``signs`` that are neither escaped nor quoted."""
    parts, at, quoted, start = [], 0, False, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] in signs and not quoted:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _assertion(text: str) -> str:
    """``type=value`` in lower case, unescaped."""
    name, _, value = text.partition("=")
    value = value.strip(" ") if not value.rstrip(" ").endswith("\\") else value.lstrip(" ")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    value = _ESCAPED.sub(_plain, value)
    return f"{name.strip().casefold()}={' '.join(value.split()).casefold()}"


def _plain(match: re.Match[str]) -> str:
    if match[2] is not None:
        return match[2]
    return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Sid:
    """A security identifier: of an account or group ``domain`` is all but the last number, ``rid`` that last one."""

    authority: int
    numbers: tuple[int, ...]

    @property
    def rid(self) -> int:
        return self.numbers[-1]

    @property
    def domain(self) -> tuple[int, ...]:
        return (self.authority, *self.numbers[:-1])


def sid(raw: bytes) -> Sid | None:
    """A SID in its binary form (MS-DTYP section 2.4.2.2); None for anything else."""
    if len(raw) < 12 or raw[0] != 1 or len(raw) != 8 + 4 * raw[1]:
        return None
    numbers = tuple(int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4))
    return Sid(int.from_bytes(raw[2:8], "big"), numbers)
