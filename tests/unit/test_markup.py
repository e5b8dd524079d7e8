"""HTML as text: lines, lists and tables as they were meant, and what is to be found though it is not shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.message.html_text import LONGEST_TARGETS, read

HOSTILE = (
    *("<div>", "<a b='", '<a b="', "<!--", "<script", "<script>", "<style></", "<a ", "&#", "&#1", "<", "\n\n ", "<ul><li>"),
    *("<pre>\t", "<a href='", '<a href="', "<a href=x ", " href=", "<a " + "b=c " * 50, '<img alt="x" src=y>', "&amp"),
)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<pre>def f():\n    return 1\n\n\n\nend</pre>after", "def f():\n    return 1\n\n\n\nend\nafter"),
        ("<p>one<pre>\ta&nbsp; b\r\n\r\nc</pre>", "one\n        a  b\n\nc"),
        ("<pre>a &amp;lt; <b>b\nc</b></pre>", "a &lt; b\nc"),
        ("a<br>b<BR/>c", "a\nb\nc"),
        ("<ul><li>one<li>two<ol><li>A</li><li>B</li></ol></ul>", "- one\n- two\n\n  1. A\n  2. B"),
        ("<li>alone", "- alone"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3<td>4</table>", "1 2\n3 4"),
        ("fo<b>ur</b> <i>five</i>", "four five"),
        ("Donau&shy;dampf", "Donau\u00addampf"),
        ("x&#" + "9" * 5000 + ";y", "x□y"),
        ("<img alt='Summer sale' src='http://shop.test/a.png'>", "Summer sale"),
        ("\ufdd0a\ufdd1b", "ab"),
    ],
)
def test_a_page_reads_as_it_was_meant(page: str, text: str) -> None:
    """Preformatted text keeps its lines and blanks, items stand below each other, inline tags part nothing."""
    assert read(page).text == text


def test_links_and_descriptions_are_to_be_found() -> None:
    """Targets in all ways to quote them, what a redirecting address leads to, and what is said of pictures; each once."""
    page = read(
        "<p>text<a href=\"https://a.test/?u=https%3A%2F%2Fshop.test\" title='Go &quot;there&quot;'>x</a><a href=b.test/c>y</a>"
        "<img src='http://p.test/1.png' alt=Logo><img src=cid:1 alt=Logo><img src='data:image/png;base64,AAAA'><a href=''>"
    )
    assert page.targets == (
        "https://a.test/?u=https%3A%2F%2Fshop.test",
        "https://a.test/?u=https://shop.test",
        "b.test/c",
        "http://p.test/1.png",
    )
    assert page.descriptions == ('Go "there"', "Logo")
    assert "Logo" not in page.text


def test_the_targets_of_a_page_are_bounded() -> None:
    """However many a page has."""
    page = read("".join(f"<a href=http://x.test/{number:0500}>" for number in range(3_000)))
    assert sum(map(len, page.targets)) <= LONGEST_TARGETS


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=5), max_size=20).map("".join))
def test_any_page_can_be_read(page: str) -> None:
    """Nothing is raised, and all of it can be encoded."""
    found = read(page)
    for text in (found.text, *found.targets, *found.descriptions):
        text.encode()
        assert "\0" not in text


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_size(piece: str) -> None:
    """Eight times as much takes nowhere near sixty-four times as long."""
    times = []
    for size in (40_000, 320_000):
        page = piece * (size // len(piece))
        best = min(_seconds(page) for _ in range(2))
        times.append(max(best, 0.001))
    assert times[1] / times[0] < 32


def _seconds(page: str) -> float:
    begun = time.process_time()
    read(page)
    return time.process_time() - begun
