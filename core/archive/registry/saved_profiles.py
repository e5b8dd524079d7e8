"""Saved profiles and their passwords. Definitions are in the ledger; passwords are this machine's, and not in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import followed
from core.archive.registry import passwords, planning, shared_logins, users
from core.archive.store.entries.change import PASSWORD_CHANGED
from core.archive.store.entries.records import ProfileRemoved, ProfileSaved
from core.archive.store.ledger import Draft
from core.errors import ArchivarError, InputError
from core.model import now
from core.problems import profile as problems
from core.problems.code import Reason
from core.problems.warning import OTHER_CASE
from core.profiles import templates
from core.profiles.profile import Access, Profile, Server, from_json, name_key
from core.profiles.routing import AddressBook
from core.profiles.selection import SelectedUsers, select
from core.secrets import Secret
from core.values import dataclass

#: The rank of a connection whose data only the server itself can read.
_TRUSTED = 2


async def all_profiles(archive: Archive) -> list[Profile]:
    """All profiles by name."""
    rows = await archive.database.read("SELECT definition FROM profile ORDER BY name")
    return [from_json(json.loads(row[0])) for row in rows]


async def find(archive: Archive, name: str) -> Profile:
    """The profile called ``name``. Raises ``InputError``."""
    row = await archive.database.one("SELECT definition FROM profile WHERE name = ?", (name,))
    if row is None:
        names = ", ".join(profile.name for profile in await all_profiles(archive)) or "none yet"
        raise InputError(problems.UNKNOWN(profile=name, there=names))
    return from_json(json.loads(row[0]))


@dataclass(frozen=True, slots=True)
class Edited:
    """The saved profile of which another is the edited form. ``definition``: as it was when the edit began; None for any."""

    name: str
    definition: dict[str, Any] | None = None


async def save(
    archive: Archive,
    profile: Profile,
    password: Secret | None = None,
    *,
    actor: str = "archivar",
    edited: Edited | None = None,
    new: bool = False,
) -> None:
    """Save a profile, and its password (encrypted) when one is given. Raises ``InputError``; then nothing is saved.

    ``edited``: the profile as it was, whose runs, next start and, if none is given, stored password it takes over under a new
    name. Refused while that profile runs, when the new name is taken, or when its definition has been changed or is gone.
    ``new``: refused when there is one of that name.
    """
    async with archive.changing():
        await _forget_orphans(archive)
        if new:
            await _refuse_taken(archive, profile.name)
        if edited is not None and edited.definition is not None:
            await _refuse_changed(archive, edited.name, edited.definition)
        if edited is not None and name_key(edited.name) != name_key(profile.name):
            await _rename(archive, await find(archive, edited.name), profile, password, actor)
        else:
            if edited is not None:
                await _refuse_active(archive, (await find(archive, edited.name)).name)
            await check(archive, profile)
            await _save(archive, profile, password, actor)


async def _save(archive: Archive, profile: Profile, password: Secret | None, actor: str) -> None:
    before = await _definition(archive, profile.name)
    box = passwords.box(archive, profile.name, password) if password is not None else None
    # Forgotten before and stored after the entry: a crash in between leaves a profile without a password, never one that would
    # send the old password to a new server.
    async with forgetting(archive, profile.name, wanted=box is not None or bool(profile.login.password_file)) as forgotten:
        await archive.append([_saved(profile, actor, password=box is not None or forgotten)])
    async with archive.database.transaction() as transaction:
        if box is not None:
            await transaction.execute("INSERT OR REPLACE INTO password (profile, box) VALUES (?, ?)", (profile.name, box))
        if before is None or before.get("schedule") != profile.as_json().get("schedule"):
            await planning.plan(transaction, profile, now())
        # Names are shown in their latest spelling.
        await transaction.execute(
            "UPDATE run SET profile = ?1 WHERE profile = ?1 AND profile <> ?1 COLLATE BINARY", (profile.name,)
        )


async def _rename(archive: Archive, old: Profile, new: Profile, password: Secret | None, actor: str) -> None:
    await check(archive, new)
    await _refuse_taken(archive, new.name)
    await _refuse_active(archive, old.name)
    stored = await _is_stored(archive, old.name)
    given = password is not None or (stored and bool(new.login.password_file))
    if password is None and not new.login.password_file:
        password = await passwords.stored(archive, old.name)
    box = passwords.box(archive, new.name, password) if password is not None else None
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM password WHERE profile = ?", (new.name,))
        if box is not None:
            # No profile has the new name yet: after a crash either the new profile has its password, or the next change forgets
            # it.
            await transaction.execute("INSERT INTO password (profile, box) VALUES (?, ?)", (new.name, box))
    await archive.append([_removed(old, actor), _saved(new, actor, renamed=old.name, password=given)])
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM password WHERE profile = ?", (old.name,))
        await transaction.execute("UPDATE run SET profile = ? WHERE profile = ?", (new.name, old.name))
        await transaction.execute("UPDATE OR REPLACE planned SET profile = ? WHERE profile = ?", (new.name, old.name))
        if old.schedule != new.schedule:
            await planning.plan(transaction, new, now())


async def copy(archive: Archive, name: str, new_name: str, *, actor: str = "archivar") -> Profile:
    """Save a copy of a profile under a new name, with its stored password; its schedule is switched off in the copy.

    Raises ``InputError``.
    """
    async with archive.changing():
        await _forget_orphans(archive)
        original = await find(archive, name)
        await _refuse_taken(archive, new_name)
        await check(archive, original)
        schedule = replace(original.schedule, automatic=False) if original.schedule else None
        profile = replace(original, name=new_name, schedule=schedule)
        await _save(archive, profile, await passwords.stored(archive, original.name), actor)
    return profile


async def set_automatic(archive: Archive, name: str, on: bool, *, actor: str = "archivar") -> Profile:
    """Switch the schedule of a profile on or off. Raises ``InputError`` when it has none."""
    async with archive.changing():
        before = await find(archive, name)
        if before.schedule is None:
            raise InputError(problems.NO_SCHEDULE(profile=before.name))
        profile = replace(before, schedule=replace(before.schedule, automatic=on))
        if profile != before:
            # Not checked: a profile whose user was removed can be switched off too.
            await _save(archive, profile, None, actor)
    return profile


async def _refuse_taken(archive: Archive, name: str) -> None:
    if (taken := await _definition(archive, name)) is not None:
        raise InputError(problems.TAKEN(profile=taken["name"]))


async def _refuse_changed(archive: Archive, name: str, expected: dict[str, Any]) -> None:
    definition = await _definition(archive, name)
    if definition is None:
        raise InputError(problems.GONE(profile=name))
    if from_json(definition).as_json() != expected:
        raise InputError(problems.CHANGED(profile=name))


async def _refuse_active(archive: Archive, name: str) -> None:
    active = "SELECT id FROM run WHERE profile = ? AND status IN ('queued', 'running', 'interrupted')"
    if run := await archive.database.value(active, (name,)):
        raise InputError(problems.RUNNING(profile=name, run=run))


async def _definition(archive: Archive, name: str) -> dict[str, Any] | None:
    text = await archive.database.value("SELECT definition FROM profile WHERE name = ?", (name,))
    return json.loads(text) if text else None


def _saved(profile: Profile, actor: str, *, password: bool = False, renamed: str = "") -> Draft:
    """The saved profile's entry. ``password``: it is stored or forgotten with this."""
    changes = PASSWORD_CHANGED if password else None
    return Draft(ProfileSaved(profile.name, profile.as_json(), renamed, changes=changes), actor)


def _removed(profile: Profile, actor: str, *, password: bool = False) -> Draft:
    return Draft(ProfileRemoved(profile.name, changes=PASSWORD_CHANGED if password else None), actor)


async def check(archive: Archive, profile: Profile) -> SelectedUsers | None:
    """Check that the users of a profile exist; the result of its selection, if it has one. Raises ``InputError``."""
    if profile.target is not None:
        await users.find(archive, profile.target.user)
    if profile.catchall is not None:
        if profile.catchall.archive:
            await users.find(archive, profile.catchall.archive)
        await refuse_own_address(archive, profile)
    if profile.selection is None:
        return None
    everybody = await users.all_users(archive)
    selected = select(profile.selection, everybody)
    if selected.unknown:
        names = ", ".join(f'"{name}"' for name in selected.unknown[:10])
        more = f" and {len(selected.unknown) - 10} more" if len(selected.unknown) > 10 else ""
        there = ", ".join(user.name for user in everybody[:10]) or "none yet"
        there += ", …" if len(everybody) > 10 else ""
        raise InputError(problems.NO_SUCH_USERS(names=f"{names}{more}", there=there))
    if profile.deletion.active and (shared := shared_logins.warnings(profile, selected.users)):
        raise InputError(problems.SHARED_LOGIN(shared=shared[0]))
    return selected


async def refuse_own_address(archive: Archive, profile: Profile) -> None:
    """Raise ``InputError`` when an address of a catch-all mailbox belongs to a user, who would get all of its mail."""
    if profile.catchall is None:
        return
    book = AddressBook(await users.all_users(archive))
    for address in profile.catchall.own(profile.login.username):
        if owner := book.owner(address):
            raise InputError(problems.OWN_ADDRESS(address=address, user=owner[0].name))


async def catchall_mailboxes(archive: Archive) -> dict[str, str]:
    """The addresses of all catch-all mailboxes, each with the name of its profile."""
    profiles = [one for one in await all_profiles(archive) if one.catchall is not None]
    return {address: one.name for one in profiles if one.catchall for address in one.catchall.own(one.login.username)}


async def case_doubts(archive: Archive, profile: Profile) -> list[Reason]:
    """Warnings about folders of a catch-all profile that differ only by case from those into which mailboxes are archived."""
    if profile.catchall is None:
        return []
    people = await users.all_users(archive)
    rows = await archive.database.read("SELECT DISTINCT path FROM folder WHERE owner <> ?", (users.NOBODY.id,))
    there: dict[str, set[str]] = {}
    for (path,) in rows:
        there.setdefault(path.casefold(), set()).add(path)
    if any(one.catchall is None for one in await all_profiles(archive)):
        # Every mailbox has an inbox, also one of which nothing is archived yet.
        there |= {f"{user.addresses[0]}/INBOX".casefold(): {f"{user.addresses[0]}/INBOX"} for user in people if user.addresses}
    found: dict[str, str] = {}
    for template in (profile.catchall.incoming, profile.catchall.outgoing):
        for user in people:
            for place in {templates.place(template, user.addresses[0], address) for address in user.addresses}:
                if others := there.get(place.casefold(), set()) - {place}:
                    found.setdefault(template, min(others))
    return [OTHER_CASE(template=template, path=path) for template, path in found.items()]


async def _is_stored(archive: Archive, name: str) -> bool:
    return await archive.database.value("SELECT 1 FROM password WHERE profile = ?", (name,)) is not None


async def _forget(archive: Archive, name: str) -> None:
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM password WHERE profile = ?", (name,))


@asynccontextmanager
async def forgetting(archive: Archive, name: str, *, wanted: bool) -> AsyncIterator[bool]:
    """Context that forgets the password under ``name``, if ``wanted``, before the entry that makes it invalid is written.

    Yields True if there was one. It is restored when the entry was not written, so that a failure changes nothing. The caller
    holds ``archive.changing()``.
    """
    box = await archive.database.value("SELECT box FROM password WHERE profile = ?", (name,)) if wanted else None
    if box is None:
        yield False
        return
    after = (await archive.head()).seq
    await _forget(archive, name)
    try:
        yield True
    except BaseException:
        with suppress(ArchivarError):
            # Runs append at the same time; only entries of these kinds count. If they cannot be read, the password stays
            # forgotten: it could go to the wrong server.
            kinds = ("profile.saved", "directory.saved")
            unread = len(archive.notices)
            written = [seq for kind in kinds for seq in await archive.volumes.entry_seqs(kind, after)]
            if not written and len(archive.notices) == unread:
                async with archive.database.transaction() as transaction:
                    await transaction.execute("INSERT OR IGNORE INTO password (profile, box) VALUES (?, ?)", (name, box))
        raise


async def _forget_orphans(archive: Archive) -> None:
    """Forget passwords without a profile, left by a crash: a later profile of that name must not get them."""
    head = await archive.head()
    async with archive.database.transaction() as transaction:
        # A catalog that is being rebuilt does not know all profiles yet.
        if (await followed.applied(transaction)).seq >= head.seq:
            # Names that begin with a hyphen are the directory's and the seal places'.
            orphans = "profile NOT IN (SELECT name FROM profile) AND profile NOT LIKE '-%'"
            await transaction.execute(f"DELETE FROM password WHERE {orphans}")


async def remove(archive: Archive, name: str, *, actor: str = "archivar") -> None:
    """Delete a profile and its password; archived mail is not touched. Raises ``InputError``."""
    async with archive.changing():
        await _forget_orphans(archive)
        profile = await find(archive, name)
        await _refuse_active(archive, profile.name)
        await archive.append([_removed(profile, actor, password=await _is_stored(archive, profile.name))])
        await _forget(archive, profile.name)
        async with archive.database.transaction() as transaction:
            await planning.unplan(transaction, profile.name)


async def has_password(archive: Archive, profile: Profile) -> bool:
    """True when there is a stored password, or a password file in the profile."""
    return bool(profile.login.password_file) or await _is_stored(archive, profile.name)


class Misfit(StrEnum):
    """The reason why a stored password does not serve a profile."""

    REMOVED = "removed"
    NOT_STORED = "not stored"
    SERVER = "server"
    ACCOUNT = "account"
    ENCRYPTION = "encryption"


async def password_fits(archive: Archive, profile: Profile, name: str) -> bool:
    """True when a password is stored for the profile ``name``, for the very account and server of ``profile``."""
    return await password_misfit(archive, profile, name) is None


async def password_misfit(archive: Archive, profile: Profile, name: str) -> Misfit | None:
    """The reason why the password stored for the profile ``name`` does not serve ``profile``; None when it does.

    A stored password is never sent to another server, nor over a weaker connection.
    """
    definition = await _definition(archive, name)
    if definition is None:
        return Misfit.REMOVED
    before = from_json(definition)
    if before.login.password_file or not await has_password(archive, before):
        return Misfit.NOT_STORED
    old, new = before.server, profile.server
    if (old.host.lower(), old.effective_port) != (new.host.lower(), new.effective_port):
        return Misfit.SERVER
    if (before.login.method, before.login.username) != (profile.login.method, profile.login.username):
        return Misfit.ACCOUNT
    return Misfit.ENCRYPTION if _exposes(old, new) else None


def _exposes(old: Server, new: Server) -> bool:
    """True when the connection to ``new`` protects a password less than that to ``old``."""
    if _protection(new) != _protection(old):
        return _protection(new) < _protection(old)
    return _protection(new) == _TRUSTED and new.ca_file != old.ca_file


def _protection(server: Server) -> int:
    if server.access is Access.IMAP:
        return 0
    return 1 if server.accept_all_certificates else _TRUSTED


async def password(archive: Archive, profile: Profile) -> Secret:
    """The password of a profile: from its file, or decrypted. Raises ``InputError``, ``HomeError``."""
    if profile.login.password_file:
        return read_password(Path(profile.login.password_file))
    stored = await passwords.stored(archive, profile.name)
    if stored is None:
        raise InputError(problems.NO_PASSWORD(profile=profile.name))
    return stored


def read_password(path: Path) -> Secret:
    """The first line of a password file. Raises ``InputError``."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InputError(problems.PASSWORD_FILE_NO_TEXT(path=str(path))) from None
    except OSError as error:
        raise InputError(problems.PASSWORD_FILE_UNREAD(path=str(path), said=str(error.strerror))) from None
    if not text:
        raise InputError(problems.PASSWORD_FILE_EMPTY(path=str(path)))
    return Secret(text)
