"""The first process in a pane: has a module of the program forked, which gets this terminal for its own.

``pane.py NAME MODULE WORD ...``. At the abstract socket NAME the process listens that is forked (``tests.forks``). When
the fork has ended, its exit code is shown and the pane stays, so that what the program leaves behind can be seen. Run
without site packages, since each interpreter that imports the program takes a second of processor time.
"""

import array
import fcntl
import json
import os
import signal
import socket
import sys
import termios


def main(name: str, module: str, *words: str) -> None:
    # The terminal goes to the session of the fork; this one, its first, is told that it loses it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    fcntl.ioctl(0, termios.TIOCNOTTY)
    code = _forked(name, module, words)
    # As a shell tells of a process that was killed.
    os.write(1, f"exit code {code if code >= 0 else 128 - code}\n".encode())
    os.execvp("cat", ["cat"])


def _forked(name: str, module: str, words: tuple[str, ...]) -> int:
    """Its exit code, or the signal that ended it as a negative number."""
    request = {"module": module, "words": words, "env": dict(os.environ), "cwd": os.getcwd(), "umask": _umask()}
    data = json.dumps({**request, "session": True, "terminal": True, "console": True, "files": [0, 1, 2]}).encode()
    end, theirs = os.pipe()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{name}")
        given = array.array("i", [theirs, 0, 1, 2])
        connection.sendmsg([len(data).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, given)])
        connection.sendall(data)
        connection.recv(32)
    os.close(theirs)
    said = b""
    while chunk := os.read(end, 64):
        said += chunk
    return int(said or -signal.SIGKILL)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


if __name__ == "__main__":
    main(*sys.argv[1:])
