"""The Kerio double lets in as Kerio Connect does: greeting, digests, the master login and ordinary ones."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

import pytest

from tests import kerio_wire
from tests.conftest import StartDovecot
from tests.kerio_wire import ALICE, BOB, PASSWORD, RAW, bodies, kerio, mailbox, raw
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import Behaviour

server = kerio_wire.server

pytestmark = pytest.mark.server
LONG = "0123456789abcdefghijklmnopqrstuv"


# -- who it is


@pytest.mark.parametrize(
    ("version", "greeting", "identity"),
    [
        ("9.4.2", "* OK Kerio Connect 9.4.2 IMAP4rev1 server ready", '* ID ("name" "Kerio Connect" "version" "9.4.2")'),
        (None, "* OK IMAP4rev1 server ready", '* ID ("name" "Kerio Connect")'),
    ],
)
def test_the_double_greets_and_names_itself(server: Dovecot, version: str | None, greeting: str, identity: str) -> None:
    """It greets with or without its version and says what it is before the login; capabilities must be asked for."""
    with kerio(server, Behaviour(version=version)) as double, raw(double) as connection:
        assert connection.greeting.decode() == greeting + "\r\n"
        assert connection.ask('a ID ("name" "test")') == identity + "\r\n"
        assert connection.line() == "a OK ID completed\r\n"
        assert connection.ask(f"b LOGIN {ALICE} secret") == "b OK Logged in\r\n"


# -- the master login


@pytest.mark.parametrize(
    ("challenge", "password", "first_24", "right", "wrong"),
    [
        ("<1421969253.42@mail.example.test>", "master", False, "a2bc9b6f7395cf96e9f6508d4b8fdb55", "0" * 32),
        ("3f2c9a", "Tr0ub4dor&3", False, "d114e9e3d68067fe954804f4ebc5670c", "D114E9E3D68067FE954804F4EBC5670C"),
        ("abc", "pä55wörd", False, "f21d7f8557168e6f1d6ce43e22ab0d37", ""),
        ("abc", LONG, False, "61d1ea542d99e6308c72175d89f50e84", "7753c4206dcd3c180ac28dad2ae37b80"),
        ("abc", LONG, True, "7753c4206dcd3c180ac28dad2ae37b80", "61d1ea542d99e6308c72175d89f50e84"),
    ],
    ids=["angle brackets", "punctuation", "UTF-8", "long", "first 24"],
)
def test_the_double_takes_the_published_digests_and_no_others(
    server: Dovecot, challenge: str, password: str, first_24: bool, right: str, wrong: str
) -> None:
    """The published answers are welcome, at the second try as well; others are refused."""
    behaviour = Behaviour(challenge=challenge, first_24=first_24)
    with kerio(server, behaviour, master_password=password) as double, raw(double) as connection:
        assert connection.ask("a X-MASTERAUTH") == f"+ {challenge}\r\n"
        assert connection.ask(wrong) == "a NO X-MASTERAUTH failed\r\n"
        assert connection.ask("b X-MASTERAUTH") == f"+ {challenge}\r\n"
        assert connection.ask(right) == "b OK X-MASTERAUTH Welcome to server, master\r\n"
        assert connection.ask(f'c X-SETUSER "{BOB}"') == "c OK X-SETUSER completed\r\n"


@pytest.mark.parametrize(
    ("behaviour", "answers"),
    [
        (Behaviour(), ["a NO X-MASTERAUTH failed", "a NO X-MASTERAUTH failed", "* BYE", ""]),
        (Behaviour(challenge="abc", master_answer="no"), ["a NO X-MASTERAUTH failed"]),
        (Behaviour(challenge="abc", ip_refused=True), ["a NO X-MASTERAUTH failed"]),
        (Behaviour(challenge="abc", master_answer="bye"), ["* BYE", ""]),
    ],
    ids=["wrong twice", "no", "address", "bye"],
)
def test_the_double_refuses_wrong_digests_and_ends_the_connection(
    server: Dovecot, behaviour: Behaviour, answers: list[str]
) -> None:
    """With a wrong digest, or the right one where it does not help; the connection ends after the second refusal."""
    right = hashlib.md5(f"abc{PASSWORD}".encode()).hexdigest()
    with kerio(server, behaviour) as double, raw(double) as connection:
        for number, answer in enumerate(answers):
            if answer.startswith("a ") or number == 0:
                assert connection.ask("a X-MASTERAUTH").startswith("+ ")
                connection.send(right)
            assert connection.line().startswith(answer)
            assert answer or not connection.replies.read()
        assert right not in str(double.commands)


def test_master_login_that_is_unknown(server: Dovecot) -> None:
    """BAD comes without a continuation request, and the session goes on."""
    with kerio(server, Behaviour(master_answer="bad")) as double, raw(double) as connection:
        assert connection.ask("a X-MASTERAUTH") == "a BAD unknown command\r\n"
        assert connection.ask(f"b LOGIN {ALICE} secret") == "b OK Logged in\r\n"


def test_each_connection_has_its_own_challenge(server: Dovecot) -> None:
    """A digest cannot be used again."""
    with kerio(server) as double, raw(double) as first, raw(double) as second:
        assert first.ask("a X-MASTERAUTH") != second.ask("a X-MASTERAUTH")


def test_setuser_opens_one_mailbox(server: Dovecot) -> None:
    """Only that user's mailbox; unknown, refused and malformed names are not opened, nor is any without the master."""
    server.deliver(ALICE, "INBOX", RAW)
    server.deliver(BOB, "INBOX", RAW * 2)
    with kerio(server, Behaviour(challenge="abc", refuse_users={ALICE})) as double:
        with raw(double) as connection:
            assert connection.ask(f'a X-SETUSER "{BOB}"') == "a NO X-SETUSER failed\r\n"
            connection.ask("b X-MASTERAUTH")
            connection.ask(hashlib.md5(f"abc{PASSWORD}".encode()).hexdigest())
            for login in ("nobody@example.test", "", "*", ALICE.upper()):
                assert connection.ask(f'c X-SETUSER "{login}"') == "c NO X-SETUSER failed\r\n"
            assert connection.ask(f"d X-SETUSER {BOB}").startswith("d BAD")
            assert connection.ask(f"e X-SETUSER {{{len(BOB)}}}").startswith("+")
            assert connection.ask(BOB) == "e OK X-SETUSER completed\r\n"
            assert connection.ask(f'f X-SETUSER "{BOB}"') == "f NO X-SETUSER failed\r\n"
            assert double.lines(1)[-1] == f'X-SETUSER "{BOB}"'
        double.behaviour.refuse_users.clear()
        for login, expected in ((ALICE, RAW), (BOB, RAW * 2)):
            with mailbox(double, login) as session:
                assert bodies(session) == [expected]
        assert double.logins == [BOB, ALICE, BOB]


def test_the_double_takes_escapes_out_of_a_login_name(dovecot: StartDovecot) -> None:
    """A login name with a quote and a backslash is the name without the escapes."""
    name, escaped = 'o"ne\\il', 'o\\"ne\\\\il'
    # Dovecot itself looks for the escaped form of such a name in its file of users.
    server = dovecot({escaped: "secret"}, master=("archive", "masterpw"), extra="auth_username_chars =")
    server.deliver(name, "INBOX", RAW)
    with kerio(server) as double, mailbox(double, escaped) as session:
        assert bodies(session) == [RAW]
        assert double.logins == [name]


def test_the_double_takes_ordinary_logins_in_all_forms(server: Dovecot) -> None:
    """LOGIN and AUTHENTICATE PLAIN go through in all their forms, leave no secret in the log, and can be taken away."""
    server.deliver(ALICE, "INBOX", RAW)
    plain = b64encode(f"\0{ALICE}\0secret".encode()).decode()
    with kerio(server) as double:
        for lines in (
            [f'a LOGIN "{ALICE}" "secret"'],
            [f"a LOGIN {ALICE} {{6+}}\r\nsecret"],
            ["a LOGIN {18}", f"{ALICE} {{6}}", "secret"],
            [f"a AUTHENTICATE PLAIN {plain}"],
            ["a AUTHENTICATE PLAIN", plain],
        ):
            with raw(double) as connection:
                replies = [connection.ask(line) for line in lines]
                assert all(reply.startswith("+") for reply in replies[:-1])
                assert re.match(r"a OK|\* CAPABILITY", replies[-1])
        with raw(double) as connection:
            assert connection.ask(f"a LOGIN {ALICE} wrong").startswith("a NO")
            double.behaviour.unknown = {"LOGIN"}
            double.behaviour.hidden = {"SASL-IR"}
            assert connection.ask(f"b LOGIN {ALICE} secret") == "b BAD unknown command\r\n"
            assert connection.ask(f"c AUTHENTICATE PLAIN {plain}") == "c BAD unknown command\r\n"
            assert connection.ask("d AUTHENTICATE PLAIN").startswith("+")
        assert f"LOGIN {ALICE} ***" in double.lines(2)
        assert not re.search(f"secret|wrong|{re.escape(plain)}", str(double.commands))
