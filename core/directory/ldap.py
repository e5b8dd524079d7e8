"""People of an LDAP directory or of Active Directory, read page by page. Blocking; run in a thread of its own.

RFC 4511 (LDAP), RFC 2696 (paged results), RFC 4530 (entryUUID). Referrals are not followed: whoever they name is another
server, to which the password was not to go.
"""

from __future__ import annotations

import re
import socket
import ssl
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from core.directory.entry import DirectoryEntry, distinct
from core.errors import ArchivarError, ConnectError, DirectoryError, Dropped
from core.format import number
from core.network import Opening, Report, open_socket, report_tls, tls_context, tls_errors
from core.profiles import ldap_filter
from core.profiles.directory import Directory, DirectoryAccess
from core.secrets import Secret

#: Entries asked for at once; Active Directory gives no more than 1,000.
PAGE = 500
_STARTTLS = "1.3.6.1.4.1.1466.20037"
_PAGED = "1.2.840.113556.1.4.319"
_ACCOUNT_DISABLED = 2
#: RFC 4511 section 4.1.9 and appendix A.
_SUCCESS, _TIME_LIMIT, _SIZE_LIMIT, _STRONGER, _REFERRAL, _ADMIN_LIMIT, _CONFIDENTIALITY = 0, 3, 4, 8, 10, 11, 13
_NO_SUCH_OBJECT, _INVALID_CREDENTIALS = 32, 49
_GROUP_CLASSES = ("group", "groupOfNames", "groupOfUniqueNames", "posixGroup")
_IDS = ("objectGUID", "entryUUID", "nsUniqueId")
#: proxyAddresses: ``SMTP:`` is the primary one, ``smtp:`` another, anything else (X500, SIP, ...) no e-mail address.
_TYPED = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(.*)", re.DOTALL)

Values = Mapping[str, Sequence[bytes]]


def people(directory: Directory, password: Secret, report: Report, opening: Opening) -> list[DirectoryEntry]:
    """Everybody whom the settings look for. Raises ``ConnectError``, ``DirectoryError``."""
    try:
        connection = _connect(directory, password, report, opening)
        try:
            found = _Reader(connection, directory).people()
        finally:
            with suppress(LDAPException, OSError):
                connection.unbind()
    except LDAPException as error:
        raise _lost(directory, error) from error
    except ArchivarError:
        raise
    except Exception as error:
        # ldap3 checks nothing of what it reads: what is no LDAP at all raises whatever comes of it.
        raise Dropped(
            f"{directory.server.host} answered with something that is no LDAP.",
            f"Is {directory.server.effective_port} its port, and {directory.server.access.value} the access for it?",
        ) from error
    finally:
        opening.done()
    report("search", f"{number(len(found))} {'user' if len(found) == 1 else 'users'}")
    return found


def _connect(directory: Directory, password: Secret, report: Report, opening: Opening) -> Any:
    """A connection that is bound."""
    server, port = directory.server, directory.server.effective_port
    refused = f"Is the directory running there, and is {port} its port for {server.access.value}?"
    ready = open_socket(server.host, port, server.timeout, refused, report, opening)
    connection: Any = None
    try:
        if server.access is DirectoryAccess.LDAP_SSL:
            ready = _wrap(ready, directory, report)
        ready.settimeout(server.timeout)
        connection = ldap3.Connection(
            ldap3.Server(server.host, port=port, get_info=ldap3.NONE),
            user=directory.username or None,
            password=password.reveal() if directory.username else None,
            authentication=ldap3.SIMPLE if directory.username else ldap3.ANONYMOUS,
            client_strategy=ldap3.SYNC,
            auto_referrals=False,
            check_names=False,
            read_only=True,
            return_empty_attributes=False,
            raise_exceptions=False,
        )
        _hand_over(connection, ready)
        if server.access is DirectoryAccess.LDAP_TLS:
            _start_tls(connection, directory, report)
        _bind(connection, directory)
    except BaseException:
        # TLS has a socket of its own by now, perhaps.
        for one in (ready, connection.socket if connection is not None else None):
            if one is not None:
                one.close()
        raise
    report("login", f"as {directory.username}" if directory.username else "anonymous")
    return connection


def _hand_over(connection: Any, ready: socket.socket) -> None:
    """Have ldap3 use a socket that is connected: its own ways lose what was wrong with a certificate."""

    def open_socket(address: Any, use_ssl: bool = False, unix_socket: bool = False) -> None:
        connection.socket = ready
        connection.closed = False

    connection.strategy._open_socket = open_socket
    connection.open(read_server_info=False)


def _start_tls(connection: Any, directory: Directory, report: Report) -> None:
    host, port = directory.server.host, directory.server.effective_port
    if not connection.extended(_STARTTLS) or connection.result["result"] != _SUCCESS:
        raise ConnectError(
            "tls", f"{host} does not offer StartTLS on port {port}.", "Use access ldap-ssl (port 636), or switch TLS on there."
        )
    connection.socket = _wrap(connection.socket, directory, report)
    connection.tls_started = True


def _wrap(plain: socket.socket, directory: Directory, report: Report) -> ssl.SSLSocket:
    server, port = directory.server, directory.server.effective_port
    hint = (
        f"Port {port} does not seem to speak TLS from the first byte: use access ldap-tls with port 389, or ldap-ssl with "
        "port 636."
        if server.access is DirectoryAccess.LDAP_SSL
        else "Check access and port."
    )
    context = tls_context(server.ca_file, accept_all=server.accept_all_certificates)
    with tls_errors(server.host, port, hint):
        wrapped = context.wrap_socket(plain, server_hostname=server.host)
    report_tls(wrapped, report, accept_all=server.accept_all_certificates)
    return wrapped


def _bind(connection: Any, directory: Directory) -> None:
    host, who = directory.server.host, directory.username or "nobody (anonymous)"
    try:
        if connection.bind():
            return
    except LDAPException as error:
        if type(error).__name__ != "LDAPPasswordIsMandatoryError":
            raise
        raise ConnectError("login", f"The password of {who} is empty.", "Directories take that for no login at all.") from None
    code = connection.result["result"]
    if code in (_STRONGER, _CONFIDENTIALITY):
        raise ConnectError("login", f"{host} takes no password without TLS.", "Use access ldap-tls or ldap-ssl.")
    said = _said(connection)
    if code == _INVALID_CREDENTIALS:
        hint = "Compare login.username (a DN, for Active Directory also user@domain) and password with the directory's."
        raise ConnectError("login", f"{host} refused the login of {who}{said}.", hint)
    raise ConnectError("login", f"{host} refused the login of {who}{said}.", "See the directory's log.")


def _said(connection: Any) -> str:
    """What the server says of its last answer, in brackets."""
    result = connection.result or {}
    text = " ".join(str(result.get("message") or result.get("description") or "").replace("\0", " ").split())
    return f" ({text[:200]})" if text else ""


def _lost(directory: Directory, error: LDAPException) -> Dropped:
    # Its text may hold anything that was sent; its name says enough.
    kind = re.sub(r"^LDAP|(Error|Result)$", "", type(error).__name__)
    return Dropped(
        f"The connection to the directory {directory.server.host} was lost ({kind}).",
        "See that it runs; for one that is only slow, raise server.timeout.",
    )


class _Reader:
    """What is asked of a bound connection."""

    def __init__(self, connection: Any, directory: Directory) -> None:
        self._connection = connection
        self._directory = directory
        self._host = directory.server.host

    def people(self) -> list[DirectoryEntry]:
        names = self._directory.attributes
        wanted = [names.user_name, names.full_name, *names.email, names.login, "memberOf", "userAccountControl", *_IDS]
        wanted = list(dict.fromkeys(name for name in wanted if name))
        bases = [self._directory.search.base_dn] if self._directory.search.base_dn else self._bases()
        found: list[DirectoryEntry] = []
        if not self._directory.search.groups:
            rows = self._search(bases, self._directory.filter, wanted)
            found = [self._entry(dn, values) for dn, values in rows]
        else:
            found = self._members(bases, wanted)
        domains = {domain.casefold() for domain in self._directory.search.domains}
        if domains:
            found = [one for one in found if any(text.rpartition("@")[2].casefold() in domains for text in one.addresses)]
        return found

    def _bases(self) -> list[str]:
        """Where people are looked for when the settings do not say (RFC 4512 section 5.1)."""
        root = dict(self._ask("", "(objectClass=*)", ["defaultNamingContext", "namingContexts"], ldap3.BASE))
        values = next(iter(root.values()), {})
        contexts = _texts(values, "defaultNamingContext") or _texts(values, "namingContexts")
        contexts = [one for one in contexts if one and not one.lower().startswith(("cn=config", "cn=schema", "cn=monitor"))]
        if not contexts:
            raise DirectoryError(f"{self._host} does not say where its entries begin.", "Give search.base_dn.")
        return contexts

    def _members(self, bases: Sequence[str], wanted: Sequence[str]) -> list[DirectoryEntry]:
        """Direct members of the groups: whose ``memberOf`` says so, and whom the groups' own lists name.

        Many servers keep ``memberOf`` for some kinds of groups alone, or only since it was switched on.
        """
        groups = [self._group(bases, name) for name in self._directory.search.groups]
        either = "".join(f"(memberOf={ldap_filter.escape(dn)})" for dn, _ in groups)
        wanted = [*wanted, "uid"]
        found = {
            dn.casefold(): (dn, values) for dn, values in self._search(bases, f"(&{self._directory.filter}(|{either}))", wanted)
        }
        listed = {
            text.casefold()
            for _, values in groups
            for name in ("member", "uniqueMember", "memberUid")
            for text in _texts(values, name)
        }
        if listed - {name for dn, values in found.values() for name in _names(dn, values)}:
            rows = self._search(bases, self._directory.filter, wanted)
            found |= {dn.casefold(): (dn, values) for dn, values in rows if _names(dn, values) & listed}
        return [self._entry(dn, values) for dn, values in found.values()]

    def _group(self, bases: Sequence[str], name: str) -> tuple[str, Values]:
        """DN and attributes of a group, which is named by its DN or its cn. Raises ``DirectoryError``."""
        attributes = ["member", "uniqueMember", "memberUid"]
        if "=" in name:
            found = list(self._ask(name, "(objectClass=*)", attributes, ldap3.BASE))
        else:
            classes = "".join(f"(objectClass={one})" for one in _GROUP_CLASSES)
            found = list(self._search(bases, f"(&(|{classes})(cn={ldap_filter.escape(name)}))", attributes))
        if len(found) != 1:
            what = "has no group" if not found else f"has {len(found)} groups called"
            raise DirectoryError(f'{self._host} {what} "{name}".', "Correct search.groups; a DN is always clear.")
        return found[0]

    def _search(self, bases: Sequence[str], filter: str, attributes: Sequence[str]) -> Iterator[tuple[str, Values]]:
        for base in bases:
            yield from self._ask(base, filter, attributes, ldap3.SUBTREE)

    def _ask(self, base: str, filter: str, attributes: Sequence[str], scope: str) -> Iterator[tuple[str, Values]]:
        """DN and attributes (names in lower case) of all that is found, page by page; all of it or an error."""
        cookie: bytes | None = None
        while True:
            self._connection.search(
                base,
                filter,
                search_scope=scope,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes),
                paged_size=PAGE if scope != ldap3.BASE else None,
                paged_cookie=cookie,
            )
            self._check(base)
            for one in self._connection.response or ():
                # References to other servers come among the entries.
                if one["type"] == "searchResEntry":
                    yield one["dn"], {name.lower(): values for name, values in one["raw_attributes"].items()}
            controls = self._connection.result.get("controls") or {}
            cookie = controls.get(_PAGED, {}).get("value", {}).get("cookie")
            if not cookie:
                return

    def _check(self, base: str) -> None:
        code = self._connection.result["result"]
        if code == _SUCCESS:
            return
        said = _said(self._connection)
        if code in (_SIZE_LIMIT, _ADMIN_LIMIT, _TIME_LIMIT):
            raise DirectoryError(
                f"{self._host} gave only a part of its users{said}: with a part nobody is changed.",
                "Raise the limit for this account there, or narrow search.filter.",
            )
        if code == _NO_SUCH_OBJECT:
            raise DirectoryError(f'{self._host} has nothing under "{base}".', "Correct search.base_dn, or leave it out.")
        if code == _REFERRAL:
            raise DirectoryError(
                f'{self._host} names another server for "{base}".',
                "Use that one as server.host: referrals are not followed.",
            )
        raise DirectoryError(f"{self._host} did not answer the search{said}.", "See search.filter and the directory's log.")

    def _entry(self, dn: str, values: Values) -> DirectoryEntry:
        names = self._directory.attributes
        control = _first(values, "userAccountControl")
        return DirectoryEntry(
            self._permanent_id(dn, values),
            _first(values, names.user_name),
            _first(values, names.full_name),
            emails([text for name in names.email for text in _texts(values, name)]),
            _first(values, names.login) if names.login else "",
            not (control.lstrip("-").isdigit() and int(control) & _ACCOUNT_DISABLED),
            tuple(_texts(values, "memberOf")),
        )

    def _permanent_id(self, dn: str, values: Values) -> str:
        guid = values.get("objectguid")
        if guid and len(guid[0]) == 16:
            return f"objectGUID:{uuid.UUID(bytes_le=bytes(guid[0]))}"
        for name in _IDS:
            if text := _first(values, name):
                return f"{name}:{text.lower()}"
        raise DirectoryError(
            f'{self._host} gives the entry "{dn}" no permanent id ({" or ".join(_IDS)}).',
            "The account must be allowed to read these attributes: without them a rename looks like another person.",
        )


def emails(values: Sequence[str]) -> tuple[str, ...]:
    """The addresses among attribute values, the primary one first: what ``SMTP:`` says, else the first one."""
    primary: list[str] = []
    others: list[str] = []
    for value in values:
        typed = _TYPED.fullmatch(value.strip())
        if typed is None:
            others.append(value.strip())
        elif typed[1] == "SMTP":
            primary.append(typed[2].strip())
        elif typed[1].lower() == "smtp":
            others.append(typed[2].strip())
    return distinct([text for text in (*primary, *others) if text])


def _names(dn: str, values: Values) -> set[str]:
    """What a group may call an entry by."""
    return {dn.casefold(), *map(str.casefold, _texts(values, "uid"))}


def _texts(values: Values, name: str) -> list[str]:
    return [bytes(value).decode("utf-8", "replace") for value in values.get(name.lower(), ())]


def _first(values: Values, name: str) -> str:
    return next(iter(_texts(values, name)), "").strip()
