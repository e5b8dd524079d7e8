"""Lists of users (CSV) that are imported: a file that is none, and faults of its rows."""

from __future__ import annotations

from core.problems.code import Code, Family

_COLUMNS = "Columns: {columns}."
_ONE_ROW = "Each user has one row."
_ONE_USER = "An address belongs to one user only."

TOO_LARGE = Code(
    "user-list-too-large",
    "The file is too large ({bytes:number} bytes).",
    "Up to {most:number} bytes; import it in parts.",
    Family.INPUT,
)
NO_TEXT = Code("user-list-no-text", "The file is not UTF-8 text (line {line}).", 'Save it as "CSV UTF-8".', Family.INPUT)
EMPTY = Code("user-list-empty", "The file is empty.", f"Its first row names the columns. {_COLUMNS}", Family.INPUT)
NO_HEADER = Code("user-list-no-header", "The first row cannot be read: {why}", _COLUMNS, Family.INPUT)
SAME_COLUMNS = Code(
    "user-list-same-columns",
    "line {line}: the columns {names} mean the same.",
    "Leave one of them, or rename it.",
    Family.INPUT,
)
NO_NAME_COLUMN = Code("user-list-no-name-column", "line {line}: there is no column name, but {names}.", _COLUMNS, Family.INPUT)
NO_EMAIL_COLUMN = Code(
    "user-list-no-email-column",
    "line {line}: there are more addresses, but there is no column email.",
    _COLUMNS,
    Family.INPUT,
)
TOO_MANY = Code(
    "user-list-too-long", "line {line}: there are more than {most:number} users.", "Import them in parts.", Family.INPUT
)
UNREAD_ROW = Code(
    "row-unread",
    "{said}.",
    "A field with quotes in it is quoted, and its quotes doubled. What follows was not read.",
    Family.INPUT,
)
WRONG_WIDTH = Code("row-of-other-width", "There are {count} fields.", "As many as columns are allowed: {width}.", Family.INPUT)
NO_NAME = Code("row-without-name", "There is no name.", "Every user needs one.", Family.INPUT)
NAME_TWICE = Code("row-name-twice", 'The name "{name}" stands in line {first} already.', _ONE_ROW, Family.INPUT)
ADDRESS_TWICE = Code("row-address-twice", "{address} stands in line {first} already.", _ONE_USER, Family.INPUT)
