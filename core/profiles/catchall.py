"""Catch-all settings of a profile, for a mailbox with a copy of all users' mail: values, and their form as JSON."""

from __future__ import annotations

from enum import StrEnum

from core.errors import InputError
from core.profiles import addresses, templates
from core.values import dataclass

UNKNOWN_FOLDER = "Unknown addresses"
#: The fields read unless a profile says otherwise, in this order: the first address of a user counts.
HEADERS = (
    *("From", "Sender", "To", "Cc", "Bcc"),
    *("Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc"),
    *("Delivered-To", "X-Original-To", "X-Envelope-To", "Envelope-To", "X-RCPT-TO", "Received"),
)


class UnknownPolicy(StrEnum):
    """The destination of mail to addresses without a user: the catch-all archive, or none (left in the mailbox)."""

    ARCHIVE = "archive"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class CatchAll:
    """``archive`` names the user whose archive gets mail to unknown addresses; empty for the catch-all archive.

    ``headers`` are read in their order. ``domains`` are ours; empty for those of the users' addresses. ``own_addresses`` are
    the mailbox's, and no recipients.
    """

    incoming: str = templates.INCOMING
    outgoing: str = templates.OUTGOING
    unknown: UnknownPolicy = UnknownPolicy.ARCHIVE
    unknown_folder: str = UNKNOWN_FOLDER
    archive: str = ""
    headers: tuple[str, ...] = HEADERS
    domains: tuple[str, ...] = ()
    own_addresses: tuple[str, ...] = ()

    def own(self, username: str) -> tuple[str, ...]:
        """The mailbox's own addresses: those given, else the login name if it is an address."""
        if self.own_addresses:
            return self.own_addresses
        try:
            return (addresses.check(username),)
        except InputError:
            return ()

    def sentence(self) -> str:
        """The destination of mail, in a sentence."""
        whose = f"the archive of {self.archive}" if self.archive else "the catch-all archive"
        unknown = (
            f"goes to {self.unknown_folder} in {whose}" if self.unknown is UnknownPolicy.ARCHIVE else "is left in the mailbox"
        )
        return (
            f"Each message goes to its recipients ({self.incoming}) and its sender ({self.outgoing}), each in the user's own "
            f"archive. Mail to addresses that no user has {unknown}."
        )
