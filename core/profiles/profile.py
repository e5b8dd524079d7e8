"""Archive profiles: the values, their limits, and the TOML file they come from."""

from __future__ import annotations

import ipaddress
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.format import safe
from core.profiles.rules import FolderRules, Rule

MAX_CONNECTIONS = 16
#: A profile is a page; what is longer is another file.
MAX_FILE_BYTES = 256 * 1024
LONGEST_NAME = 100
LONGEST_USERNAME = 320
LONGEST_TARGET = 500


class Access(StrEnum):
    """How the server is reached: plain, STARTTLS, or TLS from the first byte."""

    IMAP = "imap"
    IMAP_TLS = "imap-tls"
    IMAP_SSL = "imap-ssl"

    @property
    def port(self) -> int:
        return 993 if self is Access.IMAP_SSL else 143


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect. ``timeout`` in seconds; ``ca_file`` an own certificate authority (PEM), empty for the system's."""

    host: str
    access: Access = Access.IMAP_SSL
    port: int = 0
    accept_all_certificates: bool = False
    ca_file: str = ""
    timeout: float = 300.0
    connections: int = 4

    @property
    def effective_port(self) -> int:
        return self.port or self.access.port


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in. The password itself is never part of a profile."""

    username: str
    password_file: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Whose archive the mailbox goes to, and under which top folder."""

    user: str
    folder: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A single-mailbox profile."""

    name: str
    server: Server
    login: Login
    target: Target
    folders: FolderRules = field(default_factory=FolderRules)

    @property
    def source(self) -> str:
        """The mailbox's name: the same whatever profile reads it, and by whichever of IMAP's own ports.

        Another port may be another server: tunnels to several end at one host name.
        """
        port = self.server.effective_port
        own = "" if port in (Access.IMAP.port, Access.IMAP_SSL.port) else f":{port}"
        return f"imap://{self.login.username}@{self.server.host.lower()}{own}"

    def warnings(self) -> list[str]:
        """What is allowed but not safe."""
        found = []
        if self.server.accept_all_certificates:
            found.append(f"{self.name} accepts all certificates: anyone in between can read the mail and the password.")
        if self.server.access is Access.IMAP:
            found.append(f"{self.name} connects without TLS: password and mail cross the network readable.")
        return found

    def as_json(self) -> dict[str, Any]:
        """The definition as kept in the ledger; the reverse of ``from_json``."""
        return {
            "name": self.name,
            "kind": "mailbox",
            "server": {
                "host": self.server.host,
                "access": self.server.access.value,
                "port": self.server.port,
                "accept_all_certificates": self.server.accept_all_certificates,
                "ca_file": self.server.ca_file,
                "timeout": self.server.timeout,
                "connections": self.server.connections,
            },
            "login": {"username": self.login.username, "password_file": self.login.password_file},
            "folders": {
                "include": [rule.pattern for rule in self.folders.include],
                "exclude": [rule.pattern for rule in self.folders.exclude],
            },
            "target": {"user": self.target.user, "folder": self.target.folder},
        }


def from_json(definition: dict[str, Any]) -> Profile:
    """A profile as it was saved. Raises ``KeyError`` or ``ValueError`` on what ``as_json`` never made."""
    server = definition["server"]
    return Profile(
        definition["name"],
        Server(**{**server, "access": Access(server["access"])}),
        Login(**definition["login"]),
        Target(**definition["target"]),
        FolderRules.of(definition["folders"]["include"], definition["folders"]["exclude"]),
    )


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile file, read and checked. ``password_env`` names the variable that holds the password at this moment."""

    profile: Profile
    password_env: str = ""


@dataclass(frozen=True, slots=True)
class _Key:
    kinds: tuple[type, ...]
    what: str
    allowed: tuple[str, ...] = ()
    #: Values that are understood but need a later version: refused with that reason, never ignored.
    only: tuple[Any, ...] = ()


_TEXT = _Key((str,), "a text in quotes")
_TEXTS = _Key((list,), "a list of texts")
_BOOL = _Key((bool,), "true or false")

_KEYS: dict[str, dict[str, _Key]] = {
    "": {
        "name": _TEXT,
        "kind": _Key((str,), "a text", ("mailbox", "mailboxes", "catchall"), ("mailbox",)),
    },
    "server": {
        "host": _TEXT,
        "port": _Key((int,), "a number from 1 to 65535"),
        "access": _Key((str,), "a text", tuple(access.value for access in Access)),
        "accept_all_certificates": _BOOL,
        "ca_file": _TEXT,
        "timeout": _Key((int, float), "seconds, from 1 to 86400"),
        "connections": _Key((int,), f"a number from 1 to {MAX_CONNECTIONS}"),
    },
    "login": {
        "method": _Key((str,), "a text", ("password", "kerio-master", "master-user", "plain-authzid"), ("password",)),
        "username": _TEXT,
        "password_file": _TEXT,
        "password_env": _TEXT,
    },
    "folders": {"include": _TEXTS, "exclude": _TEXTS},
    "filter": {
        "seen": _Key((str,), "a text", ("any", "seen", "unseen"), ("any",)),
        "older_than": _Key((str,), "a text", (), ("",)),
    },
    "delete": {
        "when": _Key((str,), "a text", ("never", "immediately", "older-than"), ("never",)),
        "age": _Key((str,), "a text", (), ("",)),
        "trash_too": _Key((bool,), "true or false", (), (False,)),
        "on_trash": _Key((str,), "a text", ("keep", "follow"), ("keep",)),
    },
    "target": {"user": _TEXT, "folder": _TEXT},
}
_LATER = {"users": "mailboxes", "catchall": "catchall"}
_REQUIRED = {
    ("", "name"): 'name = "Alice"',
    ("", "kind"): 'kind = "mailbox"',
    ("server", "host"): 'host = "mail.example.test" in [server]',
    ("login", "username"): 'username = "alice@example.test" in [login]',
    ("target", "user"): 'user = "alice" in [target]',
}
#: In no name: controls, invisible and direction characters, what is no character.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def read(path: Path) -> ProfileFile:
    """Read and check a profile file. Raises ``InputError`` naming file, line, key and what is allowed."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this cannot be a file's name"
        raise InputError(f"{path} cannot be read: {reason}.", "Give the path of a profile file.") from error
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{path} is too large for a profile (more than {MAX_FILE_BYTES // 1024} KiB).", "Is it another file?")
    try:
        # Editors on Windows begin UTF-8 with a mark.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path.name}, line {line}: this is not UTF-8 text.", "Save the file as UTF-8.") from None
    return parse(text, path)


def parse(text: str, path: Path) -> ProfileFile:
    """Check the text of a profile file; ``path`` is for messages and for files named relative to it."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(_syntax(error, text, path), 'The file must be TOML: key = "value" below [section].') from None
    return _Reader(text, path, data).profile_file()


def _syntax(error: Exception, text: str, path: Path) -> str:
    """What is wrong with the TOML, and where."""
    said = str(error)
    if isinstance(error, RecursionError):
        return f"{path.name}: values are nested too deeply."
    if not isinstance(error, tomllib.TOMLDecodeError):
        return f"{path.name}: a number has too many digits."
    if place := re.search(r" \(at line (\d+), column (\d+)\)$", said):
        return f"{path.name}, line {place[1]}, column {place[2]}: {said[: place.start()]}."
    line = len(text.rstrip().splitlines()) or 1
    return f"{path.name}, line {line}: {said.removesuffix(' (at end of document)')}."


class _Reader:
    """Walks through the data of one file; knows in which line a key stands."""

    def __init__(self, text: str, path: Path, data: dict[str, Any]) -> None:
        self._lines = text.splitlines()
        self._path = path
        self._data = data

    def profile_file(self) -> ProfileFile:
        self._check_keys()
        for (section, key), example in _REQUIRED.items():
            if not str(self._get(section, key, "")).strip():
                raise self._error(section, key, "is missing or empty", example, "Write")
        name = self._one_line("", "name", LONGEST_NAME)
        if name.startswith("-"):
            raise self._error("", "name", f"= {_show(name)} is not allowed", "a text that does not begin with -")
        target = Target(self._one_line("target", "user", LONGEST_NAME), self._target_folder())
        profile = Profile(name, self._server(), self._login(), target, self._folder_rules())
        variable = str(self._get("login", "password_env", ""))
        if variable and profile.login.password_file:
            raise self._error("login", "password_env", "and password_file are both given", "one of them")
        return ProfileFile(profile, variable)

    def _check_keys(self) -> None:
        for section, keys in [("", self._data), *self._sections()]:
            known = _KEYS[section]
            for key, value in keys.items():
                if section == "" and isinstance(value, dict):
                    continue
                if section == "" and (key in _LATER or key == "schedule"):
                    raise self._later(key)
                if section == "" and key and key in _KEYS:
                    raise self._error("", key, f"= {_show(value)} is not allowed", f"a section that begins with [{key}]")
                if key not in known:
                    raise self._error(section, key, "is unknown", ", ".join(known) if section else self._top())
                self._check_value(section, key, value, known[key])

    def _later(self, section: str) -> InputError:
        if section == "schedule":
            what = "is not possible in this version: profiles are started by hand or by cron"
        else:
            what = f"is for profiles of kind {_LATER[section]}, which this version cannot run"
        return self._error(section, "", what, "Leave it out.", "")

    @staticmethod
    def _top() -> str:
        return ", ".join([*_KEYS[""], *(f"[{section}]" for section in _KEYS if section)])

    def _sections(self) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for name, value in self._data.items():
            if not isinstance(value, dict):
                continue
            if name in _LATER or name == "schedule":
                raise self._later(name)
            if name in _KEYS[""]:
                raise self._error(name, "", "is no section", f"{name} = {_show_kind(_KEYS[''][name])}")
            if name not in _KEYS or not name:
                raise self._error(name, "", "is an unknown section", ", ".join(f"[{key}]" for key in _KEYS if key))
            found.append((name, value))
        return found

    def _check_value(self, section: str, key: str, value: Any, rule: _Key) -> None:
        wrong_kind = not isinstance(value, rule.kinds) or (isinstance(value, bool) and bool not in rule.kinds)
        if wrong_kind:
            raise self._error(section, key, f"= {_show(value)} is not allowed", rule.what)
        if rule.kinds == (list,) and not all(isinstance(item, str) for item in value):
            raise self._error(section, key, f"= {_show(value)} is not allowed", rule.what)
        if rule.allowed and value not in rule.allowed:
            allowed = ", ".join(rule.allowed)
            raise self._error(section, key, f"= {_show(value)} is not allowed", allowed)
        if rule.only and value not in rule.only:
            allowed = ", ".join(_show(item) for item in rule.only)
            raise self._error(section, key, f"= {_show(value)} is not possible in this version", allowed)

    def _server(self) -> Server:
        host = self._host()
        access = Access(self._get("server", "access", Access.IMAP_SSL.value))
        port = self._get("server", "port", 0)
        if "port" in self._data.get("server", {}) and not 1 <= port <= 65535:
            raise self._error("server", "port", f"= {_show(port)} is not allowed", "a number from 1 to 65535")
        timeout = self._get("server", "timeout", 300)
        if not 1 <= timeout <= 86400:
            raise self._error("server", "timeout", f"= {_show(timeout)} is not allowed", "seconds, from 1 to 86400")
        connections = self._get("server", "connections", 4)
        if not 1 <= connections <= MAX_CONNECTIONS:
            raise self._error(
                "server", "connections", f"= {_show(connections)} is not allowed", f"a number from 1 to {MAX_CONNECTIONS}"
            )
        accept_all = self._get("server", "accept_all_certificates", False)
        ca_file = self._file("server", "ca_file")
        if accept_all and access is Access.IMAP:
            raise self._error(
                "server", "accept_all_certificates", "= true has no meaning with access imap", "imap-tls or imap-ssl"
            )
        if accept_all and ca_file:
            raise self._error("server", "ca_file", "and accept_all_certificates contradict each other", "one of them")
        return Server(host, access, port, accept_all, ca_file, float(timeout), connections)

    def _host(self) -> str:
        host = self._one_line("server", "host", 253)
        try:
            return str(ipaddress.ip_address(host.strip("[]"))) if ":" in host else self._checked_host(host)
        except ValueError:
            allowed = "a host name or an IP address alone; the port is a key of its own"
            raise self._error("server", "host", f"= {_show(host)} is not allowed", allowed) from None

    @staticmethod
    def _checked_host(host: str) -> str:
        if not re.fullmatch(r"[\w.-]+", host) or host.startswith(("-", ".")) or ".." in host:
            raise ValueError(host)
        return host

    def _login(self) -> Login:
        return Login(self._one_line("login", "username", LONGEST_USERNAME), self._file("login", "password_file"))

    def _file(self, section: str, key: str) -> str:
        value = str(self._get(section, key, ""))
        if not value:
            return ""
        try:
            path = (self._path.parent / Path(value).expanduser()).absolute()
            if path.is_file():
                return str(path)
            what = "this is no file" if path.exists() else f"there is no such file ({path})"
        except (OSError, RuntimeError, ValueError) as error:
            what = (error.strerror or str(error)) if isinstance(error, OSError) else "this cannot be found"
        raise self._error(
            section, key, f"= {_show(value)}: {what}", "a file that exists; its path relative to the profile file"
        )

    def _target_folder(self) -> str:
        folder = str(self._get("target", "folder", "")) or self._one_line("login", "username", LONGEST_USERNAME)
        levels = folder.split("/")
        wrong = any(level.strip() != level or level in ("", ".", "..") for level in levels)
        if wrong or _hidden(folder) or len(folder) > LONGEST_TARGET:
            raise self._error("target", "folder", f"= {_show(folder)} is not allowed", "a path such as anna@example.test")
        return folder

    def _folder_rules(self) -> FolderRules:
        for key in ("include", "exclude"):
            for pattern in self._get("folders", key, []):
                if not Rule.valid(pattern):
                    raise self._error("folders", key, f"= {_show(pattern)} is not allowed", "Name, Name/**, Projects/*, **/Old")
        return FolderRules.of(self._get("folders", "include", []), self._get("folders", "exclude", []))

    def _get(self, section: str, key: str, default: Any) -> Any:
        place = self._data if section == "" else self._data.get(section, {})
        return place.get(key, default)

    def _one_line(self, section: str, key: str, longest: int) -> str:
        value = str(self._get(section, key, "")).strip()
        if not value or _hidden(value) or len(value) > longest:
            allowed = f"one line of text, up to {longest} characters, all of them visible"
            raise self._error(section, key, f"= {_show(value)} is not allowed", allowed)
        return value

    def _error(self, section: str, key: str, what: str, allowed: str, verb: str = "Allowed:") -> InputError:
        line = self._line(section, key)
        name = f"{section}.{key}" if section and key else key or f"[{section}]"
        where = f"{self._path.name}, line {line}" if line else self._path.name
        hint = f"{verb} {allowed}".strip().removesuffix(".")
        return InputError(f"{where}: {name} {what}.", f"{hint}.")

    def _line(self, section: str, key: str) -> int:
        """The line (from 1) of a key, else of its section; 0 when neither is in the file."""
        current: list[str] = []
        nearest = 0
        for number, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[+([^\]]+)\]", line):
                current = _names(header[1])
                path = current
            elif assigned := re.match(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""", line):
                path = [*current, *_names(assigned[1])]
                # server = { host = "a", port = 1 }: the keys are in the line of their table.
                if path == [section] and key and re.search(rf"""[{{,]\s*["']?{re.escape(key)}["']?\s*=""", line):
                    return number
            else:
                continue
            wanted = [part for part in (section, key) if part]
            if path[: len(wanted)] == wanted:
                return number
            if not nearest and section and path[0] == section:
                nearest = number
        return nearest


def _names(dotted: str) -> list[str]:
    """The names of a dotted key: ``server . "host"`` is ``["server", "host"]``."""
    found = re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", dotted)
    return [name.strip("\"'") for name in found] or [dotted.strip()]


def _hidden(text: str) -> bool:
    return any(unicodedata.category(character) in _HIDDEN for character in text)


def _show(value: Any) -> str:
    """A value as it stands in the file, or nearly so."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 80 else f'"{value[:79]}…" ({len(value)} characters)'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"[{', '.join(_show(item) for item in value[:3])}{', …' if len(value) > 3 else ''}]"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _show_kind(key: _Key) -> str:
    return " or ".join(_show(value) for value in key.allowed) or key.what


def as_toml(profile: Profile) -> str:
    """The profile as a file that ``read`` takes, in characters that any terminal can show and a copy keeps."""
    definition = profile.as_json()
    lines = [f"{key} = {_toml(definition[key])}" for key in ("name", "kind")]
    for section in ("server", "login", "folders", "target"):
        lines += ["", f"[{section}]"]
        for key, value in definition[section].items():
            if value not in ("", 0) or value is False:
                lines += f"{key} = {_toml(value)}".split("\n")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, list):
        items = [_toml(item) for item in value]
        one_line = f"[{', '.join(items)}]"
        return one_line if len(one_line) <= 60 else "\n".join(["[", *(f"  {item}," for item in items), "]"])
    return f'"{"".join(map(_toml_character, value))}"' if isinstance(value, str) else str(value)


def _toml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    # Whatever is not shown as it is would not survive a copy from the terminal.
    if safe(character) != character:
        return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
    return character
