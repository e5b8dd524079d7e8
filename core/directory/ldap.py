"""People of an LDAP directory or of Active Directory, read page by page. Blocking; run in a thread of its own.

RFC 4511 (LDAP), RFC 2696 (paged results), RFC 4530 (entryUUID). Referrals are not followed: they name another server, which
must not get the password.
"""

from __future__ import annotations

import re
import socket
import ssl
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from core.directory import groups
from core.directory.entry import DirectoryEntry, distinct
from core.directory.group_notes import GroupLack, GroupNote
from core.directory.values import DnKey, Row, Values, dn_key, first, is_below, texts
from core.errors import ArchivarError, ConnectError, DirectoryError, Dropped
from core.masking import masked
from core.network import Opening, Report, open_socket, report_tls, tls_context, tls_errors
from core.problems import directory as problems
from core.problems.connection import NO_TLS
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind
from core.secrets import Secret
from core.text.format import number
from core.text.patterns import pattern

#: Entries requested at once; Active Directory gives no more than 1,000.
PAGE = 500
_STARTTLS = "1.3.6.1.4.1.1466.20037"
_PAGED = "1.2.840.113556.1.4.319"
_ACCOUNT_DISABLED = 2
#: RFC 4511 section 4.1.9 and appendix A.
_SUCCESS, _TIME_LIMIT, _SIZE_LIMIT, _STRONGER, _REFERRAL, _ADMIN_LIMIT, _CONFIDENTIALITY = 0, 3, 4, 8, 10, 11, 13
_NO_SUCH_OBJECT, _INVALID_DN, _INVALID_CREDENTIALS = 32, 34, 49
#: Active Directory's mark in supportedCapabilities (LDAP_CAP_ACTIVE_DIRECTORY_OID).
_ACTIVE = "1.2.840.113556.1.4.800"
#: An attribute sent in part: its name, and the index of the last value, ``*`` at the end.
_RANGE = pattern(r"([\w.-]+);range=\d+-(\d{1,9}|\*)")
_IDS = ("objectGUID", "entryUUID", "nsUniqueId")
#: proxyAddresses: ``SMTP:`` is the primary one, ``smtp:`` another, anything else (X500, SIP, ...) no e-mail address.
_NUMBER = pattern(r"-?[0-9]{1,18}")
_TYPED = pattern(r"([A-Za-z][A-Za-z0-9-]*):(.*)", re.DOTALL)

Note = Callable[[GroupNote], None]


def people(
    directory: Directory, password: Secret, report: Report, opening: Opening, note: Note = lambda note: None
) -> list[DirectoryEntry]:
    """All people that match the settings; ``note`` gets gaps in their groups.

    Raises ``ConnectError``, ``DirectoryError``.
    """
    try:
        connection = _connect(directory, password, report, opening)
        try:
            found = _Reader(connection, directory).people(note)
        finally:
            with suppress(LDAPException, OSError):
                connection.unbind()
    except LDAPException as error:
        raise _lost(directory, error) from error
    except ArchivarError:
        raise
    except Exception as error:
        # ldap3 does not validate its input: bytes that are no LDAP raise any kind of error.
        raise Dropped(problems.NO_LDAP(host=directory.server.host, port=directory.server.effective_port)) from error
    finally:
        opening.done()
    report("search", f"{number(len(found))} {'user' if len(found) == 1 else 'users'}")
    return found


def _connect(directory: Directory, password: Secret, report: Report, opening: Opening) -> Any:
    """A connection that is bound."""
    server, port = directory.server, directory.server.effective_port
    ready = open_socket(server.host, port, server.timeout, report, opening)
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
            auto_range=False,
            return_empty_attributes=False,
            raise_exceptions=False,
        )
        _hand_over(connection, ready)
        if server.access is DirectoryAccess.LDAP_TLS:
            _start_tls(connection, directory, report)
        _bind(connection, directory)
    except BaseException:
        # TLS may have replaced the socket by now.
        for one in (ready, connection.socket if connection is not None else None):
            if one is not None:
                one.close()
        raise
    report("login", f"as {directory.username}" if directory.username else "anonymous")
    return connection


def _hand_over(connection: Any, ready: socket.socket) -> None:
    """Give ldap3 a connected socket: its own connecting loses the reason of a certificate error."""

    def open_socket(address: Any, use_ssl: bool = False, unix_socket: bool = False) -> None:
        connection.socket = ready
        connection.closed = False

    connection.strategy._open_socket = open_socket
    connection.open(read_server_info=False)


def _start_tls(connection: Any, directory: Directory, report: Report) -> None:
    host, port = directory.server.host, directory.server.effective_port
    if not connection.extended(_STARTTLS) or connection.result["result"] != _SUCCESS:
        raise ConnectError("tls", problems.NO_STARTTLS(host=host, port=port))
    connection.socket = _wrap(connection.socket, directory, report)
    connection.tls_started = True


def _wrap(plain: socket.socket, directory: Directory, report: Report) -> ssl.SSLSocket:
    server, port = directory.server, directory.server.effective_port
    context = tls_context(server.ca_file, accept_all=server.accept_all_certificates)
    no_tls = problems.NO_LDAP_TLS if server.access is DirectoryAccess.LDAP_SSL else NO_TLS
    with tls_errors(server.host, port, no_tls):
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
        raise ConnectError("login", problems.EMPTY_PASSWORD(login=who)) from None
    code = connection.result["result"]
    if code in (_STRONGER, _CONFIDENTIALITY):
        raise ConnectError("login", problems.NO_PASSWORD_WITHOUT_TLS(host=host))
    said = _said(connection)
    refused = problems.LOGIN_REFUSED if code == _INVALID_CREDENTIALS else problems.LOGIN_FAILED
    raise ConnectError("login", refused(host=host, login=who, said=said))


def _said(connection: Any) -> str:
    """The server's text on its last answer, in brackets."""
    result = connection.result or {}
    text = " ".join(str(result.get("message") or result.get("description") or "").replace("\0", " ").split())
    return f" ({masked(text)[:200]})" if text else ""


def _lost(directory: Directory, error: LDAPException) -> Dropped:
    # The library's text may contain the request; its name is enough.
    kind = re.sub(r"^LDAP|(Error|Result)$", "", type(error).__name__)
    return Dropped(problems.LDAP_LOST(host=directory.server.host, kind=kind))


class _Reader:
    """Queries over a bound connection."""

    def __init__(self, connection: Any, directory: Directory) -> None:
        self._connection = connection
        self._directory = directory
        self._host = directory.server.host

    def people(self, note: Note) -> list[DirectoryEntry]:
        names = self._directory.attributes
        wanted = [names.user_name, names.full_name, *names.email, names.login, "memberOf", "userAccountControl", *_IDS]
        wanted = list(dict.fromkeys(name for name in wanted if name))
        bases = [self._directory.search.base_dn] if self._directory.search.base_dn else self._bases()
        if not self._directory.search.groups:
            return [one for row in self.search(bases, self._directory.filter, wanted) if self._counts(one := self._entry(*row))]
        return self._members(bases, wanted, note)

    def _counts(self, entry: DirectoryEntry) -> bool:
        """True when an entry has an address in one of the domains, if domains are set."""
        domains = {domain.casefold() for domain in self._directory.search.domains}
        return not domains or any(text.rpartition("@")[2].casefold() in domains for text in entry.addresses)

    def _members(self, bases: Sequence[str], wanted: Sequence[str], note: Note) -> list[DirectoryEntry]:
        """The members of the groups of the settings, once each; gaps in the groups go to ``note``."""
        root = self._root()
        active = self._directory.source is DirectoryKind.ACTIVE_DIRECTORY or _ACTIVE in texts(root, "supportedCapabilities")
        attributes = tuple(dict.fromkeys([*wanted, *groups.OF_PEOPLE]))
        scope = groups.PeopleSearch(
            tuple(bases), self._directory.filter, attributes, tuple(self._contexts(root, bases)), active
        )
        found: dict[DnKey, DirectoryEntry] = {}
        for one in groups.Groups(self, scope).members(self._directory.search.groups, self._host):
            people = {key: entry for key, row in one.people.items() if self._counts(entry := self._entry(*row))}
            found |= people
            if not any(entry.enabled or self._directory.include_disabled for entry in people.values()):
                note(GroupNote(one.group, GroupLack.EMPTY if one.empty else GroupLack.NOBODY))
            for text in one.notes:
                note(text)
        return list(found.values())

    def _root(self) -> Values:
        """The root entry, readable without login; empty if the server hides it."""
        wanted = ["defaultNamingContext", "namingContexts", "supportedCapabilities"]
        row = self._peek("", wanted)
        return row[1] if row is not None else {}

    def _peek(self, dn: str, attributes: Sequence[str]) -> Row | None:
        """One entry; None also when it may not be read."""
        try:
            return self.read(dn, attributes)
        except DirectoryError:
            return None

    def _contexts(self, root: Values, bases: Sequence[str]) -> list[str]:
        """The trees that contain ``bases``: groups, and their members, may be anywhere in them."""
        told = [*texts(root, "defaultNamingContext"), *texts(root, "namingContexts")]
        found: dict[DnKey, str] = {}
        for base in bases:
            key = dn_key(base)
            around = [one for one in told if one and is_below(key, dn_key(one))]
            top = min(around, key=lambda one: len(dn_key(one)), default=base)
            # A tree with an unreadable or missing top is not searched.
            found[dn_key(top)] = top if top == base or self._peek(top, ["objectClass"]) is not None else base
        return list(found.values())

    def _bases(self) -> list[str]:
        """The default bases of the search (RFC 4512 section 5.1)."""
        values = self._root()
        contexts = texts(values, "defaultNamingContext") or texts(values, "namingContexts")
        contexts = [one for one in contexts if one and not one.lower().startswith(("cn=config", "cn=schema", "cn=monitor"))]
        if not contexts:
            raise DirectoryError(problems.NO_BASE(host=self._host))
        return contexts

    def search(self, bases: Sequence[str], filter: str, attributes: Sequence[str]) -> list[Row]:
        """All matching entries below ``bases``: a paging server may lose its place when another request comes between."""
        found: list[Row] = []
        for base in bases:
            found += self._ask(base, filter, attributes, ldap3.SUBTREE)
        return found

    def read(self, dn: str, attributes: Sequence[str]) -> Row | None:
        """One entry; None when it does not exist, or its DN is invalid."""
        self._connection.search(
            dn,
            "(objectClass=*)",
            search_scope=ldap3.BASE,
            dereference_aliases=ldap3.DEREF_NEVER,
            attributes=list(attributes),
        )
        if self._connection.result["result"] in (_NO_SUCH_OBJECT, _INVALID_DN):
            return None
        self._check(dn)
        rows = self._rows()
        return self._whole(*rows[0]) if rows else None

    def _ask(self, base: str, filter: str, attributes: Sequence[str], scope: str) -> list[Row]:
        """DN and attributes of all results, page by page; complete, or an error."""
        found: list[Row] = []
        cookie: bytes | None = None
        while True:
            self._connection.search(
                base,
                filter,
                search_scope=scope,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes),
                paged_size=PAGE,
                paged_cookie=cookie,
            )
            self._check(base)
            found += self._rows()
            controls = self._connection.result.get("controls") or {}
            cookie = controls.get(_PAGED, {}).get("value", {}).get("cookie")
            if not cookie:
                return [self._whole(*row) for row in found]

    def _rows(self) -> list[Row]:
        """The entries of the last answer, their attributes by names in lower case."""
        # References to other servers are mixed with the entries.
        return [
            (one["dn"], {name.lower(): values for name, values in one["raw_attributes"].items()})
            for one in self._connection.response or ()
            if one["type"] == "searchResEntry"
        ]

    def _whole(self, dn: str, values: Values) -> Row:
        """An entry with all values of attributes that Active Directory sends in ranges (MS-ADTS section 3.1.1.3.1.3.3)."""
        found = {name: list(several) for name, several in values.items() if not _RANGE.fullmatch(name)}
        for name in values:
            part, several = _RANGE.fullmatch(name), list(values[name])
            if part is None:
                continue
            attribute, last = part[1], part[2]
            while last != "*":
                wanted = f"{attribute};range={int(last) + 1}-*"
                self._connection.search(
                    dn,
                    "(objectClass=*)",
                    search_scope=ldap3.BASE,
                    dereference_aliases=ldap3.DEREF_NEVER,
                    attributes=[wanted],
                )
                self._check(dn)
                answered = [pair for row in self._rows() for pair in row[1].items() if _RANGE.fullmatch(pair[0])]
                next_part = _RANGE.fullmatch(answered[0][0]) if answered else None
                if next_part is None or not answered[0][1] or (next_part[2] != "*" and int(next_part[2]) <= int(last)):
                    raise DirectoryError(problems.ATTRIBUTE_IN_PART(host=self._host, attribute=attribute, dn=dn))
                several += answered[0][1]
                last = next_part[2]
            found[attribute] = several
        return dn, found

    def _check(self, base: str) -> None:
        code = self._connection.result["result"]
        if code == _SUCCESS:
            return
        said = _said(self._connection)
        if code in (_SIZE_LIMIT, _ADMIN_LIMIT, _TIME_LIMIT):
            raise DirectoryError(problems.USERS_IN_PART(host=self._host, said=said))
        if code == _NO_SUCH_OBJECT:
            raise DirectoryError(problems.WRONG_BASE(host=self._host, base=base))
        if code == _REFERRAL:
            raise DirectoryError(problems.REFERRAL(host=self._host, base=base))
        raise DirectoryError(problems.SEARCH_FAILED(host=self._host, said=said))

    def _entry(self, dn: str, values: Values) -> DirectoryEntry:
        names = self._directory.attributes
        control = first(values, "userAccountControl")
        return DirectoryEntry(
            self._permanent_id(dn, values),
            first(values, names.user_name),
            first(values, names.full_name),
            emails([text for name in names.email for text in texts(values, name)]),
            first(values, names.login) if names.login else "",
            not (_NUMBER.fullmatch(control) and int(control) & _ACCOUNT_DISABLED),
            tuple(texts(values, "memberOf")),
        )

    def _permanent_id(self, dn: str, values: Values) -> str:
        guid = values.get("objectguid")
        if guid and len(guid[0]) == 16:
            return f"objectGUID:{uuid.UUID(bytes_le=bytes(guid[0]))}"
        for name in _IDS:
            if text := first(values, name):
                return f"{name}:{text.lower()}"
        raise DirectoryError(problems.NO_PERMANENT_ID(host=self._host, dn=dn, ids=" or ".join(_IDS)))


def emails(values: Sequence[str]) -> tuple[str, ...]:
    """The addresses among attribute values, the primary one first: that of ``SMTP:``, else the first."""
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
