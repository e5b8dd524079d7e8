"""Files of settings: TOML, read and checked key by key. What is wrong is named with its line and with what is allowed."""

from __future__ import annotations

import ipaddress
import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from core.errors import InputError
from core.profiles.keys import Key
from core.profiles.lines import Lines

T = TypeVar("T")

#: A file is a page, or a list of some thousand users; what is longer is another file.
MAX_FILE_BYTES = 1024 * 1024
LONGEST_TEXT = 500
#: In no name: controls, invisible and direction characters, what is no character.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class FieldError(InputError):
    """A value that cannot be: ``field`` is ``section.key``, ``what`` is wrong with it, ``allowed`` is what it may be."""

    def __init__(self, message: str, hint: str, field: str, what: str, allowed: str) -> None:
        super().__init__(message, hint)
        self.field = field
        self.what = what
        self.allowed = allowed


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


def load(text: str, path: Path) -> dict[str, Any]:
    """The data of a settings file. Raises ``InputError`` when it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(_syntax(error, text, path), 'The file must be TOML: key = "value" below [section].') from None


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

    keys: ClassVar[Mapping[str, Mapping[str, Key]]]

    def __init__(self, text: str, path: Path, data: dict[str, Any]) -> None:
        self._lines = Lines(text)
        self._path = path
        self._data = data

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
                    raise self._error("", key, f"= {show(value)} is not allowed", f"a section that begins with [{key}]")
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
            raise self._error(section, key, f"= {show(value)} is not allowed", rule.what)
        if rule.kinds == (list,) and not all(isinstance(item, str) for item in value):
            raise self._error(section, key, f"= {show(value)} is not allowed", rule.what)
        if rule.allowed and value not in rule.allowed:
            allowed = ", ".join(rule.allowed)
            raise self._error(section, key, f"= {show(value)} is not allowed", allowed)

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
            raise self._error(section, key, f"= {show(value)} is not allowed", f"a number from {low} to {high}")
        return value

    def _host(self) -> str:
        host = self._one_line("server", "host", 253)
        try:
            return str(ipaddress.ip_address(host.strip("[]"))) if ":" in host else self._checked_host(host)
        except ValueError:
            allowed = "a host name or an IP address alone; the port is a key of its own"
            raise self._error("server", "host", f"= {show(host)} is not allowed", allowed) from None

    @staticmethod
    def _checked_host(host: str) -> str:
        if not re.fullmatch(r"[\w.-]+", host) or host.startswith(("-", ".")) or ".." in host:
            raise ValueError(host)
        return host

    def _parsed(self, section: str, key: str, parse: Callable[[str], T], what: str) -> T | None:
        text = str(self._get(section, key, ""))
        if not text.strip():
            return None
        try:
            return parse(text)
        except ValueError:
            raise self._error(section, key, f"= {show(text)} is not allowed", what) from None

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
        raise self._error(section, key, f"= {show(value)}: {what}", "a file that exists; its path relative to this file")

    def _get(self, section: str, key: str, default: Any) -> Any:
        place = self._data if section == "" else self._data.get(section, {})
        return place.get(key, default)

    def _one_line(self, section: str, key: str, longest: int) -> str:
        value = str(self._get(section, key, "")).strip()
        if not value or hidden(value) or len(value) > longest:
            allowed = f"one line of text, up to {longest} characters, all of them visible"
            raise self._error(section, key, f"= {show(value)} is not allowed", allowed)
        return value

    def _error(self, section: str, key: str, what: str, allowed: str, verb: str = "Allowed:") -> FieldError:
        line = self._lines.of(section, key)
        name = f"{section}.{key}" if section and key else key or f"[{section}]"
        where = f"{self._path.name}, line {line}" if line else self._path.name
        hint = f"{verb} {allowed}".strip().removesuffix(".")
        field = f"{section}.{key}" if section and key else key or section
        return FieldError(f"{where}: {name} {what}.", f"{hint}.", field, what, allowed)


def hidden(text: str) -> bool:
    """Has a text anything that is not seen, or that changes how others are?"""
    return any(unicodedata.category(character) in _HIDDEN for character in text)


def show(value: Any) -> str:
    """A value as it stands in the file, or nearly so."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 80 else f'"{value[:79]}…" ({len(value)} characters)'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"[{', '.join(show(item) for item in value[:3])}{', …' if len(value) > 3 else ''}]"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _show_kind(key: Key) -> str:
    return " or ".join(show(value) for value in key.allowed) or key.what
