"""Refused logins of users whose address was renamed: the refusal says so, since the login may have followed the address."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from core.archive.archive import Archive
from core.archive.read import renames
from core.archive.read.renames import Renamed
from core.archive.registry import users
from core.errors import ConnectError, InputError
from core.imap.login import Credentials
from core.imap.session import Session
from core.profiles.mailboxes import Mailbox, login_name
from core.profiles.profile import Profile

#: The steps at which a server says that it does not know an account.
_STEPS = ("login", "mailbox")


class RenamedLogins:
    """The addresses that are known to be renamed; asked of the ledger at the first refusal, and once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._renames: dict[str, Renamed] | None = None

    async def open(self, profile: Profile, mailbox: Mailbox, login: Credentials) -> Session:
        """A session in ``mailbox``. Raises ``ConnectError``, explained."""
        try:
            return await Session.open(profile.server, login)
        except ConnectError as error:
            raise await self.explained(profile, mailbox, error) from error

    async def explained(self, profile: Profile, mailbox: Mailbox, error: ConnectError) -> ConnectError:
        """``error``, with what became of the user's address if the login has to do with that."""
        if error.step not in _STEPS or error.busy or error.retry or error.master or mailbox.everybody:
            return error
        if self._renames is None:
            self._renames = await renames.last(self._archive)
        if not mailbox.user.id:
            # A draft knows the user by name alone.
            with suppress(InputError):
                mailbox = replace(mailbox, user=await users.find(self._archive, mailbox.user.name))
        renamed = self._renames.get(mailbox.user.id)
        if renamed is None or not mailbox.user.addresses:
            return error
        said = _said(profile, mailbox, renamed)
        if not said:
            return error
        return ConnectError(error.step, f"{error.message} {said[0]}", f"{said[1]} {error.hint}".strip())


def _said(profile: Profile, mailbox: Mailbox, renamed: Renamed) -> tuple[str, str] | None:
    """The connection of the login with the renamed address, and the remedy; None if there is none."""
    user = mailbox.user
    by = ", when the directory renamed it," if renamed.channel == "directory" else ""
    day = f"{renamed.until.astimezone():%Y-%m-%d}"
    was = f"which was {renamed.address} until {day}{by} and is {user.addresses[0]} now"
    if profile.target is not None:
        if mailbox.login.casefold() != renamed.address.casefold():
            return None
        return (
            f"That is the former e-mail address of {user.name}, {was}.",
            f"If the server has renamed the account too, change the user name of the profile to {user.addresses[0]}.",
        )
    former = login_name(replace(user, addresses=(renamed.address, *user.addresses)), profile.login.method)
    if former.casefold() == mailbox.login.casefold():
        return None
    return (
        f"This login name follows the e-mail address of {user.name}, {was}.",
        f"If the server still knows the account as {former}, give the user that login name.",
    )
