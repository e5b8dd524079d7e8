"""A profile as a form: what it makes of fields, and what it says of those that are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from core.profiles.profile import Kind, Method
from core.profiles.schedule import Schedule
from core.profiles.schema import forms, reading
from core.profiles.schema.faults import FieldError
from core.profiles.schema.profiles import PROFILES
from core.profiles.selection import SelectionMode
from tui.desk.face import CONSOLE

SINGLE: dict[str, Any] = {
    "kind": "mailbox",
    "name": "Anna",
    "server.host": "mail.example.test",
    "server.access": "imap-ssl",
    "server.port": "",
    "login.username": "anna@example.test",
    "target.user": "anna",
    "target.folder": "anna@example.test",
    "delete.when": "never",
    "delete.age": "",
}
MANY: dict[str, Any] = {
    "kind": "mailboxes",
    "name": "Staff",
    "server.host": "mail.example.test",
    "login.method": "kerio-master",
    "users.mode": "all-except",
    "users.list": ["bob"],
}


def faults_of(fields: dict[str, Any]) -> dict[str, str]:
    """The faults of a form by their fields, as they stand beside them."""
    return {name: fault.beside(CONSOLE) for name, fault in forms.problems(PROFILES, fields).items()}


def test_a_form_makes_the_profile_that_a_file_would() -> None:
    """Texts become numbers, lists and ages; what is empty is left out."""
    fields = {**SINGLE, "server.port": "1993", "filter.sender": "*@example.test, newsletter", "filter.larger_than": "500 kB"}
    profile = forms.made(PROFILES, fields)
    assert (profile.kind, profile.server.port, profile.filter.larger_than) == (Kind.MAILBOX, 1993, 500_000)
    assert profile.filter.sender == ("*@example.test", "newsletter")
    assert not faults_of(fields)


@pytest.mark.parametrize("fields", [SINGLE, MANY], ids=["mailbox", "mailboxes"])
def test_a_saved_profile_comes_back_into_the_form_unchanged(fields: dict[str, Any]) -> None:
    """Editing without changing anything saves the same profile."""
    filled = {
        **fields,
        "delete.when": "older-than",
        "delete.age": "6 months",
        "filter.larger_than": "10 MB",
        "server.timeout": "90",
    }
    profile = forms.made(PROFILES, filled)
    assert forms.made(PROFILES, forms.filled(PROFILES, profile)) == profile


def test_every_wrong_field_is_named_with_what_is_allowed() -> None:
    """Several at once, each beside its own field, those that are missing too."""
    wrong = {
        **SINGLE,
        "name": "",
        "server.host": "two words",
        "server.port": "imap",
        "delete.when": "older-than",
        "delete.age": "x",
    }
    found = faults_of(wrong)
    assert set(found) == {"name", "server.host", "server.port", "delete.age"}
    assert found["name"] == "This is needed."
    assert "a host name" in found["server.host"]
    assert "1 to 65535" in found["server.port"]
    assert "6 weeks" in found["delete.age"]


def test_what_has_no_meaning_beside_other_choices_is_left_out() -> None:
    """A form keeps what was typed before another choice was made; the profile does not."""
    kept = {
        **SINGLE,
        "delete.age": "6 months",
        "delete.trash_too": True,
        "delete.without_uidplus": True,
        "delete.shared": True,
        "server.access": "imap",
        "server.accept_all_certificates": True,
        "users.list": ["bob"],
        "users.mode": "only",
        "schedule.how": "manual",
        "schedule.every": "15 minutes",
    }
    profile = forms.made(PROFILES, kept)
    assert not profile.deletion.active
    assert profile.deletion.age is None
    assert not profile.deletion.without_uidplus
    assert not profile.deletion.shared
    assert not profile.server.accept_all_certificates
    assert profile.selection is None


def test_a_selection_needs_names_only_when_they_are_asked_for() -> None:
    """All users with a list of names that was ticked before is no contradiction in a form."""
    assert not faults_of({**MANY, "users.mode": "all"})
    profile = forms.made(PROFILES, MANY)
    assert profile.selection is not None
    assert (profile.selection.mode, profile.selection.names) == (SelectionMode.ALL_EXCEPT, ("bob",))
    assert profile.login.method is Method.KERIO_MASTER
    assert set(faults_of({**MANY, "users.mode": "only", "users.list": []})) == {"users.list"}


def test_a_profile_file_and_the_form_agree(tmp_path: Any) -> None:
    """A file's profile passes through the form unchanged."""
    text = """
name = "Staff"
kind = "mailboxes"
[server]
host = "mail.example.test"
access = "imap-tls"
timeout = 12.5
[login]
method = "master-user"
username = "master"
[folders]
include = ["**", "Junk E-mail/**"]
exclude = ["Old, very old"]
[filter]
since = 2024-01-31
subject = ["a"]
[users]
mode = "only"
list = ["anna", "bob@example.test"]
"""
    profile = reading.parse(PROFILES, text, tmp_path / "staff.toml").settings
    assert forms.made(PROFILES, forms.filled(PROFILES, profile)) == profile


def test_a_catch_all_form_makes_a_profile_and_comes_back() -> None:
    """Lists are written with commas; where unknown mail goes has no meaning when it is left."""
    fields = {
        **{"kind": "catchall", "name": "Journal", "server.host": "mail.example.test", "login.username": "journal@example.test"},
        **{"catchall.incoming": "{u-email}/In", "catchall.domains": "example.test, b.test", "catchall.headers": "To, X-To"},
        **{"catchall.unknown": "leave", "catchall.unknown_folder": "x", "catchall.archive": "anna"},
    }
    profile = forms.made(PROFILES, fields)
    assert profile.catchall is not None
    assert (profile.kind, profile.catchall.domains, profile.catchall.headers) == (
        Kind.CATCHALL,
        ("example.test", "b.test"),
        ("To", "X-To"),
    )
    assert forms.made(PROFILES, forms.filled(PROFILES, profile)) == profile
    assert not forms.applies(PROFILES, "catchall.archive", fields)
    assert not forms.applies(PROFILES, "catchall.incoming", MANY)
    assert set(faults_of({**fields, "catchall.incoming": "{x}", "catchall.domains": "@"})) == {
        "catchall.incoming",
        "catchall.domains",
    }


@pytest.mark.parametrize("how", ["every", "daily", "cron"])
@pytest.mark.parametrize("more", [{}, {"schedule.automatic": True}], ids=["bare", "automatic"])
def test_a_schedule_that_does_not_say_when_is_wrong_at_the_very_field(how: str, more: dict[str, Any]) -> None:
    """Empty or missing it is needed, never started by hand; what is no time is said once."""
    for given in ({}, {f"schedule.{how}": " "}):
        fields = {**SINGLE, "schedule.how": how, **more, **given}
        assert faults_of(fields) == {f"schedule.{how}": "This is needed."}
        with pytest.raises(FieldError) as error:
            forms.made(PROFILES, fields)
        assert error.value.field == f"schedule.{how}"
    wrong = faults_of({**SINGLE, "name": "", "schedule.how": how, **more, f"schedule.{how}": "x"})
    assert set(wrong) == {"name", f"schedule.{how}"}
    assert "is not allowed" in wrong[f"schedule.{how}"]


def test_a_time_zone_has_a_meaning_where_a_time_is_said() -> None:
    """It is hidden with every, where it is kept and no part of the profile."""
    fields = {**SINGLE, "schedule.every": "2 hours", "schedule.daily": "02:00", "schedule.time_zone": "Europe/Berlin"}
    shown = {
        how: forms.applies(PROFILES, "schedule.time_zone", {**fields, "schedule.how": how})
        for how in ("every", "daily", "cron")
    }
    assert shown == {"every": False, "daily": True, "cron": True}
    assert not faults_of({**fields, "schedule.how": "every"})
    assert forms.made(PROFILES, {**fields, "schedule.how": "daily"}).schedule == Schedule(
        daily="02:00", time_zone="Europe/Berlin"
    )


@pytest.mark.parametrize("name", ["sever.host", "server.hots", "server", "a.b.c", "schedule.x", "target.x", "", ".name"])
@pytest.mark.parametrize("value", ["x", "", True, ["x"]])
def test_a_field_that_no_form_has_is_refused(name: str, value: Any) -> None:
    """With any value, and with or without a meaning of its section."""
    for fields in ({**SINGLE, name: value}, {**MANY, name: value}):
        assert faults_of(fields) == {name: "Is unknown."}
        with pytest.raises(FieldError, match="is unknown"):
            forms.made(PROFILES, fields)


def test_another_way_to_be_started_is_refused() -> None:
    """It is no start by hand."""
    assert "manual, every, daily, cron" in faults_of({**SINGLE, "schedule.how": "weekly"})["schedule.how"]
