"""Routing of mail by its addresses: sender and recipients among the users, and unknown addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from core.model import User
from core.profiles.addresses import domain_of, key
from core.profiles.correspondents import Correspondents
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """A user who is a message's sender (``sent``) or recipient, by ``address``, spelled as in the user's record."""

    user: User
    address: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address without a user, as its ``key``. ``ours``: in one of our domains; ``ignored``: marked as not ours."""

    address: str
    sent: bool
    ours: bool
    ignored: bool


@dataclass(frozen=True, slots=True)
class Route:
    """The people of a message: each user once as sender and once as recipient, and all unknown addresses."""

    matches: tuple[Match, ...] = ()
    strangers: tuple[Stranger, ...] = ()

    @property
    def unresolved(self) -> bool:
        """True when an address in one of our domains may belong to a future user."""
        return any(one.ours and not one.ignored for one in self.strangers)


class AddressBook:
    """All addresses of all users, our domains, the mailbox's own addresses, and those marked as not ours.

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
        """The user who has the address, and its spelling there."""
        return self._owners.get(key(address))

    def is_own(self, address: str) -> bool:
        return key(address) in self._own

    def knows_any(self, addresses: Iterable[str]) -> bool:
        """True when a user has one of the addresses, given as keys."""
        return any(address in self._owners and address not in self._own for address in addresses)

    def route(self, found: Correspondents) -> Route:
        """The people of a message with these addresses. The mailbox's own addresses belong to no user."""
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
                # Without a readable address the recipient is unknown, and may be one of ours.
                strangers.setdefault((text, False), Stranger(text, False, True, text in self._ignored))
        return Route(tuple(matches.values()), tuple(strangers.values()))

    def _names_ours(self, text: str) -> bool:
        """True when the text names one of our domains. Without one it is noise beside a readable address."""
        lower = text.lower()
        return "@" not in text[:-1] or any(domain in lower for domain in self.domains)

    def _stranger(self, name: str, sent: bool) -> Stranger:
        domain = domain_of(name)
        return Stranger(name, sent, domain in self.domains, name in self._ignored or f"@{domain}" in self._ignored)
