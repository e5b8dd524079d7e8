"""Entries that are applied together give the same catalog as one by one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.archive.registry import users
from core.config import Home
from core.db.transaction import Statements
from tests import homes
from tests.homes import message

#: (folder, UIDVALIDITY's folder, messages by number; an odd number has bare line feeds)
_ENTRY = st.tuples(st.sampled_from("abc"), st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(_ENTRY, max_size=3), together=st.lists(_ENTRY, min_size=2, max_size=6))
def test_mail_of_several_folders_in_one_transaction_is_as_if_entry_by_entry(
    first: list[tuple[str, list[int]]], together: list[tuple[str, list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Ids included: shared messages, repeated UIDs and two forms of line ends, before and within the transaction."""
    home = asyncio.run(_filled(tmp_path_factory.mktemp("home") / "home", first, together))
    applied = homes.tables(home)
    homes.rebuild(home)
    assert homes.tables(home) == applied


async def _filled(path: Path, first: list[tuple[str, list[int]]], together: list[tuple[str, list[int]]]) -> Home:
    archive = await homes.begin(path)
    try:
        owner = (await users.find(archive, "alice")).id
        for folder, numbers in first:
            await homes.store(archive, _messages(numbers), folder=folder)
        ready = await archive.writer.prepare([raw for _, numbers in together for raw in _messages(numbers).values()])
        drafts = [homes.archived(_messages(numbers), owner=owner, folder=folder) for folder, numbers in together]
        await archive.append(drafts, ready)
        return archive.home
    finally:
        await archive.close()


async def test_many_entries_take_a_few_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of statements does not grow with the number of folders."""
    calls, counts = 0, []
    for name in ("execute", "many", "read"):
        done = getattr(Statements, name)

        def counted(*arguments: Any, done: Any = done) -> Any:
            nonlocal calls
            calls += 1
            return done(*arguments)

        monkeypatch.setattr(Statements, name, counted)
    archive = await homes.begin(tmp_path / "home")
    try:
        owner = (await users.find(archive, "alice")).id
        for folders in (2, 40):
            drafts = [
                homes.archived({folders * 100 + n: message(folders * 100 + n)}, owner=owner, folder=f"{folders}/{n}")
                for n in range(folders)
            ]
            ready = await archive.writer.prepare([message(folders * 100 + n) for n in range(folders)])
            calls = 0
            await archive.append(drafts, ready)
            counts.append(calls)
        assert 0 < counts[0] == counts[1]
    finally:
        await archive.close()


def _messages(numbers: list[int]) -> dict[int, bytes]:
    raws = {number: message(number // 2) for number in numbers}
    return {number: raw.replace(b"\r\n", b"\n") if number % 2 else raw for number, raw in raws.items()}
