"""Refused logins of users whose address was renamed: the error explains it, since the login may have followed the address."""

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
from core.problems import login
from core.problems.code import Reason
from core.profiles.mailboxes import Mailbox, login_name
from core.profiles.profile import Profile

#: The steps at which a server refuses an unknown account.
_STEPS = ("login", "mailbox")


class RenamedLogins:
    """The renamed addresses, read from the ledger at the first refusal, and once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._renames: dict[str, Renamed] | None = None

    async def open(self, profile: Profile, mailbox: Mailbox, opened_by: Credentials) -> Session:
        """A session in ``mailbox``. Raises ``ConnectError``, with the explanation."""
        try:
            return await Session.open(profile.server, opened_by)
        except ConnectError as error:
            raise await self.explained(profile, mailbox, error) from error

    async def explained(self, profile: Profile, mailbox: Mailbox, error: ConnectError) -> ConnectError:
        """``error`` with the user's renamed address, if the login is related to it."""
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
        reason = _reason(profile, mailbox, renamed, error.reason)
        return ConnectError(error.step, reason) if reason else error


def _reason(profile: Profile, mailbox: Mailbox, renamed: Renamed, why: Reason) -> Reason | None:
    """The refusal ``why`` with the renamed address, if the login is related to it, else None."""
    user = mailbox.user
    day, now = f"{renamed.until.astimezone():%Y-%m-%d}", user.addresses[0]
    by_directory = renamed.channel == "directory"
    if profile.target is not None:
        if mailbox.login.casefold() != renamed.address.casefold():
            return None
        code = login.FORMER_ADDRESS_IN_DIRECTORY if by_directory else login.FORMER_ADDRESS
        return code(why=why, user=user.name, address=renamed.address, until=day, now=now)
    former = login_name(replace(user, addresses=(renamed.address, *user.addresses)), profile.login.method)
    if former.casefold() == mailbox.login.casefold():
        return None
    code = login.RENAMED_ADDRESS_IN_DIRECTORY if by_directory else login.RENAMED_ADDRESS
    return code(why=why, user=user.name, address=renamed.address, until=day, now=now, former=former)
