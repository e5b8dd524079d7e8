"""Mail in any number for searching and browsing: quick to make, all from one seed, words as frequent as in a language."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from email.utils import formatdate
from itertools import accumulate, islice
from random import Random

from core.archive.archive import Archive
from core.archive.registry import users
from tests import homes

WORDS = 20_000
BEGINNING = 1_500_000_000
BATCH = 500
_SYLLABLES = (
    "an",
    "ber",
    "ca",
    "del",
    "en",
    "fir",
    "gol",
    "hu",
    "in",
    "jor",
    "ka",
    "lem",
    "mo",
    "ner",
    "os",
    "pri",
    "qua",
    "rin",
)
_PEOPLE = ("anna", "bob", "carla", "dmitri", "eve", "farid", "greta", "hiro")


class Generator:
    """Messages of 1 to 4 kB; the same ones for the same seed. ``words`` are all that occur, the most frequent first."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.words = [self._word(number) for number in range(WORDS)]
        # As in a language, the tenth word is a tenth as frequent as the first.
        self._shares = list(accumulate(1 / (rank + 3) for rank in range(WORDS)))

    def _word(self, number: int) -> str:
        syllables = ""
        rest = number + len(_SYLLABLES)
        while rest:
            rest, syllable = divmod(rest, len(_SYLLABLES))
            syllables += _SYLLABLES[syllable]
        return syllables

    def text(self, count: int) -> str:
        """``count`` words in lines."""
        total, draw, words, shares = self._shares[-1], self._random.random, self.words, self._shares
        drawn = [words[bisect(shares, draw() * total)] for _ in range(count)]
        return "\r\n".join(" ".join(drawn[at : at + 12]) for at in range(0, count, 12))

    def messages(self) -> Iterator[bytes]:
        """One message after the other, each somewhat later than the one before."""
        random = self._random
        number = 0
        while True:
            number += 1
            sender, recipient = random.choice(_PEOPLE), random.choice(_PEOPLE)
            head = (
                f"From: {sender.title()} <{sender}@example.test>\r\nTo: {recipient}@example.test\r\n"
                f"Subject: {self.text(random.randint(2, 8))}\r\nDate: {formatdate(BEGINNING + number * 1000)}\r\n"
                f"Message-ID: <{number}@example.test>\r\n\r\n"
            )
            yield (head.replace("\r\n ", " ") + self.text(random.randint(150, 600)) + "\r\n").encode()


async def store(
    archive: Archive, generator: Iterator[bytes], count: int, *, folder: str = "INBOX", owner: str = "alice"
) -> None:
    """Archive ``count`` messages for a user who is there, as a run does."""
    user = (await users.find(archive, owner)).id
    uid = int(await archive.database.value("SELECT coalesce(max(uid), 0) FROM source_message"))
    for start in range(0, count, BATCH):
        raws = list(islice(generator, min(BATCH, count - start)))
        ready = await archive.writer.prepare(raws)
        listed = []
        for message in ready.messages:
            uid += 1
            listed.append([message.sha256.hex(), uid, len(message.raw), BEGINNING + uid, "\\Seen"])
        payload = {
            "run": 1,
            "source": "imap://generated@mail.example.test",
            "owner": user,
            "folder": f"{owner}@example.test/{folder}",
            "server_folder": folder,
            "uidvalidity": 1,
            "messages": listed,
        }
        await archive.append([homes.draft("archived", payload)], ready)
