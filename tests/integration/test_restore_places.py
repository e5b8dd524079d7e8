"""Restoring to servers with all folders below INBOX, and to those with folders of others: where mail really goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.archive.read.selection import Selection
from core.archive.registry import users
from core.engine.restore.restore_plan import plan
from core.engine.restore.restoring import Restored, Restoring
from core.problems import warning
from core.profiles.profile import Profile
from core.secrets import Secret
from tests import homes
from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.support import ALICE, SHORT_BACKOFF, At, Sandbox, mail, placed, profile, sandbox, sha256

pytestmark = pytest.mark.server
WHEN = datetime(2019, 7, 5, 3, 2, 1, tzinfo=UTC)
#: What Dovecot tells of itself, but for NAMESPACE.
SILENT = "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS CHILDREN UNSELECT SPECIAL-USE LIST-EXTENDED LIST-STATUS MOVE"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


async def keep(box: Sandbox, *folders: str) -> None:
    """Have mail in these folders of the archive, which came from another server."""
    owner = (await users.find(box.archive, "alice")).id
    for number, folder in enumerate(folders):
        raw = mail(f"old {number}")
        row = [sha256(raw), 1, len(raw), int(WHEN.timestamp()), "\\Seen"]
        payload = {"run": 1, "source": "imap://old", "owner": owner, "folder": f"{ALICE}/{folder}", "server_folder": folder}
        draft = homes.draft("archived", payload | {"uidvalidity": 1, "messages": [row]})
        await box.archive.append([draft], await box.archive.writer.prepare([raw]))


async def restore(box: Sandbox, profile: Profile, *, to: str = "", dry_run: bool = False, only: str = "") -> Restored:
    selection = Selection(user="alice" if only else "", folder=f"{ALICE}/{only}" if only else "")
    found = await plan(box.archive, profile, selection, to=to)
    return await Restoring(box.archive, found, Secret("secret"), backoff=SHORT_BACKOFF).run(dry_run=dry_run)


def counts(server: Dovecot) -> dict[str, int]:
    return {folder: len(server.messages(ALICE, folder)) for folder in server.folders(ALICE)}


def went(done: Restored) -> dict[str, tuple[str, str | None, int]]:
    """The destination of each folder's mail: path on the server, owner, number of messages."""
    return {one.wished: (one.path, one.whose.standing.value if one.whose else None, one.messages) for one in done.used}


async def test_mail_of_such_a_server_goes_back_to_where_it_was(box: Sandbox, dovecot: StartDovecot) -> None:
    """INBOX/Projekte to INBOX.Projekte and not one level deeper; a second restore and the next run find all of it there."""
    server = dovecot(separator=".", personal="INBOX.")
    for folder in ("INBOX", "INBOX.Projekte", "INBOX.Projekte.Entwürfe & Ä", "INBOX.Sent Items"):
        server.deliver(ALICE, folder, mail(folder), ("\\Seen",), WHEN)
    one = profile(At(server.host, server.plain_port))
    before = counts(server)
    expected = {folder.replace(".", "/"): found for folder, found in server.expected(ALICE).items()}
    wanted = placed(expected)
    assert (await box.run(one)).tally.archived == 4
    for folder in before:
        server.remove_messages(ALICE, folder, 5)
        if folder not in ("INBOX", "INBOX.Projekte"):
            server.remove_folder(ALICE, folder)
    server.remove_folder(ALICE, "INBOX.Projekte")
    await box.run(one)
    looked = await restore(box, one, dry_run=True)
    done = await restore(box, one)
    assert (done.messages, done.problems, done.remarks) == (4, [], [])
    assert counts(server) == before
    assert sorted(looked.created) == sorted(done.created)
    assert {path for path, whose, _ in went(done).values() if whose == "own"} == {one.wished for one in done.used}
    again = await restore(box, one)
    assert (again.messages, again.already, again.created) == (0, 4, [])
    run = await box.run(one)
    assert (run.tally.known, run.tally.archived, run.tally.moved, run.problems) == (4, 0, 0, [])
    assert await box.places() == wanted


async def test_folders_of_elsewhere_come_below_the_prefix(box: Sandbox, dovecot: StartDovecot) -> None:
    """Names with & and beyond ASCII too; what has the delimiter in its name is refused with a way out; the entry tells all."""
    server = dovecot(separator=".", personal="INBOX.")
    await keep(box, "INBOX", "Projekte", "Projekte/Grün & Weiß", "INBOX/Alt", "Sent Items", "v1.2/Notes")
    one = profile(At(server.host, server.plain_port))
    looked = await restore(box, one, dry_run=True)
    done = await restore(box, one)
    assert went(done) == {
        "INBOX": ("INBOX", "own", 1),
        "INBOX/Alt": ("INBOX/Alt", "own", 1),
        "Projekte": ("INBOX/Projekte", "own", 1),
        "Projekte/Grün & Weiß": ("INBOX/Projekte/Grün & Weiß", "own", 1),
        "Sent Items": ("INBOX/Sent Items", "own", 1),
    }
    assert went(looked) == went(done)
    assert looked.created == done.created
    [problem] = done.problems
    assert (problem.folder, problem.messages) == ("v1.2/Notes", 1)
    assert 'parts levels by "."' in problem.reason
    assert "Choose another folder for it." in problem.reason
    there = counts(server)
    assert {folder for folder, count in there.items() if count} == {
        *("INBOX", "INBOX.Alt", "INBOX.Projekte", "INBOX.Projekte.Grün & Weiß", "INBOX.Sent Items")
    }
    again = await restore(box, one)
    assert (again.messages, again.already, again.created) == (0, 5, [])
    assert counts(server) == there
    entries = await box.entries("restored")
    told = {(one["path"], one["server_folder"], one["whose"], one["login"]) for one in entries}
    assert ("INBOX/Projekte", "INBOX.Projekte", "own", ALICE) in told
    run = await box.run(one)
    assert (run.tally.archived, run.tally.moved, run.problems) == (0, 0, [])


@pytest.mark.parametrize("to", ["Zurück/2019", "INBOX/Zurück/2019", "inbox/Zurück/2019"])
async def test_a_folder_that_is_named_comes_below_the_prefix_once(box: Sandbox, dovecot: StartDovecot, to: str) -> None:
    """With the prefix or without it."""
    server = dovecot(separator=".", personal="INBOX.")
    await keep(box, "Projekte", "INBOX")
    done = await restore(box, profile(At(server.host, server.plain_port)), to=to)
    assert done.messages == 2
    assert counts(server) == {"INBOX": 0, "INBOX.Zurück.2019": 2}
    assert [one.path for one in done.used] == ["INBOX/Zurück/2019"]
    assert set(done.used[0].folders) == {("alice", f"{ALICE}/Projekte"), ("alice", f"{ALICE}/INBOX")}


@pytest.mark.parametrize("others", [(), ("INBOX.Alt",)])
async def test_a_prefix_that_is_not_told_shows_when_a_folder_is_refused(
    box: Sandbox, dovecot: StartDovecot, others: Sequence[str]
) -> None:
    """Without NAMESPACE: all folders lie below INBOX, or there is none besides, and none is made beside it."""
    server = dovecot(separator=".", personal="INBOX.", extra=SILENT)
    for folder in others:
        server.create_folder(ALICE, folder)
    await keep(box, "INBOX", "Projekte/Grün")
    one = profile(At(server.host, server.plain_port))
    looked = await restore(box, one, dry_run=True)
    assert looked.remarks[0] == warning.BECOMES_BELOW_INBOX(path="Projekte/Grün", below="INBOX/Projekte/Grün")
    done = await restore(box, one)
    assert went(done) == {"INBOX": ("INBOX", None, 1), "Projekte/Grün": ("INBOX/Projekte/Grün", None, 1)}
    assert done.created == ["INBOX/Projekte/Grün"]
    assert {folder for folder, count in counts(server).items() if count} == {"INBOX", "INBOX.Projekte.Grün"}
    looked = await restore(box, one, dry_run=True)
    assert (looked.messages, looked.already, looked.created) == (0, 2, [])
    again = await restore(box, one)
    assert (again.messages, again.already, again.created) == (0, 2, [])


async def test_a_server_without_prefix_gets_folders_beside_inbox(box: Sandbox, dovecot: StartDovecot) -> None:
    """Also when all of them lie below INBOX, and whether NAMESPACE is told or not."""
    for extra in ("", SILENT):
        server = dovecot(separator=".", extra=extra)
        server.create_folder(ALICE, "INBOX.Alt")
        if not extra:
            await keep(box, "Projekte")
        done = await restore(box, profile(At(server.host, server.plain_port)))
        assert [one.path for one in done.used] == ["Projekte"]
        assert {folder for folder, count in counts(server).items() if count} == {"Projekte"}


def public(server: Dovecot) -> str:
    return (
        "namespace public {\n  type = public\n  separator = .\n  prefix = Public.\n  subscriptions = no\n"
        f"  location = maildir:{server.base}/mail/public:LAYOUT=fs:UTF-8\n}}\n"
    )


@pytest.mark.parametrize("prefix", ["", "INBOX."])
async def test_what_others_read_is_used_only_when_it_is_meant(box: Sandbox, dovecot: StartDovecot, prefix: str) -> None:
    """A folder of elsewhere that is called like a shared one stays the user's own; one that is named is used, and told."""
    server = dovecot(separator=".", personal=prefix)
    server.stop()
    server.extra = public(server)
    server.create_folder("public", "Team")
    server.start()
    await keep(box, "Public/Team")
    one = profile(At(server.host, server.plain_port))
    done = await restore(box, one)
    assert server.messages("public", "Team") == []
    if prefix:
        assert went(done) == {"Public/Team": ("INBOX/Public/Team", "own", 1)}
    else:
        assert "a shared folder" in done.problems[0].reason
    done = await restore(box, one, to="Public/Team")
    assert went(done) == {"Public/Team": ("Public/Team", "shared", 1)}
    assert "a shared folder" in done.used[0].sentence()
    assert len(server.messages("public", "Team")) == 1
    assert (await box.entries("restored"))[-1]["whose"] == "shared"


def test_the_command_line_says_whose_mailbox_and_which_folder_it_was(tmp_path: Path, dovecot: StartDovecot) -> None:
    """In text, as JSON and in the ledger."""
    server = dovecot(separator=".", personal="INBOX.")
    server.deliver(ALICE, "INBOX", mail("one"))
    with Archivar(tmp_path / "cli", WORD="secret") as archivar:
        archivar("user", "add", "alice", "--email", ALICE)
        lines = [
            *('name = "Alice"', 'kind = "mailbox"', "[server]", f'host = "{server.host}"', f"port = {server.plain_port}"),
            *('access = "imap"', "timeout = 20", "[login]", f'username = "{ALICE}"', 'password_env = "WORD"'),
            *("[target]", 'user = "alice"', 'folder = "work"', ""),
        ]
        archivar("profile", "apply", str(archivar.write("alice.toml", "\n".join(lines))))
        archivar("run", "Alice")
        done = archivar("restore", "--profile", "Alice", "--to", "Back", "--yes")
        assert f"Into the mailbox that {ALICE} opens on 127.0.0.1:" in done.err
        assert "  INBOX/Back (for Back): 1 message" in done.err
        found = archivar("restore", "--profile", "Alice", "--to", "Back", "--yes", "--json").json
        assert (found["mailbox"], found["login"], found["server"], found["user"]) == ("work", ALICE, "127.0.0.1", "alice")
        assert found["folders"] == [
            {"folder": "INBOX/Back", "name": "INBOX.Back", "wished": "Back", "whose": "own", "owner": "", "created": False}
            | {"messages": 0, "from": [{"user": "alice", "folder": "work/INBOX"}]}
        ]
        assert f'to "INBOX.Back" of {ALICE}' in archivar("ledger", "show").out
