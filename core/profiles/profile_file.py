"""Profile files: TOML, read and checked key by key. What is wrong is named with its line and with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.profiles import addresses, routing, sizes, templates
from core.profiles import age as ages
from core.profiles import schedule as schedules
from core.profiles.age import Age
from core.profiles.catchall import UNKNOWN_FOLDER, CatchAll, Unknown
from core.profiles.deletion import Deletion, OnTrash, When
from core.profiles.filter import Filter, Flagged, Seen
from core.profiles.keys import DAY, KEYS, OWN, REQUIRED, REQUIRED_OF_MAILBOX, SIZE
from core.profiles.people import CATCHALL
from core.profiles.profile import (
    FASTEST,
    MAX_CONNECTIONS,
    MOST_MEGABYTES,
    SLOWEST,
    Access,
    Kind,
    Login,
    Method,
    Profile,
    Server,
    Target,
)
from core.profiles.rules import FolderRules, Rule
from core.profiles.schedule import Schedule
from core.profiles.selection import Mode, Selection
from core.profiles.settings_file import LONGEST_TEXT, Reader, hidden, load, read_text, show

LONGEST_NAME = 100
LONGEST_USERNAME = 320
LONGEST_TARGET = 500


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile file, read and checked. ``password_env`` names the variable that holds the password at this moment."""

    profile: Profile
    password_env: str = ""


def read(path: Path) -> ProfileFile:
    """Read and check a profile file. Raises ``InputError`` naming file, line, key and what is allowed."""
    return parse(read_text(path, "a profile"), path)


def parse(text: str, path: Path) -> ProfileFile:
    """Check the text of a profile file; ``path`` is for messages and for files named relative to it."""
    return _ProfileReader(text, path, load(text, path)).profile_file()


def check(data: dict[str, Any]) -> Profile:
    """The profile of what would stand in a profile file. Raises ``FieldError``; files are named from the working folder."""
    return _ProfileReader("", Path("profile"), data).profile_file().profile


class _ProfileReader(Reader):
    """Makes a profile of the data of one file."""

    keys = KEYS

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
            raise self._error("", "name", f"= {show(name)} is not allowed", "a text that does not begin with -")
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

    def _server(self) -> Server:
        host = self._host()
        access = Access(self._get("server", "access", Access.IMAP_SSL.value))
        port = self._port()
        timeout = self._get("server", "timeout", 300)
        if not 1 <= timeout <= 86400:
            raise self._error("server", "timeout", f"= {show(timeout)} is not allowed", "seconds, from 1 to 86400")
        connections = int(self._number("server", "connections", 4, 1, MAX_CONNECTIONS))
        accept_all, ca_file = self._certificates(access.value, access is not Access.IMAP, "imap-tls or imap-ssl")
        slowest = int(self._number("server", "slowest_bytes_a_second", SLOWEST, 1, FASTEST))
        a_day = int(self._number("server", "megabytes_a_day", 0, 0, MOST_MEGABYTES))
        return Server(host, access, port, accept_all, ca_file, float(timeout), connections, slowest, a_day)

    def _login(self, kind: Kind) -> Login:
        method = Method(self._get("login", "method", Method.PASSWORD.value))
        if method.master != (kind is Kind.MAILBOXES):
            masters = ", ".join(one.value for one in Method if one.master)
            if method.master:
                what = f"= {show(method.value)} is for kind mailboxes"
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
                "users", "list", f"is missing or empty with mode = {show(mode.value)}", 'list = ["anna"]', "Write"
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
            raise self._error("catchall", key, f"= {show(text)} is not allowed", templates.WHAT) from None

    def _unknown_folder(self) -> str:
        folder = str(self._get("catchall", "unknown_folder", "")) or UNKNOWN_FOLDER
        if not templates.is_path(folder) or re.search(r"[{}]", folder) or len(folder) > LONGEST_TARGET:
            what = f"= {show(folder)} is not allowed"
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
                raise self._error("catchall", key, f"= {show(text)} is not allowed", allowed) from None
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
                "delete", "age", f"has no meaning with when = {show(when.value)}", 'when = "older-than", or no age'
            )
        for key in ("trash_too", "without_uidplus", "shared"):
            if self._get("delete", key, False) and when is When.NEVER:
                raise self._error("delete", key, 'has no meaning with when = "never"', "immediately or older-than as when")
        on_trash = OnTrash(self._get("delete", "on_trash", OnTrash.KEEP.value))
        trash_too, *others = (self._get("delete", key, False) for key in ("trash_too", "without_uidplus", "shared"))
        return Deletion(when, age, trash_too, on_trash, *others)

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
            raise self._error("schedule", "weekdays", f"= {show(wrong)} is not allowed", allowed) from None

    def _age(self, section: str, key: str) -> Age | None:
        return self._parsed(section, key, Age.parse, ages.WHAT)

    def _day(self, key: str) -> date | None:
        value = self._get("filter", key, "")
        if isinstance(value, datetime):
            raise self._error("filter", key, f"= {show(value)} is not allowed", DAY.what)
        return value if isinstance(value, date) else self._parsed("filter", key, date.fromisoformat, DAY.what)

    def _size(self, key: str) -> int:
        return self._parsed("filter", key, sizes.parse, SIZE.what) or 0

    def _texts(self, key: str) -> tuple[str, ...]:
        found = self._get("filter", key, [])
        for text in found:
            if not text.strip("* ") or hidden(text) or len(text) > LONGEST_TEXT:
                raise self._error(
                    "filter", key, f"= {show(text)} is not allowed", 'texts such as "newsletter" or "*@example.test"'
                )
        return tuple(text.strip() for text in found)

    def _target_folder(self) -> str:
        folder = str(self._get("target", "folder", "")) or self._one_line("login", "username", LONGEST_USERNAME)
        levels = folder.split("/")
        wrong = any(level.strip() != level or level in ("", ".", "..") for level in levels)
        if wrong or hidden(folder) or len(folder) > LONGEST_TARGET:
            raise self._error("target", "folder", f"= {show(folder)} is not allowed", "a path such as anna@example.test")
        return folder

    def _folder_rules(self) -> FolderRules:
        for key in ("include", "exclude"):
            for pattern in self._get("folders", key, []):
                if not Rule.valid(pattern):
                    raise self._error("folders", key, f"= {show(pattern)} is not allowed", "Name, Name/**, Projects/*, **/Old")
        return FolderRules.of(self._get("folders", "include", []), self._get("folders", "exclude", []))


def checked_name(text: str) -> str:
    """``text`` as the name of a profile. Raises ``InputError``."""
    name = text.strip()
    if not name or hidden(name) or len(name) > LONGEST_NAME or name.startswith("-"):
        raise InputError(
            f"{show(text)} cannot be the name of a profile.",
            f"Allowed: one line of text, up to {LONGEST_NAME} characters, all of them visible, not beginning with -.",
        )
    return name
