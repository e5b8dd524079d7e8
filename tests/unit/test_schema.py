"""The tables of settings files: each field survives every way it is written, and is refused by its name and line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.output import Output
from core.errors import InputError
from core.profiles import directory, profile
from core.profiles.schema import forms, kinds
from core.profiles.schema.directories import DIRECTORIES
from core.profiles.schema.faults import MOST, FieldError, Sort
from core.profiles.schema.profiles import PROFILES
from core.profiles.schema.reading import parse
from core.profiles.schema.table import Field, SettingsTable, Where
from core.profiles.schema.writing import as_toml, toml

WHERE = Path("/etc/archivar/x.toml")
ROOT = Path(__file__).parents[2]
TABLES: dict[str, SettingsTable[Any]] = {"profile": PROFILES, "directory": DIRECTORIES}
LOADED = {"profile": profile.from_json, "directory": directory.from_json}
AGES = ("3 months", "1 day", "10 years")
SIZES = ("500 kB", "3 MiB", "1 B", "2 GB")
LDAP_NAMES = ("mail", "uid", "x-name")
#: Texts of a form for fields that depend on each other, or that take few texts. The others get what their kinds accept.
TYPED: dict[str, tuple[Any, ...]] = {
    "name": ("Anna", 'A "b" \\ é'),
    "server.host": ("mail.example.test", "::1", "192.0.2.1"),
    "server.timeout": ("300", "12.5"),
    "target.user": ("alice",),
    "target.folder": ("alice@example.test", "a/b"),
    "login.username": ("master", "alice@example.test"),
    "folders.include": ([], ["**", "a, b"]),
    "folders.exclude": ([], ["Junk/**"]),
    **{f"filter.{key}": ("", *AGES) for key in ("older_than", "newer_than")},
    "filter.since": ("", "2020-01-31"),
    "filter.before": ("", "2024-12-31"),
    "filter.larger_than": ("", *SIZES[:3]),
    "filter.smaller_than": ("", "3 GB", "5 GiB"),
    **{f"filter.{key}": ("", "*@example.test, news") for key in ("sender", "recipient", "subject")},
    "delete.age": AGES,
    "catchall.incoming": ("", "{h-email}/In"),
    "catchall.outgoing": ("Sent",),
    "catchall.unknown_folder": ("", "a/b"),
    "catchall.archive": ("", "anna", "@catchall"),
    "catchall.own_addresses": ("", "j@example.test"),
    "catchall.domains": ("", "example.test, b.test"),
    "catchall.headers": ("", "To, X-A"),
    "users.list": (["anna", "bob@example.test"],),
    "schedule.every": ("15 minutes",),
    "schedule.daily": ("2:00",),
    "schedule.weekdays": ("", "fri, mon"),
    "schedule.cron": ("0 2 * * mon",),
    "schedule.time_zone": ("", "Europe/Berlin"),
    "search.base_dn": ("", "dc=x"),
    "search.filter": ("", "(a=b)"),
    "search.domains": ("", "a.x b.x"),
    "search.groups": ("", r"cn=a,dc=x; cn=b\;c"),
    **{f"attributes.{key}": ("", *LDAP_NAMES) for key in ("user_name", "full_name", "login")},
    "attributes.email": ("", "mail, other"),
}
#: All of these, to be tried in other fields.
TEXTS = [*dict.fromkeys(one for texts in TYPED.values() for one in texts if isinstance(one, str)), __file__]


def typed(field: Field) -> st.SearchStrategy[Any]:
    """A form's value of a field."""
    if isinstance(field.kind, kinds.Choice):
        return st.sampled_from([one.value for one in field.kind.members])
    return st.booleans() if isinstance(field.kind, kinds.Flag) else st.sampled_from(TYPED.get(field.name) or accepted(field))


def accepted(field: Field) -> list[Any]:
    """Values of a form that the kind of a field accepts: nothing, the ends of a range, texts of other fields."""
    texts = [str(field.kind.low), str(field.kind.high)] if isinstance(field.kind, kinds.Number) else TEXTS
    some = [one for one in texts if one and _is_accepted(field.kind, one)]
    assert some, (
        f"{field.name} takes none of the texts of other fields: add some that it takes to TYPED in {Path(__file__).name}"
    )
    return some if field.needed else ["", *some]


def _is_accepted(kind: kinds.ValueKind, text: str) -> bool:
    try:
        kind.read(kind.typed(text), Path())
    except kinds.WrongValue:
        return False
    return True


def in_forms(table: SettingsTable[Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = [field for field in table.fields if field.name not in ("login.password", "login.password_env")]
    return st.fixed_dictionaries({field.name: typed(field) for field in fields}).map(_sensible)


def _sensible(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the two choices of which no form offers all values for every kind."""
    if fields.get("kind") == "mailboxes" and fields["login.method"] == "password":
        fields["login.method"] = "kerio-master"
    if fields.get("server.access") == "https" and fields.get("type") != "kerio":
        fields["server.access"] = "ldap-tls"
    return fields


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
def test_what_a_form_makes_comes_back_from_file_ledger_and_form(name: str, data: st.DataObject) -> None:
    """Every field of the table, with any values of the others; the file is TOML that every terminal can show."""
    table = TABLES[name]
    settings = forms.made(table, data.draw(in_forms(table)))
    assert parse(table, as_toml(table, settings), WHERE).settings == settings
    assert LOADED[name](json.loads(json.dumps(settings.as_json()))) == settings
    assert forms.made(table, forms.filled(table, settings)) == settings


BASES: dict[str, dict[str, Any]] = {
    "mailbox": {"name": "A", "kind": "mailbox", "server.host": "h", "login.username": "a", "target.user": "a"},
    "mailboxes": {"name": "A", "kind": "mailboxes", "server.host": "h", "login.method": "kerio-master"},
    "catchall": {"name": "A", "kind": "catchall", "server.host": "h", "login.username": "a"},
    "directory": {"type": "ldap", "server.host": "h"},
}
#: Of these any text is right.
ANY_TEXT = {"login.password_env", "users.list"}


def file_of(values: dict[str, Any]) -> str:
    """A file with these values, each on a line of its own."""
    lines, section = [], ""
    for name in sorted(values, key=lambda one: one.rpartition(".")[0]):
        above, _, key = name.rpartition(".")
        lines += [f"[{above}]"] if above != section else []
        section = above
        lines.append(f"{key} = {toml(values[name])}")
    return "\n".join(lines)


@pytest.mark.parametrize("base", BASES)
def test_a_key_that_an_older_program_did_not_know_means_what_its_absence_means(base: str) -> None:
    """The default of the attribute, which a definition in the ledger gets, is that of the field, which a file gets."""
    table = "directory" if base == "directory" else "profile"
    settings = parse(TABLES[table], file_of(BASES[base]), WHERE).settings
    differing = []
    # By its mode a selection of users is known to be there.
    for field in (one for one in TABLES[table].fields if one.name not in {"users.mode", *BASES[base]}):
        older = json.loads(json.dumps(settings.as_json()))
        part = older.get(field.section)
        if not isinstance(part, dict) or part.pop(field.key, None) is None:
            continue
        try:
            differing += [field.name] if LOADED[table](older) != settings else []
        except KeyError:
            # An attribute that was always there.
            continue
    assert differing == [], "the attribute in the dataclass and the field in the table have different defaults"


def wrong_values(field: Field) -> list[Any]:
    text = "a\x1bb"
    if isinstance(field.kind, kinds.Flag):
        return ["yes", 1]
    if isinstance(field.kind, kinds.Number):
        return ["1", -1, 10**50, True]
    if isinstance(field.kind, kinds.Texts):
        return ["x", [7], *([[text]] if field.name not in ANY_TEXT else [])]
    return [7, True, ["x"], *([text] if field.name not in ANY_TEXT else [])]


FIELDS = [(table, field.name) for table in TABLES for field in TABLES[table].fields if field.where is not Where.FORM]


@pytest.mark.parametrize(("table", "name"), FIELDS, ids=[f"{table}-{name}" for table, name in FIELDS])
def test_each_field_is_refused_by_its_name_and_line(table: str, name: str) -> None:
    """Another type, a number out of range, an invisible character; the rest of the file is right, and not named."""
    field = TABLES[table].by_name[name]
    base = {"users": "mailboxes", "catchall": "catchall"}.get(field.section, "mailbox") if table == "profile" else "directory"
    for value in wrong_values(field):
        text = file_of({**BASES[base], name: value})
        with pytest.raises(FieldError) as refused:
            parse(TABLES[table], text, WHERE)
        (fault,) = refused.value.faults
        assert (fault.field, fault.sort) == (name, Sort.WRONG)
        assert text.splitlines()[fault.line - 1].startswith(f"{field.key} = ")
        assert fault.allowed


MANY_FAULTS = """\
name = "A"
kind = "mailbox"
[sever]
x = 1
[server]
hots = "mail.example.test"
port = 0
[filter]
since = 2024-01-02
before = 2024-01-01
seen = "maybe"
[delete]
trash_too = true
age = "x"
[target]
user = "a"
"""


def test_all_faults_of_a_file_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the lines, what is missing last; a name that resembles a known one with that."""
    with pytest.raises(FieldError) as refused:
        parse(PROFILES, MANY_FAULTS, WHERE)
    error = refused.value
    assert [(fault.line, fault.field, fault.sort.value) for fault in error.faults] == [
        (3, "sever", "unknown"),
        (6, "server.hots", "unknown"),
        (7, "server.port", "not-allowed"),
        (10, "filter.before", "not-allowed"),
        (11, "filter.seen", "not-allowed"),
        (13, "delete.trash_too", "no-meaning"),
        (14, "delete.age", "not-allowed"),
        (0, "login.username", "missing"),
        (5, "server.host", "missing"),
    ]
    assert (error.message, error.exit_code) == ("x.toml, line 3: [sever] is an unknown section.", 2)
    assert error.hint.endswith("Did you mean [server]?")
    output = Output()
    output.json_wanted = True
    output.error(error)
    said = capsys.readouterr()
    assert len([line for line in said.err.splitlines() if "x.toml" in line]) == 9
    assert "server.hots is unknown. Allowed: host, access, port" in said.err
    assert "Did you mean host?" in said.err
    told = json.loads(said.out)
    assert told["exit_code"] == 2
    assert told["faults"][2] == {
        "code": "value-not-allowed",
        "sort": "not-allowed",
        "field": "server.port",
        "line": 7,
        "error": "server.port = 0 is not allowed.",
        "hint": "Allowed: a number from 1 to 65535.",
    }


VALUES = st.recursive(
    st.text(max_size=5) | st.booleans() | st.integers() | st.floats() | st.dates() | st.datetimes() | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(st.data())
def test_a_form_with_whatever_in_it_is_right_or_has_named_problems(data: st.DataObject) -> None:
    """No value of a field ends in anything but settings or a problem of a field that there is."""
    table = TABLES[data.draw(st.sampled_from(sorted(TABLES)))]
    fields: dict[str, Any] = data.draw(st.fixed_dictionaries({}, optional={field.name: VALUES for field in table.fields}))
    found = forms.problems(table, fields)
    assert not set(found) - set(table.by_name) - set(table.sections)
    if not found:
        assert forms.made(table, fields)


@pytest.mark.parametrize(
    "text",
    [
        "a." * 400_000 + "a = 1",
        "x = {" + "a." * 300_000 + "a = 1}",
        "\n".join(f"k{number} = 1" for number in range(3_000)),
        "[server]\n" + "\n".join(f"host{number} = 1" for number in range(3_000)),
        '[filter]\nsender = ["' + "*" * 500_000 + '"]',
        f"[server]\nport = 0x{'f' * 200_000}",
        f"{'k' * 500_000} = 1",
    ],
    ids=["deep", "deep-inline", "unknown", "unknown-in-section", "long", "hexadecimal", "long-key"],
)
def test_a_file_of_any_size_is_refused_soon(text: str) -> None:
    """Time grows with the size of the file alone, and few faults are told of thousands."""
    start = time.process_time()
    with pytest.raises(InputError) as refused:
        parse(PROFILES, text, WHERE)
    assert time.process_time() - start < 5
    assert len(refused.value.others) <= MOST
    assert len(refused.value.message) < 1000


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_names_every_key(name: str) -> None:
    """Every key of a settings file is on its reference page."""
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    missing = [field.name for field in TABLES[name].fields if field.where is not Where.FORM and field.key not in text]
    assert missing == []


def test_an_empty_list_means_what_no_list_means() -> None:
    """Without header fields all mail would be filed for no user, without attributes no address would be found."""
    of_everybody = 'name = "A"\nkind = "catchall"\nserver.host = "h"\nlogin.username = "a"\n'
    people = 'type = "ldap"\nserver.host = "h"\nattributes.full_name = "cn"\n'
    without = parse(PROFILES, of_everybody, WHERE).settings
    assert without.catchall is not None
    assert len(without.catchall.headers) > 10
    assert parse(PROFILES, of_everybody + "catchall.headers = []", WHERE).settings == without
    assert parse(DIRECTORIES, people + "attributes.email = []", WHERE).settings == parse(DIRECTORIES, people, WHERE).settings
