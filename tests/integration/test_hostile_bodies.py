"""Replies to the request for messages that no standard allows: a message comes byte for byte, or is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.problems import message as problems
from tests.hostile import heals, inbox, on_server
from tests.servers.script import Stored
from tests.servers.scripted import Script
from tests.support import Sandbox, profile, sandbox


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


@pytest.mark.parametrize("size", ["9" * 5000, "9" * 20, "2147483648"], ids=["no number", "long", "2 GB"])
async def test_a_literal_of_an_absurd_size_costs_its_message_alone(box: Sandbox, size: str) -> None:
    """Also one that is no number to Python: the connection is of no more use, and the other messages come."""

    def items(folder: str, message: Stored, item: str) -> str | None:
        return f"{{{size}}}\r\nx" if message.uid == 9 and item == "BODY.PEEK[]" else None

    with inbox(Script(items=items)) as server:
        outcome = await box.run(profile(server))
        assert [problem.uid for problem in outcome.result.problems] == [9]
        assert await box.digests() == on_server(server, 9)
        server.script.items = lambda folder, message, item: None
        await heals(box, server)


@pytest.mark.parametrize("rest", ["the end", " FLAGS and more", " price 12", "\r\nmore\r\nlines\r\n", "a line\nof Unix\r\n"])
async def test_a_literal_shorter_than_its_message_is_told_as_that(box: Sandbox, rest: str) -> None:
    """The beginning is not taken for the message, also where the rest reads like an item or breaks the connection."""

    def items(folder: str, message: Stored, item: str) -> str | None:
        torn = message.uid == 9 and item == "BODY.PEEK[]"
        return f"{{{len(message.raw)}}}\r\n{message.raw.decode()}{rest}" if torn else None

    with inbox(Script(items=items)) as server:
        outcome = await box.run(profile(server))
        assert [(problem.uid, problem.reason.code) for problem in outcome.result.problems] == [(9, problems.TORN)]
        assert await box.digests() == on_server(server, 9)
        server.script.items = lambda folder, message, item: None
        await heals(box, server)
