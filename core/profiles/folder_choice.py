"""Folder choice: ticks in a server's folder tree as changes of a profile's rules. Pure.

Two ways: all folders except unticked ones (new ones are archived too), or only ticked ones. A folder excluded by default is
archived when it is named (``rules``); beside a name, ``**`` keeps everything else in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.profiles.ownership import OWN, Whose
from core.profiles.rules import FolderRules, Rule
from core.values import dataclass

EVERYTHING = "**"
#: A folder's path, its special uses, and its owner when that is not the mailbox's.
Folder = tuple[str, Sequence[str]] | tuple[str, Sequence[str], Whose]


@dataclass(frozen=True, slots=True)
class FolderChoice:
    """The patterns of a profile being edited."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def only(self) -> bool:
        """True when only the named folders are archived."""
        return bool(self.include) and EVERYTHING not in self.include

    @property
    def rules(self) -> FolderRules:
        return FolderRules.of(self.include, self.exclude)

    def reason(self, path: str, uses: Sequence[str] = (), whose: Whose = OWN) -> str:
        """The reason why the folder is not archived; empty when it is."""
        return self.rules.reason_to_exclude(path, uses, whose)

    def tick(self, path: str, uses: Sequence[str] = (), whose: Whose = OWN, *, below: bool = False) -> FolderChoice:
        """Archive the folder, with ``below`` all folders below it too. A wildcard that excludes it is left alone."""
        pattern = _pattern(path, below)
        choice = replace(self, exclude=_without(self.exclude, path, below=below))
        if not choice.reason(path, uses, whose) and not (below and choice.only):
            return choice
        if not choice.only:
            # Excluded by default: it must be named, and everything else as well.
            return replace(choice, include=_once((EVERYTHING, *choice.include, pattern)))
        return replace(choice, include=_once((*_without(choice.include, path, below=below), pattern)))

    def untick(self, path: str, uses: Sequence[str] = (), whose: Whose = OWN, *, below: bool = False) -> FolderChoice:
        """Exclude the folder, with ``below`` all folders below it too."""
        choice = replace(self, include=_without(self.include, path, below=below))
        if choice.include == (EVERYTHING,):
            choice = replace(choice, include=())
        if self.only and not choice.include:
            # The last one: with an empty list everything would be archived.
            choice = replace(self)
        if choice.reason(path, uses, whose) and not below:
            return choice
        kept = _without(choice.exclude, path, below=below)
        return replace(choice, exclude=_once((*kept, _pattern(path, below))))

    def only_ticked(self, folders: Iterable[Folder]) -> FolderChoice:
        """Archive only the folders ticked now. Patterns that match several listed folders, or none, stay."""
        listed = list(folders)
        ticked = [one for one in listed if not self.reason(*one)]
        if self.only or not ticked:
            return self
        kept = self._unlisted(listed)
        # A folder that a pattern includes anyway needs no name of its own.
        named = [one[0] for one in ticked if not kept.include or kept.reason(one[0], (), *one[2:])]
        return replace(kept, include=_once((*named, *kept.include)))._without_unticked(listed, self)

    def all_but_unticked(self, folders: Iterable[Folder]) -> FolderChoice:
        """Archive all folders except those unticked now; default exclusions stay, and patterns as above."""
        if not self.only:
            return self
        listed = list(folders)
        kept = self._unlisted(listed)
        everything = replace(kept, include=(EVERYTHING, *kept.include) if kept.include else ())
        named = [one[0] for one in listed if not self.reason(*one) and everything.reason(*one)]
        if named:
            everything = replace(everything, include=_once((EVERYTHING, *kept.include, *named)))
        return everything._without_unticked(listed, self)

    def _unlisted(self, listed: Sequence[Folder]) -> FolderChoice:
        """Keep only patterns that are no names of listed folders."""
        paths = {Rule.of(one[0]).levels for one in listed}

        def stays(pattern: str) -> bool:
            return pattern != EVERYTHING and ("*" in pattern or Rule.of(pattern).levels not in paths)

        return FolderChoice(tuple(filter(stays, self.include)), tuple(filter(stays, self.exclude)))

    def _without_unticked(self, listed: Sequence[Folder], before: FolderChoice) -> FolderChoice:
        """Drop the folders that were unticked ``before``."""
        unticked = [one[0] for one in listed if before.reason(*one) and not self.reason(*one)]
        return replace(self, exclude=_once((*unticked, *self.exclude)))

    def add(self, pattern: str, *, include: bool) -> FolderChoice:
        """Add a typed pattern. Raises ``ValueError``."""
        if not Rule.valid(pattern):
            raise ValueError(pattern)
        if not include:
            return replace(self, exclude=_once((*self.exclude, pattern)))
        return replace(self, include=_once((*(self.include or (EVERYTHING,)), pattern)))

    def remove(self, pattern: str) -> FolderChoice:
        """Remove this pattern; without any other name everything is archived."""
        include = tuple(one for one in self.include if one != pattern)
        if include == (EVERYTHING,):
            include = ()
        return FolderChoice(include, tuple(one for one in self.exclude if one != pattern))


def _pattern(path: str, below: bool) -> str:
    return f"{path}/**" if below else path


def _without(patterns: Iterable[str], path: str, *, below: bool) -> tuple[str, ...]:
    """``patterns`` without those that name this folder, or, with ``below``, any below it."""

    def names(pattern: str) -> bool:
        return pattern in (path, f"{path}/**") or (below and pattern != EVERYTHING and pattern.startswith(f"{path}/"))

    return tuple(pattern for pattern in patterns if not names(pattern))


def _once(patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(patterns))
