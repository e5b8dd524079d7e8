"""Settings: allowed values are taken, others refused by name; a running service applies changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.catalog.settings import DESCRIBED, Settings
from core.archive.registry import saved_settings
from core.config import Home
from core.db.database import Database
from core.errors import InputError
from core.profiles.profile import Server
from core.service.worker import Service
from tests import homes


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


GIVEN = [
    ("theme", "high-contrast", "high-contrast"),
    ("mouse", " ON ", True),
    ("mouse", "no", False),
    ("refresh", "0.25", 0.25),
    ("refresh", "5", 5.0),
    ("connections", "64", 64),
    ("runs", "1", 1),
    ("volume_bytes", "4 GB", 4_000_000_000),
    ("volume_bytes", "64 MiB", 64 * 1024**2),
    ("verify", "OFF", "off"),
    ("verify", " weekly ", "weekly"),
    ("verify", "5 % a day", "5%"),
    ("verify", "100%", "100%"),
]
REFUSED = [
    ("theme", ["", "Dark", "../x", "a b", "x" * 41, "drak", "solarized"]),
    ("mouse", ["", "2", "maybe"]),
    ("refresh", ["0.2", "5.1", "nan", "inf", "fast", "-1", "0_1", "1_0", "٣"]),
    ("connections", ["0", "65", "1.5", "", "٣", "1_0"]),
    ("runs", ["0", "17", "1_0", "０"]),
    ("volume_bytes", ["4", "63 MiB", "65 GiB", "0 GB", "much", "4_0 GB", "٤ GB"]),
    ("verify", ["", "5", "0%", "101%", "-5%", "daily", "yearly", "٣%", "5%%", "1_0%"]),
]


async def test_an_archive_without_settings_has_the_defaults(archive: Archive) -> None:
    """Nothing is stored until something is changed; every setting is described."""
    assert await settings.read(archive.database) == Settings() == settings.glance(archive.home)
    assert (await archive.projection.present((), 1, ())).volume_bytes == 4 * 1024**3
    assert [one.name for one in fields(Settings)] == list(DESCRIBED) == list(Settings().as_json())


@pytest.mark.parametrize(("name", "text", "value"), GIVEN)
async def test_what_is_allowed_is_kept_and_shown_as_it_can_be_given(
    archive: Archive, name: str, text: str, value: object
) -> None:
    """Read back the same by the command line and by the console's glance; what is listed can be set again."""
    changed = await saved_settings.change(archive, name, text)
    assert getattr(changed, name) == value
    assert await settings.read(archive.database) == changed == settings.glance(archive.home)
    assert await saved_settings.change(archive, name, settings.shown(changed)[name]) == changed


@pytest.mark.parametrize(("name", "texts"), REFUSED)
async def test_what_is_not_allowed_is_refused_and_named(archive: Archive, name: str, texts: list[str]) -> None:
    """The setting, the value and what is allowed; the setting stays."""
    for text in texts:
        with pytest.raises(InputError) as error:
            await saved_settings.change(archive, name, text)
        assert error.value.message.startswith(f'{name}: "{text[:40]}')
        assert DESCRIBED[name].allowed in error.value.hint
    with pytest.raises(InputError, match="no setting"):
        await saved_settings.change(archive, "colour", "red")
    assert await settings.read(archive.database) == Settings()


async def test_values_that_cannot_be_read_count_as_not_set(archive: Archive) -> None:
    """Written by another version or by hand: the default holds, the others stay as they are."""
    async with archive.database.transaction() as transaction:
        await transaction.many(
            "INSERT INTO setting VALUES (?, ?)",
            [
                ("runs", "0"),
                ("refresh", "x"),
                ("mouse", b"\xff"),
                ("volume_bytes", "-5"),
                ("future", "1"),
                ("connections", "3"),
            ],
        )
    assert await settings.read(archive.database) == Settings(connections=3) == settings.glance(archive.home)


async def test_volumes_are_sealed_by_the_setting(archive: Archive) -> None:
    """A change holds for the next message that is written."""
    await homes.store(archive, {1: homes.message(1)})
    assert archive.home.volume_numbers() == [1]
    async with archive.database.transaction() as transaction:
        await transaction.execute("INSERT INTO setting VALUES ('volume_bytes', '1000')")
    await homes.store(archive, {2: homes.message(2)})
    assert archive.home.volume_numbers() == [1, 2]


def _everything(home: Home) -> list[str]:
    return sorted(str(path) for path in home.path.rglob("*"))


async def test_a_glance_makes_no_file_and_takes_no_time(tmp_path: Path) -> None:
    """No archive, a closed one, one in use, a log without its index, a damaged one: no trouble, and nothing is made."""
    home = Home(tmp_path / "home")
    assert settings.glance(home) == Settings()
    assert not home.path.exists()
    archive = await homes.begin(home.path)
    await saved_settings.change(archive, "runs", "7")
    before = _everything(home)
    assert (settings.glance(home).runs, _everything(home)) == (7, before)
    copy = Home(tmp_path / "copy")
    copy.path.mkdir()
    for name in ("archive.sqlite", "archive.sqlite-wal"):
        (copy.path / name).write_bytes((home.path / name).read_bytes())
    await archive.close()
    before = _everything(home)
    assert (settings.glance(home).runs, _everything(home)) == (7, before)
    before = _everything(copy)
    settings.glance(copy)
    assert _everything(copy) == before
    home.catalog.write_bytes(os.urandom(5000))
    assert settings.glance(home) == Settings()


async def test_a_glance_does_not_wait_for_a_writer(archive: Archive) -> None:
    """During a write, the earlier values are read."""
    async with archive.database.transaction() as transaction:
        await transaction.execute("INSERT INTO setting VALUES ('runs', '9')")
        assert settings.glance(archive.home) == Settings()


async def test_a_running_service_goes_by_what_another_process_changed(archive: Archive) -> None:
    """Runs at once and connections to a server, at its next look at the queue; unchanged files are not read again."""
    other = await Database.open(archive.home.catalog)
    service = Service(archive, until_idle=True)
    slots = service._limits.slots(Server("mail.example.test"))
    try:
        await service._look()
        assert (service._settings.runs, slots.limit) == (4, 16)
        for name, value in (("runs", "2"), ("connections", "3")):
            async with other.transaction() as transaction:
                await transaction.execute("INSERT INTO setting VALUES (?, ?)", (name, value))
        await service._look()
        assert (service._settings.runs, slots.limit) == (2, 3)
        assert service._limits.slots(Server("other.example.test")).limit == 3
    finally:
        await other.close()


async def test_the_service_starts_no_more_runs_than_the_setting_says(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three waiting runs, one is done while ``runs`` is 1, and all when it is raised."""
    started: list[int] = []
    end = asyncio.Event()

    async def work(self: Service, run: object) -> None:
        started.append(run.id)  # type: ignore[attr-defined]
        await end.wait()

    monkeypatch.setattr(Service, "_work", work)
    await saved_settings.change(archive, "runs", "1")
    service = Service(archive, until_idle=True)
    for name in ("a", "b", "c"):
        async with archive.database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO run (profile, status, requested) VALUES (?, 'queued', '2026-01-01')", (name,)
            )

    async def look() -> list[int]:
        await service._look()
        await asyncio.sleep(0)
        return started

    assert await look() == [1]
    assert await look() == [1]
    other = await Archive.open(archive.home)
    await saved_settings.change(other, "runs", "3")
    await other.close()
    assert await look() == [1, 2, 3]
    end.set()
    await asyncio.wait(service._tasks.values())


async def test_what_is_unknown_is_refused_with_what_may_be_meant(archive: Archive) -> None:
    """A name that is nearly one, and a theme that is none; nothing is kept."""
    for name, value, near in (("refesh", "1", '"refresh"'), ("Theme", "dark", '"theme"'), ("theme", "drak", '"dark"')):
        with pytest.raises(InputError) as refused:
            await saved_settings.change(archive, name, value)
        assert f"Is {near} meant?" in refused.value.hint
    with pytest.raises(InputError, match='There is no setting "x') as refused:
        await saved_settings.change(archive, "x" * 10_000, "1")
    assert "meant" not in refused.value.hint
    assert len(str(refused.value)) < 500
    assert await settings.read(archive.database) == Settings()
