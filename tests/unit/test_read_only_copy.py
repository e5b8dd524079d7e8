"""A backup that was copied back, and an archive where nothing can be written: read as ever, and changed by nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.archive import opening
from core.archive.archive import Archive
from core.archive.registry import saved_directory, saved_profiles
from core.archive.transfer import backup
from core.cli.context import context
from core.cli.main import main
from core.config import Home
from core.errors import HomeError, ReadOnlyError
from core.model import RunStatus, now
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer
from core.profiles.schedule import Schedule
from core.secrets import Secret
from core.service import worker
from core.service.cancelling import cancel
from core.service.detach import ensure_running
from core.service.lock import is_running
from core.service.queue import Queue
from core.service.scheduler import Scheduler
from tests import homes
from tui.desk.desk import Desk
from tui.desk.refusals import Refused

Said = Callable[..., tuple[int, str, str]]
#: Commands that would change something; FILE is a profile file, MAIL one with a message.
WRITING = """
run Test
run Test --dry-run
run Test --detach
cancel 1
service run
service start
service unit
user add bob
user edit alice --login al
user remove alice
profile apply FILE
profile automatic Test off
profile rename Test New
profile copy Test New
profile remove Test
directory sync
directory remove
settings set runs 7
unknown ignore a@example.org
refile
import --user alice MAIL
restore --profile Test
missing Test --deep --repair
missing Test --deep
repair
verify --detach
verify --cancel
verify --share 5%
backup OTHER
""".strip().splitlines()
READING = ["status", "service status", "runs", "user list", "profile list", "profile show Test", "folders alice", "show 1"]
READING += ["settings", "ledger show", "ledger head", "unknown list", "directory show", "verify", "service stop"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup, taken while a run waited; the folder that holds it."""
    folder = tmp_path_factory.mktemp("made")

    async def make() -> None:
        archive = await homes.begin(folder / "home")
        try:
            await homes.store(archive, {1: homes.message(1)})
            profile = homes.profile("127.0.0.1", 9, schedule=Schedule(every="15 minutes"))
            await saved_profiles.save(archive, profile, Secret("secret"))
            server = DirectoryServer("127.0.0.1", DirectoryAccess.LDAP_SSL, 9)
            await saved_directory.save(archive, Directory(DirectoryKind.LDAP, server, "cn=reader"), Secret("secret"))
            await Queue(archive.database).enqueue("Test")
            await backup.back_up(archive, folder / "backup")
        finally:
            await archive.close()

    asyncio.run(make())
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Home:
    """The backup, copied to where the archive shall be."""
    shutil.copytree(made / "backup", tmp_path / "copy", copy_function=shutil.copy2)
    return Home(tmp_path / "copy")


@pytest.fixture
async def archive(copy: Home) -> AsyncIterator[Archive]:
    archive = await Archive.open(copy)
    yield archive
    await archive.close()


@pytest.fixture
def said(copy: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """A command in this process: exit code, stdout, stderr."""
    monkeypatch.setattr(context, "home", None)

    def say(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--home", str(copy.path)])
        return code, *capsys.readouterr()

    return say


def _kept(home: Home) -> object:
    """All that a change would change."""
    tables = ("run", "password", "planned", "setting", "run_event")
    rows = {name: homes.rows(home.catalog, f"SELECT * FROM {name}") for name in tables}
    ledger = [homes.rows(home.volume(number), "SELECT hash FROM ledger") for number in home.volume_numbers()]
    return homes.tables(home), rows, ledger, sorted(path.name for path in home.path.iterdir() if path.name[:7] != "archive")


def test_every_command_that_changes_something_refuses_at_once(copy: Home, said: Said, tmp_path: Path) -> None:
    """Exit code 2, that it is a backup, how it becomes an archive; no run is queued, no service started, nothing changed."""
    (tmp_path / "test.toml").write_text(
        'name = "New"\nkind = "mailbox"\n[server]\nhost = "127.0.0.1"\nport = 9\n[login]\nusername = "a@example.test"\n'
        '[target]\nuser = "alice"\n'
    )
    (tmp_path / "mail.eml").write_bytes(homes.message(7))
    names = {"FILE": str(tmp_path / "test.toml"), "MAIL": str(tmp_path / "mail.eml"), "OTHER": str(tmp_path / "other")}
    before = _kept(copy)
    for line in WRITING:
        code, _, err = said(*(names.get(word, word) for word in line.split()))
        assert code == 2, (line, code, err)
        assert "is a backup" in err, (line, err)
        assert "archivar rebuild" in err or line.startswith("backup"), (line, err)
        assert not is_running(copy), line
        assert _kept(copy) == before, line
    assert not (tmp_path / "other").exists()


def test_what_only_reads_says_that_it_is_a_backup_and_does_its_work(copy: Home, said: Said) -> None:
    """All of it; status and verify say so in JSON as well."""
    for line in READING:
        code, _, err = said(*line.split())
        assert code == (1 if line == "service status" else 0), (line, code, err)
        assert "is a backup" in err or line == "service stop", (line, err)
    assert json.loads(said("status", "--json")[1])["backup"] is True
    assert "is a backup" in json.loads(said("status", "--json")[1])["warnings"][0]
    assert said("status")[1].startswith("Backup    ")
    assert json.loads(said("verify", "--json")[1])["backup"] is True
    assert "clean backup" in said("verify")[1]


def test_rebuilt_it_is_an_archive(copy: Home, said: Said) -> None:
    """As the refusal says: then it takes changes, and says backup no more."""
    assert said("rebuild")[0] == 0
    assert said("user", "add", "bob")[0] == 0
    assert json.loads(said("status", "--json")[1])["backup"] is False
    # The run that waited when the backup was taken has no service: it ends without one.
    assert said("cancel", "1", "--json")[0] == 0
    assert homes.status(copy) == "cancelled"
    assert not is_running(copy)


async def test_no_part_of_the_program_changes_a_backup(archive: Archive, copy: Home) -> None:
    """Queue, scheduler, service and console refuse by themselves, for any caller."""
    before = _kept(copy)
    queue = Queue(archive.database)
    for work in (
        queue.enqueue("Test"),
        queue.request_cancel(1),
        cancel(archive, 1),
        Scheduler(archive, lambda: now() + timedelta(hours=1)).look(),
        ensure_running(copy),
    ):
        with pytest.raises(HomeError, match="is a backup"):
            await work
    for until_idle in (True, False):
        with pytest.raises(HomeError, match="is a backup"):
            await asyncio.to_thread(worker.main, copy, until_idle=until_idle)
    assert _kept(copy) == before


async def test_the_console_says_on_home_that_it_is_a_backup(archive: Archive, copy: Home) -> None:
    """First of all that needs attention; a run, its end and a schedule are refused, and no service is started."""
    before = _kept(copy)
    desk = Desk(archive)
    view = await desk.home()
    assert "is a backup, which is only read" in view.attention[0].text
    assert not (await desk.proof.view()).usable
    for work in (desk.start("Test"), desk.cancel(1), desk.set_automatic("Test", False), desk.start_service()):
        with pytest.raises(Refused) as refused:
            await work
        assert "is a backup" in refused.value.message
        assert "rebuild" in refused.value.hint
    assert not is_running(copy)
    assert _kept(copy) == before


async def test_where_nothing_can_be_written_no_run_is_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only file system: exit code 2 and the remedy, for runs and the service."""
    home = await homes.with_profile(tmp_path / "home", homes.profile("127.0.0.1", 9))
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: not mode & os.W_OK and access(path, mode, **more))
    archive = await Archive.open(home)
    try:
        with pytest.raises(ReadOnlyError, match="only read") as refused:
            archive.check_usable()
        assert (refused.value.exit_code, "writing" in refused.value.hint) == (2, True)
        with pytest.raises(ReadOnlyError):
            await ensure_running(home)
        with pytest.raises(ReadOnlyError):
            await cancel(archive, 1)
        with pytest.raises(ReadOnlyError):
            opening.refuse_unwritable(home)
    finally:
        await archive.close()


async def test_a_run_without_a_service_is_cancelled_at_once(tmp_path: Path) -> None:
    """No service has it, queued or after a crash: its result says so, in the ledger too."""
    archive = await homes.begin(tmp_path / "home")
    try:
        profile = homes.profile("127.0.0.1", 9)
        for name in ("Test", "Other"):
            await saved_profiles.save(archive, replace(profile, name=name), Secret("secret"))
        queue = Queue(archive.database)
        waiting, lost = [(await queue.enqueue(name))[0] for name in ("Test", "Other")]
        await queue.begin(lost, lost.requested, (await archive.head()).seq)
        for run in (waiting, lost):
            ended = await cancel(archive, run.id)
            assert (ended.status, ended.result is not None) == (RunStatus.CANCELLED, True)
        told = [entry.payload["status"] for entry in await homes.entries(archive) if entry.kind == "run.finished"]
        assert told == ["cancelled", "cancelled"]
        assert (await cancel(archive, waiting.id)).status is RunStatus.CANCELLED
    finally:
        await archive.close()
