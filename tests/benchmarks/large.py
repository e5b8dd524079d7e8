"""One message of 500 MB in each of the forms that a large message takes, and the memory that each command takes for it.

``python -m tests.benchmarks.large --megabytes 500`` measures these alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.search.index_row import Lack
from core.archive.search.search_index import Index
from core.archive.transfer.export import ExportFormat
from core.config import find
from core.text.format import size
from tests import homes
from tests.benchmarks.console import Row, row
from tui.desk.desk import open_desk

MEGABYTES = 500
MOST = 250 * 1000 * 1000
#: Random bytes that are made anew for each part of a volume: equal parts would be kept once.
PIECE = 3 * 1024 * 1024


def _pieces(length: int) -> Iterator[bytes]:
    return (os.urandom(min(PIECE, length - at)) for at in range(0, length, PIECE))


def _base64(length: int) -> bytes:
    return b"".join(base64.encodebytes(piece) for piece in _pieces(length * 3 // 4))


def _quoted(length: int) -> bytes:
    return b"".join(piece.hex("=").encode().join((b"=", b"=\n")) for piece in _pieces(length // 3))


def _in_one_line(length: int) -> bytes:
    return b"".join(piece.translate(None, b"\r\n\0") for piece in _pieces(length))


def _uuencoded(length: int) -> bytes:
    lines = (piece[at : at + 45] for piece in _pieces(length * 45 // 62) for at in range(0, len(piece), 45))
    return b"A film:\n\nbegin 644 film.mov\n" + b"".join(map(binascii.b2a_uu, lines)) + b"`\nend\nSo long.\n"


def _words(length: int) -> bytes:
    return b"".join(base64.b64encode(piece).replace(b"+", b" ").replace(b"/", b"\n") for piece in _pieces(length * 3 // 4))


def _attached(encoding: str, body: bytes, subject: str = "large") -> bytes:
    head = f"From: a@example.test\nSubject: {subject}\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nText\n"
    part = f"--b\nContent-Type: video/mp4; name=film.mp4\nContent-Transfer-Encoding: {encoding}\n\n"
    return b"".join((head.encode(), part.encode(), body, b"\n--b--\n"))


def _text(body: bytes) -> bytes:
    return b"From: a@example.test\nSubject: large\nContent-Type: text/plain; charset=utf-8\n\n" + body


def _nested(length: int) -> bytes:
    inner = _attached("base64", _base64(length), "inner")
    return b"From: a@example.test\nSubject: outer\nContent-Type: message/rfc822\n\n" + inner


FORMS: Mapping[str, Callable[[int], bytes]] = {
    "base64": lambda length: _attached("base64", _base64(length)),
    "quoted-printable": lambda length: _attached("quoted-printable", _quoted(length)),
    "8 bit in one line": lambda length: _text(_in_one_line(length)),
    "uuencode in the text": lambda length: _text(_uuencoded(length)),
    "a message in a message": _nested,
    "text": lambda length: _text(_words(length)),
}


def measure(folder: Path, megabytes: int = MEGABYTES, forms: Collection[str] = FORMS) -> Iterator[Row]:
    """All rows: the most memory of each command and its processes, for each form."""
    folder.mkdir(exist_ok=True)
    for form in forms:
        home, file = folder / form.replace(" ", "-"), folder / "large.eml"
        _run("fill", str(home), str(file), form, str(megabytes))
        for what, arguments in _commands(home, file, folder / "out"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            peak = _run(*arguments)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            name = f"{what}, one message of {megabytes} MB: {form}"
            own = file.stat().st_size if what == "import" else 0
            bar = f"under {size(MOST)}{' beside its own' if own else ''}"
            yield row(name, size(peak), bar, peak < MOST + own, f"{seconds:.1f} s of processor time")
            shutil.rmtree(folder / "out", ignore_errors=True)
        shutil.rmtree(home)


def _commands(home: Path, file: Path, out: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "import", ("tui", "--home", str(home), "import", str(file), "--user", "alice")
    yield "index", ("index", str(home))
    yield "show", ("tui", "--home", str(home), "show", "1")
    yield "show --raw", ("tui", "--home", str(home), "show", "1", "--raw")
    for form in ExportFormat:
        yield f"export {form}", ("tui", "--home", str(home), "export", "--format", form, str(out))
    yield "verify", ("tui", "--home", str(home), "verify")
    yield "console: text, source, attachments", ("desk", str(home), str(out))


def _run(module: str, *arguments: str) -> int:
    """Run a module of the product, or a command of this one; the most bytes in memory of it and its children together."""
    own = ("tests.benchmarks.large", "--do", module) if module in _OWN else (module,)
    command = (sys.executable, "-m", *own, *arguments)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        most = 0
        while process.poll() is None:
            most = max(most, _tree(process.pid))
            time.sleep(0.005)
    assert process.returncode == 0, (module, arguments, process.returncode)
    return most


def _tree(pid: int) -> int:
    """The sum of the most bytes that each process of a tree has had in memory."""
    found = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                found = int(line.split()[1]) * 1024
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += sum(_tree(int(child)) for child in children.read_text(encoding="ascii").split() if _is_itself(pid, child))
    except OSError:
        # It has just ended.
        return found
    return found


def _is_itself(parent: int, child: str) -> bool:
    """False for a child that runs no program of its own yet: it counts the memory of its parent as its own."""
    return _command(parent) != _command(child)


def _command(pid: int | str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


# In a process of its own ---------------------------------------------------------------------------------------------------


async def _fill(home: str, file: str, form: str, megabytes: str) -> None:
    await (await homes.begin(Path(home))).close()
    Path(file).write_bytes(FORMS[form](int(megabytes) * 1_000_000))


async def _index(home: str) -> None:
    archive = await Archive.open(find(Path(home)), follow=False)
    index = await Index.open(archive)
    assert await index.step() == 1
    assert (await index.problems())[:1] == [] or (await index.problems())[0].lack is Lack.PARTLY
    await index.close()
    await archive.close()


async def _desk(home: str, out: str) -> None:
    Path(out).mkdir()
    desk = await open_desk(Path(home))
    view = await desk.mail.message(1)
    lines = await desk.mail.source(1, 80)
    sys.stdout.write(lines[len(lines) // 2])
    for one in view.attachments:
        await desk.mail.save_attachment(1, one.index, out)
    await desk.close()


_OWN: Mapping[str, Callable[..., Coroutine[Any, Any, None]]] = {"fill": _fill, "index": _index, "desk": _desk}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    parser.add_argument("--form", choices=FORMS, action="append", help="one of the forms; all without it")
    parser.add_argument("--do", choices=_OWN, help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        asyncio.run(_OWN[options.do](*options.words))
        return
    with tempfile.TemporaryDirectory(prefix="archivar-large-") as folder:
        for one in measure(Path(folder), options.megabytes, options.form or FORMS):
            sys.stdout.write(" | ".join(one) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
