"""The rate at which the one service of an archive anchors and applies what workers have delivered."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from core.archive.registry import lanes, users
from core.archive.store.entries.mail import Archived
from core.archive.store.entries.values import OwnedFolder, SourceFolder, SourceMessage
from core.archive.store.intake import prepare_all
from core.archive.store.lane_writer import LaneWriter
from core.archive.store.ledger import Draft
from core.config import Home
from tests import homes
from tests.benchmarks import scale

#: Messages, those of one entry, and entries of one volume.
MESSAGES, BATCH, IN_VOLUME = 40_000, 200, 20


@dataclass(frozen=True, slots=True)
class Applied:
    """Messages a second, and seconds of processor time for each message."""

    rate: float
    processor: float


def measured(folder: Path) -> Applied:
    """A lane of small messages, as a worker writes it, made part of an archive volume by volume."""
    return asyncio.run(_measured(folder))


async def _measured(folder: Path) -> Applied:
    archive = await homes.begin(folder / "home")
    try:
        lane = await lanes.open_lane(archive, "worker")
        owner = (await users.find(archive, "alice")).id
        elsewhere = Home(folder / "worker")
        mail = scale.Mail(scale.SEED)
        async with LaneWriter.open(elsewhere, lane) as writer:
            for number in range(MESSAGES // BATCH):
                ready = prepare_all(mail.take(BATCH))
                listed = tuple(
                    SourceMessage(one.sha256, uid, len(one.raw), scale.BEGINNING + uid, "\\Seen")
                    for uid, one in enumerate(ready, 1)
                )
                source = SourceFolder(f"imap://user{number}@example.test@mail.example.test", "INBOX", 1)
                value = Archived(1, source, OwnedFolder(owner, f"user{number}/INBOX"), listed)
                await writer.write([Draft(value)], ready)
                if number % IN_VOLUME == IN_VOLUME - 1:
                    await writer.seal()
        volumes = elsewhere.volumes_of(lane.number)
        archive.home.lane(lane.number).mkdir(parents=True, exist_ok=True)
        wall = processor = 0.0
        for volume in volumes:
            shutil.copy(elsewhere.volume(volume), archive.home.volume(volume))
            begun, spent = time.perf_counter(), time.process_time()
            done = await lanes.anchor(archive, [lane.number])
            wall += time.perf_counter() - begun
            processor += time.process_time() - spent
            assert not done.refused, done.refused
        rows = await archive.database.read("SELECT count(*) FROM message")
        assert rows[0][0] == MESSAGES
        return Applied(MESSAGES / wall, processor / MESSAGES)
    finally:
        await archive.close()
