"""Whatever a form tries, tests or previews and fails at leaves what was saved as it was: settings, passwords, ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import tui.desk.directory
from core.archive.archive import Archive
from core.archive.registry import saved_directory, saved_profiles
from core.engine.examine import directory_sync
from core.errors import ConnectError
from core.imap.session import Session
from core.profiles.directory import Directory, DirectoryAccess, DirectoryServer, Source
from core.secrets import Secret
from core.trial import Step
from tests import homes
from tui.desk.archive_views import Selection
from tui.desk.core import CoreGateway
from tui.desk.directory_views import DirectoryDraft
from tui.desk.people_views import UserDraft
from tui.desk.profile_views import Draft
from tui.desk.transfer_views import RestoreWish
from tui.desk.views import Refused

WORD = "geheim-4711"
REFUSED = ConnectError("login", "The server refused the login.", "Check the password.")
LDAP = Directory(Source.LDAP, DirectoryServer("dc1.example.test", DirectoryAccess.LDAP_SSL), "cn=reader,dc=x")
Form = Callable[[CoreGateway, Archive], Awaitable[object]]


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    """An archive with a profile, a directory and a message; every server and directory refuses."""

    async def refuse(*arguments: Any, **options: Any) -> Any:
        raise REFUSED

    async def fail(settings: Directory, password: Secret, tick: Callable[[Step], None], note: object) -> Any:
        return [Step("login", False, REFUSED.message, REFUSED.hint)], ()

    monkeypatch.setattr(Session, "open", refuse)
    monkeypatch.setattr(directory_sync, "people", refuse)
    monkeypatch.setattr(tui.desk.directory, "connection_test", fail)
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: homes.message(1)})
    await saved_profiles.save(archive, homes.profile("mail.example.test", 993), Secret(WORD))
    await saved_directory.save(archive, LDAP, Secret(WORD))
    yield archive
    await archive.close()


async def _profile(gateway: CoreGateway) -> Draft:
    """The profile, being edited: another server and another password were typed."""
    draft = await gateway.drafts.edit("Test")
    draft.fields |= {"server.host": "other.example.test", "delete.when": "immediately"}
    draft.password = Secret("wrong")
    return draft


async def _directory(gateway: CoreGateway) -> DirectoryDraft:
    draft = await gateway.directory.draft()
    draft.fields = {**draft.fields, "server.host": "dc2.example.test"}
    draft.password = Secret("wrong")
    return draft


async def _test_profile(gateway: CoreGateway, archive: Archive) -> object:
    return await gateway.drafts.test(await _profile(gateway), lambda step: None)


def _trying(name: str) -> Form:
    async def work(gateway: CoreGateway, archive: Archive) -> object:
        return await getattr(gateway.drafts, name)(await _profile(gateway))

    return work


async def _save_profile_for_nobody(gateway: CoreGateway, archive: Archive) -> object:
    draft = await _profile(gateway)
    draft.fields["target.user"] = "nobody"
    return await gateway.drafts.save(draft)


async def _test_directory(gateway: CoreGateway, archive: Archive) -> object:
    return await gateway.directory.test(await _directory(gateway), lambda step: None)


async def _preview_directory(gateway: CoreGateway, archive: Archive) -> object:
    return await gateway.directory.plan(await _directory(gateway), lambda text: None)


async def _sync_directory(gateway: CoreGateway, archive: Archive) -> object:
    draft = await _directory(gateway)
    return await gateway.directory.synchronise(draft, lambda text: None, lambda: gateway.directory.save(draft))


async def _save_user(gateway: CoreGateway, archive: Archive) -> object:
    return await gateway.users.save(UserDraft("", "bob", "", "alice@example.test", ""))


async def _import_users(gateway: CoreGateway, archive: Archive) -> object:
    file = archive.home.path.parent / "users.csv"
    file.write_text("name,email\nbob,alice@example.test\n")
    return await gateway.users.carry_out(await gateway.users.plan_import(str(file)))


def _setting(name: str, value: str) -> Form:
    return lambda gateway, archive: gateway.settings.change(name, value)


async def _look_restore(gateway: CoreGateway, archive: Archive) -> object:
    return await gateway.restores.look(RestoreWish(Selection(), "Test", "alice"), lambda looking: None)


async def _restore(gateway: CoreGateway, archive: Archive) -> object:
    key = await gateway.restores.begin(RestoreWish(Selection(), "Test", "alice"))
    task = gateway._jobs._jobs[key].task
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
    gateway = CoreGateway(archive)
    before = await _kept(archive)
    went_well = False
    with suppress(Refused):
        went_well = bool(await FORMS[form](gateway, archive))
    assert not went_well
    assert await _kept(archive) == before
