"""Users, in pages: there may be a hundred thousand."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import user_import, users
from core.archive.registry.user_import import ImportChange, ImportPlan
from core.errors import InputError
from core.model import User
from core.problems import disk
from core.profiles import addresses as mail
from core.profiles import people, users_csv
from core.profiles.selection import UserSelection
from core.profiles.users_csv import RowFault, UserList
from core.text.format import number
from tui.desk import present
from tui.desk.face import CONSOLE
from tui.desk.present import Safe
from tui.desk.refusals import translated


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user in a list. ``key`` is the true name and ``keys`` the true addresses, for the desk and for selections only.

    ``from_directory``: comes from the directory; ``disabled``: left it, so that profiles for all users skip this one.
    """

    key: str
    keys: tuple[str, ...]
    name: Safe
    full_name: Safe
    login: Safe
    addresses: Safe
    from_directory: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class UserDraft:
    """A user as a form holds it. ``key`` is the true name of the edited one; empty for a new one.

    ``addresses`` are separated by blanks or commas; the first is the primary one.
    """

    key: str = ""
    name: str = ""
    full_name: str = ""
    addresses: str = ""
    login: str = ""


@dataclass(frozen=True, slots=True)
class SavedUser:
    """A saved user: ``name`` to be shown, ``back`` if a removed one got the archive back."""

    key: str
    name: Safe
    back: bool = False


class Mark(Enum):
    """The meaning of a line of an import, or of a synchronisation."""

    WRONG = "wrong"
    NOTE = "note"
    NEW = "new"
    BACK = "back"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A line in the plan of an import."""

    mark: Mark
    text: Safe


@dataclass(frozen=True, slots=True)
class ImportView:
    """The plan of importing a file. ``rows`` are made on access; ``plan`` is for the desk only.

    ``wrong`` counts faults, with which nothing is imported. ``changes`` counts users.
    """

    file: Safe
    counts: tuple[Safe, ...]
    wrong: int
    changes: int
    rows: Sequence[ImportRow]
    plan: Any


class UsersDesk:
    """The users, owners of archived mail. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def version(self) -> str:
        """A text that differs after any change of any user."""
        with translated():
            return await users.version(self._archive)

    async def count(self, contains: str) -> int:
        """The number of users with ``contains`` in name, full name, login or an address."""
        with translated():
            return await users.count(self._archive, contains=contains)

    async def archivable(self) -> int:
        """The number of users with an e-mail address, without disabled ones."""
        with translated():
            return (await users.chosen(self._archive, UserSelection())).users

    async def page(self, contains: str, offset: int, limit: int) -> Sequence[UserRow]:
        """A page of them, by name."""
        with translated():
            found = await users.page(self._archive, contains=contains, offset=offset, limit=limit)
        return [row(user) for user in found]

    async def position(self, contains: str, key: str) -> int:
        """The number of users before the one with this key."""
        with translated():
            return await users.count(self._archive, contains=contains, before=key)

    async def of_address(self, address: str) -> UserRow | None:
        """The user with this address; None without one."""
        if not address.strip():
            return None
        try:
            return row(await users.find(self._archive, address.strip()))
        except InputError:
            return None

    async def find(self, key: str) -> UserRow:
        """The user with this true name."""
        with translated():
            return row(await users.find(self._archive, key))

    async def draft(self, key: str) -> UserDraft:
        """The user with this true name, for editing."""
        with translated():
            user = await users.find(self._archive, key)
        full_name, login = _typed(user.full_name), _typed(user.login)
        return UserDraft(user.name, _typed(user.name), full_name, ", ".join(map(_typed, user.addresses)), login)

    async def problems(self, draft: UserDraft) -> Mapping[str, Safe]:
        """The faults by field: ``name``, ``full_name``, ``addresses``, ``login``."""
        with translated():
            own = (await users.find(self._archive, draft.key)).id if draft.key else ""
            found = {
                "name": _wrong(people.check_name, draft.name) if draft.name.strip() else "Every user needs a name.",
                "full_name": _wrong(people.check_text, draft.full_name),
                "login": _wrong(people.check_text, draft.login),
                "addresses": next(filter(None, (_wrong(mail.check, one) for one in separate(draft.addresses))), ""),
            }
            if not found["name"] and (other := await self._found(draft.name.strip(), removed=True)) and other.id != own:
                same = other.name.casefold() == draft.name.strip().casefold()
                if same and not other.removed:
                    found["name"] = f"There is a user {present.text(other.name, 100)} already."
                elif same and own:
                    found["name"] = "A removed user's archive is kept under this name. Choose another one."
            for address in separate(draft.addresses) if not found["addresses"] else ():
                other = await self._found(address)
                if other and other.id != own and address.casefold() in map(str.casefold, other.addresses):
                    whose = present.text(other.name, 100)
                    found["addresses"] = f"{present.text(address)} belongs to {whose}; an address belongs to one user only."
                    break
        return {field: present.sentence(text) for field, text in found.items() if text}

    async def _found(self, name: str, *, removed: bool = False) -> User | None:
        try:
            return await users.find(self._archive, name, removed=removed)
        except InputError:
            return None

    async def save(self, draft: UserDraft) -> SavedUser:
        """Add or change a user."""
        emails = separate(draft.addresses)
        with translated():
            if not draft.key:
                user, back = await users.add(
                    self._archive, draft.name, emails, login=draft.login, full_name=draft.full_name, actor="console"
                )
                return SavedUser(user.name, present.text(user.name, 100), back)
            user = replace(
                await users.find(self._archive, draft.key),
                name=draft.name.strip(),
                addresses=tuple(emails),
                login=draft.login.strip(),
                full_name=draft.full_name.strip(),
            )
            user = await users.edit(self._archive, user, actor="console")
            return SavedUser(user.name, present.text(user.name, 100))

    async def remove(self, key: str) -> None:
        """Remove a user; the archive stays."""
        with translated():
            await users.remove(self._archive, await users.find(self._archive, key), actor="console")

    async def plan_import(self, path: str) -> ImportView:
        """The plan of importing a CSV file; changes nothing."""
        with translated():
            listed = await asyncio.to_thread(_read, path)
            plan = await user_import.plan(self._archive, listed.rows)
        wrong = (*listed.faults, *plan.conflicts)
        counts = [
            (len(plan.new), "new"),
            (len(plan.back), "coming back"),
            (len(plan.changed), "changed"),
            (plan.unchanged, "unchanged"),
            (len(wrong), "wrong"),
        ]
        return ImportView(
            file=present.text(os.path.basename(path.strip())),
            counts=tuple(present.sentence(f"{number(count)} {word}") for count, word in counts if count)
            or (present.own("nobody is in it"),),
            wrong=len(wrong),
            changes=len(plan.changes),
            rows=_Rows(listed, plan),
            plan=plan,
        )

    async def carry_out(self, view: ImportView) -> Safe:
        """Carry out an import, all or nothing; the result in a sentence."""
        plan: ImportPlan = view.plan
        with translated():
            await user_import.carry_out(self._archive, plan, "console")
        counts = [(len(plan.new), "added"), (len(plan.back), "came back"), (len(plan.changed), "changed")]
        return present.sentence(f"Users: {', '.join(f'{number(count)} {word}' for count, word in counts if count)}.")


class _Rows(Sequence[ImportRow]):
    """The lines of an import, each made on access: there may be two hundred thousand."""

    def __init__(self, listed: UserList, plan: ImportPlan) -> None:
        notes = [f'The column "{name}" means nothing here and is left out.' for name in listed.ignored]
        wrong = sorted((*listed.faults, *plan.conflicts), key=lambda fault: fault.line)
        kinds: list[tuple[Mark, Sequence[RowFault | ImportChange | str]]] = [
            (Mark.WRONG, wrong),
            (Mark.NOTE, notes),
            (Mark.BACK, plan.back),
            (Mark.CHANGED, plan.changed),
            (Mark.NEW, plan.new),
        ]
        self._rows = [(mark, one) for mark, ones in kinds for one in ones]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> ImportRow:  # type: ignore[override]
        mark, one = self._rows[index]
        text = one if isinstance(one, str) else one.sentence() if isinstance(one, ImportChange) else one.told(CONSOLE)
        return ImportRow(mark, present.text(text, 1000))


def _read(path: str) -> UserList:
    try:
        file = Path(path.strip()).expanduser()
        with file.open("rb") as opened:
            return users_csv.read(opened.read(users_csv.MOST_BYTES + 1))
    except (ValueError, RuntimeError) as error:
        raise InputError(disk.NO_NAME(path=path)) from error
    except OSError as error:
        raise InputError(disk.UNREAD(path=path, said=str(error.strerror))) from error


def _wrong(check: Callable[[str], str], text: str) -> str:
    try:
        check(text)
    except InputError as error:
        return present.text(str(error))
    return ""


def _typed(text: str) -> str:
    """``text`` for a text field: the true one, unless that could affect the terminal."""
    return text if text.isprintable() else present.text(text)


def separate(addresses: str) -> list[str]:
    """Typed addresses, separated by blanks, commas or semicolons."""
    return [part for part in re.split(r"[\s,;]+", addresses) if part]


def row(user: User) -> UserRow:
    """A user for display."""
    return UserRow(
        key=user.name,
        keys=user.addresses,
        name=present.text(user.name, 100),
        full_name=present.text(user.full_name, 200),
        login=present.text(user.login, 200),
        addresses=present.text(", ".join(user.addresses), 400),
        from_directory=bool(user.directory_id),
        disabled=user.disabled,
    )
