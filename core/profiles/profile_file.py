"""Profile files: TOML, read and checked key by key. What is wrong is named with its line and with what is allowed."""

from __future__ import annotations

import ipaddress
import re
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from core.errors import InputError
from core.profiles import addresses, routing, sizes, templates
from core.profiles import age as ages
from core.profiles import schedule as schedules
from core.profiles.age import Age
from core.profiles.catchall import UNKNOWN_FOLDER, CatchAll, Unknown
from core.profiles.deletion import Deletion, OnTrash, When
from core.profiles.filter import Filter, Flagged, Seen
from core.profiles.keys import DAY, KEYS, OWN, REQUIRED, REQUIRED_OF_MAILBOX, SIZE, Key
from core.profiles.lines import Lines
from core.profiles.people import CATCHALL
from core.profiles.profile import MAX_CONNECTIONS, Access, Kind, Login, Method, Profile, Server, Target
from core.profiles.rules import FolderRules, Rule
from core.profiles.schedule import Schedule
from core.profiles.selection import Mode, Selection

T = TypeVar("T")

#: A profile is a page, or a list of some thousand users; what is longer is another file.
MAX_FILE_BYTES = 1024 * 1024
LONGEST_NAME = 100
LONGEST_USERNAME = 320
LONGEST_TARGET = 500
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile file, read and checked. ``password_env`` names the variable that holds the password at this moment."""

    profile: Profile
    password_env: str = ""


class FieldError(InputError):
    """A value that cannot be: ``field`` is ``section.key``, ``what`` is wrong with it, ``allowed`` is what it may be."""

    def __init__(self, message: str, hint: str, field: str, what: str, allowed: str) -> None:
        super().__init__(message, hint)
        self.field = field
        self.what = what
        self.allowed = allowed


#: In no name: controls, invisible and direction characters, what is no character.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def read(path: Path) -> ProfileFile:
    """Read and check a profile file. Raises ``InputError`` naming file, line, key and what is allowed."""
    return parse(read_text(path, "a profile"), path)


def read_text(path: Path, what: str) -> str:
    """The text of a settings file, which is ``what``. Raises ``InputError``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this cannot be a file's name"
        raise InputError(f"{path} cannot be read: {reason}.", f"Give the path of the file of {what}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{path} is too large for {what} (more than {MAX_FILE_BYTES // 1024} KiB).", "Is it another file?")
    try:
        # Editors on Windows begin UTF-8 with a mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path.name}, line {line}: this is not UTF-8 text.", "Save the file as UTF-8.") from None


def parse(text: str, path: Path) -> ProfileFile:
    """Check the text of a profile file; ``path`` is for messages and for files named relative to it."""
    return Reader(text, path, load(text, path)).profile_file()


def load(text: str, path: Path) -> dict[str, Any]:
    """The data of a settings file. Raises ``InputError`` when it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(_syntax(error, text, path), 'The file must be TOML: key = "value" below [section].') from None


def check(data: dict[str, Any]) -> Profile:
    """The profile of what would stand in a profile file. Raises ``FieldError``; files are named from the working folder."""
    return Reader("", Path("profile"), data).profile_file().profile


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


class Reader:
    """Walks through the data of one file; knows in which line a key stands. ``keys`` are those that it may have."""

    keys: ClassVar[dict[str, dict[str, Key]]] = KEYS

    def __init__(self, text: str, path: Path, data: dict[str, Any]) -> None:
        self._lines = Lines(text)
        self._path = path
        self._data = data

    def profile_file(self) -> ProfileFile:
        self._check_keys()
        self._check_required(REQUIRED)
        kind = Kind(self._get("", "kind", ""))
        for section, owners in OWN.items():
            if section in self._data and kind not in owners:
                kinds = " and ".join(owner.value for owner in owners)
                raise self._error(section, "", f"is for profiles of kind {kinds}", "Leave it out.", "")
        name = self._one_line("", "name", LONGEST_NAME)
        if name.startswith("-"):
            raise self._error("", "name", f"= {_show(name)} is not allowed", "a text that does not begin with -")
        login = self._login(kind)
        target = None
        if kind is Kind.MAILBOX:
            self._check_required(REQUIRED_OF_MAILBOX)
            target = Target(self._one_line("target", "user", LONGEST_NAME), self._target_folder())
        profile = Profile(
            name,
            self._server(),
            login,
            target,
            self._folder_rules(),
            self._filter(),
            self._deletion(),
            self._selection() if kind is Kind.MAILBOXES else None,
            self._schedule() if "schedule" in self._data else None,
            self._get("users", "sync_directory_first", False),
            self._catchall() if kind is Kind.CATCHALL else None,
        )
        return ProfileFile(profile, self._password_env(profile.login.password_file))

    def _password_env(self, password_file: str) -> str:
        """The variable that holds the password; not beside a file."""
        variable = str(self._get("login", "password_env", ""))
        if variable and password_file:
            raise self._error("login", "password_env", "and password_file are both given", "one of them")
        return variable

    def _check_required(self, required: dict[tuple[str, str], str]) -> None:
        for (section, key), example in required.items():
            if not str(self._get(section, key, "")).strip():
                raise self._error(section, key, "is missing or empty", example, "Write")

    def _check_keys(self) -> None:
        for section, keys in [("", self._data), *self._sections()]:
            known = self.keys[section]
            for key, value in keys.items():
                if section == "" and isinstance(value, dict):
                    continue
                if section == "" and key and key in self.keys:
                    raise self._error("", key, f"= {_show(value)} is not allowed", f"a section that begins with [{key}]")
                if key not in known:
                    raise self._error(section, key, "is unknown", ", ".join(known) if section else self._top())
                self._check_value(section, key, value, known[key])

    def _top(self) -> str:
        return ", ".join([*self.keys[""], *(f"[{section}]" for section in self.keys if section)])

    def _sections(self) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for name, value in self._data.items():
            if not isinstance(value, dict):
                continue
            if name in self.keys[""]:
                raise self._error(name, "", "is no section", f"{name} = {_show_kind(self.keys[''][name])}")
            if name not in self.keys or not name:
                raise self._error(name, "", "is an unknown section", ", ".join(f"[{key}]" for key in self.keys if key))
            found.append((name, value))
        return found

    def _check_value(self, section: str, key: str, value: Any, rule: Key) -> None:
        wrong_kind = not isinstance(value, rule.kinds) or (isinstance(value, bool) and bool not in rule.kinds)
        if wrong_kind:
            raise self._error(section, key, f"= {_show(value)} is not allowed", rule.what)
        if rule.kinds == (list,) and not all(isinstance(item, str) for item in value):
            raise self._error(section, key, f"= {_show(value)} is not allowed", rule.what)
        if rule.allowed and value not in rule.allowed:
            allowed = ", ".join(rule.allowed)
            raise self._error(section, key, f"= {_show(value)} is not allowed", allowed)

    def _server(self) -> Server:
        host = self._host()
        access = Access(self._get("server", "access", Access.IMAP_SSL.value))
        port = self._port()
        timeout = self._get("server", "timeout", 300)
        if not 1 <= timeout <= 86400:
            raise self._error("server", "timeout", f"= {_show(timeout)} is not allowed", "seconds, from 1 to 86400")
        connections = int(self._number("server", "connections", 4, 1, MAX_CONNECTIONS))
        accept_all, ca_file = self._certificates(access.value, access is not Access.IMAP, "imap-tls or imap-ssl")
        return Server(host, access, port, accept_all, ca_file, float(timeout), connections)

    def _port(self) -> int:
        """The port, 0 when none is given."""
        return int(self._number("server", "port", 0, 1, 65535)) if "port" in self._data.get("server", {}) else 0

    def _certificates(self, access: str, tls: bool, others: str) -> tuple[bool, str]:
        """Whether all certificates are accepted, and the own authority; ``others`` are the ways that have certificates."""
        accept_all = self._get("server", "accept_all_certificates", False)
        ca_file = self._file("server", "ca_file")
        if accept_all and not tls:
            raise self._error("server", "accept_all_certificates", f"= true has no meaning with access {access}", others)
        if accept_all and ca_file:
            raise self._error("server", "ca_file", "and accept_all_certificates contradict each other", "one of them")
        return accept_all, ca_file

    def _number(self, section: str, key: str, default: float, low: int, high: int) -> float:
        value: float = self._get(section, key, default)
        if not low <= value <= high:
            raise self._error(section, key, f"= {_show(value)} is not allowed", f"a number from {low} to {high}")
        return value

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

    def _login(self, kind: Kind) -> Login:
        method = Method(self._get("login", "method", Method.PASSWORD.value))
        if method.master != (kind is Kind.MAILBOXES):
            masters = ", ".join(one.value for one in Method if one.master)
            if method.master:
                what = f"= {_show(method.value)} is for kind mailboxes"
                raise self._error("login", "method", what, Method.PASSWORD.value)
            raise self._error("login", "method", "must open every mailbox with one password in kind mailboxes", masters)
        username = ""
        if method is Method.PASSWORD:
            self._check_required({("login", "username"): REQUIRED_OF_MAILBOX["login", "username"]})
        elif method is not Method.KERIO_MASTER:
            self._check_required(
                {("login", "username"): 'username = "master", the account that may open the others, in [login]'}
            )
        if self._get("login", "username", ""):
            username = self._one_line("login", "username", LONGEST_USERNAME)
        return Login(username, self._file("login", "password_file"), method)

    def _selection(self) -> Selection:
        mode = Mode(self._get("users", "mode", Mode.ALL.value))
        names = tuple(name.strip() for name in self._get("users", "list", []))
        if mode is Mode.ALL and names:
            raise self._error("users", "list", 'has no meaning with mode = "all"', "all-except or only as mode, or no list")
        if mode is not Mode.ALL and not names:
            raise self._error(
                "users", "list", f"is missing or empty with mode = {_show(mode.value)}", 'list = ["anna"]', "Write"
            )
        if not all(names):
            raise self._error("users", "list", "has an empty name", "user names or addresses")
        return Selection(mode, names)

    def _catchall(self) -> CatchAll:
        for key in self._data.get("users", {}):
            if key != "sync_directory_first":
                what = "has no meaning in kind catchall: mail goes to all users whom it concerns"
                raise self._error("users", key, what, "sync_directory_first alone")
        unknown = Unknown(self._get("catchall", "unknown", Unknown.ARCHIVE.value))
        archive = self._one_line("catchall", "archive", LONGEST_NAME) if self._get("catchall", "archive", "") else ""
        archive = "" if archive.casefold() == CATCHALL else archive
        for key in ("unknown_folder", "archive"):
            if unknown is Unknown.LEAVE and self._get("catchall", key, ""):
                what = 'has no meaning with unknown = "leave"'
                raise self._error("catchall", key, what, f'unknown = "archive", or no {key}')
        return CatchAll(
            self._template("incoming", templates.INCOMING),
            self._template("outgoing", templates.OUTGOING),
            unknown,
            self._unknown_folder(),
            archive,
            self._headers(),
            self._listed("domains", self._domain, "domains such as example.test"),
            self._listed("own_addresses", addresses.check, "addresses such as journal@example.test"),
        )

    def _template(self, key: str, default: str) -> str:
        text = str(self._get("catchall", key, "")).strip() or default
        try:
            return templates.checked(text)
        except ValueError:
            raise self._error("catchall", key, f"= {_show(text)} is not allowed", templates.WHAT) from None

    def _unknown_folder(self) -> str:
        folder = str(self._get("catchall", "unknown_folder", "")) or UNKNOWN_FOLDER
        if not templates.is_path(folder) or re.search(r"[{}]", folder) or len(folder) > LONGEST_TARGET:
            what = f"= {_show(folder)} is not allowed"
            raise self._error("catchall", "unknown_folder", what, f"a path such as {UNKNOWN_FOLDER}, without placeholders")
        return folder

    def _headers(self) -> tuple[str, ...]:
        given = self._listed("headers", self._header, "names of header fields, such as To or X-Original-To")
        return given or routing.HEADERS

    @staticmethod
    def _header(name: str) -> str:
        if not re.fullmatch(r"[!-9;-~]{1,78}", name):
            raise ValueError(name)
        return name

    @staticmethod
    def _domain(name: str) -> str:
        addresses.check(f"x@{name}")
        return name

    def _listed(self, key: str, check: Callable[[str], str], allowed: str) -> tuple[str, ...]:
        """A list of the section, each item once."""
        found = []
        for text in self._get("catchall", key, []):
            try:
                found.append(check(text.strip()))
            except (InputError, ValueError):
                raise self._error("catchall", key, f"= {_show(text)} is not allowed", allowed) from None
        return tuple(dict.fromkeys(found))

    def _filter(self) -> Filter:
        found = Filter(
            seen=Seen(self._get("filter", "seen", Seen.ANY.value)),
            flagged=Flagged(self._get("filter", "flagged", Flagged.ANY.value)),
            older_than=self._age("filter", "older_than"),
            newer_than=self._age("filter", "newer_than"),
            since=self._day("since"),
            before=self._day("before"),
            larger_than=self._size("larger_than"),
            smaller_than=self._size("smaller_than"),
            sender=self._texts("sender"),
            recipient=self._texts("recipient"),
            subject=self._texts("subject"),
        )
        if found.since and found.before and found.since >= found.before:
            raise self._error("filter", "before", "is not after since, so nothing would be archived", "a later day")
        if found.smaller_than and found.larger_than >= found.smaller_than:
            raise self._error(
                "filter", "smaller_than", "is not over larger_than, so nothing would be archived", "a larger size"
            )
        return found

    def _deletion(self) -> Deletion:
        when = When(self._get("delete", "when", When.NEVER.value))
        age = self._age("delete", "age")
        if when is When.OLDER_THAN and age is None:
            raise self._error("delete", "age", 'is missing or empty with when = "older-than"', 'age = "6 months"', "Write")
        if when is not When.OLDER_THAN and age is not None:
            raise self._error(
                "delete", "age", f"has no meaning with when = {_show(when.value)}", 'when = "older-than", or no age'
            )
        trash_too = self._get("delete", "trash_too", False)
        if trash_too and when is When.NEVER:
            raise self._error("delete", "trash_too", 'has no meaning with when = "never"', "immediately or older-than as when")
        return Deletion(when, age, trash_too, OnTrash(self._get("delete", "on_trash", OnTrash.KEEP.value)))

    def _schedule(self) -> Schedule:
        every = self._parsed("schedule", "every", schedules.check_every, schedules.WHAT_EVERY) or ""
        daily = self._parsed("schedule", "daily", schedules.check_daily, schedules.WHAT_DAILY) or ""
        cron = self._parsed("schedule", "cron", schedules.check_cron, schedules.WHAT_CRON) or ""
        zone = self._parsed("schedule", "time_zone", schedules.check_zone, schedules.WHAT_ZONE) or ""
        given = [key for key, value in (("every", every), ("daily", daily), ("cron", cron)) if value]
        if not given:
            allowed = 'every = "15 minutes", daily = "02:00" or cron = "0 2 * * 1"'
            raise self._error("schedule", "", "does not say when", allowed, "Write")
        if len(given) > 1:
            raise self._error("schedule", given[1], f"and {given[0]} are both given", "one of every, daily, cron")
        if zone and every:
            raise self._error("schedule", "time_zone", "has no meaning with every", "daily or cron, or no time_zone")
        return Schedule(every, daily, self._weekdays(daily), cron, zone, self._get("schedule", "automatic", True))

    def _weekdays(self, daily: str) -> tuple[str, ...]:
        given = tuple(day.strip().lower() for day in self._get("schedule", "weekdays", []))
        if given and not daily:
            raise self._error("schedule", "weekdays", "is for daily", 'daily = "02:00", or no weekdays')
        try:
            return schedules.in_order(given)
        except ValueError:
            wrong = next(day for day in given if day not in schedules.WEEKDAYS)
            allowed = ", ".join(schedules.WEEKDAYS)
            raise self._error("schedule", "weekdays", f"= {_show(wrong)} is not allowed", allowed) from None

    def _age(self, section: str, key: str) -> Age | None:
        return self._parsed(section, key, Age.parse, ages.WHAT)

    def _day(self, key: str) -> date | None:
        value = self._get("filter", key, "")
        if isinstance(value, datetime):
            raise self._error("filter", key, f"= {_show(value)} is not allowed", DAY.what)
        return value if isinstance(value, date) else self._parsed("filter", key, date.fromisoformat, DAY.what)

    def _size(self, key: str) -> int:
        return self._parsed("filter", key, sizes.parse, SIZE.what) or 0

    def _parsed(self, section: str, key: str, parse: Callable[[str], T], what: str) -> T | None:
        text = str(self._get(section, key, ""))
        if not text.strip():
            return None
        try:
            return parse(text)
        except ValueError:
            raise self._error(section, key, f"= {_show(text)} is not allowed", what) from None

    def _texts(self, key: str) -> tuple[str, ...]:
        found = self._get("filter", key, [])
        for text in found:
            if not text.strip("* ") or _hidden(text) or len(text) > LONGEST_TEXT:
                raise self._error(
                    "filter", key, f"= {_show(text)} is not allowed", 'texts such as "newsletter" or "*@example.test"'
                )
        return tuple(text.strip() for text in found)

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
        raise self._error(section, key, f"= {_show(value)}: {what}", "a file that exists; its path relative to this file")

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

    def _error(self, section: str, key: str, what: str, allowed: str, verb: str = "Allowed:") -> FieldError:
        line = self._lines.of(section, key)
        name = f"{section}.{key}" if section and key else key or f"[{section}]"
        where = f"{self._path.name}, line {line}" if line else self._path.name
        hint = f"{verb} {allowed}".strip().removesuffix(".")
        field = f"{section}.{key}" if section and key else key or section
        return FieldError(f"{where}: {name} {what}.", f"{hint}.", field, what, allowed)


def checked_name(text: str) -> str:
    """``text`` as the name of a profile. Raises ``InputError``."""
    name = text.strip()
    if not name or _hidden(name) or len(name) > LONGEST_NAME or name.startswith("-"):
        raise InputError(
            f"{_show(text)} cannot be the name of a profile.",
            f"Allowed: one line of text, up to {LONGEST_NAME} characters, all of them visible, not beginning with -.",
        )
    return name


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


def _show_kind(key: Key) -> str:
    return " or ".join(_show(value) for value in key.allowed) or key.what
