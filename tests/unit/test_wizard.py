"""The wizard, page by page: what is typed, told, refused and saved."""

from __future__ import annotations

import asyncio

import pytest
from textual.events import Key

from core.archive.registry import saved_profiles
from core.engine.examine.examine import ServerFolder
from core.profiles.ownership import Evidence, Standing, Whose
from core.profiles.profile import Target
from core.secrets import Secret
from tests import homes, stages
from tests.screens import straight
from tests.stages import Stage
from tui.desk.present import own
from tui.desk.profiles.draft import FolderTree, ProfileDraft
from tui.desk.profiles.drafts import Drafts
from tui.desk.refusals import Refused
from tui.places.home.home import HomePlace
from tui.places.wizard.wizard import WizardPlace
from tui.widgets.form import Form

stage = stages.stage


async def test_what_is_wrong_stands_beside_its_field_until_it_is_changed(stage: Stage) -> None:
    """A page is left only when it is right; the first wrong field has the focus; what is corrected is complained of no more."""
    screen = stage.screen
    await screen.press("n")
    await screen.until_shown("● Kind", "▸ Archive")
    await stage.to("Server")
    await screen.press("enter")
    await screen.until_shown("▸ Server name", "! This is needed.")
    await stage.write("a b")
    await screen.until(lambda: "This is needed." not in screen.text)
    await screen.press("enter")
    await screen.until_shown('! "a b" is not allowed', "● Server")
    await screen.press("backspace", "backspace", "tab", "tab")
    await stage.write("70000")
    await screen.press("enter")
    await screen.until_shown("▸ Port", "! 70000 is not allowed")
    assert straight(screen.lines, (80, 24))


async def test_a_page_without_its_form_yet_has_its_guide(stage: Stage) -> None:
    """Keys at the foot are looked at in any moment, also while a page is being composed in a window that changes its size."""
    screen = stage.screen
    await screen.press("n")
    await screen.until_shown("● Kind", "▸ Archive")
    wizard = screen.console.screen
    assert isinstance(wizard, WizardPlace)
    kind = wizard.step
    assert kind is not None
    assert kind.guide == "kerio-master"
    await kind.query(Form).remove()
    assert kind.is_mounted
    assert kind.guide == "kerio-master"


async def test_going_back_and_forth_loses_nothing(stage: Stage) -> None:
    """Every value is there again, the password as dots."""
    screen = stage.screen
    await stage.single()
    await screen.press("escape")
    await screen.until_shown("● Login", "[alice@example.test", "•" * 9)
    await screen.press("escape")
    await screen.until_shown("● Server", "[mail.example.test")
    await stage.to("Login", "Folders")
    assert "word-4711" not in screen.text
    assert stage.drafts.tried[-1] == "folders word-4711"


async def test_a_corrected_address_is_the_user_name(stage: Stage) -> None:
    """It is not copied into a line that was left empty."""
    screen = stage.screen
    await stage.single()
    await screen.press("escape")
    await screen.until_shown("● Login", "[alice@example.test", "Empty: the e-mail address.")
    assert screen.text.count("alice@example.test") == 1
    await stage.write(".invalid")
    await stage.to("Folders", "Filter", "Delete", "Target")
    await screen.press("space")
    await stage.to("Name")
    await stage.write("Alice")
    await stage.to("Summary")
    await screen.press("enter")
    await screen.until_shown("Profile Alice saved.")
    assert (await stage.saved("Alice")).login.username == "alice@example.test.invalid"


async def test_fields_are_shown_where_they_have_a_meaning(stage: Stage) -> None:
    """No certificates without TLS, no age without a rule that needs it, no time without a schedule, and their values stay."""
    screen = stage.screen
    await screen.press("n")
    await screen.until_shown("● Kind", "▸ Archive")
    await stage.to("Server")
    await screen.until_shown("accept all certificates", "Own CA file", "Empty: 993")
    await screen.press("tab", "right", "right")
    await screen.until_shown("Without encryption", "Empty: 143")
    await screen.until_gone("certificates")
    await screen.press("left", "tab", "tab", "space")
    await screen.until_shown("! Anyone in between can pose as the server.")
    await screen.until_gone("Own CA file")


async def test_users_are_chosen_with_a_sentence_that_counts_them(stage: Stage) -> None:
    """Ways, ticks and search; an empty choice is reported and keeps the page; the ticked users are saved."""
    screen = stage.screen
    await stage.many()
    await screen.until_shown("Archives 2 of 3 users, 1 has no e-mail address.", "▸ [x] alice", "n New user")
    assert "space Tick" not in screen.text
    await screen.press("shift+tab", "shift+tab")
    await screen.until_shown("▸ (•) all users")
    await screen.press("left", "right", "right")
    await screen.until_shown("(•) only the ticked", "Nobody is ticked yet.")
    assert "▸ [" not in screen.text
    await screen.press("tab", "tab", "enter")
    await screen.until_shown("● Users", "! ", "space Tick")
    await screen.press("slash", *"bo")
    await screen.until(lambda: "alice" not in screen.text)
    await screen.press("enter", "space")
    await screen.until_shown("▸ [x] bob", "Archives 1 of 3 users")
    await screen.press("slash", "backspace", "backspace", "down")
    await screen.until_shown("[ ] alice", "[x] bob")
    await stage.to("Login")


async def test_the_archive_that_a_mailbox_goes_to_is_known_by_its_address(stage: Stage) -> None:
    """The owner of the address is chosen at first; space takes another one."""
    screen = stage.screen
    await stage.single()
    await stage.to("Filter", "Delete", "Target")
    await screen.until_shown("(•) alice", "Goes to the folder alice@example.test in the archive of alice.")
    await screen.press("down", "space")
    await screen.until_shown("▸ (•) bob", "( ) alice", "in the archive of bob.")


async def test_ticked_folders_become_rules(stage: Stage) -> None:
    """Alone and with subfolders, all but the unticked and only the ticked, patterns, and all taken back."""
    screen = stage.screen
    await stage.single()
    await screen.until_shown("▸ [x] INBOX", "[ ] Junk E-mail", "junk mail", "space Tick", "s With subfolders")
    await screen.press("down", "space")
    await screen.until_shown("[x] Junk E-mail", "Also: Junk E-mail")
    await screen.press("down", "s")
    await screen.until_shown("▸ [ ] Projects", "Without: Projects/**")
    await screen.press("s", "down", "space")
    await screen.until_shown("▸ [ ]   A", "Without: Projects/A")
    await screen.press("p")
    await screen.until_shown("A pattern for folders")
    await stage.write("**/Old")
    await screen.press("enter")
    await screen.until_shown("Without: Projects/A, **/Old")
    await screen.press("end", "space")
    await screen.until_shown("No rule can name this folder")
    await stage.to("Filter", "Delete", "Target", "Name")
    await stage.write("Alice")
    await stage.to("Summary")
    await screen.until_shown("enter Save", "all, with Junk E-mail, without Projects/A, **/Old")
    await screen.press("enter")
    await screen.until_shown("Profile Alice saved.", "▸ Alice")
    rules = (await stage.saved("Alice")).folders
    assert [rule.pattern for rule in rules.include] == ["**", "Junk E-mail"]
    assert [rule.pattern for rule in rules.exclude] == ["Projects/A", "**/Old"]


async def test_only_the_ticked_folders_can_be_kept(stage: Stage) -> None:
    """Those that are ticked now are named, but for what no rule can name; x takes all rules back."""
    screen = stage.screen
    await stage.single()
    await screen.press("shift+tab")
    await screen.until_shown("▸ (•) all but the unticked")
    await screen.press("right")
    await screen.until_shown("Only: INBOX, Projects, Projects/A, Projects/B", "[ ] x␛[31m")
    await screen.press("tab", "x")
    await screen.until_shown("Take all folder rules back?", "y  take them back")
    await screen.press("n")
    await screen.until_shown("Only: INBOX, Projects, Projects/A, Projects/B")
    await screen.press("x", "y")
    await screen.until(lambda: "Only: " not in screen.text)
    await stage.to("Filter")


async def test_the_last_page_saves_and_leads_to_the_first_mistake(stage: Stage) -> None:
    """Next is Save there; a name that was taken since leads back to its page and field, and nothing is saved."""
    screen = stage.screen
    await stage.single()
    await stage.to("Filter", "Delete", "Target", "Name")
    await stage.write("Alice")
    assert "enter Next" in screen.text
    await stage.to("Summary")
    await screen.until_shown("enter Save", "Nothing is deleted on the server.")
    assert "enter Next" not in screen.text
    await saved_profiles.save(stage.archive, homes.profile("other.example.test", 993, name="Alice"), Secret("x"))
    await screen.press("enter")
    await screen.until_shown("● Name", "▸ Profile name", "There is a profile Alice already.")
    assert (await stage.saved("Alice")).server.host == "other.example.test"
    await stage.write(" 2")
    await stage.to("Summary")
    await screen.press("enter")
    await screen.until_shown("Profile Alice 2 saved.", "Profiles (2)")
    assert (await stage.saved("Alice 2")).server.host == "mail.example.test"


async def test_the_test_ticks_its_steps_and_says_how_it_ended(stage: Stage) -> None:
    """The dialog is as high as what it shows, with what was refused in words; the password typed is the one tried."""
    screen = stage.screen
    await stage.single()
    await screen.press("escape")
    await screen.until_shown("● Login")
    await screen.press("ctrl+t")
    await screen.until_shown("Connection test", "Name lookup", "✔ ok", "✔ All steps went well.", "esc  close")
    assert stage.drafts.tried[-1] == "test word-4711"
    # The lines of the dialog are within those of the page.
    await screen.until(lambda: 5 < len([line for line in screen.lines if line.count("┃") > 2]) < 16)
    await screen.press("escape")
    stage.drafts.refusal = Refused(own("mail.example.test is not there."), own("Look at the name."))
    await screen.press("ctrl+t")
    await screen.until_shown("✗ mail.example.test is not there. Look at the name.")


async def test_a_rule_is_said_previewed_and_tried_out(stage: Stage) -> None:
    """The sentence follows the fields; preview and probe show what they found; the probe asks first."""
    screen = stage.screen
    await stage.single()
    await stage.to("Filter", "Delete")
    await screen.until_shown("Nothing is deleted on the server.")
    await screen.press("down", "down", "y")
    await screen.until_shown("Say how old a message must be to be deleted.")
    await screen.press("tab")
    await stage.write("6 months")
    await screen.until_shown("messages older than 6 months")
    await screen.press("ctrl+r")
    await screen.until_shown("3 of 9 messages would be deleted.")
    await screen.press("ctrl+o")
    await screen.until_shown("Try out deletion on the server?")
    await screen.press("n")
    assert not [one for one in stage.drafts.tried if one.startswith("probe")]
    await screen.press("ctrl+o", "y")
    await screen.until_shown("The server moves deleted mail to Trash.")


async def test_a_profile_without_a_schedule_is_offered_one(stage: Stage) -> None:
    """The key for automatic leads to the page on which it is chosen when it starts."""
    await saved_profiles.save(stage.archive, homes.profile("mail.example.test", 993, name="Alice"), Secret("word"))
    screen = stage.screen
    await screen.until_shown("· Alice")
    await screen.press("a")
    await screen.until_shown("Give Alice a schedule?")
    await screen.press("y")
    await screen.until_shown("● Name", "(•) by hand", "[Alice")


async def test_leaving_while_a_page_opens_is_no_fault(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that comes too late is dropped: no box, and nothing in the log."""
    noted: list[str] = []
    console = stage.screen.console
    monkeypatch.setattr(console, "_note", noted.append)
    begun, go_on = asyncio.Event(), asyncio.Event()
    show = WizardPlace._show

    async def late(place: WizardPlace) -> None:
        begun.set()
        await go_on.wait()
        await show(place)

    monkeypatch.setattr(WizardPlace, "_show", late)
    await stage.screen.press("n")
    await begun.wait()
    await console.action_go("home")
    go_on.set()
    await stage.screen.until(lambda: not [one for one in console.workers if one.is_running and one.name != "watch"])
    await stage.screen.until_shown("Profiles (")
    assert (noted, type(console.screen)) == ([], HomePlace)


async def test_what_is_typed_ahead_goes_to_the_page_that_comes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key of a new profile at once, on a machine on which each page takes its time."""
    screen, console = stage.screen, stage.screen.console
    show = WizardPlace._show

    async def slow(place: WizardPlace) -> None:
        await asyncio.sleep(0.02)
        await show(place)
        await asyncio.sleep(0.02)

    monkeypatch.setattr(WizardPlace, "_show", slow)
    pages = ["n\r", "mail.example.test\r", "alice@example.test\t\tword-4711\r", "\r", "\r", "\r", "\r", "Alice\r", "\r"]
    for character in "".join(pages):
        key = {"\r": "enter", "\t": "tab", "@": "at", ".": "full_stop", "-": "minus"}.get(character, character)
        console.post_message(Key(key, character))
    await screen.until(lambda: "Profile Alice saved." in screen.text, 60)
    profile = await stage.saved("Alice")
    assert (profile.server.host, profile.login.username, profile.target) == (
        "mail.example.test",
        "alice@example.test",
        Target("alice", "alice@example.test"),
    )
    assert (await saved_profiles.password(stage.archive, profile)).reveal() == "word-4711"


async def test_folders_of_others_stand_apart_in_the_tree(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a line of their own, with whose they are; unticked until they are ticked, which names them in the rules."""
    bob = Whose(Standing.OTHERS, "bob@example.test", Evidence.NAMESPACE, "shared")
    doubt = Whose(Standing.DOUBTFUL, evidence=Evidence.RIGHTS)

    async def tree(*_: object) -> list[ServerFolder]:
        return [
            ServerFolder("INBOX", 5, ""),
            ServerFolder("Lent", 2, "", whose=doubt),
            ServerFolder("shared", None, "holds only other folders", selectable=False, whose=bob),
            ServerFolder("shared/bob@example.test", 7, bob.reason, whose=bob),
        ]

    async def folders(draft: ProfileDraft) -> FolderTree:
        return await Drafts.folders(stage.drafts, draft)

    monkeypatch.setattr("core.engine.examine.examine.folder_tree", tree)
    monkeypatch.setattr(stage.drafts, "folders", folders)
    screen = stage.screen
    await stage.single()
    await screen.until_shown(
        "[x] Lent", "may be somebody else's", "Folders of others and shared ones", "[ ]     bob@example.test"
    )
    await screen.until_shown("a folder of bob@example")
    await screen.press(*["down"] * 4, "space")
    await screen.until_shown("[x]     bob@example.test", "Also: shared/bob@example.test")


async def test_the_summary_tells_that_a_run_follows(stage: Stage) -> None:
    """Run now is said beside the schedule, and only when it was chosen."""
    draft = await stage.drafts.new("mailbox")
    draft.fields |= {"name": "Alice", "server.host": "mail.example.test"}
    draft.fields |= {"login.username": "alice", "target.user": "alice", "target.folder": "alice@example.test"}
    assert dict((await stage.drafts.summary(draft)).facts)[own("Starts")] == "by hand."
    draft.run_now = True
    assert dict((await stage.drafts.summary(draft)).facts)[own("Starts")] == "by hand, and once as soon as it is saved."


async def test_what_is_refused_is_a_message_and_the_wizard_goes_on(stage: Stage) -> None:
    """A server that does not answer does not prevent writing rules by hand."""
    screen = stage.screen
    stage.drafts.refusal = Refused(own("mail.example.test does not answer."), own("Is it on?"))
    await stage.login()
    await stage.to("Folders")
    await screen.until_shown(
        "! The folders cannot be read: mail.example.test does not answer. Is it on?", "Patterns can be written"
    )
    await screen.until_shown("▸ No folders to tick.", "^t Test", "p Pattern", "r Read again")
    assert "Tick " not in screen.text
    assert "With subfolders" not in screen.text
    await stage.to("Filter", "Delete")
    await screen.press("ctrl+r")
    await screen.until_shown("! mail.example.test does not answer. Is it on?")
    await stage.to("Target")


async def test_a_fault_is_a_panel_without_values(stage: Stage) -> None:
    """A mistake of ours is told with its place in the program, and neither the password nor what was typed is in it."""
    screen = stage.screen
    stage.drafts.fault = KeyError("word-4711 alice@example.test")
    await stage.login()
    await screen.press("enter")
    await screen.until_shown("the console has a fault", "KeyError in stages.py")
    assert "word-4711" not in screen.text
    await screen.press("escape")
    await screen.until_shown("● Folders")
    assert "has a fault" not in screen.text


async def test_leaving_asks_wherever_the_focus_is(stage: Stage) -> None:
    """^x asks in a line too, where it would cut; no goes on with all that was typed, yes is Home."""
    screen = stage.screen
    await stage.server()
    await screen.press("ctrl+x")
    await screen.until_shown("Leave without saving?")
    await screen.press("n")
    await screen.until_shown("[mail.example.test", "▸ Server name")
    await screen.press("ctrl+x", "y")
    await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_help_names_each_key_of_the_page_once(stage: Stage) -> None:
    """f1 lists what can be done on this page; ? is typed here and no key."""
    screen = stage.screen
    await stage.single()
    await screen.press("f1")
    await screen.until_shown("━ Keys ━", "the folder with all below it")
    assert screen.text.count("The keys of this p") == 1
