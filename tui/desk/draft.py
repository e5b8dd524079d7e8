"""A profile while it is made, and what the pages on which it is made show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.profiles.folder_choice import FolderChoice
from core.profiles.ownership import OWN, Whose
from core.secrets import Secret as Secret
from tui.desk.present import BLANK, Safe


@dataclass(frozen=True, slots=True)
class Turned:
    """The folder rules before and after the way of choosing was changed, so that changing it back brings the same rules."""

    before: FolderChoice
    now: FolderChoice


@dataclass(slots=True)
class Draft:
    """A profile while it is made. ``fields`` are those of the profile file (``core.profiles.schema``), as a form holds them.

    ``replaces`` is the key of the profile that is changed, ``definition`` what it was when it was read; ``stored`` of the one
    whose kept password serves until another is typed. ``try_with`` names the mailbox that tests, folders and previews use in a
    profile for many; empty: the first user's.
    """

    fields: dict[str, Any]
    password: Secret = field(default_factory=lambda: Secret(""))
    replaces: str = ""
    stored: str = ""
    try_with: str = ""
    run_now: bool = False
    #: Whom each way of choosing users names, while one looks at another.
    lists: dict[str, list[str]] = field(default_factory=dict)
    turned: Turned | None = None
    definition: dict[str, Any] | None = None

    @property
    def many(self) -> bool:
        return bool(self.fields.get("kind") == "mailboxes")

    @property
    def catchall(self) -> bool:
        return bool(self.fields.get("kind") == "catchall")


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder of the server. ``path``, ``uses`` and ``whose`` are its true ones, for the rules only; ``name`` is shown.

    ``note`` says what should be known of a folder that is archived.
    """

    path: str
    uses: tuple[str, ...]
    name: Safe
    depth: int
    messages: Safe
    selectable: bool
    whose: Whose = OWN
    note: Safe = BLANK


@dataclass(frozen=True, slots=True)
class FolderTree:
    """The folders of one mailbox."""

    mailbox: Safe
    rows: tuple[FolderRow, ...]


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """A message of a catch-all mailbox: what it is, the places it would go to, and what else is to be known of it."""

    subject: Safe
    facts: Safe
    places: tuple[Safe, ...]
    notes: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A profile in words: ``facts`` are labels with sentences; then what should be known, and what is not safe.

    ``danger`` is the label of the fact that says what is deleted on the server, empty when nothing is.
    """

    facts: tuple[tuple[Safe, Safe], ...]
    advice: tuple[Safe, ...]
    warnings: tuple[Safe, ...]
    danger: Safe = BLANK
