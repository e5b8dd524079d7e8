"""Lists of users: files of usual programs are read, and faults are named with their line."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.problems.command_line import COMMAND_LINE
from core.profiles import users_csv
from core.profiles.users_csv import CsvUser, read


def rows(text: str) -> list[CsvUser]:
    found = read(text.encode())
    assert found.faults == ()
    return list(found.rows)


def faults(text: str) -> list[str]:
    return [fault.told(COMMAND_LINE) for fault in read(text.encode()).faults]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_list_is_read_with_any_delimiter_line_end_and_mark(delimiter: str, end: str, mark: str) -> None:
    """As spreadsheets save it, with columns in any order."""
    lines = [["Login", "E-Mail", "NAME", "Full Name"], ["a", "anna@example.test", "anna", "Anna Ö."], ["", "", "bob", ""]]
    text = mark + end.join(delimiter.join(line) for line in lines)
    assert rows(text) == [
        CsvUser(2, "anna", ("anna@example.test",), "a", "Anna Ö."),
        CsvUser(3, "bob", (), "", ""),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "Benutzername;E-Mail;Anmeldename;Vollständiger Name",
        "Name;E-Mail-Adresse;Login;Vollsta\u0308ndiger_Name",
        "user;MAIL;login;full-name",
    ],
)
def test_columns_have_their_names_in_english_and_german(header: str) -> None:
    """In any case of letters, with blanks, hyphens and either way to write an umlaut."""
    assert rows(f"{header}\nanna;a@example.test;l;Anna\n") == [CsvUser(2, "anna", ("a@example.test",), "l", "Anna")]


def test_several_addresses_stand_in_one_field_or_in_several_columns() -> None:
    """Parted by blanks, commas or semicolons; that of the column email is the primary one; each is kept once."""
    text = 'alias,name,email,email2\n"c@x.test; d@x.test",anna,"a@x.test, A@x.test b@x.test",e@x.test\n'
    assert rows(text)[0].addresses == ("a@x.test", "b@x.test", "c@x.test", "d@x.test", "e@x.test")


def test_what_the_file_does_not_say_is_left_open() -> None:
    """A column that is not there is None, an empty field is an empty text; unknown columns are named."""
    found = read(b"name,login,Phone, Room \nanna,,1,2\n")
    assert found.rows == (CsvUser(2, "anna", None, "", None),)
    assert found.ignored == ("Phone", "Room")


def test_every_fault_is_named_with_its_line() -> None:
    """Counted in the file: rows of several lines, empty ones, other line ends; with what is allowed."""
    text = (
        'name,email,full_name\r\n\r\nanna,a@x.test,"Anna\r\nMuster"\r\n,b@x.test,\r\nbob,bob,\r\n'
        "Carl,c@x.test A@x.test,\nCARL,d@x.test,\nx/y,e@x.test,\nshort,f@x.test\nlong,g@x.test,,\n\ndora,c@x.test,\n"
    )
    assert faults(text) == [
        "line 3: 'Anna\\r\\nMuster' cannot be a login or a full name. One line of up to 200 characters.",
        "line 5: There is no name. Every user needs one.",
        'line 6: "bob" is not an e-mail address. Write it as name@domain.',
        "line 7: A@x.test stands in line 3 already. An address belongs to one user only.",
        'line 8: The name "CARL" stands in line 7 already. Each user has one row.',
        'line 9: "x/y" cannot be a user name. One line of up to 100 characters, without / and no - first.',
        "line 10: There are 2 fields. As many as columns are allowed: 3.",
        "line 11: There are 4 fields. As many as columns are allowed: 3.",
        "line 13: c@x.test stands in line 7 already. An address belongs to one user only.",
    ]
    assert [row.name for row in read(text.encode()).rows] == []


def test_quotes_that_do_not_end_are_a_fault_where_they_begin() -> None:
    """The rest cannot be parsed, so nothing after it is read as something else."""
    assert faults('name,email\nanna,a@x.test\nbob,"b@x.test\ncarl,c@x.test\n')[0].startswith("line 3: ")
    assert faults('name,email\nanna,"a"b\ncarl,carl\n')[0].startswith("line 2: ")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        ("name;email\njörg;a@x.test\n".encode("latin-1"), r"not UTF-8 text \(line 2\)"),
        ("name\n".encode("utf-16"), "not UTF-8"),
        (b"email,login\na@x.test,a\n", 'line 1: there is no column name, but "email", "login"'),
        (b"anna@x.test,anna\n", "there is no column name"),
        (b"Name,Benutzername\na,b\n", 'the columns "Name" and "Benutzername" mean the same'),
        (b"name,alias\na,b@x.test\n", "there is no column email"),
        pytest.param(b"name\n" + b"x" * users_csv.MOST_BYTES, "too large", id="bytes"),
        pytest.param(b"name\n" + b"x\n" * (users_csv.MOST_ROWS + 1), "more than 200,000", id="rows"),
    ],
)
def test_a_file_that_is_no_list_of_users_is_refused(data: bytes, words: str) -> None:
    """As a whole, with what to do."""
    with pytest.raises(InputError, match=words):
        read(data)


@given(
    st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12)), max_size=6), st.sampled_from(",;\t")
)
def test_any_text_is_read_or_named(fields: list[tuple[str, str, str]], delimiter: str) -> None:
    """For any text in well-formed rows: each becomes a user or has a fault at a line of its own."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(["name", "email", "full name"])
    writer.writerows(fields)
    found = read(file.getvalue().encode("utf-8", "replace"))
    seen = {row.line for row in found.rows} | {fault.line for fault in found.faults}
    assert len(seen) == sum(any(field.strip() for field in row) for row in fields)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No file ends the program."""
    for content in (data, b"name,email\n" + data):
        try:
            read(content)
        except InputError:
            continue
