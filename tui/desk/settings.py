"""Settings, and the state of the archive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core import files
from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import damage, last_verification
from core.archive.proof.last_verification import LastVerification
from core.archive.registry import saved_settings, storage_state
from core.archive.store import space
from core.archive.store.space import DiskUse
from core.archive.transfer import exposures
from core.errors import InputError, StorageError
from core.model import now
from core.problems.console import KEYMAP_THERE
from core.problems.disk import UNWRITTEN
from core.service.lock import is_running
from core.service.queue import Queue
from core.storage import configuration
from core.text import format as texts
from tui.desk import face, present
from tui.desk.present import Safe
from tui.desk.proof.proof import last_sentence
from tui.desk.refusals import translated

#: Settings that a home without a storage has no use for.
_OF_STORAGE = ("storage_cache", "storage_bound")
#: Those that have their lines on the page of backups.
OF_BACKUPS = ("backup_to", "backup_every", "backup_keep")


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting: ``value`` as it can be typed, ``what`` its purpose, also in ``few`` words, ``allowed`` values in words."""

    name: str
    label: Safe
    value: Safe
    what: Safe
    few: Safe
    allowed: Safe


@dataclass(frozen=True, slots=True)
class SettingsView:
    """All settings, and ``facts`` about the archive: labels with sentences.

    ``warnings`` are the labels of those that are warnings.
    """

    rows: tuple[SettingRow, ...]
    facts: tuple[tuple[Safe, Safe], ...]
    warnings: frozenset[Safe]
    service_running: bool
    has_keymap: bool

    def value(self, name: str) -> str:
        """The value of a setting."""
        return next(row.value for row in self.rows if row.name == name)


def setting_rows(values: Mapping[str, str], names: Iterable[str]) -> tuple[SettingRow, ...]:
    """The rows of those of the named settings that have a line; ``values`` as ``settings.shown`` gives them."""
    described = ((name, settings.DESCRIBED[name]) for name in names)
    return tuple(
        SettingRow(
            name,
            present.sentence(one.line[0]),
            present.text(values[name]),
            present.sentence(one.what),
            present.sentence(one.line[1]),
            present.sentence(one.allowed),
        )
        for name, one in described
        if one.line is not None
    )


class SettingsDesk:
    """Settings, and the state of the archive. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._home = archive.home
        self._queue = Queue(archive.database)

    async def view(self) -> SettingsView:
        """All settings and facts."""
        with translated():
            values = settings.shown(await settings.read(self._archive.database))
            use = await asyncio.to_thread(space.use, self._home)
            verified = await last_verification.last(self._archive)
            damaged = (await damage.count(self._archive))[0]
            running = is_running(self._home)
            service = await self._service(running)
            log = self._home.log
            volumes = len(self._home.all_volume_numbers())
            storage = await self._storage()
            open_to_others = [face.told(one.reason) for one in await exposures.look(self._archive)]
        sealed = "; the last one is written to, the others are sealed" if volumes > 1 else ""
        access = {"Access": present.text(" ".join(open_to_others), 600)} if open_to_others else {}
        facts = {
            "Home": present.text(str(self._home.path)),
            **access,
            "Disk": f"{texts.size(use.used)}: {_parts(use)}",
            "Free": use.sentence(),
            "Volumes": f"{texts.number(volumes)}, {texts.size(use.volumes)}{sealed}",
            **storage,
            "Verified": _verified(verified, damaged),
            "Service": service,
            "Log": present.text(str(log)) if log.exists() else f"{present.text(str(log))} (none yet)",
            "Keymap": present.text(str(self._home.keymap))
            if self._home.keymap.exists()
            else "none; K writes one, to change keys",
        }
        wrong = (("Free", use.low), ("Verified", bool(damaged)), ("Access", bool(open_to_others)))
        warnings = {name for name, is_wrong in wrong if is_wrong}
        left_out = OF_BACKUPS if storage else (*OF_BACKUPS, *_OF_STORAGE)
        return SettingsView(
            setting_rows(values, [name for name in settings.DESCRIBED if name not in left_out]),
            present.named(facts.items()),
            frozenset(present.sentences(warnings)),
            running,
            self._home.keymap.exists(),
        )

    async def _storage(self) -> dict[str, Safe]:
        """The fact about the storage; none without one."""
        place, found = configuration.read(self._home), await storage_state.known_backlog(self._home, self._archive.database)
        if place is None or found is None:
            return {}
        waiting = (
            f"; {texts.counted(found.volumes, 'volume')} ({texts.size(found.bytes)}) not there yet" if found.volumes else ""
        )
        return {"Storage": present.text(f"{place.where}{waiting}")}

    async def _service(self, running: bool) -> str:
        known = await self._queue.service()
        if running and known:
            return f"running since {texts.when(known[1], now())}, process {known[0]}"
        return "running" if running else "not running; a run starts it"

    async def change(self, name: str, text: str) -> None:
        """Change a setting."""
        with translated():
            await saved_settings.change(self._archive, name, text, actor="console")

    async def write_keymap(self, text: str) -> Safe:
        """Write a keymap file, if there is none; its path, safe to show."""
        path = self._home.keymap
        with translated():
            try:
                files.create(path, text.encode())
            except FileExistsError:
                raise InputError(KEYMAP_THERE(file=path.name)) from None
            except OSError as error:
                raise StorageError(UNWRITTEN(path=str(path), said=str(error.strerror))) from error
        return present.text(str(path))


def _parts(use: DiskUse) -> str:
    return ", ".join(f"{name} {texts.size(size)}" for name, size in use.kinds if size)


def _verified(last: LastVerification | None, damaged: int) -> str:
    if last is None and not damaged:
        return "never; p leads to it"
    state, sentence = last_sentence(last, damaged, now())
    first = f": {present.text(last.first[0])}" if damaged and last is not None and last.first else ""
    return f"{state}, {sentence}{first}"
