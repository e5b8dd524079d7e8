"""Scheduled backups: by the service, in turn, verified, and told when they fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_settings
from core.archive.transfer import backup_plan, backup_work, generations
from core.archive.transfer.backup_plan import BackupOutcome
from core.config import Home
from core.db import kept
from core.errors import InputError, StorageError
from core.model import now
from core.problems import backup as problems
from core.service.alarms.alarm import AlarmRule
from core.service.alarms.watch import Runs, Watch
from tests import backups, homes
from tests.homes import message
from tests.services import StartService, service

__all__ = ["service"]


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive with sealed volumes and a place for backups."""
    archive = await backups.filled(tmp_path / "home")
    await saved_settings.change(archive, "backup_to", str(tmp_path / "copies"))
    yield archive
    await archive.close()


async def alarms(archive: Archive) -> list[str]:
    seen = await Watch(archive).look(Runs([], {}, {}, []))
    return [one.reason.code.word for one in seen.alarms if one.rule is AlarmRule.BACKUP]


async def planned(archive: Archive, plan: dict[str, str]) -> None:
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, backup_plan.PLANNED, json.dumps(plan))


async def due_now(archive: Archive) -> None:
    """Let the planned backup be due since an hour."""
    await backup_plan.look(archive, now())
    state = await backup_plan.state(archive)
    plan = {"to": state.place, "every": state.every, "next": (now() - timedelta(hours=1)).isoformat()}
    await planned(archive, plan)


async def test_generations_take_turns_and_each_is_a_whole_backup(archive: Archive, tmp_path: Path) -> None:
    """A broken-off one is continued, missing ones are begun, then the oldest is brought up to date."""
    await saved_settings.change(archive, "backup_keep", "3")
    made = []
    for number in range(5):
        await homes.store(archive, {100 + number: message(100 + number)})
        backup = await backup_work.make(archive, actor="test")
        assert (backup.done.damaged, backup.verdict.findings) == ([], [])
        ended = (await backup_plan.state(archive)).ended
        assert ended is not None
        assert ended.at.replace(microsecond=0) == backup.end.at.replace(microsecond=0)
        assert ended.outcome is BackupOutcome.MADE
        made.append(Path(ended.directory).name)
    assert made == ["generation-1", "generation-2", "generation-3", "generation-1", "generation-2"]
    for folder in generations.folders(tmp_path / "copies", 3):
        assert await backups.findings(Home(folder)) == []
    note = Home(tmp_path / "copies" / "generation-2").backup_note
    note.write_text(json.dumps(json.loads(note.read_text()) | {"complete": None}))
    assert generations.following(tmp_path / "copies", 3) == note.parent


async def test_a_backup_in_the_place_itself_is_not_overgrown_by_generations(archive: Archive) -> None:
    await backup_work.make(archive, actor="test")
    await saved_settings.change(archive, "backup_keep", "2")
    with pytest.raises(InputError) as refused:
        await backup_work.make(archive, actor="test")
    assert refused.value.reason.code == problems.ONE_GENERATION
    assert await alarms(archive) == ["last-backup-failed"]


async def test_backups_that_have_gone_with_their_disk_are_not_begun_anew_in_silence(archive: Archive, tmp_path: Path) -> None:
    """The folder in which a disk is mounted is there without the disk too."""
    await backup_work.make(archive, actor="test")
    assert await alarms(archive) == []
    (tmp_path / "copies").rename(tmp_path / "unmounted")
    (tmp_path / "copies").mkdir(mode=0o700)
    with pytest.raises(StorageError) as refused:
        await backup_work.make(archive, actor="test")
    assert refused.value.reason.code == problems.VANISHED
    assert list((tmp_path / "copies").iterdir()) == []
    assert await alarms(archive) == ["last-backup-failed"]
    (tmp_path / "copies").rmdir()
    (tmp_path / "unmounted").rename(tmp_path / "copies")
    await backup_work.make(archive, actor="test")
    assert await alarms(archive) == []


async def test_a_copy_that_is_damaged_is_told(archive: Archive, tmp_path: Path) -> None:
    """Its sealed volumes are not copied again, so only a verification finds that."""
    await backup_work.make(archive, actor="test")
    volume = Home(tmp_path / "copies").volume(1)
    content = bytearray(volume.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    volume.write_bytes(content)
    assert (await backup_work.make(archive, actor="test")).verdict.findings
    assert await alarms(archive) == ["backup-damaged"]


async def test_a_backup_is_due_by_its_schedule_and_after_a_failure_within_the_hour(archive: Archive, tmp_path: Path) -> None:
    state = await backup_plan.state(archive)
    assert state.due is not None
    assert now() < state.due <= now() + timedelta(days=1, hours=2)
    assert not await backup_plan.look(archive, now())
    assert await backup_plan.look(archive, state.due)
    (tmp_path / "copies").write_text("no folder")
    with pytest.raises(InputError):
        await backup_work.make(archive, actor="test")
    due = (await backup_plan.state(archive)).due
    assert due is not None
    assert due <= now() + backup_plan.AGAIN
    await saved_settings.change(archive, "backup_every", "off")
    assert (await backup_plan.state(archive)).due is None
    assert await alarms(archive) == []


async def test_one_that_is_not_made_for_days_is_overdue(archive: Archive) -> None:
    await due_now(archive)
    assert await alarms(archive) == []
    plan = {"to": (await backup_plan.state(archive)).place, "every": "daily at 02:00", "next": "2026-01-01T00:00:00.000Z"}
    await planned(archive, plan)
    assert await alarms(archive) == ["backup-overdue"]


async def test_a_place_within_the_home_is_refused_when_it_is_set(archive: Archive) -> None:
    for path in (archive.home.path, archive.home.path / "copies", archive.home.path.parent):
        with pytest.raises(InputError) as refused:
            await saved_settings.change(archive, "backup_to", str(path))
        assert refused.value.reason.code == problems.WITHIN_HOME
    for text in ("copies", "/", "/srv/../home", "/a\0b"):
        with pytest.raises(InputError):
            await saved_settings.change(archive, "backup_to", text)


async def test_the_service_makes_it_and_carries_on_with_one_that_was_killed(
    archive: Archive, tmp_path: Path, service: StartService
) -> None:
    """By itself, in a process of its own; a service that was killed with it leaves it due."""
    await due_now(archive)
    killed = service(archive.home, stays=True)
    copies = Home(tmp_path / "copies")
    homes.wait_for(lambda: copies.path.exists(), "the backup's begin")
    killed.kill()
    killed.wait()
    service(archive.home, stays=True)
    homes.wait_for(lambda: copies.is_backup and json.loads(copies.backup_note.read_bytes())["complete"], "the backup's end")

    def ended() -> bool:
        return bool(homes.rows(archive.home.catalog, "SELECT 1 FROM setting WHERE name = ?", backup_plan.ENDED))

    homes.wait_for(ended, "the end of its verification")
    state = await backup_plan.state(archive)
    assert state.ended is not None
    assert (state.ended.outcome, state.due is not None and state.due > now()) == (BackupOutcome.MADE, True)
    assert await backups.findings(copies) == []


async def test_the_command_makes_the_scheduled_one_now(archive: Archive, tmp_path: Path) -> None:
    home = archive.home
    await archive.close()
    made = homes.cli(home, "backup", "--json")
    assert made.returncode == 0, made.stderr
    value = json.loads(made.stdout)
    assert (value["directory"], value["verified"]["clean"]) == (str(tmp_path / "copies"), True)
    status = json.loads(homes.cli(home, "status", "--json").stdout)
    assert status["backups"]["ended"]["outcome"] == "made"
    assert status["backups"]["due"]
    unit = homes.cli(home, "service", "unit")
    assert f"ReadWritePaths={tmp_path / 'copies'}" in unit.stdout
    shutil.rmtree(tmp_path / "copies")
    gone = homes.cli(home, "backup")
    assert gone.returncode == 3
    assert not (tmp_path / "copies").exists()
    homes.cli(home, "settings", "set", "backup_to", "off")
    assert homes.cli(home, "backup").returncode == 2
