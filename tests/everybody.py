"""A generated catch-all mailbox: many users with aliases, lists, blind copies, journal reports, unknown people.

The generator records the people of each message, so that the result of routing can be compared with them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from random import Random

from tests.journals import report

DOMAINS = ("example.test", "branch.example.test")
OWN = "journal@example.test"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A message as the mailbox has it, and as it is archived; who sent and who got it by name, and our unknown addresses."""

    raw: bytes
    content: bytes
    sent: frozenset[str]
    got: frozenset[str]
    unknown: frozenset[str]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def people(count: int, random: Random) -> list[Person]:
    """Users with one to four addresses in two domains."""
    found = []
    for number in range(count):
        name = f"user{number:03}"
        more = [f"{name[0]}.{number}@{DOMAINS[0]}", f"{name}@{DOMAINS[1]}", f"O'{name}+x@{DOMAINS[0]}"]
        found.append(Person(name, (f"{name}@{DOMAINS[0]}", *random.sample(more, random.randrange(4)))))
    return found


class Maker:
    """Makes messages from and to ``users``."""

    def __init__(self, users: list[Person], seed: int) -> None:
        self._users = users
        self._random = Random(seed)
        self._lists = {f"list{number}@lists.test": self._random.sample(users, 5) for number in range(10)}
        self.attachments = [base64.encodebytes(self._random.randbytes(24_000)).replace(b"\n", b"\r\n") for _ in range(4)]

    def messages(self, count: int) -> Iterator[Made]:
        for number in range(count):
            yield self._message(number)

    def _message(self, number: int) -> Made:
        random = self._random
        sent: set[str] = set()
        got: set[str] = set()
        unknown: set[str] = set()
        lines = [f"Received: from a.example.test by b.example.test with ESMTP id {number}"]
        sender = self._somebody(sent, unknown)
        lines.append(f"From: {self._written(sender)}")
        visible = [self._somebody(got, unknown) for _ in range(random.choice([0, 1, 1, 2, 3, 12]))]
        names = [self._written(one) for one in visible]
        if random.random() < 0.2:
            address, members = random.choice(list(self._lists.items()))
            names.append(self._written(address))
            # The list's server says in each copy for whom it is.
            member = random.choice(members)
            lines.insert(0, f"Delivered-To: {self._cased(random.choice(member.addresses))}")
            got.add(member.name)
        half = random.randrange(len(names) + 1)
        if names[:half]:
            lines.append(self._list("To", names[:half]))
        elif random.random() < 0.5:
            lines.append("To: undisclosed-recipients:;")
        if names[half:]:
            lines.append(self._list("Cc", names[half:]))
        if random.random() < 0.3:
            blind = self._somebody(got, unknown)
            field = random.choice(["X-Envelope-To", "Envelope-To", "X-RCPT-TO", "X-Original-To", "Bcc", "Resent-To"])
            lines.append(f"{field}: {blind}")
        if random.random() < 0.2:
            blind = self._somebody(got, unknown)
            lines.insert(
                0, f"Received: from c by d (as for nobody@{DOMAINS[0]})\r\n\tfor <{blind}>; Thu, 01 Feb 2024 10:00:00 +0000"
            )
        if random.random() < 0.3:
            lines.append(f"Envelope-To: {OWN}")
        content = self._body(lines, number)
        if number % 10 == 7:
            return self._reported(content, sent, sender)
        return Made(content, content, frozenset(sent), frozenset(got), frozenset(unknown))

    def _reported(self, content: bytes, sent: set[str], sender: str) -> Made:
        """The recipients are those of the report; whom the message names besides did not get it."""
        got: set[str] = set()
        unknown: set[str] = {sender.lower()} if not sent and sender.lower().endswith(DOMAINS) else set()
        lines = [f"Sender: {sender}", "Subject: To: user000@example.test", "Message-Id: <user001@example.test>"]
        for _ in range(self._random.randrange(1, 6)):
            field = self._random.choice(["To", "Cc", "Bcc", "Recipient"])
            history = self._random.choice(["", "", f", Expanded: everybody@{DOMAINS[0]}"])
            lines.append(f"{field}: {self._somebody(got, unknown)}{history}")
        return Made(report(content, lines), content, frozenset(sent), frozenset(got), frozenset(unknown))

    def _somebody(self, known: set[str], unknown: set[str]) -> str:
        chance = self._random.random()
        if chance < 0.75:
            person = self._random.choice(self._users)
            known.add(person.name)
            return self._cased(self._random.choice(person.addresses))
        if chance < 0.85:
            address = f"unknown{self._random.randrange(30)}@{self._random.choice(DOMAINS)}"
            unknown.add(address)
            return self._cased(address)
        return f"somebody{self._random.randrange(1000)}@elsewhere.test"

    def _cased(self, address: str) -> str:
        return self._random.choice([address, address, address.upper(), address.title()])

    def _written(self, address: str) -> str:
        """An address as one of many programs writes it."""
        other = f"nobody@{DOMAINS[0]}"
        return self._random.choice(
            [
                address,
                f"<{address}>",
                f"Some Body <{address}>",
                f'"Body, Some; ({other})" <{address}>',
                f"{Header('Müller, Jörg', 'utf-8').encode()} <{address}>",
                f"{address} (a comment, with {other})",
                f"Body\r\n\t<{address}>",
                f"'{other}' <{address}>",
            ]
        )

    def _list(self, field: str, names: list[str]) -> str:
        if self._random.random() < 0.1:
            return f"{field}: A group: {', '.join(names)};"
        between = self._random.choice([", ", ",", ",\r\n "])
        return f"{field}: {between.join(names)}"

    def _body(self, lines: list[str], number: int) -> bytes:
        head = [*lines, f"Subject: message {number}", f"Message-ID: <{number}@example.test>", "MIME-Version: 1.0"]
        if self._random.random() < 0.3:
            attachment = self._random.choice(self.attachments)
            head.append('Content-Type: multipart/mixed; boundary="=b"')
            text = "--=b\r\nContent-Type: text/plain\r\n\r\nText\r\n--=b\r\nContent-Type: application/x; name=a\r\n"
            text += "Content-Transfer-Encoding: base64\r\n\r\n"
            return "\r\n".join([*head, "", text]).encode() + attachment + b"\r\n--=b--\r\n"
        return "\r\n".join([*head, "", f"To: user003@example.test\r\nText {number}\r\n" * 5]).encode()
