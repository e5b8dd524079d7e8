"""An S3 server for tests: moto's, on a free port of this machine, and a front before it that fails as it is told to.

moto is a stand-in. It keeps objects in memory, and does what is asked of it: conditional puts, ranges, listings. It checks no
signature, no right, no clock and no region; what a server answers then, the front answers in its place, with the codes of the
Amazon S3 API.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

HOST = "127.0.0.1"
BUCKET = "archive-of-mail"
#: Whoever signs, however wrongly, is no stranger to moto.
_CREDENTIAL = "Credential=test/20260101/us-east-1/s3/aws4_request"
_SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 {_CREDENTIAL}, SignedHeaders=host, Signature=0"}


@dataclass(slots=True)
class Moods:
    """The behaviour of the front. ``refuse``: status and code of the answer, None to pass requests on.

    ``only``: the methods that are meant; ``below``: a part of the addresses that are; ``times``: how often, None for always;
    ``forgetful``: conditions of puts are forgotten; ``joining``: false, those of objects
    put together from parts; ``change``: makes other bytes of what is put; ``dropped``: every connection is closed without an
    answer; ``lost``: methods of which so many answers are lost on the way; ``cut``: bytes that are taken until the line is
    cut, for each request from then on; ``cut_answer``: bytes of the next answer's content, after which it is cut.
    """

    refuse: tuple[int, str] | None = None
    only: tuple[str, ...] = ()
    below: str = ""
    times: int | None = None
    change: Callable[[bytes], bytes] | None = None
    dropped: bool = False
    forgetful: bool = False
    joining: bool = True
    lost: dict[str, int] = field(default_factory=dict)
    cut: int | None = None
    cut_answer: int | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    #: Bytes of content that were taken.
    taken: int = 0

    def calm(self) -> None:
        """Be what a server should be."""
        self.refuse, self.only, self.change, self.dropped, self.forgetful, self.joining = None, (), None, False, False, True
        self.below, self.times = "", None
        self.lost, self.cut, self.cut_answer, self.taken = {}, None, None, 0
        self.requests.clear()


@dataclass(frozen=True, slots=True)
class BucketServer:
    """A running server with one bucket: ``direct`` is its own address, ``endpoint`` that of the front, ``pid`` its process."""

    endpoint: str
    direct: str
    moods: Moods
    pid: int

    def objects(self) -> list[str]:
        """The keys in the bucket."""
        found = httpx.get(f"{self.direct}/{BUCKET}?list-type=2", headers=_SIGNED).text
        return re.findall(r"<Key>([^<]+)</Key>", found)

    def content(self, key: str) -> bytes:
        return httpx.get(f"{self.direct}/{BUCKET}/{key}", headers=_SIGNED).content

    def put(self, key: str, content: bytes) -> None:
        """Replace an object behind everybody's back."""
        httpx.put(f"{self.direct}/{BUCKET}/{key}", content=content, headers=_SIGNED).raise_for_status()

    def make_locking(self, name: str) -> None:
        """Make another bucket, of which objects can be locked."""
        locking = {"x-amz-bucket-object-lock-enabled": "true"}
        httpx.put(f"{self.direct}/{name}", headers={**_SIGNED, **locking}).raise_for_status()

    def locked(self, name: str, key: str) -> tuple[str, str]:
        """The mode of an object's lock, and the time until which it holds; empty texts without one."""
        found = httpx.head(f"{self.direct}/{name}/{key}", headers=_SIGNED).headers
        return found.get("x-amz-object-lock-mode", ""), found.get("x-amz-object-lock-retain-until-date", "")

    def encryption(self, key: str) -> str:
        """The encryption that an object was put with; empty without one."""
        found = httpx.head(f"{self.direct}/{BUCKET}/{key}", headers=_SIGNED).headers
        return str(found.get("x-amz-server-side-encryption", ""))

    @contextmanager
    def behind_tls(self, tls: ssl.SSLContext) -> Iterator[str]:
        """Context of another address of the server, which speaks TLS."""
        with _front(self.direct, self.moods, tls) as endpoint:
            yield endpoint

    def delete(self, key: str) -> None:
        httpx.delete(f"{self.direct}/{BUCKET}/{key}", headers=_SIGNED).raise_for_status()


def _client() -> httpx.Client:
    """A client for this machine: no certificates are read, which took longer than most requests, and no proxy is asked.

    Each request has a connection of its own: the server may have closed an older one.
    """
    return httpx.Client(timeout=60, verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    """Context of a server, which is ended with it."""
    port = _free_port()
    environment = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
    program = [str(Path(sys.executable).with_name("moto_server")), "-H", HOST, "-p", str(port)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    direct = f"http://{HOST}:{port}"
    try:
        _wait_for(direct)
        httpx.put(f"{direct}/{BUCKET}", headers=_SIGNED).raise_for_status()
        moods = Moods()
        with _front(direct, moods) as endpoint:
            yield BucketServer(endpoint, direct, moods, process.pid)
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{address}/moto-api/", timeout=5)
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def _front(direct: str, moods: Moods, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    client = _client()
    server = ThreadingHTTPServer((HOST, 0), _handler(client, direct, moods))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls is not None else ''}://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        client.close()


def _handler(client: httpx.Client, direct: str, moods: Moods) -> type[BaseHTTPRequestHandler]:
    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):
                super().handle_one_request()

        def _pass_on(self) -> None:
            moods.requests.append((self.command, self.path))
            body = self._body()
            if body is None or moods.dropped:
                self.close_connection = True
                return
            meant = (not moods.only or self.command in moods.only) and moods.below in self.path and moods.times != 0
            if moods.refuse is not None and meant:
                moods.times = moods.times - 1 if moods.times is not None else None
                self._refuse(*moods.refuse)
                return
            headers = {name: text for name, text in self.headers.items() if name.lower() not in ("host", "connection")}
            if self.command == "PUT" and moods.change is not None:
                body = moods.change(body)
                headers = {name: text for name, text in headers.items() if "checksum" not in name.lower()}
                headers["Content-Length"] = str(len(body))
            if moods.forgetful or (self.command == "POST" and not moods.joining):
                headers = {name: text for name, text in headers.items() if name.lower() != "if-none-match"}
            answer = client.request(self.command, f"{direct}{self.path}", headers=headers, content=body)
            if moods.lost.get(self.command, 0):
                moods.lost[self.command] -= 1
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name, text in answer.headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                    self.send_header(name, text)
            length = answer.headers.get("Content-Length") if self.command == "HEAD" else str(len(answer.content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            content = answer.content if self.command != "HEAD" else b""
            if moods.cut_answer is not None and content:
                content, moods.cut_answer, self.close_connection = content[: moods.cut_answer], None, True
            self.wfile.write(content)

        def _body(self) -> bytes | None:
            """The content of a request; None when the line is cut."""
            length, pieces = int(self.headers.get("Content-Length") or 0), []
            while length:
                piece = self.rfile.read(min(length, 65536))
                if not piece or (moods.cut is not None and moods.taken >= moods.cut):
                    return None
                pieces.append(piece)
                moods.taken += len(piece)
                length -= len(piece)
            return b"".join(pieces)

        def _refuse(self, status: int, code: str) -> None:
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>So it is.</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on

    return Front
