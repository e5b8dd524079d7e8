"""Directory files: what is taken, what is refused and how that is said, and the way back to a file."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.problems.command_line import sentence
from core.profiles import ldap_filter
from core.profiles.directory import (
    ATTRIBUTES,
    Attributes,
    Directory,
    DirectoryAccess,
    DirectoryKind,
    DirectorySearch,
    DirectoryServer,
    LeaverPolicy,
    from_json,
)
from core.profiles.schema import forms, reading, writing
from core.profiles.schema.directories import DIRECTORIES
from core.profiles.schema.faults import FieldError

parse = partial(reading.parse, DIRECTORIES)
read = partial(reading.read, DIRECTORIES)
as_toml = partial(writing.as_toml, DIRECTORIES)
LDAP = """\
type = "ldap"
[server]
host = "ldap.example.test"
[login]
username = "cn=reader,dc=example,dc=test"
[search]
filter = "(mail=*)"
[users]
left = "keep"
"""
KERIO = 'type = "kerio"\n[server]\nhost = "mail.example.test"\n[login]\nusername = "admin"\n'
AD = 'type = "active-directory"\n[server]\nhost = "dc1"\n[login]\nusername = "reader@example.test"\n'
WHERE = Path("/etc/archivar/directory.toml")


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as refused:
        parse(text, WHERE)
    assert refused.value.exit_code == 2
    return refused.value


def test_a_short_file_says_enough() -> None:
    """Access, port, filter and attributes follow from the type."""
    ldap, kerio, ad = (parse(text, WHERE).settings for text in (LDAP, KERIO, AD))
    assert (ldap.server.access, ldap.server.effective_port) == (DirectoryAccess.LDAP_SSL, 636)
    assert (kerio.server.access, kerio.server.effective_port, kerio.left) == (DirectoryAccess.HTTPS, 4040, LeaverPolicy.KEEP)
    assert "objectCategory=person" in ad.filter
    assert ad.attributes == ATTRIBUTES[DirectoryKind.ACTIVE_DIRECTORY]
    assert (ldap.filter, ldap.attributes.user_name) == ("(mail=*)", "uid")


def test_a_whole_file_is_taken_key_by_key(tmp_path: Path) -> None:
    """Everything that can be said; files are found beside the file, and the password is none of the settings."""
    for name in ("ca.pem", "word.txt"):
        (tmp_path / name).write_text("x")
    path = tmp_path / "directory.toml"
    path.write_text(
        'type = "ldap"\n[server]\nhost = "::1"\naccess = "ldap-tls"\nport = 1389\nca_file = "ca.pem"\ntimeout = 5\n'
        '[login]\nusername = "cn=reader"\npassword_file = "word.txt"\n'
        '[search]\nbase_dn = "dc=x"\nfilter = "(&(a=b)(!(c=d)))"\ngroups = ["staff"]\ndomains = ["x.test"]\n'
        '[attributes]\nuser_name = "sn"\nfull_name = "gecos"\nemail = ["mail", "alias"]\nlogin = "uid"\n'
        '[users]\nleft = "disable"\ninclude_disabled = false\nguard = 50\n'
    )
    directory = read(path).settings
    assert directory == Directory(
        DirectoryKind.LDAP,
        DirectoryServer("::1", DirectoryAccess.LDAP_TLS, 1389, False, str(tmp_path / "ca.pem"), 5.0),
        "cn=reader",
        str(tmp_path / "word.txt"),
        DirectorySearch(
            "dc=x", "(&(a=b)(!(c=d)))", ("staff",), ("x.test",), Attributes("sn", "gecos", ("mail", "alias"), "uid")
        ),
        LeaverPolicy.DISABLE,
        False,
        50,
    )
    assert from_json(json.loads(json.dumps(directory.as_json()))) == directory
    assert parse(as_toml(directory), path).settings == directory
    assert any("count as having left" in text for text in directory.advice())


@pytest.mark.parametrize("text", [LDAP, KERIO, AD, LDAP.replace("keep", "delete") + "guard = 7\n"])
def test_what_is_shown_can_be_applied_again(text: str) -> None:
    """The way to a file and back, and to the ledger and back."""
    directory = parse(text, WHERE).settings
    assert parse(as_toml(directory), WHERE).settings == directory
    assert from_json(json.loads(json.dumps(directory.as_json()))) == directory


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (LDAP.replace('"ldap"\n', '"nis"\n'), 'line 1: type = "nis" is not allowed', "kerio, active-directory, ldap"),
        (LDAP.replace('host = "ldap.example.test"', ""), "server.host is missing", 'host = "dc1'),
        (LDAP + "colour = 1\n", "line 10: users.colour is unknown", "left, guard, include_disabled"),
        (LDAP + "[target]\n", "[target] is an unknown section", "[search]"),
        (LDAP.replace("[login]", 'access = "https"\n[login]'), 'access = "https" is not possible for ldap', "ldap-ssl"),
        (KERIO.replace("[login]", 'access = "ldap"\n[login]'), 'access = "ldap" is not possible for kerio', "https"),
        (KERIO + '[search]\nfilter = "(a=b)"\n', "search.filter is for LDAP", "domains and groups"),
        (KERIO + '[attributes]\nemail = ["mail"]\n', "attributes] is for LDAP", "Leave it out"),
        (KERIO.replace('username = "admin"', ""), "login.username is missing", 'username = "admin"'),
        (LDAP.replace('username = "cn=reader,dc=example,dc=test"', 'password_env = "X"'), "username is missing", "no password"),
        (LDAP.replace("(mail=*)", "(mail=*"), 'line 7: search.filter is no LDAP filter: ")" is expected', "such as"),
        (LDAP.replace('left = "keep"', 'left = "shoot"'), 'users.left = "shoot" is not allowed', "keep, disable, delete"),
        (LDAP + "guard = 0\n", "users.guard = 0 is not allowed", "from 1 to 100"),
        (LDAP.replace("[login]", "port = 70000\n[login]"), "server.port = 70000 is not allowed", "65535"),
        (LDAP + '[attributes]\nemail = ["ma il"]\n', 'attributes.email = "ma il"', "such as mail"),
        (LDAP.replace("[users]", 'base_dn = "example"\n[users]'), "search.base_dn", "dc=example,dc=test"),
        (LDAP.replace("[users]", 'groups = [""]\n[users]'), "search.groups", "one line of text"),
        (LDAP.replace("[search]", 'password_file = "/nowhere"\n[search]'), "there is no such file", "a file that exists"),
        (
            LDAP.replace("[login]", 'access = "ldap"\naccept_all_certificates = true\n[login]'),
            'has no meaning with access = "ldap"',
            "ldap-tls or ldap-ssl",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_line_key_and_what_is_allowed(text: str, message: str, hint: str) -> None:
    """Nothing is ignored, and nothing is taken for something else."""
    error = refusal(text)
    assert message in error.message
    assert hint in error.hint


def test_what_a_form_holds_is_checked_alike() -> None:
    """The field that is wrong is told by its name."""
    with pytest.raises(FieldError) as refused:
        forms.made(DIRECTORIES, {"type": "ldap", "server.host": "x", "search.filter": "(("})
    assert refused.value.field == "search.filter"
    assert forms.made(DIRECTORIES, {"type": "ldap", "server.host": "x"}).username == ""


def test_unsafe_settings_of_a_directory_are_warned_of() -> None:
    """Unchecked certificates, and passwords in the clear."""
    open_ = parse(LDAP.replace("[login]", 'access = "ldap"\n[login]'), WHERE).settings
    trusting = parse(LDAP.replace("[login]", "accept_all_certificates = true\n[login]"), WHERE).settings
    assert "without TLS" in sentence(open_.warnings()[0])
    assert "not checked" in sentence(trusting.warnings()[0])
    assert parse(LDAP, WHERE).settings.warnings() == []


def test_a_stored_password_fits_only_the_account_it_was_given_for() -> None:
    """Another host, port, account or kind is another place to send a password to."""
    directory = parse(LDAP, WHERE).settings
    assert directory.same_account(parse(LDAP.replace("keep", "delete"), WHERE).settings)
    for text in (
        LDAP.replace("ldap.", "other."),
        LDAP.replace("cn=reader", "cn=x"),
        LDAP.replace("[login]", "port=1\n[login]"),
    ):
        assert not directory.same_account(parse(text, WHERE).settings)


@pytest.mark.parametrize(
    "text",
    [
        "(mail=*)",
        "(&(objectCategory=person)(objectClass=user)(|(mail=*)(proxyAddresses=*)))",
        "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
        "(cn:dn:2.4.6.8.10:=Dino)",
        r"(o=Parens R Us \28for all\29)",
        "(1.2.3=x)",
        "(cn>=a)",
        "(&)",
    ],
)
def test_filters_of_rfc_4515_are_taken(text: str) -> None:
    """As they were written."""
    assert ldap_filter.check(f" {text} ") == text


@pytest.mark.parametrize(
    "text", ["mail=*", "(mail)", "((mail=*))", "(mail=*))", "(&(a=b)", "(a=(b))", r"(a=\zz)", "(=x)", "(!)"]
)
def test_a_text_that_is_no_ldap_filter_is_refused(text: str) -> None:
    """With the place where it goes wrong."""
    with pytest.raises(ValueError, match="character"):
        ldap_filter.check(text)


@given(st.text(max_size=20))
def test_any_value_can_stand_in_a_filter(value: str) -> None:
    """Escaped, nothing in it can end the filter or match more than itself."""
    assert ldap_filter.check(f"(cn={ldap_filter.escape(value)})".strip())
    assert "*" not in ldap_filter.escape(value)
