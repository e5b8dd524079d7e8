"""The fields of profile files and of the wizard's pages: server and login. The rest is in ``profile_rules``."""

from __future__ import annotations

from functools import partial

from core.problems import fields
from core.profiles.profile import FASTEST, MAX_CONNECTIONS, MOST_MEGABYTES, SLOWEST, Access, Kind, Method
from core.profiles.schema.kinds import PORT, Choice, File, Flag, Number, Text, host
from core.profiles.schema.kinds import ValueKind as AnyText
from core.profiles.schema.profile_kinds import FOLDER, NAME, PATTERNS, USER, USERNAME
from core.profiles.schema.table import CERTIFIED, ONE_PASSWORD, Always, By, Field, Where, While

_MANY = While("kind", (Kind.MAILBOXES,))
_VISITED = While("kind", (Kind.MAILBOX, Kind.MAILBOXES), fields.FOR_KINDS(kinds="mailbox and mailboxes", allowed=""))
_WITH_TLS = While("server.access", (Access.IMAP_TLS, Access.IMAP_SSL))
_of_server = partial(Field, page="Server")
_of_login = partial(Field, page="Login")
_of_folders = partial(Field, page="Folders", where=Where.FILE, told=True, label="the rules")

TOP = (
    Field("name", NAME, page="Name", needed=(Always('name = "Alice"'),), label="Profile name"),
    Field(
        "kind",
        Choice(members=Kind),
        needed=(Always('kind = "mailbox"'),),
        page="Kind",
        label="Archive",
        options={
            Kind.MAILBOX: "one mailbox, with its own password",
            Kind.MAILBOXES: "many mailboxes, with one master password",
            Kind.CATCHALL: "one mailbox that gets everybody's mail (catch-all)",
        },
        column=True,
        note=By(
            "kind",
            {
                Kind.MAILBOXES: "Kerio Connect: switch master authentication on first; the guide shows where. Other servers "
                "need a master user. The users and their e-mail addresses come next.",
                Kind.CATCHALL: "The mail server puts a copy of everybody's mail into it; the guide shows how. Each message "
                "goes into the archives of its sender and of all its recipients.",
            },
            "You need the account's user name and password, and the server's name.",
        ),
    ),
)
SERVER = (
    _of_server(
        "server.host",
        Text(check=host),
        needed=(Always('host = "mail.example.test" in [server]'),),
        label="Server name",
        hint="e.g. mail.example.com",
    ),
    _of_server(
        "server.access",
        Choice(members=Access),
        Access.IMAP_SSL,
        told=True,
        label="Access via",
        options={Access.IMAP_SSL: "IMAP-SSL", Access.IMAP_TLS: "IMAP-TLS", Access.IMAP: "IMAP"},
        note=By(
            "server.access",
            {
                Access.IMAP_SSL: "TLS from the first byte. The usual choice.",
                Access.IMAP_TLS: "Begins in plain text and changes to TLS (STARTTLS) before anything is said.",
            },
            "Without encryption: password and mail can be read by anyone in between.",
        ),
    ),
    _of_server(
        "server.port",
        PORT,
        0,
        label="Port",
        note=By("server.access", {Access.IMAP_SSL: "Empty: 993, the usual one."}, "Empty: 143, the usual one."),
    ),
    _of_server(
        "server.accept_all_certificates",
        Flag(),
        False,
        beside=(_WITH_TLS,),
        told=True,
        label="Certificates",
        tick="accept all certificates",
        note=By(
            "server.accept_all_certificates",
            {True: "! Anyone in between can pose as the server. Home and every result warn of it. Better: its CA file."},
        ),
    ),
    _of_server(
        "server.ca_file",
        File(),
        "",
        beside=(CERTIFIED,),
        shown=(_WITH_TLS,),
        label="Own CA file",
        hint="a PEM file, for a certificate that is not public",
    ),
    _of_server(
        "server.timeout",
        Number("seconds, from 1 to 86400", 1, 86400, fraction=True),
        300.0,
        told=True,
        label="Timeout",
        note="Seconds. Change it only for very slow servers.",
    ),
    _of_server(
        "server.connections",
        Number(f"a number from 1 to {MAX_CONNECTIONS}", 1, MAX_CONNECTIONS),
        4,
        shown=(While("login.method", tuple(method for method in Method if method.master)),),
        told=True,
        label="At once",
        note=f"Mailboxes archived at the same time, up to {MAX_CONNECTIONS}.",
    ),
    _of_server(
        "server.slowest_bytes_a_second",
        Number(f"a number from 1 to {FASTEST}", 1, FASTEST),
        SLOWEST,
        label="Slowest",
        note="Bytes a second; slower messages are given up and named.",
    ),
    _of_server(
        "server.megabytes_a_day",
        Number(f"a number from 0 (no limit) to {MOST_MEGABYTES}", 0, MOST_MEGABYTES),
        0,
        label="MB a day",
        note="Downloaded at most, for servers that count. Empty: no limit.",
    ),
    _of_server(
        "server.workers",
        Flag(),
        False,
        beside=(_VISITED, While("server.megabytes_a_day", (0,), fields.EXCLUDED(other="server.megabytes_a_day"))),
        where=Where.FILE,
        label="workers",
    ),
)
TARGET = (
    Field(
        "target.user",
        USER,
        needed=(Always('user = "alice" in [target]'),),
        where=Where.FILE,
        page="Target",
        label="the archive",
    ),
    _of_login("target.folder", FOLDER, label="E-mail address", note="Names the mailbox's folder in the archive."),
)
LOGIN = (
    _of_login(
        "login.method",
        Choice(members=Method),
        Method.PASSWORD,
        shown=(_MANY,),
        told=True,
        label="Opened with",
        options={
            Method.KERIO_MASTER: "Kerio Connect's master password",
            Method.MASTER_USER: "A master user, as Dovecot has (user*master)",
            Method.PLAIN_AUTHZID: "SASL PLAIN with authorisation id (Cyrus and others)",
        },
        column=True,
    ),
    _of_login(
        "login.username",
        USERNAME,
        "",
        needed=(
            While("login.method", (Method.PASSWORD,), allowed='username = "alice@example.test" in [login]'),
            While(
                "login.method",
                (Method.MASTER_USER, Method.PLAIN_AUTHZID),
                allowed='username = "master", the account that may open the others, in [login]',
            ),
        ),
        shown=(While("login.method", (Method.PASSWORD, Method.MASTER_USER, Method.PLAIN_AUTHZID)),),
        label=By("kind", {Kind.MAILBOXES: "Master account"}, "User name"),
        note=By(
            "kind",
            {
                Kind.MAILBOX: "Empty: the e-mail address.",
                Kind.MAILBOXES: "The account that may open the others.",
                Kind.CATCHALL: "Usually the mailbox's e-mail address. If not, name its address on the page Filing.",
            },
        ),
    ),
    _of_login("login.password", AnyText(), where=Where.FORM, label=By("kind", {Kind.MAILBOXES: "Master password"}, "Password")),
    _of_login("login.password_file", File(), "", where=Where.FILE, label="the password"),
    _of_login(
        "login.password_env",
        AnyText(),
        beside=(ONE_PASSWORD,),
        where=Where.FILE,
        label="the password",
    ),
)
FOLDERS = (
    _of_folders("folders.include", PATTERNS, ()),
    _of_folders("folders.exclude", PATTERNS, ()),
)
ACCOUNT = (*TOP, *SERVER, *TARGET, *LOGIN, *FOLDERS)
