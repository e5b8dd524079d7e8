"""Large folders: new mail costs what is new, and what is found is what a whole listing would find."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.run.mailbox import MailboxArchiver
from core.engine.visit import filing, ranges
from core.errors import Dropped, StorageError
from core.imap import protocol, resync
from core.imap.names import Folder
from core.imap.selected import Selected
from core.imap.session import Session
from core.problems import connection
from core.problems.storage import FULL
from core.profiles.deletion import Deletion, When
from core.profiles.filter import Filter, Seen
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Sandbox, mail, profile, sandbox

ONLY = Filter(subject=("wanted",))


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


@contextmanager
def looked_at(monkeypatch: pytest.MonkeyPatch, *, in_ranges: bool, window: int = 3) -> Iterator[None]:
    """Every folder is looked at in short ranges, or each is listed whole."""
    with monkeypatch.context() as patched:
        patched.setattr(ranges, "LARGE", 0 if in_ranges else 10**9)
        patched.setattr(ranges, "WINDOW", window)
        patched.setattr(ranges, "PAGE", 4)
        yield


# -- the same as by whole listings

_STEP = st.one_of(
    st.tuples(st.just("arrive"), st.integers(1, 6)),
    st.tuples(st.just("expunge"), st.integers(0, 40)),
    st.tuples(st.just("seen"), st.integers(0, 40)),
    st.tuples(st.just("run"), st.just(0)),
    st.tuples(st.just("crash"), st.just(0)),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    steps=st.lists(_STEP, min_size=3, max_size=14),
    first=st.integers(0, 12),
    filtered=st.booleans(),
    memory=st.sampled_from(["none", "right", "too short", "too long"]),
)
def test_any_history_ends_as_by_whole_listings(
    steps: list[tuple[str, int]], first: int, filtered: bool, memory: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Arrivals, expunges, flags, runs and runs that are broken off: after each run the same archive, known UIDs, problems.

    The server remembers what vanished, rightly or not, or does not.
    """
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(resync, "offers", lambda session, modseq: memory != "none")
        monkeypatch.setattr(resync, "vanished", partial(_remembered, memory))
        asyncio.run(_history(folder, monkeypatch, [("arrive", first), ("run", 0), *steps, ("run", 0)], filtered))


async def _remembered(
    memory: str, session: Session, folder: Folder, modseq: int, below: int
) -> tuple[Selected, list[tuple[int, int]]]:
    """A server's memory: all UIDs that are not there; or one too few, or one that is there."""
    selected = await session.examine(folder)
    present = await session.uids(1, below - 1) if selected.exists else set()
    gone = sorted(set(range(1, below)) - present)
    if memory == "too short":
        gone = gone[1:]
    elif memory == "too long":
        gone = sorted({*gone, *sorted(present)[:1]})
    return selected, [(uid, uid) for uid in gone]


async def _history(folder: Path, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]], filtered: bool) -> None:
    server = ScriptedServer({"INBOX": []}, Script(uidnext={"INBOX": 1}))
    async with sandbox(folder / "a") as ranged, sandbox(folder / "b") as whole:
        with server:
            wanted = profile(server, filter=ONLY if filtered else None)
            for step, number in steps:
                inbox = server.folders["INBOX"]
                if step == "arrive":
                    for _ in range(number):
                        uid = server.script.uidnext["INBOX"]
                        inbox.append(Stored(uid, mail(f"{'wanted' if uid % 3 else 'other'} {uid}")))
                        server.script.uidnext["INBOX"] = uid + 1
                elif step == "expunge" and inbox:
                    del inbox[number % len(inbox)]
                elif step == "seen" and inbox:
                    inbox[number % len(inbox)] = replace(inbox[number % len(inbox)], flags=(r"\Seen",))
                elif step == "crash":
                    with looked_at(monkeypatch, in_ranges=True), monkeypatch.context() as patched:
                        patched.setattr(filing.OwnFiling, "store", _full)
                        try:
                            await ranged.run(wanted)
                        except StorageError:
                            continue
                elif step == "run":
                    with looked_at(monkeypatch, in_ranges=True):
                        one = await ranged.run(wanted)
                    with looked_at(monkeypatch, in_ranges=False):
                        other = await whole.run(wanted)
                    assert (one.reasons, one.adds_up, one.tally.found) == (other.reasons, True, other.tally.found)
                    assert await _known(ranged) == await _known(whole)
                    assert await ranged.places() == await whole.places()


async def _full(*_: Any) -> Any:
    raise StorageError(FULL(file="000001.sqlite", said=""))


async def _known(box: Sandbox) -> Counter[tuple[Any, ...]]:
    """Folder, UID, presence and SHA-256 of all messages known on the server, and the state of complete folders."""
    rows = await box.archive.database.read(
        "SELECT f.name, s.uid, s.gone_seq IS NULL, m.sha256 FROM source_message s JOIN source_folder f "
        "ON f.id = s.source_folder_id JOIN message m ON m.id = s.message_id"
    )
    states = await box.archive.database.read("SELECT name, signature, messages, excluded, uidnext FROM folder_state")
    return Counter([*rows, *states])


# -- servers that lie


def _lie(name: str, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change a mailbox of twelve messages, UIDs 1 to 12, with new mail, in a way that does not add up."""
    inbox = server.folders["INBOX"]
    inbox.append(Stored(13, mail("new 13")))
    if name == "one too many counted":
        server.script.exists = {"INBOX": 14}
    elif name == "UIDNEXT stays":
        server.script.uidnext = {"INBOX": 13}
    elif name == "UIDNEXT goes back":
        server.script.uidnext = {"INBOX": 5}
    elif name == "UIDNEXT beyond all numbers":
        server.script.uidnext = {"INBOX": 10**19 - 1}
    elif name == "UIDs used again":
        inbox[9:] = [Stored(uid, mail(f"another one {uid}")) for uid in (10, 11, 12, 13)]
    elif name == "an old UID appears":
        inbox.insert(7, Stored(8, mail("from before 8")))
    elif name == "gone and come":
        # Between EXAMINE and FETCH: the count is of before.
        fetch = scripted.Session.fetch

        def changed(session: Any, places: list[int], items: tuple[str, ...]) -> str:
            monkeypatch.setattr(scripted.Session, "fetch", fetch)
            del server.folders["INBOX"][2]
            server.folders["INBOX"].append(Stored(14, mail("new 14")))
            return fetch(session, places, items)

        monkeypatch.setattr(scripted.Session, "fetch", changed)
    elif name == "listed in part":
        fetch = scripted.Session.fetch

        def hidden(session: Any, places: list[int], items: tuple[str, ...]) -> str:
            return fetch(session, [place for place in places if place != 3 or session.selected != "INBOX"], items)

        monkeypatch.setattr(scripted.Session, "fetch", hidden)
        del inbox[7]
    elif name == "no UIDNEXT":
        send = scripted.Session.send
        monkeypatch.setattr(
            scripted.Session, "send", lambda session, *lines: send(session, *(one for one in lines if "UIDNEXT" not in one))
        )


LIES = (
    "one too many counted",
    "UIDNEXT stays",
    "UIDNEXT goes back",
    "UIDNEXT beyond all numbers",
    "UIDs used again",
    "an old UID appears",
    "gone and come",
    "listed in part",
    "no UIDNEXT",
)


@pytest.mark.parametrize("company", [0, 3], ids=["alone", "among others"])
@pytest.mark.parametrize("lie", LIES)
async def test_what_does_not_add_up_is_found_and_named_as_by_a_whole_listing(
    lie: str, company: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the run in which it happens and in the one after: problems, known UIDs and archive are the same (P2, P9)."""
    ends = []
    for in_ranges in (True, False):
        first = [Stored(uid, mail(f"message {uid}")) for uid in range(1, 13) if lie != "an old UID appears" or uid != 8]
        async with sandbox(tmp_path / str(in_ranges)) as box:
            others = {f"Other {n}": [Stored(uid, mail(f"{n} {uid}")) for uid in range(1, 9)] for n in range(company)}
            folders = {"INBOX": first, **others}
            with ScriptedServer(folders, Script()) as server, looked_at(monkeypatch, in_ranges=in_ranges):
                await box.run(profile(server))
                for name in others:
                    server.folders[name].append(Stored(9, mail(f"new in {name}")))
                with monkeypatch.context() as patched:
                    _lie(lie, server, patched)
                    told = [await box.run(profile(server)) for _ in range(2)]
                ends.append(([(one.problems, one.reasons, one.adds_up) for one in told], await _known(box), await box.places()))
                server.script.exists.clear()
                assert (await box.run(profile(server))).adds_up
                assert await box.missing(profile(server)) == {}
    assert ends[0] == ends[1]


async def test_sums_spare_a_listing_and_prove_nothing(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old UID comes for one that goes, against all rules: nothing is taken for gone, and the next whole listing has both."""
    first = [Stored(uid, mail(f"message {uid}")) for uid in range(1, 13) if uid != 6]
    with ScriptedServer({"INBOX": first}) as server, looked_at(monkeypatch, in_ranges=True):
        await box.run(profile(server))
        inbox = server.folders["INBOX"]
        inbox[3:5] = [inbox[3], Stored(6, mail("from before 6"))]
        inbox.append(Stored(13, mail("new 13")))
        spared = await box.run(profile(server))
        assert (spared.tally.archived, await box.entries("vanished")) == (1, [])
        assert await box.missing(profile(server)) == {"INBOX": [6]}
        async with box.archive.database.transaction() as transaction:
            await transaction.execute("UPDATE folder_state SET listed = '2024-01-01T00:00:00Z'")
        whole = await box.run(profile(server))
        assert (whole.tally.archived, [entry["uids"] for entry in await box.entries("vanished")]) == (1, ["5"])
        assert await box.missing(profile(server)) == {}


@pytest.mark.parametrize("deletes", [False, True])
async def test_what_depends_on_flags_lists_all_of_them(box: Sandbox, deletes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter on flags, and a rule of deletion, see the flags that every message has now."""
    first = [Stored(uid, mail(f"message {uid}")) for uid in range(1, 13)]
    with ScriptedServer({"INBOX": first}) as server, looked_at(monkeypatch, in_ranges=True):
        wanted = profile(server, filter=Filter(seen=Seen.SEEN))
        assert (await box.run(wanted)).tally.excluded == 12
        inbox = server.folders["INBOX"]
        inbox[1] = replace(inbox[1], flags=(r"\Seen",))
        inbox.append(Stored(13, mail("new 13"), (r"\Seen",)))
        again = replace(wanted, deletion=Deletion(When.IMMEDIATELY)) if deletes else wanted
        outcome = await box.run(again)
        assert (outcome.tally.archived, outcome.tally.excluded, outcome.tally.deleted) == (2, 11, 2 * deletes)


async def test_new_mail_in_many_large_folders_is_a_few_round_trips(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed together from the edge of their records on; the one in which UIDs were used again is named, and no other."""
    folders = {name: [Stored(uid, mail(f"{name} {uid}")) for uid in range(1, 13)] for name in ("INBOX", *map(str, range(30)))}
    with ScriptedServer(folders) as server, looked_at(monkeypatch, in_ranges=True):
        await box.run(profile(server))
        for turn in (13, 14):
            for name, messages in server.folders.items():
                messages.append(Stored(turn, mail(f"{name} {turn}")))
            if turn == 14:
                server.folders["17"][10:] = [Stored(uid, mail(f"another one {uid}")) for uid in (11, 12, 13, 14)]
            listed = len([line for line in server.lines() if "RFC822.SIZE" in line])
            outcome = await box.run(profile(server))
            assert outcome.problems == ([("17", None)] if turn == 14 else [])
            assert (outcome.tally.archived, outcome.adds_up) == (31 + 3 * (turn == 14), True)
            whole = [line for line in server.lines() if "FETCH 1:* " in line and "RFC822.SIZE" in line]
            if turn == 13:
                assert server.round_trips_after_login(2) <= 8
                assert len([line for line in server.lines() if "RFC822.SIZE" in line]) - listed == 31
                before = len(whole)
            else:
                assert len(whole) - before == 1
        assert await box.missing(profile(server)) == {}


# -- what vanished, and the state of the folder


@pytest.mark.parametrize("new", [0, 1], ids=["nothing new", "a new message"])
async def test_a_message_that_returns_after_a_run_broke_off_is_recorded(
    box: Sandbox, new: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded as gone by a run that ended before it counted: with it back, the folder counts as before that run (P2)."""
    first = [Stored(uid, mail(f"message {uid}")) for uid in range(1, 13)]
    with ScriptedServer({"INBOX": first}) as server, looked_at(monkeypatch, in_ranges=True):
        await box.run(profile(server))
        inbox = server.folders["INBOX"]
        gone = inbox.pop(2)
        with monkeypatch.context() as patched:
            patched.setattr(MailboxArchiver, "_check", _cut_off)
            assert (await box.run(profile(server))).reasons
        assert [entry["uids"] for entry in await box.entries("vanished")] == ["3"]
        inbox.insert(2, gone)
        inbox += [Stored(13, mail("new 13"))] * new
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.adds_up, outcome.tally.known) == ([], True, 12)
        assert [entry["uids"] for entry in await box.entries("returned")] == ["3"]
        assert await box.missing(profile(server)) == {}


async def _cut_off(*_: Any) -> None:
    raise Dropped(connection.ENDLESS())


@pytest.mark.parametrize("endless", [False, True], ids=["all flags changed", "without end"])
async def test_the_servers_memory_may_be_long_and_is_never_needed(
    box: Sandbox, endless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server names what vanished, and every message whose flags changed; where that has no end, UIDs tell as well."""
    first = [Stored(uid, mail(f"message {uid}")) for uid in range(1, 101)]
    script = Script(capabilities=["IMAP4rev1", "UIDPLUS", "SASL-IR", "ENABLE", "CONDSTORE", "QRESYNC", "UNSELECT"])
    script.highestmodseq["INBOX"] = 5
    fetch = scripted.Session.do_uid_fetch

    def remembering(session: Any, uids: str, *items: str) -> str:
        if "CHANGEDSINCE" not in " ".join(items):
            return fetch(session, uids, *items)
        session.send("* VANISHED (EARLIER) 7")
        while True:
            for place, message in enumerate(session.messages(), 1):
                session.send(f"* {place} FETCH (UID {message.uid} FLAGS () MODSEQ (6))")
            if not endless:
                return "OK done"

    with ScriptedServer({"INBOX": first}, script) as server, looked_at(monkeypatch, in_ranges=True):
        await box.run(profile(server))
        monkeypatch.setattr(scripted.Session, "do_uid_fetch", remembering)
        monkeypatch.setattr(protocol, "ORDINARY", 4000)
        monkeypatch.setattr(resync, "LISTING", 1000, raising=False)
        del server.folders["INBOX"][6]
        script.highestmodseq["INBOX"] = 6
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.reasons, outcome.adds_up, outcome.tally.known) == ([], "", True, 99)
        assert [entry["uids"] for entry in await box.entries("vanished")] == ["7"]
        assert any("CHANGEDSINCE" in line for line in server.lines())
        assert any(line.endswith("(UID)") for line in server.lines()) == endless
