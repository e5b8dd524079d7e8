"""Proof in the console: the last verification, the progress of one, findings by name, and repair."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import damage, last_verification, verification
from core.archive.proof.findings import Verdict
from core.archive.proof.last_verification import LastVerification
from core.archive.proof.verify import verify
from core.archive.registry import saved_settings
from core.config import Home
from core.model import now, timestamp
from core.profiles.rhythm import Rhythm
from core.service import verifications
from core.service.alarms.rules import of_verification
from core.service.verifications import VerificationOutcome, VerificationProgress, VerificationRequest, VerificationState
from core.system.actor import Actor
from tests import homes, several
from tests.reasons import said
from tests.screens import BOTH_SIZES, Shown, straight
from tests.terminal.consoles import console_on
from tests.terminal.staged import HOSTILE
from tui.desk.desk import open_desk
from tui.desk.home import Remedy
from tui.desk.proof.proof import last_sentence, short, under_way
from tui.places.ask import Ask
from tui.places.confirm import Confirm
from tui.places.home.home import HomePlace
from tui.places.page import Page
from tui.places.proof.proof import ProofPlace
from tui.places.runs.job import JobPlace
from tui.places.settings.settings import SettingsPlace

home, archive = several.home, several.archive


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service is there, as far as the console can see."""
    monkeypatch.setattr("tui.desk.proof.proof.is_running", lambda _home: True)
    monkeypatch.setattr("tui.desk.proof.proof.ensure_running", AsyncMock())


async def _damage(archive: Archive) -> str:
    """Break the largest part of the first volume, and have it found; the subject of a message that needs it."""
    part = homes.rows(archive.home.volume(1), "SELECT id FROM part ORDER BY size DESC LIMIT 1")[0][0]
    homes.change(archive.home.volume(1), f"UPDATE part SET data = zeroblob(10) WHERE id = {part}")
    await verification.keep(archive.home, await verify(archive.home), actor="root")
    [known] = [one.finding for one in await damage.known(archive) if one.finding.sha256]
    sha256 = bytes.fromhex(known.sha256)
    return (await damage.names(archive, [sha256]))[sha256].subject


async def at_proof(screen: Shown) -> ProofPlace:
    await screen.press("s")
    await screen.until(lambda: isinstance(screen.console.screen, SettingsPlace))
    await screen.press("p")
    await screen.until(lambda: isinstance(screen.console.screen, ProofPlace))
    await screen.until_shown("Last    ", "Next    ")
    place = screen.console.screen
    assert isinstance(place, ProofPlace)
    return place


@BOTH_SIZES
async def test_an_archive_that_nobody_has_verified(archive: Archive, size: tuple[int, int]) -> None:
    """It says so, and when the schedule will; the keys fit, and escape leads back."""
    async with console_on(archive.home, size) as screen:
        await at_proof(screen)
        await screen.until_shown("○ never verified", ", if a service runs (everything, monthly)", "Nobody has looked yet")
        await screen.until_shown("v Verify", "e Schedule", "esc Back", "? Help")
        assert straight(screen.lines, size)
        assert "r Repair" not in screen.text
        assert "c Cancel" not in screen.text
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, SettingsPlace))


async def test_verifying_is_asked_for_watched_and_cancelled(archive: Archive, service: None) -> None:
    """v asks the service, progress moves on, c asks first and ends it."""
    async with console_on(archive.home) as screen:
        await at_proof(screen)
        await screen.press("v")
        await screen.until_shown("Now     ○ waiting", "goes on without this window", "c Cancel")
        request = await verifications.request(archive)
        assert request is not None
        assert (Actor.of(request.actor).channel, request.percent) == ("console", 0)
        assert "v Verify" not in screen.text
        await verifications.report(archive, VerificationProgress(request.id, 0.34, 2, 3, 1204, 31_000_000, 1))
        await screen.until_shown("● verifying", "volume 2 of 3; 1,204 messages, 31 MB, 1 finding so far", "█", "34 %")
        assert straight(screen.lines, (80, 24))
        await screen.press("c")
        await screen.until(lambda: isinstance(screen.console.screen, Confirm))
        await screen.press("n")
        await screen.until(lambda: isinstance(screen.console.screen, ProofPlace))
        assert await verifications.request(archive) is not None
        await screen.press("c")
        await screen.until(lambda: isinstance(screen.console.screen, Confirm))
        await screen.press("y")
        await screen.until_shown("Ended   ■ cancelled", "v Verify")
        assert await verifications.request(archive) is None


@BOTH_SIZES
async def test_what_was_found_is_named(archive: Archive, size: tuple[int, int]) -> None:
    """Messages first, with subject and place; enter tells all, and what to do."""
    subject = await _damage(archive)
    async with console_on(archive.home, size) as screen:
        await at_proof(screen)
        await screen.until_shown("✗ DAMAGED", "12 messages", "2 findings, none mended yet", "Damaged: 1 message, 2 findings")
        await screen.until_shown(f"▸ ✗ {subject} · alice: alice@example.test/INBOX", "✗ volume 000001.sqlite")
        await screen.until_shown("v Verify", "r Repair", "f From backup", "enter Show", "e Schedule", "esc Back", "? Help")
        assert straight(screen.lines, size)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, Page))
        await screen.until_shown(
            "Subject", "alice: alice@example.test/INBOX", "SHA-256", "What to do", "r looks for a good copy"
        )


async def test_a_hostile_subject_moves_nothing(archive: Archive) -> None:
    """Escapes, markup and width tricks of a damaged message."""
    await _damage(archive)
    subject = HOSTILE.encode("utf-8", "replace").decode().replace("\x00", "").replace("'", "")
    homes.change(archive.home.catalog, f"UPDATE message SET subject = '{subject}'")
    async with console_on(archive.home) as screen:
        await at_proof(screen)
        await screen.until_shown("▸ ✗ ␛]2;OWNED␇", "[/b]")
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, Page))
        await screen.until_shown("[red]")
        assert not set(screen.text) & set("\x1b\x07\u202e")


async def test_a_repair_from_a_backup_takes_the_warning_away(volumes_template: Home, archive: Archive, tmp_path: Path) -> None:
    """A wrong folder can be corrected; the repair tells by name what was mended, and Home has nothing to warn of."""
    subject = await _damage(archive)
    async with console_on(archive.home) as screen:
        await screen.until_shown("DAMAGED: verification found 2 faults; 1 message is damaged.", "→ go to")
        assert "✔ verified" not in screen.text
        await screen.press("1")
        await screen.until(lambda: isinstance(screen.console.screen, ProofPlace))
        await screen.until_shown("f From backup")
        await screen.press("f")
        await screen.until(lambda: isinstance(screen.console.screen, Ask))
        await screen.press(*str(tmp_path / "none"), "enter")
        await screen.until_shown("There are no volumes in", "Name a home or a backup")
        await screen.press("ctrl+u", *str(volumes_template.path), "enter")
        await screen.until(lambda: isinstance(screen.console.screen, JobPlace))
        await screen.until_shown("✔ done", "1 message repaired.", subject, "Nothing that is damaged is known any more.")
        await screen.press("escape")
        await screen.until_shown("✔ repaired", "2 findings, all mended", "✔ Nothing that is damaged is known.")
        await screen.until_gone("r Repair")
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.until(lambda: "DAMAGED" not in screen.text)
        await screen.until_shown("✔ verified")
    assert (await damage.count(archive)) == (0, 0)


async def test_what_nobody_has_stays_named(archive: Archive) -> None:
    """r asks first; the result says why, and the damage is still told."""
    subject = await _damage(archive)
    async with console_on(archive.home) as screen:
        await at_proof(screen)
        await screen.press("r")
        await screen.until(lambda: isinstance(screen.console.screen, Confirm))
        await screen.until_shown("Repair 1 message?", "Nothing is changed on a server")
        await screen.press("y")
        await screen.until(lambda: isinstance(screen.console.screen, JobPlace))
        await screen.until_shown("! with problems", "Nothing was repaired.", subject, "the server does not have it", "Part ")
        assert straight(screen.lines, (80, 24))
        await screen.press("escape")
        await screen.until_shown("✗ DAMAGED", subject)


async def test_a_repair_goes_on_when_the_page_is_left(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Home tells of it, Proof leads back to it, and it can be stopped there."""
    await _damage(archive)
    begun = asyncio.Event()

    async def wait(*_: object, **__: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("tui.desk.proof.proof.mending.repair", wait)
    async with console_on(archive.home) as screen:
        await at_proof(screen)
        await screen.press("r", "y")
        await screen.until(begun.is_set)
        await screen.press("escape")
        await screen.until_shown("Repair  ● working")
        await screen.press("h")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.until_shown("Repair working: Damaged messages")
        await at_proof(screen)
        await screen.until_shown("Repair  ● working")
        await screen.press("r")
        await screen.until(lambda: isinstance(screen.console.screen, JobPlace))
        await screen.press("c", "y")
        await screen.until_shown("■ stopped", "repairing again carries on")


async def test_the_schedule_is_chosen_from_a_list(archive: Archive) -> None:
    """It counts at once, and what was set by hand is among what can be chosen."""
    await saved_settings.change(archive, "verify", "7%")
    async with console_on(archive.home) as screen:
        await at_proof(screen)
        await screen.until_shown("7 % of everything, daily")
        await screen.press("e")
        await screen.until_shown("▸ 7% a day", "everything, once a week", "never by itself")
        await screen.press("end", "enter")
        await screen.until_shown("Next    ○ never by itself")
    assert (await settings.read(archive.database)).verify == "off"


async def test_a_backup_is_only_looked_at(archive: Archive) -> None:
    """No key that would write to it."""
    archive.home.backup_note.write_text("{}", "utf-8")
    async with console_on(archive.home) as screen:
        await at_proof(screen)
        await screen.until_shown("This is a backup, which is only read.")
        assert not any(key in screen.text for key in ("v Verify", "r Repair", "e Schedule"))


async def test_home_tells_of_an_archive_that_is_not_proved(archive: Archive) -> None:
    """Only when the schedule is off and it has mail; an old proof counts for a while."""

    async def told() -> list[str]:
        desk = await open_desk(archive.home.path)
        try:
            return [item.text for item in (await desk.home()).attention if item.remedy is Remedy.PROOF]
        finally:
            await desk.close()

    assert await told() == []
    await saved_settings.change(archive, "verify", "off")
    assert await told() == ["The archive was never verified, and does not verify itself."]
    await last_verification.remember(archive.home, Verdict())
    assert await told() == []
    [(text,)] = homes.rows(archive.home.catalog, "SELECT value FROM setting WHERE name = 'verified'")
    old = json.dumps(json.loads(text) | {"at": timestamp(now() - timedelta(days=100))})
    homes.change(archive.home.catalog, f"UPDATE setting SET value = '{old}' WHERE name = 'verified'")
    assert await told() == ["The archive was last verified 100 days ago, and does not verify itself."]
    homes.change(archive.home.catalog, "UPDATE setting SET value = 'monthly' WHERE name = 'verify'")
    [overdue] = await told()
    assert overdue.startswith("A verification is due since ")
    request = await verifications.ask(archive, actor=verifications.SCHEDULE)
    await verifications.finish(archive, request, VerificationOutcome.FAILED, why=said("It ended 5 times without a result."))
    [failed] = await told()
    assert re.fullmatch(r"The last verification, .+, failed: It ended 5 times without a result\.", failed)
    request = await verifications.ask(archive, actor=verifications.SCHEDULE)
    assert await told() == [failed], "it is tried again and again"
    await last_verification.remember(archive.home, Verdict())
    await verifications.finish(archive, request, VerificationOutcome.CLEAN)
    assert await told() == []


async def test_an_empty_archive_has_nothing_to_prove(tmp_path: Path) -> None:
    """However its schedule is."""
    archive = await homes.begin(tmp_path / "empty")
    await saved_settings.change(archive, "verify", "off")
    await archive.close()
    desk = await open_desk(archive.home.path)
    try:
        assert (await desk.home()).attention == ()
    finally:
        await desk.close()


def _last(*, ok: bool = True, findings: int = 0) -> LastVerification:
    return LastVerification(now(), ok, findings, (), 12, 250_000)


def test_how_the_last_verification_is_told() -> None:
    """The present findings count, not those of that time."""
    moment = now()
    assert str(last_sentence(None, 0, moment)[0]) == "○ never verified"
    assert str(last_sentence(_last(), 0, moment)[0]) == "✔ clean"
    assert str(last_sentence(_last(ok=False, findings=3), 3, moment)[0]) == "✗ DAMAGED"
    assert "3 findings, 1 not mended yet" in last_sentence(_last(ok=False, findings=3), 1, moment)[1]
    assert str(last_sentence(_last(ok=False, findings=3), 0, moment)[0]) == "✔ repaired"
    assert str(last_sentence(_last(), 2, moment)[0]) == "✗ DAMAGED", "a share found it since"


def test_what_is_waited_for_is_told() -> None:
    """A service, the end of a run, or nothing more; beside a run it rests."""
    request = VerificationRequest("x", "console", now(), 5)
    progress = VerificationProgress("x", 0.5, 1, 2, 3, 4, 0)
    standing = VerificationState(request, None, None, Rhythm.parse("off"), None)
    waiting = under_way(standing, False, 0)
    assert waiting is not None
    assert (str(waiting.state), waiting.fraction, waiting.share) == ("○ waiting", None, True)
    behind = under_way(standing, True, 1)
    assert behind is not None
    assert "when no run is under way" in behind.sentence
    going = under_way(VerificationState(request, progress, None, Rhythm.parse("off"), None), True, 1)
    assert going is not None
    assert going.sentence == "5 % of everything · volume 1 of 2; 3 messages, 4 B · resting beside a run"
    assert short(VerificationState(request, progress, None, Rhythm.parse("off"), None), None, 0, now()) == "● verifying 50 %"
    assert of_verification(standing, None, now()) is None, "it is about to be proved"


async def test_one_that_failed_says_why(archive: Archive) -> None:
    """Until another one has ended."""
    request = await verifications.ask(archive, actor="root")
    await verifications.finish(archive, request, VerificationOutcome.FAILED, why=said("The disk \x1b[31mis full."))
    async with console_on(archive.home) as screen:
        await at_proof(screen)
        await screen.until_shown("Ended   ✗ failed", "is full.")
        assert "\x1b" not in screen.text
