"""A run whose own set-up breaks: it ends, with its reason, and the service goes on with the others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.archive.store import offload
from core.archive.store.volume import Volume
from core.engine.run.run import ProfileRun, RunParameters
from core.errors import BusyError, DamagedError, StorageError
from core.model import RunStatus
from core.secrets import Secret
from core.service import run_work, verifications, verifying
from core.service.queue import Queue
from core.service.run_work import RunWork
from tests import forks, homes
from tests.reasons import said

Break = Callable[[Archive, pytest.MonkeyPatch], None]


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    """An open archive with two profiles whose server refuses at once."""
    monkeypatch.setattr(run_work, "RunParameters", partial(RunParameters, backoff=(0.001,)))
    monkeypatch.setattr(run_work, "WRITE_SECONDS", 0.001)
    archive = await homes.begin(tmp_path / "home")
    for name in ("Test", "Other"):
        await saved_profiles.save(archive, homes.profile("127.0.0.1", 9, name=name), Secret("secret"))
    yield archive
    await archive.close()


def _no_key(archive: Archive, patch: pytest.MonkeyPatch) -> None:
    archive.home.key.path.unlink()


def _unreadable_key(archive: Archive, patch: pytest.MonkeyPatch) -> None:
    _no_key(archive, patch)
    archive.home.key.path.mkdir()


def _other_key(archive: Archive, patch: pytest.MonkeyPatch) -> None:
    archive.home.key.path.write_bytes(b"x" * 32)


def _no_profile(archive: Archive, patch: pytest.MonkeyPatch) -> None:
    homes.change(archive.home.catalog, "DELETE FROM profile WHERE name = 'Test'")


def _strange_profile(archive: Archive, patch: pytest.MonkeyPatch) -> None:
    homes.change(archive.home.catalog, "UPDATE profile SET definition = '{}' WHERE name = 'Test'")


def _damage(archive: Archive, patch: pytest.MonkeyPatch) -> None:
    archive.volumes.refuse(DamagedError(said("000001.sqlite is damaged.", "archivar repair")))


def _raising(place: Any, name: str, error: BaseException, *, always: bool = False) -> Break:
    """The work of the first run meets ``error`` wherever ``place.name`` is called; with ``always`` that of all runs."""

    def put(archive: Archive, patch: pytest.MonkeyPatch) -> None:
        work = getattr(place, name)

        async def fail(*arguments: Any, **options: Any) -> Any:
            texts = [str(one) for one in (*arguments, *options.values())]
            if always or any("Test" in text or "run.finished" in text for text in texts):
                raise error
            return await work(*arguments, **options)

        patch.setattr(place, name, fail)

    return put


def _module_gone(archive: Archive, patch: pytest.MonkeyPatch) -> None:
    async def load(*arguments: object, **options: object) -> ProfileRun:
        patch.setitem(sys.modules, "core.engine.run.mailbox", None)
        import core.engine.run.mailbox  # noqa: F401

        raise AssertionError("unreachable")

    patch.setattr(ProfileRun, "prepare", load)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_no_key, "secret.key is missing"),
        (_unreadable_key, "secret.key cannot be read"),
        (_other_key, "cannot be decrypted"),
        (_no_profile, 'There is no profile "Test"'),
        (_strange_profile, "See the service's log"),
        (_module_gone, "A part of the program is missing or cannot be loaded (core.engine.run.mailbox)"),
        (_raising(saved_profiles, "find", StorageError(said("archive.sqlite: The disk is full."))), "The disk is full"),
        (_raising(saved_profiles, "find", BusyError(said("archive.sqlite: locked"))), "locked"),
        (_raising(saved_profiles, "password", OSError(24, "Too many open files")), "Too many open files"),
        (_raising(saved_profiles, "password", MemoryError()), "not enough memory"),
        (_raising(run_work, "_expected", KeyError("x")), "An error of the program ended the run (KeyError)"),
        (_raising(run_work, "roster", RuntimeError("x")), "An error of the program ended the run (RuntimeError)"),
    ],
)
async def test_whatever_breaks_before_the_first_mailbox_ends_the_run_with_its_reason(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, spoil: Break, reason: str
) -> None:
    """It has failed and says why, its profile can be run again, and a run of another profile comes to its end."""
    queue = Queue(archive.database)
    run, other = [(await queue.enqueue(name))[0] for name in ("Test", "Other")]
    spoil(archive, monkeypatch)
    ended, _ = await homes.serve(archive, run.id, other.id)
    assert ended.status is RunStatus.FAILED
    assert reason in ended.reason
    assert ended.result is not None
    assert (await queue.enqueue("Test"))[1]


@pytest.mark.parametrize(
    ("spoil", "cancelled"),
    [
        (_damage, False),
        (_damage, True),
        (_raising(Volume, "append", StorageError(said("000001.sqlite: The disk is full."))), True),
        (_raising(Archive, "append", StorageError(said("000001.sqlite: cannot be written."))), False),
        (_raising(Archive, "append", KeyError("x")), False),
        (_raising(RunWork, "_finish", ValueError("x"), always=True), False),
    ],
)
async def test_a_ledger_that_takes_no_result_leaves_no_run_behind(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, spoil: Break, cancelled: bool
) -> None:
    """The queue alone says then that it failed and why, also of a run that was to be cancelled."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    if cancelled:
        await queue.request_cancel(run.id)
    spoil(archive, monkeypatch)
    (ended,) = await homes.serve(archive, run.id)
    assert ended.status is RunStatus.FAILED
    assert ended.reason
    assert ended.result is not None


@pytest.fixture
def whole_starts() -> Iterator[None]:
    """Processes of the program are started as the product does it, and not as forks."""
    forks.uninstall()
    yield
    forks.install()


@pytest.mark.usefixtures("whole_starts")
async def test_a_helper_that_cannot_start_is_done_without(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process, no memory for it: what it would have prepared is prepared here."""
    for error in (OSError(11, "Resource temporarily unavailable"), MemoryError(), subprocess.SubprocessError("x")):
        begun: list[object] = []

        def fail(*arguments: object, _error: BaseException = error, _begun: list[object] = begun, **options: object) -> None:
            _begun.append(arguments)
            raise _error

        monkeypatch.setattr(subprocess, "Popen", fail)
        monkeypatch.setattr(offload, "WORTH_A_PROCESS", 0)
        ready = await archive.writer.prepare([homes.message(1)])
        assert len(ready.messages) == 1
        archive.writer._processes._starting = None
        assert begun


@pytest.mark.usefixtures("whole_starts")
async def test_a_verification_whose_process_cannot_start_ends_with_its_reason(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few tries it has failed and says why; nothing waits for it for ever."""
    for name, value in (("LOOK_SECONDS", 0.0), ("AGAIN_SECONDS", -1.0)):
        monkeypatch.setattr(verifying, name, value)

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", fail)
    await verifications.ask(archive, actor="cli")
    work = verifying.Verifying(archive)
    for _ in range(verifying.TRIES + 1):
        await work.look(busy=False, lasting=True)
    standing = await verifications.standing(archive)
    assert (standing.request, standing.ended is not None) == (None, True)
    assert standing.ended is not None
    assert standing.ended.outcome is verifications.VerificationOutcome.FAILED
    assert "cannot be started: Resource temporarily unavailable" in standing.ended.reason
