"""Directory files: TOML, in the manner of profile files. What is wrong is named with its line and with what is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from core.profiles import ldap_filter
from core.profiles.directory import (
    ATTRIBUTES,
    GUARD,
    TIMEOUT,
    Attributes,
    Directory,
    DirectoryAccess,
    DirectoryServer,
    Left,
    Search,
    Source,
)
from core.profiles.keys import Key
from core.profiles.settings_file import LONGEST_TEXT, Reader, load, read_text

_TEXT = Key((str,), "a text in quotes")
_TEXTS = Key((list,), "a list of texts")
_BOOL = Key((bool,), "true or false")

DIRECTORY_KEYS: dict[str, dict[str, Key]] = {
    "": {"type": Key((str,), "a text", tuple(source.value for source in Source))},
    "server": {
        "host": _TEXT,
        "port": Key((int,), "a number from 1 to 65535"),
        "access": Key((str,), "a text", tuple(access.value for access in DirectoryAccess)),
        "accept_all_certificates": _BOOL,
        "ca_file": _TEXT,
        "timeout": Key((int, float), "seconds, from 1 to 3600"),
    },
    "login": {"username": _TEXT, "password_file": _TEXT, "password_env": _TEXT},
    "search": {"base_dn": _TEXT, "filter": _TEXT, "groups": _TEXTS, "domains": _TEXTS},
    "attributes": {"user_name": _TEXT, "full_name": _TEXT, "email": _TEXTS, "login": _TEXT},
    "users": {
        "left": Key((str,), "a text", tuple(left.value for left in Left)),
        "include_disabled": _BOOL,
        "guard": Key((int,), "percent, from 1 to 100"),
    },
}
_REQUIRED = {
    ("", "type"): 'type = "active-directory", "ldap" or "kerio"',
    ("server", "host"): 'host = "dc1.example.test" in [server]',
}
#: What is for one kind of directory alone.
_LDAP_ONLY = (("search", "base_dn"), ("search", "filter"))
LONGEST_DN = 1000
LONGEST_FILTER = 4000
LONGEST_ATTRIBUTE = 100


@dataclass(frozen=True, slots=True)
class DirectoryFile:
    """A directory file, read and checked. ``password_env`` names the variable that holds the password at this moment."""

    directory: Directory
    password_env: str = ""


def read(path: Path) -> DirectoryFile:
    """Read and check a directory file. Raises ``InputError`` naming file, line, key and what is allowed."""
    return parse(read_text(path, "a directory"), path)


def parse(text: str, path: Path) -> DirectoryFile:
    """Check the text of a directory file; ``path`` is for messages and for files named relative to it."""
    return _DirectoryReader(text, path, load(text, path)).directory_file()


def check(data: dict[str, Any]) -> Directory:
    """The settings of what would stand in a directory file. Raises ``FieldError``; files are named from the working folder."""
    return _DirectoryReader("", Path("directory"), data).directory_file().directory


class _DirectoryReader(Reader):
    """The same walk, with the keys of a directory."""

    keys: ClassVar[dict[str, dict[str, Key]]] = DIRECTORY_KEYS

    def directory_file(self) -> DirectoryFile:
        self._check_keys()
        self._check_required(_REQUIRED)
        source = Source(self._get("", "type", ""))
        self._refuse_others(source)
        directory = Directory(
            source,
            self._directory_server(source),
            self._username(source),
            self._file("login", "password_file"),
            self._search(source),
            Left(self._get("users", "left", Left.KEEP.value)),
            self._get("users", "include_disabled", True),
            int(self._number("users", "guard", GUARD, 1, 100)),
        )
        return DirectoryFile(directory, self._password_env(directory.password_file))

    def _refuse_others(self, source: Source) -> None:
        """What belongs to another kind of directory is refused, not ignored."""
        if source is Source.KERIO:
            if "attributes" in self._data:
                raise self._error("attributes", "", "is for LDAP; Kerio's users have fixed fields", "Leave it out.", "")
            for section, key in _LDAP_ONLY:
                if self._get(section, key, ""):
                    raise self._error(section, key, "is for LDAP", "domains and groups for Kerio Connect")

    def _directory_server(self, source: Source) -> DirectoryServer:
        kerio = source is Source.KERIO
        default = DirectoryAccess.HTTPS if kerio else DirectoryAccess.LDAP_SSL
        access = DirectoryAccess(self._get("server", "access", default.value))
        if (access is DirectoryAccess.HTTPS) is not kerio:
            allowed = "https" if kerio else "ldap-ssl, ldap-tls, ldap"
            raise self._error("server", "access", f'= "{access.value}" is not possible for {source.value}', allowed)
        tls = access is not DirectoryAccess.LDAP
        accept_all, ca_file = self._certificates(access.value, tls, "ldap-tls or ldap-ssl")
        port = self._port()
        timeout = float(self._number("server", "timeout", TIMEOUT, 1, 3600))
        return DirectoryServer(self._host(), access, port, accept_all, ca_file, timeout)

    def _username(self, source: Source) -> str:
        if source is Source.LDAP and not self._get("login", "username", ""):
            if any(self._get("login", key, "") for key in ("password_file", "password_env")):
                raise self._error("login", "username", "is missing or empty beside a password", "username, or no password")
            return ""
        examples = {Source.KERIO: "admin", Source.LDAP: "cn=reader,dc=example,dc=test"}
        example = examples.get(source, "reader@example.test")
        self._check_required({("login", "username"): f'username = "{example}" in [login]'})
        return self._one_line("login", "username", LONGEST_DN)

    def _search(self, source: Source) -> Search:
        attributes = None
        if "attributes" in self._data:
            usual = ATTRIBUTES[source]
            attributes = Attributes(
                self._attribute("user_name") or usual.user_name,
                self._attribute("full_name") or usual.full_name,
                tuple(self._checked_attribute("email", name) for name in self._get("attributes", "email", usual.email))
                or usual.email,
                self._attribute("login"),
            )
        return Search(self._base_dn(), self._ldap_filter(), self._names("groups"), self._names("domains"), attributes)

    def _base_dn(self) -> str:
        text = str(self._get("search", "base_dn", "")).strip()
        if text and (len(text) > LONGEST_DN or not text.isprintable() or "=" not in text):
            raise self._error("search", "base_dn", f'= "{text[:80]}" is not allowed', 'a DN such as "dc=example,dc=test"')
        return text

    def _ldap_filter(self) -> str:
        text = str(self._get("search", "filter", ""))
        try:
            if len(text) > LONGEST_FILTER:
                raise ValueError("it is too long")
            return ldap_filter.check(text)
        except ValueError as error:
            raise self._error("search", "filter", f"is no LDAP filter: {error}", ldap_filter.WHAT) from None

    def _names(self, key: str) -> tuple[str, ...]:
        found = tuple(str(name).strip() for name in self._get("search", key, []))
        for name in found:
            if not name or len(name) > LONGEST_DN or not name.isprintable():
                raise self._error("search", key, f'= "{name[:80]}" is not allowed', "names, each one line of text")
        return found

    def _attribute(self, key: str) -> str:
        name = str(self._get("attributes", key, ""))
        return self._checked_attribute(key, name) if name.strip() else ""

    def _checked_attribute(self, key: str, name: str) -> str:
        name = name.strip()
        if not name.isascii() or not name.replace("-", "").isalnum() or len(name) > LONGEST_ATTRIBUTE:
            shown = name[:LONGEST_TEXT]
            raise self._error("attributes", key, f'= "{shown}" is not allowed', "the name of an attribute such as mail")
        return name
