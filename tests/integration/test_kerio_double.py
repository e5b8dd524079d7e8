"""The Kerio double does on the wire as Kerio Connect does, judged by the standard library and by raw sockets."""

from __future__ import annotations

import re
import ssl
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from tests import kerio_wire
from tests.kerio_wire import ALICE, BOB, RAW, bodies, kerio, mailbox, raw, tell
from tests.servers.dovecot import Dovecot, append, served
from tests.servers.kerio import TRASH, Behaviour

server = kerio_wire.server

pytestmark = pytest.mark.server
WHEN = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
OVER = (EOFError, ConnectionError)
ODD = [
    b"",
    b"Subject: 8-bit \xff\xfe\x80\r\n\r\n\xe4\xf6\xfc\r\n",
    b"Subject: lone LF\n\nLF\nCRLF\r\nCR\rCR CR LF\r\r\nend without one",
    b"Subject: like IMAP\r\n\r\n* BYE {5}\r\nx OK {17}\r\n+ \r\n* CAPABILITY UIDPLUS IDLE\r\n* OK [COPYUID 1 1 1] no\r\n",
    b"Subject: big\r\n\r\n" + bytes(range(1, 256)) * 8_300,
]


def held(server: Dovecot, folder: str, user: str = ALICE) -> dict[str, str]:
    """The messages of a folder on disk: subject -> letters of the flags."""
    if folder not in server.folders(user):
        return {}
    files = server.messages(user, folder)
    return {file.read_bytes().split()[1].decode(): file.name.partition(":2,")[2] for file in files}


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
