"""A seal kept elsewhere: it proves that everything up to it is there, and names the first difference when it is not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal_check
from core.archive.proof.seal import Seal, parse
from core.config import Home
from core.errors import InputError
from tests import homes, several
from tests.homes import change, message
from tests.tampering import chain_anew

HASH = "0123456789abcdef" * 4
AT = "2026-11-25T05:12:54.123456Z"


home = several.home


def _head(home: Home) -> str:
    return homes.cli(home, "ledger", "head").stdout.strip()


async def _more(home: Home) -> None:
    archive = await Archive.open(home)
    try:
        await homes.store(archive, {50: message(50)})
    finally:
        await archive.close()


def _difference(home: Home, head: str) -> str:
    return asyncio.run(seal_check.check(home, [parse(head)])).difference


def test_a_seal_holds_while_the_archive_grows_and_needs_no_catalog(home: Home, tmp_path: Path) -> None:
    """As words, in quotes, from a file, from stdin, as JSON; also after more was archived and archive.sqlite was lost."""
    head = _head(home)
    asyncio.run(_more(home))
    assert _head(home) != head
    for path in home.path.glob("archive.sqlite*"):
        path.unlink()
    kept = tmp_path / "kept.txt"
    kept.write_text(f"> {head[:40]}\n> {head[40:]}\n", encoding="utf-8")
    for words in (head.split(), [head], [str(kept)]):
        done = homes.cli(home, "ledger", "check", *words)
        assert done.returncode == 0, done.stderr
        assert f"everything up to entry {head.split()[0]}, unchanged" in done.stdout
    piped = homes.cli(home, "ledger", "check", "--json", json.dumps(parse(head).as_json()))
    assert json.loads(piped.stdout)["ok"] is True
    assert not home.catalog.exists()


def test_an_entry_changed_with_all_later_hashes_computed_anew_is_caught(home: Home) -> None:
    """The chain fits in itself, through all volumes, and verify's walk of it finds nothing; the old seal does."""
    head = _head(home)
    chain_anew(home)
    assert homes.cli(home, "rebuild").returncode == 0
    assert homes.findings(home) == []
    done = homes.cli(home, "ledger", "check", head)
    assert done.returncode == 4
    assert f"Entry {head.split()[0]} has another hash than the seal" in done.stdout


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE ledger SET actor = 'nobody' WHERE seq = 3", "entry 3 (archived) does not follow"),
        ("DELETE FROM ledger WHERE seq = 3", "entry 3 is missing"),
        ("UPDATE ledger SET payload = zeroblob(20) WHERE seq = 3", "After entry 2 the ledger cannot be read"),
        ("UPDATE ledger SET hash = zeroblob(32) WHERE seq = 3", "entry 3 (archived) does not follow"),
        ("DROP TABLE ledger", "After entry 0 the ledger cannot be read"),
    ],
)
def test_the_first_difference_is_named(home: Home, statement: str, said: str) -> None:
    """Changed, taken out, unreadable: the entry is said."""
    head = _head(home)
    change(home.volume(1), statement)
    assert said in _difference(home, head)


def test_a_ledger_that_ends_too_early_is_named(home: Home) -> None:
    """The last volume is gone, or its last entry, or a volume in the middle, or all of them."""
    head = _head(home)
    last = home.volume_numbers()[-1]
    home.volume(last).unlink()
    assert "the end is missing" in _difference(home, head)
    home.volume(1).unlink()
    assert "After entry 0 the ledger cannot be read: Volume 000001.sqlite is missing" in _difference(home, head)
    for number in home.volume_numbers():
        home.volume(number).unlink()
    assert "ends with entry 0" in _difference(home, head)


def test_a_seal_that_was_changed_itself_is_caught(home: Home) -> None:
    """Another time, another hash, an entry that is still to come."""
    seq, digest, at = _head(home).split()
    assert "the seal was changed" in _difference(home, f"{seq} {digest} 2001{at[4:]}")
    assert "has another hash" in _difference(home, f"{seq} {HASH} {at}")
    assert "the end is missing" in _difference(home, f"{int(seq) + 1} {digest} {at}")
    assert _difference(home, f"{seq} {digest}") == ""


def test_input_that_is_no_seal_is_refused_as_wrong_input(home: Home) -> None:
    """No seal, no file, nothing, a binary file: nothing is walked."""
    for words in (["nonsense"], ["12"], [f"0 {HASH} {AT}"], [str(home.volume(1))], ["-"], ["/"], [f"{'9' * 19} {HASH}"]):
        done = homes.cli(home, "ledger", "check", *words)
        assert done.returncode == 2, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        f"12 {HASH} {AT}",
        f"  12\n{HASH}\r\n{AT}\n",
        f"> 12 {HASH[:30]}\n> {HASH[30:]}\n> {AT}",
        f'"12 {HASH.upper()} {AT}"',
        f'{{"seq": 12, "hash": "{HASH}", "at": "{AT}"}}',
    ],
)
def test_a_seal_is_read_as_mail_programs_leave_it(text: str) -> None:
    """Broken, quoted, in capitals, as JSON."""
    assert parse(text) == Seal(12, bytes.fromhex(HASH), AT)
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text", ["", "12", f"x {HASH}", f"12 {HASH}0 {AT}", f"12 {HASH[:-1]} {AT}", f"12 {HASH} 9999-99-99", "{}"]
)
def test_a_text_that_is_no_seal_is_refused(text: str) -> None:
    """Too short, too long, not hexadecimal, no time."""
    with pytest.raises(InputError):
        parse(text)
