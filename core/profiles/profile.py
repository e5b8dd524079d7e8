"""Archive profiles: the values, warnings about them, and their form in the ledger."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Any

from core.problems import warning
from core.problems.code import Face, Reason
from core.problems.command_line import COMMAND_LINE
from core.problems.profile import OWN_ADDRESS_UNKNOWN
from core.profiles import plain
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.plain import as_json
from core.profiles.rules import FolderRules
from core.profiles.schedule import Schedule
from core.profiles.selection import UserSelection
from core.secrets import Secret
from core.values import dataclass

MAX_CONNECTIONS = 16
#: The largest floor for the speed of a message, in bytes a second, and the largest daily share, in megabytes.
FASTEST, MOST_MEGABYTES = 1_000_000, 100_000_000
SLOWEST = 1000
#: Characters of the master password that count in old versions of Kerio Connect.
KERIO_CHARACTERS = 24


def name_key(name: str) -> str:
    """The key of a profile's name: equal for equal names, compared as in the catalog, without regard to the case of ASCII."""
    return "".join(character.lower() if character.isascii() else character for character in name)


class Access(StrEnum):
    """The connection to the server: plain, STARTTLS, or TLS from the first byte."""

    IMAP = "imap"
    IMAP_TLS = "imap-tls"
    IMAP_SSL = "imap-ssl"

    @property
    def port(self) -> int:
        return 993 if self is Access.IMAP_SSL else 143


class Kind(StrEnum):
    """The kind of a profile: one mailbox with its own password, many with one, or a catch-all mailbox."""

    MAILBOX = "mailbox"
    MAILBOXES = "mailboxes"
    CATCHALL = "catchall"


class Method(StrEnum):
    """The way of logging in. All but the first open any mailbox with one password."""

    PASSWORD = "password"
    KERIO_MASTER = "kerio-master"
    MASTER_USER = "master-user"
    PLAIN_AUTHZID = "plain-authzid"

    @property
    def master(self) -> bool:
        return self is not Method.PASSWORD


@dataclass(frozen=True, slots=True)
class Server:
    """The mail server. ``timeout`` in seconds; ``ca_file`` an own certificate authority (PEM), empty for the system's.

    ``slowest_bytes_a_second``: a message that is slower over a minute is given up. ``megabytes_a_day``: the most downloaded in
    a day; 0 for no limit.
    """

    host: str
    access: Access = Access.IMAP_SSL
    port: int = 0
    accept_all_certificates: bool = False
    ca_file: str = ""
    timeout: float = 300.0
    connections: int = 4
    slowest_bytes_a_second: int = SLOWEST
    megabytes_a_day: int = 0
    #: Mailboxes are visited by workers on other machines.
    workers: bool = False

    @property
    def effective_port(self) -> int:
        return self.port or self.access.port

    def source(self, login: str) -> str:
        """A mailbox's name: the same in every profile, and for each of IMAP's own ports.

        Another port may be another server: tunnels to several end at one host name.
        """
        port = self.effective_port
        own = "" if port in (Access.IMAP.port, Access.IMAP_SSL.port) else f":{port}"
        return f"imap://{login}@{self.host.lower()}{own}"


@dataclass(frozen=True, slots=True)
class Login:
    """The login: the mailbox's account, or the account that opens others. The password is never part of a profile."""

    username: str
    password_file: str = ""
    method: Method = Method.PASSWORD

    def doubts(self, password: Secret) -> list[Reason]:
        """Doubts about this password."""
        if self.method is not Method.KERIO_MASTER:
            return []
        found = []
        if not password.reveal().isascii():
            found.append(warning.MASTER_NOT_ASCII())
        if len(password.reveal()) > KERIO_CHARACTERS:
            found.append(warning.MASTER_LONG(most=KERIO_CHARACTERS))
        return found


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of a mailbox: the archive's user, and the top folder there."""

    user: str
    folder: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile: for one mailbox it has a ``target``, for many a ``selection`` of users, whose archives are the targets.

    With ``catchall`` it is for one mailbox whose messages go to their users' archives. Without a ``schedule`` it is run by hand
    alone.
    """

    name: str
    server: Server
    login: Login
    target: Target | None = None
    folders: FolderRules = field(default_factory=FolderRules)
    filter: Filter = field(default_factory=Filter)
    deletion: Deletion = field(default_factory=Deletion)
    selection: UserSelection | None = None
    schedule: Schedule | None = None
    #: Users are synchronised with the directory before each run.
    sync_directory_first: bool = False
    catchall: CatchAll | None = None

    @property
    def kind(self) -> Kind:
        if self.catchall is not None:
            return Kind.CATCHALL
        return Kind.MAILBOX if self.selection is None else Kind.MAILBOXES

    @property
    def account(self) -> str:
        """The owner of the password, for display."""
        return self.login.username or "the master login"

    @property
    def by_age(self) -> bool:
        """True when a rule depends on message ages, so that the clock must be right."""
        return bool(self.deletion.age or self.filter.older_than or self.filter.newer_than)

    @property
    def automatic(self) -> bool:
        """True when its schedule starts it."""
        return self.schedule is not None and self.schedule.automatic

    def starts(self) -> str:
        """Its start in words: ``manual``, or the schedule, marked when it is switched off."""
        if self.schedule is None:
            return "manual"
        return self.schedule.sentence() if self.automatic else f"manual (off: {self.schedule.sentence()})"

    def warnings(self) -> list[Reason]:
        """Warnings about allowed but unsafe settings; shown with every run."""
        found, master = [], self.login.method.master
        if self.server.accept_all_certificates:
            found.append(warning.ALL_CERTIFICATES_MASTER if master else warning.ALL_CERTIFICATES)
        if self.server.access is Access.IMAP:
            found.append(warning.NO_TLS_MASTER if master else warning.NO_TLS)
        if self.deletion.active and self.deletion.shared and self.folders.includes_public:
            found.append(warning.DELETES_PUBLIC)
        if self.deletion.active and self.deletion.shared:
            found.append(warning.DELETES_SHARED)
        return [code(profile=self.name) for code in found]

    def advice(self, face: Face = COMMAND_LINE) -> list[str]:
        """Advice on possibly unintended settings; shown when the profile is saved or tested."""
        found = []
        if self.catchall is not None:
            found.append(self.catchall.sentence())
            if not self.catchall.own(self.login.username):
                unknown = OWN_ADDRESS_UNKNOWN()
                found.append(f"{unknown.sentence(face)} {unknown.remedy(face)}")
        if self.deletion.active:
            found.append(self.deletion.sentence())
            found += filter(None, [self.held_back()])
        if self.sync_directory_first:
            found.append("Before each run users are synchronised with the directory, so that new ones are archived at once.")
        if self.folders.excludes_trash:
            found.append("The trash is excluded: mail that only ever lay there is not archived.")
        return found

    def held_back(self) -> str:
        """The messages kept in spite of the deletion rule, in a sentence; empty for none."""
        if self.catchall is None:
            return ""
        if self.catchall.unknown is UnknownPolicy.ARCHIVE:
            return "What is for unknown addresses in our domains is deleted only while its copy is in the catch-all archive."
        return "What is for an unknown address in our domains stays until the address has a user, or is said to be not ours."

    def _server_as_json(self) -> dict[str, Any]:
        value = as_json(self.server)
        if not self.server.workers:
            # A definition without workers is what it was before there were any.
            del value["workers"]
        return value

    def as_json(self) -> dict[str, Any]:
        """The definition as kept in the ledger; the reverse of ``from_json``."""
        value: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind.value,
            "server": self._server_as_json(),
            "login": as_json(self.login),
            "folders": {
                "include": [rule.pattern for rule in self.folders.include],
                "exclude": [rule.pattern for rule in self.folders.exclude],
            },
            "filter": as_json(self.filter),
            "delete": as_json(self.deletion),
        }
        if self.target is not None:
            value["target"] = as_json(self.target)
        if self.selection is not None:
            value["users"] = self.selection.as_json() | {"sync_directory_first": self.sync_directory_first}
        if self.catchall is not None:
            value["catchall"] = as_json(self.catchall)
            value["users"] = {"sync_directory_first": self.sync_directory_first}
        if self.schedule is not None:
            value["schedule"] = as_json(self.schedule)
        return value


def from_json(definition: dict[str, Any]) -> Profile:
    """Decode a saved profile. Raises ``KeyError`` or ``ValueError`` for anything that ``as_json`` never made."""
    return Profile(
        definition["name"],
        plain.from_json(Server, definition["server"]),
        plain.from_json(Login, definition["login"]),
        plain.from_json(Target, definition["target"]) if "target" in definition else None,
        FolderRules.of(definition["folders"]["include"], definition["folders"]["exclude"]),
        plain.from_json(Filter, definition["filter"]),
        plain.from_json(Deletion, definition["delete"]),
        UserSelection.from_json(definition["users"]) if "mode" in definition.get("users", {}) else None,
        plain.from_json(Schedule, definition["schedule"]) if "schedule" in definition else None,
        # Older definitions have no directory.
        definition.get("users", {}).get("sync_directory_first", False),
        plain.from_json(CatchAll, definition["catchall"]) if "catchall" in definition else None,
    )
