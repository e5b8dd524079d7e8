"""The directory of users: its settings, and synchronisation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import last_attempt, saved_directory, saved_profiles
from core.archive.registry.last_attempt import Attempt, AttemptOutcome
from core.directory.difference import Conflict, UserChange, UserChangeKind
from core.directory.group_notes import GroupNote
from core.directory.people import connection_test, steps
from core.engine.examine import directory_sync
from core.engine.examine.directory_sync import SyncResult, Unsaved
from core.errors import InputError
from core.model import now
from core.problems import console
from core.profiles import directory
from core.profiles.directory import LeaverPolicy
from core.profiles.schema import forms
from core.profiles.schema.directories import DIRECTORIES, account
from core.profiles.schema.faults import FieldError
from core.secrets import Secret
from core.text import format as texts
from core.trial import STEP_NAMES
from tui.desk import face, present, trial
from tui.desk.face import CONSOLE
from tui.desk.present import BLANK, Safe
from tui.desk.refusals import translated
from tui.desk.trial import StepRow
from tui.desk.users.users import ImportRow, Mark


@dataclass(slots=True)
class DirectoryDraft:
    """The settings being edited. ``fields`` are those of the directory file (``core.profiles.schema``).

    ``definition`` is the saved one they were read from, empty for none; ``kept``: a password is stored for them.
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
    """The plan of a synchronisation, or (``done``) its result. ``rows`` are made on access; ``changes`` counts users.

    ``sentence`` has the numbers; ``withheld`` is the reason why users who left stay, when too many would be removed: ``kept``
    are the first of their names, ``kept_count`` their number, ``fate`` the withheld change. ``plan`` is for the desk only.
    """

    counts: tuple[Safe, ...]
    sentence: Safe
    changes: int
    rows: Sequence[ImportRow]
    withheld: Safe = BLANK
    kept: tuple[Safe, ...] = ()
    kept_count: int = 0
    fate: Safe = BLANK
    plan: Any = None
    done: bool = False


_WHO = "console"
#: The most urgent ones first.
_MARKS = {
    UserChangeKind.REMOVED: Mark.GONE,
    UserChangeKind.DISABLED: Mark.GONE,
    UserChangeKind.BACK: Mark.BACK,
    UserChangeKind.ADOPTED: Mark.CHANGED,
    UserChangeKind.CHANGED: Mark.CHANGED,
    UserChangeKind.CREATED: Mark.NEW,
}
_WITHHELD = "If they really left: f lets them go. If not, look at filter, groups and base DN, and at the directory."
#: Names of users who would go, listed one by one.
_NAMED = 8
#: Notes on groups that a test shows.
_NOTES = 3


class DirectoryDesk:
    """The directory of users. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def is_set_up(self) -> bool:
        """True when there are settings."""
        with translated():
            return await saved_directory.load(self._archive) is not None

    async def draft(self) -> DirectoryDraft:
        """The settings, or those of a new form."""
        with translated():
            saved = await saved_directory.load(self._archive)
            if saved is None:
                return DirectoryDraft(forms.new(DIRECTORIES))
            kept = bool(saved.username) and await saved_directory.has_password(self._archive, saved)
        return DirectoryDraft(forms.filled(DIRECTORIES, saved), definition=saved.as_json(), kept=kept)

    async def last(self) -> Safe:
        """The last synchronisation, and failures since: a line each, empty for none."""
        with translated():
            last = await saved_directory.last_sync(self._archive)
            attempt = await last_attempt.last(self._archive)
        failed = trouble(attempt, now()) if attempt else ""
        failed = f"! {failed}" if failed else ""
        if last is None:
            return present.sentence(failed)
        synced = last[1].counts
        counts = [f"{texts.number(synced[what.value])} {what.value}" for what in UserChangeKind if synced.get(what.value)]
        when = texts.when(datetime.fromisoformat(last[0]), now())
        done = f"Last synchronised {when}: {', '.join(counts) or 'nothing was changed'}."
        return present.joined("\n", filter(None, map(present.sentence, (done, failed))))

    # The form ------------------------------------------------------------------------------------------------------------

    def applies(self, name: str, fields: Mapping[str, object]) -> bool:
        """True when this field has a meaning beside the others."""
        return forms.applies(DIRECTORIES, name, fields)

    def serves(self, draft: DirectoryDraft, fields: Mapping[str, object]) -> bool:
        """True when the stored password fits these fields: the same account and server, a connection no less protected."""
        if not draft.kept:
            return False
        try:
            return directory.from_json(draft.definition).same_account(account(fields))
        except InputError:
            return False

    def changed(self, draft: DirectoryDraft) -> bool:
        """True when something is not saved."""
        if draft.password:
            return True
        try:
            return forms.made(DIRECTORIES, draft.fields).as_json() != draft.definition
        except InputError:
            return True

    async def problems(self, draft: DirectoryDraft) -> Mapping[str, Safe]:
        """The faults by field, also of ``login.password``."""
        fields = _fields(draft)
        found = {name: present.text(fault.beside(CONSOLE), 400) for name, fault in forms.problems(DIRECTORIES, fields).items()}
        if draft.password:
            if not str(fields.get("login.username") or "").strip():
                found["login.username"] = present.own("Say whose password it is, or leave the password out.")
        elif not found.keys() & {"server.host", "server.port", "server.ca_file", "login.username"}:
            with translated():
                if not await saved_directory.has_password(self._archive, account(fields)):
                    found["login.password"] = (
                        present.own("The server, the account or the encryption is another one now, so the password is needed.")
                        if draft.kept
                        else present.own("The password is needed.")
                    )
        return found

    # Trying --------------------------------------------------------------------------------------------------------------

    def steps(self, draft: DirectoryDraft) -> Sequence[StepRow]:
        """The steps of the test, none of them done."""
        with translated():
            return trial.waiting(steps(_complete(draft)))

    async def test(self, draft: DirectoryDraft, tick: Callable[[StepRow], None]) -> bool:
        """Test the settings; ``tick`` gets each result. True for success. Can be cancelled."""
        with translated():
            settings = _complete(draft)
            secret = await self._password(draft, settings)
            notes: list[GroupNote] = []
            found, _ = await connection_test(settings, secret, lambda step: tick(trial.row(step)), notes.append)
        if notes:
            tick(replace(trial.row(found[-1]), hint=present.text(_lacking(notes), 500)))
        return all(step.ok for step in found)

    async def plan(self, draft: DirectoryDraft, tell: Callable[[Safe], None]) -> SyncView:
        """The plan of a synchronisation by these settings. ``tell`` gets the progress. Can be cancelled."""
        with translated():
            settings = _complete(draft)
            secret = await self._password(draft, settings)
            result = await directory_sync.plan(self._archive, settings, secret, _telling(tell))
        return _view(result, settings.left)

    async def synchronise(
        self,
        draft: DirectoryDraft,
        tell: Callable[[Safe], None],
        save: Callable[[], Awaitable[object]],
        agreed: SyncView | None = None,
    ) -> SyncView:
        """Synchronise users with the directory by these settings.

        Unsaved settings are saved by ``save`` once the directory has answered: if it does not, nothing changes. ``agreed``: the
        users whom that view kept may go; if others would go as well, none does.
        """
        going = agreed.plan if agreed else frozenset()
        unsaved: Unsaved | None = None
        with translated():
            if self.changed(draft):
                settings = _complete(draft)
                unsaved = Unsaved(settings, await self._password(draft, settings), save)
            else:
                settings = await saved_directory.find(self._archive)
            report = _telling(tell)
            result = await directory_sync.sync(self._archive, agreed=going, asked_by=_WHO, report=report, unsaved=unsaved)
        return _view(result, settings.left)

    async def _password(self, draft: DirectoryDraft, settings: directory.Directory) -> Secret:
        """The typed password, or the stored one if it is for this very account."""
        if draft.password:
            return draft.password
        if not await saved_directory.has_password(self._archive, settings):
            raise InputError(console.NO_DIRECTORY_PASSWORD())
        return await saved_directory.password(self._archive, settings)

    # Saving --------------------------------------------------------------------------------------------------------------

    async def save(self, draft: DirectoryDraft) -> DirectoryDraft:
        """Save the settings, and a typed password; the saved settings."""
        with translated():
            settings = forms.made(DIRECTORIES, _fields(draft))
            if settings.password_file:
                # Read now, so that an empty or unreadable file is found here and not at night.
                saved_profiles.read_password(Path(settings.password_file))
            password = draft.password if draft.password else None
            await saved_directory.save(self._archive, settings, password, actor=_WHO, expected=draft.definition)
        return await self.draft()

    async def remove(self) -> None:
        """Remove settings and password; users stay as they are."""
        with translated():
            await saved_directory.remove(self._archive, actor=_WHO)


def trouble(attempt: Attempt, moment: datetime) -> str:
    """The failure of the last synchronisation in a sentence; empty for none."""
    if attempt.outcome is AttemptOutcome.DONE:
        return ""
    when = texts.when(attempt.at, moment) + (f", before {attempt.asked_by}" if attempt.of_run else "")
    why = face.told(attempt.why) if attempt.why is not None else ""
    if attempt.outcome is AttemptOutcome.FAILED:
        return present.text(f"Users could not be synchronised ({when}): {why}", 380)
    return present.text(f"Users were synchronised ({when}), but for those who left: {why}", 380)


class _Rows(Sequence[ImportRow]):
    """The lines of a synchronisation, each made on access: there may be a hundred thousand."""

    def __init__(self, result: SyncResult) -> None:
        found = result.difference
        going = {change.after.id for change in found.changes}
        stay = [user.name for user in found.left if user.id not in going]
        self._rows: list[tuple[Mark, UserChange | Conflict | str]] = [
            *([(Mark.WRONG, f"{face.sentence(found.withheld)} {_WITHHELD}")] if found.withheld else []),
            *((Mark.WRONG, conflict) for conflict in found.conflicts),
            *((Mark.WRONG, face.sentence(one.reason)) for one in result.groups),
            *((Mark.NOTE, face.sentence(one)) for one in result.warnings),
            *((Mark.NOTE, face.sentence(one)) for one in found.notes),
            *((mark, change) for what, mark in _MARKS.items() for change in found.of(what)),
            *((Mark.NOTE, f"{name}: no longer in the directory, stays as it is") for name in stay),
        ]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> ImportRow:  # type: ignore[override]
        mark, one = self._rows[index]
        text = one if isinstance(one, str) else one.sentence() if isinstance(one, UserChange) else one.told(CONSOLE)
        return ImportRow(mark, present.text(text, 1000))


def _lacking(notes: Sequence[GroupNote]) -> str:
    """Gaps in groups, shortened to the available room; the preview of changes shows all."""
    more = f" {present.count(len(notes) - _NOTES, 'more note')} under what would change." if len(notes) > _NOTES else ""
    return " ".join(present.text(face.sentence(one.reason), 150) for one in notes[:_NOTES]) + more


def _view(result: SyncResult, left: LeaverPolicy) -> SyncView:
    found = result.difference
    counts = found.counts()
    shown = [present.sentence(f"{texts.number(counts[name])} {name}") for name in (*UserChangeKind, "left") if counts[name]]
    if counts["conflicts"]:
        shown.append(present.sentence(present.count(counts["conflicts"], "conflict")))
    return SyncView(
        counts=(*shown, present.sentence(f"{texts.number(found.unchanged)} unchanged")),
        sentence=present.text(result.sentence(), 400),
        changes=len(found.changes),
        rows=_Rows(result),
        withheld=present.text(face.sentence(found.withheld), 400) if found.withheld else BLANK,
        kept=tuple(present.text(user.name, 40) for user in found.kept[:_NAMED]),
        kept_count=len(found.kept),
        fate=present.own("disabled") if left is LeaverPolicy.DISABLE else present.own("removed from the list"),
        plan=frozenset(user.id for user in found.kept),
        done=result.done,
    )


def _telling(tell: Callable[[Safe], None]) -> Callable[[str, str], None]:
    return lambda step, text: tell(present.text(f"{STEP_NAMES.get(step, step)}: {text}" if text else STEP_NAMES[step], 200))


def _fields(draft: DirectoryDraft) -> dict[str, object]:
    """The fields without the file that a password was read from, when another one was typed."""
    gone = "login.password_file" if draft.password else ""
    return {name: value for name, value in draft.fields.items() if name != gone}


def _complete(draft: DirectoryDraft) -> directory.Directory:
    """The draft as settings that can be tried. Raises ``InputError`` naming the missing field."""
    try:
        return forms.made(DIRECTORIES, _fields(draft))
    except FieldError as error:
        raise InputError(console.DIRECTORY_NOT_TRIED(field=f"directory.{error.field}")) from error
