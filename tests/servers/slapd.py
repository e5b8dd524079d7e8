"""A real OpenLDAP server on free loopback ports, with a tree of its own, its own configuration and its own certificate.

Everything that it writes lives in a short folder of its own; the people are loaded offline with slapadd, so that thousands
take a second. Beside the usual schemas it knows enough of Active Directory's to hold a tree like that: ``objectGUID`` and
``objectSid`` as octets, ``proxyAddresses``, ``userAccountControl``, groups with primary members, stand-ins for members of other
domains. ``memberOf`` is kept by the overlay. Active Directory's rule that follows groups in groups is unknown here: a filter
with it finds nothing.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ldap3
import trustme
from ldap3.core.exceptions import LDAPException

from tests import memory

HOST = "127.0.0.1"
BASE = "dc=example,dc=test"
AD_BASE = "dc=ad,dc=test"
ADMIN = f"cn=admin,{BASE}"
AD_ADMIN = f"cn=admin,{AD_BASE}"
PASSWORD = "geheim ldap"
DEADLINE = 20.0
_PLACES = ("/usr/sbin/slapd", "/usr/local/sbin/slapd", "/usr/libexec/slapd")
_MODULES = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/libexec/openldap")

Entry = tuple[str, dict[str, Sequence[str | bytes]]]

_AD_SCHEMA = """\
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.146 NAME 'objectSid' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.98 NAME 'primaryGroupID' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP top STRUCTURAL MUST cn MAY ( objectGUID $ proxyAddresses $
  userAccountControl $ sAMAccountName $ userPrincipalName $ objectCategory $ displayName $ mail $ userPassword $
  objectSid $ primaryGroupID ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( objectGUID $ objectSid $ member $
  sAMAccountName $ objectCategory ) )
objectclass ( 1.2.840.113556.1.5.76 NAME 'foreignSecurityPrincipal' SUP top STRUCTURAL MUST cn MAY objectSid )
"""


def missing() -> str | None:
    """The Debian package without which no server can be started here, or None."""
    return None if _program() and _modules() else "slapd"


def person(number: int, uid: str = "", emails: Iterable[str] = (), *, entry_uuid: str = "", **more: Sequence[str]) -> Entry:
    """A person below ``BASE``; the id is given, so that it is known to the test."""
    name = uid or f"user{number:04}"
    values: dict[str, Sequence[str | bytes]] = {
        "objectClass": ["inetOrgPerson"],
        "uid": [name],
        "cn": [f"Person {number}"],
        "sn": [f"{number}"],
        "mail": [*(emails or (f"{name}@example.test",))],
        "entryUUID": [entry_uuid or str(uuid.UUID(int=number + 1))],
        **more,
    }
    return f"employeeNumber={number},ou=people,{BASE}", {**values, "employeeNumber": [str(number)]}


def sid(rid: int, domain: int = 1000) -> bytes:
    """The binary SID of an account or group; ``domain`` stands for the numbers of its domain."""
    numbers = (21, domain, 2, 3, rid)
    return bytes([1, len(numbers)]) + (5).to_bytes(6, "big") + b"".join(one.to_bytes(4, "little") for one in numbers)


def ad_user(
    number: int,
    name: str,
    mail: str,
    proxies: Sequence[str] = (),
    *,
    control: int = 512,
    primary: int = 513,
    domain: int = 1000,
) -> Entry:
    """An account of the tree that looks like Active Directory's; ``primary`` is the number of its primary group."""
    values: dict[str, Sequence[str | bytes]] = {
        "objectClass": ["user"],
        "objectCategory": ["person"],
        "cn": [f"{name} {number}"],
        "sAMAccountName": [name],
        "displayName": [f"{name.capitalize()} Displayed"],
        "userAccountControl": [str(control)],
        "objectGUID": [uuid.UUID(int=number + 1).bytes_le],
        "userPrincipalName": [f"{name}@ad.test"],
        "primaryGroupID": [str(primary)],
        "objectSid": [sid(5000 + number, domain)],
    }
    if mail:
        values["mail"] = [mail]
    if proxies:
        values["proxyAddresses"] = proxies
    return f"cn={name} {number},{AD_BASE}", values


def group(name: str, members: Sequence[str]) -> Entry:
    """A group below ``BASE``; ``members`` are DNs."""
    return f"cn={name},ou=groups,{BASE}", {"objectClass": ["groupOfNames"], "cn": [name], "member": members}


def ad_group(name: str, members: Sequence[str] = (), *, rid: int = 0, domain: int = 1000) -> Entry:
    """A group of that tree; with ``rid`` it has a SID, and can be a user's primary group."""
    values: dict[str, Sequence[str | bytes]] = {"objectClass": ["group"], "objectCategory": ["group"], "cn": [name]}
    values |= {"member": members} if members else {}
    values |= {"objectSid": [sid(rid, domain)]} if rid else {}
    return f"cn={name},{AD_BASE}", values


class Slapd:
    """A server with these entries, running while the ``with`` block lasts.

    ``port`` offers LDAP and StartTLS, ``ssl_port`` LDAPS, ``ca_file`` is the authority that signed the certificate (good for
    127.0.0.1). ``limit`` is the most entries of one search.
    """

    def __init__(self, root: Path, entries: Iterable[Entry] = (), *, limit: str = "unlimited", member_of: bool = True) -> None:
        self.root = root
        self.entries = list(entries)
        self.limit = limit
        self.member_of = member_of
        self.host = HOST
        self.port = self.ssl_port = 0
        self.ca_file = root / "ldap-ca.pem"
        self._base: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self._base = Path(tempfile.mkdtemp(prefix="sl", dir=memory.short()))
        try:
            self._configure()
            self._load()
            self._start()
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._clean()

    def change(self, dn: str, changes: Mapping[str, Any] | None = None, *, new: Entry | None = None) -> None:
        """Change an entry (as ``ldap3`` takes it), delete it (neither), or add ``new``."""
        admin = AD_ADMIN if dn.endswith(AD_BASE) else ADMIN
        connection = ldap3.Connection(
            ldap3.Server(HOST, port=self.port, get_info=ldap3.NONE), admin, PASSWORD, auto_bind=True, check_names=False
        )
        try:
            if new is not None:
                done = connection.add(dn, attributes={key: list(value) for key, value in new[1].items() if key != "entryUUID"})
            elif changes is not None:
                done = connection.modify(dn, changes)
            else:
                done = connection.delete(dn)
            assert done, connection.result
        finally:
            connection.unbind()

    @property
    def _folder(self) -> Path:
        assert self._base is not None
        return self._base

    def _configure(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert(HOST)
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate.private_key_pem.write_to_path(str(self._folder / "key.pem"))
        for place, blob in enumerate(certificate.cert_chain_pems):
            blob.write_to_path(str(self._folder / "cert.pem"), append=bool(place))
        (self._folder / "ad.schema").write_text(_AD_SCHEMA)
        schemas = next(path for path in ("/etc/ldap/schema", "/etc/openldap/schema") if Path(path, "core.schema").exists())
        lines = [f"include {schemas}/{name}.schema" for name in ("core", "cosine", "inetorgperson", "nis")]
        lines += [
            f"include {self._folder}/ad.schema",
            f"modulepath {_modules()}",
            "moduleload back_mdb",
            *(["moduleload memberof"] if self.member_of else []),
            f"pidfile {self._folder}/slapd.pid",
            f"TLSCertificateFile {self._folder}/cert.pem",
            f"TLSCertificateKeyFile {self._folder}/key.pem",
            f"TLSCACertificateFile {self.ca_file}",
            f"sizelimit {self.limit}",
        ]
        for name, base in (("main", BASE), ("ad", AD_BASE)):
            (self._folder / name).mkdir()
            lines += [
                *("database mdb", f"suffix {base}", f"rootdn cn=admin,{base}", f'rootpw "{PASSWORD}"'),
                *(f"directory {self._folder}/{name}", "maxsize 268435456", "dbnosync"),
                *("index objectClass,entryUUID eq", "access to * by * read"),
                *(["overlay memberof"] if self.member_of else []),
                *(["memberof-group-oc group"] if self.member_of and name == "ad" else []),
            ]
        (self._folder / "slapd.conf").write_text("\n".join(lines) + "\n")

    def _load(self) -> None:
        top: list[Entry] = [
            (BASE, {"objectClass": ["organization", "dcObject"], "o": ["Example"], "dc": ["example"]}),
            (f"ou=people,{BASE}", {"objectClass": ["organizationalUnit"], "ou": ["people"]}),
            (f"ou=groups,{BASE}", {"objectClass": ["organizationalUnit"], "ou": ["groups"]}),
        ]
        ad: list[Entry] = [(AD_BASE, {"objectClass": ["organization", "dcObject"], "o": ["AD"], "dc": ["ad"]})]
        # Groups come last, over the wire: the overlay does not see what slapadd loads.
        groups = [entry for entry in self.entries if {"groupOfNames", "group"} & set(entry[1]["objectClass"])]
        people = [entry for entry in self.entries if entry not in groups]
        for base, entries in ((BASE, top), (AD_BASE, ad)):
            lines = [_ldif(entry) for entry in [*entries, *(entry for entry in people if entry[0].endswith(base))]]
            program = Path(str(_program())).with_name("slapadd")
            subprocess.run(
                [str(program), "-q", "-w", "-f", str(self._folder / "slapd.conf"), "-b", base],
                input="\n".join(lines).encode(),
                check=True,
                capture_output=True,
            )
        self._groups = groups

    def _start(self) -> None:
        for _ in range(5):
            with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as two:
                self.port, self.ssl_port = one.getsockname()[1], two.getsockname()[1]
            urls = f"ldap://{HOST}:{self.port}/ ldaps://{HOST}:{self.ssl_port}/"
            with (self.root / "slapd.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [str(_program()), "-d", "0", "-f", str(self._folder / "slapd.conf"), "-h", urls],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            if self._answers():
                for dn, values in self._groups:
                    self.change(dn, new=(dn, values))
                return
            self._stop()
        raise RuntimeError(f"slapd did not start: {(self.root / 'slapd.log').read_text()[-2000:]}")

    def _answers(self) -> bool:
        assert self._process is not None
        for _ in range(int(DEADLINE / 0.02)):
            if self._process.poll() is not None:
                return False
            with suppress(LDAPException, OSError), socket.create_connection((HOST, self.port), timeout=1):
                connection = ldap3.Connection(ldap3.Server(HOST, port=self.port, get_info=ldap3.NONE))
                if connection.bind():
                    connection.unbind()
                    return True
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
        return False

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _clean(self) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _ldif(entry: Entry) -> str:
    dn, values = entry
    lines = [f"dn:: {b64encode(dn.encode()).decode()}"]
    for name, items in values.items():
        raw = (item if isinstance(item, bytes) else item.encode() for item in items)
        lines += [f"{name}:: {b64encode(item).decode()}" for item in raw]
    return "\n".join(lines) + "\n"


def _program() -> str | None:
    return next((place for place in _PLACES if os.access(place, os.X_OK)), None)


def _modules() -> str | None:
    return next((place for place in _MODULES if any(Path(place).glob("back_mdb*"))), None)
