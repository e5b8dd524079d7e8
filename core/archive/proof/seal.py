"""A seal: number, hash and time of a ledger entry, kept elsewhere. It stands for that entry and for all before it.

It is written as ``12 HASH TIME``, and where seals of several archives may lie together, with the archive's id before it:
``archivar seal ARCHIVE 12 HASH TIME``. That line is kept in files and journals, and is the one that is stamped.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.store.volume_format import LAST_SEQ
from core.errors import InputError
from core.model import moment
from core.problems import seal_line as problems
from core.text.patterns import pattern
from core.values import dataclass

#: Longer than any seal, with all the line breaks and quote marks of mail programs.
LONGEST = 4096
#: Ten years of a line each minute are 600 MB; a longer file is no file of seals.
LONGEST_FILE = 1024**3
#: A seal within other text, at word boundaries; mail programs quote it and break it between its words.
_ANYWHERE = pattern(
    r"(?:\bseal[\s>|]{1,20}(?P<archive>[0-9a-f]{32})[\s>|]{1,20})?(?<![0-9A-Za-z])(?P<seq>[0-9]{1,19})[\s>|]{1,20}"
    r"(?P<hash>[0-9a-fA-F]{64})[\s>|]{1,20}(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,20}Z)"
)
_TEXT = pattern(r"(?P<seq>[0-9]{1,19})\s+(?P<hash>[0-9a-fA-F](?:\s*[0-9a-fA-F]){63})(?:\s+(?P<at>[0-9]\S*)?)?")


@dataclass(frozen=True, slots=True)
class Seal:
    """The entry ``seq``, its hash, and its time as in the ledger (empty: not given)."""

    seq: int
    hash: bytes
    at: str

    def __str__(self) -> str:
        return f"{self.seq} {self.hash.hex()} {self.at}".rstrip()

    def as_json(self) -> dict[str, Any]:
        return {"seq": self.seq, "hash": self.hash.hex(), "at": self.at or None}


async def current(archive: Archive) -> Seal:
    """The seal of the ledger's last entry."""
    head = await archive.head()
    return Seal(head.seq, head.hash, (await archive.volumes.entry_times({head.seq})).get(head.seq, ""))


def line(archive_id: str, seal: Seal) -> str:
    """The seal as a line that names its archive, to be kept among other lines, and to be stamped."""
    return f"archivar seal {archive_id} {seal}"


def imprint(archive_id: str, seal: Seal) -> bytes:
    """The SHA-256 of that line, for a time-stamp authority."""
    return hashlib.sha256(line(archive_id, seal).encode()).digest()


def text(given: str) -> str:
    """The text of seals given by the user: ``given`` itself, or the file at that path. Raises ``InputError``."""
    if given.startswith("{") or (given[:1].isdigit() and not _is_file(given)):
        return given
    try:
        with Path(given).expanduser().open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise InputError(problems.NO_FILE(given=given[:100], said=str(error.strerror))) from error
    except (ValueError, RuntimeError) as error:
        raise InputError(problems.NO_FILE_NAME(given=given[:100])) from error


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        return False


def parse(text: str) -> Seal:
    """Parse a pasted seal: broken over lines, quoted with ``>``, or the object of ``--json``. Raises ``InputError``."""
    if len(text) > LONGEST:
        raise InputError(problems.TOO_LONG())
    cleaned = re.sub(r"(?m)^[>|\s]+", "", text).strip().strip("\"'")
    if cleaned.startswith("{"):
        cleaned = _of_json(cleaned)
    match = _TEXT.fullmatch(cleaned)
    if match is None:
        raise InputError(problems.NO_SEAL())
    seq, at = int(match["seq"]), match["at"] or ""
    if not 0 < seq <= LAST_SEQ:
        raise InputError(problems.NO_NUMBER(number=seq))
    if at:
        try:
            moment(at)
        except ValueError:
            raise InputError(problems.NO_TIME(time=at[:40])) from None
    return Seal(seq, bytes.fromhex(re.sub(r"\s", "", match["hash"])), at)


def find(text: str, archive_id: str) -> tuple[Seal, ...]:
    """All seals in a text, each once: a pasted one, or those in lines of a journal, a file or a mail.

    Lines that name other archives are passed over if any names this one. Raises ``InputError`` when there is no seal.
    """
    try:
        return (parse(text),)
    except InputError as error:
        found: dict[Seal, str] = {}
        # Mail on its way may have been encoded so that lines are broken softly (RFC 2045 section 6.7).
        text = text.replace("=\r\n", "").replace("=\n", "")
        for match in _ANYWHERE.finditer(text):
            seq, at = int(match["seq"]), match["at"]
            with suppress(ValueError):
                moment(at)
                if 0 < seq <= LAST_SEQ:
                    found[Seal(seq, bytes.fromhex(match["hash"]), at)] = (match["archive"] or "").lower()
        if not found:
            raise error
    ours = [seal for seal, archive in found.items() if archive in ("", archive_id)]
    return tuple(ours if archive_id in found.values() else found)


def _of_json(text: str) -> str:
    try:
        value = json.loads(text)
        return f"{value['seq']} {value['hash']} {value.get('at') or ''}".strip()
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError(problems.NO_SEAL()) from None
