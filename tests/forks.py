"""Processes of the program without the start of an interpreter each: forks of one process that has imported all of it.

A third of the time of the integration tests was the start of Python and the import of the same modules, some thousand
times. A fork is a process of its own with its own environment, folder, umask, session, standard streams, command line and
exit code, and ends as an interpreter ends. ``run`` is for commands; ``beside`` and ``detached`` stand for those of
``core.system.launch`` in the tests' own process and in every fork, so that services and their helpers are forks too;
``at_terminal`` and ``tests/terminal/pane.py`` give a fork a terminal. What is in another locale, or started whole by a test,
and all that it starts, goes the product's own way.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import termios
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import core
from core.cli.commands import COMMANDS, load
from core.system import launch, program
from tests.forking import Fork, Forks, end_as_interpreter, open_streams, reap, received, standing

__all__ = ["Fork", "Forks"]

ROOT = Path(__file__).resolve().parents[1]
#: The modules that are started as processes of their own.
MODULES = (
    *("core.service", "core.service.indexing", "core.service.verifying", "core.service.sealing"),
    "core.archive.store.preparing",
)
#: The console, and its stage for tests. Without Textual a fork is cheaper, so it is imported for the first of them.
CONSOLES = ("tui", "tests.terminal.staged")
#: What the program imports of others in the middle of its work.
_LATE = (
    *("importlib.readers", "importlib.resources.readers", "encodings.idna", "encodings.utf_8_sig", "typer._click.decorators"),
    *("cryptography.hazmat.primitives.ciphers.aead", "rich.cells"),
)
#: Room for the command line of a fork, which the kernel shows where that of the process it came from was.
_ROOM = 2_000
#: Descriptors from here on are used while those of a fork are put in their places.
_HIGH = 500


def fits(environment: Mapping[str, str]) -> bool:
    """True when a fork equals a process with this environment: the interpreter read none of it at its start."""
    own = any(key.startswith("PYTHON") and (key, value) != ("PYTHONPATH", str(ROOT)) for key, value in environment.items())
    return not own and _locale(environment).endswith(("UTF-8", "UTF8"))


def _locale(environment: Mapping[str, str]) -> str:
    return (environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or "").upper()


_forks: Forks | None = None


def _server() -> Forks:
    global _forks
    if _forks is None:
        _forks = _started()
    return _forks


def _started() -> Forks:
    """Start the process that is forked. It ends with this one."""
    name = f"archivar-forks-{os.getpid()}-{os.urandom(8).hex()}"
    life, theirs = socket.socketpair()
    command = [sys.executable, "-P", "-c", "from tests import forks; forks.serve()", str(theirs.fileno()), name]
    # Where the command lines of forks are written.
    command.append(" " * _ROOM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    none = subprocess.DEVNULL
    server = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=none, stdout=none)
    theirs.close()
    assert life.recv(1) == b"!", "the process to be forked did not start"

    def end() -> None:
        life.close()
        server.wait()

    atexit.register(end)
    return Forks(name)


def run(arguments: Sequence[str], env: Mapping[str, str], cwd: Path | str, seconds: float) -> tuple[int, bytes, bytes]:
    """Run ``archivar`` with these arguments to its end: exit code (negative: the signal), stdout, stderr.

    Raises :class:`subprocess.TimeoutExpired` after ``seconds``; the command is killed then.
    """
    out, err = os.pipe(), os.pipe()
    request = {"module": "tui", "words": list(arguments), "env": dict(env), "cwd": str(cwd), "session": False}
    pid, end = _server().ask(request, {1: out[1], 2: err[1]})
    fork = Fork(pid, end, None, None)
    os.close(out[1])
    os.close(err[1])
    read = {out[0]: b"", err[0]: b""}
    deadline = time.monotonic() + seconds
    try:
        with selectors.DefaultSelector() as selector:
            for descriptor in read:
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise subprocess.TimeoutExpired(["archivar", *arguments], seconds, read[out[0]], read[err[0]])
                for key, _ in ready:
                    chunk = os.read(key.fd, 65536)
                    read[key.fd] += chunk
                    if not chunk:
                        selector.unregister(key.fd)
        return fork.wait(max(0.0, deadline - time.monotonic())), read[out[0]], read[err[0]]
    except subprocess.TimeoutExpired:
        fork.kill()
        raise
    finally:
        for descriptor in read:
            os.close(descriptor)


# -- in place of what the product starts


_beside, _detached = launch.beside, launch.detached


def install() -> None:
    """Let what this process starts of the program be forks, where they are what the product would start."""
    launch.beside = beside  # type: ignore[assignment]
    launch.detached = detached


def uninstall() -> None:
    launch.beside, launch.detached = _beside, _detached


def _can_be(module: str, env: Mapping[str, str]) -> bool:
    strange = (key for key in env if key.startswith("PYTHON") and key not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"))
    paths = set(env.get("PYTHONPATH", str(ROOT)).split(os.pathsep)) - {str(ROOT)}
    locale = _locale(env)
    plain = not locale or locale.endswith(("UTF-8", "UTF8"))
    return module in MODULES and plain and not paths and not any(strange) and standing() == _server().standing


def beside(
    module: str,
    words: Sequence[str],
    *,
    by: Sequence[str] = (),
    stdin: int = subprocess.DEVNULL,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Fork | subprocess.Popen[bytes]:
    """``launch.beside``, as a fork; that it runs ``by`` another program is left out."""
    env = program.environment()
    if not _can_be(module, env):
        return _beside(module, words, by=by, stdin=stdin, stderr=stderr, pass_fds=pass_fds)
    null = os.open(os.devnull, os.O_RDWR)
    inner, outer = os.pipe() if stdin == subprocess.PIPE else (null, None)
    read, said = os.pipe() if stderr == subprocess.PIPE else (None, 2)
    try:
        files = {0: inner, 1: null, 2: said} | {one: one for one in pass_fds}
        pid, end = _server().ask(_request(module, words, env), files)
    finally:
        for descriptor in {null, inner, said} - {2}:
            os.close(descriptor)
    return Fork(pid, end, outer, read)


def detached(module: str, words: Sequence[str], log: Path) -> None:
    """``launch.detached``, as a fork."""
    env = program.environment()
    if not _can_be(module, env):
        return _detached(module, words, log)
    null, said = os.open(os.devnull, os.O_RDWR), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        _, end = _server().ask(_request(module, words, env), {0: null, 1: null, 2: said})
        os.close(end)
    finally:
        os.close(null)
        os.close(said)


def start(module: str, words: Sequence[str], env: Mapping[str, str]) -> Fork:
    """A module of the program as a fork without any streams, which its maker ends; nothing for an interpreter is in ``env``."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        pid, end = _server().ask(_request(module, words, plain(env)), {0: null, 1: null, 2: null})
    finally:
        os.close(null)
    return Fork(pid, end, None, None)


def at_terminal(
    module: str, words: Sequence[str], env: Mapping[str, str], cwd: Path | str, terminal: int, *, own: bool = True
) -> Fork:
    """A module of the program as a fork in a session of its own whose standard streams are the descriptor ``terminal``.

    ``own``: it is the terminal of the session, so that signals of keys and the hang-up come from it.
    """
    console = module != "tui" or not words or words[0] == "--home"
    request = {**_request(module, words, env), "cwd": str(cwd), "terminal": own, "console": console}
    pid, end = _server().ask(request, dict.fromkeys((0, 1, 2), terminal))
    return Fork(pid, end, None, None)


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what an interpreter would read of it at its start, but for where the program is."""
    return {key: value for key, value in environment.items() if not key.startswith("PYTHON")} | {"PYTHONPATH": str(ROOT)}


def name() -> str:
    """The name of the abstract socket at which the process that is forked is asked."""
    return _server().name


def _request(module: str, words: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    return {"module": module, "words": list(words), "env": dict(env), "cwd": "/", "session": True}


# -- in the process that is forked


def serve() -> None:
    """Import the program, then fork for each request; returns in a fork that has done its work, or at the end."""
    global _forks
    for found in pkgutil.walk_packages(core.__path__, "core."):
        if not found.name.endswith(".__main__"):
            import_module(found.name)
    for module in ("tui.__main__", *_LATE):
        import_module(module)
    for command in COMMANDS.values():
        # Made once for all forks: a tenth of the time of most commands.
        load(command.module)
    gc.collect()
    # So that a fork copies no page for looking whether anything in it can be freed.
    gc.freeze()
    _forks = Forks(sys.argv[2])
    asked = _wait(int(sys.argv[1]), f"\0{sys.argv[2]}")
    if asked is not None:
        end_as_interpreter(_become(*asked))


def _wait(life: int, address: str) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for each request. In a fork: the request and the descriptors for it; at the end: None."""
    wake, waker = socket.socketpair()
    for one in (wake, waker):
        one.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    children: dict[int, int] = {}
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(128)
        os.write(life, b"!")
        for file in (listener, life, wake):
            selector.register(file, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is wake:
                    with suppress(BlockingIOError):
                        wake.recv(4096)
                    reap(children)
                elif key.fileobj is life:
                    return None
                elif (asked := _answer(listener, children)) is not None:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for descriptor in (life, *children.values()):
                        os.close(descriptor)
                    for one in (wake, waker):
                        one.close()
                    return asked


def _answer(listener: socket.socket, children: dict[int, int]) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for a request; None in the remaining process, and for a requester killed in the middle of it."""
    connection, _ = listener.accept()
    with connection:
        asked, descriptors = received(connection)
        if asked is not None:
            if asked.get("console"):
                _import_console()
            child = os.fork()
            if child == 0:
                return asked, descriptors
            children[child] = os.dup(descriptors[0])
            with suppress(OSError):
                connection.sendall(str(child).encode())
    for descriptor in descriptors:
        os.close(descriptor)
    return None


@cache
def _import_console() -> None:
    """Import what the console consists of, with the settings that it makes before it imports Textual."""
    from tui.app import SETTINGS

    os.environ.update(SETTINGS)
    for package in ("tui", "themes"):
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not found.name.endswith(".__main__"):
                import_module(found.name)
    import_module("tests.terminal.staged")
    gc.collect()
    gc.freeze()


def _become(request: dict[str, Any], descriptors: list[int]) -> Callable[[], object]:
    """Make a fork what a new process would be; what it then does."""
    end, *given = descriptors
    os.close(end)
    for number, descriptor in enumerate(given):
        fcntl.fcntl(descriptor, fcntl.F_DUPFD, _HIGH + number)
        os.close(descriptor)
    for number, place in enumerate(request["files"]):
        os.dup2(_HIGH + number, place)
        os.close(_HIGH + number)
    if request["session"]:
        os.setsid()
    if request.get("terminal"):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if os.isatty(1):
        open_streams()
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    time.tzset()
    module, words = request["module"], request["words"]
    # As `python -m tui` has it: what is suggested to be called names the program by it.
    sys.orig_argv = [sys.executable, "-P", "-m", module, *words]
    sys.argv = [str(ROOT / module.replace(".", "/") / "__main__.py"), *words]
    _show(sys.orig_argv)
    install()
    if module == "tui":
        from tui.__main__ import main

        return main
    return lambda: _run(module)


def _run(module: str) -> None:
    with warnings.catch_warnings():
        # Some of them are imported by others, which a new interpreter would only do later.
        warnings.simplefilter("ignore", RuntimeWarning)
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def _show(words: Sequence[str]) -> None:
    """Let the kernel show another command line for this process."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    line = b"\0".join(os.fsencode(word) for word in words)[: end - start - 1]
    ctypes.memmove(start, line.ljust(end - start, b"\0"), end - start)
