"""Comparisons of a mailbox with its archive, for tests: deep and shallow, stopped, and what they find."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from core.engine.examine import examine
from core.engine.examine.comparison import Deep
from core.engine.examine.differences import DifferenceKind, MissingFolder, MissingMailbox
from core.profiles.profile import Profile
from core.secrets import Secret
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import SHORT_BACKOFF, Sandbox, mail, sandbox


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def stored(*uids: int, size: int = 200) -> list[Stored]:
    return [Stored(uid, mail(f"message {uid}", "x" * size)) for uid in uids]


def inbox(script: Script | None = None, *uids: int) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*(uids or (3, 5, 9, 12, 20)))}, script)


def exchange(server: ScriptedServer, uid: int, folder: str = "INBOX") -> bytes:
    """Put another body in place of a message: same size, date and header. The new message."""
    messages = server.folders[folder]
    [index] = [index for index, one in enumerate(messages) if one.uid == uid]
    raw = messages[index].raw.replace(b"xxxx", b"yyyy", 1)
    assert raw != messages[index].raw
    messages[index] = replace(messages[index], raw=raw)
    return raw


async def compare(box: Sandbox, wanted: Profile, deep: Deep | None = None) -> list[MissingMailbox]:
    return await examine.missing(box.archive, wanted, Secret("secret"), deep, backoff=SHORT_BACKOFF)


def differing(found: Iterable[MissingMailbox]) -> dict[str, dict[int, DifferenceKind]]:
    """The differences, by folder and UID; folders without any are left out."""
    folders = [folder for one in found for folder in one.folders]
    return {one.path: {each.uid: each.what for each in one.differences} for one in folders if one.differences}


def folder(found: list[MissingMailbox], path: str = "INBOX") -> MissingFolder:
    return next(one for mailbox in found for one in mailbox.folders if one.path == path)
