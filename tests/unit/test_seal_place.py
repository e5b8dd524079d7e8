"""Places that seals are sent to: their validity, due times, and finding a seal in their content."""

from __future__ import annotations

import base64
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from core.archive.proof.seal import Seal, find, line, text
from core.archive.proof.seal_places import PlaceState
from core.config import Home
from core.engine.seals.seal_delivery import Parcel, deliver, gone
from core.engine.seals.seal_troubles import overdue
from core.engine.seals.sealing import AGAIN, LONGEST, due, last_night
from core.errors import ArchivarError, InputError
from core.problems.code import Reason
from core.problems.command_line import told
from core.profiles.seal_place import MailAccess, PlaceKind, SealPlace, checked
from core.secrets import Secret
from core.service.alarms.rules import of_place
from tests.reasons import said

HERE, OTHER = "0123456789abcdef" * 2, "f" * 32
SEALS = [Seal(number, bytes([number]) * 32, f"2026-11-2{number}T05:12:54.123Z") for number in (3, 4, 5)]
FILE = SealPlace("file", PlaceKind.FILE, "/tmp/seals.txt")
MAIL = SealPlace("mail", PlaceKind.MAIL, "a@example.test", "mail.example.test")
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (replace(FILE, target="seals.txt"), "target"),
        (replace(FILE, target=""), "target"),
        (replace(FILE, target="/nowhere/seals.txt"), "target"),
        (replace(FILE, target="/tmp/a\nb"), "target"),
        (replace(FILE, name="-file"), "name"),
        (replace(FILE, name=""), "name"),
        (replace(FILE, name="x" * 41), "name"),
        (replace(FILE, host="mail.example.test"), "host"),
        (replace(MAIL, target="nobody"), "target"),
        (replace(MAIL, target="a@example.test\nBcc: b@example.test"), "target"),
        (replace(MAIL, target="ä@example.test"), "target"),
        (replace(MAIL, sender="nobody"), "sender"),
        (replace(MAIL, host=""), "host"),
        (replace(MAIL, host="mail.example.test:25"), "host"),
        (replace(MAIL, port=70000), "port"),
        (replace(MAIL, username="a", access=MailAccess.PLAIN), "username"),
        (replace(MAIL, password_file="/etc/passwd"), "password_file"),
        (replace(MAIL, ca_file="/nowhere/ca.pem"), "ca_file"),
        (SealPlace("log", PlaceKind.JOURNAL, "log"), "target"),
        (SealPlace("stamp", PlaceKind.STAMP, "https://tsa.example.test"), "ca_file"),
        (SealPlace("stamp", PlaceKind.STAMP, "ftp://tsa.example.test", ca_file="/etc/passwd"), "target"),
        (SealPlace("stamp", PlaceKind.STAMP, "https://a:b@tsa.example.test", ca_file="/etc/passwd"), "target"),
        (SealPlace("stamp", PlaceKind.STAMP, "https://[tsa", ca_file="/etc/passwd"), "target"),
    ],
)
def test_what_no_place_can_be_is_refused_by_its_field(place: SealPlace, field: str) -> None:
    """Each error names the field and what is allowed."""
    with pytest.raises(InputError, match=rf"^{field}\b") as caught:
        checked(place)
    assert caught.value.hint


@pytest.mark.parametrize(
    "place", [FILE, MAIL, SealPlace("log", PlaceKind.JOURNAL), replace(MAIL, host="[::1]", access=MailAccess.SSL)]
)
def test_a_place_is_the_same_after_json(place: SealPlace) -> None:
    """Fields that its kind has not are left out, and no password is among them."""
    place = checked(place)
    assert SealPlace.from_json(place.as_json()) == place
    assert "password" not in place.as_json()


# Reading seals ---------------------------------------------------------------------------------------------------------------

FORMS = {
    "file": "".join(f"{line(HERE, one)}\n" for one in SEALS),
    "journal": "".join(f"Nov 29 02:30:01 host archivar[4711]: {line(HERE, one)}\n" for one in SEALS),
    "rfc5424": "".join(f"<29>1 2026-11-29T02:30:01.5Z host archivar 4711 - - {line(HERE, one)}\n" for one in SEALS),
    "mail": "From: a\nSubject: Seal of the mail archive at entry 5\n\nKeep this.\n\n"
    + "\n\n".join(map(str, SEALS))
    + f"\n\nArchive {HERE}\n",
    "quoted": "> Keep this.\n>\n" + "".join("> " + str(one).replace(" ", "\n> ") + "\n" for one in SEALS),
    "encoded": "\n".join(f"{str(one)[:75]}=\n{str(one)[75:]}" for one in SEALS),
    "crlf": "\r\n".join(line(HERE, one) for one in SEALS),
    "others": f"{line(OTHER, Seal(9, bytes(32), SEALS[0].at))}\n" + "".join(f"{line(HERE, one)}\n" for one in SEALS),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form_in_which_seals_are_kept_is_read(text: str) -> None:
    """All of them, since one that was sent after a forgery fits it; those of other archives are passed over."""
    assert list(find(text, HERE)) == SEALS


def test_seals_of_other_archives_alone_are_checked_all_the_same() -> None:
    """A home that was put in the place of another one would else be found to be in order."""
    assert list(find(FORMS["file"], OTHER)) == SEALS


@pytest.mark.parametrize(
    "text", ["", "no seal", "12 " + "a" * 63, "0 " + "a" * 64 + f" {SEALS[0].at}", "5 " + "a" * 65 + f" {SEALS[0].at}"]
)
def test_text_without_a_seal_is_refused(text: str) -> None:
    """Nothing that only looks like one."""
    with pytest.raises(InputError):
        find(text, HERE)


def test_a_long_text_is_read_in_linear_time() -> None:
    """Digits, hashes and blanks without end: twice as much takes about twice as long."""
    for piece in ("1 ", "1" * 19 + " " * 20, "a" * 64 + " ", "seal " * 3, ">|" * 10, "1 " + "a" * 64 + " 2026-"):
        with pytest.raises(InputError):
            find(piece * 20_000, HERE)


# Time ------------------------------------------------------------------------------------------------------------------------


def _told(reason: Reason | None) -> str:
    return told(reason) if reason is not None else ""


def _ago(**age: float) -> datetime:
    return NOW - timedelta(**age)


@pytest.mark.parametrize(
    ("standing", "last_run", "expected"),
    [
        (PlaceState(FILE), None, True),
        (PlaceState(FILE, _ago(days=2)), None, True),
        (PlaceState(FILE, _ago(minutes=1)), None, False),
        (PlaceState(FILE, _ago(minutes=5)), _ago(minutes=1), True),
        (PlaceState(FILE, _ago(minutes=1)), _ago(minutes=5), False),
        (PlaceState(FILE, _ago(minutes=5), why=said("no"), failures=1), None, False),
        (PlaceState(FILE, NOW - AGAIN, why=said("no"), failures=1), None, True),
        (PlaceState(FILE, NOW - AGAIN, why=said("no"), failures=2), None, False),
        (PlaceState(FILE, NOW - LONGEST, why=said("no"), failures=1000), None, True),
        (PlaceState(FILE, NOW + timedelta(days=400)), None, True),
    ],
)
def test_a_seal_is_due_at_night_after_runs_and_after_failures(
    standing: PlaceState, last_run: datetime | None, expected: bool
) -> None:
    """A time far ahead was told by a wrong clock, and holds nothing back."""
    assert due(standing, NOW, last_run) is expected


def test_the_night_is_that_of_the_place_where_the_machine_is() -> None:
    """Half past two in local time, and the one before while it is earlier."""
    for hour in range(24):
        moment = NOW + timedelta(hours=hour)
        night = last_night(moment)
        assert night <= moment < night + timedelta(days=1, hours=1)
        assert (night.astimezone().hour, night.astimezone().minute) == (2, 30)


def test_what_does_not_arrive_is_told() -> None:
    """Failures by name, damage first, and places without a service."""
    good = PlaceState(FILE, _ago(hours=1))
    failed = PlaceState(MAIL, _ago(hours=1), why=said("mail.example.test refuses the mail."), failures=1)
    broken = PlaceState(MAIL, _ago(hours=1), why=said("The archive does not contain it."), failures=1, broken=True)
    assert _told(of_place(failed).reason) == "No seal reaches mail: mail.example.test refuses the mail. It is tried again."
    assert _told(of_place(broken).reason) == "DAMAGED: The archive does not contain it."
    assert overdue([good, failed], NOW) is None
    assert "for days: no service" in _told(overdue([PlaceState(FILE, _ago(days=3))], NOW))
    assert "yet: no service" in _told(overdue([PlaceState(FILE)], NOW))
    assert Path(FILE.target).name in FILE.where


# On the way ------------------------------------------------------------------------------------------------------------------

#: What a mail server says to the first words of each line; of others it knows nothing.
WELL = {
    "EHLO": "250-here\r\n250 AUTH PLAIN",
    "AUTH PLAIN": "235 in",
    "RSET": "250 yes",
    "MAIL": "250 yes",
    "RCPT": "250 yes",
    "DATA": "354 go",
}
LONG = "correct horse battery"


def _mailed(answers: dict[str, str], place: SealPlace, password: str) -> list[bytes]:
    """The lines that a mail server gets which answers so. Raises ``ArchivarError``."""
    lines: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as file:
                connection.sendall(b"220 here\r\n")
                answered = True
                for line in file:
                    lines.append(line)
                    words = line.decode().strip()
                    told = next((told for one, told in answers.items() if words.upper().startswith(one)), "502 unknown")
                    if answered or words == ".":
                        connection.sendall(("250 kept" if words == "." else told.replace("THIS", words)).encode() + b"\r\n")
                    answered = words == "." or (answered and words.upper() != "DATA")

        thread = Thread(target=serve)
        thread.start()
        try:
            parcel = Parcel(SEALS[0], HERE, Home(Path("/nowhere")))
            deliver(replace(place, host="127.0.0.1", port=listening.getsockname()[1]), parcel, Secret(password))
        finally:
            thread.join()
    return lines


@pytest.mark.parametrize("password", [LONG, "Schlüssel-ß", "пароль"])
def test_a_password_of_any_letters_is_sent_to_a_mail_server(password: str) -> None:
    """In UTF-8, as RFC 4616 says."""
    lines = _mailed(WELL, replace(MAIL, username="anna", access=MailAccess.PLAIN), password)
    [sent] = [line.split()[-1] for line in lines if line.startswith(b"AUTH")]
    assert base64.b64decode(sent).decode() == f"\0anna\0{password}"
    assert str(SEALS[0]).encode() + b"\r\n" in lines


@pytest.mark.parametrize(
    ("answers", "access", "password", "said"),
    [
        ({"EHLO": "250 yes"}, MailAccess.PLAIN, LONG, "127.0.0.1 offers no login; needed is"),
        (
            {"EHLO": "250-here\r\n250 AUTH GSSAPI"},
            MailAccess.PLAIN,
            LONG,
            "127.0.0.1 offers only GSSAPI for logging in; needed is",
        ),
        (
            {"EHLO": "250-here\r\n250 AUTH LOGIN"},
            MailAccess.PLAIN,
            "пароль",
            "offers only LOGIN for logging in; needed is PLAIN.",
        ),
        ({"EHLO": "250 yes"}, MailAccess.TLS, LONG, "127.0.0.1 offers no TLS on port"),
        ({"AUTH PLAIN": f"535 not {LONG}"}, MailAccess.PLAIN, LONG, r"refuses the login: not \*\*\*\."),
        ({"AUTH PLAIN": "535 what is THIS"}, MailAccess.PLAIN, LONG, r"refuses the login: what is AUTH PLAIN \*\*\*\."),
        ({"RCPT": f"550 {LONG} is nobody"}, MailAccess.PLAIN, LONG, r"refuses the address: 550 \*\*\* is nobody\."),
    ],
)
def test_why_a_mail_server_takes_no_seal(answers: dict[str, str], access: MailAccess, password: str, said: str) -> None:
    """The missing capability, or its own text, without the password that it repeats."""
    with pytest.raises(ArchivarError, match=said):
        _mailed(WELL | answers, replace(MAIL, username="anna", access=access), password)


def test_a_file_is_one_whatever_its_name_begins_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seals are kept in files that are called by the year."""
    monkeypatch.chdir(tmp_path)
    Path("2026-seals.log").write_text(line(HERE, SEALS[0]))
    assert find(text("2026-seals.log"), HERE) == (SEALS[0],)
    assert text(str(SEALS[0])) == str(SEALS[0])


def test_what_has_lost_a_seal_is_known(tmp_path: Path) -> None:
    """A file that is gone or has others only; a home without the stamp. One that may only be added to is believed."""
    home = Home(tmp_path)
    file, stamped = replace(FILE, target=str(tmp_path / "list")), SealPlace("stamp", PlaceKind.STAMP, "https://tsa.test")
    assert "has not the seal any more" in _told(gone(PlaceState(file, seal=SEALS[0]), HERE, home))
    Path(file.target).write_text("\n".join([line(HERE, SEALS[0]), *[line(OTHER, SEALS[1])] * 1000]))
    assert gone(PlaceState(file, seal=SEALS[0]), HERE, home) is None
    assert "has not the seal any more" in _told(gone(PlaceState(file, seal=SEALS[1]), HERE, home))
    assert "time stamp of entry 3 is not in" in _told(gone(PlaceState(stamped, seal=SEALS[0]), HERE, home))
    (tmp_path / "seals").mkdir()
    (tmp_path / "seals" / "000000000003-0123456789abcdef.tsr").touch()
    assert gone(PlaceState(stamped, seal=SEALS[0]), HERE, home) is None
    assert [gone(PlaceState(one), HERE, home) for one in (file, stamped)] == [None, None]
