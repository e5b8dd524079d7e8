"""Profile files: what is taken, what is refused and how that is said, and the way back to a file."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from core.errors import InputError
from core.profiles.age import Age
from core.profiles.deletion import Deletion, OnTrash, When
from core.profiles.filter import Filter, Flagged, Seen
from core.profiles.profile import Access, Server, Target, from_json
from core.profiles.rules import FolderRules
from core.profiles.schedule import Schedule
from core.profiles.schema.profiles import checked_name
from core.profiles.schema.reading import MAX_FILE_BYTES
from tests.profile_files import MINIMAL, SECTIONS, as_toml, having, line_of, parse, read, refusal


def test_the_least_that_is_needed_gets_the_defaults() -> None:
    """Name, kind, host, user name and user are enough: TLS, 300 s, 4 connections, all folders, the mailbox's own name."""
    profile = parse(MINIMAL, Path("alice.toml")).settings
    assert profile.server == Server("mail.example.test", Access.IMAP_SSL, 0, False, "", 300.0, 4)
    assert profile.server.effective_port == 993
    assert profile.target == Target("alice", "alice@example.test")
    assert profile.folders == FolderRules()


@pytest.mark.parametrize(
    "text",
    [
        'name = "Alice"\nkind = "mailbox"\nserver.host = "mail.example.test"\nlogin.username = "alice@example.test"\n'
        'target.user = "alice"\n',
        'name = "Alice"\nkind = "mailbox"\nserver = { host = "mail.example.test" }\n'
        'login = { username = "alice@example.test" }\ntarget = { user = "alice" }\n',
        MINIMAL.replace("\n", "\r\n"),
        "# a comment\n\n" + MINIMAL.replace("[server]", "[ server ]  # where"),
    ],
)
def test_every_way_to_write_toml_is_read(text: str) -> None:
    """Dotted keys, inline tables, comments and Windows line ends all mean the same profile."""
    assert parse(text, Path("x.toml")) == parse(MINIMAL, Path("x.toml"))


def test_settings_that_mean_the_default_are_taken() -> None:
    """A default may be written down all the same."""
    text = MINIMAL + (
        '[filter]\nseen = "any"\nolder_than = ""\n[delete]\nwhen = "never"\nage = ""\ntrash_too = false\non_trash = "keep"\n'
        "without_uidplus = false\nshared = false\n"
    )
    assert parse(text, Path("x.toml")) == parse(MINIMAL, Path("x.toml"))


def test_filter_and_deletion_are_read() -> None:
    """Every key of the two sections, days as TOML dates and as texts, sizes with units."""
    text = MINIMAL + (
        '[filter]\nseen = "seen"\nflagged = "unflagged"\nolder_than = "3 months"\nnewer_than = "10 years"\n'
        'since = 2020-01-31\nbefore = "2030-12-31"\nlarger_than = "1 kB"\nsmaller_than = "10.5 MB"\n'
        'sender = ["*@example.test"]\nrecipient = ["anna"]\nsubject = ["report", " Bericht "]\n'
        '[delete]\nwhen = "older-than"\nage = "1 year"\ntrash_too = true\non_trash = "follow"\n'
        "without_uidplus = true\nshared = true\n"
    )
    profile = parse(text, Path("x.toml")).settings
    assert profile.filter == Filter(
        Seen.SEEN,
        Flagged.UNFLAGGED,
        Age(3, "month"),
        Age(10, "year"),
        date(2020, 1, 31),
        date(2030, 12, 31),
        1000,
        10_500_000,
        ("*@example.test",),
        ("anna",),
        ("report", "Bericht"),
    )
    assert profile.deletion == Deletion(When.OLDER_THAN, Age(1, "year"), True, OnTrash.FOLLOW, True, True)


def test_ages_sizes_and_days_that_contradict_each_other_are_refused() -> None:
    """Older than nothing, and ranges in which no message can be."""
    for text, message in (
        (having("delete", 'when = "older-than"'), 'delete.age is missing or empty with when = "older-than"'),
        (MINIMAL + "[filter]\nsince = 2024-01-02\nbefore = 2024-01-02\n", "filter.before is not after since"),
        (MINIMAL + '[filter]\nlarger_than = "2 MB"\nsmaller_than = "1 MB"\n', "filter.smaller_than is not over larger_than"),
    ):
        assert message in refusal(text).message


WRONG = [
    ("", "name = 7", "= 7 is not allowed", "a text in quotes"),
    ("", 'name = ""', "is missing or empty", 'name = "Alice"'),
    ("", 'name = "a\\nb"', "is not allowed", "one line of text"),
    ("", 'name = "a\\u001b[2Jb"', "is not allowed", "one line of text"),
    ("", 'name = "a\\u202eb"', "is not allowed", "one line of text"),
    ("", 'name = "-rf"', "is not allowed", "does not begin with -"),
    ("", f'name = "{"n" * 101}"', "(101 characters) is not allowed", "up to 100 characters"),
    ("", 'kind = "folder"', "is not allowed", "mailbox, mailboxes, catchall"),
    ("", "kind = true", "= true is not allowed", "a text"),
    ("server", 'host = "imap://mail.example.test"', "is not allowed", "a host name or an IP address"),
    ("server", 'host = "mail.example.test:993"', "is not allowed", "a port belongs in port"),
    ("server", 'host = "mail example.test"', "is not allowed", "a host name or an IP address"),
    ("server", 'host = "user@mail.example.test"', "is not allowed", "a host name or an IP address"),
    ("server", 'host = "-mail"', "is not allowed", "a host name or an IP address"),
    ("server", 'host = ["a"]', '= ["a"] is not allowed', "a text in quotes"),
    ("server", f'host = "{"h" * 254}"', "is not allowed", "up to 253 characters"),
    ("server", "port = 0", "= 0 is not allowed", "from 1 to 65535"),
    ("server", "port = 70000", "= 70000 is not allowed", "from 1 to 65535"),
    ("server", "port = -1", "= -1 is not allowed", "from 1 to 65535"),
    ("server", "port = true", "= true is not allowed", "from 1 to 65535"),
    ("server", "port = 993.0", "= 993.0 is not allowed", "from 1 to 65535"),
    ("server", 'port = "993"', '= "993" is not allowed', "from 1 to 65535"),
    ("server", f"port = 1{'0' * 300}", "is not allowed", "from 1 to 65535"),
    ("server", 'access = "ssl"', '= "ssl" is not allowed', "imap, imap-tls, imap-ssl"),
    ("server", 'accept_all_certificates = "yes"', '= "yes" is not allowed', "true or false"),
    ("server", "accept_all_certificates = 1", "= 1 is not allowed", "true or false"),
    ("server", 'ca_file = "nowhere.pem"', "there is no such file (/etc/archivar/nowhere.pem)", "a file that exists"),
    ("server", "ca_file = 1", "= 1 is not allowed", "a text in quotes"),
    ("server", "timeout = inf", "= inf is not allowed", "from 1 to 86400"),
    ("server", "timeout = nan", "= nan is not allowed", "from 1 to 86400"),
    ("server", "timeout = -1", "= -1 is not allowed", "from 1 to 86400"),
    ("server", "timeout = 0.5", "= 0.5 is not allowed", "from 1 to 86400"),
    ("server", f"timeout = 1{'0' * 400}", "is not allowed", "from 1 to 86400"),
    ("server", 'timeout = "5 min"', "is not allowed", "seconds, from 1 to 86400"),
    ("server", "connections = 0", "= 0 is not allowed", "from 1 to 16"),
    ("server", "connections = 17", "= 17 is not allowed", "from 1 to 16"),
    ("server", "connections = 2.5", "= 2.5 is not allowed", "from 1 to 16"),
    ("server", "slowest_bytes_a_second = 0", "= 0 is not allowed", "from 1 to 1000000"),
    ("server", 'slowest_bytes_a_second = "fast"', "is not allowed", "from 1 to 1000000"),
    ("server", "megabytes_a_day = -1", "= -1 is not allowed", "from 0"),
    ("server", "megabytes_a_day = 1.5", "= 1.5 is not allowed", "from 0"),
    ("login", 'method = "oauth"', "is not allowed", "password, kerio-master, master-user, plain-authzid"),
    ("login", 'username = "a\\u0007b"', "is not allowed", "one line of text"),
    ("login", "username = 1979-05-27", "= 1979-05-27 is not allowed", "a text in quotes"),
    ("login", 'password_file = "nowhere.txt"', "there is no such file (/etc/archivar/nowhere.txt)", "a file that exists"),
    ("login", 'password_file = "~nobody-of-that-name/x"', "cannot be found", "a file that exists"),
    ("login", f'password_file = "/{"x" * 300}"', "File name too long", "a file that exists"),
    ("login", 'password_file = "/"', "this is no file", "a file that exists"),
    ("login", "password_env = 1", "= 1 is not allowed", "a text in quotes"),
    ("folders", 'include = "INBOX"', '= "INBOX" is not allowed', "a list of texts"),
    ("folders", 'include = ["INBOX", 1]', '= ["INBOX", 1] is not allowed', "a list of texts"),
    ("folders", 'include = [""]', '= "" is not allowed', "Name/**"),
    ("folders", 'exclude = ["a//b"]', '= "a//b" is not allowed', "Name/**"),
    ("folders", 'exclude = ["***"]', '= "***" is not allowed', "Name/**"),
    ("folders", 'exclude = ["a\\u001bb"]', "is not allowed", "Name/**"),
    ("filter", 'seen = "maybe"', "is not allowed", "any, seen, unseen"),
    ("filter", "older_than = 3", "= 3 is not allowed", "such as 30 days"),
    ("delete", 'when = "always"', "is not allowed", "never, immediately, older-than"),
    ("delete", "age = 3", "= 3 is not allowed", "such as 30 days"),
    ("delete", 'age = "3 moons"', '= "3 moons" is not allowed', "such as 30 days, 6 weeks, 3 months or 10 years"),
    ("delete", 'age = "0 days"', "is not allowed", "such as 30 days"),
    ("delete", 'age = "1 year"', 'has no meaning with when = "never"', 'when = "older-than"'),
    ("delete", "trash_too = true", 'has no meaning with when = "never"', 'when = "immediately" or "older-than", or no trash'),
    ("delete", "without_uidplus = true", 'has no meaning with when = "never"', 'when = "immediately" or "older-than"'),
    ("delete", "shared = true", 'has no meaning with when = "never"', 'when = "immediately" or "older-than"'),
    ("delete", 'shared = "yes"', '= "yes" is not allowed', "true or false"),
    ("delete", "without_uidplus = 1", "= 1 is not allowed", "true or false"),
    ("filter", 'newer_than = "soon"', "is not allowed", "such as 30 days"),
    ("filter", 'since = "yesterday"', "is not allowed", "2024-12-31"),
    ("filter", "since = 2024-01-01T10:00:00", "is not allowed", "2024-12-31"),
    ("filter", "larger_than = 10", "= 10 is not allowed", "500 kB or 10 MB"),
    ("filter", 'smaller_than = "10 miles"', "is not allowed", "500 kB or 10 MB"),
    ("filter", 'sender = ["*"]', "is not allowed", "newsletter"),
    ("filter", 'subject = "x"', '= "x" is not allowed', "a list of texts"),
    ("delete", 'trash_too = "no"', "is not allowed", "true or false"),
    ("delete", 'on_trash = "drop"', "is not allowed", "keep, follow"),
    ("target", 'user = ["alice"]', "is not allowed", "a text in quotes"),
    ("target", 'user = "al\\nice"', "is not allowed", "one line of text"),
    ("target", 'folder = "/alice"', "is not allowed", "a path such as"),
    ("target", 'folder = "alice//mail"', "is not allowed", "a path such as"),
    ("target", 'folder = "../../etc"', "is not allowed", "a path such as"),
    ("target", 'folder = "alice/./x"', "is not allowed", "a path such as"),
    ("target", 'folder = "alice\\u001b]0;x"', "is not allowed", "a path such as"),
    ("target", f'folder = "{"x" * 501}"', "is not allowed", "a path such as"),
]


@pytest.mark.parametrize(("section", "line", "what", "allowed"), WRONG, ids=[f"{one[0]}.{one[1][:30]}" for one in WRONG])
def test_a_wrong_value_is_refused_with_key_line_and_what_is_allowed(section: str, line: str, what: str, allowed: str) -> None:
    """For a wrong value of any key, the message names file, line, key and value, the hint the allowed values."""
    text = having(section, line)
    error = refusal(text)
    key = line.partition("=")[0].strip()
    name = f"{section}.{key}" if section else key
    assert error.message.startswith(f"alice.toml, line {line_of(text, f'{key} =')}: {name} ")
    assert what in error.message
    assert allowed in error.hint
    assert len(error.message) < 250


@pytest.mark.parametrize(
    ("lines", "schedule"),
    [
        (['every = " 15  Minutes "'], Schedule(every="15 minutes")),
        (['daily = "2:00"', 'cron = ""'], Schedule(daily="02:00")),
        (
            ['daily = "02:00"', 'weekdays = ["Fri", "mon"]', 'time_zone = "Europe/Berlin"', "automatic = false"],
            Schedule(daily="02:00", weekdays=("mon", "fri"), time_zone="Europe/Berlin", automatic=False),
        ),
        (['cron = "0  2 * * MON"', 'time_zone = "Europe/Berlin"'], Schedule(cron="0 2 * * mon", time_zone="Europe/Berlin")),
    ],
)
def test_a_schedule_is_read_and_gets_its_plain_form(lines: list[str], schedule: Schedule) -> None:
    """Every so often, daily on some days, or by a cron line; without the section a profile is run by hand."""
    assert parse(MINIMAL, Path("x.toml")).settings.schedule is None
    profile = parse("\n".join([MINIMAL, "[schedule]", *lines]), Path("x.toml")).settings
    assert profile.schedule == schedule
    assert parse(as_toml(profile), Path("x.toml")).settings == profile


@pytest.mark.parametrize(
    ("lines", "key", "what", "allowed"),
    [
        ([], "", "does not say when", "every ="),
        (["automatic = true"], "", "does not say when", "daily ="),
        (['every = "10 seconds"'], "every", '= "10 seconds" is not allowed', "from 1 minute to 30 days"),
        (["every = 15"], "every", "= 15 is not allowed", "15 minutes"),
        (['daily = "24:00"'], "daily", '= "24:00" is not allowed', "02:00"),
        (["daily = 02:00:00"], "daily", "= 02:00:00 is not allowed", "02:00"),
        (['cron = "0 2 31 2 *"'], "cron", "is not allowed", "five fields"),
        (['daily = "02:00"', 'time_zone = "Berlin"'], "time_zone", '= "Berlin" is not allowed', "Europe/Berlin"),
        (['daily = "02:00"', 'weekdays = ["mo"]'], "weekdays", '= "mo" is not allowed', "mon, tue"),
        (['daily = "02:00"', 'weekdays = "mon"'], "weekdays", '= "mon" is not allowed', "a list"),
        (['every = "1 day"', 'weekdays = ["mon"]'], "weekdays", "is for daily", "daily ="),
        (['every = "1 day"', 'time_zone = "Europe/Berlin"'], "time_zone", "has no meaning with every", "daily or cron"),
        (['every = "1 day"', 'cron = "0 2 * * *"'], "cron", "is given beside another one", "one of every, daily, cron"),
        (['every = "1 day"', 'automatic = "yes"'], "automatic", '= "yes" is not allowed', "true or false"),
        (['each = "1 day"'], "each", "is unknown", "every, daily, weekdays, cron, time_zone, automatic"),
    ],
)
def test_a_schedule_that_means_nothing_is_refused(lines: list[str], key: str, what: str, allowed: str) -> None:
    """Named with its line, its key, and what is allowed instead."""
    text = "\n".join([MINIMAL, "[schedule]", *lines])
    error = refusal(text)
    line = line_of(text, f"{key} =" if key else "[schedule]")
    name = f"schedule.{key}" if key else "[schedule]"
    assert error.message.startswith(f"alice.toml, line {line}: {name} ")
    assert what in error.message
    assert allowed in error.hint


def test_a_definition_from_before_there_were_schedules_still_loads() -> None:
    """Profiles that were saved without that key are run by hand."""
    definition = parse(MINIMAL, Path("x.toml")).settings.as_json()
    assert "schedule" not in definition
    assert from_json(definition).schedule is None


@pytest.mark.parametrize("name", ["", "  ", "-x", "a\nb", "a\u202eb", "x" * 101])
def test_a_name_that_no_profile_can_have_is_refused(name: str) -> None:
    """As in a file, so where a profile is renamed."""
    with pytest.raises(InputError, match="name of a profile"):
        checked_name(name)
    assert checked_name(" Anna & Co ") == "Anna & Co"


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_an_unknown_key_is_refused_in_every_section(section: str) -> None:
    """A mistyped key is named with its line, together with the keys that there are."""
    text = having(section, "pasword_flie = 1")
    error = refusal(text)
    name = f"{section}.pasword_flie" if section else "pasword_flie"
    assert error.message == f"alice.toml, line {line_of(text, 'pasword_flie')}: {name} is unknown."
    assert error.hint.startswith("Allowed: ")
    assert {"": "[server]", "login": "password_file", "server": "host"}.get(section, "") in error.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "[sever]\nport = 1\n", "line 9: [sever] is an unknown section."),
        ("[name]\nx = 1\n", "line 1: [name] is no section."),
        (MINIMAL.replace("[server]", "[[server]]"), "line 3: server = [a table] is not allowed."),
        ('server = "mail.example.test"\n', 'line 1: server = "mail.example.test" is not allowed.'),
        ("[server.host]\nx = 1\n", "line 1: server.host = a table is not allowed."),
        ('server.host = "h"\nserver.prt = 3\n', "line 2: server.prt is unknown."),
        ('name = "a"\nserver = { host = "h", prt = 3 }\n', "line 2: server.prt is unknown."),
        ('name = "a"\n[server]\n"host" = "h"\n\'prt\' = 3\n', "line 4: server.prt is unknown."),
        ('[server]\nhost = "h"\n[login]\nport = 1\n', "line 4: login.port is unknown."),
    ],
)
def test_the_line_is_found_however_the_file_is_written(text: str, message: str) -> None:
    """Dotted keys, inline tables, quoted keys and arrays of tables are named with the line they stand in."""
    assert refusal(text).message == f"alice.toml, {message}"


@pytest.mark.parametrize("key", ["name", "kind", "server.host", "login.username", "target.user"])
def test_what_is_missing_is_named_with_an_example(key: str) -> None:
    """Without a key that must be there the file is refused, and the hint shows how to write it."""
    section, _, name = key.rpartition(".")
    text = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(f"{name} "))
    error = refusal(text)
    assert f"{key} is missing or empty." in error.message
    assert error.hint.startswith(f"Write {name} = ")
    assert not section or f"[{section}]" in error.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "Alice\n', "alice.toml, line 1, column 14: "),
        ('name = "A"\nname = "B"\n', "alice.toml, line 2, column "),
        (MINIMAL + "[server]\n", "alice.toml, line 9, column "),
        ('name = "A"\nkind = \n', "alice.toml, line 2, column 8: "),
        ('name = """a\nb\n', "alice.toml, line 2: "),
        ("x = " + "[" * 100_000, "alice.toml: values are nested too deeply."),
        ("x = " + "9" * 5000, "alice.toml: a number has too many digits."),
    ],
)
def test_broken_toml_is_refused_with_its_line(text: str, message: str) -> None:
    """A slip in the syntax, a key or section given twice: the line is told, and nothing of Python."""
    error = refusal(text)
    assert error.message.startswith(message)
    assert error.hint == 'The file must be TOML: key = "value" below [section].'
    assert "sys." not in error.message


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """Two sources of a password, an authority beside accept-all, and accept-all without TLS cannot be meant."""
    (tmp_path / "x.pem").write_text("pem")
    both = having("login", 'password_file = "x.pem"\npassword_env = "X"')
    for text, key in (
        (both, "login.password_env and password_file contradict each other"),
        (having("server", 'ca_file = "x.pem"\naccept_all_certificates = true'), "contradict each other"),
        (having("server", 'access = "imap"\naccept_all_certificates = true'), 'has no meaning with access = "imap"'),
    ):
        with pytest.raises(InputError, match=re.escape(key)):
            parse(text, tmp_path / "alice.toml")


def test_files_are_named_relative_to_the_profile_file(tmp_path: Path) -> None:
    """A password file's path counts from the folder of the profile file, and is kept as an absolute one."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "alice").write_text("word")
    text = having("login", 'password_file = "secrets/alice"')
    assert parse(text, tmp_path / "alice.toml").settings.login.password_file == str(tmp_path / "secrets" / "alice")


def test_an_ipv6_address_may_have_brackets() -> None:
    """An IPv6 address is taken with and without brackets, and kept without."""
    for host in ("[2001:db8::1]", "2001:db8::1"):
        assert parse(having("server", f'host = "{host}"'), Path("x.toml")).settings.server.host == "2001:db8::1"


def test_files_that_are_no_profile_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder, an endless device, another encoding and a huge file are each refused in one sentence."""
    (tmp_path / "latin.toml").write_bytes(MINIMAL.encode() + 'full = "Jörg"\n'.encode("latin-1"))
    (tmp_path / "huge.toml").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    for path, message in (
        (tmp_path / "none.toml", "none.toml cannot be read: No such file or directory."),
        (tmp_path, "cannot be read: Is a directory."),
        (Path("/dev/zero"), "/dev/zero is too large for a profile"),
        (Path("a\0b"), "cannot be the name of a file."),
        (tmp_path / "latin.toml", "latin.toml, line 9: this is not UTF-8 text."),
        (tmp_path / "huge.toml", "huge.toml is too large for a profile (more than 1024 KiB)."),
    ):
        with pytest.raises(InputError) as refused:
            read(path)
        assert message in refused.value.message
        assert refused.value.hint


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """A file that an editor on Windows saved with a byte order mark is read like any other."""
    path = tmp_path / "alice.toml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert read(path) == parse(MINIMAL, path)
