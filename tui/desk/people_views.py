"""Users as the console shows and changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user in a list. ``key`` is the true name and ``keys`` the true addresses, for the gateway and for selections only.

    ``from_directory``: comes from the directory; ``disabled``: left it, so that profiles for all users pass this one by.
    """

    key: str
    keys: tuple[str, ...]
    name: str
    full_name: str
    login: str
    addresses: str
    from_directory: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class UserDraft:
    """A user as a form holds it. ``key`` is the true name of the one that is changed; empty for a new one.

    ``addresses`` have blanks or commas between them; the first is the primary one.
    """

    key: str = ""
    name: str = ""
    full_name: str = ""
    addresses: str = ""
    login: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """A user that was saved: ``name`` to be shown, ``back`` if a removed one got the archive back."""

    key: str
    name: str
    back: bool = False


class Mark(Enum):
    """What a line of an import, or of a synchronisation, means."""

    WRONG = "wrong"
    NOTE = "note"
    NEW = "new"
    BACK = "back"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A line of what an import would do."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class ImportView:
    """What importing a file would do. ``rows`` are made when they are looked at; ``plan`` is for the gateway only.

    ``wrong`` counts what must be corrected first: then nothing is imported. ``changes`` counts users.
    """

    file: str
    counts: tuple[str, ...]
    wrong: int
    changes: int
    rows: Sequence[ImportRow]
    plan: Any


class Users(Protocol):
    """Whose mail is archived. Every method may raise ``Refused``."""

    async def version(self) -> str:
        """A text that is another one after any change of a user."""

    async def count(self, contains: str) -> int:
        """How many users there are with ``contains`` in name, full name, login or an address."""

    async def archivable(self) -> int:
        """How many have an e-mail address and are not disabled."""

    async def page(self, contains: str, offset: int, limit: int) -> Sequence[UserRow]:
        """Some of them, in the order of their names."""

    async def position(self, contains: str, key: str) -> int:
        """How many of them stand before the one with this key."""

    async def of_address(self, address: str) -> UserRow | None:
        """Whose address it is."""

    async def find(self, key: str) -> UserRow:
        """The user with this true name."""

    async def draft(self, key: str) -> UserDraft:
        """The user with this true name, to be changed."""

    async def problems(self, draft: UserDraft) -> Mapping[str, str]:
        """What is wrong, by field: ``name``, ``full_name``, ``addresses``, ``login``."""

    async def save(self, draft: UserDraft) -> Saved:
        """Add or change a user."""

    async def remove(self, key: str) -> None:
        """Take a user from the list; the archive stays."""

    async def plan_import(self, path: str) -> ImportView:
        """What importing a CSV file would do; changes nothing."""

    async def carry_out(self, view: ImportView) -> str:
        """Do it, all or nothing; what was done, in a sentence."""
