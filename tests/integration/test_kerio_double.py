"""The Kerio double does on the wire as Kerio Connect does, judged by the standard library and by raw sockets."""

from __future__ import annotations

import hashlib
import imaplib
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot, append, quoted, served
from tests.servers.kerio import TRASH, Behaviour, Kerio

pytestmark = pytest.mark.server

ALICE, BOB = "alice@example.test", "bob@example.test"
PASSWORD = "pä55wörd of the master"
RAW = b"Subject: one\r\n\r\nbody\r\n"
WHEN = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
OVER = (EOFError, ConnectionError)
LONG = "0123456789abcdefghijklmnopqrstuv"
ODD = [
    b"",
    b"Subject: 8-bit \xff\xfe\x80\r\n\r\n\xe4\xf6\xfc\r\n",
    b"Subject: lone LF\n\nLF\nCRLF\r\nCR\rCR CR LF\r\r\nend without one",
    b"Subject: like IMAP\r\n\r\n* BYE {5}\r\nx OK {17}\r\n+ \r\n* CAPABILITY UIDPLUS IDLE\r\n* OK [COPYUID 1 1 1] no\r\n",
    b"Subject: big\r\n\r\n" + bytes(range(1, 256)) * 8_300,
]


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    """A Dovecot with a master user."""
    return dovecot(master=("archive", "masterpw"))


def kerio(server: Dovecot, behaviour: Behaviour | None = None, **options: Any) -> Kerio:
    return Kerio(server, behaviour, **{"master_password": PASSWORD, **options})


class Raw:
    """A connection without any client library."""

    def __init__(self, double: Kerio) -> None:
        self.socket = socket.create_connection((double.host, double.port), timeout=20)
        self.replies = self.socket.makefile("rb")
        self.greeting = self.replies.readline()

    def send(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def line(self) -> str:
        return self.replies.readline().decode()

    def ask(self, line: str) -> str:
        self.send(line)
        return self.line()

    def close(self) -> None:
        self.replies.close()
        self.socket.close()


@contextmanager
def raw(double: Kerio) -> Iterator[Raw]:
    connection = Raw(double)
    try:
        yield connection
    finally:
        connection.close()


def tell(session: imaplib.IMAP4, line: str) -> list[bytes]:
    """Send a command that imaplib does not know; all replies up to the tagged one."""
    session.send(f"x {line}\r\n".encode())
    replies = [session.readline()]
    while not replies[-1].startswith((b"x ", b"+")):
        if not replies[-1]:
            raise EOFError
        replies.append(session.readline())
    return [reply.removesuffix(b"\r\n") for reply in replies]


@contextmanager
def mailbox(double: Kerio, login: str = ALICE, tls: ssl.SSLContext | None = None) -> Iterator[imaplib.IMAP4]:
    """A session of imaplib in a mailbox that the master has opened."""
    if tls is None:
        session = imaplib.IMAP4(double.host, double.port, timeout=20)
    else:
        session = imaplib.IMAP4_SSL(double.host, double.port, ssl_context=tls, timeout=20)
    try:
        challenge = tell(session, "X-MASTERAUTH")[-1].removeprefix(b"+ ")
        session.send(hashlib.md5(challenge + PASSWORD.encode()).hexdigest().encode() + b"\r\n")
        assert session.readline() == b"x OK X-MASTERAUTH Welcome to server, master\r\n"
        assert tell(session, f'X-SETUSER "{login}"') == [b"x OK X-SETUSER completed"]
        session.state = "AUTH"
        yield session
    finally:
        session.shutdown()


def bodies(session: imaplib.IMAP4, folder: str = "INBOX") -> list[bytes]:
    assert session.select(quoted(folder), readonly=True)[0] == "OK"
    reply = session.uid("FETCH", "1:*", "(UID BODY.PEEK[])")[1]
    return [item[1] for item in reply if isinstance(item, tuple)]


def held(server: Dovecot, folder: str, user: str = ALICE) -> dict[str, str]:
    """The messages of a folder on disk: subject -> letters of the flags."""
    if folder not in server.folders(user):
        return {}
    files = server.messages(user, folder)
    return {file.read_bytes().split()[1].decode(): file.name.partition(":2,")[2] for file in files}


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


@pytest.mark.parametrize(
    ("item", "command"),
    [
        ("UIDPLUS", "UID EXPUNGE 1"),
        ("MOVE", "UID MOVE 1 Drafts"),
        ("CONDSTORE", "UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)"),
        ("QRESYNC", "ENABLE QRESYNC"),
        ("LIST-STATUS", 'LIST "" * RETURN (STATUS (MESSAGES))'),
        ("LIST-EXTENDED", 'LIST "" * RETURN (SPECIAL-USE)'),
        ("SPECIAL-USE", 'LIST (SPECIAL-USE) "" *'),
        ("ESEARCH", "UID SEARCH RETURN (ALL) 1:*"),
        ("NAMESPACE", "NAMESPACE"),
    ],
)
def test_a_hidden_capability_of_the_double_is_announced_nowhere(server: Dovecot, item: str, command: str) -> None:
    """A hidden capability is announced nowhere and refused, and works when it is not hidden; the master login never shows."""
    server.deliver(ALICE, "INBOX", RAW)
    server.create_folder(ALICE, "Drafts")
    with kerio(server) as double, mailbox(double) as session:
        announced = tell(session, "CAPABILITY")[0].split()
        assert item.encode() in announced
        assert not {b"X-MASTERAUTH", b"IDLE", b"STARTTLS"} & set(announced)
        double.behaviour.hidden = {item}
        assert tell(session, "CAPABILITY")[0].split() == [word for word in announced if word != item.encode()]
        session.select()
        assert tell(session, command) == [b"x BAD unknown command"]
        double.behaviour.hidden = set()
        assert tell(session, command)[-1].startswith(b"x OK")


def test_codes_of_hidden_capabilities(server: Dovecot) -> None:
    """APPENDUID, COPYUID and HIGHESTMODSEQ come with their capability and go with it; commands that are unknown are BAD."""
    codes = rb"\[(?:APPENDUID|COPYUID|HIGHESTMODSEQ)"
    server.create_folder(ALICE, "Drafts")
    with kerio(server) as double, mailbox(double) as session:
        for hidden, expected in ((set[str](), 3), ({"UIDPLUS", "CONDSTORE"}, 0)):
            double.behaviour.hidden = hidden
            replies = tell(session, "SELECT INBOX (CONDSTORE)" if not hidden else "SELECT INBOX")
            replies += tell(session, "APPEND INBOX {4+}\r\nS: x")
            replies += tell(session, "UID MOVE 1:* Drafts")
            assert len(re.findall(codes, b"\n".join(replies))) == expected
        double.behaviour.unknown = {"UID MOVE", "APPEND"}
        assert tell(session, "UID MOVE 1:* Drafts") == [b"x BAD unknown command"]
        assert tell(session, "APPEND INBOX {4+}\r\nS: x") == [b"x BAD unknown command"]
        assert tell(session, "APPEND INBOX {4}") == [b"x BAD unknown command"]
        assert tell(session, "NOOP")[-1].startswith(b"x OK")


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


# -- mail and folders


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_the_double_passes_messages_on_byte_for_byte(server: Dovecot, encrypted: bool) -> None:
    """Odd and big mail comes through FETCH as Dovecot has it, and through APPEND as if sent to Dovecot itself."""
    for message in ODD:
        server.deliver(ALICE, "INBOX", message)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(server.root / "server.pem", server.root / "server.key")
    theirs = ssl.create_default_context(cafile=server.ca_file)
    with (
        kerio(server, tls=own if encrypted else None) as double,
        mailbox(double, tls=theirs if encrypted else None) as session,
    ):
        assert bodies(session) == [served(message) for message in ODD]
        server.create_folder(ALICE, "Copies")
        for message in ODD[1:]:
            append(session, "Copies", message, [r"\Seen"], WHEN)
            server.append_via_imap(BOB, "INBOX", message, [r"\Seen"], WHEN)
            session.send(b"x APPEND Copies {%d+}\r\n%s\r\n" % (len(message), message))
            assert session.readline().startswith(b"x OK")
        copies = [file.read_bytes() for file in server.messages(ALICE, "Copies")]
        direct = [file.read_bytes() for file in server.messages(BOB, "INBOX")]
        assert sorted(copies) == sorted(direct * 2)
        assert len(copies) == 8


def test_commands_sent_at_once(server: Dovecot) -> None:
    """They are done in their order, an APPEND with its literal among them."""
    with kerio(server) as double, mailbox(double) as session:
        session.send(b"a APPEND INBOX {4+}\r\nS: x\r\nb SELECT {5+}\r\nINBOX\r\nc UID FETCH 1 (BODY.PEEK[])\r\nd NOOP\r\n")
        replies = [session.readline()]
        while not replies[-1].startswith(b"d "):
            replies.append(session.readline())
        assert [reply[:4] for reply in replies if reply[:2] in (b"a ", b"b ", b"c ")] == [b"a OK", b"b OK", b"c OK"]
        assert b"S: x)\r\n" in replies


def test_folders_look_as_kerio_shows_them(server: Dovecot) -> None:
    """Attributes in every LIST, no new keywords, and EXAMINE that speaks of SELECT."""
    for folder in ("Sent Items", "Drafts", TRASH, "Junk E-mail", "Ä\\"):
        server.create_folder(ALICE, folder)
    with kerio(server) as double, mailbox(double) as session:
        for command in ('LIST "" *', 'LIST "" * RETURN (CHILDREN)'):
            listed = b"\n".join(tell(session, command))
            pairs = re.findall(r'\(.*?(\\[A-Z][a-z]+)?\) "/" "?(.*?)"?\n', listed.decode())
            uses = {name: use for use, name in pairs}
            assert uses["INBOX"] == r"\Inbox"
            assert (uses[TRASH], uses["Sent Items"], uses["Drafts"]) == (r"\Trash", r"\Sent", r"\Drafts")
            assert uses["Junk E-mail"] == r"\Junk"
        assert tell(session, "EXAMINE INBOX")[-1] == b"x OK [READ-ONLY] SELECT completed"
        replies = tell(session, "SELECT INBOX")
        assert replies[-1] == b"x OK [READ-WRITE] SELECT completed"
        flags = rb"* OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft)] Flags permitted."
        assert flags in replies


def test_the_double_tells_the_number_of_messages_between_replies(server: Dovecot) -> None:
    """The true number of messages is told between the replies, and nothing else is changed by it."""
    for subject in "abc":
        server.deliver(ALICE, "INBOX", b"Subject: %s\r\n\r\n" % subject.encode())
    server.create_folder(ALICE, "Drafts")
    with kerio(server) as double, mailbox(double) as session:
        session.select()
        commands = ("UID FETCH 1:* (FLAGS)", "UID FETCH 1:* (BODY.PEEK[])", 'LIST "" *')
        quiet = [tell(session, command)[:-1] for command in commands]
        double.behaviour.noise = True
        noisy = [tell(session, command)[:-1] for command in commands]
        noise = [b"* 3 EXISTS", b"* 0 RECENT"]
        assert noisy[0] == [quiet[0][0], *noise, quiet[0][1], *noise, quiet[0][2]]
        assert noisy[2] == [quiet[2][0], *noise, quiet[2][1]]
        assert [line for line in noisy[1] if line not in noise] == quiet[1]
        assert len(noisy[1]) == len(quiet[1]) + 4
        server.remove_messages(ALICE, "INBOX")
        session.noop()
        assert b"* 2 EXISTS" in tell(session, commands[0])


# -- deleting

WAYS = {
    "UID": ("UID STORE 2", "UID EXPUNGE 2", set[str]()),
    "numbers": ("STORE 2", "EXPUNGE", set[str]()),
    "no UIDPLUS": ("UID STORE 2", "EXPUNGE", {"UIDPLUS"}),
    "CLOSE": ("UID STORE 2", "CLOSE", {"UIDPLUS"}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moves_at", ["store", "expunge"])
@pytest.mark.parametrize("auto_expunge", [1, 0])
def test_the_double_moves_or_removes_deleted_messages(server: Dovecot, auto_expunge: Any, moves_at: Any, way: str) -> None:
    """The place of a message after STORE and after EXPUNGE: moved with flags, date and bytes, or gone, others untouched."""
    store, expunge, hidden = WAYS[way]
    server.deliver(ALICE, "INBOX", b"Subject: a\n\n")
    server.deliver(ALICE, "INBOX", b"Subject: b\n\n", [r"\Answered", r"\Flagged"], WHEN)
    server.deliver(ALICE, "INBOX", b"Subject: c\n\n", [r"\Deleted"])
    behaviour = Behaviour(auto_expunge=auto_expunge, moves_at=moves_at, hidden=hidden)
    with kerio(server, behaviour) as double, mailbox(double) as session:
        session.select()
        at_once = auto_expunge == 1 and moves_at == "store"
        replies = tell(session, rf"{store} +FLAGS.SILENT (\Seen \Deleted)")
        assert [line for line in replies if b"EXPUNGE" in line] == ([b"* 2 EXPUNGE"] if at_once else [])
        assert not any(b"[COPYUID" in line for line in replies)
        assert held(server, "INBOX") == {"a": "", "c": "T"} if at_once else {"a": "", "b": "FRST", "c": "T"}
        assert held(server, TRASH) == ({"b": "FRS"} if at_once else {})

        replies = tell(session, expunge)
        assert replies[-1].startswith(b"x OK")
        assert b"EXPUNGE" not in b"".join(replies[:-1]) or way != "CLOSE"
        assert held(server, "INBOX") == ({"a": "", "c": "T"} if way == "UID" else {"a": ""})
        moved = {"b": "FRS"} if way == "UID" else {"b": "FRS", "c": ""}
        assert held(server, TRASH) == (moved if auto_expunge else {})
        if auto_expunge:
            file = server.messages(ALICE, TRASH)[0]
            assert (file.read_bytes(), file.stat().st_mtime) == (b"Subject: b\n\n", WHEN.timestamp())


@pytest.mark.parametrize("moves_at", ["store", "expunge"])
@pytest.mark.parametrize("hidden", [set(), {"UIDPLUS"}], ids=["UIDPLUS", "no UIDPLUS"])
def test_deleting_in_deleted_items_is_final(server: Dovecot, moves_at: Any, hidden: set[str]) -> None:
    """There STORE flags and EXPUNGE removes; without UIDPLUS, UID EXPUNGE is no command."""
    server.deliver(ALICE, TRASH, b"Subject: a\n\n")
    server.deliver(ALICE, TRASH, b"Subject: b\n\n")
    with kerio(server, Behaviour(moves_at=moves_at, hidden=hidden)) as double, mailbox(double) as session:
        session.select(f'"{TRASH}"')
        session.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
        assert held(server, TRASH) == {"a": "T", "b": ""}
        if hidden:
            assert tell(session, "UID EXPUNGE 1") == [b"x BAD unknown command"]
            assert session.expunge() == ("OK", [b"1"])
        else:
            assert tell(session, "UID EXPUNGE 1")[0] == b"* 1 EXPUNGE"
        assert held(server, TRASH) == {"b": ""}


def test_nothing_is_deleted_in_a_read_only_folder(server: Dovecot) -> None:
    """After EXAMINE, and by taking the flag away, messages stay where they are."""
    server.deliver(ALICE, "INBOX", b"Subject: a\n\n", [r"\Deleted"])
    with kerio(server) as double, mailbox(double) as session:
        session.select(readonly=True)
        for command in (r"UID STORE 1 +FLAGS (\Deleted)", "EXPUNGE", "CLOSE"):
            tell(session, command)
        assert held(server, "INBOX") == {"a": "T"}
        session.select()
        session.store("1", "-FLAGS.SILENT", r"(\Deleted)")
        session.close()
        assert held(server, "INBOX") == {"a": ""}
        assert held(server, TRASH) == {}


@pytest.mark.parametrize("auto_expunge", [1, 0])
def test_a_hook_of_the_double_runs_once_before_its_command(server: Dovecot, auto_expunge: Any) -> None:
    """A hook runs once before its command: mail flagged by another client at that moment is expunged too."""
    for subject in "ab":
        server.deliver(ALICE, "INBOX", b"Subject: %s\n\n" % subject.encode())

    def flag() -> None:
        with server.client(ALICE) as other:
            other.select()
            other.uid("STORE", "2", "+FLAGS", r"(\Deleted)")

    behaviour = Behaviour(auto_expunge=auto_expunge, moves_at="expunge", before={"EXPUNGE": flag})
    with kerio(server, behaviour) as double, mailbox(double) as session:
        session.select()
        session.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
        assert held(server, "INBOX") == {"a": "T", "b": ""}
        tell(session, "EXPUNGE")
        assert held(server, "INBOX") == {}
        assert held(server, TRASH) == ({"a": "", "b": ""} if auto_expunge else {})
        assert not double.behaviour.before


@pytest.mark.parametrize("moves_at", ["store", "expunge"])
@pytest.mark.parametrize("auto_expunge", [1, 0])
@pytest.mark.parametrize("verb", ["UID STORE", "UID EXPUNGE"])
def test_uidvalidity_changes_just_before(server: Dovecot, auto_expunge: Any, moves_at: Any, verb: str) -> None:
    """Nothing is deleted, and the session ends."""
    server.deliver(ALICE, "INBOX", b"Subject: a\n\n")
    behaviour = Behaviour(auto_expunge=auto_expunge, moves_at="expunge" if verb == "UID EXPUNGE" else moves_at)
    with kerio(server, behaviour) as double, mailbox(double) as session:
        session.select()
        behaviour.before[verb] = lambda: server.change_uidvalidity(ALICE, "INBOX")

        def go_on() -> None:
            for command in (r"UID STORE 1 +FLAGS (\Deleted)", "UID EXPUNGE 1", "NOOP"):
                tell(session, command)

        with pytest.raises(OVER):
            go_on()
        assert list(held(server, "INBOX")) == ["a"]
        assert held(server, TRASH) == {}


@pytest.mark.parametrize("verb", ["UID STORE", "UID EXPUNGE", "EXPUNGE", "APPEND"])
@pytest.mark.parametrize("knob", ["drop_at", "drop_after", "silent_at", "answers"])
def test_a_command_that_was_lost_or_refused_succeeds_at_the_next_try(server: Dovecot, knob: str, verb: str) -> None:
    """A command is lost, done without an answer, not answered or refused; the next try succeeds."""
    server.deliver(ALICE, "INBOX", b"Subject: a\n\n", [r"\Deleted"] if "EXPUNGE" in verb else ())
    command = {"UID STORE": r"UID STORE 1 +FLAGS (\Deleted)", "APPEND": "APPEND Drafts {12+}\r\nSubject: a\n\n"}.get(
        verb, verb + " 1" * (verb == "UID EXPUNGE")
    )
    server.create_folder(ALICE, "Drafts")
    with kerio(server) as double:

        def done() -> bool:
            return bool(held(server, "Drafts") if verb == "APPEND" else held(server, TRASH))

        with mailbox(double) as session:
            session.select()
            setattr(double.behaviour, knob, {verb: "NO not today"} if knob == "answers" else verb)
            if knob == "answers":
                assert tell(session, command) == [b"x NO not today"]
            elif knob == "silent_at":
                session.sock.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    tell(session, command)
            else:
                with pytest.raises(OVER):
                    tell(session, command)
        assert done() == (knob == "drop_after")
        assert not getattr(double.behaviour, knob)
        with mailbox(double) as session:
            session.select()
            assert tell(session, command)[-1].startswith(b"x OK")
            assert done()
        assert [line.partition("\r")[0] for line in double.lines()].count(command.partition("\r")[0]) == 2


# -- connections


def test_the_double_refuses_one_connection_more_than_allowed(server: Dovecot) -> None:
    """One more than allowed is told so and closed; a place is free again after LOGOUT."""
    with kerio(server, Behaviour(max_connections=2)) as double, ExitStack() as stack:
        first, second = (stack.enter_context(raw(double)) for _ in range(2))
        with raw(double) as third:
            assert third.greeting == b"* BYE too many connections from your address\r\n"
            assert third.line() == ""
        assert (double.open, double.most, double.refused, double.connections) == (2, 2, 1, 3)
        assert first.ask("a LOGOUT").startswith("* BYE")
        assert first.line().startswith("a OK")
        with raw(double) as fourth:
            assert b"ready" in fourth.greeting
            assert second.ask("a NOOP").startswith("a OK")
        assert (double.most, double.refused, double.connections) == (2, 1, 4)


def test_a_server_that_is_down(server: Dovecot) -> None:
    """Connections are closed without a greeting, and a Dovecot without a master user is refused from the start."""
    with kerio(server) as double:
        server.stop()
        with raw(double) as connection:
            assert connection.greeting == b""
    server.master = None
    with pytest.raises(ValueError, match="master user"):
        kerio(server)
