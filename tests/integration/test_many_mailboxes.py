"""Many mailboxes with one password: every way to log in, the selection, and failures confined to their mailbox (P6)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from core.archive.registry import saved_profiles, shared_logins, users
from core.engine.run.mailbox import MailboxArchiver
from core.engine.run.run import ProfileRun, RunParameters
from core.engine.visit.breaker import REFUSED
from core.engine.visit.limits import Limits
from core.engine.visit.story import Silence
from core.errors import InputError
from core.model import Run, RunStatus, now
from core.problems.command_line import COMMAND_LINE, sentence
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Method
from core.profiles.selection import SelectionMode, UserSelection
from core.secrets import Secret
from core.system.tasks import spawn
from tests import many_mailboxes
from tests.conftest import StartDovecot
from tests.homes import wait_for
from tests.many_mailboxes import MASTER, NAMES, WORD, add, address, master_run, staff
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import Behaviour, Kerio
from tests.support import At, Sandbox, mail

box = many_mailboxes.box

pytestmark = pytest.mark.server
MASTERS = [method for method in Method if method.master]


@contextmanager
def serving(dovecot: Dovecot, method: Method, behaviour: Behaviour | None = None) -> Iterator[At]:
    """A server whose mailboxes open by ``method``: the Kerio double, or Dovecot itself."""
    if method is Method.KERIO_MASTER:
        with Kerio(dovecot, behaviour, master_password=WORD) as kerio:
            yield At(kerio.host, kerio.port)
    else:
        yield At(dovecot.host, dovecot.plain_port)


async def archived(box: Sandbox, name: str) -> Counter[tuple[str, str]]:
    """(folder, SHA-256) of all that lies in a user's archive, below the folder of the mailbox."""
    rows = await box.archive.database.read(
        "SELECT folder.path, message.sha256 FROM placement JOIN folder ON folder.id = placement.folder_id "
        "JOIN message ON message.id = placement.message_id JOIN user ON user.id = folder.owner "
        "WHERE user.name = ? AND placement.until_seq IS NULL",
        (name,),
    )
    return Counter((path.removeprefix(f"{address(name)}/"), bytes(sha256).hex()) for path, sha256 in rows)


def expected(dovecot: Dovecot, name: str) -> Counter[tuple[str, str]]:
    found = dovecot.expected(address(name))
    return Counter((folder, one) for folder, digests in found.items() for one in set(digests) if folder != "Junk E-mail")


@pytest.fixture
def crowd(dovecot: StartDovecot) -> Dovecot:
    """Twenty mailboxes with 500 messages each."""
    server = dovecot({address(name): f"own word of {name}" for name in NAMES}, master=MASTER)
    for name in NAMES:
        for number in range(500):
            folder = ("INBOX", "Sent Items", "Projects/Old", "Ablage/Größe")[number % 4]
            server.deliver(address(name), folder, mail(f"{number} for {name}", "Text.\r\n" * (number % 40)))
    return server


@pytest.mark.slow
@pytest.mark.parametrize("method", MASTERS)
async def test_twenty_mailboxes_are_archived_byte_for_byte_with_one_password(
    crowd: Dovecot, box: Sandbox, method: Method
) -> None:
    """Each of the three logins: 20 results, every message byte for byte in its user's archive, nothing missing or new then."""
    await add(box, *NAMES)
    with serving(crowd, method) as at:
        outcome = await box.run(staff(at, method), WORD)
        assert (outcome.status, [one.status for one in outcome.mailboxes]) == (RunStatus.SUCCEEDED, [RunStatus.SUCCEEDED] * 20)
        assert [(one.mailbox, one.tally.archived) for one in outcome.mailboxes] == [(address(name), 500) for name in NAMES]
        for name in NAMES:
            assert await archived(box, name) == expected(crowd, name)
        assert await box.missing(staff(at, method), WORD) == {}
        again = await box.run(staff(at, method), WORD)
        assert (again.status, sum(one.tally.archived for one in again.mailboxes)) == (RunStatus.SUCCEEDED, 0)


@pytest.mark.parametrize("method", MASTERS)
async def test_mailboxes_that_refuse_are_named_and_the_others_are_archived(
    dovecot: StartDovecot, box: Sandbox, method: Method
) -> None:
    """Three of twenty refuse the login: 17 succeed, 3 are named, and the run ends with errors."""
    refusing = NAMES[:3]
    server = dovecot({address(name): "x" for name in NAMES[3:]}, master=MASTER)
    for name in NAMES[3:]:
        server.deliver(address(name), "INBOX", mail(f"for {name}"))
    await add(box, *NAMES)
    with serving(server, method) as at:
        outcome = await box.run(staff(at, method), WORD)
    assert (outcome.status, outcome.status.exit_code) == (RunStatus.WITH_ERRORS, 1)
    failed = [one for one in outcome.mailboxes if one.status is RunStatus.FAILED]
    assert [one.mailbox for one in failed] == [address(name) for name in refusing]
    for one in failed:
        [problem] = one.problems
        assert one.mailbox in problem.text
        assert "login name" in problem.reason.remedy(COMMAND_LINE)
    assert [one.tally.archived for one in outcome.mailboxes[3:]] == [1] * 17


@pytest.mark.parametrize("method", MASTERS)
@pytest.mark.parametrize(
    ("mode", "names", "opened"),
    [
        (SelectionMode.ALL, (), ["user01", "user02", "user03"]),
        (SelectionMode.ALL_EXCEPT, ("USER02",), ["user01", "user03"]),
        (SelectionMode.ONLY, ("user03@example.test", "user01"), ["user01", "user03"]),
    ],
)
async def test_only_the_chosen_mailboxes_are_opened(
    dovecot: StartDovecot, box: Sandbox, method: Method, mode: SelectionMode, names: tuple[str, ...], opened: list[str]
) -> None:
    """All, all except, and only: as the server's own log tells."""
    server = dovecot({address(name): "x" for name in NAMES[:3]}, master=MASTER)
    await add(box, *NAMES[:3])
    with serving(server, method) as at:
        server.reset_log()
        outcome = await box.run(staff(at, method, selection=UserSelection(mode, names)), WORD)
    assert outcome.status is RunStatus.SUCCEEDED

    def logged_in() -> set[str]:
        return set(re.findall(r"imap-login: Info: Login: user=<([^>]+)>", server.log_text()))

    # Another process of the server writes its log.
    wait_for(lambda: len(logged_in()) >= len(opened), "the logins in the server's log")
    logins = logged_in()
    assert logins == {address(name) for name in opened}


# -- Users


async def test_users_without_address_and_users_gone_since_are_told(dovecot: StartDovecot, box: Sandbox) -> None:
    """Left out of "all" with a warning; named by "only" they are results that failed. Neither is silently dropped."""
    server = dovecot({address(name): "x" for name in NAMES[:2]}, master=MASTER)
    await add(box, *NAMES[:2])
    await users.add(box.archive, "nobody", [])
    at = At(server.host, server.plain_port)
    everybody = await box.run(staff(at, Method.MASTER_USER), WORD)
    assert everybody.status is RunStatus.SUCCEEDED
    assert "Without an e-mail address, so not archived: nobody." in everybody.told("warning")
    chosen = staff(at, Method.MASTER_USER, selection=UserSelection(SelectionMode.ONLY, ("user01", "user02", "nobody")))
    await saved_profiles.save(box.archive, chosen, Secret(WORD))
    await users.remove(box.archive, await users.find(box.archive, "user02"))
    outcome = await box.run(chosen, WORD)
    assert outcome.status is RunStatus.WITH_ERRORS
    assert [(one.mailbox, one.status) for one in outcome.mailboxes] == [
        (address("user01"), RunStatus.SUCCEEDED),
        ("user02", RunStatus.FAILED),
        ("nobody", RunStatus.FAILED),
    ]
    assert "no such user any more" in outcome.mailboxes[1].problems[0].text
    assert "no e-mail address" in outcome.mailboxes[2].problems[0].text
    rest = await box.run(
        staff(at, Method.MASTER_USER, selection=UserSelection(SelectionMode.ALL_EXCEPT, ("user02", "nobody"))), WORD
    )
    assert "The profile lists users who are no more: user02." in rest.told("warning")


async def test_unknown_users_are_refused_when_a_profile_is_saved(box: Sandbox) -> None:
    """All of them are named, with who there is; nothing is saved."""
    await add(box, "user01")
    wanted = staff(
        At("mail.example.test", 993),
        Method.KERIO_MASTER,
        selection=UserSelection(SelectionMode.ONLY, ("user01", "ghost", "x@y")),
    )
    with pytest.raises(InputError) as refused:
        await saved_profiles.save(box.archive, wanted, Secret(WORD))
    assert 'There is no user "ghost", "x@y"' in refused.value.message
    assert "user01" in refused.value.hint
    assert await saved_profiles.all_profiles(box.archive) == []


async def test_two_users_of_one_mailbox_are_told(box: Sandbox) -> None:
    """Two users with one login name would each get the same mailbox."""
    await users.add(box.archive, "a", ["a@example.test"], login="shared@example.test")
    await users.add(box.archive, "b", ["b@example.test"], login="Shared@example.test")
    wanted = staff(At("mail.example.test", 993), Method.KERIO_MASTER)
    selected = await saved_profiles.check(box.archive, wanted)
    assert selected is not None
    [warning] = shared_logins.warnings(wanted, selected.users)
    assert "a and b have the same login name (shared@example.test)" in sentence(warning)


# -- Limits and trouble


async def test_connections_are_limited_and_fewer_when_the_server_refuses(dovecot: StartDovecot, box: Sandbox) -> None:
    """More are asked for than the server takes: it refuses some, fewer are used, and every mailbox is archived."""
    names = NAMES[:12]
    server = dovecot({address(name): "x" for name in names}, master=MASTER)
    for name in names:
        server.deliver(address(name), "INBOX", mail(f"for {name}", "x" * 20000))
    await add(box, *names)
    with Kerio(server, Behaviour(max_connections=2), master_password=WORD) as kerio:
        profile = staff(At(kerio.host, kerio.port), Method.KERIO_MASTER, connections=8)
        outcome = await box.run(profile, WORD, backoff=(0.05, 0.1, 0.2))
    assert (outcome.status, [one.tally.archived for one in outcome.mailboxes]) == (RunStatus.SUCCEEDED, [1] * 12)
    assert kerio.refused > 0
    assert kerio.most == 2


async def test_runs_of_one_service_share_the_limit_of_a_server(dovecot: StartDovecot, box: Sandbox) -> None:
    """Two profiles at once never have more connections to a server than the hard cap."""
    names = NAMES
    server = dovecot({address(name): "x" for name in names}, master=MASTER)
    await add(box, *names)
    limits = Limits()
    with Kerio(server, master_password=WORD) as kerio:
        at = At(kerio.host, kerio.port)
        jobs = [
            RunParameters(
                Run(number, name, RunStatus.RUNNING, now()),
                replace(staff(at, Method.KERIO_MASTER, connections=16, selection=UserSelection(mode, ("user01",))), name=name),
                Secret(WORD),
                Silence(),
                limits=limits,
            )
            for number, (name, mode) in enumerate([("A", SelectionMode.ALL_EXCEPT), ("B", SelectionMode.ALL_EXCEPT)], 1)
        ]
        works = [await ProfileRun.prepare(box.archive, job) for job in jobs]
        await asyncio.gather(*(work.execute() for work in works))
    assert all(mailbox.result.status is RunStatus.SUCCEEDED for work in works for mailbox in work.mailboxes)
    assert kerio.most <= 16


async def test_many_refused_logins_end_the_run_early(dovecot: StartDovecot, box: Sandbox) -> None:
    """A wrong master password is not tried on every mailbox, which would lock the account: the rest is named as not tried."""
    server = dovecot({address(name): "x" for name in NAMES}, master=MASTER)
    await add(box, *NAMES)
    outcome = await box.run(staff(At(server.host, server.plain_port), Method.MASTER_USER, connections=1), "wrong")
    assert outcome.status is RunStatus.FAILED
    reasons = [one.problems[0].text for one in outcome.mailboxes]
    assert sum("refused the master user archive" in reason and "not tried" not in reason for reason in reasons) == REFUSED
    assert (
        sum(reason.startswith("not tried: the first 10 logins were all refused") for reason in reasons) == len(NAMES) - REFUSED
    )


async def test_a_server_that_is_down_does_not_cost_a_wait_for_each_mailbox(box: Sandbox) -> None:
    """After some mailboxes in a row the rest is not tried."""
    await add(box, *NAMES)
    outcome = await box.run(staff(At("127.0.0.1", 1), Method.MASTER_USER, connections=1), WORD)
    assert outcome.status is RunStatus.FAILED
    assert sum(one.problems[0].text.startswith("not tried") for one in outcome.mailboxes) == 15


async def test_a_connection_lost_in_one_mailbox_leaves_the_others_alone(dovecot: StartDovecot, box: Sandbox) -> None:
    """The server drops one connection in the middle: that mailbox carries on, none fails."""
    server = dovecot({address(name): "x" for name in NAMES[:4]}, master=MASTER)
    for name in NAMES[:4]:
        for number in range(20):
            server.deliver(address(name), "INBOX", mail(f"{number} for {name}"))
    await add(box, *NAMES[:4])
    with Kerio(server, Behaviour(drop_at="UID FETCH"), master_password=WORD) as kerio:
        outcome = await box.run(staff(At(kerio.host, kerio.port), Method.KERIO_MASTER), WORD)
    assert outcome.status is RunStatus.SUCCEEDED
    for name in NAMES[:4]:
        assert await archived(box, name) == expected(server, name)


async def test_cancelling_ends_all_mailboxes_at_once(dovecot: StartDovecot, box: Sandbox) -> None:
    """Also those whose server says nothing any more: at once, and what was archived stays."""
    server = dovecot({address(name): "x" for name in NAMES[:6]}, master=MASTER)
    for name in NAMES[:6]:
        server.deliver(address(name), "INBOX", mail(f"for {name}"))
    await add(box, *NAMES[:6])
    with Kerio(server, Behaviour(silent_at="UID FETCH"), master_password=WORD) as kerio:
        profile = staff(At(kerio.host, kerio.port), Method.KERIO_MASTER, connections=1)
        job = RunParameters(Run(1, "Staff", RunStatus.RUNNING, now()), profile, Secret(WORD), Silence())
        work = await ProfileRun.prepare(box.archive, job)
        task = spawn(work.execute(), name="run")
        await asyncio.to_thread(wait_for, lambda: any(line.startswith("UID FETCH") for line in kerio.lines()), "a FETCH")
        task.cancel()
        # The server would keep us waiting for the 20 seconds of the profile's timeout.
        done, _ = await asyncio.wait([task], timeout=10)
        assert done == {task}
    assert task.cancelled()


async def test_a_fault_of_the_program_in_one_mailbox_is_that_mailboxs(
    dovecot: StartDovecot, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen error is named, and the other eleven are archived."""
    look, calls = MailboxArchiver._list_folders, 0

    async def fail_once(self: MailboxArchiver) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ZeroDivisionError
        return await look(self)

    monkeypatch.setattr(MailboxArchiver, "_list_folders", fail_once)
    outcome, _ = await master_run(dovecot, box, Behaviour())
    assert outcome.status is RunStatus.WITH_ERRORS
    [failed] = [one for one in outcome.mailboxes if one.status is RunStatus.FAILED]
    assert "An error of the program ended this mailbox (ZeroDivisionError)" in failed.problems[0].text


async def test_in_a_mailbox_of_several_users_nothing_is_deleted(dovecot: StartDovecot, box: Sandbox) -> None:
    """Refused when the profile is saved; when it came about later, both users get the mail and it stays on the server."""
    server = dovecot({"shared@example.test": "x"}, master=MASTER)
    server.deliver("shared@example.test", "INBOX", mail("for both"))
    for name in ("a", "b"):
        await users.add(box.archive, name, [f"{name}@example.test"], login="shared@example.test")
    wanted = replace(staff(At(server.host, server.plain_port), Method.MASTER_USER), deletion=Deletion(When.IMMEDIATELY))
    with pytest.raises(InputError, match="the others would never get"):
        await saved_profiles.save(box.archive, wanted, Secret(WORD))
    outcome = await box.run(wanted, WORD)
    assert [one.tally.archived for one in outcome.mailboxes] == [1, 1]
    assert [one.tally.deleted for one in outcome.mailboxes] == [0, 0]
    assert any("nothing is deleted" in text for text in outcome.told("warning"))
