"""Settings of this machine: console looks, concurrency of the service, verification, size of volumes.

Kept in table ``setting`` as text. A value that this program cannot read counts as not set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from core.config import Home
from core.db import glimpse
from core.db.queries import Queries
from core.errors import InputError
from core.problems.backup import WITHIN_HOME
from core.profiles import rhythm, schedule_words, sizes
from core.profiles.rhythm import Rhythm
from core.storage.limits import BOUND_BYTES, CACHE_BYTES
from core.text.patterns import pattern
from core.values import dataclass

DEFAULT_VOLUME_BYTES = 4 * 1024**3
_WORDS = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
_MOST_BACKUPS = 30
_THEME = pattern(r"[a-z-]{1,40}")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. ``refresh`` is in seconds, ``connections`` are those to one server in all runs of the service.

    ``verify`` is a ``Rhythm`` as text.
    """

    theme: str = "dark"
    mouse: bool = False
    refresh: float = 0.5
    connections: int = 16
    runs: int = 4
    volume_bytes: int = DEFAULT_VOLUME_BYTES
    # Mail is deleted on servers relying on this archive, so it is verified by default.
    verify: str = "monthly"
    #: Times at which seals are sent to the seal places.
    seal: str = "nightly"
    #: Days for which an unchanged STATUS is believed without listing the folder.
    relist: int = 7
    #: Percent of a folder's messages that must be gone before a warning is given.
    shrunk: int = 50
    #: Bytes of stored volumes that stay on this machine as well; 0: all.
    storage_cache: int = CACHE_BYTES
    #: Bytes of volumes that wait for the storage, beyond which no run begins.
    storage_bound: int = BOUND_BYTES
    #: Folder of scheduled backups; empty for none.
    backup_to: str = ""
    #: Their schedule, in the words of ``schedule_words``.
    backup_every: str = "daily at 02:00"
    #: Number of their generations.
    backup_keep: int = 1
    #: Days ahead for which it is told that the disk will be full.
    forecast: int = 30

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in DESCRIBED}


@dataclass(frozen=True, slots=True)
class Description:
    """Description of a setting: its purpose and allowed values. ``parse`` reads user input, ``load`` the text in the table.

    Both raise ``ValueError``; ``show`` gives text that ``parse`` takes. ``line``: label and short description of its line in
    the console; None for a setting that is set on another page.
    ``check`` raises ``InputError`` for a value that does not suit the home.
    """

    what: str
    line: tuple[str, str] | None
    allowed: str
    parse: Callable[[str], Any]
    load: Callable[[str], Any]
    show: Callable[[Any], str]
    check: Callable[[Home, Any], None] = lambda home, value: None


def _theme(text: str) -> str:
    if text not in themes():
        raise ValueError(text)
    return text


@cache
def themes() -> tuple[str, ...]:
    """The names of the installed themes."""
    # Imported only here: it takes longer than most commands need for all settings.
    from importlib.resources import files

    found = (entry.name.removesuffix(".toml") for entry in files("themes").iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(found))


def _loaded_theme(text: str) -> str:
    if not _THEME.fullmatch(text):
        raise ValueError(text)
    return text


def _switch(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError(text)
    return _WORDS[text.lower()]


def _within(low: float, high: float, read: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        # int() also reads 1_0 as ten, and digits of other scripts.
        if not text.isascii() or "_" in text or not low <= (value := read(text)) <= high:
            raise ValueError(text)
        return value

    return parse


def _count(what: str, line: tuple[str, str], most: int) -> Description:
    parse = _within(1, most, int)
    return Description(what, line, f"a number from 1 to {most}", parse, parse, str)


def _verify(text: str) -> str:
    return str(Rhythm.parse(text))


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(text)
        return text.lower()

    return parse


_refresh = _within(0.25, 5, float)


def _cache(text: str) -> int:
    return 0 if text.strip().lower() == "all" else int(_many(text))


def _folder(text: str) -> str:
    """The whole path of a folder, in its plain form; empty for none. Raises ``ValueError``."""
    text = text.strip()
    if text.lower() in ("", schedule_words.OFF):
        return ""
    path = PurePosixPath(text)
    if not path.is_absolute() or "\0" in text or ".." in path.parts or path == PurePosixPath("/"):
        raise ValueError(text)
    return str(path)


def _outside(home: Home, text: str) -> None:
    if text and home.overlaps(Path(text)):
        raise InputError(WITHIN_HOME(path=text))


def _schedule(text: str) -> str:
    return schedule_words.words(schedule_words.parse(text))


_volume = _within(64 * 1024**2, 64 * 1024**3, sizes.parse)
_many = _within(64 * 1024**2, 1024**5, sizes.parse)

#: Every setting by its name, in the order in which they are listed.
DESCRIBED: dict[str, Description] = {
    "theme": Description(
        "The console's colours.", ("Theme", "the console's colours"), "the name of a theme", _theme, _loaded_theme, str
    ),
    "mouse": Description(
        "Whether the console takes the mouse.",
        ("Mouse", "whether the console takes the mouse"),
        "on or off",
        _switch,
        _switch,
        lambda on: "on" if on else "off",
    ),
    "refresh": Description(
        "Seconds between two looks of the console at the archive.",
        ("Refresh", "seconds between two looks"),
        "seconds from 0.25 to 5",
        _refresh,
        _refresh,
        lambda value: f"{value:g}",
    ),
    "connections": _count(
        "Most connections to one server, in all runs together.", ("Connections", "most to one server, in all runs"), 64
    ),
    "runs": _count("Most runs at once.", ("Runs at once", "most at the same time"), 16),
    # Volumes of any size can be read, so the value in the table is taken without a check of its range.
    "volume_bytes": Description(
        "Size at which a volume is sealed and the next begun.",
        ("Volume size", "a volume of this size is sealed"),
        "a size from 64 MiB to 64 GiB such as 4 GB",
        _volume,
        _within(1, 2**62, int),
        sizes.exact,
    ),
    "verify": Description(
        "How often the service verifies everything by itself, or how much of it every day.",
        ("Verify", "everything by itself, or a share a day"),
        rhythm.ALLOWED,
        _verify,
        _verify,
        str,
    ),
    "seal": Description(
        "When the service sends the archive's seal to the places that are set up for it.",
        None,
        "off, nightly, or runs (nightly and after each run)",
        _one_of("off", "nightly", "runs"),
        _one_of("off", "nightly", "runs"),
        str,
    ),
    "relist": _count(
        "Days after which a folder is listed whole even if its STATUS has not changed.",
        ("List whole", "each folder, after so many days"),
        365,
    ),
    "shrunk": _count(
        "Percent of a folder's messages that, when at least 50 are gone at once, are told as missing.",
        ("Tell shrunk", "folders that lost this many percent"),
        100,
    ),
    "storage_cache": Description(
        "How much of the volumes in the storage stays on this machine as well.",
        ("Stored copies", "this much of them stays here as well"),
        "all, or a size from 64 MiB such as 20 GB",
        _cache,
        _within(0, 2**62, int),
        lambda value: sizes.exact(value) if value else "all",
    ),
    "storage_bound": Description(
        "How much may wait on this machine for a storage that does not answer, until no run begins.",
        ("May wait", "for the storage, until no run begins"),
        "a size from 64 MiB such as 64 GB",
        _many,
        _within(1, 2**62, int),
        sizes.exact,
    ),
    "backup_to": Description(
        "The folder to which the service backs up by itself.",
        ("Folder", "best on another disk"),
        "off, or the whole path of a folder, best on another disk",
        _folder,
        _folder,
        lambda value: value or schedule_words.OFF,
        _outside,
    ),
    "backup_every": Description(
        "When the service backs up, if it has a folder for it.",
        ("When", "by the clock of this machine"),
        schedule_words.ALLOWED,
        _schedule,
        _schedule,
        str,
    ),
    "backup_keep": Description(
        "How many backups take turns, each a whole one.",
        ("Generations", "so many whole backups take turns there"),
        f"a number from 1 to {_MOST_BACKUPS}",
        _within(1, _MOST_BACKUPS, int),
        _within(1, _MOST_BACKUPS, int),
        str,
    ),
    "forecast": Description(
        "Days ahead for which it is told that the archive's disk will be full.",
        None,
        "a number from 1 to 3650",
        _within(1, 3650, int),
        _within(1, 3650, int),
        str,
    ),
}


def shown(settings: Settings) -> dict[str, str]:
    """The value of each setting by name, as it can be given to ``change``."""
    return {name: one.show(getattr(settings, name)) for name, one in DESCRIBED.items()}


async def read(source: Queries) -> Settings:
    """The settings now."""
    return _settings(await source.read("SELECT name, value FROM setting"))


def glance(home: Home) -> Settings:
    """The settings, read in a few milliseconds before anything is opened. Defaults on any trouble; makes no file."""
    return _settings(glimpse.rows(home.catalog, "SELECT name, value FROM setting"))


def _settings(rows: Iterable[tuple[Any, ...]]) -> Settings:
    found: dict[str, Any] = {}
    for name, text in rows:
        if name in DESCRIBED:
            try:
                found[name] = DESCRIBED[name].load(text)
            except (ValueError, TypeError, AttributeError):
                continue
    return Settings(**found)
