"""A stand-in for Kerio Connect's administration API: JSON-RPC over HTTPS with an unknown certificate.

Confirmed by public sources, and held to here: the path, the content types, ``Session.login`` with ``userName``, ``password``
and ``application``; the token in the header ``X-Token`` and in the body, beside cookies; lists with ``query`` (``start``,
``limit``, ``orderBy``) and ``totalItems``; that ``emailAddresses`` does not hold the default address; error codes, and ``%1``
in texts with ``messageParameters.positionalParameters``; the names of the options that a doctor reads, but for a service's
``connectionLimit``.

Assumed: that a missing cookie or token is answered like an expired session (-32001), and the words of the errors.
"""

from __future__ import annotations

import json
import secrets
import ssl
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

HOST = "127.0.0.1"
ADMIN = "admin"
PASSWORD = "geheim admin"

Found = dict[str, Any]


def user(number: int, login: str, domain: str = "d1", **more: Any) -> Found:
    """A user as the API gives it."""
    value = {
        "id": f"keriodb://user/{number:08x}",
        "loginName": login,
        "fullName": f"{login.capitalize()} Person",
        "emailAddresses": [],
        "isEnabled": True,
        "itemSource": "DSInternalSource",
        "userGroups": [],
        "emailForwarding": {"mode": "UForwardNone", "emailAddresses": []},
        "domainId": domain,
    }
    return {**value, **more}


def staff(count: int = 1200) -> list[Found]:
    """People of two domains, every third with an alias of their own; enumerations as words and as numbers."""
    found = []
    for number in range(count):
        domain = "d1" if number % 4 else "d2"
        more: Found = {"emailAddresses": [f"alias{number}"]} if number % 3 == 0 else {}
        if number % 2:
            more |= {"itemSource": 0, "isEnabled": 1, "emailForwarding": {"mode": 0, "emailAddresses": []}}
        found.append(user(number, f"user{number:04}", domain, **more))
    return found


def clean_out(**days: int) -> Found:
    """Rules by which a domain deletes old items: none, but for these folders after so many days."""
    kinds = ("deletedItems", "junkEmail", "sentItems", "autoDelete")
    return {kind: {"isEnabled": kind in days, "days": days.get(kind, 30)} for kind in kinds}


def domain(id: str, name: str, *aliases: str, **more: Any) -> Found:
    """A domain as the API gives it."""
    return {"id": id, "name": name, "aliasList": list(aliases), "cleanOutItems": clean_out(), **more}


@dataclass
class Behaviour:
    """The server's data and behaviour. ``expire_after``: the session ends after so many calls, once."""

    users: list[Found] = field(default_factory=list)
    domains: list[Found] = field(
        default_factory=lambda: [
            domain("d1", "example.test", "example.example", isPrimary=True),
            domain("d2", "second.test", isPrimary=False),
        ]
    )
    expire_after: int | None = None
    expire_always: bool = False
    errors: dict[str, Found] = field(default_factory=dict)
    short_pages: int | None = None  # Users.get gives nothing from this item on, whatever totalItems is
    growing: int = 0  # so many times the list has grown by one when it is asked for the next page
    shrinking: int = 0  # so many times its first one has gone when it is asked for the next page
    broken: bytes | None = None  # every answer, instead of JSON-RPC
    master: Found = field(default_factory=lambda: {"isEnabled": True, "groupRestriction": {"enabled": True, "name": "Archive"}})
    misc: Found = field(default_factory=lambda: {"insertXEnvelopeTo": True})
    archive: Found = field(
        default_factory=lambda: {
            "isEnabled": True,
            "remoteArchive": {"enabled": True, "value": "archive@example.test"},
            "archiveLocalMessages": True,
            "archiveIncomingMessages": True,
            "archiveOutgoingMessages": True,
            "archiveRelayedMessages": True,
        }
    )
    services: list[Found] = field(
        default_factory=lambda: [
            {"id": "s1", "name": "IMAP", "isRunning": True, "connectionLimit": 100},
            {"id": "s2", "name": "Secure IMAP", "isRunning": 1, "connectionLimit": 100},
        ]
    )


class KerioApi:
    """The server, on ``host``:``port`` while the ``with`` block lasts. ``calls`` are the methods called, ``logins`` counted."""

    def __init__(self, behaviour: Behaviour | None = None, *, folder: Path | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.host = HOST
        self.calls: list[str] = []
        self.logins = 0
        self.open = 0
        self.bodies: list[str] = []
        self.lock = threading.Lock()
        self._sessions: dict[str, str] = {}
        self._count = 0
        authority = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self._context)
        self.ca_file = folder / "kerio-ca.pem" if folder else None
        if self.ca_file is not None:
            authority.cert_pem.write_to_path(str(self.ca_file))
        double = self

        class Handler(_Handler):
            kerio = double

        self._server = _Server((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: Found, token: str, cookie: str) -> tuple[Found, str]:
        """The answer, and a cookie to set."""
        method, params = str(request.get("method")), request.get("params") or {}
        with self.lock:
            self.calls.append(method)
            if method == "Session.login":
                return self._login(params)
            known = token and token == request.get("token") and self._sessions.get(token) == cookie
            self._count += 1
            behaviour = self.behaviour
            if behaviour.expire_after is not None and self._count > behaviour.expire_after:
                behaviour.expire_after = None
                self._sessions.clear()
                known = False
            if not known or behaviour.expire_always:
                return _refused(-32001, "Session expired."), ""
            if method in behaviour.errors:
                return {"error": behaviour.errors[method]}, ""
            return self._do(method, params, token), ""

    def _login(self, params: Found) -> tuple[Found, str]:
        if (params.get("userName"), params.get("password")) != (ADMIN, PASSWORD) or set(params.get("application", {})) != {
            "name",
            "vendor",
            "version",
        }:
            return _refused(1000, "Login of %1 failed: %2.", [str(params.get("userName")), "invalid user name or password"]), ""
        token, cookie = secrets.token_hex(16), secrets.token_hex(16)
        self._sessions[token] = cookie
        self.logins += 1
        self.open += 1
        return {"result": {"token": token}}, cookie

    def _do(self, method: str, params: Found, token: str) -> Found:
        behaviour = self.behaviour
        match method:
            case "Session.logout":
                del self._sessions[token]
                self.open -= 1
                return {"result": {}}
            case "Domains.get":
                return self._page(behaviour.domains, params["query"])
            case "Users.get":
                return self._users(params)
            case "Server.getVersion":
                return {"result": {"product": "Kerio Connect", "version": "9.4.2"}}
            case "AdvancedOptions.get":
                options = {"masterAuthentication": behaviour.master, "miscellaneousOptions": behaviour.misc}
                return {"result": {"options": options}}
            case "Archive.get":
                return {"result": {"options": behaviour.archive}}
            case "Services.get":
                return {"result": {"services": behaviour.services}}
        return _refused(-32601, "Method %1 does not exist.", [method])

    def _users(self, params: Found) -> Found:
        behaviour, query = self.behaviour, params["query"]
        if query["start"] and behaviour.growing:
            behaviour.growing -= 1
            number = 900000 + len(behaviour.users)
            behaviour.users.append(user(number, f"a{number}", params["domainId"]))
        there = [one for one in behaviour.users if one["domainId"] == params["domainId"]]
        there.sort(key=lambda one: str(one["loginName"]))
        if query["start"] and behaviour.shrinking:
            behaviour.shrinking -= 1
            behaviour.users.remove(there.pop(0))
        if behaviour.short_pages is not None:
            page = self._page(there[: behaviour.short_pages], query)
            page["result"]["totalItems"] = len(there)
            return page
        return self._page(there, query)

    @staticmethod
    def _page(items: list[Found], query: Found) -> Found:
        assert query["limit"] <= 100, "the API is asked for 100 at most"
        start = query["start"]
        page = [{key: value for key, value in one.items() if key in query["fields"]} for one in items]
        return {"result": {"list": page[start : start + query["limit"]], "totalItems": len(items)}}


class _Server(ThreadingHTTPServer):
    """Clients that go away in the middle are what some tests are about."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    kerio: KerioApi
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kerio = self.kerio
        if self.path != "/admin/api/jsonrpc/" or self.headers.get("Content-Type") != "application/json-rpc":
            self._send(404, b"<html>not found</html>", "")
            return
        if kerio.behaviour.broken is not None:
            self._send(200, kerio.behaviour.broken, "")
            return
        cookie = self._cookie()
        request = json.loads(body)
        value, new = kerio.answer(request, self.headers.get("X-Token", ""), cookie)
        value = {"jsonrpc": "2.0", "id": request["id"], **value}
        self._send(200, json.dumps(value).encode(), new)

    def _cookie(self) -> str:
        found = dict(part.strip().partition("=")[::2] for part in self.headers.get("Cookie", "").split(";"))
        # Both must come back: the session, and what the server knows the browser by.
        return found.get("SESSION_CONNECT_WEBADMIN", "") if "TOKEN_CONNECT_WEBADMIN" in found else ""

    def _send(self, status: int, body: bytes, cookie: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json-rpc")
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", f"SESSION_CONNECT_WEBADMIN={cookie}; Path=/admin; Secure; HttpOnly")
            self.send_header("Set-Cookie", "TOKEN_CONNECT_WEBADMIN=1; Path=/admin; Secure")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test's output is for its own failures."""


def _refused(code: int, message: str, parameters: list[str] | None = None) -> Found:
    values = parameters or []
    data = {"messageParameters": {"positionalParameters": values, "plurality": 1}}
    return {"error": {"code": code, "message": message, "data": data}}
