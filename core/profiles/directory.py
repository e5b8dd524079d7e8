"""Directory settings: the source of users, warnings about it, and its form in the ledger. Pure."""

from __future__ import annotations

from dataclasses import field, replace
from enum import StrEnum
from typing import Any

from core.problems import warning
from core.problems.code import Reason
from core.profiles import plain
from core.values import dataclass


class DirectoryKind(StrEnum):
    """The kind of directory."""

    KERIO = "kerio"
    ACTIVE_DIRECTORY = "active-directory"
    LDAP = "ldap"


class DirectoryAccess(StrEnum):
    """The connection to the directory: Kerio's API by HTTPS; LDAP plain, with StartTLS, or with TLS from the first byte."""

    HTTPS = "https"
    LDAP = "ldap"
    LDAP_TLS = "ldap-tls"
    LDAP_SSL = "ldap-ssl"

    @property
    def port(self) -> int:
        return {DirectoryAccess.HTTPS: 4040, DirectoryAccess.LDAP_SSL: 636}.get(self, 389)


class LeaverPolicy(StrEnum):
    """The treatment of users who left the directory. Their archive stays in any case."""

    KEEP = "keep"
    DISABLE = "disable"
    DELETE = "delete"


#: Percent of users; more going at once is taken for a mistake.
GUARD = 20
#: Seconds to wait for an answer.
TIMEOUT = 30.0
#: The rank of a connection whose data only the server itself can read.
_TRUSTED = 2


@dataclass(frozen=True, slots=True)
class DirectoryServer:
    """The server of a directory.

    ``timeout`` in seconds; ``ca_file`` an own certificate authority (PEM), empty for the system's.
    """

    host: str
    access: DirectoryAccess
    port: int = 0
    accept_all_certificates: bool = False
    ca_file: str = ""
    timeout: float = TIMEOUT

    @property
    def effective_port(self) -> int:
        return self.port or self.access.port

    def exposed_by(self, other: DirectoryServer) -> bool:
        """True when a connection to ``other`` protects a password less than one to this server."""
        if self._protection != other._protection:
            return other._protection < self._protection
        return self._protection == _TRUSTED and other.ca_file != self.ca_file

    @property
    def _protection(self) -> int:
        if self.access is DirectoryAccess.LDAP:
            return 0
        return 1 if self.accept_all_certificates else _TRUSTED


@dataclass(frozen=True, slots=True)
class Attributes:
    """The LDAP attributes of a user's fields; the first of ``email`` with a value gives the primary address."""

    user_name: str
    full_name: str
    email: tuple[str, ...]
    login: str = ""


@dataclass(frozen=True, slots=True)
class DirectorySearch:
    """The searched people. For Kerio only ``domains`` and ``groups`` count, by name; groups of LDAP are names or DNs."""

    base_dn: str = ""
    filter: str = ""
    groups: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    attributes: Attributes | None = None


#: Default filters: people with an e-mail address.
FILTERS = {
    DirectoryKind.ACTIVE_DIRECTORY: "(&(objectCategory=person)(objectClass=user)(|(mail=*)(proxyAddresses=*)))",
    DirectoryKind.LDAP: "(&(objectClass=inetOrgPerson)(mail=*))",
}
ATTRIBUTES = {
    DirectoryKind.ACTIVE_DIRECTORY: Attributes("sAMAccountName", "displayName", ("mail", "proxyAddresses")),
    DirectoryKind.LDAP: Attributes("uid", "cn", ("mail",)),
}


@dataclass(frozen=True, slots=True)
class Directory:
    """The settings of the one directory that users come from. The password is never part of them.

    ``guard``: the percentage of users who may go at once. ``include_disabled``: accounts disabled in the directory are users
    too.
    """

    source: DirectoryKind
    server: DirectoryServer
    username: str = ""
    password_file: str = ""
    search: DirectorySearch = field(default_factory=DirectorySearch)
    left: LeaverPolicy = LeaverPolicy.KEEP
    include_disabled: bool = True
    guard: int = GUARD

    @property
    def account(self) -> str:
        """The owner of the password, for display; empty for an anonymous login."""
        return self.username

    @property
    def filter(self) -> str:
        """The LDAP filter of the search, without groups."""
        return self.search.filter or FILTERS[self.source]

    @property
    def attributes(self) -> Attributes:
        return self.search.attributes or ATTRIBUTES[self.source]

    def same_account(self, other: Directory) -> bool:
        """True when ``other`` is the same account on the same server, over a connection no less protected.

        A stored password is never sent to another server or account.
        """
        return (
            self.source is other.source
            and self.username == other.username
            and self.server.host.lower() == other.server.host.lower()
            and self.server.effective_port == other.server.effective_port
            and not self.server.exposed_by(other.server)
        )

    def warnings(self) -> list[Reason]:
        """Warnings about allowed but unsafe settings."""
        found = [warning.DIRECTORY_ALL_CERTIFICATES()] if self.server.accept_all_certificates else []
        return found + ([warning.DIRECTORY_NO_TLS()] if self.server.access is DirectoryAccess.LDAP else [])

    def advice(self) -> list[str]:
        """Advice on the effects of a synchronisation."""
        gone = {
            LeaverPolicy.KEEP: "Users who leave the directory stay as they are.",
            LeaverPolicy.DISABLE: "Users who leave the directory are disabled: profiles for all users pass them by.",
            LeaverPolicy.DELETE: "Users who leave the directory are removed from the list.",
        }[self.left]
        if self.left is not LeaverPolicy.KEEP:
            gone += f" Their archive stays. If more than {self.guard} % would go at once, none does."
        return [gone] if self.include_disabled else [gone, "Accounts that are disabled in the directory count as having left."]

    def as_json(self) -> dict[str, Any]:
        """The definition as kept in the ledger; the reverse of ``from_json``."""
        value: dict[str, Any] = {
            "type": self.source.value,
            "server": plain.as_json(self.server),
            "login": {"username": self.username, "password_file": self.password_file},
            "search": plain.as_json(self.search),
            "users": {"left": self.left.value, "include_disabled": self.include_disabled, "guard": self.guard},
        }
        del value["search"]["attributes"]
        if self.search.attributes is not None:
            value["attributes"] = plain.as_json(self.search.attributes)
        return value


def from_json(definition: dict[str, Any]) -> Directory:
    """Decode saved settings. Raises ``KeyError`` or ``ValueError`` for anything that ``as_json`` never made."""
    search, people = definition["search"], definition["users"]
    names = definition.get("attributes")
    return Directory(
        DirectoryKind(definition["type"]),
        plain.from_json(DirectoryServer, definition["server"]),
        definition["login"]["username"],
        definition["login"]["password_file"],
        replace(plain.from_json(DirectorySearch, search), attributes=plain.from_json(Attributes, names) if names else None),
        LeaverPolicy(people["left"]),
        people["include_disabled"],
        people["guard"],
    )
