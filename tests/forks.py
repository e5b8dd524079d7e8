"""Commands without the start of an interpreter each: forks of one process that has imported them all.

A third of the time of the integration tests was the start of Python and the import of the same modules, some thousand
times. A fork is a process of its own with its own environment, folder, umask, standard streams and exit code, and ends
as an interpreter ends. Not for commands at a terminal, or in another locale: those are started whole.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_HEADER = 8


def fits(environment: Mapping[str, str]) -> bool:
    """Whether a fork is what a process with this environment would be: the interpreter read none of it at its start."""
    own = any(key.startswith("PYTHON") and (key, value) != ("PYTHONPATH", str(ROOT)) for key, value in environment.items())
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    return not own and locale.upper().endswith(("UTF-8", "UTF8"))


class Forks:
    """The process that is forked. It ends with the process that made it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-c", "from tests import forks; forks.serve()", str(theirs.fileno())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        none = subprocess.DEVNULL
        self._server = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=none, stdout=none)
        theirs.close()
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._server.wait()

    def run(
        self, arguments: Sequence[str], env: Mapping[str, str], cwd: Path | str, seconds: float
    ) -> tuple[int, bytes, bytes]:
        """Run ``archivar`` with these arguments to its end: exit code (negative: the signal), stdout, stderr.

        Raises :class:`subprocess.TimeoutExpired` after ``seconds``; the command is killed then.
        """
        out, err, end = os.pipe(), os.pipe(), os.pipe()
        umask = os.umask(0)
        os.umask(umask)
        request = json.dumps({"arguments": list(arguments), "env": dict(env), "cwd": str(cwd), "umask": umask}).encode()
        given = array.array("i", [out[1], err[1], end[1]])
        self._socket.sendmsg([len(request).to_bytes(_HEADER)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, given)])
        self._socket.sendall(request)
        for pipe in (out, err, end):
            os.close(pipe[1])
        read = {pipe[0]: b"" for pipe in (out, err, end)}
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for descriptor in read:
                selector.register(descriptor, selectors.EVENT_READ)
            try:
                while selector.get_map():
                    if time.monotonic() > deadline:
                        _kill(read[end[0]])
                        raise subprocess.TimeoutExpired(["archivar", *arguments], seconds, read[out[0]], read[err[0]])
                    for key, _ in selector.select(1):
                        chunk = os.read(key.fd, 65536)
                        read[key.fd] += chunk
                        if not chunk:
                            selector.unregister(key.fd)
            finally:
                for descriptor in read:
                    os.close(descriptor)
        _, code = read[end[0]].split()
        return int(code), read[out[0]], read[err[0]]


_forks: Forks | None = None


def run(arguments: Sequence[str], env: Mapping[str, str], cwd: Path | str, seconds: float) -> tuple[int, bytes, bytes]:
    """Run a command as :meth:`Forks.run` does, with the one server of this process."""
    global _forks
    if _forks is None:
        _forks = Forks()
    return _forks.run(arguments, env, cwd, seconds)


def _kill(told: bytes) -> None:
    if told:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(told.split()[0]), signal.SIGKILL)


# -- in the process that is forked


def serve() -> None:
    """Import the commands, then fork for each request; returns in a fork that has become a command, or at the end."""
    from core.cli.main import MODULES

    for module in MODULES:
        import_module(f"core.cli.{module}")
    for module in ("core.archive.archive", "core.engine.run.run", "core.service.worker", "core.imap.session", "tui.__main__"):
        import_module(module)
    control = socket.socket(fileno=int(sys.argv[1]))
    wake, waker = socket.socketpair()
    for end in (wake, waker):
        end.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    children: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is wake:
                    with contextlib.suppress(BlockingIOError):
                        wake.recv(4096)
                    _reap(children)
                    continue
                request, descriptors = _received(control)
                if request is None:
                    return
                child = os.fork()
                if child == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for socket_ in (control, wake, waker):
                        socket_.close()
                    for descriptor in children.values():
                        os.close(descriptor)
                    _become(request, descriptors)
                    break
                out, err, end_ = descriptors
                os.close(out)
                os.close(err)
                os.write(end_, f"{child} ".encode())
                children[child] = end_
            else:
                continue
            break
    from tui.__main__ import main

    main()


def _received(control: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    head, descriptors, _, _ = socket.recv_fds(control, _HEADER, 3)
    if not head:
        return None, []
    length, data = int.from_bytes(head), b""
    while len(data) < length:
        data += control.recv(length - len(data))
    return json.loads(data), list(descriptors)


def _reap(children: dict[int, int]) -> None:
    """Tell the exit codes of all children that have ended."""
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        descriptor = children.pop(child)
        with contextlib.suppress(BrokenPipeError):
            os.write(descriptor, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(descriptor)


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Make a fork what a new process would be."""
    out, err, end = descriptors
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (out, err, end):
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    time.tzset()
    # As `python -m tui` has it: what is suggested to be called names the program by it.
    sys.orig_argv = [sys.executable, "-P", "-m", "tui", *request["arguments"]]
    sys.argv = [str(ROOT / "tui" / "__main__.py"), *request["arguments"]]
