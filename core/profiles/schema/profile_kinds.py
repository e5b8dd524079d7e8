"""Kinds of values that profiles alone have: names of folders, patterns, ages, templates."""

from __future__ import annotations

import re
from collections.abc import Callable

from core.problems.fields import EMPTY_NAME
from core.profiles import addresses, schedule, sizes, templates
from core.profiles import age as ages
from core.profiles.age import Age
from core.profiles.catchall import UNKNOWN_FOLDER
from core.profiles.people import CATCHALL
from core.profiles.rules import Rule
from core.profiles.schema.kinds import LONGEST_TEXT, Text, Texts, WrongValue, hidden, line, once

LONGEST_NAME = 100
LONGEST_USERNAME = 320
LONGEST_TARGET = 500


def _path(text: str) -> str:
    if not templates.is_path(text) or len(text) > LONGEST_TARGET:
        raise ValueError(text)
    return text


def _plain_path(text: str) -> str:
    if re.search(r"[{}]", text):
        raise ValueError(text)
    return _path(text)


def _pattern(text: str) -> str:
    if not Rule.valid(text):
        raise ValueError(text)
    return text


def _sought(text: str) -> str:
    if not text.strip("* ") or hidden(text) or len(text) > LONGEST_TEXT:
        raise ValueError(text)
    return text.strip()


def _user(text: str) -> str:
    if not text.strip():
        raise WrongValue("", EMPTY_NAME())
    return text.strip()


def _header(text: str) -> str:
    if not re.fullmatch(r"[!-9;-~]{1,78}", text.strip()):
        raise ValueError(text)
    return text.strip()


def _domain(text: str) -> str:
    addresses.check(f"x@{text.strip()}")
    return text.strip()


def _archive(text: str) -> str | None:
    name: str = line(LONGEST_NAME).check(text)
    return None if name.casefold() == CATCHALL else name


def _weekday(text: str) -> str:
    day = text.strip().lower()
    if day not in schedule.WEEKDAYS:
        raise ValueError(day)
    return day


def _listed(check: Callable[[str], str], each: str) -> Texts:
    return Texts(check=check, each=each, joint=", ", order=once)


NAME = line(LONGEST_NAME, first="-")
USER = line(LONGEST_NAME)
USERNAME = line(LONGEST_USERNAME)
FOLDER = Text("a path such as anna@example.test", _path, strict=True)
PLAIN_FOLDER = Text(f"a path such as {UNKNOWN_FOLDER}, without placeholders", _plain_path, strict=True)
ARCHIVE = Text(check=_archive, strict=True)
PATTERNS = Texts(check=_pattern, each="Name, Name/**, Projects/*, **/Old")
USERS = Texts(check=_user)
AGE = Text(ages.WHAT, Age.parse)
SIZE = Text(sizes.WHAT, sizes.parse, sizes.exact)
SOUGHT = Texts(check=_sought, each='texts such as "newsletter" or "*@example.test"', joint=", ")
TEMPLATE = Text(templates.WHAT, lambda text: templates.checked(text.strip()))
ADDRESSES = _listed(addresses.check, "addresses such as journal@example.test")
DOMAINS = _listed(_domain, "domains such as example.test")
HEADERS = _listed(_header, "names of header fields, such as To or X-Original-To")
WEEKDAYS = Texts(check=_weekday, each=", ".join(schedule.WEEKDAYS), joint=", ", order=schedule.in_order)
EVERY = Text(schedule.WHAT_EVERY, schedule.check_every)
DAILY = Text(schedule.WHAT_DAILY, schedule.check_daily)
CRON = Text(schedule.WHAT_CRON, schedule.check_cron)
ZONE = Text(schedule.WHAT_ZONE, schedule.check_zone)
