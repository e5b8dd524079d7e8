"""The systemd unit that keeps a worker running on another machine, with minimal rights. Text only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.service import unit
from core.values import dataclass

#: The administrator's own units are in this folder.
PLACE = Path("/etc/systemd/system/archivar-worker.service")
#: The worker's folder, if none is named: systemd makes it for the worker's account.
STATE = Path("/var/lib/archivar-worker")


@dataclass(frozen=True, slots=True)
class WorkerInstallation:
    """The facts of a worker's unit. ``program``: the command and its path for Python; ``words``: of the worker.

    ``key``: a file that is read; ``state``: its own folder; ``place``: that which it delivers to, if it is a folder.
    """

    user: str
    program: tuple[Sequence[str], str]
    words: Sequence[str]
    key: Path
    state: Path
    place: Path | None


def worker_unit(installation: WorkerInstallation) -> str:
    """The unit as text. Raises ``InputError`` for a path that a unit cannot contain."""
    command, python_path = installation.program
    written = [path for path in (installation.state, installation.place) if path is not None]
    named = [installation.key, Path(command[0]), *written]
    own = installation.state != STATE
    lines = [
        "# Keeps a worker of an archive running. To install it, as root: print this to",
        f"# {PLACE}, then",
        "#",
        "#   systemctl daemon-reload",
        "#   systemctl enable --now archivar-worker",
        "#",
        f"# The account {unit.plain(installation.user)} must be able to read {unit.visible(str(installation.key))},",
        "# and has the password of the database in its ~/.pgpass (mode 0600). An account for it:",
        "#",
        "#   useradd --system --user-group --create-home --home-dir /var/lib/archivar-account archivar-worker",
        "",
        "[Unit]",
        "Description=Worker of Archivar, the mail archive",
        "Wants=network-online.target",
        "After=network-online.target",
        "# A database that does not answer yet, or a service that is newer, is tried again for ever.",
        "StartLimitIntervalSec=0",
        *(f"RequiresMountsFor={unit.quoted(str(path))}" for path in written),
        "",
        "[Service]",
        "Type=exec",
        unit.exec_start([*command, *installation.words]),
        f"User={unit.plain(installation.user)}",
        *([f"Environment={unit.quoted(f'PYTHONPATH={python_path}')}"] if python_path else []),
        "Restart=always",
        "RestartSec=30",
        "# What was written last is delivered when it is stopped.",
        "TimeoutStopSec=60",
        "UMask=0077",
        "LimitCORE=0",
        "",
        *([] if own else [f"StateDirectory={STATE.name}", "StateDirectoryMode=0700"]),
        *(f"ReadWritePaths={unit.quoted(str(path))}" for path in written if own or path != STATE),
        "ProtectSystem=strict",
        "# The password of the database lies in a home folder.",
        "ProtectHome=read-only",
        f"PrivateTmp={'no' if unit.any_below(named, unit.TEMPORARY) else 'yes'}",
        *unit.SANDBOX,
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"
