"""What the pages on which a profile is made and changed are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.profiles.folder_choice import FolderChoice
from core.profiles.ownership import OWN, Whose
from core.secrets import Secret
from tui.desk.views import State

__all__ = ["Draft", "ExampleRow", "FolderRow", "FolderTree", "Profiles", "Secret", "StepRow", "Summary", "Turned"]


@dataclass(frozen=True, slots=True)
class Turned:
    """The folder rules before and after the way of choosing was changed, so that changing it back brings the same rules."""

    before: FolderChoice
    now: FolderChoice


@dataclass(slots=True)
class Draft:
    """A profile while it is made. ``fields`` are those of the profile file (``core.profiles.form``), as a form holds them.

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
class StepRow:
    """A step of the connection test, with what the server said and what to do."""

    key: str
    name: str
    state: State
    text: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder of the server. ``path``, ``uses`` and ``whose`` are its true ones, for the rules only; ``name`` is shown.

    ``note`` says what should be known of a folder that is archived.
    """

    path: str
    uses: tuple[str, ...]
    name: str
    depth: int
    messages: str
    selectable: bool
    whose: Whose = OWN
    note: str = ""


@dataclass(frozen=True, slots=True)
class FolderTree:
    """The folders of one mailbox."""

    mailbox: str
    rows: tuple[FolderRow, ...]


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """A message of a catch-all mailbox: what it is, the places it would go to, and what else is to be known of it."""

    subject: str
    facts: str
    places: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A profile in words: ``facts`` are labels with sentences; then what should be known, and what is not safe.

    ``danger`` is the label of the fact that says what is deleted on the server, empty when nothing is.
    """

    facts: tuple[tuple[str, str], ...]
    advice: tuple[str, ...]
    warnings: tuple[str, ...]
    danger: str = ""


class Profiles(Protocol):
    """Making, changing and trying profiles. Every method may raise ``Refused``."""

    async def new(self, kind: str) -> Draft:
        """An empty draft with the defaults of a kind."""

    async def edit(self, key: str) -> Draft:
        """A draft of a saved profile; its password stays where it is."""

    async def copy(self, key: str) -> Draft:
        """A draft of a new profile that is like a saved one, and started by hand."""

    def applies(self, name: str, fields: Mapping[str, Any]) -> bool:
        """Has this field a meaning beside the others?"""

    def shown_name(self, draft: Draft) -> str:
        """The draft's name as it may be shown."""

    def rule(self, draft: Draft) -> str:
        """What the deletion rule does, in a sentence."""

    def next_start(self, fields: Mapping[str, Any]) -> str:
        """When a schedule would start next, in words; empty while it is not complete."""

    def automatic(self, draft: Draft) -> bool:
        """Does it start by itself?"""

    def goes_to(self, draft: Draft) -> str:
        """Where the mailbox goes, in a sentence."""

    async def selected(self, draft: Draft) -> str:
        """What the selection of users comes to, in a sentence."""

    def folders_only(self, draft: Draft) -> bool:
        """Are only the named folders archived?"""

    def folder_rules(self, draft: Draft) -> Sequence[str]:
        """The patterns, in lines for people."""

    def folder_reason(self, draft: Draft, row: FolderRow) -> str:
        """Why a folder is not archived; empty when it is."""

    def tick_folder(self, draft: Draft, row: FolderRow, *, below: bool) -> str:
        """Change whether a folder is archived; why that is not possible, or nothing."""

    def choose_folders(self, draft: Draft, tree: FolderTree, *, only: bool) -> bool:
        """From now on only the ticked folders, or all but the unticked; False when none is ticked."""

    def add_pattern(self, draft: Draft, text: str) -> str:
        """One more pattern, ``+`` before it to archive, ``-`` to leave out; what is wrong with it, or nothing."""

    def forget_rules(self, draft: Draft) -> None:
        """Without any pattern."""

    async def problems(self, draft: Draft) -> Mapping[str, str]:
        """What is wrong, by field; ``login.password`` too."""

    def steps(self, draft: Draft) -> Sequence[StepRow]:
        """The steps of the connection test, none of them done."""

    async def test(self, draft: Draft, tick: Callable[[StepRow], None]) -> bool:
        """Try the connection; ``tick`` is told each step as it is known. Did all go well? Can be cancelled."""

    async def folders(self, draft: Draft) -> FolderTree:
        """The folders that the mailbox really has."""

    async def examples(self, draft: Draft) -> Sequence[ExampleRow]:
        """Where messages that are in a catch-all mailbox now would go."""

    async def preview(self, draft: Draft) -> Sequence[str]:
        """What the deletion rule would do in the mailbox now, in sentences."""

    async def deletes_more(self, draft: Draft) -> Sequence[str]:
        """In which ways the draft deletes more than the saved profile that it changes, in sentences."""

    async def probe(self, draft: Draft) -> Sequence[str]:
        """What the server does with deleted mail, tried out in a folder of our own."""

    async def summary(self, draft: Draft) -> Summary:
        """The draft in words."""

    async def save(self, draft: Draft) -> str:
        """Save; the profile's key."""

    async def remove(self, key: str) -> None:
        """Delete a profile; what it archived stays."""
