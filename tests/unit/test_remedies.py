"""What to do about a problem: each family of reasons has advice of its own, and is known by words of the engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core.engine.run import remedies
from core.engine.run.remedies import remedy
from core.model import ProblemCode

#: A reason as the engine makes it, and what the advice must speak of.
REASONS = [
    ("not deleted: the archived copy is damaged (part 5 does not match)", "archivar verify"),
    ("An error of the program ended this mailbox (KeyError). See the service's log.", "fault of Archivar"),
    ("not tried: mail.example.test refused the master login (NO).", "because all before it failed"),
    ("mail.example.test refused the master login (X-MASTERAUTH failed). There are three causes", "Master Authentication"),
    ("mail.example.test does not open the mailbox of anna@example.test (no).", "--login"),
    ("No password is stored for Anna. Change the profile and enter it, or name a file that holds it.", "asks for it"),
    ("login.password_file /etc/anna cannot be read: No such file or directory.", "first line"),
    ("mail.example.test refused the login of anna (AUTHENTICATIONFAILED).", "profile apply"),
    ("mail.example.test refused the master user root for anna (no).", "Compare user name"),
    ("the user has no e-mail address; archivar user edit adds one", "--email"),
    ("there is no such user any more; correct users.list of the profile", "user add"),
    ("The certificate of mail.example.test has expired.", "ca_file"),
    ("mail.example.test does not offer STARTTLS on port 143.", "access and port"),
    ("The name mail.example.test cannot be found (Name or service not known).", "getent hosts"),
    ("mail.example.test refused the connection on port 993.", "firewall"),
    ("the server could not be reached 5 times in a row. mail.example.test did not answer on port 993.", "firewall"),
    ("mail.example.test did not greet as an IMAP server (BYE).", "lower connections"),
    ("the connection broke each time it was fetched: The server fell silent.", "ends the connection"),
    ("the server would not give it: The server answered: NO internal error.", "Open the message in a mail program"),
    ("the server sent no content", "Open the message in a mail program"),
    ("the folder was made anew on the server (UIDVALIDITY changed) while it was being archived", "Nothing is to be done"),
    ("The server gives the folder no UIDVALIDITY, so its messages cannot be told apart.", "IMAP standard"),
    ("the server's folder list has a line that cannot be read", "plain name"),
    ("The server sent something in the login that cannot be read (ValueError).", "no mail program"),
    ("The server lists no folders at all, not even INBOX. See the server's log.", "has no folders"),
    ("nothing is deleted here: somebody else has marked messages (it has no UIDPLUS)", "Purge the folder"),
    ("nothing is deleted here: the server lets us only read this folder", "Give it the right"),
    ("3 of 5 messages were not deleted: NO", "stays on the server for now"),
    ("The connection was lost (reset by peer).", "raise timeout"),
    ("not archived in this run", "another problem in the same folder"),
    ("The server answered: BAD internal error.", "in its own words"),
    ("something that nobody foresaw", "tried again in the next run"),
]


@pytest.mark.parametrize(("reason", "advice"), REASONS)
def test_a_reason_has_the_advice_of_its_family(reason: str, advice: str) -> None:
    """What an administrator is told fits what went wrong."""
    assert advice in remedy(reason)


def test_every_code_has_advice_of_its_own() -> None:
    """Whatever the reason says; a code that this version does not know leaves it to the reason."""
    given_ = [remedy("not deleted", code.value) for code in ProblemCode if code]
    assert len(set(given_)) == len(given_)
    assert remedies._GENERAL not in given_
    assert remedy("not deleted", "of tomorrow") == remedy("not deleted")


def test_every_advice_is_given() -> None:
    """None is hidden by one that stands before it."""
    given_ = {remedy(reason) for reason, _ in REASONS}
    assert {advice for _, advice in remedies._REMEDIES} - given_ == set()


def test_reasons_are_known_by_words_of_the_sources() -> None:
    """A reason that is worded anew must not lose its advice unnoticed."""
    root = Path(core.__file__).parent
    files = [path for part in ("engine", "imap") for path in (root / part).rglob("*.py") if path.name != "remedies.py"]
    files += [root / "network.py", root / "archive" / "registry" / "saved_profiles.py"]
    # Texts in the sources are broken over lines, and hold values in braces.
    sources = re.sub(r'"\s*f?"', "", "\n".join(path.read_text(encoding="utf-8") for path in files))
    # What servers say, and what is put together from pieces.
    foreign = {"maximum number of connections", "[Tt]oo many", "refused the (login|master user|account)"}
    words = [
        word for pattern, _ in remedies._REMEDIES if pattern not in foreign for word in re.split(r"\|(?![^(]*\))", pattern)
    ]
    plain = {re.sub(r"\\d\+", r"\\{.+?\\}", word.removeprefix("^")) for word in words} - foreign
    assert [word for word in plain if not re.search(word, sources)] == []


@given(st.text())
def test_whatever_a_server_says_there_is_advice(reason: str) -> None:
    """Never nothing, and never what the server said."""
    assert remedy(reason) in {advice for _, advice in remedies._REMEDIES} | {remedies._GENERAL}
