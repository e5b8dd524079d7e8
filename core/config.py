"""The home folder of the archive: its location, checks, creation, and ownership."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

from core import files
from core.errors import BusyError, HomeError
from core.problems import home as problems
from core.problems.storage import TOO_MANY_FILES
from core.secrets import KeyFile
from core.system import guard, homes
from core.system.actor import started_by
from core.text.patterns import pattern
from core.values import dataclass

#: Names allowed in a home; any other means that the folder has another use.
OURS = {
    "volumes",
    "archive.sqlite",
    "archive.sqlite-wal",
    "archive.sqlite-shm",
    "search.sqlite",
    "search.sqlite-wal",
    "search.sqlite-shm",
    "secret.key",
    "secret.key.next",
    "cluster.json",
    "worker.key",
    "seals",
    "storage.json",
    "service.lock",
    "log",
    "keymap.toml",
}
#: Paths that an account must be able to read to run the program: interpreter, its library, our own code.
PROGRAM = (sys.executable, os.path.dirname(os.__file__), os.path.dirname(__file__))
#: Volumes of one lane: numbers from here on are those of lanes (``Home.volume``).
IN_LANE = 1_000_000
#: The file of a volume, or the note in its place when it is stored elsewhere (``core.storage.notes``).
_VOLUME = pattern(r"(?!000000)[0-9]{6}\.(?:sqlite|stored)")
_LANE = pattern(r"lane-(?!000000)([0-9]{6})")


def default_home() -> Path:
    """The folder of an archive when none is named (``homes.default_home``)."""
    return Path(homes.default_home())


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one archive, with the paths of its files."""

    path: Path

    @property
    def volumes(self) -> Path:
        return self.path / "volumes"

    @property
    def catalog(self) -> Path:
        return self.path / "archive.sqlite"

    @property
    def search(self) -> Path:
        return self.path / "search.sqlite"

    @property
    def cluster(self) -> Path:
        """The address of the workers' database."""
        return self.path / "cluster.json"

    @property
    def worker_key(self) -> Path:
        return self.path / "worker.key"

    @property
    def lock(self) -> Path:
        return self.path / "service.lock"

    @property
    def log(self) -> Path:
        return self.path / "log" / "service.log"

    @property
    def console_log(self) -> Path:
        """The log of console faults: the place in the program, and no data."""
        return self.path / "log" / "console.log"

    @property
    def keymap(self) -> Path:
        return self.path / "keymap.toml"

    @property
    def key(self) -> KeyFile:
        return KeyFile(self.path / "secret.key")

    @property
    def backup_note(self) -> Path:
        """The marker file of a backup, with the id of its archive."""
        return self.path / "backup.json"

    @property
    def is_backup(self) -> bool:
        """True for a backup of an archive: it is read, and written to only by the next backup."""
        return self.backup_note.exists()

    @property
    def exists(self) -> bool:
        """True when there is an archive. A home without volumes but with a catalog counts: it must not be created anew."""
        return self.catalog.exists() or bool(self.volume_numbers())

    def holds(self, path: Path) -> bool:
        """True for the home itself and any path below it."""
        return path.absolute().resolve().is_relative_to(self.path.absolute().resolve())

    def overlaps(self, path: Path) -> bool:
        """True when one of the home and the folder at ``path`` is in the other, or they are the same."""
        return self.holds(path) or Home(path).holds(self.path)

    def volume(self, number: int) -> Path:
        """The file of a volume. Those of lanes have the number of the lane before theirs: lane * ``IN_LANE`` + number."""
        lane, within = divmod(number, IN_LANE)
        name = f"{within:06}.sqlite"
        return self.lane(lane) / f"lane-{lane:06}-{name}" if lane else self.volumes / name

    def lane(self, number: int) -> Path:
        """The folder with the volumes of another lane than the archive's own, which has no number."""
        return self.volumes / f"lane-{number:06}"

    def volume_numbers(self) -> list[int]:
        """The numbers of the volumes of the archive's own lane on disk or stored; files with any other name are ignored."""
        return sorted({int(name[:6]) for name in _names(self.volumes, "*.s*") if _VOLUME.fullmatch(name)})

    def lane_numbers(self) -> list[int]:
        """The numbers of the other lanes of which there is a folder."""
        return sorted(int(found[1]) for name in _names(self.volumes, "lane-*") if (found := _LANE.fullmatch(name)))

    def volumes_of(self, lane: int) -> list[int]:
        """The numbers of the volumes of a lane on disk or stored; 0 is the archive's own."""
        if not lane:
            return self.volume_numbers()
        begin = f"{self.lane(lane).name}-"
        names = (name.removeprefix(begin) for name in _names(self.lane(lane), f"{begin}*.s*"))
        return sorted({lane * IN_LANE + int(name[:6]) for name in names if _VOLUME.fullmatch(name)})

    def all_volume_numbers(self) -> list[int]:
        """The numbers of all volumes on disk or stored: those of the archive's own lane, then those of each other one."""
        return [number for lane in (0, *self.lane_numbers()) for number in self.volumes_of(lane)]


def find(path: Path | None = None) -> Home:
    """The home of an existing archive. Raises ``HomeError``; touches nothing."""
    home = Home((path or default_home()).absolute())
    check(home)
    if not home.exists:
        raise HomeError(problems.NO_ARCHIVE(home=str(home.path)))
    return home


def find_or_create(path: Path | None = None) -> Home:
    """The home of an archive, created if missing. Raises ``HomeError`` before anything is touched."""
    home = Home((path or default_home()).absolute())
    check(home)
    if home.exists:
        return home
    if home.path.is_dir() and (strange := sorted(set(os.listdir(home.path)) - OURS - {"lost+found"})):
        raise HomeError(problems.HOLDS_ELSE(home=str(home.path), found=strange[0]))
    try:
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.path.stat().st_mode & 0o077:
            home.path.chmod(0o700)
        home.volumes.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise HomeError(problems.UNMADE(home=str(home.path), said=str(error.strerror))) from error
    return home


def check(home: Home) -> None:
    """Refuse a home that is no folder, foreign or unreadable. As root, become the owner of the home first."""
    try:
        status = home.path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise HomeError(problems.UNREAD(home=str(home.path), said=str(error.strerror))) from error
    if not home.path.is_dir():
        raise HomeError(problems.NO_FOLDER(home=str(home.path)))
    if status.st_uid != os.geteuid():
        if os.geteuid() != 0:
            raise HomeError(
                problems.FOREIGN(home=str(home.path), owner=_account(status.st_uid), account=_account(os.geteuid()))
            )
        _become(status.st_uid, status.st_gid)
        for place in PROGRAM:
            if not os.access(place, os.R_OK | os.X_OK):
                raise HomeError(problems.PROGRAM_UNREAD(home=str(home.path), owner=_account(status.st_uid), place=str(place)))
    # A read-only home can still be read, and an unreadable volume does not prevent reading the others.
    for path in (home.path, home.volumes):
        _check_access(path, os.R_OK | os.X_OK)
    _check_access(home.catalog, os.R_OK)


def _check_access(path: Path, mode: int) -> None:
    if path.exists() and not os.access(path, mode):
        raise HomeError(problems.NOT_READABLE(path=str(path), account=_account(os.geteuid())))


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the account with number {uid}"


def _become(uid: int, gid: int) -> None:
    """Continue as another account, for good: files written by root would be unreadable for their owner."""
    # The ledger names the account that began, which is lost by the change.
    started_by()
    guard.prepare()
    try:
        entry = pwd.getpwuid(uid)
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.environ["HOME"] = entry.pw_dir
        gid = entry.pw_gid
    except KeyError:
        os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
    # The change of account has reset the process's limits.
    guard.protect()


def _names(folder: Path, form: str) -> list[str]:
    """The names in a folder that match. Raises ``BusyError`` when this process may open no more files."""
    try:
        return [path.name for path in folder.glob(form)]
    except OSError as error:
        if (limit := files.limit_reached()) is not None:
            raise BusyError(TOO_MANY_FILES(file=folder.name, limit=limit)) from error
        raise
