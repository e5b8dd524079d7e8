"""Codes and reasons: a code is the kind of a problem, a reason is a code with the values of one case.

Templates are those of ``str.format`` with names for values, with format specs:

    {host}                    as it is; a reason within another one is its sentence
    {count:number}            1,240
    {count:message}           1 message, 1,240 messages
    {count:message is|messages are}
    {size:bytes}              137 MB
    {until:moment}            ISO 8601 as local time, to the minute
    {until:time}              ISO 8601 as local time of the day, to the second
    {why:clause}              the sentence of a reason without the full stop of its template; a text as it is
    {near:meant}              Is "daily" meant?, with a blank behind it; nothing for an empty value
    {why:remedy}              the remedy of the reason that is the value
    {do:enter-password}       a sentence of the face about an action, written by ``f"{Do.ENTER_PASSWORD}"``
    {setting:server.ca_file}  what the face calls a key of a settings file, written by ``f"{Setting('server.ca_file')}"``
    {other:setting}           what it calls the key that is the value, with the key's value behind =
    {field:field}             what it calls the field of a settings file or form that is the value, ``section.key``
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import datetime
from enum import Enum, IntEnum
from functools import cache
from string import Formatter
from typing import Any, Protocol, TypeAlias

from core.text.format import counted, number, size
from core.values import dataclass


class Family(IntEnum):
    """The reach of a problem, and exit code of a command that meets it; after an ``ITEM`` the work continues.

    A ``WARNING`` changes neither the result nor the exit code; an ``EVENT`` is no problem.
    """

    EVENT = -1
    WARNING = 0
    ITEM = 1
    INPUT = 2
    FAILURE = 3
    DAMAGE = 4
    BUSY = 5


class Do(Enum):
    """Actions in remedies. Each face has a sentence for each of them."""

    ENTER_PASSWORD = "enter-password"
    CHANGE_PROFILE = "change-profile"
    TRY_CONNECTION = "try-connection"
    TRY_DELETION = "try-deletion"
    RUN_AGAIN = "run-again"
    LIST_MISSING = "list-missing"
    CHANGE_LOGIN_NAME = "change-login-name"
    CHANGE_ADDRESS = "change-address"
    CHANGE_SELECTION = "change-selection"
    ADD_USER = "add-user"
    READ_MASTER_GUIDE = "read-master-guide"
    VERIFY = "verify"
    VERIFY_NOW = "verify-now"
    REPAIR = "repair"
    BACK_UP = "back-up"
    SET_BACKUPS = "set-backups"
    REBUILD = "rebuild"
    ADOPT_BACKUP = "adopt-backup"
    CHOOSE_HOME = "choose-home"
    LIST_PLACES = "list-places"
    ENTER_PLACE_PASSWORD = "enter-place-password"
    PASTE_SEAL = "paste-seal"
    LIST_USERS = "list-users"
    LIST_FOLDERS = "list-folders"
    TRY_QUERY = "try-query"
    CHOOSE_OWNER = "choose-owner"
    CHOOSE_FORMAT = "choose-format"
    INDEX_ANEW = "index-anew"
    ADD_PROFILE = "add-profile"
    ADD_SCHEDULE = "add-schedule"
    CANCEL_RUN = "cancel-run"
    CHANGE_USER = "change-user"
    BRING_BACK_USER = "bring-back-user"
    LIST_UNKNOWN = "list-unknown"
    SET_UP_DIRECTORY = "set-up-directory"
    ENTER_DIRECTORY_PASSWORD = "enter-directory-password"
    SET_UP_PLACE = "set-up-place"
    RENEW_UNIT = "renew-unit"
    FORCE_SYNCHRONISATION = "force-synchronisation"
    CHOOSE_MAILBOX = "choose-mailbox"
    CHOOSE_FOLDER = "choose-folder"
    CHOOSE_TARGET_FOLDER = "choose-target-folder"
    SHOW_PROFILE_USERS = "show-profile-users"
    STOP_SERVICE = "stop-service"
    SHOW_SERVICE = "show-service"
    START_SERVICE = "start-service"
    RUN = "run"
    LIST_RUNS = "list-runs"
    LIST_ENTRIES = "list-entries"
    ADD_PLACE = "add-place"
    SEND_SEAL = "send-seal"
    CHOOSE_OTHER_HOME = "choose-other-home"
    BEGIN_ARCHIVE = "begin-archive"
    ENTER_PASSWORDS = "enter-passwords"
    TYPE_PASSWORD = "type-password"
    NAME_TRIED_USER = "name-tried-user"
    IGNORE_ADDRESS = "ignore-address"
    FILE_MAIL = "file-mail"
    COMPARE_DEEPLY = "compare-deeply"
    ACCEPT_STATE = "accept-state"
    KEEP_BY_HAND = "keep-by-hand"
    ACCEPT_STORED_SEALS = "accept-stored-seals"
    PUT_SEALS_AGAIN = "put-seals-again"
    SHOW_STORAGE = "show-storage"
    SET_STORAGE = "set-storage"
    REPAIR_STORAGE = "repair-storage"
    SET_UP_CLUSTER = "set-up-cluster"
    SHOW_CLUSTER = "show-cluster"
    ADOPT_CLUSTER = "adopt-cluster"
    CHECK_STORAGE = "check-storage"
    PULL_VOLUMES = "pull-volumes"

    def __format__(self, spec: str) -> str:
        return f"{{do:{self.value}}}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of a settings file, ``section.key``, in a remedy; with a ``value``: the key set to that.

    Keys of directories with another label than the same key of profiles begin with ``directory``.
    """

    key: str
    value: str = ""

    def __format__(self, spec: str) -> str:
        return f"{{setting:{self.key}{f'={self.value}' if self.value else ''}}}"


class Face(Protocol):
    """The words of one face of the program (command line, console) for actions and settings in templates."""

    def action(self, do: Do) -> str:
        """The sentence, or sentences, on how to do it."""

    def setting(self, setting: Setting) -> str:
        """The name of a setting, or the name with its value."""

    def field(self, name: str) -> str:
        """The name of a field, ``section.key``, where it is what a sentence is about; of a section ``[section]``."""


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of problem: a stable ``word``, a template of the sentence, a template of the remedy."""

    word: str
    sentence: str
    remedy: str
    family: Family = Family.FAILURE

    def __call__(self, **values: Value) -> Reason:
        """A case of it. Raises ``TypeError`` unless ``values`` are those of the templates."""
        if values.keys() != self.names:
            raise TypeError(f"{self.word} takes {sorted(self.names)}, not {sorted(values)}")
        for name, spec in (place for one in (self.sentence, self.remedy) for place in _places(one)):
            if spec in _STAMPS and not isinstance(values[name], str):
                raise TypeError(f"{self.word}: {name} is a moment in ISO 8601")
        return Reason(self, values)

    @property
    def names(self) -> frozenset[str]:
        """The names of the templates' values."""
        found = (name for one in (self.sentence, self.remedy) for name, _ in _places(one))
        return frozenset(name for name in found if name not in _OF_FACES)

    @property
    def actions(self) -> frozenset[Do]:
        """The actions in the templates."""
        return frozenset(Do(spec) for one in (self.sentence, self.remedy) for name, spec in _places(one) if name == "do")

    @property
    def settings(self) -> frozenset[Setting]:
        """The settings in the templates."""
        found = (spec for one in (self.sentence, self.remedy) for name, spec in _places(one) if name == "setting")
        return frozenset(_setting(spec) for spec in found)


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason of a failure: a ``code`` and the values of this case."""

    code: Code
    values: Mapping[str, Value] = field(default_factory=dict)

    def sentence(self, face: Face) -> str:
        """The sentence of the problem. Text from outside may be in it, and is not safe for a terminal yet."""
        return _filled(self.code.sentence, self.values, face)

    def remedy(self, face: Face) -> str:
        """The remedy; may be empty."""
        return _filled(self.code.remedy, self.values, face)

    def as_json(self) -> dict[str, Any]:
        """``{"code": word, "values": {…}}``; a reason within it likewise."""
        return {"code": self.code.word, "values": {name: _plain(value) for name, value in self.values.items()}}


#: A value of a template's placeholder.
Value: TypeAlias = "str | int | tuple[str, ...] | Reason"

#: Names in templates that are no values.
_OF_FACES = frozenset({"do", "setting"})


@cache
def pieces(template: str) -> tuple[tuple[str, str | None, str], ...]:
    """The template as literal texts, each with name and spec of the placeholder after it; the last name is None."""
    return tuple((literal, name, spec or "") for literal, name, spec, _ in Formatter().parse(template))


def _places(template: str) -> Iterator[tuple[str, str]]:
    return ((name, spec) for _, name, spec in pieces(template) if name is not None)


def _setting(spec: str) -> Setting:
    key, _, value = spec.partition("=")
    return Setting(key, value)


def _plain(value: Value) -> Any:
    return value.as_json() if isinstance(value, Reason) else list(value) if isinstance(value, tuple) else value


def _filled(template: str, values: Mapping[str, Any], face: Face) -> str:
    parts = []
    for literal, name, spec in pieces(template):
        parts.append(literal)
        if name == "do":
            parts.append(face.action(Do(spec)))
        elif name == "setting":
            parts.append(face.setting(_setting(spec)))
        elif name is not None:
            parts.append(_written(values[name], spec, face))
    return "".join(parts).strip()


_FORMS: dict[str, Callable[[Any], str]] = {
    "number": number,
    "bytes": size,
    "moment": lambda stamp: f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M}",
    "time": lambda stamp: f"{datetime.fromisoformat(stamp).astimezone():%H:%M:%S}",
    "meant": lambda name: f'Is "{name}" meant? ' if name else "",
}
#: Of these the value is a moment in ISO 8601.
_STAMPS = frozenset({"moment", "time"})
#: Words for how a value is written; any other one is a noun that is counted.
FORMS = frozenset({*_FORMS, "clause", "remedy", "setting", "field"})


def _clause(reason: Reason, face: Face) -> str:
    """The sentence of a reason for the middle of another one: what its values end with, such as words of a server, stays."""
    template = reason.code.sentence
    _, name, spec = pieces(template)[-1]
    if name is not None and not spec:
        template = f"{template.removesuffix(f'{{{name}}}')}{{{name}:clause}}"
    return _filled(template.removesuffix("."), reason.values, face)


def _written(value: Any, spec: str, face: Face) -> str:
    if isinstance(value, Reason):
        if spec == "remedy":
            return value.remedy(face)
        value = _clause(value, face) if spec == "clause" else value.sentence(face)
    elif isinstance(value, tuple):
        value = ", ".join(value)
    if spec in ("", "clause"):
        return str(value)
    if spec == "setting":
        return face.setting(_setting(value))
    if spec == "field":
        return face.field(value)
    if spec in _FORMS:
        return _FORMS[spec](value)
    noun, _, plural = spec.partition("|")
    return counted(value, noun, plural)
