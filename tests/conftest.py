"""Fixtures that several kinds of tests need: real servers and real odd mail."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

from core import masking
from core.config import Home
from core.demo.odd import odd_messages
from tests import forks, homes, memory, scheduling
from tests.servers.bucket import BucketServer, bucket_server
from tests.servers.dovecot import Dovecot, missing

#: The environment variable that names a tar archive of odd mail, one raw message a file, to be tested beside what is made.
ODD_MAIL = "ARCHIVAR_ODD_MAIL"
# A test must pass on a busy machine too: what is slow is measured elsewhere. The examples are the same in each run, so that a
# change is judged by what it changes; `make fuzz` looks for new ones.
settings.register_profile("archivar", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "archivar"))


def pytest_configure() -> None:
    """Let the tests' folders be in memory, unless another place is asked for, and processes of the program be forks.

    Refuses odd mail that cannot be read.
    """
    if (named := os.environ.get(ODD_MAIL)) and not (Path(named).is_file() and tarfile.is_tarfile(named)):
        raise pytest.UsageError(f"{ODD_MAIL}: {named} is no tar archive; name one of raw messages, or none")
    forks.install()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what it runs in the background, and so it would be in all that the tests start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and (found := memory.root()) is not None:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(found)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without looking for garbage, and let what was collected never be looked at again: it stays to the end.

    Afterwards garbage is looked for less often: a console's start alone made it ten times.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Forget the passwords that a test made known: a short one that something still holds is masked in all texts."""
    holders = masking._REGISTER._holders
    before = dict(holders)
    try:
        return (yield)
    finally:
        for key in set(holders) - set(before):
            holders.pop(key, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    scheduling.longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling:
    return scheduling.BothEnds(config, log)


USERS = {"alice@example.test": "secret", "bob@example.test": "geheim"}


class StartDovecot(Protocol):
    """Starts a Dovecot that lasts as long as the test; options as for ``Dovecot``."""

    def __call__(self, users: Mapping[str, str] = USERS, **options: Any) -> Dovecot: ...


@pytest.fixture
def dovecot(tmp_path: Path) -> Iterator[StartDovecot]:
    """A function that starts a Dovecot, by default with the users alice and bob; any number in one test."""
    package = missing()
    if package is not None:
        pytest.skip(f"needs the Debian package {package}")
    with ExitStack() as servers:
        count = 0

        def start(users: Mapping[str, str] = USERS, **options: Any) -> Dovecot:
            nonlocal count
            count += 1
            return servers.enter_context(Dovecot(tmp_path / f"dovecot{count}", users, **options))

        yield start


@pytest.fixture(scope="session")
def volumes_template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive of several volumes, to be copied and not touched."""
    home = asyncio.run(homes.filled(tmp_path_factory.mktemp("volumes") / "home", volume_bytes=108_000))
    assert len(home.volume_numbers()) >= 3
    assert homes.findings(home) == []
    return home


@pytest.fixture
def several_volumes(volumes_template: Home, tmp_path: Path) -> Home:
    """An archive of several volumes."""
    return Home(Path(shutil.copytree(volumes_template.path, tmp_path / "home")))


@pytest.fixture(scope="session")
def further_odd_mail() -> list[bytes]:
    """Real and deliberately broken mail, one raw message an item, from the archive that is named for it."""
    if not os.environ.get(ODD_MAIL):
        pytest.skip(f"needs {ODD_MAIL}: a tar archive of odd mail, one raw message a file")
    with tarfile.open(os.environ[ODD_MAIL]) as archive:
        files = (archive.extractfile(member) for member in archive if member.isfile())
        return [file.read() for file in files if file is not None]


@pytest.fixture(scope="session")
def odd_mail(request: pytest.FixtureRequest) -> list[bytes]:
    """Odd mail, one raw message an item: what the demo makes and, where an archive of more is named, that too."""
    made = [message.raw for message in odd_messages(1)]
    return [*made, *request.getfixturevalue("further_odd_mail")] if os.environ.get(ODD_MAIL) else made


@pytest.fixture(scope="session")
def bucket_process() -> Iterator[BucketServer]:
    with bucket_server() as server:
        yield server


@pytest.fixture
def bucket(bucket_process: BucketServer) -> Iterator[BucketServer]:
    """A bucket on a server of object storage: empty, and of no mood."""
    for name in bucket_process.objects():
        bucket_process.delete(name)
    bucket_process.moods.calm()
    yield bucket_process
    bucket_process.moods.calm()
