"""Scripted servers of one folder whose behaviour no standard allows, and what must be true once they behave again."""

from __future__ import annotations

from typing import Any

from core.model import RunStatus
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Outcome, Sandbox, mail, profile, sha256


def stored(*uids: int, size: int = 200) -> list[Stored]:
    return [Stored(uid, mail(f"message {uid}", "x" * size)) for uid in uids]


def inbox(script: Script | None = None, *uids: int, **options: Any) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*(uids or (3, 5, 9, 12, 20)))}, script, **options)


def on_server(server: ScriptedServer, *without: int) -> set[str]:
    return {sha256(one.raw) for messages in server.folders.values() for one in messages if one.uid not in without}


def bodies_asked_for(server: ScriptedServer) -> int:
    return sum("BODY.PEEK[]" in line for line in server.lines())


async def heals(box: Sandbox, server: ScriptedServer) -> Outcome:
    """A run of a server that behaves again: all is there."""
    outcome = await box.run(profile(server))
    assert (outcome.status, outcome.result.problems) == (RunStatus.SUCCEEDED, [])
    assert on_server(server) <= await box.digests()
    assert await box.missing(profile(server)) == {}
    return outcome
