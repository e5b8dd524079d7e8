"""Folder rules of a mailbox: patterns, and default exclusions.

A pattern is a path with ``/`` between levels, whatever the server's separator: ``*`` stands for anything within one level,
``**`` for any number of levels, and ``Name/**`` is the folder ``Name`` with all below it. Case counts, except in INBOX
(RFC 3501 section 5.1).
An exclusion beats an inclusion; an inclusion that names a folder beats the default exclusions.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence

from core.profiles.ownership import OWN, Evidence, Standing, Whose
from core.values import dataclass

#: Special uses (RFC 6154, Kerio's plain LIST) excluded by default, with the reason shown.
EXCLUDED_USES = {"\\junk": "junk mail"}
#: Special uses of folders that show messages of others (RFC 6154); the first has all messages.
VIEWS = ("\\all", "\\flagged", "\\important")

#: Folders of Kerio Connect without mail, in English and German.
NOT_MAIL = {
    name.casefold(): "no mail folder"
    for name in (
        "Calendar",
        "Contacts",
        "Tasks",
        "Notes",
        "Kalender",
        "Kontakte",
        "Aufgaben",
        "Notizen",
    )
}
JUNK = {name.casefold() for name in ("Junk E-mail", "Junk-E-Mail", "Junk", "Spam")}
#: Names of folders with a special use on servers that announce none (Kerio, English and German; RFC 6154 names).
DRAFTS = {"drafts", "entwürfe"}
TRASH = {"deleted items", "gelöschte objekte", "gelöschte elemente", "trash", "papierkorb"}
PUBLIC = {name.casefold() for name in ("Public Folders", "Öffentliche Ordner")}
#: Other usual names of a mailbox's folders, in English and German.
USUAL = DRAFTS | TRASH | JUNK | {"inbox", "sent", "sent items", "gesendet", "gesendete objekte", "gesendete elemente"}


#: The prefix of the probe's folders on a server.
PROBE = "Archivar-Probe-"
#: Characters; no server has a longer name.
LONGEST_PATTERN = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern, and its levels."""

    pattern: str
    levels: tuple[str, ...]

    @staticmethod
    def valid(pattern: str) -> bool:
        """True for a valid pattern. Empty levels and controls are in no folder's path; ``***`` has no meaning."""
        levels = pattern.removesuffix("/").split("/")
        if len(pattern) > LONGEST_PATTERN or not all(levels) or "***" in pattern:
            return False
        return not any(unicodedata.category(character) in ("Cc", "Cs") for character in pattern)

    @classmethod
    def of(cls, pattern: str) -> Rule:
        levels = pattern.strip("/").split("/")
        if levels[0].isascii() and levels[0].upper() == "INBOX":
            levels[0] = "INBOX"
        return cls(pattern, tuple(levels))

    def spells_out(self, depth: int) -> bool:
        """True when the first ``depth`` levels are plain names, so that it means a folder there."""
        return len(self.levels) >= depth and not any("*" in level for level in self.levels[:depth])

    def matches(self, path: str) -> bool:
        return _matches(self.levels, path.split("/"), "**", lambda level, name: _matches(level, name, "*", str.__eq__))


def _matches(pattern: Sequence[str], items: Sequence[str], star: str, same: Callable[[str, str], bool]) -> bool:
    """True when ``items`` match ``pattern``, in which ``star`` stands for any number of items.

    Only the last star is ever tried again, so no pattern and no name from a server takes more than their product in time.
    """
    at = position = 0
    retry: tuple[int, int] | None = None
    while position < len(items):
        if at < len(pattern) and pattern[at] == star:
            at += 1
            retry = (at, position)
        elif at < len(pattern) and same(pattern[at], items[position]):
            at += 1
            position += 1
        elif retry is not None:
            retry = (retry[0], retry[1] + 1)
            at, position = retry
        else:
            return False
    return all(one == star for one in pattern[at:])


@dataclass(frozen=True, slots=True)
class FolderRules:
    """The folder rules of a profile. Without an inclusion, everything but the default exclusions is archived."""

    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str]) -> FolderRules:
        return cls(tuple(Rule.of(pattern) for pattern in include), tuple(Rule.of(pattern) for pattern in exclude))

    @property
    def excludes_trash(self) -> bool:
        """True when the trash is excluded by name."""
        return any(rule.matches(name) for rule in self.exclude for name in ("Deleted Items", "Gelöschte Objekte", "Trash"))

    @property
    def includes_public(self) -> bool:
        """True when public folders are included by name."""
        named = any(rule.levels[0].casefold() in PUBLIC for rule in self.include)
        return named or not all(self.reason_to_exclude(f"{name}/x") for name in ("Public Folders", "Öffentliche Ordner"))

    def reason_to_exclude(self, path: str, uses: Sequence[str] = (), whose: Whose = OWN) -> str:
        """The reason why the folder at ``path`` (levels joined by ``/``) is not archived; empty when it is.

        Another user's or a public folder must be named, down to its root.
        """
        for rule in self.exclude:
            if rule.matches(path):
                return f"excluded by {rule.pattern}"
        if self.include:
            matching = [rule for rule in self.include if rule.matches(path)]
            if not matching:
                return _reason(path, uses, whose) or "not in the list of folders to include"
            if whose.foreign and not any(rule.spells_out(whose.depth) for rule in matching):
                return _reason(path, uses, whose)
            # A pattern that matches everything does not ask for junk; naming a folder does.
            if any(not rule.pattern.startswith("*") for rule in matching):
                return ""
        return _reason(path, uses, whose) or default_exclusion(path, uses)


def _reason(path: str, uses: Sequence[str], whose: Whose) -> str:
    """The reason why a foreign folder is excluded; one known only by its name is called by that."""
    named = whose.standing is Standing.SHARED and whose.evidence is Evidence.NAME
    return (default_exclusion(path, uses) if named else "") or whose.reason


def default_exclusion(path: str, uses: Sequence[str] = ()) -> str:
    """The reason for a default exclusion; empty without one. Attributes come before names."""
    for use in uses:
        if use.lower() in EXCLUDED_USES:
            return EXCLUDED_USES[use.lower()]
    # Some servers keep all folders below INBOX.
    top = path.removeprefix("INBOX/").split("/", 1)[0].casefold()
    if top.startswith("#"):
        return "belongs to the server"
    if top.startswith(PROBE.casefold()):
        return "left behind by a probe"
    if top in PUBLIC:
        return "public folders"
    if top in NOT_MAIL:
        return NOT_MAIL[top]
    # A server that announces special uses has marked its junk folder; then the name alone means nothing.
    if top in JUNK and not any(use.lower() in ("\\archive", "\\sent", "\\drafts", "\\trash") for use in uses):
        return "junk mail"
    return ""


def is_drafts(path: str, attributes: Sequence[str]) -> bool:
    """True for a folder of drafts. Their headers stay while their text changes, so they are always downloaded."""
    return "\\drafts" in attributes or path.rsplit("/", 1)[-1].casefold() in DRAFTS


def is_trash(path: str, attributes: Sequence[str]) -> bool:
    """True for the trash, by attribute first, by name second."""
    top = path.removeprefix("INBOX/").split("/", 1)[0]
    return "\\trash" in attributes or top.casefold() in TRASH


def is_public(name: str) -> bool:
    """True for a top folder with the name of public or server folders."""
    return name.startswith("#") or name.casefold() in PUBLIC


def is_usual(name: str) -> bool:
    """True for a usual folder name, found in every mailbox."""
    return name.casefold() in USUAL


def is_view(attributes: Sequence[str]) -> bool:
    """True for a view, by the server's attributes."""
    return any(use in VIEWS for use in attributes)
