"""Guides and prose on the screen: complete, and without a line that is too wide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.cells import cell_len
from core.text.format import safe
from tests.terminal.staged import HOSTILE
from tui.desk.manual import decisions, topics
from tui.desk.present import Safe, Tone, own, steady
from tui.places.guide import all_guides, load
from tui.places.wizard.people import SYNC_FIRST
from tui.text import prose
from tui.text.format import Line

#: In English and, in brackets, as the German administration calls it.
KERIO_NAMES = {
    "kerio-master": (
        "Configuration > Advanced Options [Konfiguration > Erweiterte Optionen]",
        "Master Authentication [Master-Authentifizierung]",
        "Enable master authentication to this server [Masterauthentifizierung für diesen Server aktivieren]",
        "Master password [Masterpasswort]",
    ),
    "kerio-archive": (
        "Accounts > Users [Konten > Benutzer]",
        "Configuration > Archiving and Backup [Konfiguration > Archivierung & Backup]",
        "Archive to remote email address [An ein externes Konto übergeben]",
        "Local messages [Lokale Nachrichten]",
        "Incoming messages",
        "Outgoing messages",
        "Relayed messages [Weitergeleitete Nachrichten]",
        "must belong to no user",
    ),
    "kerio-deletion": ("AutoExpungeOnDelete", "mailserver.cfg", "trash_too", "every IMAP client", "The price"),
    "other-servers": ("auth_master_user_separator", "proxyservers", "authorisation id"),
    "directory": (
        "Accounts > Users [Konten > Benutzer]",
        "4040",
        "user@domain",
        "base DN",
        "entryUUID",
        # As the wizard has it, before what a file has.
        f'on the page Users, for many mailboxes: "{SYNC_FIRST}"',
        'on the page Filing, for a mailbox with everybody\'s mail: "synchronise the users before each run"',
        "sync_directory_first",
    ),
    "service": ("archivar service unit", "/etc/systemd/system/archivar.service", "enable --now"),
}


def plain(line: Line) -> str:
    return "".join(span.text for span in line)


def text(id: str) -> str:
    """All of a guide on one line."""
    return " ".join(" ".join(map(plain, load(id).lines(94))).split())


def test_all_pages_of_the_manual_are_there_guides_first() -> None:
    """Each has a title of its own that fits into the smallest frame, and a text."""
    guides = all_guides()
    assert [guide.topic.id for guide in guides[: len(KERIO_NAMES)]] == list(KERIO_NAMES)
    assert [guide.topic for guide in guides] == [*topics(), *decisions()]
    assert len({guide.title for guide in guides}) == len(guides)
    assert all(0 < cell_len(guide.title) <= 75 and guide.lines(75) for guide in guides)


def test_no_guide_but_these_is_read() -> None:
    """An id is no path."""
    with pytest.raises(KeyError):
        load("../console")


@pytest.mark.parametrize("id", KERIO_NAMES)
def test_a_guide_names_what_is_to_be_set(id: str) -> None:
    """The controls by their names, wherever the lines break."""
    assert [name for name in KERIO_NAMES[id] if name not in text(id)] == []


def test_headings_and_what_is_typed_stand_out() -> None:
    """In bold: a tone that every terminal has."""
    found = [span.text for line in load("service").lines(75) for span in line if span.tone is Tone.STRONG]
    assert found[0] == "As root, for an archive in /var/lib/archivar"
    assert "    systemctl enable --now archivar" in found


@given(st.text(), st.text(), st.integers(8, 120))
def test_texts_from_outside_have_no_marks_and_no_line_too_wide(first: str, second: str, width: int) -> None:
    """A name and a value, of any text."""
    name, value = Safe(steady(safe(first))), Safe(steady(safe(second)))
    assert all(cell_len(plain(line)) <= width for line in prose.named([(name, value)], width))
    shown = "".join(plain(line) for line in prose.paragraph(own("# {}", value), width))
    assert "".join(shown.split()) == "".join(f"#{value}".split())


def test_a_long_hostile_value_is_shown_to_its_end() -> None:
    """Ten thousand characters take many lines, and none is left out."""
    value = Safe(steady(safe(HOSTILE, 20_000)))
    lines = prose.named([(own("Reason"), value)], 60)
    assert "".join("".join(plain(line) for line in lines).split()) == "Reason" + "".join(value.split())
