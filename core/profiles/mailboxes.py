"""Mailboxes of a profile: one per user, with the login name that opens it. Pure."""

from __future__ import annotations

from core.model import User
from core.profiles.profile import Method, Profile, Server
from core.values import dataclass

#: The owner's place in the name of a catch-all mailbox.
EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox on the server, and its destination: ``top`` is its folder in the archive of ``user``.

    With ``everybody`` (catch-all) its messages go to their users' archives; ``user`` gets those without any.
    """

    user: User
    login: str
    top: str
    everybody: bool = False

    def source(self, server: Server) -> str:
        """The name in the ledger of a mailbox and its destination.

        The record of a mailbox is for one archive: with another user or folder as destination, all of it is new.
        """
        where = EVERYBODY if self.everybody else f"{self.user.id}/{self.top}"
        return f"{server.source(self.login)} -> {where}"


def of_target(profile: Profile, user: User) -> Mailbox:
    """The one mailbox of a profile with a target."""
    assert profile.target is not None
    return Mailbox(user, profile.login.username, profile.target.folder)


def of_everybody(profile: Profile, unknown: User) -> Mailbox:
    """The mailbox of a catch-all profile; ``unknown`` gets messages without a known user."""
    return Mailbox(unknown, profile.login.username, profile.login.username, everybody=True)


def of_user(profile: Profile, user: User) -> Mailbox:
    """The mailbox of one user of a profile with a selection; the user has an address."""
    return Mailbox(user, login_name(user, profile.login.method), user.addresses[0])


def login_name(user: User, method: Method) -> str:
    """The login name of a user who has an address: the given one, else the primary address.

    Kerio wants the name with its domain; one given without gets that of the primary address.
    """
    name = user.login or user.addresses[0]
    if method is Method.KERIO_MASTER and "@" not in name:
        name += "@" + user.addresses[0].partition("@")[2]
    return name
