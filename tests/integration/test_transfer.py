"""Mail as files: killed at any moment, read by Dovecot, signed, on a full disk, at the command line; and back again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.archive.archive import Archive
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.transfer.export import ExportFormat, export
from core.archive.transfer.manifest import read
from core.config import Home
from core.demo.mail import sample_mailbox
from core.demo.odd import odd_messages
from core.message import mbox
from tests import disks, forks, homes
from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.homes import ALICE, message
from tests.servers.dovecot import modified_utf7, served
from tests.support import sha256

Placed = list[tuple[str, str, str, int | None]]


async def _filled(path: Path, count: int) -> Home:
    """A home with generated and odd mail of alice, in several folders, with flags and dates."""
    archive = await homes.begin(path)
    try:
        owner = (await users.find(archive, "alice")).id
        by_folder: dict[str, list[tuple[bytes, int, str]]] = {}
        samples = [*sample_mailbox(ALICE, count, seed=11, average_size=4000), *(one for one in odd_messages(11) if one.raw)]
        for sample in samples:
            moment = int(sample.internaldate.timestamp())
            by_folder.setdefault(sample.folder, []).append((sample.raw, moment, " ".join(sample.flags)))
        for folder, messages in by_folder.items():
            rows = [[sha256(raw), uid, len(raw), date, flags] for uid, (raw, date, flags) in enumerate(messages, 1)]
            payload = {"run": 1, "source": homes.SOURCE, "owner": owner, "folder": f"{ALICE}/{folder}"}
            payload |= {"server_folder": folder, "uidvalidity": 7, "messages": rows}
            ready = await archive.writer.prepare([raw for raw, _, _ in messages])
            await archive.append([homes.draft("archived", payload)], ready)
        return archive.home
    finally:
        await archive.close()


@pytest.fixture(scope="module")
def much(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with over a thousand messages, to be copied."""
    return asyncio.run(_filled(tmp_path_factory.mktemp("much") / "home", 1200))


@pytest.fixture
def home(much: Home, tmp_path: Path) -> Home:
    """A home with over a thousand messages."""
    return Home(Path(shutil.copytree(much.path, tmp_path / "home")))


def _placed(home: Home) -> Placed:
    """The messages in each folder, with flags and dates, read past the product."""
    sql = (
        "SELECT f.path, lower(hex(m.sha256)), s.flags, s.internaldate FROM placement p JOIN folder f ON f.id = p.folder_id "
        "JOIN message m ON m.id = p.message_id JOIN source_message s ON s.message_id = m.id AND s.folder_id = f.id "
        "WHERE p.until_seq IS NULL GROUP BY f.path, m.sha256 ORDER BY 1, 2"
    )
    return [(path, digest, flags, date) for path, digest, flags, date in homes.rows(home.catalog, sql)]


def _mail(folder: Path) -> dict[str, bytes]:
    """The files that have their final names."""
    names = ("SHA256SUMS", "manifest.jsonl")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in names and not _is_unfinished(path)
    }


def _is_unfinished(path: Path) -> bool:
    """True for what an export keeps aside until it is whole."""
    return path.suffix == ".part" or path.parent.name == "tmp" or (path.name.startswith(".") and path.suffix == ".new")


def _sums(target: Path) -> None:
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=target, check=True, capture_output=True)


def _killed(process: forks.Fork, size: Callable[[], int], limit: float) -> bool:
    """Kill a command when ``size`` has reached ``limit``; was it still going on?"""
    try:
        homes.wait_for(lambda: size() >= limit or process.poll() is not None, f"{limit:.0f} bytes")
        return process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("form", ExportFormat)
def test_an_export_killed_at_several_moments_carries_on(form: ExportFormat, home: Home, tmp_path: Path) -> None:
    """kill -9: nothing half written has a final name, and in the end all is as if it had never been stopped."""
    words = ("export", "--format", form.value)
    assert homes.cli(home, *words, str(tmp_path / "whole")).returncode == 0
    whole, target = _mail(tmp_path / "whole"), tmp_path / "out"
    total = sum(map(len, whole.values()))

    def size() -> int:
        total = 0
        for folder, _, files in os.walk(target):
            for file in files:
                # It may have got its final name since.
                with suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(folder, file)).st_size
        return total

    killed = 0
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        killed += _killed(homes.start(home, *words, str(target)), size, share * total)
        for name, raw in _mail(target).items():
            assert whole[name] == raw, f"{name} at {share:.0%}"
    assert killed >= 3
    again = homes.cli(home, *words, str(target), "--json")
    assert again.returncode == 0, again.stderr
    assert _mail(target) == whole
    assert not [path for path in target.rglob("*") if path.suffix == ".part"]
    assert sorted(map(str, read(target))) == sorted(map(str, read(tmp_path / "whole")))
    _sums(target)
    assert homes.findings(home) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", ExportFormat)
def test_an_import_killed_at_several_moments_carries_on(form: ExportFormat, home: Home, tmp_path: Path) -> None:
    """kill -9: the same folders, SHA-256, flags and dates as where it came from, each once; verify and replay are clean."""
    assert homes.cli(home, "export", "--format", form.value, str(tmp_path / "out")).returncode == 0
    other = asyncio.run(_empty(tmp_path / "other"))
    volume, words = other.volume(1), ("import", "--user", "alice", str(tmp_path / "out"))
    growth, begun = home.volume(1).stat().st_size, volume.stat().st_size
    killed = 0
    for share in (0.1, 0.4, 0.7):
        killed += _killed(homes.start(other, *words), lambda: volume.stat().st_size, begun + share * (growth - begun))
    assert killed >= 2
    done = homes.cli(other, *words)
    assert done.returncode == 0, done.stderr
    assert _placed(other) == _placed(home)
    assert homes.findings(other) == []
    before = homes.tables(other)
    assert homes.cli(other, "rebuild").returncode == 0
    assert homes.tables(other) == before
    assert homes.cli(other, *words, "--json").returncode == 0
    assert homes.tables(other) == before


async def _empty(path: Path) -> Home:
    archive = await homes.begin(path)
    await archive.close()
    return archive.home


@pytest.mark.server
def test_dovecot_serves_an_exported_maildir(dovecot: StartDovecot, tmp_path: Path) -> None:
    """As its own mail: folders, bytes as IMAP sends them, flags, and INTERNALDATE to the second."""
    home = asyncio.run(_filled(tmp_path / "home", 60))
    assert homes.cli(home, "export", "--format", "maildir", "--user", "alice", str(tmp_path / "out")).returncode == 0
    server = dovecot()
    mail = server.base / "exported"
    shutil.copytree(tmp_path / "out" / "alice" / ALICE, mail)
    subprocess.run(["chmod", "-R", "a+rwX", str(mail)], check=True)
    server.stop()
    server.extra = f"mail_location = maildir:{mail}\n"
    server.start()
    wanted: dict[str, list[tuple[str, set[str], int]]] = {}
    raws = asyncio.run(_raws(home))
    for path, digest, flags, date in _placed(home):
        kept = {flag for flag in flags.split() if flag.startswith("\\")}
        item = (sha256(served(raws[digest])), kept, date or 0)
        wanted.setdefault(modified_utf7(path.removeprefix(f"{ALICE}/")), []).append(item)
    with server.client(ALICE) as client:
        _, listed = client.list()
        names = {re.sub(rb'.*"." "?(.*?)"?$', rb"\1", line).decode() for line in listed if isinstance(line, bytes)}
        assert names >= wanted.keys()
        for folder, messages in wanted.items():
            found = []
            assert client.select(f'"{folder}"', readonly=True)[0] == "OK"
            _, replies = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
            for reply in replies:
                if isinstance(reply, tuple):
                    head = re.search(r'FLAGS \((.*?)\) INTERNALDATE "(.*?)"', reply[0].decode())
                    assert head is not None
                    moment = datetime.strptime(head[2].strip(), "%d-%b-%Y %H:%M:%S %z")
                    seen = set(head[1].split()) - {"\\Recent"}
                    found.append((sha256(reply[1]), seen, int(moment.astimezone(UTC).timestamp())))
            assert sorted(found, key=str) == sorted(messages, key=str), folder
    assert "Error" not in server.log_text()


async def _raws(home: Home) -> dict[str, bytes]:
    archive = await Archive.open(home)
    try:
        return await homes.raws(archive)
    finally:
        await archive.close()


async def test_signed_mail_still_verifies_after_export(tmp_path: Path) -> None:
    """DKIM, both canonicalizations, in each format; a message of which one byte was changed does not, so the test can fail."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def dns(name: bytes | str, timeout: int = 5) -> bytes:
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    bodies = (b"Text.\r\n", b"From here\r\n>From there  \r\n\r\n\r\n", b"a \t b\r\n\r\nFrom x Thu Jan  1 00:00:00 1970\r\n")
    signed = []
    for number, body in enumerate(bodies):
        raw = message(number).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
        for canonical in ((b"simple", b"simple"), (b"relaxed", b"relaxed")):
            signed.append(dkim.sign(raw, b"s", b"example.test", private, canonicalize=canonical) + raw)
    assert all(dkim.verify(raw, dnsfunc=dns) for raw in signed)
    assert not dkim.verify(signed[0][:-3] + b"!\r\n", dnsfunc=dns)

    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, dict(enumerate(signed, 1)))
    for form in ExportFormat:
        target = tmp_path / form.value
        await export(archive, Selection(), target, form)
        if form is ExportFormat.MBOX:
            (path,) = target.rglob("*.mbox")
            data = path.read_bytes()
            with path.open("rb") as file:
                found = [
                    mbox.unquoted(data[one.start : one.end]) for one in mbox.scan(file) if isinstance(one, mbox.MboxMessage)
                ]
        else:
            found = [path.read_bytes() for path in target.rglob("*.eml" if form is ExportFormat.EML else "cur/*")]
        assert len(found) == len(signed)
        assert all(dkim.verify(raw, dnsfunc=dns) for raw in found), form
    await archive.close()


@pytest.mark.parametrize("form", ExportFormat)
def test_an_export_to_a_full_disk_says_so_and_completes_after_space_is_made(form: ExportFormat, tmp_path: Path) -> None:
    """A real full file system: an error of storage, no half file, the archive unharmed; then the rest comes."""
    with disks.small_disk(tmp_path / "disk", "512k") as disk:
        home = asyncio.run(homes.filled(tmp_path / "home", batches=1, count=24, size=60_000))
        words = ("export", "--format", form.value)
        assert homes.cli(home, *words, str(tmp_path / "whole")).returncode == 0
        failed = homes.cli(home, *words, str(disk / "out"))
        assert failed.returncode == 3
        assert "cannot be written: No space left on device" in failed.stderr
        whole = _mail(tmp_path / "whole")
        assert all(whole[name] == raw for name, raw in _mail(disk / "out").items())
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        assert homes.cli(home, *words, str(disk / "out")).returncode == 0
        assert _mail(disk / "out") == whole
        _sums(disk / "out")
        assert homes.findings(home) == []


def test_export_and_import_tell_numbers_problems_and_exit_codes(tmp_path: Path) -> None:
    """Numbers in JSON, problems by name with exit code 1, damage with 4, wrong input with 2; sentences in the ledger."""
    home = asyncio.run(_filled(tmp_path / "first", 20))
    count = len(_placed(home))
    with Archivar(tmp_path / "box") as archivar:
        archivar("user", "add", "anna", "--email", "anna@example.test")
        first = ("--home", str(home.path))
        out = str(archivar.folder / "out")
        done = archivar(*first, "export", "--user", "alice", "--format", "mbox", out, "--json").json
        assert (done["messages"], done["already"], done["format"]) == (count, 0, "mbox")
        one = archivar(*first, "export", "--id", "1", "--id", "2", "--format", "eml", "two", "--json").json
        assert one["messages"] == 2
        value = archivar("import", "--user", "anna", "--folder", "Old", out, "--json").json
        assert (value["messages"], value["problems"], value["formats"]) == (count, [], ["mbox"])
        assert all(folder.startswith(f"Old/{ALICE}/") for folder in value["folders"])
        again = archivar("import", "--user", "anna", "--folder", "Old", out)
        assert f"0 messages, 0 B imported into {len(value['folders'])} folders of anna; {count} there already." in again.err
        (archivar.folder / "bad").mkdir()
        (archivar.folder / "bad" / "empty.eml").touch()
        (archivar.folder / "bad" / "good.eml").write_bytes(message(1))
        (archivar.folder / "bad" / "\x1b[31mred.txt").write_text("hello")
        planned = archivar("import", "--user", "anna", "bad", "--dry-run", "--json", code=1).json
        nowhere = {"message": None, "byte": None}
        assert planned["problems"] == [{"file": "empty.eml", **nowhere, "reason": "it is empty", "code": "import-empty"}]
        bad = archivar("import", "--user", "anna", "bad", code=1)
        assert "! empty.eml: it is empty" in bad.err
        assert "No mail, so left alone: 1 file" in bad.err
        assert "\x1b" not in bad.text
        assert "There is no" in archivar("import", "--user", "anna", "nothing", code=2).err
        assert "nobody" in archivar("import", "--user", "nobody", "bad", code=2).err
        assert "no mail that fits" in archivar("export", "--user", "anna", "--folder", "X", "--format", "eml", "x", code=2).err
        ledger = archivar("ledger", "show").out
        assert "Imported 1 message" in ledger
        digest = hashlib.sha256(message(1)).hexdigest()
        homes.change(Home(archivar.home).volume(1), f"UPDATE message SET recipe = x'00' WHERE sha256 = x'{digest}'")
        damaged = archivar("export", "--user", "anna", "--format", "maildir", "damaged", "--json", code=4)
        assert len(damaged.json["damaged"]) == 1
        assert "Imported" in damaged.json["damaged"][0]
        assert damaged.json["messages"] == count
        assert os.path.exists(archivar.folder / "damaged" / "SHA256SUMS")


def test_a_store_and_what_is_no_mail_at_the_command_line(tmp_path: Path) -> None:
    """A domain in one command, a dry run of it, refusals by name with exit code 1, twins told by show; wrong input is 2."""
    with Archivar(tmp_path / "box") as archivar:
        archivar("user", "add", "anna", "--email", "anna@example.test")
        for name, raw in (
            ("anna/INBOX/#msgs/1.eml", message(1)),
            ("anna/INBOX/Projekte/#msgs/1.eml", message(2)),
            ("anna/Calendar/#msgs/1.eml", b"Subject: x\r\n\r\n"),
            ("bob/INBOX/#msgs/1.eml", message(3)),
        ):
            path = archivar.folder / "store" / "example.test" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        planned = archivar("import", "--format", "kerio", "store", "--dry-run", "--json", code=1).json
        assert planned["dry_run"]
        assert "no mail in the archive yet" in archivar("folders", "anna").text
        done = archivar("import", "--format", "kerio", "store", "--json", code=1)
        [anna] = done.json["users"]
        assert {**planned, "dry_run": False} == done.json
        assert (anna["user"], anna["messages"], anna["left_out"]) == ("anna", 2, {"calendar": 1})
        assert anna["folders"] == ["anna@example.test/INBOX", "anna@example.test/INBOX/Projekte"]
        unknown = {"mailbox": "bob@example.test", "messages": 1, "reason": "no user has this address"}
        assert done.json["unknown"] == [{**unknown, "code": "import-mailbox-without-user"}]
        assert "! bob@example.test: 1 message left where they are" in done.err
        lf = archivar.folder / "lf.eml"
        lf.write_bytes(message(1).replace(b"\r\n", b"\n"))
        twin = archivar("import", "--user", "anna", "--folder", "anna@example.test/INBOX", "lf.eml")
        assert "1 there already, 1 of them with other line ends" in twin.err
        shown = archivar("show", hashlib.sha256(message(1)).hexdigest(), "--json").json
        assert shown["twins"] == [hashlib.sha256(lf.read_bytes()).hexdigest()]
        (archivar.folder / "outlook.pst").write_bytes(b"!BDN" + b"x" * 600)
        for words in ((), ("--format", "eml")):
            refused = archivar("import", "--user", "anna", *words, "outlook.pst", code=1)
            assert "outlook.pst: an Outlook data file (PST or OST), which is not read yet" in refused.err
        assert "--user is missing" in archivar("import", "lf.eml", code=2).err
        assert "--of has no meaning without --user" in archivar("import", "--format", "kerio", "--of", "x", "store", code=2).err
        assert "no mailbox of Kerio" in archivar("import", "--format", "kerio", "--user", "anna", "lf.eml", code=2).err
