"""Damaged messages are fetched again: from a backup, from equal parts elsewhere, from the server; and stay good ever after."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import damage, verification
from core.archive.proof.opened_volumes import OpenedVolumes
from core.archive.proof.salvage import from_other_volumes
from core.archive.registry import saved_profiles
from core.archive.search.search import matching
from core.archive.search.search_index import bring_up, glance
from core.config import Home
from core.engine.restore import repair as mending
from core.errors import DamagedError
from core.profiles.deletion import Deletion, When
from core.secrets import Secret
from core.service.salvaging import salvage_if_needed
from tests import homes, several
from tests.broken import break_message
from tests.conftest import StartDovecot
from tests.homes import ALICE, change, findings, message, profile, rows
from tests.support import all_digests

home = several.home


async def _read(home: Home, sha256: bytes) -> bytes:
    archive = await Archive.open(home)
    try:
        return await archive.raw(sha256)
    finally:
        await archive.close()


@pytest.mark.parametrize("which", ["sealed", "open"])
def test_a_message_repaired_from_another_home_reads_well_and_stays_so(
    volumes_template: Home, tmp_path: Path, which: str
) -> None:
    """In a sealed volume and in the open one: named, repaired, read back; verify knows it as repaired, rebuild keeps it."""
    if which == "open":
        volumes_template = asyncio.run(homes.filled(tmp_path / "template"))
    home = Home(Path(shutil.copytree(volumes_template.path, tmp_path / "home")))
    before = homes.tables(home)
    number = 1
    sha256, part = break_message(home, number)
    damaged = homes.cli(home, "verify", "--json")
    assert damaged.returncode == 4
    assert any(f"Part {part} " in one["text"] for one in json.loads(damaged.stdout)["findings"])

    tried = homes.cli(home, "repair", "--from", str(volumes_template.path), "--dry-run", "--json")
    assert tried.returncode == 4, tried.stderr
    [found] = json.loads(tried.stdout)["repaired"]
    assert found["sha256"] == sha256.hex()
    assert found["subject"].startswith("message ")
    assert found["places"][0]["user"] == "alice"
    with pytest.raises(DamagedError):
        asyncio.run(_read(home, sha256))

    done = homes.cli(home, "repair", "--from", str(volumes_template.path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "alice" in done.stdout
    assert asyncio.run(_read(home, sha256)) == asyncio.run(_read(volumes_template, sha256))
    clean = homes.cli(home, "verify", "--json")
    assert clean.returncode == 0, clean.stdout
    assert any(sha256.hex()[:16] in one["text"] for one in json.loads(clean.stdout)["repaired"])
    assert "Nothing is damaged" in homes.cli(home, "repair").stdout

    kept = homes.tables(home)
    changed = {name for name in before if before[name] != kept[name]}
    assert changed == {"message"}
    for path in home.path.glob("archive.sqlite*"):
        path.unlink()
    assert homes.cli(home, "rebuild").returncode == 0
    assert homes.tables(home) == kept
    assert asyncio.run(_read(home, sha256)) == asyncio.run(_read(volumes_template, sha256))
    assert findings(home) == []


def test_a_copy_that_is_damaged_in_its_turn_is_damage_again(volumes_template: Home, home: Home) -> None:
    """A repaired message counts as repaired only while its last copy is good."""
    sha256, _ = break_message(home, 1)
    assert homes.cli(home, "repair", "--from", str(volumes_template.path)).returncode == 0
    last = home.volume_numbers()[-1]
    change(home.volume(last), f"UPDATE message SET recipe = zeroblob(8) WHERE sha256 = X'{sha256.hex()}'")
    assert any(f"{last:06}.sqlite: Message {sha256.hex()[:16]}" in text for text in findings(home)), findings(home)
    assert homes.cli(home, "repair", "--from", str(volumes_template.path)).returncode == 0
    assert findings(home) == []


@pytest.mark.parametrize("origin", ["profile", "gone", "files"])
def test_the_reason_says_why_no_server_could_be_asked(home: Home, tmp_path: Path, origin: str) -> None:
    """No profile leads there, the mailbox had it no more, or it came from files: told apart."""
    sha256, _ = break_message(home, 1)
    where = f"message_id = (SELECT id FROM message WHERE sha256 = X'{sha256.hex()}')"
    change(home.catalog, f"UPDATE source_message SET gone_seq = {1 if origin == 'gone' else 'NULL'} WHERE {where}")
    if origin == "files":
        (tmp_path / "a.eml").write_bytes(b"Subject: of a file\r\n\r\n" + b"text of a file\r\n" * 2000)
        assert homes.cli(home, "import", "--user", "alice", str(tmp_path / "a.eml")).returncode == 0
        sha256 = hashlib.sha256((tmp_path / "a.eml").read_bytes()).digest()
        volume = home.volume(home.volume_numbers()[-1])
        change(volume, f"UPDATE message SET recipe = zeroblob(8) WHERE sha256 = X'{sha256.hex()}'")
    expected = {"profile": "without-profile", "gone": "gone", "files": "from-files"}[origin]
    homes.cli(home, "verify")
    lost = {one["sha256"]: one["code"] for one in json.loads(homes.cli(home, "repair", "--json").stdout)["lost"]}
    assert lost[sha256.hex()] == f"repair-{expected}"


def test_what_nobody_has_any_more_stays_named(home: Home) -> None:
    """No backup, no profile: exit code 4, the message with its place and the reason, and it is still known as damaged."""
    sha256, _ = break_message(home, 1)
    done = homes.cli(home, "repair", "--json")
    assert done.returncode == 4
    [lost] = json.loads(done.stdout)["lost"]
    assert lost["sha256"] == sha256.hex()
    assert lost["reason"]

    async def known() -> set[str]:
        archive = await Archive.open(home)
        try:
            return {one.finding.sha256 for one in await damage.known(archive)}
        finally:
            await archive.close()

    assert sha256.hex() in asyncio.run(known())


def test_another_home_must_be_one(home: Home, tmp_path: Path) -> None:
    """A folder without volumes and the archive itself are refused."""
    for path in (tmp_path, home.path):
        assert homes.cli(home, "repair", "--from", str(path)).returncode == 2


async def test_equal_parts_in_other_volumes_heal(tmp_path: Path) -> None:
    """The same attachment was sent again later, in another volume: the first message is put together with it."""
    archive = await homes.begin(tmp_path / "home", volume_bytes=108_000)
    try:
        first = message(1, 100_000)
        await homes.store(archive, {1: first})
        await homes.store(archive, {2: message(2, 100_000)})
        await homes.store(archive, {3: first.replace(b"Subject: message 1", b"Subject: message 3")})
        sha256, _ = break_message(archive.home, 1)
        found = await from_other_volumes(OpenedVolumes(archive.home), sha256)
    finally:
        await archive.close()
    if found is None:
        # The largest part was that of message 2.
        pytest.fail("the equal part was not found")
    assert found.raw == first


@pytest.mark.server
def test_a_damaged_message_is_fetched_from_its_server(dovecot: StartDovecot, tmp_path: Path) -> None:
    """By source, folder, UIDVALIDITY and UID, matched by SHA-256; verify is clean then."""
    server = dovecot()
    for number in range(6):
        server.deliver(ALICE, "INBOX", message(number, 40_000))
    home = asyncio.run(homes.with_profile(tmp_path / "home", profile(server.host, server.plain_port)))
    homes.enqueue(home)
    service = homes.start_service(home)
    homes.wait_until_final(home)
    homes.end(service)
    sha256, _ = break_message(home, 1)
    done = homes.cli(home, "repair", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    [repaired] = json.loads(done.stdout)["repaired"]
    assert server.host in repaired["from"]
    assert sha256.hex() in all_digests(server.expected(ALICE))
    assert len(asyncio.run(_read(home, sha256))) > 40_000
    assert findings(home) == []


async def test_what_is_repaired_is_found_by_its_text_again(volumes_template: Home, home: Home) -> None:
    """Without any new mail, for which alone the service would index."""
    sha256, _ = break_message(home, 1)
    archive = await Archive.open(home)
    try:
        await bring_up(archive)
        number = await archive.database.value("SELECT id FROM message WHERE sha256 = ?", (sha256,))
        assert number not in (await matching(archive, "body:text"))[0]
        while not (await damage.count(archive))[1]:
            await verification.share(archive, 50, lambda share, verdict: None)
        assert (await mending.repair(archive, others=[volumes_template])).repaired
        assert number in (await matching(archive, "body:text"))[0]
        assert (await glance(archive)).damaged == 0
    finally:
        await archive.close()


@pytest.mark.server
@pytest.mark.parametrize("way", ["repair", "run"])
def test_what_a_cut_open_volume_lost_is_fetched_from_the_server_again(dovecot: StartDovecot, tmp_path: Path, way: str) -> None:
    """A run is refused and deletes nothing; salvaged, the rest comes by the repair itself, or by the next run."""
    server = dovecot()
    for number in range(12):
        server.deliver(ALICE, "INBOX", message(number, 40_000))
    home = asyncio.run(homes.with_profile(tmp_path / "home", profile(server.host, server.plain_port)))
    assert homes.cli(home, "run", "Test").returncode == 0
    assert homes.cli(home, "service", "stop").returncode == 0
    os.truncate(home.volume(1), home.volume(1).stat().st_size * 6 // 10)
    refused = homes.cli(home, "run", "Test")
    assert refused.returncode == 4, refused.stdout + refused.stderr
    assert "archivar repair" in refused.stderr
    if way == "run":
        lost = asyncio.run(_salvage(home))
        ended = homes.cli(home, "run", "Test", "--json")
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["totals"]["archived"] >= len(lost)
        assert homes.cli(home, "service", "stop").returncode == 0
    else:
        done = homes.cli(home, "repair", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        value = json.loads(done.stdout)
        lost = set(value["salvaged"]["lost"])
        assert {one["sha256"] for one in value["repaired"]} == lost
        assert all(one["subject"] and one["places"][0]["user"] == "alice" for one in value["repaired"])
    assert lost
    listed = {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message")}
    assert listed == all_digests(server.expected(ALICE))
    assert findings(home) == []
    again = homes.cli(home, "run", "Test", "--json")
    assert homes.cli(home, "service", "stop").returncode == 0
    assert json.loads(again.stdout)["totals"]["archived"] == 0


async def _salvage(home: Home) -> set[str]:
    """Salvage, without asking any server; what is lost."""
    archive = await Archive.open(home)
    try:
        done = await salvage_if_needed(archive, actor="test")
        assert done is not None
        return {said.sha256.hex() for said in done.lost}
    finally:
        await archive.close()


@pytest.mark.server
def test_nothing_is_deleted_whose_copy_lies_in_a_missing_volume(dovecot: StartDovecot, tmp_path: Path) -> None:
    """The other mail is archived and deleted as ever; what is in the volume that is gone stays on the server, by name."""
    server = dovecot()
    for number in range(8):
        server.deliver(ALICE, "INBOX", message(number, 40_000))
    one = profile(server.host, server.plain_port)
    home = asyncio.run(homes.with_profile(tmp_path / "home", one, volume_bytes=1))
    assert homes.cli(home, "run", "Test").returncode == 0
    server.deliver(ALICE, "INBOX", message(8, 40_000))
    assert homes.cli(home, "run", "Test").returncode == 0
    assert homes.cli(home, "service", "stop").returncode == 0
    gone = next(number for number in home.volume_numbers() if rows(home.volume(number), "SELECT 1 FROM message"))
    lost = {row[0].hex() for row in rows(home.volume(gone), "SELECT sha256 FROM message")}
    home.volume(gone).unlink()
    server.deliver(ALICE, "INBOX", message(9, 40_000))
    everything = all_digests(server.expected(ALICE))

    async def delete_from_now_on() -> None:
        archive = await Archive.open(home)
        try:
            await saved_profiles.save(archive, replace(one, deletion=Deletion(When.IMMEDIATELY)), Secret("secret"))
        finally:
            await archive.close()

    asyncio.run(delete_from_now_on())
    done = homes.cli(home, "run", "Test", "--json")
    assert homes.cli(home, "service", "stop").returncode == 0
    assert done.returncode == 1, done.stdout + done.stderr
    value = json.loads(done.stdout)
    assert value["totals"]["archived"] == 1
    assert all_digests(server.expected(ALICE)) == lost & everything
    assert value["totals"]["deleted"] == len(everything - lost)
    assert any(f"{gone:06}" in problem["reason"] for problem in value["mailboxes"][0]["problems"])
