"""Seals on their way: to a log, a file, a mailbox and a time-stamp authority; and what they prove when they come back."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from core.archive.archive import Archive
from core.archive.proof import seal, seal_check, seal_places, stamp, token_files
from core.archive.proof.seal import Seal
from core.archive.proof.seal_places import PlaceState
from core.archive.registry import saved_settings
from core.archive.transfer import backup
from core.config import Home
from core.engine.seals import seal_delivery, sealing
from core.errors import InputError
from core.model import now, timestamp
from core.problems.warning import SEAL_BROKEN
from core.profiles.seal_place import MailAccess, PlaceKind, SealPlace
from core.secrets import Secret
from core.service.alarms import rules
from core.service.alarms.alarm import AlarmRule
from core.service.sealing import due
from tests import homes
from tests.homes import message
from tests.servers.authority import Authority
from tests.servers.mailhost import Mailhost, mailhost
from tests.tampering import chain_anew

PASSWORD = "sEcReT-4711"


@dataclass(slots=True)
class World:
    """An archive with a place of each kind, and what stands at the other end of each."""

    archive: Archive
    folder: Path
    log: socket.socket
    mails: Mailhost
    authority: Authority

    async def send(self, *names: str, accept: bool = False) -> list[PlaceState]:
        found = await seal_places.standings(self.archive)
        wanted = [one for one in found if not names or one.place.name in names]
        return await sealing.send(self.archive, wanted, accept=accept)

    async def more(self, number: int) -> Seal:
        await homes.store(self.archive, {number: message(number)})
        return await seal.current(self.archive)

    def kept(self) -> dict[str, str]:
        """The content of each place but the authority, as text."""
        self.log.setblocking(False)
        lines = []
        while True:
            try:
                lines.append(self.log.recv(4096).decode())
            except BlockingIOError:
                break
        return {
            "log": "\n".join(lines),
            "file": (self.folder / "seals.txt").read_text("utf-8"),
            "mail": self.mails.mails[-1].decode(),
        }

    async def check(self, text: str) -> str:
        identity = await seal_check.archive_id(self.archive.home)
        return (await seal_check.check(self.archive.home, seal.find(text, identity))).difference

    async def check_stamps(self) -> str:
        trusted = stamp.roots(self.authority.root)
        stamps = [stamp.check(path.read_bytes(), trusted) for path in token_files.tokens(self.archive.home)]
        return (await seal_check.check(self.archive.home, [], stamps)).difference


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Authority, str]]:
    one = Authority(tmp_path_factory.mktemp("authority") / "one")
    with one.serving() as url:
        yield one, url


@pytest.fixture
async def world(several_volumes: Home, tmp_path: Path, authority: tuple[Authority, str]) -> AsyncIterator[World]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    async with AsyncExitStack() as stack:
        mails = await stack.enter_async_context(mailhost(context, ("archivar", PASSWORD)))
        log = stack.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
        log.bind(str(tmp_path / "log"))
        authority[0].answer, authority[0].asked = None, 0
        archive = await Archive.open(several_volumes)
        places = (
            (SealPlace("file", PlaceKind.FILE, str(tmp_path / "seals.txt")), None),
            (SealPlace("log", PlaceKind.JOURNAL, str(tmp_path / "log")), None),
            (_mail(mails.port, tmp_path), Secret(PASSWORD)),
            (SealPlace("stamp", PlaceKind.STAMP, authority[1], ca_file=str(authority[0].root)), None),
        )
        for place, password in places:
            await seal_places.save(archive, place, password)
        found = World(archive, tmp_path, log, mails, authority[0])
        yield found
        await found.archive.close()


def _mail(port: int, folder: Path, **more: Any) -> SealPlace:
    place = SealPlace("mail", PlaceKind.MAIL, "seals@example.test", "127.0.0.1", port, username="archivar")
    return replace(place, sender="archivar@example.test", ca_file=str(folder / "ca.pem"), **more)


async def test_a_seal_arrives_everywhere_and_each_form_proves_the_archive(world: World) -> None:
    """Log, file, mail (by STARTTLS and with a login) and token; a seal that has not changed is not sent again."""
    head = await world.more(50)
    done = await world.send()
    assert [(one.place.name, one.failure, one.seal) for one in done] == [
        (name, "", head) for name in ("file", "log", "mail", "stamp")
    ]
    kept = world.kept()
    for text in kept.values():
        assert str(head) in text
        assert await world.check(text) == ""
    assert world.mails.secure == [True]
    assert await world.check_stamps() == ""
    again = await world.send()
    assert not any(one.failure for one in again)
    assert [one.sent for one in again] == [one.sent for one in done]
    assert (world.authority.asked, len(world.mails.mails), world.kept()["log"]) == (1, 1, "")
    assert (world.folder / "seals.txt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("forgery", ["rolled back", "chained anew"])
async def test_an_archive_that_was_forged_is_found_by_every_place_and_gets_no_new_seal(world: World, forgery: str) -> None:
    """By hand from what each place holds, and by itself with the next seal; --accept goes on, and the old ones still tell."""
    home = world.archive.home
    before = Path(shutil.copytree(home.path, world.folder / "before"))
    await world.more(50)
    await world.send()
    kept = world.kept()
    await world.archive.close()
    if forgery == "rolled back":
        for name in ("volumes", "archive.sqlite", "archive.sqlite-wal", "archive.sqlite-shm"):
            if (home.path / name).is_dir():
                shutil.rmtree(home.path / name)
            (home.path / name).unlink(missing_ok=True)
            if (before / name).is_dir():
                shutil.copytree(before / name, home.path / name)
            elif (before / name).exists():
                shutil.copy(before / name, home.path / name)
    else:
        await asyncio.to_thread(chain_anew, home)
        await asyncio.to_thread(homes.rebuild, home)
    world.archive = await Archive.open(home)
    for text in kept.values():
        assert ("the end is missing" if forgery == "rolled back" else "has another hash") in await world.check(text)
    assert "is of no entry that is in the ledger" in await world.check_stamps()
    broken = {one.place.name for one in await world.send() if one.broken}
    assert broken >= {"file", "stamp"}
    assert (world.folder / "seals.txt").read_text("utf-8") == kept["file"]
    alarms = [rules.of_place(one) for one in await seal_places.standings(world.archive) if one.broken]
    assert {(one.rule, one.reason.code) for one in alarms} == {(AlarmRule.DAMAGE, SEAL_BROKEN)}
    [accepted] = await world.send("file", accept=True)
    assert (accepted.failure, accepted.seal) == ("", await seal.current(world.archive))
    assert await world.check((world.folder / "seals.txt").read_text("utf-8")) != ""


# Where a TLS handshake fails, the server's side of it is left to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_does_not_arrive_is_a_failure_with_its_reason_and_tried_again(world: World) -> None:
    """Of every kind: no listener, a refusal, a stamp without value. No reason repeats the password."""
    folder = world.folder
    (folder / "link").symlink_to(folder / "seals.txt")
    (folder / "folder").mkdir()
    other = Authority(folder / "other")
    token = other.reply(stamp.request(bytes(32)).data)

    async def failure(place: SealPlace, password: Secret | None = None) -> str:
        await seal_places.save(world.archive, place, password)
        [one] = await world.send(place.name)
        assert one.failure
        assert not one.broken
        assert PASSWORD not in one.failure
        return one.failure

    assert "seals.txt" not in await failure(SealPlace("file", PlaceKind.FILE, str(folder / "link")))
    assert "cannot be written" in await failure(SealPlace("file", PlaceKind.FILE, str(folder / "folder")))
    assert "No such file" in await failure(SealPlace("log", PlaceKind.JOURNAL, str(folder / "nothing")))
    assert "refuses the login" in await failure(_mail(world.mails.port, folder), Secret("wrong"))
    plain = replace(_mail(world.mails.port, folder), access=MailAccess.PLAIN, username="", ca_file="")
    assert "refuses the mail: 530" in await failure(plain)
    untrusted = _mail(world.mails.port, folder, password_file="")
    assert "signed by an unknown authority" in await failure(
        replace(untrusted, ca_file=str(world.authority.root)), Secret(PASSWORD)
    )
    world.mails.refusal = f"550 no {PASSWORD}"
    assert "refuses the mail: 550 no ***" in await failure(_mail(world.mails.port, folder), Secret(PASSWORD))
    for answer, said in ((503, "answers 503"), (b"garbage", "proves nothing"), (token, "its nonce is another one")):
        world.authority.answer = answer
        assert said in await failure((await seal_places.find(world.archive, "stamp")).place)
    world.authority.answer = world.mails.refusal = ""  # type: ignore[assignment]
    world.authority.answer = None
    done = {one.place.name: one.failure for one in await world.send("mail", "stamp")}
    assert done == {"mail": "", "stamp": ""}
    assert token_files.tokens(world.archive.home)


async def test_an_answer_that_is_refused_leaves_no_connection_open(world: World) -> None:
    """At once, not when garbage is looked for: a service tries again for days."""
    world.authority.answer = 503
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ResourceWarning)
        [stamp] = await world.send("stamp")
        gc.collect()
    assert "answers 503" in stamp.failure
    assert [one for one in found if "socket" in str(one.message)] == []


async def test_a_place_that_holds_the_half_of_a_line_gets_the_next_on_its_own(world: World) -> None:
    """A disk that was full for a moment spoils one line, not two."""
    (world.folder / "seals.txt").write_text("archivar seal 0123", encoding="ascii")
    head = await world.more(50)
    await world.send("file")
    assert (world.folder / "seals.txt").read_text("ascii").splitlines()[1].endswith(str(head))


async def test_places_are_in_the_ledger_and_a_password_is_for_one_account_alone(world: World) -> None:
    """It is kept encrypted, stays when something else is changed, and is forgotten with the account."""
    entries = [entry for entry in await homes.entries(world.archive) if entry.kind == "seal.place.saved"]
    assert [entry.payload["definition"]["name"] for entry in entries] == ["file", "log", "mail", "stamp"]
    assert not any(PASSWORD.encode() in entry.plain for entry in entries)
    mail = _mail(world.mails.port, world.folder)
    await seal_places.save(world.archive, replace(mail, target="others@example.test"))
    assert (await seal_places.password(world.archive, mail)).reveal() == PASSWORD
    with pytest.raises(InputError, match="wants one for somebody"):
        await seal_places.save(world.archive, replace(mail, username="somebody"))
    await seal_places.remove(world.archive, "MAIL")
    assert homes.rows(world.archive.home.catalog, "SELECT profile FROM password") == []
    with pytest.raises(InputError, match="no place"):
        await seal_places.find(world.archive, "mail")


async def test_when_the_service_sends_them(world: World) -> None:
    """New places at once; then at night, or after the last run that was none for trial, as the setting says."""
    assert len(await due(world.archive)) == 4
    await world.send()
    assert await due(world.archive) == []
    async with world.archive.database.transaction() as transaction:
        sql = "INSERT INTO run (profile, status, requested, finished, dry_run) VALUES ('Staff', 'succeeded', '', ?, ?)"
        await transaction.execute(sql, (timestamp(now()), 1))
    await saved_settings.change(world.archive, "seal", "runs")
    assert await due(world.archive) == []
    async with world.archive.database.transaction() as transaction:
        await transaction.execute(sql, (timestamp(now()), 0))
    assert len(await due(world.archive)) == 4
    await saved_settings.change(world.archive, "seal", "off")
    assert await due(world.archive) == []


async def test_backups_take_the_stamps_along(world: World, tmp_path: Path) -> None:
    """Once each, and a restored archive is checked by them."""
    await world.send("stamp")
    for _ in range(2):
        await backup.back_up(world.archive, tmp_path / "backup")
    [token] = token_files.tokens(world.archive.home)
    assert [path.read_bytes() for path in token_files.tokens(Home(tmp_path / "backup"))] == [token.read_bytes()]


def test_a_token_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    """Under a name that tells its entry; a link in the folder's place is not followed."""
    home = Home(tmp_path / "home")
    home.path.mkdir()
    parcel = seal_delivery.Parcel(Seal(12, bytes(32), ""), "0" * 32, home)
    assert seal_delivery.keep_token(parcel, b"token").name.startswith("000000000012-")
    shutil.rmtree(home.path / "seals")
    (home.path / "seals").symlink_to(tmp_path)
    with pytest.raises(Exception, match="cannot be written"):
        seal_delivery.keep_token(parcel, b"token")


def test_the_command_line_sets_up_and_checks_what_the_service_sends_by_itself(
    several_volumes: Home, tmp_path: Path, authority: tuple[Authority, str]
) -> None:
    """A stamp is checked without network, by the authorities that are set up or by a file; a spoilt one is told."""
    home, (one, url), file = several_volumes, authority, tmp_path / "seals.txt"
    one.answer = None
    assert homes.cli(home, "seal", "add", "file", str(file)).returncode == 0
    assert homes.cli(home, "seal", "add", "stamp", url, "--ca-file", str(one.root)).returncode == 0
    service = homes.start_service(home)
    try:
        homes.wait_for(lambda: token_files.tokens(home) and file.exists() and file.read_text(), "seals that the service sends")
    finally:
        homes.end(service)
    checked = homes.cli(home, "seal", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "as CN=Signer has signed" in checked.stdout
    [token] = token_files.tokens(home)
    stamped = homes.cli(home, "ledger", "check", "--stamp", str(token), "--ca-file", str(one.root), "--json")
    assert json.loads(stamped.stdout)["stamps"][0]["by"] == "CN=Signer"
    file.write_text("")
    token.write_bytes(token.read_bytes()[:-3])
    assert homes.cli(home, "seal", "check").returncode == 4
