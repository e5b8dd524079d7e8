"""Kerio Connect's administration API: JSON-RPC 2.0 over HTTPS, read only.

The session is a token, sent as header and in the body, together with every cookie that the server has set. Lists are asked for
in pages and checked against the total that the server names. Enumerations arrive as words or as numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from core import __version__
from core.directory.entry import DirectoryEntry, distinct
from core.directory.threads import in_thread, on_loop
from core.errors import ArchivarError, ConnectError, DirectoryError, Dropped
from core.masking import masked
from core.network import Opening, Report, open_socket, report_tls, tls_context, tls_errors
from core.problems import directory as problems
from core.problems.code import Reason
from core.profiles.directory import Directory
from core.secrets import Secret
from core.text.format import number

PAGE = 100
#: Error codes of the API.
NOT_LOGGED_IN, WRONG_PARAMETERS, FAILED, FORBIDDEN, DENIED = -32001, -32602, 1000, 1003, 1004
_USER_FIELDS = ["id", "loginName", "fullName", "emailAddresses", "isEnabled", "itemSource", "userGroups", "domainId"]
_DOMAIN_FIELDS = ["id", "name", "isPrimary", "aliasList"]
_GOODBYE_SECONDS = 5.0

Found = dict[str, Any]


class ApiError(DirectoryError):
    """A refusal by the server; ``code`` is the API's, ``said`` is the server's text."""

    def __init__(self, code: int, reason: Reason, said: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.said = said


class KerioApi:
    """A session of the administration API; made by ``session``."""

    def __init__(self, directory: Directory, password: Secret, client: httpx.AsyncClient) -> None:
        self._directory = directory
        self._host = directory.server.host
        self._password = password
        self._client = client
        self._token = ""
        self._number = 0
        self._renewed = False

    async def log_in(self) -> None:
        """Begin a session. Raises ``ConnectError``, step ``login``."""
        self._token = ""
        who = {"name": "Archivar", "vendor": "Archivar", "version": __version__}
        params = {"userName": self._directory.username, "password": self._password.reveal(), "application": who}
        try:
            result = await self._send("Session.login", params)
        except ApiError as error:
            reason = problems.ADMINISTRATION_REFUSED(host=self._host, login=self._directory.username, said=error.said)
            raise ConnectError("login", reason) from None
        self._token = str(result.get("token") or "")
        if not self._token:
            raise ConnectError("login", problems.NO_TOKEN(host=self._host))

    async def log_out(self) -> None:
        """End the session; without a quick answer the server ends it by itself."""
        if self._token:
            with suppress(ArchivarError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._send("Session.logout", {})

    async def call(self, method: str, params: Found | None = None) -> Found:
        """Call a method; its result. An expired session is renewed, once. Raises ``DirectoryError``."""
        try:
            return await self._send(method, params or {})
        except ApiError as error:
            if error.code != NOT_LOGGED_IN or self._renewed:
                raise
        self._renewed = True
        await self.log_in()
        return await self._send(method, params or {})

    async def everything(self, method: str, fields: Sequence[str], order: str, **params: Any) -> list[Found]:
        """All items of a list, page by page, or ``DirectoryError``. A list that changes while it is read is read again."""
        for _ in range(2):
            if (found := await self._pages(method, fields, order, params)) is not None:
                return found
        raise DirectoryError(problems.CHANGING(host=self._host, what=_plural(method)))

    async def _pages(self, method: str, fields: Sequence[str], order: str, params: Found) -> list[Found] | None:
        """The items; None when they changed between pages, so that one may be missing."""
        found: dict[str, Found] = {}
        start, first_total = 0, -1
        while True:
            query = {
                "fields": list(fields),
                "conditions": [],
                "combining": "And",
                "start": start,
                "limit": PAGE,
                "orderBy": [{"columnName": order, "direction": "Asc"}],
            }
            result = await self.call(method, {**params, "query": query})
            items, total = result.get("list"), result.get("totalItems")
            if not isinstance(items, list) or not isinstance(total, int):
                raise DirectoryError(problems.NO_LIST(host=self._host, method=method))
            if first_total not in (-1, total):
                return None
            first_total = total
            for item in items:
                key = item.get("id") if isinstance(item, dict) else None
                if not isinstance(key, str) or not key:
                    raise DirectoryError(problems.NO_ID(host=self._host, method=method))
                found[key] = item
            start += len(items)
            if start >= total:
                return list(found.values()) if len(found) == total else None
            if not items:
                raise DirectoryError(problems.IN_PART(host=self._host, got=start, all=total, what=_plural(method)))

    async def _send(self, method: str, params: Found) -> Found:
        self._number += 1
        body: Found = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        headers = {"Accept": "application/json-rpc", "Content-Type": "application/json-rpc"}
        if self._token:
            headers["X-Token"] = self._token
            body["token"] = self._token
        try:
            answer = await self._client.post("/admin/api/jsonrpc/", json=body, headers=headers)
        except httpx.TimeoutException:
            raise Dropped(problems.LATE(host=self._host, method=method)) from None
        except httpx.HTTPError as error:
            # The library's text may contain the request.
            raise Dropped(problems.LOST(host=self._host, kind=type(error).__name__)) from None
        try:
            value = answer.json()
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or not ("result" in value or "error" in value):
            port = self._directory.server.effective_port
            raise DirectoryError(problems.NO_ADMINISTRATION(host=self._host, status=answer.status_code, port=port))
        if (error_ := value.get("error")) is not None:
            raise _api_error(self._host, method, error_)
        result = value["result"]
        return result if isinstance(result, dict) else {}


@asynccontextmanager
async def session(directory: Directory, password: Secret, report: Report) -> AsyncIterator[KerioApi]:
    """Context of a session. Raises ``ConnectError`` with the failed step."""
    server = directory.server
    told = on_loop(report)
    await in_thread(lambda opening: _try(directory, told, opening))
    client = httpx.AsyncClient(
        base_url=f"https://{f'[{server.host}]' if ':' in server.host else server.host}:{server.effective_port}",
        verify=tls_context(server.ca_file, accept_all=server.accept_all_certificates),
        timeout=httpx.Timeout(server.timeout),
        # No proxy from the environment: the password is for that server alone.
        trust_env=False,
    )
    async with client:
        api = KerioApi(directory, password, client)
        await api.log_in()
        report("login", f"as {directory.username}")
        try:
            yield api
        finally:
            await api.log_out()


def _try(directory: Directory, report: Report, opening: Opening) -> None:
    """Connect once step by step, so that an error names its step."""
    server, port = directory.server, directory.server.effective_port
    try:
        plain = open_socket(server.host, port, server.timeout, report, opening)
        with plain, tls_errors(server.host, port, problems.NO_ADMINISTRATION_TLS):
            context = tls_context(server.ca_file, accept_all=server.accept_all_certificates)
            with context.wrap_socket(plain, server_hostname=server.host) as wrapped:
                report_tls(wrapped, report, accept_all=server.accept_all_certificates)
    finally:
        opening.done()


async def people(directory: Directory, password: Secret, report: Report) -> list[DirectoryEntry]:
    """All users in the domains and groups of the settings. Raises ``ConnectError``, ``DirectoryError``."""
    async with session(directory, password, report) as api:
        found = await _people(api, directory)
    report("search", f"{number(len(found))} {'user' if len(found) == 1 else 'users'}")
    return found


async def domains(api: KerioApi, directory: Directory, more: Sequence[str] = ()) -> list[Found]:
    """The domains named in the settings, by name or alias, else all. Raises ``DirectoryError``."""
    try:
        found = await api.everything("Domains.get", [*_DOMAIN_FIELDS, *more], "name")
    except ApiError as error:
        if error.code in (FAILED, FORBIDDEN, DENIED):
            reason = problems.DOMAINS_REFUSED(host=directory.server.host, said=error.said)
            raise ApiError(error.code, reason, error.said) from None
        raise
    wanted = [name.casefold() for name in directory.search.domains]
    names = {name.casefold() for one in found for name in _domain_names(one)}
    if missing := [name for name in directory.search.domains if name.casefold() not in names]:
        there = ", ".join(str(one.get("name")) for one in found[:10])
        raise DirectoryError(problems.NO_DOMAIN(host=directory.server.host, domain=missing[0], there=there))
    return [one for one in found if not wanted or any(name.casefold() in wanted for name in _domain_names(one))]


async def _people(api: KerioApi, directory: Directory) -> list[DirectoryEntry]:
    found: list[DirectoryEntry] = []
    for domain in await domains(api, directory):
        users = await api.everything("Users.get", _USER_FIELDS, "loginName", domainId=domain["id"])
        found += [entry(user, domain) for user in users]
    there = {name.casefold(): name for one in found for name in one.groups}
    if missing := [name for name in directory.search.groups if name.casefold() not in there]:
        # Most likely renamed: its members have not left.
        names = ", ".join(sorted(there.values())[:10]) or "none"
        which = ", ".join(f'"{name}"' for name in missing)
        raise DirectoryError(problems.EMPTY_GROUPS(host=directory.server.host, groups=which, there=names))
    groups = {name.casefold() for name in directory.search.groups}
    return [one for one in found if not groups or groups & {name.casefold() for name in one.groups}]


def entry(user: Found, domain: Found) -> DirectoryEntry:
    """An entry of an API user.

    The default address is not among ``emailAddresses``; each address also exists under each alias.
    """
    login, name = str(user.get("loginName") or ""), str(domain.get("name") or "")
    given = [text for text in map(_text, _list(user.get("emailAddresses"))) if text]
    own = [f"{login}@{name}", *(text if "@" in text else f"{text}@{name}" for text in given)]
    locals_ = [text.rpartition("@")[0] for text in own if text.rpartition("@")[2].casefold() == name.casefold()]
    aliases = [f"{local}@{alias}" for alias in _domain_names(domain)[1:] for local in locals_]
    return DirectoryEntry(
        str(user["id"]),
        # Two domains may both have an "info": only one user can have that name.
        login if is_true(domain.get("isPrimary")) or not name else f"{login}@{name}",
        str(user.get("fullName") or ""),
        distinct([*own, *aliases]),
        f"{login}@{name}",
        is_true(user.get("isEnabled", True)),
        tuple(filter(None, map(_text, _list(user.get("userGroups"))))),
    )


def is_true(value: Any) -> bool:
    """A boolean in any spelling: ``true``, 1, ``"1"``, ``"True"``."""
    return value in (True, 1) or str(value).strip().casefold() in ("true", "1", "yes")


def _domain_names(domain: Found) -> list[str]:
    """The domain's name, then its aliases."""
    return [str(domain.get("name") or ""), *filter(None, map(_text, _list(domain.get("aliasList"))))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """An item of a list: a text, or an object with a name."""
    return str(value.get("name") or "") if isinstance(value, dict) else str(value)


_REFUSALS = {
    FORBIDDEN: problems.FORBIDDEN,
    DENIED: problems.FORBIDDEN,
    WRONG_PARAMETERS: problems.WRONG_PARAMETERS,
}


def _api_error(host: str, method: str, error: Any) -> ApiError:
    """The server's refusal, with placeholders such as ``%1`` filled in."""
    if not isinstance(error, dict):
        return ApiError(FAILED, problems.REFUSED_SILENTLY(host=host, method=method))
    text = str(error.get("message") or "no reason given")
    data = error.get("data") if isinstance(error.get("data"), dict) else {}
    parameters = data.get("messageParameters") if isinstance(data, dict) else None
    values = _list(parameters.get("positionalParameters")) if isinstance(parameters, dict) else []
    for place, value in reversed(list(enumerate(values, 1))):
        text = text.replace(f"%{place}", str(value))
    said = masked(text)[:300]
    number_ = error.get("code")
    number_ = number_ if isinstance(number_, int) else FAILED
    return ApiError(number_, _REFUSALS.get(number_, problems.REFUSED)(host=host, method=method, said=said), said)


def _plural(method: str) -> str:
    return method.partition(".")[0].lower()
