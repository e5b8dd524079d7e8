"""Lists of users as CSV: read and checked row by row. Faults are reported with their line and the allowed values. Pure.

The first row names the columns, in English or German. Fields are separated by comma, semicolon or tab, whichever fits that row
best.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from core.errors import InputError
from core.problems import command_line, user_list
from core.problems.code import Face, Reason
from core.profiles import addresses, people
from core.text.normal import normal
from core.values import dataclass

MOST_BYTES = 10_000_000
MOST_ROWS = 200_000
DELIMITERS = ",;\t"
NAME, EMAIL, MORE, LOGIN, FULL_NAME = "name", "email", "alias", "login", "full_name"
#: The names of columns, without regard to case, blanks and word joiners.
HEADERS = {
    NAME: ("name", "username", "user", "benutzername", "benutzer"),
    EMAIL: ("email", "emails", "mail", "emailaddress", "mailaddress", "emailadresse", "mailadresse"),
    MORE: ("alias", "aliases", "aliase", *(f"email{number}" for number in range(2, 10))),
    LOGIN: ("login", "loginname", "anmeldename", "anmeldung"),
    FULL_NAME: ("fullname", "displayname", "vollständigername", "vollstaendigername", "anzeigename"),
}
_COLUMNS = {header: column for column, headers in HEADERS.items() for header in headers}
COLUMNS_ALLOWED = "name, email, email2, alias, login, full_name; name is required"


@dataclass(frozen=True, slots=True)
class RowFault:
    """The fault of the row that begins at ``line`` (from 1): its reason."""

    line: int
    why: Reason

    def as_json(self) -> dict[str, object]:
        return {"line": self.line, "text": command_line.told(self.why), "code": self.why.code.word}

    def told(self, face: Face) -> str:
        """Line, sentence and remedy."""
        return f"line {self.line}: {self.why.sentence(face)} {self.why.remedy(face)}"


@dataclass(frozen=True, slots=True)
class CsvUser:
    """A user in the row at ``line``; None where the file has no such column."""

    line: int
    name: str
    addresses: tuple[str, ...] | None
    login: str | None
    full_name: str | None


@dataclass(frozen=True, slots=True)
class UserList:
    """A parsed file: the valid rows, the faults of the others, the unknown columns."""

    rows: tuple[CsvUser, ...]
    faults: tuple[RowFault, ...]
    ignored: tuple[str, ...]


def read(data: bytes) -> UserList:
    """Read a file's bytes. Raises ``InputError`` when it is no list of users; wrong rows are ``faults``."""
    if len(data) > MOST_BYTES:
        raise InputError(user_list.TOO_LARGE(bytes=len(data), most=MOST_BYTES))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(user_list.NO_TEXT(line=line)) from None
    delimiter = _delimiter(text)
    records = _records(text, delimiter)
    first = next(records, None)
    if first is None:
        raise InputError(user_list.EMPTY(columns=COLUMNS_ALLOWED))
    line, header = first
    if isinstance(header, RowFault):
        raise InputError(user_list.NO_HEADER(why=header.why, columns=COLUMNS_ALLOWED))
    columns = [_COLUMNS.get(_plain(name)) for name in header]
    _check_header(line, header, columns)
    ignored = tuple(name.strip() for name, column in zip(header, columns, strict=True) if column is None)
    return _Reader(columns, len(header)).read(records, ignored)


def _plain(header: str) -> str:
    return re.sub(r"[\s_.-]+", "", normal("NFC", header)).casefold()


def _delimiter(text: str) -> str:
    """The separator that gives the most known columns in the first row, then the most columns."""

    def known(delimiter: str) -> tuple[int, int]:
        header = next((record for _, record in _records(text, delimiter) if not isinstance(record, RowFault)), [])
        return sum(_plain(name) in _COLUMNS for name in header), len(header)

    return max(DELIMITERS, key=known)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | RowFault]]:
    """Yield (first line, fields) of each non-empty row; an unreadable row ends it."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, RowFault(line, user_list.UNREAD_ROW(said=str(error)))
            return
        if any(field.strip() for field in record):
            yield line, record


def _check_header(line: int, header: Sequence[str], columns: Sequence[str | None]) -> None:
    for column in (NAME, EMAIL, LOGIN, FULL_NAME):
        if columns.count(column) > 1:
            names = " and ".join(f'"{name.strip()}"' for name, one in zip(header, columns, strict=True) if one == column)
            raise InputError(user_list.SAME_COLUMNS(line=line, names=names))
    if NAME not in columns:
        named = ", ".join(f'"{name.strip()[:40]}"' for name in header[:10])
        raise InputError(user_list.NO_NAME_COLUMN(line=line, names=named, columns=COLUMNS_ALLOWED))
    if MORE in columns and EMAIL not in columns:
        raise InputError(user_list.NO_EMAIL_COLUMN(line=line, columns=COLUMNS_ALLOWED))


class _Reader:
    """Reads rows with these ``columns`` and remembers the rows of names and addresses."""

    def __init__(self, columns: Sequence[str | None], width: int) -> None:
        self._columns = columns
        self._width = width
        # The primary address first, wherever its column stands.
        self._emails = [i for wanted in (EMAIL, MORE) for i, column in enumerate(columns) if column == wanted]
        self._names: dict[str, int] = {}
        self._addresses: dict[str, int] = {}
        self._faults: list[RowFault] = []

    def read(self, records: Iterator[tuple[int, list[str] | RowFault]], ignored: tuple[str, ...]) -> UserList:
        rows: list[CsvUser] = []
        for number, (line, record) in enumerate(records, 1):
            if number > MOST_ROWS:
                raise InputError(user_list.TOO_MANY(line=line, most=MOST_ROWS))
            if isinstance(record, RowFault):
                self._faults.append(record)
            elif row := self._row(line, record):
                rows.append(row)
        return UserList(tuple(rows), tuple(self._faults), ignored)

    def _row(self, line: int, record: list[str]) -> CsvUser | None:
        if len(record) != self._width:
            self._faults.append(RowFault(line, user_list.WRONG_WIDTH(count=len(record), width=self._width)))
            return None
        before = len(self._faults)
        name = self._name(line, record[self._columns.index(NAME)])
        emails = self._all_addresses(line, record) if self._emails else None
        login, full_name = (self._text(line, record, column) for column in (LOGIN, FULL_NAME))
        return CsvUser(line, name, emails, login, full_name) if len(self._faults) == before else None

    def _name(self, line: int, text: str) -> str:
        if not text.strip():
            self._faults.append(RowFault(line, user_list.NO_NAME()))
            return ""
        name = self._checked(line, people.check_name, text)
        first = self._names.setdefault(name.casefold(), line)
        if name and first != line:
            self._faults.append(RowFault(line, user_list.NAME_TWICE(name=name, first=first)))
        return name

    def _all_addresses(self, line: int, record: list[str]) -> tuple[str, ...]:
        found: dict[str, str] = {}
        for index in self._emails:
            for text in filter(None, re.split(r"[\s,;]+", record[index])):
                if address := self._checked(line, addresses.check, text):
                    found.setdefault(address.casefold(), address)
        for key, address in found.items():
            if (first := self._addresses.setdefault(key, line)) != line:
                self._faults.append(RowFault(line, user_list.ADDRESS_TWICE(address=address, first=first)))
        return tuple(found.values())

    def _text(self, line: int, record: list[str], column: str) -> str | None:
        return self._checked(line, people.check_text, record[self._columns.index(column)]) if column in self._columns else None

    def _checked(self, line: int, check: Callable[[str], str], text: str) -> str:
        try:
            return check(text)
        except InputError as error:
            self._faults.append(RowFault(line, error.reason))
            return ""
