"""The systemd unit that keeps the service of a home running: as its owner, with minimal rights. Text only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.archive.registry.clock import BOOT_CREDENTIAL
from core.errors import InputError
from core.problems.service import NO_UNIT
from core.text.format import safe
from core.values import dataclass

#: The administrator's own units are in this folder.
PLACE = Path("/etc/systemd/system/archivar.service")
#: Seconds without a sign of life after which systemd starts the service anew: waiting for the disk and for locks takes far
#: less.
WATCHDOG_SECONDS = 180
#: Folders that systemd can hide from a service.
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))

#: Rights that the service does without, whatever the home.
SANDBOX = (
    "PrivateDevices=yes",
    "DevicePolicy=closed",
    "PrivateMounts=yes",
    "# Nothing here asks who somebody else is: a unit that must know the accounts of its peers cannot have this.",
    "PrivateUsers=yes",
    "KeyringMode=private",
    "RemoveIPC=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "# What shows there no more, and is needed to know a clock that was set from a machine that was off.",
    f"LoadCredential={BOOT_CREDENTIAL}:/proc/sys/kernel/random/boot_id",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged",
    "# Refused, and not killed: where the home is root's, SQLite tries to give its files to their owner, and needs not.",
    "SystemCallErrorNumber=EPERM",
)


@dataclass(frozen=True, slots=True)
class Installation:
    """The facts of a unit. ``files``: other files that the service reads, such as the program itself and password files."""

    home: Path
    user: str
    group: str
    command: Sequence[str]
    python_path: str
    files: Sequence[Path]
    #: Folders outside the home that it writes to.
    written: Sequence[Path] = ()


def unit(installation: Installation) -> str:
    """The unit as text. Raises ``InputError`` for a path that a unit cannot contain."""
    home = installation.home
    read = [home, *installation.files, *installation.written]
    # Everything else under /home is at most readable then.
    protect_home = "read-only" if any_below(read, HOMES) else "yes"
    command = [*installation.command, "--home", str(home), "service", "run"]
    lines = [
        *_comment(installation),
        "",
        "[Unit]",
        "Description=Archivar, the mail archive",
        "Wants=network-online.target",
        "After=network-online.target",
        f"RequiresMountsFor={quoted(str(home))}",
        "",
        "[Service]",
        "Type=notify",
        exec_start(command),
        f"User={plain(installation.user)}",
        f"Group={plain(installation.group)}",
        *([f"Environment={quoted(f'PYTHONPATH={installation.python_path}')}"] if installation.python_path else []),
        "Restart=on-failure",
        "RestartSec=10",
        "# An archive that was restored or upgraded is brought up to date before the service is ready.",
        "TimeoutStartSec=30min",
        f"WatchdogSec={WATCHDOG_SECONDS}",
        "UMask=0077",
        "LimitCORE=0",
        "",
        *(f"ReadWritePaths={quoted(str(path))}" for path in (home, *installation.written)),
        "ProtectSystem=strict",
        f"ProtectHome={protect_home}",
        f"PrivateTmp={'no' if any_below(read, TEMPORARY) else 'yes'}",
        *SANDBOX,
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def exec_start(command: Iterable[str]) -> str:
    """The setting of the command."""
    return "ExecStart=" + " ".join(quoted(word).replace("$", "$$") for word in command)


def _comment(installation: Installation) -> list[str]:
    """Instructions for installing it."""
    home = _shellquoted(str(installation.home))
    lines = [
        f"Keeps the service of {visible(str(installation.home))} running. To install it, as root:",
        "",
        f"  archivar --home {home} service unit > {PLACE}",
        f"  archivar --home {home} service stop",
        "  systemctl daemon-reload",
        "  systemctl enable --now archivar",
        "",
        "Then: systemctl status archivar; journalctl -u archivar; log/service.log in the home.",
    ]
    if installation.user in ("root", "0"):
        lines += [
            "",
            "The home belongs to root. Better give the archive an account of its own first, then print this again:",
            "",
            "  useradd --system --user-group --no-create-home --shell /usr/sbin/nologin archivar",
            f"  archivar --home {home} service stop",
            f"  chown -R archivar:archivar {home}",
        ]
    return [f"# {line}".rstrip() for line in lines]


def any_below(paths: Iterable[Path], folders: Sequence[Path]) -> bool:
    """True when one of ``paths`` is one of ``folders`` or in it."""
    return any(path == folder or folder in path.parents for path in paths for folder in folders)


def quoted(text: str) -> str:
    """A quoted word of a unit file: blanks kept, specifiers and escapes neutralised."""
    text = visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if any(character in text for character in " '\"\\;") else text


def plain(name: str) -> str:
    """A word of a unit file that has no blanks."""
    return visible(name).replace("%", "%%")


def _shellquoted(text: str) -> str:
    return "'" + visible(text).replace("'", "'\\''") + "'"


def visible(text: str) -> str:
    """``text``, if all of it is visible and can be copied. Raises ``InputError``."""
    if safe(text, len(text) + 1) != text or not text.isprintable():
        raise InputError(NO_UNIT(text=repr(text)))
    return text
