"""Seal places: the system's journal, a file elsewhere, a mail address, a time-stamp authority. Pure."""

from __future__ import annotations

import ipaddress
import unicodedata
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import InputError
from core.problems import place as problems
from core.problems.code import Reason
from core.profiles import addresses
from core.text.patterns import pattern
from core.values import dataclass

LONGEST = 1000
LONGEST_NAME = 40
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_HOST = pattern(r"[\w.-]{1,253}")


class PlaceKind(StrEnum):
    """The kind of a seal place."""

    JOURNAL = "journal"
    FILE = "file"
    MAIL = "mail"
    STAMP = "stamp"


class MailAccess(StrEnum):
    """The connection to a mail server: STARTTLS, TLS from the first byte, or plain."""

    TLS = "smtp-tls"
    SSL = "smtp-ssl"
    PLAIN = "smtp"


PORTS = {MailAccess.TLS: 587, MailAccess.SSL: 465, MailAccess.PLAIN: 25}
#: The fields of each kind of place, beside name and target.
FIELDS = {
    PlaceKind.JOURNAL: (),
    PlaceKind.FILE: (),
    PlaceKind.MAIL: ("host", "port", "access", "username", "password_file", "sender", "ca_file"),
    PlaceKind.STAMP: ("ca_file",),
}
#: The meaning of each kind's target.
TARGETS = {
    PlaceKind.JOURNAL: "the path of a socket of syslog; empty: the system's journal, else its syslog",
    PlaceKind.FILE: "the full path of a file, best on another machine or with chattr +a; each seal is a line added to it",
    PlaceKind.MAIL: "one e-mail address",
    PlaceKind.STAMP: "the address of an authority that follows RFC 3161, beginning with https:// or http://",
}


class PlaceError(InputError):
    """An invalid place; ``field`` is the one to be changed, ``why`` what is wrong with it."""

    def __init__(self, field: str, why: Reason) -> None:
        super().__init__(problems.OF_FIELD(field=field, why=why))
        self.field = field
        self.why = why

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "why": self.why.as_json()}


@dataclass(frozen=True, slots=True)
class SealPlace:
    """A place by its name. ``target``: see ``TARGETS``; ``port`` 0 is the usual one of ``access``.

    ``ca_file`` is a PEM file: of a mail server the authority of its certificate, of a time-stamp authority its root.
    """

    name: str
    kind: PlaceKind
    target: str = ""
    host: str = ""
    port: int = 0
    access: MailAccess = MailAccess.TLS
    username: str = ""
    password_file: str = ""
    sender: str = ""
    ca_file: str = ""

    def as_json(self) -> dict[str, Any]:
        names = ("name", "kind", "target", *FIELDS[self.kind])
        return {name: value for name, value in asdict(self).items() if name in names}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SealPlace:
        """The reverse of ``as_json``. Raises ``KeyError``, ``TypeError``, ``ValueError``."""
        known = {**value, "kind": PlaceKind(value["kind"]), "access": MailAccess(value.get("access", MailAccess.TLS))}
        return cls(**known)

    @property
    def where(self) -> str:
        """The destination of seals in a few words."""
        if self.kind is PlaceKind.JOURNAL:
            return self.target or "the system's journal"
        return f"{self.target} by {self.host}" if self.kind is PlaceKind.MAIL else self.target

    @property
    def needs_password(self) -> bool:
        return bool(self.username) and not self.password_file

    def same_account(self, other: SealPlace) -> bool:
        """True when a password for ``other`` fits this place as well."""
        names = ("kind", "host", "port", "access", "username", "ca_file")
        return all(getattr(self, name) == getattr(other, name) for name in names)


def checked(place: SealPlace) -> SealPlace:
    """``place`` in the form to be saved, with absolute paths. Raises ``InputError`` that names the field."""
    place = replace(place, **{name: getattr(place, name).strip() for name in ("name", "target", "host", "username", "sender")})
    for name in ("name", "target", "host", "username", "password_file", "sender", "ca_file"):
        text = getattr(place, name)
        if len(text) > LONGEST or any(unicodedata.category(character) in _HIDDEN for character in text):
            raise _wrong(name, text, f"one line of up to {LONGEST} visible characters")
    if not place.name or place.name.startswith("-") or len(place.name) > LONGEST_NAME:
        raise _wrong("name", place.name, f"one line of up to {LONGEST_NAME} characters, no hyphen first")
    for name in ("host", "username", "password_file", "sender", "ca_file"):
        if getattr(place, name) and name not in FIELDS[place.kind]:
            raise PlaceError(name, problems.NO_MEANING(kind=place.kind.value))
    return replace(
        _OF_KIND[place.kind](place),
        ca_file=_file("ca_file", place.ca_file),
        password_file=_file("password_file", place.password_file),
    )


def _journal(place: SealPlace) -> SealPlace:
    if place.target and not place.target.startswith("/"):
        raise _wrong("target", place.target, TARGETS[PlaceKind.JOURNAL])
    return place


def _in_file(place: SealPlace) -> SealPlace:
    path = Path(place.target).expanduser() if place.target else Path()
    if not path.is_absolute() or path.name in ("", ".."):
        raise _wrong("target", place.target, TARGETS[PlaceKind.FILE])
    if not path.parent.is_dir():
        raise PlaceError("target", problems.NO_FOLDER(folder=str(path.parent)))
    return replace(place, target=str(path))


def _by_mail(place: SealPlace) -> SealPlace:
    try:
        for name in ("target", *(["sender"] if place.sender else [])):
            addresses.check(getattr(place, name))
            # Its name on the wire is ASCII; otherwise every server on the way would need SMTPUTF8.
            getattr(place, name).encode("ascii")
    except (InputError, UnicodeEncodeError):
        raise _wrong(name, getattr(place, name), "one e-mail address, in ASCII") from None
    host = place.host.strip("[]")
    try:
        host = str(ipaddress.ip_address(host)) if ":" in host else host
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host.replace(":", ".")) or host.startswith(("-", ".")) or ".." in host:
        raise _wrong("host", place.host, "the name or IP address of a mail server; the port is a field of its own")
    if not 0 <= place.port <= 65535:
        raise _wrong("port", str(place.port), "a number from 1 to 65535; 0 for the usual one")
    if place.username and place.access is MailAccess.PLAIN:
        raise _wrong("username", place.username, "none with access smtp, which would show the password to anyone in between")
    if place.password_file and not place.username:
        raise _wrong("password_file", place.password_file, "a username beside it")
    return replace(place, host=host)


def _by_authority(place: SealPlace) -> SealPlace:
    try:
        url = urlsplit(place.target)
        right = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        right = False
    if not right or url.username or url.password or url.fragment or not place.target.isascii() or " " in place.target:
        raise _wrong("target", place.target, TARGETS[PlaceKind.STAMP])
    if not place.ca_file:
        raise _wrong("ca_file", "", "the PEM file with the root certificate of the authority, by which its stamps are checked")
    return place


_OF_KIND = {PlaceKind.JOURNAL: _journal, PlaceKind.FILE: _in_file, PlaceKind.MAIL: _by_mail, PlaceKind.STAMP: _by_authority}


def _file(field: str, value: str) -> str:
    if not value:
        return ""
    try:
        path = Path(value).expanduser().absolute()
        there = path.is_file()
    except (OSError, RuntimeError, ValueError):
        there = False
    if not there:
        raise PlaceError(field, problems.NO_FILE(path=value))
    return str(path)


def _wrong(field: str, value: str, allowed: str) -> PlaceError:
    shown = value if len(value) <= 80 else f"{value[:79]}…"
    return PlaceError(field, problems.NOT_ALLOWED(value=shown, allowed=allowed))
