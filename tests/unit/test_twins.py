"""Messages that differ in their line ends alone: both forms are kept, and they count, are found and come back as one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.catalog import twins
from core.archive.proof.verify import verify
from core.archive.read import reading
from core.archive.read.selection import Selection, places, select
from core.archive.registry import users
from core.archive.search.search import matching
from core.archive.search.search_index import Index, bring_up
from core.archive.transfer.export import ExportFormat as As
from core.archive.transfer.export import export
from core.archive.transfer.import_source import ImportSource, ImportTarget
from core.archive.transfer.importing import ImportProgress, import_mail
from core.message.canonical import canonical
from tests import homes
from tests.homes import ALICE, message

CRLF = {number: message(number) for number in range(1, 6)}
LF = {number: raw.replace(b"\r\n", b"\n") for number, raw in CRLF.items()}
MIXED = {number: raw.replace(b"\r\n", b"\n", 2) for number, raw in CRLF.items()}
INBOX = f"{ALICE}/INBOX"


async def _import(archive: Archive, path: Path, folder: str) -> ImportProgress:
    return await import_mail(archive, ImportSource(path), ImportTarget(await users.find(archive, "alice"), folder))


def _files(path: Path, messages: dict[int, bytes]) -> Path:
    path.mkdir()
    for number, raw in messages.items():
        (path / f"{number}.eml").write_bytes(raw)
    return path


async def _given(archive: Archive, folder: str = "") -> dict[str, list[bytes]]:
    """The messages of a restore or export, by folder."""
    found: dict[str, list[bytes]] = {}
    for one in await select(archive, Selection((await users.find(archive, "alice")).id, folder)):
        found[one.path] = [await archive.raw(place.sha256) async for place in places(archive, one)]
    return found


async def _counts(archive: Archive) -> dict[str, int]:
    return {one.path: one.messages for one in await reading.folders(archive, (await users.find(archive, "alice")).id)}


@pytest.mark.parametrize("form", ["lf", "mixed", "cr"])
@pytest.mark.parametrize("first", ["files", "server"])
@pytest.mark.parametrize("folder", [INBOX, "Old"])
async def test_files_and_a_server_are_one(folder: str, first: str, form: str, tmp_path: Path) -> None:
    """In either order, in one folder or two: listed, counted, found and given back once; the bytes of both are archived."""
    other = (
        {number: raw.replace(b"\r\n", b"\r") for number, raw in CRLF.items()} if form == "cr" else LF if form == "lf" else MIXED
    )
    archive = await homes.begin(tmp_path / "home")
    source = _files(tmp_path / "mail", other)
    if first == "server":
        await homes.store(archive, CRLF)
    done = await _import(archive, source, folder)
    if first == "files":
        await homes.store(archive, CRLF)
    assert (done.messages, done.already, done.twins) == ((0, 5, 5) if first == "server" and folder == INBOX else (5, 0, 0))
    assert await _counts(archive) == dict.fromkeys((INBOX, folder), 5)
    assert set((await homes.raws(archive)).values()) == {*CRLF.values(), *other.values()}
    given = await _given(archive)
    assert sorted(given[INBOX]) == sorted(CRLF.values())
    if folder != INBOX:
        assert sorted(given[folder]) == sorted(other.values())
    await bring_up(archive)
    numbers, _ = await matching(archive, "from:example.test")
    assert len(numbers) == len(set(numbers)) == 5
    index = await Index.open(archive)
    assert await index.behind() == 0
    await index.close()
    before = await archive.head()
    again = await _import(archive, source, folder)
    assert (again.messages, again.already) == (0, 5)
    assert await archive.head() == before
    tables = homes.tables(archive.home)
    await archive.rebuild()
    assert homes.tables(archive.home) == tables
    await archive.close()
    assert [finding.text for finding in (await verify(archive.home)).findings] == []


@pytest.mark.parametrize("first", ["files", "server"])
async def test_line_ends_that_differ_far_below_are_seen_in_files(first: str, tmp_path: Path) -> None:
    """As of a message that was put together from several: it is one with the server's, also after a rebuild."""
    whole = {number: message(number, size) for number, size in ((1, 3000), (2, 9000), (3, 40_000))}
    late = {number: raw[:-2] + b"\n" for number, raw in whole.items()}
    archive = await homes.begin(tmp_path / "home")
    source = _files(tmp_path / "mail", late)
    if first == "server":
        await homes.store(archive, whole)
    done = await _import(archive, source, INBOX)
    assert (done.messages, done.twins) == ((0, 3) if first == "server" else (3, 0))
    if first == "files":
        await homes.store(archive, whole)
    assert await _counts(archive) == {INBOX: 3}
    assert set((await homes.raws(archive)).values()) == {*whole.values(), *late.values()}
    assert sorted((await _given(archive))[INBOX]) == sorted(whole.values())
    tables = homes.tables(archive.home)
    await archive.rebuild()
    assert homes.tables(archive.home) == tables
    await archive.close()
    assert [finding.text for finding in (await verify(archive.home)).findings] == []


async def test_each_form_is_shown_and_exported_when_it_is_asked_for(tmp_path: Path) -> None:
    """By its own SHA-256; where the other one lies it lies too."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, CRLF)
    await _import(archive, _files(tmp_path / "mail", LF), INBOX)
    one = await reading.find(archive, hashlib.sha256(LF[1]).hexdigest())
    assert await archive.raw(one.sha256) == LF[1]
    assert [place.folder for place in await reading.places(archive, one.id)] == [INBOX]
    standing = await reading.find(archive, hashlib.sha256(CRLF[1]).hexdigest())
    assert [row[0] for row in await twins.of(archive.database, one.id)] == [standing.id]
    assert [row[0] for row in await twins.of(archive.database, standing.id)] == [one.id]
    [folder] = await select(archive, Selection(ids=(one.id,)))
    assert [place.sha256 async for place in places(archive, folder)] == [one.sha256]
    await archive.close()


async def test_two_messages_of_a_server_stay_two(tmp_path: Path) -> None:
    """With any line ends, each was a message there; so they are in an export, and in an import of it."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: CRLF[1], 2: LF[1], 3: MIXED[1]})
    assert await _counts(archive) == {INBOX: 3}
    await export(archive, Selection(), tmp_path / "out", As.MAILDIR)
    await archive.close()
    second = await homes.begin(tmp_path / "second")
    done = await import_mail(second, ImportSource(tmp_path / "out"), ImportTarget(await users.find(second, "alice")))
    assert done.messages == 3
    assert await _counts(second) == {INBOX: 3}
    await second.close()


async def test_a_move_on_the_server_moves_what_stands_for_it(tmp_path: Path) -> None:
    """Files in one folder, the server's form moves to another: one message, in the new folder, and in that of the files."""
    archive = await homes.begin(tmp_path / "home")
    await _import(archive, _files(tmp_path / "mail", LF), "Old")
    await homes.store(archive, CRLF)
    owner = (await users.find(archive, "alice")).id
    move = ["INBOX", 7, 1, f"{ALICE}/Done", "Done", 3, 1, 100, 1_700_000_000, ""]
    payload = {"run": 1, "source": homes.SOURCE, "owner": owner, "moves": [move]}
    await archive.append([homes.draft("moved", payload)])
    assert await _counts(archive) == {INBOX: 4, f"{ALICE}/Done": 1, "Old": 5}
    assert (await _given(archive, f"{ALICE}/Done"))[f"{ALICE}/Done"] == [CRLF[1]]
    await archive.close()
    assert [finding.text for finding in (await verify(archive.home)).findings] == []


def test_only_other_line_ends_make_a_form_of_its_own() -> None:
    """CRLF has none; LF, CR and mixed ones are compared as if they had it; a message of any bytes takes linear time."""
    wanted = hashlib.sha256(CRLF[1]).digest()
    assert canonical(CRLF[1]) is None
    assert canonical(b"") is None
    assert canonical(b"no line end") is None
    assert canonical(LF[1]) == canonical(MIXED[1]) == wanted
    assert canonical(CRLF[1].replace(b"\r\n", b"\r")) == wanted


async def test_forms_in_several_folders_of_one_import_are_known_at_once(tmp_path: Path) -> None:
    """Entries that are written together each name their own messages: the catalog is what a rebuild makes of them."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, CRLF)
    source = tmp_path / "mail"
    source.mkdir()
    for folder in ("A", "B"):
        _files(source / folder, {number: raw for number, raw in LF.items() if (number % 2) == (folder == "A")})
    await _import(archive, source, "Old")
    await archive.close()
    before = homes.tables(archive.home)
    assert sum(row[-2] is not None for row in before["message"]) == len(LF)
    again = await Archive.open(archive.home, follow=False)
    await again.rebuild()
    await again.close()
    assert homes.tables(archive.home) == before
