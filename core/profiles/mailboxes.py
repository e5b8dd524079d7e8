"""The mailboxes that a profile comes to: one per user, with the login name that opens it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from core.model import User
from core.profiles.profile import Method, Profile, Server

#: What stands for the archives of all users in a mailbox's name.
EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox on the server, and where it goes: ``top`` is its folder in the archive of ``user``.

    With ``everybody`` its messages go to all whom they concern; ``user`` then gets those that nobody else gets.
    """

    user: User
    login: str
    top: str
    everybody: bool = False

    def source(self, server: Server) -> str:
        """The name in the ledger of a mailbox and of where it goes.

        What is known of a mailbox is known for one archive: sent to another user's, or to another folder, all of it is new.
        """
        where = EVERYBODY if self.everybody else f"{self.user.id}/{self.top}"
        return f"{server.source(self.login)} -> {where}"


def of_target(profile: Profile, user: User) -> Mailbox:
    """The one mailbox of a profile with a target."""
    assert profile.target is not None
    return Mailbox(user, profile.login.username, profile.target.folder)


def of_everybody(profile: Profile, unknown: User) -> Mailbox:
    """The mailbox of a catch-all profile; ``unknown`` gets what is for nobody who is known."""
    return Mailbox(unknown, profile.login.username, profile.login.username, everybody=True)


def of_user(profile: Profile, user: User) -> Mailbox:
    """The mailbox of one user of a profile with a selection; the user has an address."""
    return Mailbox(user, login_name(user, profile.login.method), user.addresses[0])


def login_name(user: User, method: Method) -> str:
    """The login name of a user who has an address: the one that was given, else the primary address.

    Kerio wants the name with its domain; one given without gets that of the primary address.
    """
    name = user.login or user.addresses[0]
    if method is Method.KERIO_MASTER and "@" not in name:
        name += "@" + user.addresses[0].partition("@")[2]
    return name
