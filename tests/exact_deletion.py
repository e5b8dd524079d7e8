"""A mailbox for deletion after reading: its server, and what is left and marked there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Outcome, Sandbox, mail, profile, sandbox, sha256

AT_ONCE = Deletion(When.IMMEDIATELY)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def stored(*uids: int, subject: str = "message") -> list[Stored]:
    return [Stored(uid, mail(f"{subject} {uid:03}", "x" * 100)) for uid in uids]


def inbox(count: int, script: Script | None = None) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*range(1, count + 1))}, script)


def left(server: ScriptedServer, folder: str = "INBOX") -> list[int]:
    return [one.uid for one in server.folders[folder]]


def marked(server: ScriptedServer) -> list[int]:
    return [one.uid for messages in server.folders.values() for one in messages if r"\Deleted" in one.flags]


def around(monkeypatch: pytest.MonkeyPatch, name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace a method of the scripted server's sessions by one that knows it."""
    monkeypatch.setattr(scripted.Session, name, wrap(getattr(scripted.Session, name)))


async def nothing_lost(box: Sandbox, all_mail: set[str], server: ScriptedServer) -> None:
    there = {sha256(one.raw) for messages in server.folders.values() for one in messages}
    assert all_mail <= await box.digests() | there


async def deletes_the_rest(box: Sandbox, server: ScriptedServer, rule: Deletion = AT_ONCE) -> Outcome:
    """A run of a server that behaves again: everything goes."""
    outcome = await box.run(profile(server, deletion=rule))
    assert (outcome.status, outcome.reasons, left(server)) == (RunStatus.SUCCEEDED, "", [])
    return outcome


# -- what does not add up


def hide(monkeypatch: pytest.MonkeyPatch, pattern: str, uids: set[int], begin: int = 0) -> None:
    """Leave ``uids`` out of each FETCH whose items match ``pattern``, from the ``begin``-th after SELECT on."""
    count = [0]

    def some(fetch: Any) -> Any:
        def fetched(session: Any, places: Any, items: Any) -> Any:
            if session.changing and re.search(pattern, " ".join(items)):
                count[0] += 1
                if count[0] > begin:
                    places = [place for place in places if session.messages()[place - 1].uid not in uids]
            return fetch(session, places, items)

        return fetched

    def opened(changing: bool) -> Any:
        def wrap(select: Any) -> Any:
            def selected(session: Any, *arguments: str) -> Any:
                session.changing = changing
                return select(session, *arguments)

            return selected

        return wrap

    around(monkeypatch, "fetch", some)
    around(monkeypatch, "do_select", opened(True))
    around(monkeypatch, "do_examine", opened(False))


#: What a deletion asks for, as patterns of the items of a FETCH.
FETCHES = {"listing": r"RFC822\.SIZE", "bodies": r"BODY\.PEEK\[\]", "UIDs": r"UID \(UID\)|UID UID"}
