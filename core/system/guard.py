"""Limits that a process of this program sets on itself before it reads or writes anything: it may hold passwords and mail.

``protect`` is called at the start of each process, since a new program begins without them, and again after a change of
account, with which the kernel decides anew. Only the standard library is imported, since every command waits for this.
"""

from __future__ import annotations

import os
import resource
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import Any

#: The umask for files and folders, whatever the shell's: for the owner only.
UMASK = 0o077
_PR_SET_DUMPABLE = 4
#: The variables passed on to independent processes. Any other may be the password of a profile (password_env), under any name,
#: so this is a list of allowed ones.
_KEPT = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR", "SQLITE_TMPDIR", "ARCHIVAR_HOME"),
        # Set by every shell.
        *("PWD", "OLDPWD", "SHLVL", "_"),
        *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"),
        *("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV"),
        # The places of the program, its libraries and trusted certificates, and name resolution.
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "OPENSSL_MODULES"),
        *("RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES", "MALLOC_ARENA_MAX"),
    )
)
#: Systemd's variables for the service, not passed on to its children.
SYSTEMD = (
    *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"),
    "CREDENTIALS_DIRECTORY",
)


def protect() -> None:
    """Forbid core dumps and looks by other processes of this account; make files for the owner only."""
    os.umask(UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _refuse_looks()
    sys.excepthook = _tell


def _refuse_looks() -> None:
    """Set PR_SET_DUMPABLE to 0 (prctl(2)): no core dump even to a collecting program, no ptrace, no /proc access.

    /proc would show the memory, and above all the environment. Systems without this call have no such /proc either.
    """
    if sys.platform == "linux":
        library().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def prepare() -> None:
    """Load what ``protect`` needs, before a change to an account that may not be able to read the program."""
    if sys.platform == "linux":
        library()


@cache
def library() -> Any:
    """The C library of this process."""
    import ctypes

    return ctypes.CDLL(None)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write the last words of a process that ends by a program error, without any known password."""
    from core.masking import masked

    lines = "".join(traceback.format_exception(kind, error, trace))
    os.write(2, masked(lines).encode("utf-8", "backslashreplace"))


def environment(**more: str) -> dict[str, str]:
    """The variables for a child process: those that it needs, and ``more``."""
    return {name: value for name, value in os.environ.items() if name in _KEPT} | more


def begin_anew(arguments: Sequence[str], variables: Mapping[str, str] = os.environ) -> None:
    """Restart this program with ``arguments`` and only the needed variables, if there are any others.

    The kernel shows the initial variables of a process for as long as it lives. Returns when there is nothing to drop.
    """
    kept = {name: value for name, value in variables.items() if name in _KEPT or name in SYSTEMD}
    if len(kept) != len(variables):
        os.execve(sys.executable, [sys.executable, *arguments], kept)
