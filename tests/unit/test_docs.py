"""The manual: whole, found by its topics, readable at any width and by man."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from core.cli.main import main
from core.manual import layout, pages, roff, sheets
from core.manual.blocks import CodeBlock, Heading, Style, TableBlock, TextRun, parse
from core.text.cells import cell_len
from tests.manual import BESIDE, DOCS, IDS, ROOT, TOPICS, page, said, texts, walk

#: Cells of a line in the console's smallest window, and what the indent leaves of it for what is to be typed.
NARROW, TYPED = 75, 71


# The pages -------------------------------------------------------------------------------------------------------------------


def test_every_page_is_in_one_index_under_its_name_and_title() -> None:
    """No page is hidden from the console and ``archivar help``, and none is named that is not there."""
    files = {file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md")}
    assert sorted(topic.path for topic in TOPICS) == sorted(files - {pages.INDEX})
    assert len(set(IDS)) == len(IDS)
    for topic in TOPICS:
        assert topic.id == Path(topic.path).stem or topic.path.endswith(f"{topic.id}/{pages.INDEX}")
        assert page(topic.id)[0] == Heading(1, (TextRun(topic.title),)), topic.id


def test_every_link_leads_somewhere() -> None:
    """Pages, pictures and files that are linked are in the checkout; a link to a page of the manual has its topic as text."""
    for file in [*DOCS.rglob("*.md"), *(ROOT / name for name in BESIDE)]:
        for text, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", file.read_text("utf-8")):
            if "://" not in target:
                there = (file.parent / target).resolve()
                assert there.is_file(), f"{file.name}: {target}"
                topic = next((topic for topic in TOPICS if DOCS / topic.path == there), None)
                assert topic is None or topic.id == text or file.parent == ROOT, f"{file.name}: {text}"


@pytest.mark.parametrize("width", [24, 40, NARROW, 94])
def test_a_page_is_shown_whole_at_any_width(width: int) -> None:
    """No line is wider than asked for and no character is lost, in tables and lists too."""
    for id in IDS:
        shown = [layout.plain(line) for line in layout.lines(page(id), width)]
        assert max(map(cell_len, shown)) <= width, id
        wanted = Counter("".join("".join(map(said, texts(block))) for block in walk(page(id))))
        wanted += Counter("".join("".join(block.lines) for block in walk(page(id)) if isinstance(block, CodeBlock)))
        missing = wanted - Counter("".join(shown))
        assert set(missing) <= {" "}, id


def test_what_is_to_be_typed_keeps_its_line_at_80_columns() -> None:
    """In the console, whose frame takes some of the 80."""
    lines = [line for id in IDS for block in walk(page(id)) if isinstance(block, CodeBlock) for line in block.lines]
    assert [line for line in lines if cell_len(line) > TYPED] == []


def test_tables_keep_their_columns_at_80_columns() -> None:
    """None is so wide that it is set as a list, and no word in it is parted."""
    for table in (block for id in IDS for block in walk(page(id)) if isinstance(block, TableBlock)):
        shown = " ".join(layout.plain(line) for line in layout.lines((table,), NARROW)).split()
        words = [word for text in texts(table) for word in said(text).split()]
        assert Counter(words) - Counter(shown) == Counter()
        first = next(said(row[0]) for row in table.rows if said(row[0]))
        below = [line for line in map(layout.plain, layout.lines((table,), NARROW)) if line.startswith(first.split()[0])]
        assert below
        assert all(said(row[1]).split()[0] in below[0] for row in table.rows[:1])


def test_tables_without_the_room_become_lists() -> None:
    """The first cell, and below it the others with the names of their columns."""
    table = parse("| key | at first |\n|---|---|\n| `without_uidplus` | unbreakable_word |")
    assert [layout.plain(line) for line in layout.lines(table, 20)] == [
        *("without_uidplus", "  at first:", "  unbreakable_word"),
    ]


def test_lists_hang_and_words_that_are_joined_stay_so() -> None:
    """Marks stand before hanging text; punctuation after code stays with it."""
    found = layout.lines(parse("# T\n\n## H\n\n1. Say `a b`, then (`c`).\n2. Two\n\n   ```\n   x = 1\n   ```"), 12)
    assert [layout.plain(line) for line in found] == [
        *("T", "", "H", "1. Say a b,", "   then (c).", "", "2. Two", "", "       x = 1"),
    ]
    assert found[3][-2:] == (("a b", Style.CODE), (",", Style.PLAIN))


@pytest.mark.parametrize("markdown", ["> quoted", "<b>bold</b>", "---", "a<br>b"])
def test_markdown_that_a_reader_cannot_show_is_refused(markdown: str) -> None:
    """So that no page has what one of its readers never sees."""
    with pytest.raises(ValueError, match="cannot stand in the manual"):
        parse(markdown)


# Finding a page --------------------------------------------------------------------------------------------------------------


def test_help_lists_all_topics_and_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    """By group, in the order of the index; a page keeps the marks of code and headings where there are no styles."""
    assert main(["help"]) == 0
    listed = re.findall(r"^  ([a-z-]+) +(.+)$", capsys.readouterr().out, re.MULTILINE)
    assert listed == [(topic.id, topic.title) for topic in pages.topics()]
    assert main(["help", "Deleting"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# Deleting on the server\n\nNothing is deleted")
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert "`without_uidplus = true`" in shown
    assert "The guide [kerio-deletion] says" in shown
    assert main(["help", "trash", "--json"]) == 0
    assert '"markdown": "# The deletion rule leaves the trash alone' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("delteing", "deleting"),
        ("schedules", "runs"),
        ("profile", "profile-file"),
        ("exports", "transfer"),
        ("([", "lists all"),
        ("run", "archivar run --help"),
    ],
)
def test_an_unknown_topic_names_those_that_are_near(wanted: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, by spelling and by the words of titles and headings."""
    assert main(["help", wanted]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f'There is no help on "{wanted}".' in told.err
    assert near in told.err


def test_a_topic_is_no_path() -> None:
    """Nothing but the pages of the index is read."""
    for wanted in ("../README", "decisions/README.md", "", "README"):
        with pytest.raises(LookupError):
            pages.find(wanted)


# Pages for man ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sheet", sheets.SHEETS, ids=lambda sheet: sheet.name)
def test_a_page_for_man_has_its_parts_in_ascii(sheet: sheets.Sheet) -> None:
    """Name, synopsis, description and the other pages; no character that a reader of roff may not know."""
    text = sheets.text(sheet)
    assert text.isascii()
    assert text.startswith(f".TH {sheet.name.upper().replace('-', chr(92) + '-')} {sheet.section} ")
    found = re.findall(r"^\.SH (.+)$", text, re.MULTILINE)
    assert (found[:3], found[-1]) == (["NAME", "SYNOPSIS", "DESCRIPTION"], "SEE ALSO")
    assert [line for line in text.splitlines() if re.match(r"[.'](?!TH|SH|SS|PP|RS|RE|IP|TP|br|nf|fi|nh|ad)", line)] == []


@pytest.mark.skipif(not shutil.which("man") or not shutil.which("groff"), reason="man and groff are not here")
def test_man_shows_the_pages_without_a_warning(tmp_path: Path) -> None:
    """All of them, and every word of the page of the manual is in what it shows."""
    for path in sheets.write(tmp_path):
        command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", str(path)]
        environment = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "MANWIDTH": "80",
            "MAN_KEEP_FORMATTING": "",
            "PAGER": "cat",
        }
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
        assert shown.stderr == ""
        assert max(map(len, re.sub(r"\x1b\[[\d;]*m|.\x08", "", shown.stdout).splitlines())) <= 80


def test_what_roff_would_take_for_a_request_is_text() -> None:
    """Dots and quotes at the beginning of lines, backslashes, and characters that it replaces."""
    found = roff.blocks(parse("```\n.so /etc/passwd\n'x\n\\fB^~`\n```\n\n.TH is no request, nor is an é."))
    assert found == [
        *(".PP", ".RS 4", ".nf", r"\&.so /etc/passwd", r"\(aqx", r"\(rsfB\(ha\(ti\(ga", ".fi", ".RE"),
        *(".PP", r"\&.TH is no request, nor is an \[u00E9]."),
    ]


# README ----------------------------------------------------------------------------------------------------------------------


def test_the_readme_is_short_and_leads_to_the_manual() -> None:
    """At most 150 lines, with a picture, the way to install it, and each group of the manual."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert re.search(r"!\[.+\]\(.+\.svg\)", text)
    assert "docs/README.md" in text
    assert "pipx install" in text
