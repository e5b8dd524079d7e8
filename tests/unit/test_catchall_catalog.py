"""Catch-all mail in the catalog: a replay gives the same, and mail that a user may wait for must not be deleted."""

from __future__ import annotations

from pathlib import Path
from random import Random
from unittest.mock import Mock

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.read import sources
from core.archive.registry import unknown, users
from core.archive.registry.refiling import refile
from core.engine.visit.catchall import SortedFiling, Sorting
from core.engine.visit.filing import Destination
from core.imap.names import Folder
from core.imap.replies import Listed
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.routing import AddressBook
from tests import homes
from tests.journals import report

SOURCE = "imap://journal@mail.example.test -> everybody"
INBOX = Folder("INBOX", "INBOX")
STRANGERS = [f"new{number}@example.test" for number in range(5)]


class Model:
    """The users that wait for each message, by the documented rules."""

    def __init__(self) -> None:
        self.waiting: dict[int, set[str]] = {}
        self.copy: dict[int, bool] = {}
        self.known: set[str] = set()
        self.ignored: set[str] = set()

    def file(self, uid: int, addresses: set[str], *, archive: bool) -> None:
        self.waiting[uid] = addresses - self.known
        self.copy[uid] = archive and bool(self.waiting[uid] - self.ignored)

    def refile(self) -> None:
        for uid, waiting in self.waiting.items():
            if waiting & self.known:
                waiting -= self.known
                self.copy[uid] = self.copy[uid] and bool(waiting - self.ignored)

    def held(self) -> set[int]:
        return {uid for uid, waiting in self.waiting.items() if waiting - self.ignored and not self.copy[uid]}


async def _file(archive: Archive, uid: int, addresses: set[str], *, keep: bool) -> None:
    """File one message to alice and ``addresses`` as a run does."""
    rules = CatchAll(unknown=UnknownPolicy.ARCHIVE if keep else UnknownPolicy.LEAVE)
    book = AddressBook(await users.all_users(archive), ignored=await unknown.ignored(archive))
    filing = SortedFiling(archive, Destination(1, SOURCE, "@catchall", "x", True), Sorting(rules, book, users.NOBODY))
    people = ", ".join([homes.ALICE, *sorted(addresses)])
    raw = f"To: {people}\r\nSubject: {uid}\r\n\r\n".encode()
    batch = [(uid, raw, Listed(len(raw), None, ""))]
    await filing.store(INBOX, 7, batch)


@pytest.mark.parametrize("seed", range(20))
async def test_what_is_held_is_what_somebody_may_wait_for(tmp_path: Path, seed: int) -> None:
    """Any order of mail, new users, filing again, and what is said to be not ours: as the rules say; and replayed the same."""
    random = Random(seed)
    archive = await homes.begin(tmp_path / "home")
    model = Model()
    try:
        for step in range(1, 30):
            what = random.choice(["file", "file", "file", "user", "refile", "ignore", "move"])
            some = random.choice(STRANGERS)
            if what == "file":
                addresses, keep = set(random.sample(STRANGERS, random.randrange(4))), random.random() < 0.5
                await _file(archive, step, addresses, keep=keep)
                model.file(step, addresses, archive=keep)
            elif what == "user" and some not in model.known | model.ignored:
                await unknown.make_user(archive, some, some.partition("@")[0])
                model.known.add(some)
            elif what == "refile":
                await refile(archive)
                model.refile()
            elif what == "ignore" and some not in model.known:
                await unknown.set_ours(archive, some, some in model.ignored)
                model.ignored ^= {some}
            elif what == "move" and model.waiting:
                uid = random.choice(list(model.waiting))
                move = ["INBOX", 7, uid, None, "INBOX", 7, uid, 1, None, ""]
                await archive.append([homes.draft("moved", {"run": 1, "source": SOURCE, "owner": "", "moves": [move]})])
            held = await sources.held(archive, SOURCE, "INBOX", 7, list(model.waiting))
            assert held.keys() == model.held(), (seed, step, what)
            assert set(held.values()) <= set(STRANGERS)
        before = homes.tables(archive.home)
        await archive.rebuild()
        assert homes.tables(archive.home) == before
    finally:
        await archive.close()
    assert [finding.text for finding in (await verify(archive.home)).findings] == []


async def test_what_lies_nowhere_in_the_archive_is_held(tmp_path: Path) -> None:
    """For any reason: a message in no folder must not be deleted."""
    archive = await homes.begin(tmp_path / "home")
    try:
        await _file(archive, 1, set(), keep=True)
        assert await sources.held(archive, SOURCE, "INBOX", 7, [1]) == {}
        async with archive.database.transaction() as transaction:
            await transaction.execute("UPDATE placement SET until_seq = 99")
        assert await sources.held(archive, SOURCE, "INBOX", 7, [1]) == {1: "it lies in no folder of the archive"}
    finally:
        await archive.close()


async def test_a_recipient_that_cannot_be_read_is_listed_and_can_be_said_to_be_not_ours(tmp_path: Path) -> None:
    """As in the report; the message is in the catch-all archive beside alice, until it is settled."""
    archive = await homes.begin(tmp_path / "home")
    try:
        inner = b"From: x@else.test\r\nSubject: 1\r\n\r\n"
        raw = report(inner, ("Sender: x@else.test", f"To: {homes.ALICE}, /O=FIRMA/CN=BOB"))
        book = AddressBook(await users.all_users(archive), own=["journal@example.test"])
        sorting = Sorting(CatchAll(unknown=UnknownPolicy.ARCHIVE), book, users.NOBODY)
        filing = SortedFiling(archive, Destination(1, SOURCE, "@catchall", "x", True), sorting)
        batch = [(1, raw, Listed(len(raw), None, ""))]
        await filing.store(INBOX, 7, batch)
        read = sorting.sort(raw)
        assert read.content == inner
        assert len(sorting.places(read.route)) == 2
        listed = await unknown.page(archive)
        assert [(one.address, one.state, one.open) for one in listed] == [("/O=FIRMA/CN=BOB", unknown.AddressState.OPEN, 1)]
        await unknown.set_ours(archive, "/O=FIRMA/CN=BOB", False)
        assert [one.state for one in await unknown.page(archive)] == [unknown.AddressState.NOT_OURS]
    finally:
        await archive.close()


async def test_an_error_over_a_message_loses_neither_it_nor_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to the catch-all archive."""
    archive = await homes.begin(tmp_path / "home")
    try:
        monkeypatch.setattr("core.engine.visit.catchall.correspondents.find", Mock(side_effect=RecursionError))
        sorting = Sorting(CatchAll(unknown=UnknownPolicy.ARCHIVE), AddressBook([]), users.NOBODY)
        assert sorting.places(sorting.sort(b"To: x@y\r\n\r\n").route) == [sorting.kept]
    finally:
        await archive.close()
