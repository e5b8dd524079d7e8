"""Questions that the service and the console repeat cost the same in a large archive as in a small one."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.catalog import totals
from core.archive.registry import users
from core.archive.search.search_index import NEAR, Index, bring_up, glance, missing, progress
from core.archive.transfer.import_source import ImportSource, ImportTarget
from core.archive.transfer.importing import import_mail
from core.cli import status
from core.cli.context import context
from core.config import Home
from core.db.database import Database
from core.service.beside import Beside
from core.service.queue import Queue
from core.service.worker import Service
from tests import homes
from tests.homes import change, profile
from tui.desk.desk import Desk
from tui.reloading import Reloading

SMALL, LARGE = 1_000, 20_000
#: Steps of SQLite's machine between two counts.
GRAIN = 50


async def _home(path: Path, count: int) -> Home:
    """An archive whose catalog lists ``count`` messages, unknown addresses of a tenth of them, and as many runs."""
    home = await homes.with_profile(path, profile("127.0.0.1", 1))
    with closing(sqlite3.connect(home.catalog)) as connection:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        connection.create_function("sha", 1, lambda number: int(number).to_bytes(32, "little"))
        connection.execute("INSERT INTO folder (id, owner, path) VALUES (1, (SELECT id FROM user), 'INBOX')")
        connection.execute("INSERT INTO filing VALUES (1, 's', 'i', 'o')")
        connection.execute(
            f"INSERT INTO message {numbers.format(count)} "
            "SELECT i, sha(i), 1, 100, x'', 's', 'f', 't', i, 'm', 0, NULL, NULL, NULL FROM n"
        )
        connection.execute(f"INSERT INTO placement {numbers.format(count)} SELECT i, i, 1, 2, NULL, i FROM n")
        few = numbers.format(count // 10)
        connection.execute(
            f"INSERT INTO unknown_address {few} SELECT i, 'u' || i || '@example.test', 'example.test', 1, 2, 2, 1 FROM n"
        )
        connection.execute(f"INSERT INTO unknown_message {few} SELECT i, i, 0, 1, NULL, NULL FROM n")
        connection.execute(
            f"INSERT INTO run (profile, status, requested, finished, brief) {few} "
            "SELECT 'Test', 'succeeded', '2024-01-01T00:00:00Z', '2024-01-01T00:00:01Z', '{}' FROM n"
        )
        connection.commit()
    return home


@dataclass(frozen=True)
class Cost:
    """The steps of SQLite's machine, in units of ``GRAIN``, and the statements whose rows it counts without steps."""

    steps: int
    counting: tuple[str, ...]


async def _cost(archive: Archive, work: Callable[[], Awaitable[object]]) -> dict[str, Cost]:
    """The cost of each statement on the catalog during ``work``, by its text."""
    found: dict[str, Cost] = {}
    taken = [0]
    read = Database.read

    async def counted(self: Database, sql: str, parameters: Any = ()) -> list[Any]:
        before = taken[0]
        rows = await read(self, sql, parameters)
        if self is archive.database and not sql.startswith(("BEGIN", "COMMIT", "PRAGMA")):
            program = await read(self, f"EXPLAIN {sql}", parameters)
            counting = tuple(str(step[1]) for step in program if step[1] == "Count")
            found[sql] = Cost(max(taken[0] - before, found[sql].steps if sql in found else 0), counting)
        return rows

    def step() -> None:
        taken[0] += 1

    await archive.database._connection.set_progress_handler(step, GRAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "read", counted)
        await work()
    await archive.database._connection.set_progress_handler(None, GRAIN)  # type: ignore[arg-type]
    return found


async def _service(archive: Archive) -> None:
    """Questions of the service while a run is active, and the index is behind."""
    service = Service(archive, until_idle=False)
    service._beside = Beside(archive)
    service._beside.indexing._patience.is_over(busy=False)
    service._tasks[0] = asyncio.get_running_loop().create_future()  # type: ignore[assignment]
    assert await service._look()
    assert service._beside.indexing._behind


async def _on_desk(archive: Archive, work: Callable[[Desk], Awaitable[object]]) -> None:
    desk = Desk(archive)
    # As if a service were being started.
    desk._starting = asyncio.get_running_loop().create_future()  # type: ignore[assignment]
    desk._watch._unknown = (int(await archive.database.value("SELECT seq FROM applied")), [])
    await work(desk)


async def _status(archive: Archive) -> None:
    @asynccontextmanager
    async def opened(**_: object) -> AsyncIterator[Archive]:
        yield archive

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "home", archive.home.path)
        patch.setattr(context, "archive", opened)
        assert (await status._look()).messages


ASKED: dict[str, Callable[[Archive], Awaitable[object]]] = {
    "service": _service,
    "home": lambda archive: _on_desk(archive, lambda desk: desk.home()),
    "profile": lambda archive: _on_desk(archive, lambda desk: desk.profile("Test")),
    "proof": lambda archive: _on_desk(archive, lambda desk: desk.proof.view()),
    "search": lambda archive: _on_desk(archive, lambda desk: desk.search.progress()),
    "status": _status,
    "index": glance,
}


@pytest.fixture(scope="module")
def homes_of_two_sizes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Home]:
    folder = tmp_path_factory.mktemp("sizes")
    small, large = (asyncio.run(_home(folder / str(count), count)) for count in (SMALL, LARGE))
    return small, large


@pytest.mark.parametrize("name", ASKED)
async def test_a_question_costs_the_same_at_any_size(name: str, homes_of_two_sizes: tuple[Home, Home]) -> None:
    costs = []
    for home in homes_of_two_sizes:
        archive = await Archive.open(home)
        try:
            # As the service does now and then.
            await totals.keep(archive.database)
            costs.append(await _cost(archive, partial(ASKED[name], archive)))
        finally:
            await archive.close()
    small, large = costs
    assert large
    assert {sql: cost for sql, cost in large.items() if cost.steps > small[sql].steps + 2 or cost.counting} == {}


async def test_what_is_missing_in_the_index_is_counted_one_by_one_only_near_its_end(tmp_path: Path) -> None:
    home = await _home(tmp_path / "home", NEAR + 20)
    change(home.catalog, "UPDATE message SET twin_of = 1 WHERE id = 2 OR id > 510")
    archive = await Archive.open(home)
    try:
        assert [await missing(archive.database, reached) for reached in (0, 1, 20, 509, 510, 520, 9_999)] == [
            *(NEAR - 1 + 20, NEAR - 1 + 19, NEAR - 10, 1, 0, 0, 0),
        ]
    finally:
        await archive.close()


async def test_messages_that_need_no_place_in_the_index_are_passed_over_for_good(tmp_path: Path) -> None:
    """Other forms of messages are in no index: a look that finds nothing else does not look at them again."""
    archive = await homes.begin(tmp_path / "home")
    mail = {number: homes.message(number) for number in range(1, 6)}
    await homes.store(archive, mail)
    source = tmp_path / "mail"
    source.mkdir()
    for number, raw in mail.items():
        (source / f"{number}.eml").write_bytes(raw.replace(b"\r\n", b"\n"))
    await import_mail(archive, ImportSource(source), ImportTarget(await users.find(archive, "alice"), "Old"))
    assert len(homes.rows(archive.home.catalog, "SELECT 1 FROM message WHERE twin_of IS NOT NULL")) == 5
    assert await bring_up(archive) == 5
    assert await progress(archive) == (10, 0)
    await homes.store(archive, {6: homes.message(6)})
    assert await bring_up(archive) == 1
    index = await Index.open(archive)
    try:
        assert await index.reached() == 11, "the index was taken for another archive's"
    finally:
        await index.close()
        await archive.close()


async def test_totals_are_those_of_all_messages_whatever_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "FEW", 10)
    monkeypatch.setattr(totals, "MOST", 40)
    home = await _home(tmp_path / "home", 100)
    change(home.catalog, "DELETE FROM message WHERE id BETWEEN 35 AND 85")
    archive = await Archive.open(home)
    try:
        for _ in range(4):
            assert (await totals.of(archive.database)).messages == 49
            assert (await totals.of(archive.database)).bytes == 4900
            await totals.keep(archive.database)
        assert (await totals._kept(archive.database)).id == 100
        await homes.store(archive, {1: homes.message(1)})
        size = len(homes.message(1))
        assert await totals.of(archive.database) == totals.Totals(101, 50, 4900 + size)
        await archive.rebuild()
        assert await totals.of(archive.database) == totals.Totals(1, 1, size)
    finally:
        await archive.close()


async def test_the_last_run_of_each_profile_is_found_in_the_index(tmp_path: Path) -> None:
    """Dry runs do not count, and a profile has one last run however its name is written."""
    home = await homes.with_profile(tmp_path / "home")
    change(
        home.catalog,
        "INSERT INTO run (profile, status, requested, dry_run) VALUES "
        + ", ".join(
            f"('{name}', 'succeeded', '2024-01-01T00:00:00Z', {dry})"
            for name, dry in (("b", 0), ("a", 0), ("B", 0), ("a", 1), ("only dry", 1), ("z", 0))
        ),
        "INSERT INTO run (profile, status, requested) VALUES ('a', 'queued', '2024-01-01T00:00:00Z')",
    )
    archive = await Archive.open(home)
    try:
        queue = Queue(archive.database)
        assert {name: run.id for name, run in (await queue.latest()).items()} == {"B": 3, "a": 7, "z": 6}
        assert {name: run.id for name, run in (await queue.latest("b")).items()} == {"B": 3}
        assert await queue.latest("only dry") == await queue.latest("none") == {}
        assert [name.lower() for name in await queue.profiles()] == ["a", "b", "only dry", "z"]
        assert [run.id for run in await queue.active()] == [7]
    finally:
        await archive.close()


def test_a_place_that_takes_long_to_load_is_loaded_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    when = Reloading(0.5)
    for took, after in ((0.001, 0.5), (0.4, 8.0), (60.0, 10.0), (0.001, 0.5)):
        with when.loading():
            now[0] += took
        begun = now[0]
        while not when.is_due(changed=True, restless=True):
            now[0] += 0.01
        assert now[0] - begun == pytest.approx(after, abs=0.02)
    with when.loading():
        pass
    now[0] += 4.9
    assert not when.is_due(changed=False, restless=False)
    assert when.is_due(changed=False, restless=True)
