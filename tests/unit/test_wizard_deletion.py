"""The wizard on deletion: what is asked before, what is ticked, and what it says of the risks."""

from __future__ import annotations

from dataclasses import replace

from core.archive.registry import saved_profiles
from core.profiles.age import Age
from core.profiles.deleting_more import SENTENCES
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Login, Method
from core.profiles.selection import SelectionMode, UserSelection
from core.secrets import Secret
from core.service.queue import Queue
from tests import homes, stages
from tests.stages import Stage
from tui.desk.present import own, sentences
from tui.desk.profiles.draft import ProfileDraft
from tui.desk.refusals import Refused
from tui.places.profiles.deletion import DeletionQuestion
from tui.places.wizard.wizard import WizardPlace

stage = stages.stage


async def test_deletion_is_switched_on_by_a_yes_alone(stage: Stage) -> None:
    """A key that strays chooses nothing; the question counts on the server, or says that it cannot; no is what enter says."""
    screen = stage.screen
    await stage.single()
    await stage.to("Filter", "Delete")
    await screen.press("space")
    for key in ("enter", "escape", "n"):
        await screen.press("down")
        await screen.until_shown("Delete mail on the server?", "every archived message is deleted", "3 of 9 messages")
        assert isinstance(screen.console.screen, DeletionQuestion)
        await screen.press(key)
        await screen.until_shown("(•) never", "Nothing is deleted on the server.")
    stage.drafts.refusal = Refused(own("The server is out of reach."), own("See to it."))
    await screen.press("down")
    await screen.until_shown("! What would go now could not be counted: The server is out of", "reach. See to it.")
    await screen.press("down")
    await screen.until_shown("How old, is typed next")
    await screen.press("up", "y")
    await screen.until_shown("(•) immediately after archiving")
    stage.drafts.refusal = None
    await stage.to("Target", "Name")
    await stage.write("Alice")
    await stage.to("Summary")
    await screen.until_shown("Deletion    ! After archiving, every archived message")
    await screen.press("enter")
    await screen.until_shown("Save a profile that deletes more than before?", "Deletion is switched on", "3 of 9 messages")
    await screen.press("enter")
    await screen.until_shown("Is everything right?")
    assert await saved_profiles.all_profiles(stage.archive) == []
    await screen.press("enter")
    await screen.until_shown("Save a profile")
    await screen.press("y")
    await screen.until_shown("Profile Alice saved.")
    assert (await stage.saved("Alice")).deletion.when is When.IMMEDIATELY


async def test_the_answers_stand_below_however_much_is_deleted_more(stage: Stage) -> None:
    """On the smallest usual terminal, with every sentence that there is."""
    question = DeletionQuestion(
        own("Save?"),
        sentences(SENTENCES.values()),
        own("save it"),
        own("go on editing"),
        lambda: stage.drafts.preview(ProfileDraft({})),
    )
    await stage.screen.console.push_screen(question)
    await stage.screen.until_shown("! Deletion is switched on", "y  save it      n, enter  go on editing")
    await stage.screen.press("end")
    await stage.screen.until_shown("messages", "y  save it      n, enter  go on editing")


async def test_what_deletes_no_more_than_before_is_saved_unasked_and_more_is_asked_about(stage: Stage) -> None:
    """Saving and running at once are two questions; a name alone is none."""
    profile = replace(homes.profile("mail.example.test", 993, name="Alice"), deletion=Deletion(When.OLDER_THAN, Age(1, "year")))
    await saved_profiles.save(stage.archive, profile, Secret("word"))
    draft = await stage.drafts.edit("Alice")
    draft.fields["name"] = "Other"
    assert await stage.drafts.deletes_more(draft) == []
    draft.fields["delete.age"] = "2 years"
    assert await stage.drafts.deletes_more(draft) == []
    draft.fields["delete.age"] = "6 months"
    assert await stage.drafts.deletes_more(draft) == ["Younger mail than before is deleted."]
    draft.run_now = True
    screen = stage.screen
    await screen.console.push_screen(WizardPlace(draft))
    await screen.until_shown("● Server")
    place = screen.console.screen
    assert isinstance(place, WizardPlace)
    await stage.to("Login", "Folders", "Filter", "Delete", "Target", "Name", "Summary")
    await screen.press("enter")
    await screen.until_shown("Younger mail than before is deleted.", "3 of 9 messages")
    await screen.press("y")
    await screen.until_shown("And run it as soon as it is saved?")
    await screen.press("n")
    await screen.until_shown("Profile Other saved.")
    assert await Queue(stage.archive.database).active() == []


async def test_ticks_that_were_changed_are_asked_about_when_leaving(stage: Stage) -> None:
    """A tick in a list, and one of the page, are changes like what is typed."""
    screen = stage.screen
    many = replace(
        homes.profile("mail.example.test", 993, name="Staff"),
        target=None,
        selection=UserSelection(SelectionMode.ONLY, ("alice",)),
    )
    many = replace(many, login=Login("", "", Method.KERIO_MASTER))
    await saved_profiles.save(stage.archive, many, Secret("word"))
    for change in (lambda draft: draft.fields["users.list"].append("bob"), lambda draft: setattr(draft, "run_now", True)):
        place = WizardPlace(await stage.drafts.edit("Staff"))
        await screen.console.push_screen(place)
        await screen.until_shown("● Server")
        change(place.draft)
        await screen.press("ctrl+x")
        await screen.until_shown("Leave without saving?")
        await screen.press("y")
        await screen.until(lambda place=place: place not in screen.console.screen_stack)  # type: ignore[misc]
    await screen.console.push_screen(WizardPlace(await stage.drafts.edit("Staff")))
    await screen.until_shown("● Server")
    await screen.press("ctrl+x")
    await screen.until_shown("Profiles (")


async def test_a_plain_expunge_is_ticked_beside_what_it_risks(stage: Stage) -> None:
    """The race is on the page before and after the tick, and the profile keeps the choice."""
    screen = stage.screen
    await stage.single()
    await stage.to("Filter", "Delete")
    await screen.press("down", "y", *["tab"] * 3)
    await screen.until_shown(
        "▸ Old servers", "Without UIDPLUS a plain EXPUNGE takes whatever is marked", "nothing is deleted there"
    )
    await screen.press("space")
    await screen.until_shown("! Without UIDPLUS a plain EXPUNGE takes", "is gone too")
    await stage.to("Target", "Name")
    await stage.write("Alice")
    await stage.to("Summary")
    await screen.press("enter")
    await screen.until_shown("Save a profile that deletes more than before?")
    await screen.press("y")
    await screen.until_shown("Profile Alice saved.")
    assert (await stage.saved("Alice")).deletion.without_uidplus


async def test_deletion_in_folders_of_others_is_a_tick_of_its_own(stage: Stage) -> None:
    """Unticked nothing is deleted there, and the page says so; the profile keeps the choice."""
    screen = stage.screen
    await stage.single()
    await stage.to("Filter", "Delete")
    await screen.press("down", "y", *["tab"] * 4)
    await screen.until_shown("▸ Shared", "Those ticked in Folders are archived; their mail stays")
    await screen.press("space")
    await screen.until_shown("Their mail goes too", "Also in folders of others")
    await stage.to("Target", "Name")
    await stage.write("Alice")
    await stage.to("Summary")
    await screen.until_shown("deletes mail in folders of others and shared ones too")
    await screen.press("enter")
    await screen.until_shown("Save a profile that deletes more than before?")
    await screen.press("y")
    await screen.until_shown("Profile Alice saved.")
    assert (await stage.saved("Alice")).deletion.shared
