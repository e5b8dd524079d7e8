"""Draft of a profile, and the values shown on its pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.profiles.folder_choice import FolderChoice
from core.profiles.ownership import OWN, Whose
from core.secrets import Secret as Secret
from tui.desk.present import BLANK, Safe


@dataclass(frozen=True, slots=True)
class Turned:
    """The folder rules before and after a change of the choice, so that undoing it restores them."""

    before: FolderChoice
    now: FolderChoice


@dataclass(slots=True)
class ProfileDraft:
    """A profile being edited. ``fields`` are those of the profile file (``core.profiles.schema``), as form values.

    ``replaces`` is the key of the edited profile, ``definition`` its saved form; ``stored`` of the profile whose stored
    password is used until another is typed. ``try_with`` is the user for tests, folders and previews in a profile for many;
    empty: the first one.
    """

    fields: dict[str, Any]
    password: Secret = field(default_factory=lambda: Secret(""))
    replaces: str = ""
    stored: str = ""
    try_with: str = ""
    run_now: bool = False
    #: The named users of each kind of selection, kept while another is shown.
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
    """A folder of the server. ``path``, ``uses`` and ``whose`` are true values, for the rules only; ``name`` is shown.

    ``note`` is a remark on an archived folder.
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
    """A message of a catch-all mailbox: its description, its destinations, and remarks."""

    subject: Safe
    facts: Safe
    places: tuple[Safe, ...]
    notes: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A profile in words: ``facts`` are labels with sentences; then advice and warnings.

    ``danger`` is the label of the fact on deletion on the server, empty without deletion.
    """

    facts: tuple[tuple[Safe, Safe], ...]
    advice: tuple[Safe, ...]
    warnings: tuple[Safe, ...]
    danger: Safe = BLANK
