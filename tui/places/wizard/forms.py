"""The pages that are forms: kind, server, login, filter, deletion, name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.widgets import Static

from tui.desk.present import BLANK, Safe, joined, own
from tui.desk.refusals import Refused
from tui.places.profiles.deletion import Answer, DeletionQuestion
from tui.places.wizard.step import PASSWORD, RUN_NOW, TRY_WITH, FormStep
from tui.widgets.fields import Check, Choices, Options, Spec, Text
from tui.widgets.form import Form
from tui.widgets.shown import shown

KINDS = (
    ("mailbox", "one mailbox, with its own password"),
    ("mailboxes", "many mailboxes, with one master password"),
    ("catchall", "one mailbox that gets everybody's mail (catch-all)"),
)
OLDER_FIRST = own(
    "Mail on the server is deleted once it is archived and old enough. How old, is typed next; ^r counts what would go."
)
FOR_ALL = own("These settings hold for all mailboxes of the profile.")


class KindStep(FormStep):
    """Which kind of profile."""

    word = "Kind"
    heading = own("What is to be archived?")
    offers = ("guide",)

    def specs(self) -> Sequence[Spec]:
        return [Choices("kind", "Archive", KINDS, self._note, column=True)]

    @staticmethod
    def _note(values: Mapping[str, Any]) -> str:
        if values["kind"] == "mailboxes":
            return (
                "Kerio Connect: switch master authentication on first, ^g shows where. Other servers need a master user. "
                "The users and their e-mail addresses come next."
            )
        if values["kind"] == "catchall":
            return (
                "The mail server puts a copy of everybody's mail into it; ^g shows how. Each message goes into the archives of "
                "its sender and of all its recipients."
            )
        return "You need the account's user name and password, and the server's name."

    def collect(self) -> None:
        super().collect()
        master = self.draft.fields.get("login.method") != "password"
        if self.draft.many != master:
            self.draft.fields["login.method"] = "kerio-master" if self.draft.many else "password"

    @property
    def guide(self) -> str:
        kind = self.form.values["kind"] if self.is_mounted else self.draft.fields.get("kind")
        return "kerio-archive" if kind == "catchall" else "kerio-master"


class ServerStep(FormStep):
    """Where the mailboxes are."""

    word = "Server"
    heading = own("Which server?")

    def specs(self) -> Sequence[Spec]:
        access = (("imap-ssl", "IMAP-SSL"), ("imap-tls", "IMAP-TLS"), ("imap", "IMAP"))
        return [
            Text("server.host", "Server name", hint="e.g. mail.example.com"),
            Choices("server.access", "Access via", access, _access_note),
            Text("server.port", "Port", _port_note),
            Check("server.accept_all_certificates", "Certificates", "accept all certificates", _certificate_note),
            Text("server.ca_file", "Own CA file", hint="a PEM file, for a certificate that is not public"),
            Text("server.timeout", "Timeout", "Seconds. Change it only for very slow servers."),
            Text("server.connections", "At once", "Mailboxes archived at the same time, up to 16."),
            Text("server.slowest_bytes_a_second", "Slowest", "Bytes a second; slower messages are given up and named."),
            Text("server.megabytes_a_day", "MB a day", "Downloaded at most, for servers that count. Empty: no limit."),
        ]


def _access_note(values: Mapping[str, Any]) -> str:
    return {
        "imap-ssl": "TLS from the first byte. The usual choice.",
        "imap-tls": "Begins in plain text and changes to TLS (STARTTLS) before anything is said.",
    }.get(values["server.access"], "Without encryption: password and mail can be read by anyone in between.")


def _port_note(values: Mapping[str, Any]) -> str:
    return f"Empty: {993 if values['server.access'] == 'imap-ssl' else 143}, the usual one."


def _certificate_note(values: Mapping[str, Any]) -> str:
    if values.get("server.accept_all_certificates"):
        return "! Anyone in between can pose as the server. Home and every result warn of it. Better: its CA file."
    return ""


class LoginStep(FormStep):
    """Who logs in."""

    word = "Login"
    heading = own("How is it opened?")
    offers = ("test", "guide")
    owns = ("login", "target.folder")

    def specs(self) -> Sequence[Spec]:
        if self.draft.catchall:
            note = "Usually the mailbox's e-mail address. If not, name its address on the page Filing."
            return [Text("login.username", "User name", note), self._password("Password")]
        if not self.draft.many:
            return [
                Text("target.folder", "E-mail address", "Names the mailbox's folder in the archive."),
                Text("login.username", "User name", "Empty: the e-mail address."),
                self._password("Password"),
            ]
        methods = (
            ("kerio-master", "Kerio Connect's master password"),
            ("master-user", "A master user, as Dovecot has (user*master)"),
            ("plain-authzid", "SASL PLAIN with authorisation id (Cyrus and others)"),
        )
        return [
            Choices("login.method", "Opened with", methods, column=True),
            Text("login.username", "Master account", "The account that may open the others."),
            self._password("Master password"),
            Text(TRY_WITH, "Try with", "Whose mailbox is opened by the test and for the folders. Empty: the first user's."),
        ]

    def _password(self, label: str) -> Text:
        if self.draft.fields.get("login.password_file"):
            note = f"Empty: read from {self.draft.fields['login.password_file']} as before."
        elif self.draft.stored:
            note = "Empty: the one that is kept."
        else:
            note = "Kept encrypted. ^t tests all that was typed."
        return Text(PASSWORD, label, note, secret=True)

    def collect(self) -> None:
        super().collect()
        if self.draft.password:
            self.draft.fields.pop("login.password_file", None)

    @property
    def guide(self) -> str:
        if self.draft.catchall:
            return "kerio-archive"
        if not self.draft.many:
            return ""
        method = self.form.values["login.method"] if self.is_mounted else self.draft.fields.get("login.method")
        return "kerio-master" if method == "kerio-master" else "other-servers"


class FilterStep(FormStep):
    """Which messages."""

    word = "Filter"
    heading = own("Which messages? Empty fields leave nothing out.")

    def text(self) -> Safe:
        return FOR_ALL if self.draft.many else BLANK

    def specs(self) -> Sequence[Spec]:
        seen = (("any", "read and unread"), ("seen", "only read"), ("unseen", "only unread"))
        flagged = (("any", "flagged or not"), ("flagged", "only flagged"), ("unflagged", "only not flagged"))
        return [
            Choices("filter.seen", "Read", seen),
            Choices("filter.flagged", "Flagged", flagged),
            Text("filter.older_than", "Older than", hint="e.g. 3 months"),
            Text("filter.newer_than", "Not older than", hint="e.g. 10 years"),
            Text("filter.since", "Since the day", hint="e.g. 2024-01-31"),
            Text("filter.before", "Before the day", hint="e.g. 2025-01-01"),
            Text("filter.larger_than", "Larger than", hint="e.g. 500 kB"),
            Text("filter.smaller_than", "Smaller than", hint="e.g. 50 MB"),
            Text("filter.sender", "Sender", hint="e.g. *@example.com, newsletter"),
            Text("filter.recipient", "Recipient", hint="any of these, with commas between"),
            Text("filter.subject", "Subject"),
        ]


class DeleteStep(FormStep):
    """What happens on the server afterwards."""

    word = "Delete"
    #: Counts the rules that were looked at.
    _looking = 0
    heading = own("Delete on the server after archiving?")
    offers = ("preview", "probe", "guide")

    def text(self) -> Safe:
        return FOR_ALL if self.draft.many else BLANK

    def specs(self) -> Sequence[Spec]:
        when = (
            ("never", "never"),
            ("immediately", "immediately after archiving"),
            ("older-than", "when older than"),
        )
        trash = (("keep", "keeps its place in the archive"), ("follow", "moves to the trash in the archive too"))
        return [
            Choices("delete.when", "Delete", when, column=True, asks=self._asks),
            Text("delete.age", "Older than", hint="e.g. 6 months"),
            Check("delete.trash_too", "Final", "remove from the server's trash what was deleted", _trash_note),
            Choices("delete.on_trash", "Users' deletions", trash, "Mail that a user moves to the trash.", column=True),
            Check("delete.without_uidplus", "Old servers", "delete without UIDPLUS too", _expunge_note),
            Check("delete.shared", "Shared", "also in folders of others and shared ones", _shared_note),
        ]

    def content(self) -> ComposeResult:
        yield Static(id="rule", classes="intro")
        yield Form(self.specs(), self.values(), self.applies)
        yield Static(id="found")

    def on_mount(self) -> None:
        self._say()

    # Switching it on -----------------------------------------------------------------------------------------------------

    def _asks(self, value: str) -> bool:
        """Ask before more is deleted than by the choice that stands; nothing is chosen by the key alone."""
        chosen = self.draft.fields.get("delete.when", "never")
        if value == "never" or chosen == "immediately":
            return False
        self._ask(value)
        return True

    def _ask(self, value: str) -> None:
        self.collect()
        draft = replace(self.draft, fields={**self.draft.fields, "delete.when": value})
        sentences, count = [self.desk.drafts.rule(draft)], None
        if value == "older-than" and not str(draft.fields.get("delete.age") or "").strip():
            sentences = [OLDER_FIRST]
        else:
            count = partial(self.desk.drafts.preview, draft)
        question = DeletionQuestion(
            own("Delete mail on the server?"), sentences, own("delete"), own("leave it"), count, choices=True
        )
        self.app.push_screen(question, partial(self._answered, value))

    def _answered(self, value: str, answer: Answer | None) -> None:
        options = next(field.control for field in self.form.fields if field.spec.name == "delete.when")
        assert isinstance(options, Options)
        if answer is Answer.YES:
            options.take(value)
        elif answer in (Answer.NEXT, Answer.BEFORE):
            other = options.beside(value, 1 if answer is Answer.NEXT else -1)
            if other and other != "never":
                self._ask(other)

    def on_form_edited(self) -> None:
        self._say()
        # What was found out belongs to the rule as it was.
        self._looking += 1
        self.query_one("#found", Static).update(shown(BLANK))

    def _say(self) -> None:
        self.collect()
        self.query_one("#rule", Static).update(shown(self.desk.drafts.rule(self.draft)))

    @property
    def guide(self) -> str:
        return "kerio-deletion"

    def look(self, *, probe: bool) -> None:
        """Show what the rule would do now, or try out what the server does."""
        self.collect()
        self.work(self._look(probe))

    async def _look(self, probe: bool) -> None:
        found = self.query_one("#found", Static)
        found.update(shown(own("Asking the server …")))
        looking = self._looking
        desk = self.desk.drafts
        try:
            sentences = await (desk.probe(self.draft) if probe else desk.preview(self.draft))
        except Refused as trouble:
            sentences = [own("! {} {}", trouble.message, trouble.hint)]
        if looking == self._looking:
            found.update(shown(joined("\n", sentences)))


def _trash_note(values: Mapping[str, Any]) -> str:
    if values.get("delete.trash_too"):
        return "Only what this program deleted. What users threw away stays."
    return "Kerio Connect moves it there, where it takes space."


def _expunge_note(values: Mapping[str, Any]) -> str:
    race = (
        "Without UIDPLUS a plain EXPUNGE takes whatever is marked: a message that somebody marks between our check and the "
        "EXPUNGE is gone too."
    )
    return f"! {race}" if values.get("delete.without_uidplus") else f"{race} Unticked: nothing is deleted there."


def _shared_note(values: Mapping[str, Any]) -> str:
    if values.get("delete.shared"):
        return "Their mail goes too, where such folders are archived."
    return "Those ticked in Folders are archived; their mail stays on the server."


class NameStep(FormStep):
    """What it is called, and when it runs."""

    word = "Name"
    heading = own("Name and schedule")
    owns = ("name", "schedule")
    offers = ("guide",)

    @property
    def guide(self) -> str:
        return "service"

    def specs(self) -> Sequence[Spec]:
        how = (("manual", "by hand"), ("every", "every …"), ("daily", "daily at"), ("cron", "cron expression"))
        return [
            Text("name", "Profile name"),
            Choices("schedule.how", "Started", how, self._next),
            Text("schedule.every", "Every", hint="e.g. 15 minutes"),
            Text("schedule.daily", "At", hint="e.g. 02:00"),
            Text("schedule.weekdays", "On", "Empty: every day.", hint="e.g. mon, tue, wed, thu, fri"),
            Text("schedule.cron", "Cron expression", "Minute, hour, day, month, weekday.", hint="e.g. 0 2 * * 1-5"),
            Text("schedule.time_zone", "Time zone", hint="e.g. Europe/Berlin; empty: that of this machine"),
            Check("schedule.automatic", "Automatic", "switched on"),
            Check(RUN_NOW, "Run now", "archive as soon as it is saved"),
        ]

    def _next(self, values: Mapping[str, Any]) -> str:
        typed = {name: value for name, value in values.items() if name != RUN_NOW}
        return self.desk.drafts.next_start({**self.draft.fields, **typed})
