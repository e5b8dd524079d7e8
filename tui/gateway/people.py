"""Users, in pages: there may be a hundred thousand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from core.archive import users
from core.archive.archive import Archive
from core.errors import InputError
from core.model import User
from tui.gateway import present
from tui.gateway.people_views import UserRow
from tui.gateway.refusals import translated


class People:
    """``Users`` on an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def count(self, contains: str) -> int:
        with translated():
            return await users.count(self._archive, contains=contains)

    async def page(self, contains: str, offset: int, limit: int) -> Sequence[UserRow]:
        with translated():
            found = await users.page(self._archive, contains=contains, offset=offset, limit=limit)
        return [row(user) for user in found]

    async def of_address(self, address: str) -> UserRow | None:
        if not address.strip():
            return None
        try:
            return row(await users.find(self._archive, address.strip()))
        except InputError:
            return None

    async def find(self, key: str) -> UserRow:
        with translated():
            return row(await users.find(self._archive, key))

    async def add(self, name: str, addresses: str, login: str, full_name: str) -> str:
        with translated():
            user, _ = await users.add(
                self._archive, name, separate(addresses), login=login, full_name=full_name, actor="console"
            )
        return user.name

    async def edit(self, key: str, name: str, addresses: str, login: str, full_name: str) -> str:
        with translated():
            user = await users.find(self._archive, key)
            changed = replace(
                user, name=name.strip(), addresses=tuple(separate(addresses)), login=login.strip(), full_name=full_name.strip()
            )
            return (await users.edit(self._archive, changed, actor="console")).name

    async def remove(self, key: str) -> None:
        with translated():
            await users.remove(self._archive, await users.find(self._archive, key), actor="console")


def separate(addresses: str) -> list[str]:
    """Addresses as they are typed: blanks, commas or semicolons between them."""
    return [part for part in re.split(r"[\s,;]+", addresses) if part]


def row(user: User) -> UserRow:
    """A user as it is shown."""
    return UserRow(
        key=user.name,
        keys=user.addresses,
        name=present.text(user.name, 100),
        full_name=present.text(user.full_name, 200),
        login=present.text(user.login, 200),
        addresses=present.text(", ".join(user.addresses), 400),
    )
