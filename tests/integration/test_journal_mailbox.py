"""Thousands of messages to hundreds of people, and a service that is killed: the distribution is that of the generator."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.registry import saved_profiles
from core.archive.store.entries.records import UserSaved
from core.archive.store.ledger import Draft
from core.config import Home, find_or_create
from core.model import RunStatus, User
from core.profiles.catchall import CatchAll
from core.profiles.profile import Access, Login, Profile, Server
from core.secrets import Secret
from tests import homes
from tests.conftest import StartDovecot
from tests.everybody import OWN, Made, Maker, Person, people
from tests.servers.dovecot import Dovecot
from tests.support import Sandbox

pytestmark = pytest.mark.server
PEOPLE = 200
KILLS = 6
#: (user, folder, SHA-256) of every place.
Places = set[tuple[str, str, str]]


def profile(server: Dovecot) -> Profile:
    return Profile(
        "Journal", Server(server.host, Access.IMAP, server.plain_port, timeout=20.0), Login(OWN), catchall=CatchAll()
    )


async def begin(path: Path, everybody: list[Person]) -> Archive:
    archive = await Archive.open(find_or_create(path))
    await archive.append(
        [Draft(UserSaved(User(f"id{number}", one.name, one.addresses))) for number, one in enumerate(everybody)]
    )
    return archive


def reference(made: list[Made], everybody: list[Person]) -> Places:
    """The users of each message, from the generator's record alone."""
    primary = {one.name: one.addresses[0] for one in everybody}
    found: Places = set()
    for one in made:
        found |= {(name, f"{primary[name]}/Sent Items", one.sha256) for name in one.sent}
        found |= {(name, f"{primary[name]}/INBOX", one.sha256) for name in one.got}
        if one.unknown or not one.sent | one.got:
            found.add(("@catchall", "Unknown addresses", one.sha256))
    return found


async def places(archive: Archive) -> Places:
    rows = await archive.database.read(
        "SELECT user.name, folder.path, message.sha256 FROM placement JOIN folder ON folder.id = placement.folder_id "
        "JOIN user ON user.id = folder.owner JOIN message ON message.id = placement.message_id WHERE until_seq IS NULL"
    )
    assert len(set(rows)) == len(rows)
    return {(user, path, bytes(digest).hex()) for user, path, digest in rows}


@pytest.mark.parametrize("count", [600, pytest.param(5000, marks=pytest.mark.slow)])
async def test_everybody_gets_what_the_mail_was_made_for(dovecot: StartDovecot, tmp_path: Path, count: int) -> None:
    """Aliases, lists, blind copies, reports, unknown people: the places are the reference's, and each body is there once."""
    everybody = people(PEOPLE, Random(1))
    server = dovecot({OWN: "secret"})
    maker = Maker(everybody, count)
    made = list(maker.messages(count))
    for one in made:
        server.deliver(OWN, "INBOX", one.raw)
    archive = await begin(tmp_path / "home", everybody)
    try:
        result = await Sandbox(archive).run(profile(server))
        assert (result.status, result.reasons, result.tally.archived) == (RunStatus.SUCCEEDED, "", count)
        assert await places(archive) == reference(made, everybody)
        contents = {one.sha256: one.content for one in made}
        assert {digest: await archive.raw(bytes.fromhex(digest)) for digest in contents} == contents
        volume = archive.home.volume(1)
        assert homes.rows(volume, "SELECT count(*) FROM message") == [(len(contents),)]
        for attachment in maker.attachments:
            sizes = homes.rows(volume, "SELECT size FROM part WHERE sha256 = ?", hashlib.sha256(attachment).digest())
            assert sizes == [(len(attachment),)]
        filed = [entry.payload async for entry in archive.entries() if entry.kind == "filed"]
        assert max(len(entry["messages"]) for entry in filed) <= 500
        assert len(filed) <= count // 100 + 2, "one entry for a batch, whatever number of people get its messages"
        wanted: Counter[str] = Counter(address for one in made for address in one.unknown)
        rows = await archive.database.read("SELECT address, messages FROM unknown_address WHERE ours")
        assert dict(rows) == wanted
        before = homes.tables(archive.home)
        await archive.rebuild()
        assert homes.tables(archive.home) == before
    finally:
        await archive.close()
    assert [finding.text for finding in (await verify(archive.home)).findings] == []


@pytest.mark.slow
def test_a_service_killed_while_it_files_everybodys_mail_loses_and_doubles_nothing(
    dovecot: StartDovecot, tmp_path: Path
) -> None:
    """After kill -9 the next service goes on: the same places and unknown addresses, totals of the whole, verify clean."""
    everybody = people(40, Random(2))
    server = dovecot({OWN: "secret"})
    made = list(Maker(everybody, 3).messages(600))
    for one in made:
        server.deliver(OWN, f"Box{len(one.raw) % 7}", one.raw)
    template = asyncio.run(_prepared(tmp_path / "template", everybody, profile(server)))
    homes.enqueue(template, "Journal")
    whole = Home(shutil.copytree(template.path, tmp_path / "whole"))
    service = homes.start_service(whole)
    assert homes.wait_until_final(whole).status is RunStatus.SUCCEEDED
    homes.end(service)
    complete = asyncio.run(_content(whole))
    assert complete[0] == reference(made, everybody)

    seed = f"kill {time.time_ns()}"
    random = Random(seed)
    middle = 0
    for kill in range(KILLS):
        share = (kill + random.random()) / KILLS
        home = Home(shutil.copytree(template.path, tmp_path / f"kill{kill}"))
        service = homes.start_service(home)
        # Counted, since on a busy machine no two runs take the same time.
        homes.wait_for(lambda home=home, share=share: _stored(home) >= share * len(made), f"{share:.0%} of the mail")  # type: ignore[misc]
        service.kill()
        service.wait()
        middle += 0 < _stored(home) < len(made)
        again = homes.status(home) in homes.FINAL
        number = homes.enqueue(home, "Journal") if again else 1
        service = homes.start_service(home)
        ended = homes.wait_until_final(home, number)
        homes.end(service)
        where = f"seed {seed!r}, kill {kill} at {share:.0%}"
        assert ended.status is RunStatus.SUCCEEDED, f"{where}: {ended.reason}"
        assert ended.result is not None
        assert ended.result["totals"]["archived"] == (0 if again else len(made)), where
        assert asyncio.run(_content(home)) == complete, where
        assert homes.findings(home) == [], where
        shutil.rmtree(home.path)
    assert middle, f"no kill in the middle, seed {seed!r}"


def _stored(home: Home) -> int:
    """Messages in the first volume."""
    return int(homes.rows(home.volume(1), "SELECT count(*) FROM message")[0][0])


async def _prepared(path: Path, everybody: list[Person], one: Profile) -> Home:
    archive = await begin(path, everybody)
    try:
        await saved_profiles.save(archive, one, Secret("secret"))
        return archive.home
    finally:
        await archive.close()


async def _content(home: Home) -> tuple[Places, list[Any], list[Any]]:
    """Places, unknown addresses with their messages, and how often each UID is named in the ledger."""
    archive = await Archive.open(home)
    try:
        addresses = await archive.database.read("SELECT address, ours, messages FROM unknown_address ORDER BY address")
        waiting = await archive.database.read(
            "SELECT a.address, hex(m.sha256), u.sent FROM unknown_message u JOIN unknown_address a ON a.id = u.address_id "
            "JOIN message m ON m.id = u.message_id WHERE resolved_seq IS NULL ORDER BY 1, 2, 3"
        )
        named: Counter[tuple[str, int]] = Counter()
        async for entry in archive.entries():
            if entry.kind == "filed":
                named.update((entry.payload["server_folder"], row[1]) for row in entry.payload["messages"])
        return await places(archive), [*addresses, *waiting], sorted(named.items())
    finally:
        await archive.close()
