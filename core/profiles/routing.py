"""Routing of mail by its addresses: the users whom a message is from and for, and the addresses that no user has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.model import User
from core.profiles.addresses import domain_of, key
from core.profiles.correspondents import Found


@dataclass(frozen=True, slots=True)
class Match:
    """A user whom a message is from (``sent``) or for, by ``address``, spelled as it is kept with the user."""

    user: User
    address: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address that no user has, as its ``key``. ``ours``: in one of our domains; ``ignored``: said to be not ours."""

    address: str
    sent: bool
    ours: bool
    ignored: bool


@dataclass(frozen=True, slots=True)
class Route:
    """Whom a message concerns: each user once for each side, and everybody whom we do not know."""

    matches: tuple[Match, ...] = ()
    strangers: tuple[Stranger, ...] = ()

    @property
    def unresolved(self) -> bool:
        """Is there an address in one of our domains that may belong to a user to come?"""
        return any(one.ours and not one.ignored for one in self.strangers)


class AddressBook:
    """All addresses of all users, our domains, the mailbox's own addresses, and what is said to be not ours.

    ``domains`` empty: those of the users' addresses. ``ignored`` holds keys of addresses, and ``@domain``.
    """

    def __init__(
        self, users: Iterable[User], domains: Iterable[str] = (), own: Iterable[str] = (), ignored: Iterable[str] = ()
    ) -> None:
        self._owners = {key(address): (user, address) for user in users for address in user.addresses}
        self._own = frozenset(map(key, own))
        self._ignored = frozenset(ignored)
        self.domains = frozenset(domain_of(key(f"x@{domain}")) for domain in domains) or frozenset(map(domain_of, self._owners))

    def owner(self, address: str) -> tuple[User, str] | None:
        """The user who has the address, and how it is spelled there."""
        return self._owners.get(key(address))

    def is_own(self, address: str) -> bool:
        return key(address) in self._own

    def knows_any(self, addresses: Iterable[str]) -> bool:
        """Has a user one of them, given as keys?"""
        return any(address in self._owners and address not in self._own for address in addresses)

    def route(self, found: Found) -> Route:
        """Whom a message with these addresses concerns. The mailbox's own addresses are nobody's."""
        matches: dict[tuple[str, bool], Match] = {}
        strangers: dict[tuple[str, bool], Stranger] = {}
        for sent, addresses in ((True, found.senders), (False, found.recipients)):
            for address in addresses:
                name = key(address)
                if name in self._own:
                    continue
                if owner := self._owners.get(name):
                    matches.setdefault((owner[0].id, sent), Match(*owner, sent))
                else:
                    strangers.setdefault((name, sent), self._stranger(name, sent))
        readable = any(not self.is_own(address) for address in found.recipients)
        for text in found.unreadable:
            if not readable or "@" not in text or self._names_ours(text):
                # Whose it is nobody can say, so it may be one of ours.
                strangers.setdefault((text, False), Stranger(text, False, True, text in self._ignored))
        return Route(tuple(matches.values()), tuple(strangers.values()))

    def _names_ours(self, text: str) -> bool:
        """Does it name one of our domains? Without one it is noise beside an address that can be read."""
        lower = text.lower()
        return "@" not in text[:-1] or any(domain in lower for domain in self.domains)

    def _stranger(self, name: str, sent: bool) -> Stranger:
        domain = domain_of(name)
        return Stranger(name, sent, domain in self.domains, name in self._ignored or f"@{domain}" in self._ignored)
