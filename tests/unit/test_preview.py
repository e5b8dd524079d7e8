"""The sentences of a preview of deletion."""

from __future__ import annotations

from collections import Counter

from core.engine.examine.preview import IN_TRASH, Preview, deletion
from core.model import User
from core.profiles.mailboxes import Mailbox
from core.secrets import Secret
from tests.terminal.staged import profile


async def test_of_a_rule_that_deletes_nothing_nothing_is_counted() -> None:
    """One sentence, and no server is asked."""
    found = await deletion(profile("Alice"), Mailbox(User("1", "alice"), "alice", "alice@example.test"), Secret(""))
    assert found.sentences() == ["With this rule nothing is deleted."]


def test_what_would_stay_is_said_with_the_reasons() -> None:
    """Numbers of messages to go and to stay, with reasons."""
    said = Preview("alice@example.test", found=9, delete=3, kept=Counter({IN_TRASH: 4, "flagged": 2})).sentences()
    assert said[0].startswith("In alice@example.test 3 of 9 messages would be deleted")
    assert said[1] == "6 would stay: 4 in the trash, 2 flagged."
