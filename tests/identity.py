"""A mailbox whose UIDs come to name other messages, for tests: its server, and what is archived and told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Profile
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Outcome, Sandbox, mail, profile, sandbox, sha256

AT_ONCE = Deletion(When.IMMEDIATELY)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def stored(*uids: int, subject: str = "message", length: int = 100) -> list[Stored]:
    return [Stored(uid, mail(f"{subject} {uid}", "x" * length)) for uid in uids]


def inbox(count: int, script: Script | None = None) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*range(1, count + 1))}, script)


def on_server(server: ScriptedServer) -> set[str]:
    return {sha256(one.raw) for messages in server.folders.values() for one in messages}


def bodies(server: ScriptedServer) -> list[str]:
    return [line for line in server.lines() if "BODY.PEEK[]" in line]


def around(monkeypatch: pytest.MonkeyPatch, name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace a method of the scripted server's sessions by one that knows it."""
    monkeypatch.setattr(scripted.Session, name, wrap(getattr(scripted.Session, name)))


def warnings(outcome: Outcome) -> list[str]:
    """The warnings, except those on the lack of TLS."""
    return [text for text in outcome.told("warning") if "without TLS" not in text]


async def ends_well(box: Sandbox, server: ScriptedServer, wanted: Profile | None = None) -> Outcome:
    """A run that has nothing to name: all that is on the server is archived, and missing agrees."""
    outcome = await box.run(wanted or profile(server))
    assert (outcome.status, outcome.reasons, outcome.adds_up) == (RunStatus.SUCCEEDED, "", True)
    assert on_server(server) <= await box.digests()
    assert await box.missing(wanted or profile(server)) == {}
    return outcome
