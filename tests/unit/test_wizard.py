"""The profile wizard as text on the screen, over a real archive; requests to servers are played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Input

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.engine.examine.examine import ServerFolder
from core.engine.examine.examples import Example, ExamplePlace
from core.profiles.age import Age
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deleting_more import SENTENCES
from core.profiles.deletion import Deletion, When
from core.profiles.ownership import Evidence, Standing, Whose
from core.profiles.profile import Login, Method, Profile, Target
from core.profiles.selection import SelectionMode, UserSelection
from core.secrets import Secret
from core.service.queue import Queue
from tests import homes
from tests.unit.test_tui_screens import Shown, straight
from tui.console import Console
from tui.desk import everybody
from tui.desk.desk import Desk, open_desk
from tui.desk.draft import ExampleRow, FolderRow, FolderTree, ProfileDraft
from tui.desk.drafts import Drafts
from tui.desk.present import BLANK, Safe, Tone, badge, own, sentences, text
from tui.desk.refusals import Refused
from tui.desk.trial import StepRow
from tui.places.home.home import HomePlace
from tui.places.profiles.deletion import DeletionQuestion
from tui.places.wizard.filing import example_lines
from tui.places.wizard.wizard import WizardPlace
from tui.widgets.form import Form

ROWS = (
    FolderRow("INBOX", (), own("INBOX"), 0, own("5"), True),
    FolderRow("Junk E-mail", ("\\Junk",), own("Junk E-mail"), 0, own("7"), True),
    FolderRow("Projects", (), own("Projects"), 0, own("1"), True),
    FolderRow("Projects/A", (), own("A"), 1, own("2"), True),
    FolderRow("Projects/B", (), own("B"), 1, own("3"), True),
    FolderRow("Shared", (), own("Shared"), 0, BLANK, False),
    FolderRow("x\x1b[31m", (), own("x␛[31m"), 0, own("0"), True),
)


class PlayedDrafts(Drafts):
    """Drafts on a real archive, of which the network is played: ``refusal`` and ``fault`` are raised instead of an answer."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.refusal: Refused | None = None
        self.fault: Exception | None = None
        self.tried: list[str] = []

    def _answer(self, what: str, draft: ProfileDraft) -> None:
        self.tried.append(f"{what} {draft.password.reveal()}")
        if error := self.refusal or self.fault:
            raise error

    async def test(self, draft: ProfileDraft, tick: Callable[[StepRow], None]) -> bool:
        for step in self.steps(draft):
            tick(StepRow(step.key, step.name, badge("✔", "ok", Tone.GOOD), own("as it should be")))
        self._answer("test", draft)
        return True

    async def folders(self, draft: ProfileDraft) -> FolderTree:
        self._answer("folders", draft)
        return FolderTree(own("alice@example.test"), ROWS)

    async def examples(self, draft: ProfileDraft) -> Sequence[ExampleRow]:
        self._answer("examples", draft)
        place = str(draft.fields["catchall.incoming"])
        return [
            ExampleRow(
                own("Offer"), own("from x@elsewhere.test"), (text(f"alice: {place}"),), (own("no user has carl@example.test"),)
            )
        ]

    async def preview(self, draft: ProfileDraft) -> Sequence[Safe]:
        self._answer("preview", draft)
        return [own("3 of 9 messages would be deleted.")]

    async def probe(self, draft: ProfileDraft) -> Sequence[Safe]:
        self._answer("probe", draft)
        return [own("The server moves deleted mail to Trash.")]


class Stage:
    """An archive with alice, bob and carol, who has no address, and the console's drafts on it."""

    def __init__(self, archive: Archive, desk: Desk, drafts: PlayedDrafts, screen: Shown) -> None:
        self.archive, self.desk, self.drafts, self.screen = archive, desk, drafts, screen

    async def write(self, text: str) -> None:
        """As if pasted: key by key takes long, and is done in a real terminal elsewhere."""
        line = self.screen.console.screen.focused
        assert isinstance(line, Input)
        line.insert_text_at_cursor(text)
        await self.screen.until(self.screen.at_rest)

    async def to(self, *words: str) -> None:
        """On, page by page, to the last of ``words``."""
        for word in words:
            await self.screen.press("enter")
            await self.screen.until_shown(f"● {word}")
            await self.screen.until(lambda: self.screen.console.screen.focused is not None)

    async def server(self, *keys: str) -> None:
        """A new profile of the kind that ``keys`` lead to, with a server, up to the page of it."""
        await self.screen.press("n")
        await self.screen.until_shown("● Kind", "▸ Archive")
        await self.screen.press(*keys)
        await self.to("Server")
        await self.write("mail.example.test")

    async def login(self) -> None:
        """A new single mailbox with all that is asked for on the page of the login."""
        await self.server()
        await self.to("Login")
        await self.write("alice@example.test")
        await self.screen.press("tab", "tab")
        await self.write("word-4711")

    async def single(self) -> None:
        """A new single mailbox up to the page of folders."""
        await self.login()
        await self.to("Folders")
        await self.screen.until_shown("Folders of alice@example.test.")

    async def many(self) -> None:
        """A new profile for many up to the page of users."""
        await self.server("down")
        await self.to("Users")
        await self.screen.until_shown("[x] alice", "[x] bob")

    async def everybody(self, user_name: str = "journal@example.test") -> None:
        """A new catch-all profile up to the page of filing."""
        await self.screen.press("n")
        await self.screen.until_shown("● Kind", "▸ Archive")
        await self.screen.press("down", "down")
        await self.screen.until_shown("The mail server puts a copy of everybody's mail into it")
        await self.to("Server")
        await self.write("mail.example.test")
        await self.to("Login")
        await self.write(user_name)
        await self.screen.press("tab")
        await self.write("word-4711")
        await self.to("Folders")
        await self.screen.until_shown("Folders of alice@example.test.")
        await self.to("Filing")

    async def saved(self, name: str) -> Profile:
        return await saved_profiles.find(self.archive, name)


@asynccontextmanager
async def staged(path: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Stage]:
    archive = await homes.begin(path / "home")
    try:
        await users.add(archive, "bob", ["bob@example.test"])
        await users.add(archive, "carol", [])
        desk = await open_desk(archive.home.path)
        desk.drafts = drafts = PlayedDrafts(desk._archive)

        async def opened() -> Desk:
            return desk

        console = Console(opened)
        async with console.run_test(size=size, notifications=True) as pilot:
            screen = Shown(console, pilot)
            await screen.until_shown("Needs attention", "n New")
            yield Stage(archive, desk, drafts, screen)
    finally:
        await archive.close()


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with staged(tmp_path) as stage:
        yield stage


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
    await screen.until_shown("the console has a fault", "KeyError in test_wizard.py")
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
