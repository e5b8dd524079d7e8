"""The fields of directory files, and their lines on the console's page Directory."""

from __future__ import annotations

from functools import partial

from core.problems import fields
from core.profiles import ldap_filter
from core.profiles.directory import GUARD, TIMEOUT, DirectoryAccess, DirectoryKind, LeaverPolicy
from core.profiles.schema.kinds import PORT, Choice, File, Flag, Number, Text, Texts, WrongValue, host, line
from core.profiles.schema.kinds import ValueKind as AnyText
from core.profiles.schema.table import CERTIFIED, ONE_PASSWORD, Always, By, Values, Where, While
from core.profiles.schema.table import Field as AnyField
from core.text.patterns import pattern

LONGEST_DN = 1000
LONGEST_FILTER = 4000
LONGEST_ATTRIBUTE = 100
_WORDS, _UNESCAPED = pattern(r"[,;\s]"), pattern(r"(?<!\\);")
_LDAP = (DirectoryKind.ACTIVE_DIRECTORY, DirectoryKind.LDAP)
Field = partial(AnyField, page="Directory")


def _base_dn(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_DN or not text.isprintable() or "=" not in text:
        raise ValueError(text)
    return text


def _filter(text: str) -> str:
    try:
        if len(text) > LONGEST_FILTER:
            raise ValueError("it is too long")
        return ldap_filter.check(text)
    except ValueError as error:
        raise WrongValue("", fields.NO_FILTER(said=str(error), allowed=ldap_filter.WHAT)) from None


def _named(text: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_DN or not text.isprintable():
        raise ValueError(text)
    return text


def _attribute(text: str) -> str:
    text = text.strip()
    if not text.isascii() or not text.replace("-", "").isalnum() or len(text) > LONGEST_ATTRIBUTE:
        raise ValueError(text)
    return text


def access(values: Values) -> DirectoryAccess:
    """The default access of a kind of directory."""
    return DirectoryAccess.HTTPS if values.get("type") == DirectoryKind.KERIO else DirectoryAccess.LDAP_SSL


def _port(values: Values) -> str:
    if values.get("type") == DirectoryKind.KERIO:
        return f"Empty: {DirectoryAccess.HTTPS.port}, the usual one."
    port = DirectoryAccess(values.get("server.access") or DirectoryAccess.LDAP_SSL).port
    return f"Empty: {port}, the usual one."


def _usual(ldap: str, active: str) -> By:
    return By("type", {DirectoryKind.ACTIVE_DIRECTORY: f"Empty: {active}."}, f"Empty: {ldap}.")


_WITH_TLS = While(
    "server.access", tuple(one for one in DirectoryAccess if one is not DirectoryAccess.LDAP), allowed="ldap-tls or ldap-ssl"
)
_OF_LDAP = While("type", _LDAP, fields.FOR_LDAP(allowed="domains and groups for Kerio Connect"))
_ATTRIBUTE = Text("the name of an attribute such as mail", _attribute)
_NAMES = "names, each one line of text"
FIELDS = (
    Field(
        "type",
        Choice(members=DirectoryKind),
        needed=(Always('type = "active-directory", "ldap" or "kerio"'),),
        label="Directory",
        options={
            DirectoryKind.KERIO: "Kerio Connect",
            DirectoryKind.ACTIVE_DIRECTORY: "Active Directory",
            DirectoryKind.LDAP: "LDAP",
        },
        note=By(
            "type",
            {DirectoryKind.KERIO: "An account that may read users is needed; the guide tells more."},
            "An account that may search is needed; the guide tells more.",
        ),
        fill=DirectoryKind.KERIO.value,
    ),
    Field(
        "server.host",
        Text(check=host),
        needed=(Always('host = "dc1.example.test" in [server]'),),
        label="Server name",
        hint="e.g. mail.example.com",
    ),
    Field(
        "server.access",
        Choice(members=DirectoryAccess),
        access,
        shown=(While("type", _LDAP),),
        told=True,
        label="Access via",
        options={
            DirectoryAccess.LDAP_SSL: "LDAPS",
            DirectoryAccess.LDAP_TLS: "StartTLS",
            DirectoryAccess.LDAP: "LDAP, not encrypted",
        },
        note=By(
            "server.access",
            {
                DirectoryAccess.LDAP_SSL: "TLS from the first byte. The usual choice.",
                DirectoryAccess.LDAP_TLS: "Plain text first, TLS before anything is said.",
            },
            "! Anyone in between can read and change all of it.",
        ),
        fill=DirectoryAccess.LDAP_SSL.value,
    ),
    Field("server.port", PORT, 0, label="Port", note=_port),
    Field(
        "server.accept_all_certificates",
        Flag(),
        False,
        beside=(_WITH_TLS,),
        label="Certificates",
        tick="accept all certificates",
        note=By(
            "server.accept_all_certificates",
            {True: "! Anyone in between can read the password and make up users. Better: its CA file."},
        ),
    ),
    Field(
        "server.ca_file",
        File(),
        "",
        beside=(CERTIFIED,),
        shown=(_WITH_TLS,),
        label="Own CA file",
        hint="e.g. /etc/ssl/our-ca.pem, if it is not a public one",
    ),
    Field(
        "login.username",
        line(LONGEST_DN),
        "",
        needed=(
            While("type", (DirectoryKind.KERIO,), allowed='username = "admin" in [login]'),
            While("type", (DirectoryKind.ACTIVE_DIRECTORY,), allowed='username = "reader@example.test" in [login]'),
        ),
        label="Login",
        note=By(
            "type",
            {
                DirectoryKind.KERIO: "An administrator who may read accounts and domains.",
                DirectoryKind.ACTIVE_DIRECTORY: "user@domain, or a DN.",
            },
            "A DN: cn=reader,dc=example,dc=com. Empty: none.",
        ),
    ),
    Field("login.password", AnyText(), where=Where.FORM, label="Password"),
    Field("login.password_file", File(), "", where=Where.FILE, label="Password"),
    Field(
        "login.password_env",
        AnyText(),
        beside=(ONE_PASSWORD,),
        where=Where.FILE,
        label="Password",
    ),
    Field(
        "search.base_dn",
        Text('a DN such as "dc=example,dc=test"', _base_dn),
        "",
        beside=(_OF_LDAP,),
        label="Base DN",
        note="Where to look. Empty: found by itself.",
        hint="e.g. dc=example,dc=com",
    ),
    Field(
        "search.filter",
        Text(ldap_filter.WHAT, _filter),
        "",
        beside=(_OF_LDAP,),
        label="Filter",
        note="An LDAP filter. Empty: people with an e-mail address.",
    ),
    Field(
        "search.domains",
        Texts(check=_named, each=_NAMES, joint=", ", parts=_WORDS),
        (),
        label="Domains",
        note="Only these, with commas between. Empty: all.",
    ),
    Field(
        "search.groups",
        # A DN has commas, and its own semicolons behind a backslash.
        Texts(check=_named, each=_NAMES, joint="; ", parts=_UNESCAPED),
        (),
        label="Groups",
        note=By(
            "type",
            {DirectoryKind.KERIO: "Of these only: names, with ; between. Empty: all."},
            "Of these only: names or DNs, with ; between. Empty: all.",
        ),
    ),
    Field("attributes.user_name", _ATTRIBUTE, "", label="User name from", note=_usual("uid", "sAMAccountName")),
    Field("attributes.full_name", _ATTRIBUTE, "", label="Full name from", note=_usual("cn", "displayName")),
    Field(
        "attributes.email",
        Texts(check=_attribute, each="the name of an attribute such as mail", joint=", ", parts=_WORDS),
        (),
        label="Addresses from",
        note=_usual("mail", "mail, proxyAddresses"),
    ),
    Field("attributes.login", _ATTRIBUTE, "", label="Login name from", note="Only if it is another one. Empty: the address."),
    Field(
        "users.left",
        Choice(members=LeaverPolicy),
        LeaverPolicy.KEEP,
        told=True,
        label="Who left",
        options={
            LeaverPolicy.KEEP: "nothing: they stay users",
            LeaverPolicy.DISABLE: "they are disabled",
            LeaverPolicy.DELETE: "they are removed from the list",
        },
        column=True,
        note=By(
            "users.left",
            {
                LeaverPolicy.KEEP: "They go on being archived.",
                LeaverPolicy.DISABLE: "Profiles for all pass them by. Their archive stays.",
            },
            "Only who came from there. Their archive stays.",
        ),
    ),
    Field(
        "users.guard",
        Number("percent, a number from 1 to 100", 1, 100),
        GUARD,
        shown=(While("users.left", (LeaverPolicy.DISABLE, LeaverPolicy.DELETE)),),
        told=True,
        label="At most, in %",
        note="If more would go at once, nobody does.",
    ),
    Field("users.include_disabled", Flag(), True, label="Disabled", tick="take accounts that are disabled there too"),
    Field(
        "server.timeout",
        Number("seconds, from 1 to 3600", 1, 3600, fraction=True),
        TIMEOUT,
        label="Timeout",
        note="Seconds to wait for an answer.",
    ),
)
