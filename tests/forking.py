"""Forks: seen by their maker, asked for, with their streams and their end."""

from __future__ import annotations

import array
import atexit
import gc
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

HEADER = 8
#: What a fork has from the process it came from and not from the one that asked for it: both must have the same.
_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)


class Fork:
    """One process, with as much of ``subprocess.Popen`` as the product and the tests use."""

    def __init__(self, pid: int, end: int, stdin: int | None, stderr: int | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = end
        self._said = b""
        self._pipes = {"in": stdin, "err": stderr}

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(["fork", str(self.pid)], timeout or 0)
        return code

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def communicate(self) -> tuple[None, bytes]:
        """Close its input and wait for its end; its last words."""
        self._close("in")
        said = b""
        if (pipe := self._pipes["err"]) is not None:
            while chunk := os.read(pipe, 65536):
                said += chunk
        self._close("err")
        self.wait()
        return None, said

    def _look(self, timeout: float | None) -> int | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            if self.returncode is None:
                selector.register(self._end, selectors.EVENT_READ)
            while self.returncode is None:
                if not selector.select(None if deadline is None else max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(self._end, 64)
                self._said += chunk
                # The end of the file says nothing: a later fork that was stopped at its very start may still have the pipe.
                if self._said.endswith(b"\n"):
                    self.returncode = int(self._said)
                elif not chunk:
                    # Without a code the process from which all are forked is gone, and so are they.
                    self.returncode = -signal.SIGKILL
        return self.returncode

    def _close(self, name: str) -> None:
        pipe, self._pipes[name] = self._pipes[name], None
        if pipe is not None:
            os.close(pipe)

    def __del__(self) -> None:
        os.close(self._end)
        for name in self._pipes:
            self._close(name)


class Forks:
    """The process that is forked, as it is seen by others: it listens at the abstract socket ``name``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.standing = standing()

    def ask(self, request: Mapping[str, Any], files: Mapping[int, int]) -> tuple[int, int]:
        """Fork; ``files`` are the descriptors that it shall have, and ours for them. Its process and a pipe with its end.

        Raises ``OSError``.
        """
        umask = os.umask(0)
        os.umask(umask)
        end, theirs = os.pipe()
        data = json.dumps({**request, "umask": umask, "files": [*files]}).encode()
        given = array.array("i", [theirs, *files.values()])
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(f"\0{self.name}")
                connection.sendmsg([len(data).to_bytes(HEADER)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, given)])
                connection.sendall(data)
                pid = int(connection.recv(32) or 0)
        except BaseException:
            os.close(end)
            raise
        finally:
            os.close(theirs)
        if not pid:
            os.close(end)
            raise ConnectionError("the process to be forked is gone")
        return pid, end


def standing() -> tuple[Any, ...]:
    return os.geteuid(), *map(resource.getrlimit, _LIMITS)


# -- in the process that is forked


def received(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The request, if all of it came, and its descriptors."""
    try:
        head, descriptors, _, _ = socket.recv_fds(connection, HEADER, 64)
    except OSError:
        return None, []
    length, data = int.from_bytes(head), b""
    with suppress(OSError):
        while len(data) < length and (chunk := connection.recv(length - len(data))):
            data += chunk
    return (json.loads(data) if data and len(data) == length else None), list(descriptors)


def reap(children: dict[int, int]) -> None:
    """Tell the exit codes of all children that have ended."""
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        descriptor = children.pop(child)
        with suppress(BrokenPipeError):
            os.write(descriptor, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(descriptor)


def open_streams() -> None:
    """Make the standard streams anew, as an interpreter does: they keep what they learnt of the file that was there before."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        made = open(number, "w" if number else "r", -1, old.encoding, old.errors, "\n" if number else None, closefd=False)  # noqa: SIM115
        made.reconfigure(line_buffering=number == 2 or made.isatty())
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)


def end_as_interpreter(work: Callable[[], object]) -> None:
    """Do the work of a fork, and what an interpreter does at its end but for taking its modules apart, of which each fork
    would have to copy the pages. An error, and output that cannot be written, are left to the interpreter."""
    code: object = 0
    try:
        work()
    except SystemExit as end:
        code = 0 if end.code is None else end.code
    if not isinstance(code, int):
        raise SystemExit(code)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        raise SystemExit(code) from None
    os._exit(code & 0xFF)
