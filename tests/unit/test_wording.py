"""The console speaks of its own pages and fields, not of profile files and commands."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_directory, saved_profiles
from core.directory import kerio, ldap
from core.directory.entry import DirectoryEntry
from core.directory.people import people
from core.engine.examine.probe import ProbeResult, TrashMode
from core.errors import ArchivarError, ConnectError
from core.model import COUNTERS, Run, RunStatus, now
from core.problems import certificate, connection, directory, login
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer
from core.profiles.schema import forms
from core.profiles.schema.profiles import PROFILES
from core.profiles.schema.table import Where
from core.secrets import Secret
from core.trial import TrialStep
from tests import homes, reasons
from tui.desk import face, trial
from tui.desk.profiles.draft import ProfileDraft
from tui.desk.profiles.drafts import Drafts
from tui.desk.refusals import Refused, translated
from tui.desk.runs import run_words, runs
from tui.desk.runs.activity import run_row
from tui.places.directory.directory import DirectoryPlace
from tui.places.wizard.step import RUN_NOW, TRY_WITH, FormStep
from tui.places.wizard.wizard import STEPS

MAILBOX = {"user": "anna", "status": "failed", **dict.fromkeys(COUNTERS, 0)}
#: Words that a user of the pages does not know.
OF_FILES = re.compile(r"profile apply|trash_too|ca_file|key of its own|relative to the profile|accept_all|access imap|imap-\w")


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


@pytest.mark.parametrize("kind", ["mailbox", "mailboxes", "catchall"])
def test_each_field_is_called_as_on_its_page(kind: str) -> None:
    """By its label there, and the page's word in the list of steps; every field with a line has it on the way of some kind."""
    draft = ProfileDraft({"kind": kind, "login.method": "kerio-master" if kind == "mailboxes" else "password"})
    pages = [page(draft) for page in STEPS[kind] if issubclass(page, FormStep)]
    lines = {spec.name: f"{spec.label}, on the page {page.word}" for page in pages for spec in page.specs()}
    lines = {name: line for name, line in lines.items() if name not in (RUN_NOW, TRY_WITH)}
    assert lines == {name: forms.place(PROFILES, name, draft.fields) for name in lines}
    elsewhere = {
        "mailbox": {"login.method", "server.connections"},
        "mailboxes": {"target.folder"},
        "catchall": {"login.method", "server.connections", "target.folder"},
    }[kind]
    with_line = {field.name for field in PROFILES.fields if field.where is not Where.FILE}
    everybodys = {field.name for field in PROFILES.fields if field.page == "Filing"} if kind != "catchall" else set()
    assert with_line - set(lines) == elsewhere | everybodys


def test_every_field_of_a_profile_has_a_place() -> None:
    """No error names a key of the file."""
    places = {field.name: forms.place(PROFILES, field.name, {}) for field in PROFILES.fields}
    assert [name for name, place in places.items() if " on the page " not in place or name in place] == ["name"]
    assert places["name"] == "Profile name, on the page Name"


def test_what_a_probe_found_names_the_fields_of_the_page() -> None:
    """Tick "Final", where a profile file has a key."""
    said = " ".join(ProbeResult(TrashMode.TRASH, "STORE", "Trash").sentences(face.CONSOLE))
    assert 'To have it removed there too: tick "Final".' in said
    assert not OF_FILES.search(said)


async def test_no_problem_of_a_draft_speaks_of_a_file(archive: Archive, tmp_path: Path) -> None:
    """A port in the host's name, a file that is not there."""
    desk = Drafts(archive)
    draft = await desk.new("mailbox")
    path = tmp_path / "ca_file.pem"
    draft.fields.update({"server.host": "mail.example.test:993", "server.ca_file": str(path)})
    draft.fields.update({"filter.since": "2024-02-01", "filter.before": "2024-01-01"})
    found = await desk.problems(draft)
    assert 'a port belongs in "Port"' in found["server.host"]
    assert "best with its whole path" in found["server.ca_file"]
    assert str(path) in found["server.ca_file"]
    assert 'Is not after "Since the day"' in found["filter.before"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"delete.when": "older-than"}, "Older than, on the page Delete"),
        ({"server.host": ""}, "Server name, on the page Server"),
        ({"folders.exclude": ["a//b"]}, "the rules on the page Folders"),
    ],
)
async def test_what_must_be_corrected_before_is_named_by_page_and_label(
    archive: Archive, wrong: dict[str, Any], words: str
) -> None:
    """To try and to save."""
    desk = Drafts(archive)
    draft = await desk.new("mailbox")
    draft.fields.update({"name": "A", "server.host": "h", "login.username": "a", "target.user": "alice", **wrong})
    with pytest.raises(Refused, match="tried yet") as refused:
        desk.steps(draft)
    assert refused.value.hint == f"Go back and correct: {words}."
    for job in (desk.summary(draft), desk.save(draft)):
        with pytest.raises(Refused, match="saved yet") as refused:
            await job
        assert refused.value.hint == f"Go back and correct: {words}."


async def test_refusals_and_remedies_name_pages_instead_of_commands(archive: Archive) -> None:
    """In place of applying a file, the console changes a profile."""
    profile = homes.profile("mail.example.test", 993)
    host = "mail.example.test"
    reasons = [
        login.REFUSED(host=host, login="anna", said="no"),
        certificate.EXPIRED(host=host),
        login.MASTER_REFUSED(host=host, said="NO"),
        connection.NO_STARTTLS(host=host, port=143),
    ]
    said = [face.remedy(reason) for reason in reasons]
    jobs = [saved_profiles.find(archive, "x"), saved_profiles.password(archive, profile)]
    for job in jobs:
        with pytest.raises(Refused) as refused, translated():
            await job
        said += [refused.value.message, refused.value.hint]
    assert [OF_FILES.search(one) for one in said] == [None] * len(said)
    assert sum("page Login" in one for one in said) == 3
    assert any("n on Home" in one for one in said)


#: What servers, folders and people may say, word for word as the core does.
OUTSIDE = (
    "NO set accept_all_certificates = true, and access imap, in server.timeout (archivar profile apply)",
    "search.base_dn/attributes.email/ca_file",
    "Give --user NAME with archivar user edit",
)


@pytest.mark.parametrize("outside", OUTSIDE)
async def test_what_comes_from_outside_is_shown_as_it_is(archive: Archive, outside: str) -> None:
    """In problems, reasons of runs, refusals, steps of a test: the words of a server are its own."""
    moment = now()
    problem = {"mailbox": outside, "folder": outside, "uid": 1, "reason": f"The server answered: {outside}"}
    run = Run(7, "Staff", RunStatus.FAILED, moment, moment, moment, reason=f"The server answered: {outside}", result=None)
    result = {"warnings": [], "totals": {}, "mailboxes": [{**MAILBOX, "mailbox": outside, "problems": [problem]}]}
    with_problem = runs.run_view(replace(run, result=result), None, [], moment).problems[0]
    said = [
        with_problem.reason,
        with_problem.folder,
        with_problem.mailbox,
        " ".join(run_words.summary(run)),
        run_row(run, moment).more[-1],
        trial.row(TrialStep("login", False, f"The server answered: {outside}")).text,
    ]
    with pytest.raises(Refused) as refused, translated():
        raise ConnectError("login", reasons.said(f"The server answered: {outside}"))
    said.append(refused.value.message)
    assert [outside in one for one in said] == [True] * len(said), said


async def test_what_a_directory_lacks_is_said_without_files_and_commands(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No settings, no password, and no people found: each leads to the directory's page."""

    async def nobody(*_: object) -> list[DirectoryEntry]:
        return []

    monkeypatch.setattr(kerio, "people", nobody)
    monkeypatch.setattr(ldap, "people", lambda *_: [])
    directory = Directory(DirectoryKind.LDAP, DirectoryServer("dc1", DirectoryAccess.LDAP_SSL), "cn=reader")
    said = []
    job: Awaitable[object]
    for job in (saved_directory.find(archive), people(directory, Secret("x"), lambda step, text: None)):
        with pytest.raises(ArchivarError) as refused:
            await job
        said.append(face.said(refused.value))
    await saved_directory.save(archive, directory)
    of_kerio = Directory(DirectoryKind.KERIO, DirectoryServer("dc1", DirectoryAccess.HTTPS), "admin")
    for job in (saved_directory.password(archive, directory), people(of_kerio, Secret("x"), lambda step, text: None)):
        with pytest.raises(ArchivarError) as refused:
            await job
        said.append(face.said(refused.value))
    words = ("the key t in Users", '"Filter" and "Base DN"', "Type it on the directory's page", '"Domains" and "Groups"')
    assert all(word in one for word, one in zip(words, said, strict=True)), said
    assert not re.search(r"archivar|\[search\]|password_file", " ".join(said))


def test_what_a_directory_answers_names_the_fields_of_its_page() -> None:
    """By the labels of the page, not by keys of a file that the user has not seen."""
    labels = {spec.label for spec in DirectoryPlace()._specs()}
    reasons = [
        directory.WRONG_BASE(host="dc1", base="dc=x"),
        directory.NO_GROUPS(host="dc1", groups='"staff"'),
        directory.NO_ADDRESSES(host="dc1", attributes=("mail",)),
        directory.NO_STARTTLS(host="dc1", port=389),
        directory.LDAP_LOST(host="dc1", kind="SocketReceive"),
        directory.REFERRAL(host="dc1", base="dc=x"),
        directory.LOGIN_REFUSED(host="dc1", login="cn=reader", said=""),
        directory.SEARCH_FAILED(host="dc1", said=""),
    ]
    for reason in reasons:
        named = re.findall(r'"([^"]+)"', face.remedy(reason))
        assert named
        assert set(named) <= labels
    assert face.remedy(reasons[3]) == 'Use "Access via" LDAPS (port 636), or switch TLS on there.'
