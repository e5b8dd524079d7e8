"""The pages for ``man``: their sources in the manual, and their files."""

from __future__ import annotations

from pathlib import Path

from core import __version__
from core.manual import pages, roff
from core.manual.blocks import parse
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page for man: ``topic`` is its page of the manual, ``about`` the line for ``apropos``."""

    name: str
    section: int
    topic: str
    about: str
    synopsis: str

    @property
    def file(self) -> str:
        return f"{self.name}.{self.section}"

    @property
    def place(self) -> str:
        """The path below ``share``."""
        return f"man/man{self.section}/{self.file}"


SHEETS = (
    Sheet(
        "archivar",
        1,
        "command-line",
        "archive mailboxes of Kerio Connect and of any IMAP server",
        r"\fBarchivar\fP [\fB\-\-home\fP \fIFOLDER\fP] [\fB\-\-json\fP] [\fICOMMAND\fP ...]",
    ),
    Sheet(
        "archivar-profile",
        5,
        "profile-file",
        "what Archivar archives, from where, into whose archive",
        r"\fBarchivar profile apply\fP \fIFILE\fP.toml",
    ),
    Sheet(
        "archivar-directory",
        5,
        "directory-file",
        "where Archivar takes its users from",
        r"\fBarchivar directory apply\fP \fIFILE\fP.toml",
    ),
)


def text(sheet: Sheet) -> str:
    """A page for man, in roff."""
    others = [f"\\fB{other.name}\\fP({other.section})".replace("-", "\\-") for other in SHEETS if other is not sheet]
    more = ", ".join(others) + ", and the other pages of the manual: \\fBarchivar help\\fP"
    lines = [
        *roff.heading(sheet.name, sheet.section, __version__),
        *roff.section("Name", f"{sheet.name} - {sheet.about}".replace("-", "\\-")),
        *roff.section("Synopsis", sheet.synopsis),
        *roff.section("Description", parse(pages.text(pages.find(sheet.topic)))),
        *roff.section("See also", more),
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> dict[Path, str]:
    """Write all pages into ``folder``; the files, each with its path below ``share``."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for sheet in SHEETS:
        path = folder / sheet.file
        path.write_text(text(sheet), encoding="ascii")
        written[path] = sheet.place
    return written
