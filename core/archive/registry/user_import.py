"""Import of many users at once: the changes that a list would make, and their execution, all or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.store.entries.records import UserSaved
from core.archive.store.ledger import Draft
from core.errors import InputError
from core.model import User
from core.problems import user as problems
from core.problems import user_list
from core.problems.user import ADDRESS_TAKEN
from core.profiles.users_csv import CsvUser, RowFault
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class ImportChange:
    """A user before and after; ``before`` is None for a new one, and removed for a returning one."""

    before: User | None
    after: User

    def sentence(self) -> str:
        """The change in words: ``anna: login "" -> "anna"``."""
        after = self.after
        if self.before is None:
            # At the end, where it is cut if a line is too long.
            whole = f" ({after.full_name})" if after.full_name else ""
            return f"{after.name}: new, {', '.join(after.addresses) or 'no e-mail address'}{whole}"
        parts = [f'{what} "{old}" -> "{new}"' for what, old, new in self._fields(self.before) if old != new]
        if self.before.removed:
            parts.insert(0, "comes back with the archive kept under this name")
        return f"{after.name}: {'; '.join(parts)}"

    def _fields(self, before: User) -> list[tuple[str, str, str]]:
        after = self.after
        return [
            ("addresses", ", ".join(before.addresses), ", ".join(after.addresses)),
            ("login", before.login, after.login),
            ("full name", before.full_name, after.full_name),
        ]

    def as_json(self) -> dict[str, Any]:
        return {"before": self.before.as_json() if self.before else None, "after": self.after.as_json()}

    @property
    def essence(self) -> tuple[User | None, User]:
        """The change without the id of a new user, which is drawn anew each time."""
        return self.before, self.after if self.before else replace(self.after, id="")


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The changes that importing ``rows`` would make. Nothing is done while there are ``conflicts``."""

    rows: tuple[CsvUser, ...]
    new: tuple[ImportChange, ...]
    back: tuple[ImportChange, ...]
    changed: tuple[ImportChange, ...]
    unchanged: int
    conflicts: tuple[RowFault, ...]

    @property
    def changes(self) -> tuple[ImportChange, ...]:
        return (*self.new, *self.back, *self.changed)


async def plan(archive: Archive, rows: Sequence[CsvUser]) -> ImportPlan:
    """Plan the import of ``rows`` against the present users; writes nothing."""
    everybody = await users.all_users(archive, removed=True)
    by_name = {user.name.casefold(): user for user in everybody}
    new: list[ImportChange] = []
    back: list[ImportChange] = []
    changed: list[ImportChange] = []
    unchanged = 0
    names: dict[str, int] = {}
    lines: dict[str, int] = {}
    twice: list[RowFault] = []
    result = {user.id: user for user in everybody}
    for row in rows:
        if (first := names.setdefault(row.name.casefold(), row.line)) != row.line:
            twice.append(RowFault(row.line, user_list.NAME_TWICE(name=row.name, first=first)))
            continue
        before = by_name.get(row.name.casefold())
        after = _after(before, row)
        result[after.id] = after
        lines[after.id] = row.line
        if before is None:
            new.append(ImportChange(None, after))
        elif before.removed:
            back.append(ImportChange(before, after))
        elif after != before:
            changed.append(ImportChange(before, after))
        else:
            unchanged += 1
    conflicts = (*twice, *_conflicts(list(result.values()), lines))
    return ImportPlan(tuple(rows), tuple(new), tuple(back), tuple(changed), unchanged, conflicts)


def _after(before: User | None, row: CsvUser) -> User:
    user = before or User(uuid.uuid4().hex[:12], row.name)
    if user.removed:
        # Otherwise the next synchronisation would remove again a user who left the directory.
        user = user.by_hand()
    return replace(
        user,
        addresses=user.addresses if row.addresses is None else row.addresses,
        login=user.login if row.login is None else row.login,
        full_name=user.full_name if row.full_name is None else row.full_name,
        removed=False,
    )


def _conflicts(everybody: Sequence[User], lines: dict[str, int]) -> tuple[RowFault, ...]:
    """Addresses that two users would have afterwards. ``lines`` are those of the rows, by user id."""
    owners: dict[str, User] = {}
    found: list[RowFault] = []
    # Users who are not in the list come first: they keep their addresses.
    for user in sorted((one for one in everybody if not one.removed), key=lambda user: lines.get(user.id, 0)):
        for address in user.addresses:
            owner = owners.setdefault(address.casefold(), user)
            if owner is not user:
                why = ADDRESS_TAKEN(address=address, user=owner.name)
                found.append(RowFault(lines.get(user.id, 0), why))
    return tuple(found)


async def carry_out(archive: Archive, planned: ImportPlan, actor: str = "archivar") -> None:
    """Carry out a plan, all or nothing. Raises ``InputError`` on conflicts, and when users were changed since."""
    async with archive.changing():
        now = await plan(archive, planned.rows)
        if now.conflicts:
            raise InputError(problems.NOT_IMPORTED(line=now.conflicts[0].line, why=now.conflicts[0].why))
        if [change.essence for change in now.changes] != [change.essence for change in planned.changes]:
            raise InputError(problems.CHANGED())
        if drafts := [Draft(UserSaved(change.after), actor) for change in planned.changes]:
            await archive.append(drafts)
