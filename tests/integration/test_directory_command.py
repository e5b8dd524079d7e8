"""``archivar directory``, and synchronising before archiving: on real servers and the stand-in for Kerio's API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import homes
from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.servers import slapd
from tests.servers.kerio import Kerio
from tests.servers.kerio_api import ADMIN, PASSWORD, Behaviour, KerioApi, staff, user
from tests.servers.slapd import ADMIN as LDAP_ADMIN
from tests.servers.slapd import BASE, Slapd, person
from tests.servers.slapd import PASSWORD as LDAP_PASSWORD
from tests.support import mail

WORD = "kerio master"
needs_slapd = pytest.mark.skipif(slapd.missing() is not None, reason="needs the Debian package slapd")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KerioApi]:
    with KerioApi(Behaviour(users=staff(20)), folder=tmp_path) as running:
        yield running


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    with Archivar(tmp_path / "cli", WORD=WORD, ADMIN_WORD=PASSWORD, LDAP_WORD=LDAP_PASSWORD) as archivar:
        yield archivar


def kerio_file(archivar: Archivar, api: KerioApi, *users: str, port: int = 0, more: tuple[str, ...] = ()) -> str:
    lines = [
        *('type = "kerio"', "[server]", f'host = "{api.host}"', f"port = {port or api.port}", f'ca_file = "{api.ca_file}"'),
        *("timeout = 10", "[login]", f'username = "{ADMIN}"', 'password_env = "ADMIN_WORD"', *more, "[users]", *users),
    ]
    return str(archivar.write("directory.toml", "\n".join(lines) + "\n"))


def ldap_file(archivar: Archivar, server: Slapd, *users: str) -> str:
    lines = [
        *('type = "ldap"', "[server]", f'host = "{server.host}"', f"port = {server.ssl_port}", f'ca_file = "{server.ca_file}"'),
        *("[login]", f'username = "{LDAP_ADMIN}"', 'password_env = "LDAP_WORD"', "[search]", f'base_dn = "{BASE}"'),
        *("[users]", *users),
    ]
    return str(archivar.write("ldap.toml", "\n".join(lines) + "\n"))


def people(archivar: Archivar, *words: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in archivar("user", "list", "--json", *words).json["users"]}


def test_from_the_file_to_the_users_and_back(archivar: Archivar, api: KerioApi) -> None:
    """Saved, shown, tried, previewed, synchronised; a second time nothing changes; the settings go and the users stay."""
    saved = archivar("directory", "apply", kerio_file(archivar, api))
    assert "Users who leave the directory stay as they are." in saved.err
    shown = archivar("directory", "show")
    assert 'type = "kerio"' in shown.out
    assert "Not synchronised yet" in shown.err
    tested = archivar("directory", "test", "--json").json
    assert (tested["ok"], tested["people"]) == (True, 20)
    assert [step["step"] for step in tested["steps"]] == ["lookup", "tcp", "tls", "certificate", "login", "search"]
    assert "Search          ✔ ok      20 users" in archivar("directory", "test").out
    dry = archivar("directory", "sync", "--dry-run")
    assert "20 created, 0 unchanged. Nothing was changed (dry run)." in dry.out
    assert "user0001: new, user0001@example.test, user0001@example.example" in dry.out
    assert people(archivar) == {}
    done = archivar("directory", "sync", "--json").json
    assert (done["created"], done["conflicts"], done["done"]) == (20, 0, True)
    assert people(archivar)["user0004@second.test"]["login"] == "user0004@second.test"
    again = archivar("directory", "sync", "--json").json
    assert (again["unchanged"], again["changes"]) == (20, [])
    assert archivar("directory", "show", "--json").json["last_sync"]["unchanged"] == 20
    ledger = archivar("ledger", "show", "--limit", "50").out
    assert "Users were synchronised with the directory: 20 created." in ledger
    assert "✔ clean" in archivar("verify").out
    api.behaviour.users.clear()
    archivar("directory", "sync", code=3)
    failed = archivar("directory", "show", "--json").json
    assert (failed["last_sync"]["unchanged"], failed["last_attempt"]["outcome"]) == (20, "failed")
    told = archivar("directory", "show").err
    assert "Last synchronised: " in told
    assert "The last attempt (" in told
    assert f"failed: {failed['last_attempt']['reason']}"[:40] in told
    archivar("directory", "remove")
    assert "No directory is set up" in archivar("directory", "show", code=2).err
    assert len(people(archivar)) == 20


def test_a_rename_keeps_the_user_and_conflicts_are_named(archivar: Archivar, api: KerioApi) -> None:
    """The same id under the new name; another user's address is left out, with exit code 1."""
    archivar("directory", "apply", kerio_file(archivar, api))
    archivar("directory", "sync")
    before = people(archivar)
    archivar("user", "add", "hand", "--email", "taken@example.test")
    archivar("user", "edit", "user0002", *("--email", "user0002@example.test"), *("--email", "byhand@other.test"))
    api.behaviour.users[1] |= {"loginName": "renamed", "emailAddresses": ["user0001", "taken"]}
    result = archivar("directory", "sync", code=1)
    assert 'renamed: name "user0001" -> "renamed"' in result.out
    assert "! renamed: taken@example.test belongs to hand. It is left out." in result.out
    after = people(archivar)
    assert after["renamed"]["id"] == before["user0001"]["id"]
    assert after["renamed"]["addresses"][:2] == ["renamed@example.test", "user0001@example.test"]
    assert "byhand@other.test" in after["user0002"]["addresses"]


@pytest.mark.parametrize(("left", "state"), [("keep", ""), ("disable", " (disabled)"), ("delete", " (removed)")])
def test_users_who_left_the_directory_are_treated_as_the_option_says(
    archivar: Archivar, api: KerioApi, left: str, state: str
) -> None:
    """Three of twenty: kept, disabled or removed, named in any case; back again when they are back."""
    archivar("user", "add", "hand", "--email", "hand@elsewhere.test")
    archivar("directory", "apply", kerio_file(archivar, api, f'left = "{left}"'))
    archivar("directory", "sync")
    gone, api.behaviour.users = api.behaviour.users[5:8], api.behaviour.users[:5] + api.behaviour.users[8:]
    told = archivar("directory", "sync").out
    assert "user0005" in told
    listed = archivar("user", "list", "--all").out
    assert f"user0005{state} " in listed
    assert "hand (" not in listed
    api.behaviour.users += gone
    archivar("directory", "sync")
    assert "(disabled)" not in archivar("user", "list", "--all").out
    assert len(people(archivar)) == 21


def test_an_empty_a_cut_off_and_a_doubtful_answer_take_nobody_away(archivar: Archivar, api: KerioApi) -> None:
    """Exit code 3 each time; only --force lets more than the guard says go, and never all."""
    archivar("directory", "apply", kerio_file(archivar, api, 'left = "delete"'))
    archivar("directory", "sync")
    everybody, api.behaviour.users = api.behaviour.users, []
    assert "nobody" in archivar("directory", "sync", "--force", code=3).err
    api.behaviour.users, api.behaviour.short_pages = everybody, 3
    assert "with a part nobody is changed" in archivar("directory", "sync", code=3).err
    api.behaviour.short_pages, api.behaviour.users = None, [*everybody[10:], user(77, "fresh")]
    refused = archivar("directory", "sync", code=3)
    assert "10 of 20 users would go, which is more than 20 %" in refused.err
    assert "--force" in refused.err
    assert len(people(archivar)) == 21
    archivar("directory", "sync", "--force")
    assert len(people(archivar)) == 11


def test_bad_settings_are_refused_and_nothing_is_saved(archivar: Archivar, api: KerioApi) -> None:
    """Exit code 2 with file, line and key; without settings every other command says how to get them."""
    archivar("user", "add", "anna")
    assert "directory apply" in archivar("directory", "sync", code=2).err
    file = archivar.write("bad.toml", 'type = "kerio"\n[server]\nhost = "x"\n[login]\nusername = "a"\nword = "b"\n')
    assert "bad.toml, line 6: login.word is unknown" in archivar("directory", "apply", str(file), code=2).err
    assert "ADMIN_WORD is not set" in archivar("directory", "apply", kerio_file(archivar, api), code=2, ADMIN_WORD=None).err
    assert "No directory is set up" in archivar("directory", "show", code=2).err


def test_the_password_is_nowhere_and_goes_to_no_other_server(archivar: Archivar, api: KerioApi) -> None:
    """In no file of the home, no output; forgotten when the settings name another account."""
    answers = [archivar("directory", "apply", kerio_file(archivar, api))]
    answers += [archivar("directory", *words) for words in (("show",), ("test",), ("sync",), ("sync", "--json"))]
    api.behaviour.broken = b"{}"
    answers.append(archivar("directory", "sync", code=3))
    for answer in answers:
        assert PASSWORD not in answer.text
    for path in archivar.home.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    text = Path(kerio_file(archivar, api, port=1)).read_text().replace('password_env = "ADMIN_WORD"\n', "")
    other = archivar.write("other.toml", text)
    assert "No password" in archivar("directory", "apply", str(other), code=2).err


@needs_slapd
@pytest.mark.server
def test_five_thousand_people_of_an_ldap_directory_are_synchronised_in_seconds(archivar: Archivar, tmp_path: Path) -> None:
    """Synchronised in seconds; a second time nothing changes; a rename keeps the user."""
    people_ = [person(number) for number in range(5000)]
    with Slapd(tmp_path / "ldap", people_) as server:
        archivar("directory", "apply", ldap_file(archivar, server, 'left = "delete"'))
        begun = time.monotonic()
        first = archivar("directory", "sync", "--json").json
        seconds = time.monotonic() - begun
        assert (first["created"], first["conflicts"]) == (5000, 0)
        # A bound against disasters; what it takes is measured by the benchmark.
        assert seconds < 60
        before = archivar("user", "show", "user0042", "--json").json["user"]
        server.change(
            people_[42][0], {"uid": [("MODIFY_REPLACE", ["wedding"])], "mail": [("MODIFY_REPLACE", ["w@example.test"])]}
        )
        server.change(people_[43][0])
        second = archivar("directory", "sync", "--json").json
        assert [(one["what"], one["after"]["name"]) for one in second["changes"]] == [
            ("changed", "wedding"),
            ("removed", "user0043"),
        ]
        after = archivar("user", "show", "wedding", "--json").json["user"]
        assert (after["id"], after["addresses"]) == (before["id"], ["w@example.test"])
        assert archivar("directory", "sync", "--json").json["changes"] == []


@pytest.mark.server
def test_new_colleagues_are_archived_in_the_very_run(archivar: Archivar, api: KerioApi, dovecot: StartDovecot) -> None:
    """Users are synchronised before archiving; when that fails the run goes on with the known users, and says so."""
    names = ("anna", "annika", "bob", "carl")
    addresses = {f"{name}@example.test": "x" for name in names}
    behind = dovecot(addresses, master=("archive", WORD))
    for address in addresses:
        behind.deliver(address, "INBOX", mail(f"for {address}"))
    api.behaviour.users = [user(1, "anna"), user(2, "bob")]
    with Kerio(behind, master_password=WORD) as kerio:
        lines = [
            *('name = "Staff"', 'kind = "mailboxes"', "[server]", f'host = "{kerio.host}"', f"port = {kerio.port}"),
            *('access = "imap"', "timeout = 20", "[login]", 'method = "kerio-master"', 'password_env = "WORD"'),
            *("[users]", "sync_directory_first = true"),
        ]
        archivar("user", "add", "first")
        early = archivar("profile", "apply", str(archivar.write("staff.toml", "\n".join(lines) + "\n")))
        assert "no directory is set up yet" in early.err
        archivar("user", "remove", "first")
        archivar("directory", "apply", kerio_file(archivar, api, 'left = "disable"', "guard = 50"))
        saved = archivar("profile", "apply", str(archivar.write("staff.toml", "\n".join(lines) + "\n")))
        assert "Before each run users are synchronised with the directory" in saved.err
        assert "sync_directory_first = true" in archivar("profile", "show", "Staff").out
        dry = archivar("run", "Staff", "--dry-run", "--json").json
        assert (dry["mailboxes"], people(archivar)) == ([], {})
        first = archivar("run", "Staff", "--json").json
        assert (first["status"], first["totals"]["archived"]) == ("succeeded", 2)
        # A new colleague and a rename: the archive stays with who is called otherwise now.
        api.behaviour.users = [user(1, "annika", emailAddresses=["anna"]), user(3, "carl"), user(2, "bob")]
        second = archivar("run", "Staff", "--json").json
        assert (second["status"], second["totals"]["archived"]) == ("succeeded", 2)
        assert [one["mailbox"] for one in second["mailboxes"]] == sorted(addresses)[1:]
        assert archivar("folders", "carl", "--json").json["folders"][0]["folder"] == "carl@example.test/INBOX"
        folders = [one["folder"] for one in archivar("folders", "annika", "--json").json["folders"]]
        assert folders == ["anna@example.test/INBOX", "annika@example.test/INBOX"]
        api.behaviour.users = api.behaviour.users[:2]
        third = archivar("run", "Staff", "--json").json
        assert [one["mailbox"] for one in third["mailboxes"]] == ["annika@example.test", "carl@example.test"]
        assert archivar("folders", "bob", "--json").json["folders"][0]["folder"] == "bob@example.test/INBOX"
        api.behaviour.broken = b"<html>"
        failed = archivar("run", "Staff", "--json").json
        assert failed["status"] == "succeeded"
        assert len(failed["mailboxes"]) == 2
        assert any("Users were not synchronised with the directory" in text for text in failed["warnings"])
        attempt = archivar("directory", "show", "--json").json["last_attempt"]
        assert (attempt["outcome"], attempt["asked_by"]) == ("failed", f"run {failed['run']} of Staff")
        archivar("directory", "remove")
        none = archivar("run", "Staff", "--json").json
        assert any("No directory is set up" in text for text in none["warnings"])


@pytest.mark.server
def test_new_colleagues_get_their_mail_from_a_catch_all_mailbox_in_the_very_run(
    archivar: Archivar, api: KerioApi, dovecot: StartDovecot
) -> None:
    """Synchronised before it is sorted; the account of the mailbox itself, which the directory has too, becomes no user."""
    journal = "journal@example.test"
    server = dovecot({journal: "word"})
    server.deliver(journal, "INBOX", b"From: x@elsewhere.test\r\nTo: anna@example.test\r\nSubject: 1\r\n\r\n")
    lines = [
        *('name = "Journal"', 'kind = "catchall"', "[server]", f'host = "{server.host}"', f"port = {server.plain_port}"),
        *('access = "imap"', "timeout = 20", "[login]", f'username = "{journal}"', 'password_env = "JOURNAL_WORD"'),
        *("[users]", "sync_directory_first = true"),
    ]
    api.behaviour.users = [user(1, "anna")]
    archivar("directory", "apply", kerio_file(archivar, api))
    file = str(archivar.write("journal.toml", "\n".join(lines) + "\n"))
    archivar("profile", "apply", file, JOURNAL_WORD="word")
    assert "sync_directory_first = true" in archivar("profile", "show", "Journal").out
    assert archivar("run", "Journal", "--json").json["totals"]["archived"] == 1
    assert archivar("folders", "anna", "--json").json["folders"][0]["folder"] == "anna@example.test/INBOX"
    api.behaviour.users += [user(2, "journal"), user(3, "carl")]
    server.deliver(journal, "INBOX", b"From: x@elsewhere.test\r\nTo: carl@example.test\r\nSubject: 2\r\n\r\n")
    assert archivar("run", "Journal", "--json").json["totals"]["archived"] == 1
    told = archivar("directory", "sync").text.replace("\n", " ")
    assert "journal@example.test is the mailbox of the profile Journal" in " ".join(told.split())
    assert set(people(archivar)) == {"anna", "carl"}
    assert "brings the user back" in archivar("user", "remove", "carl").err
    archivar("user", "add", "journal", "--email", journal)
    assert "brings" not in archivar("user", "remove", "journal").err
    archivar("user", "add", "journal", "--email", journal)
    assert "belongs to the user journal" in archivar("run", "Journal", code=3).text.replace("\n", " ")
    more = archivar.write("more.toml", "\n".join(lines) + '\nlist = ["anna"]\n')
    assert "users.list has no meaning in kind catchall" in archivar("profile", "apply", str(more), code=2).err


def test_a_run_can_be_cancelled_while_the_directory_says_nothing(archivar: Archivar, api: KerioApi) -> None:
    """At once, and nothing was archived or changed."""
    lines = [
        *('name = "Staff"', 'kind = "mailboxes"', "[server]", 'host = "127.0.0.1"', "port = 1", "[login]"),
        *('method = "kerio-master"', 'password_env = "WORD"', "[users]", "sync_directory_first = true"),
    ]
    archivar("directory", "apply", str(kerio_file(archivar, api)))
    archivar("profile", "apply", str(archivar.write("staff.toml", "\n".join(lines) + "\n")))
    with api.lock:
        run = str(archivar("run", "Staff", "--detach", "--json").json["run"])
        homes.wait_for(lambda: archivar("runs", "--json").json["runs"][0]["status"] == "running", "the run to begin")
        archivar("cancel", run)
        assert archivar("watch", run, "--json", code=130).json["status"] == "cancelled"
    assert people(archivar) == {}
