"""The store of Kerio Connect as it lies on disk: its folders are those of IMAP, and a domain goes to its users."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.archive.registry import users
from core.archive.transfer.mail_items import Item
from core.archive.transfer.store_import import import_store
from core.errors import InputError
from core.problems import importing as problems
from core.text.utf7 import modified_utf7
from tests import homes
from tests.homes import ALICE, message
from tests.imported import NO_MAIL, _content, _import, _put, _zip
from tests.support import coded

APPOINTMENT = b"Subject: Appointment\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
INVITATION = b"From: a@b.test\r\nTo: c@d.test\r\n" + APPOINTMENT
GREEN = "Gr\u00fcn"


def _store(top: str = "example.test") -> dict[str, bytes]:
    """Kerio's store with two mailboxes, one folder that is nested, and what is no mail."""
    return {
        f"{top}/alice/INBOX/#msgs/00000001.eml": message(1),
        f"{top}/alice/INBOX/#msgs/00000002.eml": INVITATION,
        f"{top}/alice/INBOX/index.fld": b"3\n",
        f"{top}/alice/INBOX/Projekte/#msgs/00000001.eml": message(2),
        f"{top}/alice/INBOX/Projekte/{modified_utf7(GREEN)}/#msgs/00000001.eml": message(3),
        f"{top}/alice/Sent Items/#msgs/00000001.eml": message(4),
        f"{top}/alice/Calendar/#msgs/00000001.eml": APPOINTMENT,
        f"{top}/alice/Kontakte/#msgs/00000001.eml": b"Subject: C\r\nContent-Type: text/vcard\r\n\r\n",
        f"{top}/alice/Tasks/Mine/#msgs/00000001.eml": APPOINTMENT,
        f"{top}/alice/Notizen/#msgs/00000001.eml": b"Subject: N\r\n\r\n",
        f"{top}/alice/Urlaub/#msgs/00000001.eml": APPOINTMENT,
        f"{top}/bob/INBOX/#msgs/00000001.eml": message(5),
        f"{top}/#public/Info/#msgs/00000001.eml": message(6),
    }


MAIL = {
    ("INBOX", message(1)),
    ("INBOX", INVITATION),
    ("INBOX/Projekte", message(2)),
    ("INBOX/Projekte/Gr\u00fcn", message(3)),
    ("Sent Items", message(4)),
}


async def test_the_store_of_kerio_has_the_folders_of_imap(tmp_path: Path) -> None:
    """From any level on, on the disk and packed; appointments, contacts, tasks and notes are left out and counted."""
    store = tmp_path / "mail"
    for name, data in _store().items():
        _put(store / name, data)
    _zip(tmp_path / "F20250401.zip", _store())
    archive = await homes.begin(tmp_path / "home")
    for number, path in enumerate(
        (store, store / "example.test", store / "example.test" / "alice", tmp_path / "F20250401.zip")
    ):
        done = await _import(archive, path, f"K{number}")
        assert done.left_out == {Item.CALENDAR: 2, Item.CONTACT: 1, Item.TASK: 1, Item.NOTE: 1}, path
        assert done.problems == [], path
    found = set(await _content(archive))
    assert found == {(f"K{number}/{folder}", raw) for number in range(4) for folder, raw in MAIL}
    one = await _import(archive, store / "example.test" / "alice" / "INBOX", "One")
    assert one.folders == {"One/INBOX", "One/INBOX/Projekte", "One/INBOX/Projekte/Gr\u00fcn"}
    of = await _import(archive, store, "Bob", of="bob@example.test")
    assert (of.messages, of.folders) == (1, {"Bob/INBOX"})
    with pytest.raises(InputError, match=r"alice@example\.test, bob@example\.test"):
        await _import(archive, store, "Nobody", of="eve")
    await archive.close()


async def test_what_lies_in_a_store_of_kerio_by_mistake(tmp_path: Path) -> None:
    """A folder of messages that was copied into itself is mail; leftovers of the system are counted, and no problem."""
    store = tmp_path / "mail"
    for name, data in _store().items():
        _put(store / name, data)
    inbox = store / "example.test" / "alice" / "INBOX"
    _put(inbox / "#msgs" / "#msgs" / "00000009.eml", message(9))
    _put(inbox / "#msgs" / "._00000001.eml", NO_MAIL["apple"][0])
    _put(inbox / ".DS_Store", b"\0\0\0\1Bud1")
    archive = await homes.begin(tmp_path / "home")
    done = await _import(archive, store, "K")
    assert (done.problems, len(done.strangers)) == ([], 2)
    assert set(await _content(archive)) == {(f"K/{folder}", raw) for folder, raw in {*MAIL, ("INBOX", message(9))}}
    await archive.close()


async def test_a_whole_domain_goes_to_its_users(tmp_path: Path) -> None:
    """Backups in parts: to where a run files it; unknown mailboxes are named with their mail; a dry run writes nothing."""
    backups = tmp_path / "backups"
    backups.mkdir()
    files = _store("store/mail/example.test")
    _zip(backups / "F20250401T000000Z-1.zip", {name: data for name, data in files.items() if "Sent" not in name})
    _zip(backups / "F20250401T000000Z-2.zip", {name: data for name, data in files.items() if "Sent" in name or "bob" in name})
    _put(backups / "F20250402T000000Z-1.zip", b"PK\x03\x04cut off")
    archive = await homes.begin(tmp_path / "home")
    head = await archive.head()
    planned = await import_store(archive, backups, dry_run=True)
    assert await archive.head() == head
    filled = await import_store(archive, backups)
    for one in (planned, filled):
        assert {key: done.messages for key, done in one.imported.items()} == {("alice", "alice@example.test"): 5}
        assert {(unknown.mailbox, unknown.messages) for unknown in one.unknown} == {
            ("bob@example.test", 2),
            ("#public@example.test", 1),
        }
        assert [problem.name for problem in one.problems] == ["F20250402T000000Z-1.zip"]
        assert not one.complete
    assert set(await _content(archive)) == {(f"{ALICE}/{folder}", raw) for folder, raw in MAIL}
    await users.add(archive, "bob", ["bob@example.test"])
    again = await import_store(archive, backups)
    assert {key[0]: (done.messages, done.already) for key, done in again.imported.items()} == {"alice": (0, 5), "bob": (1, 1)}
    with pytest.raises(InputError, check=coded(problems.NO_MAILBOX)):
        await import_store(archive, _put(tmp_path / "x" / "a.eml", message(1)).parent)
    await archive.close()
