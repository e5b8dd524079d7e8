"""Recall of the search: a sample of odd and ordinary mail, read once more by another reader."""

from __future__ import annotations

import email
import email.message
import email.policy
import hashlib
import re
from itertools import islice
from pathlib import Path
from random import Random

from core.archive.archive import Archive
from core.archive.search import folding
from core.archive.search.query import parse
from core.archive.search.search import Search
from core.archive.search.search_index import Index
from core.demo.odd import odd_messages
from tests import mails
from tests.homes import begin, store

SEED = 20240531
SAMPLE = 200
WORDS = 3
_WORD = re.compile(r"[^\W_]+")

#: Texts that are not found by all their words, by the beginning of the message's SHA-256, and why.
EXCEPTIONS = {
    **dict.fromkeys(
        ("1e57ea70459323f9", "e3d8ab7f101ada02", "5398da5a1c16270e", "f600a3a872121568", "4e7d76e4918cf0a8",
         "d755fc0646e8bb18", "3253a90742af93c6"),
        "a line that is no field ends the header for Python, and what is in the fields after it becomes text; to us, as to "
        "IMAP, an empty line ends it",
    ),
    "55a7121527d0fb90": "a line that is the boundary but for a blank at its end: a delimiter to us, text to Python",
    "0107d3183911047e": "lines of text that are boundaries of multiparts around it: text before the innermost is passed over",
    "91d3022079904e27": "says that it is base64 and is plain text: it is decoded as it says",
    "79e4cb253305c42e": "message/external-body: what is elsewhere is an attachment to us, its header text to Python",
    "0687259febf26f68": "files in uuencode within the text are attachments to us, their lines text to Python",
    "a5a8f44410fb1085": "a digest without a header, of which a line looks like a field",
}  # fmt: skip


def readable(raw: bytes) -> str:
    """The text of a message as Python's own reader has it: what it cannot decode for sure is no word to ask for."""
    found: list[str] = []
    for part in email.message_from_bytes(raw, policy=email.policy.compat32).walk():
        if part.get_content_type() != "text/plain" or part.get_filename() or part.get_content_disposition() == "attachment":
            continue
        payload = part.get_payload(decode=True)
        charset = str(part.get_content_charset() or "us-ascii")
        if isinstance(payload, bytes):
            try:
                found.append(payload.decode(charset))
            except (LookupError, ValueError):
                continue
    return "\n".join(found)


async def recalled(archive: Archive, messages: list[bytes], random: Random) -> list[str]:
    """Messages, of a random sample, that three random words of theirs do not find."""
    numbers: dict[str, int] = dict(await archive.database.read("SELECT lower(hex(sha256)), id FROM message"))
    search = await Search.open(archive)
    missed: list[str] = []
    tried = 0
    for raw in random.sample(messages, len(messages)):
        words = sorted({word for word in _WORD.findall(readable(raw)) if 3 <= len(word) <= 40 and folding.words(word)})
        if len(words) < WORDS:
            continue
        tried += 1
        digest = sha256(raw)
        query = " ".join(f'"{word}"' for word in random.sample(words, WORDS))
        if digest[:16] not in EXCEPTIONS and not await found(search, query, numbers[digest]):
            missed.append(f"{digest[:16]} {query}")
        if tried == SAMPLE:
            break
    await search.close()
    assert tried == SAMPLE
    return missed


async def test_the_exceptions_are_exceptions(tmp_path: Path, further_odd_mail: list[bytes]) -> None:
    """A message listed as not found has words that do not find it: one that is found by now must leave the list."""
    messages = [raw for raw in further_odd_mail if sha256(raw)[:16] in EXCEPTIONS]
    archive = await indexed(tmp_path / "home", messages)
    numbers: dict[str, int] = dict(await archive.database.read("SELECT lower(hex(sha256)), id FROM message"))
    search = await Search.open(archive)
    for raw in messages:
        words = {word for word in _WORD.findall(readable(raw)) if 3 <= len(word) <= 40 and folding.words(word)}
        assert not all([await found(search, f'"{word}"', numbers[sha256(raw)]) for word in words])
    assert {sha256(raw)[:16] for raw in messages} == EXCEPTIONS.keys()
    await search.close()
    await archive.close()


async def found(search: Search, query: str, number: int) -> bool:
    return number in [one async for one in search.ids(parse(query))]


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


async def indexed(path: Path, messages: list[bytes]) -> Archive:
    archive = await begin(path)
    for start in range(0, len(messages), 500):
        await store(archive, dict(enumerate(messages[start : start + 500], start + 1)))
    index = await Index.open(archive)
    while await index.step():
        pass
    await index.close()
    return archive


async def test_three_words_find_generated_mail(tmp_path: Path) -> None:
    """Of generated and of built odd mail, three random words of the text find the message."""
    messages = [one.raw for one in odd_messages(SEED)] + list(islice(mails.Generator(SEED).messages(), 1000))
    archive = await indexed(tmp_path / "home", messages)
    assert await recalled(archive, messages, Random(SEED)) == []
    await archive.close()


async def test_three_words_find_real_odd_mail(tmp_path: Path, further_odd_mail: list[bytes]) -> None:
    """Of real and deliberately broken mail, three random words of the text find the message, in each of three samples."""
    archive = await indexed(tmp_path / "home", further_odd_mail)
    for seed in range(SEED, SEED + 3):
        assert await recalled(archive, further_odd_mail, Random(seed)) == [], seed
    await archive.close()
