"""Failed attempts, tests and previews of a form leave the saved settings, passwords and ledger unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import tui.desk.users.directory
from core.archive.archive import Archive
from core.archive.registry import saved_directory, saved_profiles
from core.engine.examine import directory_sync
from core.errors import ConnectError
from core.imap.session import Session
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer
from core.secrets import Secret
from core.trial import TrialStep
from tests import homes
from tests.reasons import said
from tui.desk.archive.archive import MailSelection
from tui.desk.desk import Desk
from tui.desk.profiles.draft import ProfileDraft
from tui.desk.refusals import Refused
from tui.desk.transfer.restores import RestoreWish
from tui.desk.users.directory import DirectoryDraft
from tui.desk.users.users import UserDraft

WORD = "geheim-4711"
REFUSED = ConnectError("login", said("The server refused the login.", "Check the password."))
LDAP = Directory(DirectoryKind.LDAP, DirectoryServer("dc1.example.test", DirectoryAccess.LDAP_SSL), "cn=reader,dc=x")
Form = Callable[[Desk, Archive], Awaitable[object]]


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    """An archive with a profile, a directory and a message; every server and directory refuses."""

    async def refuse(*arguments: Any, **options: Any) -> Any:
        raise REFUSED

    async def fail(settings: Directory, password: Secret, tick: Callable[[TrialStep], None], note: object) -> Any:
        return [TrialStep("login", False, REFUSED.message, REFUSED.reason)], ()

    monkeypatch.setattr(Session, "open", refuse)
    monkeypatch.setattr(directory_sync, "people", refuse)
    monkeypatch.setattr(tui.desk.users.directory, "connection_test", fail)
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: homes.message(1)})
    await saved_profiles.save(archive, homes.profile("mail.example.test", 993), Secret(WORD))
    await saved_directory.save(archive, LDAP, Secret(WORD))
    yield archive
    await archive.close()


async def _profile(desk: Desk) -> ProfileDraft:
    """The profile, being edited: another server and another password were typed."""
    draft = await desk.drafts.edit("Test")
    draft.fields |= {"server.host": "other.example.test", "delete.when": "immediately"}
    draft.password = Secret("wrong")
    return draft


async def _directory(desk: Desk) -> DirectoryDraft:
    draft = await desk.directory.draft()
    draft.fields = {**draft.fields, "server.host": "dc2.example.test"}
    draft.password = Secret("wrong")
    return draft


async def _test_profile(desk: Desk, archive: Archive) -> object:
    return await desk.drafts.test(await _profile(desk), lambda step: None)


def _trying(name: str) -> Form:
    async def work(desk: Desk, archive: Archive) -> object:
        return await getattr(desk.drafts, name)(await _profile(desk))

    return work


async def _save_profile_for_nobody(desk: Desk, archive: Archive) -> object:
    draft = await _profile(desk)
    draft.fields["target.user"] = "nobody"
    return await desk.drafts.save(draft)


async def _test_directory(desk: Desk, archive: Archive) -> object:
    return await desk.directory.test(await _directory(desk), lambda step: None)


async def _preview_directory(desk: Desk, archive: Archive) -> object:
    return await desk.directory.plan(await _directory(desk), lambda text: None)


async def _sync_directory(desk: Desk, archive: Archive) -> object:
    draft = await _directory(desk)
    return await desk.directory.synchronise(draft, lambda text: None, lambda: desk.directory.save(draft))


async def _save_user(desk: Desk, archive: Archive) -> object:
    return await desk.users.save(UserDraft("", "bob", "", "alice@example.test", ""))


async def _import_users(desk: Desk, archive: Archive) -> object:
    file = archive.home.path.parent / "users.csv"
    file.write_text("name,email\nbob,alice@example.test\n")
    return await desk.users.carry_out(await desk.users.plan_import(str(file)))


def _setting(name: str, value: str) -> Form:
    return lambda desk, archive: desk.settings.change(name, value)


async def _look_restore(desk: Desk, archive: Archive) -> object:
    return await desk.restores.look(RestoreWish(MailSelection(), "Test", "alice"), lambda looking: None)


async def _restore(desk: Desk, archive: Archive) -> object:
    key = await desk.restores.begin(RestoreWish(MailSelection(), "Test", "alice"))
    task = desk.jobs._jobs[key].task
    assert task is not None
    await asyncio.wait([task])
    return False


async def _kept(archive: Archive) -> object:
    password = await saved_profiles.password(archive, await saved_profiles.find(archive, "Test"))
    other = await saved_directory.password(archive, await saved_directory.find(archive))
    assert password.reveal() == other.reveal() == WORD
    tables = [homes.rows(archive.home.catalog, f"SELECT * FROM {name}") for name in ("setting", "password", "planned", "run")]
    return await archive.head(), homes.tables(archive.home), tables


FORMS: dict[str, Form] = {
    "profile, test": _test_profile,
    "profile, folders": _trying("folders"),
    "profile, preview of deletion": _trying("preview"),
    "profile, probe of deletion": _trying("probe"),
    "profile, save": _save_profile_for_nobody,
    "directory, test": _test_directory,
    "directory, preview": _preview_directory,
    "directory, sync now": _sync_directory,
    "user, save": _save_user,
    "users, import": _import_users,
    "setting": _setting("runs", "no number"),
    "setting, unknown": _setting("colour", "red"),
    "restore, look": _look_restore,
    "restore": _restore,
}


@pytest.mark.parametrize("form", list(FORMS))
async def test_a_form_that_fails_leaves_what_was_saved_as_it_was(archive: Archive, form: str) -> None:
    """It says that it failed, and the next run still has the settings and the password that worked."""
    desk = Desk(archive)
    before = await _kept(archive)
    went_well = False
    with suppress(Refused):
        went_well = bool(await FORMS[form](desk, archive))
    assert not went_well
    assert await _kept(archive) == before
