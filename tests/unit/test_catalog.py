"""The catalog is the ledger's projection, for any entries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.archive.catalog import details
from core.archive.catalog.messages import Detail
from core.archive.proof.verify import verify
from core.archive.registry import users
from core.archive.store.ledger import Entry
from core.archive.store.volume import Volume
from core.db.database import Database, Transaction
from core.system.tasks import spawn
from tests import homes
from tests.homes import ALICE, SOURCE, message

FOLDERS = ("INBOX", "Work", "Done")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["store", "move", "vanish", "return", "relist"]),
        st.sampled_from(FOLDERS),
        st.sampled_from(FOLDERS),
        st.integers(1, 5),
    ),
    max_size=12,
)


def _move(source: str, uid: int, target: str, new: int) -> list[Any]:
    return [source, 7, uid, f"{ALICE}/{target}", target, 7, new, 100, None, ""]


@given(steps=STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_one_by_one_or_replayed_the_catalog_is_the_same(
    tmp_path_factory: Any, steps: list[tuple[str, str, str, int]]
) -> None:
    """Any order of archiving, moving, vanishing and coming back: applied in the run, by rebuild and by verify, ids and all."""
    archive = await homes.begin(tmp_path_factory.mktemp("catalog") / "home")
    try:
        owner = (await users.find(archive, "alice")).id
        for number, (what, folder, other, uid) in enumerate(steps):
            if what == "store":
                await homes.store(archive, {uid: message(number % 4), 50 + uid: message(uid)}, folder=folder)
            elif what == "move":
                moves = [_move(folder, uid, other, 60 + number), _move(folder, uid + 1, folder, 80 + number)]
                await archive.append([homes.draft("moved", {"run": 1, "source": SOURCE, "owner": owner, "moves": moves})])
            else:
                payload: dict[str, Any] = {"run": 1, "source": SOURCE, "server_folder": folder, "uidvalidity": 7}
                if what == "relist":
                    numbers = [[uid, 1000 + number, number, "\\Seen"], [uid + 1, 5, None, ""]]
                    await archive.append([homes.draft("relisted", payload | {"messages": numbers})])
                else:
                    kind = {"vanish": "vanished", "return": "returned"}[what]
                    await archive.append([homes.draft(kind, payload | {"uids": f"{uid}:{uid + 2}"})])
        before = homes.tables(archive.home)
        assert (await verify(archive.home)).findings == []
        await archive.rebuild()
        assert homes.tables(archive.home) == before
        open_ = await archive.database.read(
            "SELECT folder_id, message_id FROM source_message WHERE gone_seq IS NULL EXCEPT "
            "SELECT folder_id, message_id FROM placement WHERE until_seq IS NULL"
        )
        assert open_ == [], "what is on the server is placed in the archive"
    finally:
        await archive.close()


async def test_a_move_keeps_the_history_and_a_twin_keeps_its_place(tmp_path: Path) -> None:
    """The old placement is closed with the entry's number, not overwritten (P4); not while a twin is still there."""
    archive = await homes.begin(tmp_path / "home")
    owner = (await users.find(archive, "alice")).id
    await homes.store(archive, {1: message(1), 2: message(1), 3: message(3)})
    payload = {"run": 1, "source": SOURCE, "owner": owner}
    (first,) = await archive.append(
        [homes.draft("moved", payload | {"moves": [_move("INBOX", 1, "Done", 9), _move("INBOX", 3, "Done", 10)]})]
    )
    (second,) = await archive.append([homes.draft("moved", payload | {"moves": [_move("INBOX", 2, "Done", 11)]})])
    rows = await archive.database.read(
        "SELECT message_id, folder.path, since_seq, until_seq FROM placement JOIN folder ON folder.id = folder_id ORDER BY 1, 3"
    )
    await archive.close()
    inbox, done = f"{ALICE}/INBOX", f"{ALICE}/Done"
    stored = first.seq - 1
    assert rows == [
        (1, inbox, stored, second.seq),
        (1, done, first.seq, None),
        (2, inbox, stored, first.seq),
        (2, done, first.seq, None),
    ]


async def test_two_users_of_one_name_in_the_ledger_do_not_stop_the_archive(tmp_path: Path) -> None:
    """Two processes that did not know of each other: the later user gets another name, and the archive opens."""
    archive = await homes.begin(tmp_path / "home")
    user = {"id": "b" * 12, "name": "ALICE", "addresses": [ALICE], "login": "", "full_name": "a\udcff", "removed": False}
    await archive.append([homes.draft("user.saved", {"user": user}), homes.draft("user.saved", {"user": user})])
    assert [one.name for one in await users.all_users(archive)] == ["alice", f"ALICE ({'b' * 12})"]
    home = archive.home
    await archive.close()
    archive = await Archive.open(home)
    await archive.rebuild()
    await archive.close()
    assert (await verify(home)).findings == []


async def test_a_rebuild_and_a_process_that_catches_up_leave_a_whole_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes bring the same catalog up at once, and one of them empties it in between: nothing is left out."""
    archive = await homes.begin(tmp_path / "home")
    for batch in range(6):
        await homes.store(archive, {batch * 10 + number: homes.message(batch * 10 + number) for number in range(3)})
    home = archive.home
    await archive.close()
    whole = homes.tables(home)
    for path in home.path.glob("archive.sqlite*"):
        path.unlink()
    one, two = await Archive.open(home, follow=False), await Archive.open(home, follow=False)
    read, reached, go, count = details.of_entries, asyncio.Event(), asyncio.Event(), 0

    async def slowly(catalog: Database | Transaction, volume: Volume, entries: Iterable[Entry]) -> dict[bytes, Detail]:
        nonlocal count
        found = await read(catalog, volume, entries)
        if catalog is one.database:
            count += 1
            if count == 4:
                reached.set()
                await go.wait()
        return found

    monkeypatch.setattr(details, "of_entries", slowly)
    catching_up = spawn(one.catch_up(), name="catch up")
    await reached.wait()
    follow = two.projection.catch_up

    async def after_the_other(*, accept: bool = False) -> int:
        go.set()
        await catching_up
        return await follow(accept=accept)

    monkeypatch.setattr(two.projection, "catch_up", after_the_other)
    await two.rebuild()
    await one.close()
    await two.close()
    assert homes.tables(home) == whole


@pytest.mark.parametrize("seed", range(25))
async def test_many_users_saved_at_once_leave_what_one_by_one_would(tmp_path: Path, seed: int) -> None:
    """Also when names and addresses go from one to another, come twice, or are in each other's way."""
    random = Random(seed)
    archive = await homes.begin(tmp_path / "home")
    try:
        for _ in range(8):
            drafts = [
                homes.draft(
                    "user.saved",
                    {
                        "user": {
                            "id": f"{random.randrange(40):012}",
                            "name": f"{random.choice(['Ä', 'ä', 'a', 'A'])}{random.randrange(12 if seed % 2 else 1000)}",
                            "addresses": [f"{random.randrange(30)}@example.test" for _ in range(random.randrange(3))],
                            "login": str(random.randrange(3)),
                            "full_name": "",
                            "removed": random.random() < 0.2,
                        }
                    },
                )
                for _ in range(random.randrange(1, 5))
            ]
            await archive.append(drafts)
        at_once = homes.tables(archive.home)
        await archive.rebuild()
        assert homes.tables(archive.home) == at_once
        assert await archive.database.value("SELECT value FROM setting") == str((await archive.head()).seq)
    finally:
        await archive.close()
    assert (await verify(archive.home)).findings == []
