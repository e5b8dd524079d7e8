"""Servers that send less than they announce, hide what they have, or forget to tell: doubtful messages stay (P3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.imap import replies
from core.imap.names import Reply
from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Outcome, mail, profile, sandbox

AT_ONCE = Deletion(When.IMMEDIATELY)
Method = Callable[..., Any]


async def run(tmp_path: Path, server: ScriptedServer) -> Outcome:
    async with sandbox(tmp_path / "home") as box:
        return await box.run(profile(server, deletion=AT_ONCE))


def around(monkeypatch: pytest.MonkeyPatch, name: str, wrapped: Callable[[Method], Method]) -> None:
    """Replace a method of the scripted server's sessions by one that knows it."""
    monkeypatch.setattr(scripted.Session, name, wrapped(getattr(scripted.Session, name)))


async def test_a_message_that_came_cut_short_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Announced with 5,000 bytes and sent with 300, again and again: kept as it was sent, named, and left on the server."""

    def cut(fetch: Method) -> Method:
        def fetched(session: Any, places: Any, items: Any) -> Any:
            whole = session.server.folders["INBOX"]
            if "BODY.PEEK[]" not in " ".join(items).upper():
                return fetch(session, places, items)
            session.server.folders["INBOX"] = [replace(one, raw=one.raw[:300]) for one in whole]
            try:
                return fetch(session, places, items)
            finally:
                session.server.folders["INBOX"] = whole

        return fetched

    around(monkeypatch, "fetch", cut)
    with ScriptedServer({"INBOX": [Stored(1, mail("important", "A" * 5000))]}) as server:
        outcome = await run(tmp_path, server)
        assert (outcome.status, outcome.tally.deleted, outcome.problems) == (RunStatus.WITH_ERRORS, 0, [("INBOX", 1)])
        assert "and sent with 300" in outcome.reasons
        assert len(server.folders["INBOX"]) == 1


async def test_an_empty_folder_is_believed_only_when_it_lists_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXISTS 0 after an EXPUNGE that did nothing: nothing counts as deleted, and no mark is left."""
    hidden = 0

    def hide(select: Method) -> Method:
        def selected(session: Any, *arguments: str) -> Any:
            nonlocal hidden
            whole = session.server.folders["INBOX"]
            if hidden:
                hidden -= 1
                session.server.folders["INBOX"] = []
            try:
                return select(session, *arguments)
            finally:
                session.server.folders["INBOX"] = whole

        return selected

    def store(do: Method) -> Method:
        def stored(session: Any, *arguments: str) -> Any:
            nonlocal hidden
            hidden = 2
            return do(session, *arguments)

        return stored

    around(monkeypatch, "do_select", hide)
    around(monkeypatch, "do_uid_store", store)
    script = Script(answers={"UID EXPUNGE": "OK done"})
    with ScriptedServer({"INBOX": [Stored(1, mail("one")), Stored(2, mail("two"))]}, script) as server:
        outcome = await run(tmp_path, server)
        assert (outcome.status, outcome.tally.deleted) == (RunStatus.WITH_ERRORS, 0)
        assert [one.flags for one in server.folders["INBOX"]] == [(), ()]


async def test_what_a_server_hides_after_expunge_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts a message that it does not list: that may be ours, so it is not gone, and not left marked."""
    silent = False

    def hide(fetch: Method) -> Method:
        return lambda session, places, items: "OK done" if silent else fetch(session, places, items)

    def watch(answer: Method) -> Method:
        def answered(session: Any, verb: str, arguments: Any) -> Any:
            nonlocal silent
            silent |= verb == "UID EXPUNGE"
            return answer(session, verb, arguments)

        return answered

    around(monkeypatch, "fetch", hide)
    around(monkeypatch, "answer", watch)
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}, Script(answers={"UID EXPUNGE": "OK done"})) as server:
        outcome = await run(tmp_path, server)
        assert (outcome.status, outcome.tally.deleted) == (RunStatus.WITH_ERRORS, 0)
        assert server.folders["INBOX"][0].flags == ()


@pytest.mark.parametrize("told", [True, False])
async def test_a_message_whose_flags_are_told_elsewhere_or_not_at_all_is_not_taken_for_unflagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """Flags in a reply of their own count; where there are none, the message stays."""
    listing = replies.listing
    told_flags = re.compile(rb" FLAGS \(([^)]*)\)")

    def apart(found: Any) -> Any:
        lines: list[Reply] = []
        for line in found:
            flags = told_flags.search(line) if isinstance(line, bytes) and b"RFC822.SIZE" in line else None
            if flags is None:
                lines.append(line)
                continue
            lines.append(line[: flags.start()] + line[flags.end() :])
            if told:
                lines.append(b"1 (UID 1" + flags[0] + b")")
        return listing(lines)

    monkeypatch.setattr(replies, "listing", apart)
    with ScriptedServer({"INBOX": [Stored(1, mail("one"), ("\\Flagged",))]}) as server:
        outcome = await run(tmp_path, server)
        assert (outcome.status, outcome.tally.deleted) == (RunStatus.SUCCEEDED, 0)
        assert len(server.folders["INBOX"]) == 1


@pytest.mark.parametrize("word", ["", "ready", "go on", "Ready for more"])
async def test_words_instead_of_a_challenge_do_not_disturb_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """After AUTHENTICATE PLAIN a server may ask in words; what it says there is of no meaning."""

    def say(send: Method) -> Method:
        return lambda session, *lines: send(session, *(f"+ {word}" if line == "+ " else line for line in lines))

    around(monkeypatch, "send", say)
    script = Script(capabilities=["IMAP4rev1", "AUTH=PLAIN", "UIDPLUS"])
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}, script) as server:
        assert (await run(tmp_path, server)).status is RunStatus.SUCCEEDED


async def test_what_imaplib_cannot_read_is_the_mailboxs_own_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A literal with a size of 5,000 digits: a problem of that mailbox, and no fault of the program."""

    def grow(send: Method) -> Method:
        huge = "* 1 FETCH (UID 1 BODY[] {" + "9" * 5000 + "}"
        return lambda session, *lines: send(session, *(huge if "LIST (" in line else line for line in lines))

    around(monkeypatch, "send", grow)
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}) as server:
        outcome = await run(tmp_path, server)
        assert outcome.status is RunStatus.FAILED
        assert "cannot be read" in outcome.reasons
