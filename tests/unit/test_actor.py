"""Actors of entries: by the kernel, whatever the environment is; entries of older versions stay readable."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.config import Home
from core.system import actor
from core.system.actor import Actor, signed
from tests import homes

NAMES = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() or not text.isspace())


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the kernel keeps the login uid."""
    monkeypatch.setattr(actor, "_LOGIN_UID", tmp_path / "loginuid")
    return tmp_path / "loginuid"


def test_no_variable_of_the_environment_names_an_account(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """USER, LOGNAME and SUDO_USER name another account: the kernel's counts, SUDO_USER is a remark of personal channels."""
    before = Actor.present("cli")
    for name in ("USER", "LOGNAME", "USERNAME", "SUDO_UID"):
        monkeypatch.setenv(name, "mallory")
    assert Actor.present("cli") == before
    monkeypatch.setenv("SUDO_USER", "mallory uid=0 login=7/eve")
    found = Actor.present("cli")
    assert (found.account, found.uid, found.login_uid) == (before.account, before.uid, None)
    assert found.sudo_user == "mallory uid=0 login=7/eve"
    assert Actor.of(str(found)) == found
    assert "mallory" not in found.short()
    assert found.sentence().endswith("SUDO_USER said mallory uid=0 login=7/eve")
    assert Actor.present("service").sudo_user == ""


@pytest.mark.parametrize(
    ("kept", "uid"), [("1000", 1000), ("0\n", 0), ("4294967295", None), ("", None), ("x", None), (None, None)]
)
def test_the_login_uid_is_had_where_the_kernel_keeps_one(login: Path, kept: str | None, uid: int | None) -> None:
    """Unknown without a login, and without such a file."""
    if kept is not None:
        login.write_text(kept)
    found = Actor.present("console")
    assert found.login_uid == uid
    assert Actor.of(str(found)) == found
    assert found.as_json()["login_uid"] == uid


@pytest.mark.parametrize(
    ("text", "channel", "account", "uid"),
    [
        ("cli:anna", "cli", "anna", None),
        ("console", "console", "", None),
        ("archivar", "archivar", "", None),
        ("cli:EXAMPLE\\anna", "cli", "EXAMPLE\\anna", None),
        ("cli:root uid=0", "cli", "root", 0),
        ("cli uid=4711", "cli", "", 4711),
        ("console:root uid=0 login=1000/anna sudo=bob", "console", "root", 0),
        ("cli:x uid=" + "9" * 5000, "cli", "x uid=" + "9" * 5000, None),
        ("", "", "", None),
    ],
)
def test_actors_of_all_versions_are_read(text: str, channel: str, account: str, uid: int | None) -> None:
    """Those of older versions have a channel and at most a name."""
    found = Actor.of(text)
    assert (found.channel, found.account, found.uid) == (channel, account, uid)
    assert found.sentence()


def test_the_account_that_became_root_is_seen_in_a_column() -> None:
    """The account that had logged in stands before the one that it became."""
    assert Actor.of("cli:root uid=0 login=1000/anna").short() == "cli:anna>root"
    assert Actor.of("cli:anna uid=1000 login=1000/anna").short() == "cli:anna"
    assert Actor.of("cli uid=4711").short() == "cli:4711"
    sentence = "cli: root (uid 0), logged in as anna (uid 1000)"
    assert Actor.of("cli:root uid=0 login=1000/anna").sentence() == sentence


@given(NAMES, NAMES, NAMES)
@example("EXAMPLE\\anna m", "a:b=c", "uid=0 login=1/x")
def test_a_name_cannot_wander_into_another_field(account: str, login_account: str, sudo: str) -> None:
    """With any name of an account, reading gives the written actor."""
    said = Actor("cli", account, 7, 8, login_account, sudo)
    assert Actor.of(str(said)) == said


def test_a_caller_gives_the_channel_alone() -> None:
    """A caller's claim of an account is ignored."""
    assert Actor.of(signed("cli:mallory uid=4711")).uid == actor.started_by()
    assert signed("cli:mallory") == signed("cli")


async def test_every_entry_is_signed_where_it_is_written(tmp_path: Path) -> None:
    """The first one of a new archive too, with any name in a draft."""
    (tmp_path / "home" / "volumes").mkdir(parents=True)
    archive = await Archive.open(Home(tmp_path / "home"), actor="cli:mallory")
    try:
        await archive.append([homes.draft("profile.removed", {"name": "x"}, "console:mallory")])
        found = [Actor.of(entry.actor) for entry in await homes.entries(archive)]
        assert [one.channel for one in found] == ["cli", "console"]
        assert {one.uid for one in found} == {actor.started_by()}
    finally:
        await archive.close()
