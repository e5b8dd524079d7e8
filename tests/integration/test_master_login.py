"""The master login: its digest and its password, what is doubtful about them, and what a refusal means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.archive.registry import users
from core.imap.login import digest
from core.model import RunStatus
from core.problems.command_line import sentence
from core.profiles.profile import Access, Method, Server
from core.secrets import Secret
from tests import many_mailboxes
from tests.conftest import StartDovecot
from tests.many_mailboxes import MASTER, NAMES, WORD, add, address, master_run, staff
from tests.servers.kerio import Behaviour, Kerio
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import At, Outcome, Sandbox, mail

box = many_mailboxes.box

pytestmark = pytest.mark.server


# -- Kerio's master login


def test_the_digest_is_that_of_the_published_vectors() -> None:
    """Challenge, password, answer."""
    for challenge, password, answer in (
        ("<1421969253.42@mail.example.test>", "master", "a2bc9b6f7395cf96e9f6508d4b8fdb55"),
        ("3f2c9a", "Tr0ub4dor&3", "d114e9e3d68067fe954804f4ebc5670c"),
        ("abc", "pä55wörd", "f21d7f8557168e6f1d6ce43e22ab0d37"),
        ("abc", "0123456789abcdefghijklmnopqrstuv", "61d1ea542d99e6308c72175d89f50e84"),
        ("abc", "0123456789abcdefghijklmnopqrstuv"[:24], "7753c4206dcd3c180ac28dad2ae37b80"),
    ):
        assert digest(challenge.encode(), Secret(password)) == answer


async def kerio_run(dovecot: StartDovecot, box: Sandbox, behaviour: Behaviour, password: str = WORD) -> tuple[Outcome, Kerio]:
    server = dovecot({address(name): "x" for name in NAMES[:3]}, master=MASTER)
    for name in NAMES[:3]:
        server.deliver(address(name), "INBOX", mail(f"for {name}"))
    await add(box, *NAMES[:3])
    with Kerio(server, behaviour, master_password=password) as kerio:
        return await box.run(staff(At(kerio.host, kerio.port), Method.KERIO_MASTER, connections=1), password), kerio


@pytest.mark.parametrize("name", ["no", "bad", "bye", "ip", "wrong"])
async def test_a_refused_master_login_names_the_three_causes_and_is_not_repeated(
    dovecot: StartDovecot, box: Sandbox, name: str
) -> None:
    """NO, BAD, BYE, an address outside the group, another password: one try for all mailboxes, and the run has failed."""
    behaviour = Behaviour()
    if name == "ip":
        behaviour.ip_refused = True
    elif name == "wrong":
        behaviour.unknown = set()
    else:
        behaviour.master_answer = name  # type: ignore[assignment]
    server = dovecot({address(one): "x" for one in NAMES[:3]}, master=MASTER)
    await add(box, *NAMES[:3])
    with Kerio(server, behaviour, master_password="another" if name == "wrong" else WORD) as kerio:
        outcome = await box.run(staff(At(kerio.host, kerio.port), Method.KERIO_MASTER, connections=1), WORD)
        tries = sum(line.startswith("X-MASTERAUTH") for line in kerio.lines())
    assert outcome.status is RunStatus.FAILED
    for cause in ("switched off", "password is wrong", "outside the IP group"):
        assert cause in outcome.advice
    assert tries == 1
    assert all("not tried: " in one.problems[0].text for one in outcome.mailboxes[1:])
    assert WORD not in "".join(problem.text for one in outcome.mailboxes for problem in one.problems)


@pytest.mark.parametrize("password", ["0123456789abcdefghijklmnopqrstuv", "Umlaute sind möglich", "24 characters of it all."])
@pytest.mark.parametrize("first_24", [False, True])
async def test_a_long_master_password_is_tried_whole_and_then_its_beginning(
    dovecot: StartDovecot, box: Sandbox, password: str, first_24: bool
) -> None:
    """Old versions count 24 characters: the second form is tried once, and remembered for the other mailboxes."""
    outcome, kerio = await kerio_run(dovecot, box, Behaviour(first_24=first_24), password)
    assert outcome.status is RunStatus.SUCCEEDED
    assert kerio.logins == [address(name) for name in NAMES[:3]]
    tries = sum(line.startswith("X-MASTERAUTH") for line in kerio.lines())
    assert tries == (4 if first_24 and len(password) > 24 else 3)


async def test_the_beginning_of_a_password_is_tried_on_another_connection_when_the_server_hangs_up(
    dovecot: StartDovecot, box: Sandbox
) -> None:
    """BYE after the whole password: one more connection, and no more than that when it is refused as well."""
    password = "0123456789abcdefghijklmnopqrstuv"
    outcome, kerio = await kerio_run(dovecot, box, Behaviour(master_answer="bye"), password)
    assert outcome.status is RunStatus.FAILED
    assert "three causes" in outcome.advice
    assert kerio.connections == 2


async def test_logins_with_quotes_and_without_a_domain_open_the_right_mailbox(dovecot: StartDovecot, box: Sandbox) -> None:
    """Quotes are escaped; a login name without a domain gets that of the address."""
    server = dovecot({"anna@example.test": "x"}, master=MASTER)
    server.deliver("anna@example.test", "INBOX", mail("one"))
    await users.add(box.archive, "a.muster", ["a.muster@example.test"], login="anna")
    await users.add(box.archive, "odd", ["odd@example.test"], login='o"d\\d@example.test')
    with Kerio(server, master_password=WORD) as kerio:
        outcome = await box.run(staff(At(kerio.host, kerio.port), Method.KERIO_MASTER), WORD)
        lines = kerio.lines()
    assert 'X-SETUSER "anna@example.test"' in lines
    assert 'X-SETUSER "o\\"d\\\\d@example.test"' in lines
    assert [one.status for one in outcome.mailboxes] == [RunStatus.SUCCEEDED, RunStatus.FAILED]
    assert [one.mailbox for one in outcome.mailboxes] == ["a.muster@example.test", "odd@example.test"]


async def test_no_digest_mechanism_is_used_even_when_announced(box: Sandbox) -> None:
    """CRAM-MD5 and DIGEST-MD5 fail for accounts of a directory with the right password."""
    script = Script(capabilities=["IMAP4rev1", "AUTH=CRAM-MD5", "AUTH=DIGEST-MD5", "AUTH=PLAIN", "SASL-IR"])
    await add(box, "user01")
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}, script) as server:
        for method in (Method.MASTER_USER, Method.PLAIN_AUTHZID):
            assert (await box.run(staff(At(server.host, server.port), method), WORD)).status is RunStatus.SUCCEEDED
        assert not any("MD5" in line for line in server.lines())
        assert server.logins == ["user01@example.test*archive", "user01@example.test/archive"]


async def test_a_plain_connection_warns_of_the_master_password(box: Sandbox) -> None:
    """With it every mailbox can be opened, so the warning is louder than for one mailbox."""
    profile = staff(At("mail.example.test", 143), Method.KERIO_MASTER)
    assert "every mailbox can be opened" in sentence(profile.warnings()[0])
    accepting = replace(profile, server=Server("mail.example.test", Access.IMAP_SSL, accept_all_certificates=True))
    assert "the master password, which opens every mailbox" in sentence(accepting.warnings()[0])


async def test_a_master_password_outside_ascii_or_too_long_is_doubtful() -> None:
    """It may work, so it is said and not refused."""
    login = staff(At("h", 1), Method.KERIO_MASTER).login
    assert "outside ASCII" in sentence(login.doubts(Secret("pä55wörd"))[0])
    assert "longer than 24" in sentence(login.doubts(Secret("x" * 25))[0])
    assert login.doubts(Secret("x" * 24)) == []


@pytest.mark.parametrize("password", [WORD, "0123456789abcdefghijklmnopqrstuv"])
@pytest.mark.parametrize("trouble", ["dropped", "busy", "set user dropped"])
async def test_a_connection_lost_at_the_master_login_says_nothing_about_the_password(
    dovecot: StartDovecot, box: Sandbox, trouble: str, password: str
) -> None:
    """One drop or one busy answer in twelve mailboxes: tried again, and all are archived."""
    behaviour = Behaviour()
    if trouble == "busy":
        behaviour.answers = {"X-MASTERAUTH": "NO [UNAVAILABLE] server busy, try again later"}
    else:
        behaviour.drop_at = "X-MASTERAUTH" if trouble == "dropped" else "X-SETUSER"
    outcome, _ = await master_run(dovecot, box, behaviour, password)
    assert [one.status for one in outcome.mailboxes] == [RunStatus.SUCCEEDED] * 12


async def test_a_server_that_takes_no_connection_at_all_is_given_up_soon(dovecot: StartDovecot, box: Sandbox) -> None:
    """BYE to every connection: after some tries the rest is not tried."""
    outcome, kerio = await master_run(dovecot, box, Behaviour(max_connections=0))
    assert outcome.status is RunStatus.FAILED
    assert kerio.connections < 60
