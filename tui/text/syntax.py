"""The query language: examples of all its features, in plain words."""

from __future__ import annotations

from tui.desk.present import Tone, named, own, sentence
from tui.text import prose
from tui.text.format import Line, Span

WORDS = (
    ("offer steel", "mail with both words, anywhere in it: subject, people, text, names of files"),
    ('"offer for steel"', "these words, one after the other"),
    ("steel*", "words that begin so"),
    ("*steel* *works", "words that have it in them, or at their end: 3 letters or more, no digits"),
    ("steel -copper", "with the first word, without the second"),
    ("steel OR copper", "one of the two, or both"),
    ("(steel OR copper) price", "parentheses say what belongs together"),
)
FIELDS = (
    ("from:anna", "by whom: a name or an address"),
    ("to:anna cc:bob", "to whom, and who got a copy"),
    ("subject:offer", "words of the subject alone"),
    ("body:offer", "words of the text alone"),
    ("filename:report.pdf", "names of attachments"),
    ("link:shop.test", "where links in it lead to"),
    ("has:attachment", "with attachments"),
    ("folder:INBOX", "in a folder of that name, or below it"),
    ('folder:"Sent Items"', "blanks stand in quotation marks, after every field"),
    ("user:anna", "in the archive of a user: a name or an address"),
    ("on:2024-05-31", "of a day; on:2024-05 a month, on:2024 a year, on:today, on:yesterday"),
    ("after:2024-05-01", "of that day or later; after:7d the last seven days, also w, m and y"),
    ("before:31.05.2024", "older than that day"),
    ("larger:5MB", "with more bytes than that"),
    ("smaller:10kB", "with fewer"),
    ("id:1234", "the message of that number, or of a SHA-256 that begins so (8 digits or more)"),
    ("id:<x@mail.test>", "the message with that Message-ID, and those that it is attached to"),
)
NOTES = (
    "Numbers need no care either: 10000,50 finds 10.000,50, and an account is found with and without blanks.",
    "Messages attached to a message count as part of it: from:, to: and subject: find theirs too.",
    "Case, accents and umlauts need no care: Müller, mueller and MULLER find the same.",
    "All terms count together. A - before a field leaves out what it finds: -from:anna.",
)


def syntax_lines(width: int) -> list[Line]:
    """All examples, as lines."""
    lines: list[Line] = [(Span(own("Words"), Tone.STRONG),), *prose.named(named(WORDS), width), ()]
    lines += [(Span(own("Fields"), Tone.STRONG),), *prose.named(named(FIELDS), width), ()]
    return [*lines, *(line for note in NOTES for line in prose.paragraph(sentence(note), width))]
