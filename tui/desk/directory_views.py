"""The directory that users come from, as the console shows and changes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.secrets import Secret
from tui.desk.people_views import ImportRow
from tui.desk.profile_views import StepRow

__all__ = ["Directory", "DirectoryDraft", "Secret", "SyncView"]


@dataclass(slots=True)
class DirectoryDraft:
    """The settings while they are made. ``fields`` are those of the directory file (``core.profiles.directory_form``).

    ``definition`` is what they were when they were read, empty if there were none; ``kept``: a password is kept for them.
    """

    fields: dict[str, Any]
    password: Secret = field(default_factory=lambda: Secret(""))
    definition: dict[str, Any] = field(default_factory=dict)
    kept: bool = False

    @property
    def is_set_up(self) -> bool:
        return bool(self.definition)


@dataclass(frozen=True, slots=True)
class SyncView:
    """What a synchronisation would do, or (``done``) did. ``rows`` are made when they are looked at; ``changes`` counts users.

    ``sentence`` has the numbers; ``withheld`` says why nobody of those who left is disabled or removed, when too many would be:
    ``kept`` are the first of their names, ``kept_count`` how many they are, ``fate`` what they would be. ``plan`` is for the
    gateway only.
    """

    counts: tuple[str, ...]
    sentence: str
    changes: int
    rows: Sequence[ImportRow]
    withheld: str = ""
    kept: tuple[str, ...] = ()
    kept_count: int = 0
    fate: str = ""
    plan: Any = None
    done: bool = False


class Directory(Protocol):
    """Where users come from. Every method may raise ``Refused``."""

    async def is_set_up(self) -> bool:
        """Are there settings?"""

    async def draft(self) -> DirectoryDraft:
        """The settings, or those that a form begins with."""

    async def last(self) -> str:
        """When users were last brought in step with the directory, and what went wrong since: a line each, empty if never."""

    def applies(self, name: str, fields: Mapping[str, Any]) -> bool:
        """Has this field a meaning beside the others?"""

    def serves(self, draft: DirectoryDraft, fields: Mapping[str, Any]) -> bool:
        """Does the kept password serve these fields: the same account, server and protection on the way?"""

    def changed(self, draft: DirectoryDraft) -> bool:
        """Is anything in it that is not saved?"""

    async def problems(self, draft: DirectoryDraft) -> Mapping[str, str]:
        """What is wrong, by field; ``login.password`` too."""

    def steps(self, draft: DirectoryDraft) -> Sequence[StepRow]:
        """The steps of the test, none of them done."""

    async def test(self, draft: DirectoryDraft, tick: Callable[[StepRow], None]) -> bool:
        """Try the settings; ``tick`` is told each step as it is known. Did all go well? Can be cancelled."""

    async def plan(self, draft: DirectoryDraft, tell: Callable[[str], None]) -> SyncView:
        """What a synchronisation by these settings would do. ``tell`` is told how far it is. Can be cancelled."""

    async def synchronise(
        self,
        draft: DirectoryDraft,
        tell: Callable[[str], None],
        save: Callable[[], Awaitable[object]],
        agreed: SyncView | None = None,
    ) -> SyncView:
        """Bring users in step with the directory by these settings.

        What of them is not saved is saved by ``save``, once the directory has answered: if it does not, all is as it was.
        ``agreed``: whom that view kept may go; if others would go as well, nobody does.
        """

    async def save(self, draft: DirectoryDraft) -> DirectoryDraft:
        """Save the settings, and the password if one was typed; the settings as they are now."""

    async def remove(self) -> None:
        """Forget settings and password; users stay as they are."""
