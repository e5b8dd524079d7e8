"""The wizard on the mailbox of everybody: filing, examples, and whose mail nobody knows."""

from __future__ import annotations

from dataclasses import replace

from core.archive.registry import saved_profiles
from core.engine.examine.examples import Example, ExamplePlace
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.profile import Login, Method
from core.secrets import Secret
from tests import homes, stages
from tests.screens import straight
from tests.stages import Stage
from tui.desk.present import own
from tui.desk.profiles import everybody
from tui.desk.refusals import Refused
from tui.places.wizard.filing import example_lines

stage = stages.stage


async def test_a_catch_all_profile_is_made_page_by_page(stage: Stage) -> None:
    """Its pages have room above; what is left as it is are the defaults, and the summary says what is held back."""
    screen = stage.screen
    await stage.everybody()
    await screen.until_shown("· Summary", "^r Examples", "[{u-email}/INBOX", "(•) into the catch-all archive", "Archive of")
    assert "…" not in screen.lines[1]
    assert straight(screen.lines, (80, 24))
    await screen.press("tab", "tab", "right")
    await screen.until_shown("Mail to addresses that no user has is not archived")
    await screen.until_gone("Archive of")
    await stage.to("Filter", "Delete")
    await screen.press("down", "y")
    await screen.until_shown("(•) immediately", "stays until the address has a user")
    await screen.press("ctrl+r")
    await screen.until_shown("3 of 9 messages would be deleted.")
    await stage.to("Name")
    await stage.write("Journal")
    await stage.to("Summary")
    await screen.until_shown("Each message goes to its recipients ({u-email}/INBOX)", "a user, or is said to be")
    assert screen.text.count("Each message goes") == 1
    await screen.press("enter")
    await screen.until_shown("Save a profile that deletes more than before?")
    await screen.press("y")
    await screen.until_shown("Profile Journal saved.", "▸ Journal", "catch-all")
    profile = await stage.saved("Journal")
    assert profile.catchall == CatchAll(unknown=UnknownPolicy.LEAVE)
    assert (profile.login.username, profile.login.method, profile.target) == ("journal@example.test", Method.PASSWORD, None)


async def test_examples_say_where_messages_would_go(stage: Stage) -> None:
    """^r asks with what is typed just now; what the server refuses is said in the same place."""
    screen = stage.screen
    await stage.everybody()
    await screen.press("home", "ctrl+k")
    await stage.write("In/{h-email}")
    await screen.press("ctrl+r")
    await screen.until_shown("Offer", "→ alice: In/{h-email}", "! no user has carl@example.test")
    assert stage.drafts.tried[-1] == "examples word-4711"
    await screen.press("escape")
    stage.drafts.refusal = Refused(own("mail.example.test does not answer."), own("Is it on?"))
    await screen.press("ctrl+r")
    await screen.until_shown("! mail.example.test does not answer. Is it on?")
    await screen.press("escape")
    await screen.until_shown("● Filing", "[In/{h-email}")


async def test_what_is_wrong_with_filing_stands_beside_its_field(stage: Stage) -> None:
    """Templates that are none, a user who is not there, and addresses of users."""
    screen = stage.screen
    await stage.everybody()
    await screen.press("home", "ctrl+k")
    await stage.write("{x}/INBOX")
    await screen.press("enter")
    await screen.until_shown("● Filing", "▸ Received mail", '! "{x}/INBOX" is not allowed')
    await screen.press("home", "ctrl+k", "tab", "tab", "tab", "tab")
    await screen.until_shown("▸ Archive of")
    await stage.write("nobody-4711")
    await screen.press("enter")
    await screen.until_shown("▸ Archive of", '! There is no user "nobody-4711"')
    await screen.press("home", "ctrl+k", "tab")
    await stage.write("Alice@example.test")
    await screen.press("enter")
    await screen.until_shown("▸ Own addresses", "! Alice@example.test is the address of the mailbox", "in Users (the key u on")
    await screen.press("home", "ctrl+k")
    await stage.to("Filter")


async def test_the_mailbox_of_everybody_is_nobodys(stage: Stage) -> None:
    """The user name of the mailbox is refused beside its field when it is a user's address."""
    screen = stage.screen
    await screen.press("n")
    await screen.until_shown("● Kind", "▸ Archive")
    await screen.press("down", "down")
    await screen.until_shown("copy of everybody's mail")
    await stage.to("Server")
    await stage.write("mail.example.test")
    await stage.to("Login")
    await stage.write("alice@example.test")
    await screen.press("tab")
    await stage.write("word-4711")
    await screen.press("enter")
    await screen.until_shown("● Login", "▸ User name", "! alice@example.test is the address of the mailbox that")
    await screen.until_shown("belongs to the user alice.")


async def test_a_catch_all_profile_is_changed_and_copied(stage: Stage) -> None:
    """The saved values are in the form, the usual header fields as an empty line; folders that differ by case are reported."""
    wanted = replace(
        homes.profile("mail.example.test", 993, name="Journal"),
        target=None,
        login=Login("journal@example.test"),
        catchall=CatchAll(incoming="{u-email}/Inbox", domains=("example.test", "example.org")),
    )
    await saved_profiles.save(stage.archive, homes.profile("other.example.test", 993, name="Alice"), Secret("x"))
    await saved_profiles.save(stage.archive, wanted, Secret("x"))
    draft = await stage.drafts.edit("Journal")
    assert "catchall.headers" not in draft.fields
    assert (draft.fields["catchall.domains"], dict(await stage.drafts.problems(draft))) == ("example.test, example.org", {})
    summary = await stage.drafts.summary(draft)
    assert any("differs only by case" in text for text in summary.warnings)
    copied = await stage.drafts.copy("Journal")
    await stage.drafts.save(copied)
    assert (await stage.saved("Copy of Journal")).catchall == wanted.catchall


def test_examples_are_safe_to_show() -> None:
    """Subjects, folders and addresses from outside are obeyed nowhere; a day that no calendar has is none."""
    hostile = "\x1b]2;OWNED\x07\u202e[red]"
    one = Example(hostile, hostile, 10**15, (ExamplePlace("@catchall", hostile),), (hostile,) * 7, True)
    row = everybody.example(one)
    shown = "\n".join(text for line in example_lines([row], 40) for span in line for text in [span.text])
    assert not set(shown) & set("\x1b\x07\u202e")
    assert "the catch-all archive:" in shown
    assert row.notes[-1] == "and 2 more"
    left = everybody.example(Example("", "", None, (), (), False))
    assert (left.subject, left.facts, left.notes) == ("(no subject)", "from nobody", ("stays in the mailbox",))
