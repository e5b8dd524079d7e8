"""Profiles as drafts: made, tested, described and saved. The one place where a form becomes a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, shared_logins, users
from core.engine.examine import examine, examples, preview, probe
from core.engine.visit.renamed_logins import RenamedLogins
from core.engine.visit.roster import roster
from core.errors import InputError
from core.imap.connection import steps
from core.model import User, now
from core.problems import console
from core.problems.code import Reason
from core.profiles.deleting_more import SENTENCES, more
from core.profiles.folder_choice import EVERYTHING, FolderChoice
from core.profiles.mailboxes import Mailbox, login_name, of_everybody, of_target
from core.profiles.profile import Kind, Method, Profile, name_key
from core.profiles.profile import from_json as saved
from core.profiles.rules import Rule
from core.profiles.schema import forms
from core.profiles.schema.profile_rules import HOW, How
from core.profiles.schema.profiles import PROFILES
from core.profiles.selection import SelectionMode, UserSelection
from core.secrets import Secret
from core.text import format as texts
from tui.desk import face, present, trial
from tui.desk.face import CONSOLE, sentence
from tui.desk.present import Safe
from tui.desk.profiles import everybody
from tui.desk.profiles.described import DELETION, facts
from tui.desk.profiles.draft import ExampleRow, FolderRow, FolderTree, ProfileDraft, Summary, Turned
from tui.desk.profiles.drafted import complete, filled, login_of, made, needed, stand_in
from tui.desk.refusals import translated
from tui.desk.trial import StepRow

_LIKEWISE = "That is one mailbox: the rule holds for every mailbox of the profile."
#: The node of the tree above foreign folders.
FOREIGN = FolderRow("", (), present.own("Folders of others and shared ones"), 0, present.BLANK, False)


class Drafts:
    """Making, changing and testing profiles. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def new(self, kind: str) -> ProfileDraft:
        """An empty draft with the defaults of a kind."""
        method = Method.KERIO_MASTER if kind == Kind.MAILBOXES else Method.PASSWORD
        return ProfileDraft({**forms.new(PROFILES), "kind": kind, "login.method": method.value})

    async def edit(self, key: str) -> ProfileDraft:
        """A draft of a saved profile; its password stays stored."""
        with translated():
            profile = await saved_profiles.find(self._archive, key)
        fields = forms.filled(PROFILES, profile)
        return ProfileDraft(fields, replaces=profile.name, stored=profile.name, definition=profile.as_json())

    async def copy(self, key: str) -> ProfileDraft:
        """A draft of a new profile like a saved one, started by hand."""
        with translated():
            profile = await saved_profiles.find(self._archive, key)
            names = {name_key(one.name) for one in await saved_profiles.all_profiles(self._archive)}
        name, number = f"Copy of {profile.name}", 2
        while name_key(name) in names:
            name, number = f"Copy {number} of {profile.name}", number + 1
        fields = forms.filled(PROFILES, profile) | {"name": name, HOW: How.MANUAL.value}
        return ProfileDraft(fields, stored=profile.name)

    # Checking ------------------------------------------------------------------------------------------------------------

    async def problems(self, draft: ProfileDraft) -> Mapping[str, Safe]:
        """The faults by field, also of ``login.password``."""
        problems = forms.problems(PROFILES, filled(draft.fields))
        found = {name: present.text(fault.beside(CONSOLE), 400) for name, fault in problems.items()}
        with translated():
            found = {**await self._of_archive(draft), **found}
        return found

    async def _of_archive(self, draft: ProfileDraft) -> dict[str, Safe]:
        """Faults that only the archive knows: names taken, unknown users, a missing password."""
        found: dict[str, str] = {}
        name = str(draft.fields.get("name", "")).strip()
        for one in await saved_profiles.all_profiles(self._archive):
            if name_key(one.name) == name_key(name) != name_key(draft.replaces):
                found["name"] = f"There is a profile {present.text(one.name, 60)} already. Choose another name."
        if target := str(draft.fields.get("target.user", "")).strip() if not draft.many else "":
            try:
                await users.find(self._archive, target)
            except InputError as error:
                found["target.user"] = present.text(error.message)
        if reason := await self._password_problem(draft):
            found["login.password"] = present.text(sentence(reason), 400)
        found |= await everybody.problems(self._archive, draft) if draft.catchall else {}
        return {field: present.sentence(text) for field, text in found.items()}

    async def _password_problem(self, draft: ProfileDraft) -> Reason | None:
        """The reason why the password must be typed; None when it need not be."""
        if draft.password or draft.fields.get("login.password_file"):
            return None
        if not draft.stored:
            return console.PASSWORD_NEEDED()
        try:
            profile = login_of(draft)
        except InputError:
            # Another field must be corrected first; the account is not known until then.
            return None
        misfit = await saved_profiles.password_misfit(self._archive, profile, draft.stored)
        return needed(misfit, draft.stored) if misfit else None

    def applies(self, name: str, fields: Mapping[str, object]) -> bool:
        """True when this field has a meaning beside the others."""
        return forms.applies(PROFILES, name, fields)

    def shown_name(self, draft: ProfileDraft) -> Safe:
        """The draft's name, safe to show."""
        return present.text(str(draft.fields.get("name", "")).strip(), 60)

    # The parts of a draft ------------------------------------------------------------------------------------------------

    def rule(self, draft: ProfileDraft) -> Safe:
        """The deletion rule in a sentence."""
        try:
            profile = stand_in(draft)
            held = profile.held_back() if profile.deletion.active else ""
            return present.sentence(f"{profile.deletion.sentence()} {held}".rstrip())
        except InputError:
            return present.own("Say how old a message must be to be deleted.")

    def next_start(self, fields: Mapping[str, object]) -> Safe:
        """The next start of the schedule, in words; empty while it is incomplete."""
        if any(name.startswith("schedule") for name in forms.problems(PROFILES, fields)):
            return present.BLANK
        try:
            schedule = stand_in(ProfileDraft({**fields})).schedule
        except InputError:
            return present.BLANK
        if schedule is None:
            return present.own("Runs when somebody starts it.")
        start = schedule.next_start(now())
        return present.sentence(
            f"Next start {texts.soon(start, now())}, by the service. The guide (^g) tells how that is kept running."
        )

    def automatic(self, draft: ProfileDraft) -> bool:
        """True when its schedule starts it."""
        return made(draft).automatic

    def goes_to(self, draft: ProfileDraft) -> Safe:
        """The destination of the mailbox, in a sentence."""
        user, folder = draft.fields.get("target.user"), draft.fields.get("target.folder")
        return (
            present.sentence(f"Goes to the folder {present.text(str(folder))} in the archive of {present.text(str(user))}.")
            if user
            else present.BLANK
        )

    async def selected(self, draft: ProfileDraft) -> Safe:
        """The result of the user selection, in a sentence."""
        mode, names = (
            SelectionMode(str(draft.fields.get("users.mode", SelectionMode.ALL))),
            tuple(draft.fields.get("users.list") or ()),
        )
        if mode is SelectionMode.ONLY and not names:
            return present.own("Nobody is ticked yet.")
        with translated():
            chosen = await users.chosen(self._archive, UserSelection(mode, () if mode is SelectionMode.ALL else names))
        text = f"Archives {chosen.sentence()}."
        if chosen.unknown:
            text += f" No longer there: {', '.join(chosen.unknown[:5])}."
        return present.text(text, 400)

    def folders_only(self, draft: ProfileDraft) -> bool:
        """True when only the named folders are archived."""
        return _choice(draft).only

    def folder_rules(self, draft: ProfileDraft) -> Sequence[Safe]:
        """The patterns, one a line."""
        choice = _choice(draft)
        found = []
        if named := [one for one in choice.include if one != EVERYTHING]:
            found.append(f"{'Only' if choice.only else 'Also'}: {', '.join(named)}")
        if choice.exclude:
            found.append(f"Without: {', '.join(choice.exclude)}")
        return [present.text(text, 500) for text in found]

    def folder_reason(self, draft: ProfileDraft, row: FolderRow) -> Safe:
        """The reason why a folder is not archived; empty when it is."""
        reason = _choice(draft).reason(row.path, row.uses, row.whose)
        own = reason in (f"excluded by {row.path}", f"excluded by {row.path}/**", "not in the list of folders to include")
        return present.own("unticked") if own else present.text(reason, 100)

    def tick_folder(self, draft: ProfileDraft, row: FolderRow, *, below: bool) -> Safe:
        """Toggle the archiving of a folder; the reason when that is not possible, else empty."""
        choice = _choice(draft)
        if not Rule.valid(row.path):
            return present.own(
                "No rule can name this folder: its name is too long, or has invisible characters. A pattern with * can."
            )
        if choice.reason(row.path, row.uses, row.whose):
            choice = choice.tick(row.path, row.uses, row.whose, below=below)
            if reason := choice.reason(row.path, row.uses, row.whose):
                return present.text(f"Still left out: {reason}. Take that rule back first (x takes all back).")
        else:
            choice = choice.untick(row.path, row.uses, row.whose, below=below)
            if not choice.reason(row.path, row.uses, row.whose):
                return present.own("It is the only folder: untick it after another one is ticked.")
        _keep(draft, choice)
        return present.BLANK

    def choose_folders(self, draft: ProfileDraft, tree: FolderTree, *, only: bool) -> bool:
        """Switch to only ticked folders, or to all but unticked ones; False when none is ticked."""
        listed = [(row.path, row.uses, row.whose) for row in tree.rows if row.selectable and Rule.valid(row.path)]
        before = _choice(draft)
        if before.only == only:
            return True
        if draft.turned is not None and draft.turned.now == before:
            choice = draft.turned.before
        else:
            choice = before.only_ticked(listed) if only else before.all_but_unticked(listed)
        _keep(draft, choice)
        draft.turned = Turned(before, choice)
        return choice.only == only

    def add_pattern(self, draft: ProfileDraft, text: str) -> Safe:
        """Add a pattern, ``+`` before it to include, ``-`` to exclude; its fault, else empty."""
        sign, pattern = ("-", text.strip()) if text.strip()[:1] not in "+-" else (text.strip()[0], text.strip()[1:].strip())
        try:
            _keep(draft, _choice(draft).add(pattern, include=sign == "+"))
        except ValueError:
            return present.text(f"{pattern} is no pattern. Name, Name/**, Projects/* and **/Old are.")
        return present.BLANK

    def forget_rules(self, draft: ProfileDraft) -> None:
        """Remove all patterns."""
        _keep(draft, FolderChoice())

    # Trying --------------------------------------------------------------------------------------------------------------

    def steps(self, draft: ProfileDraft) -> Sequence[StepRow]:
        """The steps of the connection test, none of them done."""
        with translated():
            profile = complete(draft)
        return trial.waiting(steps(profile.server, profile.login.method))

    async def test(self, draft: ProfileDraft, tick: Callable[[StepRow], None]) -> bool:
        """Test the connection; ``tick`` gets each result. True for success. Can be cancelled."""
        with translated():
            profile, mailbox, secret = await self._opened(draft)
            renamed = RenamedLogins(self._archive)
            found = await examine.connection_test(profile, mailbox, secret, lambda step: tick(trial.row(step)), renamed=renamed)
        return all(step.ok for step in found)

    async def folders(self, draft: ProfileDraft) -> FolderTree:
        """The folders of the mailbox, from the server."""
        with translated():
            profile, mailbox, secret = await self._opened(draft)
            found = await examine.folder_tree(profile, mailbox, secret, await users.all_users(self._archive))
        own = [_folder(one) for one in found if not one.whose.foreign]
        foreign = [_folder(one) for one in found if one.whose.foreign]
        return FolderTree(present.text(mailbox.login), (*own, *([FOREIGN, *foreign] if foreign else [])))

    async def examples(self, draft: ProfileDraft) -> Sequence[ExampleRow]:
        """The destinations of messages that are in a catch-all mailbox now."""
        with translated():
            profile, mailbox, secret = await self._opened(draft)
            found = await examples.examples(profile, self._archive, mailbox, secret)
        return [everybody.example(one) for one in found]

    async def preview(self, draft: ProfileDraft) -> Sequence[Safe]:
        """The effect of the deletion rule in the mailbox now, in sentences."""
        with translated():
            profile, mailbox, secret = await self._opened(draft)
            found = await preview.deletion(profile, mailbox, secret, await users.all_users(self._archive))
        sentences = [*found.sentences(), *([_LIKEWISE] if draft.many and found.active else [])]
        return [present.text(sentence, 500) for sentence in sentences]

    async def deletes_more(self, draft: ProfileDraft) -> Sequence[Safe]:
        """The ways in which the draft deletes more than the saved profile, in sentences."""
        with translated():
            before = saved(draft.definition) if draft.definition is not None else None
            return [present.sentence(SENTENCES[one]) for one in more(before, made(draft), now())]

    async def probe(self, draft: ProfileDraft) -> Sequence[Safe]:
        """The server's treatment of deleted mail, tested in a folder of our own."""
        with translated():
            profile, mailbox, secret = await self._opened(draft)
            verdict = await probe.probe(profile, mailbox, secret)
        return [present.text(text, 800) for text in verdict.sentences(CONSOLE)]

    async def _opened(self, draft: ProfileDraft) -> tuple[Profile, Mailbox, Secret]:
        """The profile, mailbox and password for a connection. Raises ``InputError``, also naming the missing field."""
        profile = complete(draft)
        return profile, await self._mailbox(draft, profile), await self._password(draft, profile)

    async def _mailbox(self, draft: ProfileDraft, profile: Profile) -> Mailbox:
        if profile.target is not None:
            return of_target(profile, User("", profile.target.user))
        if profile.catchall is not None:
            return of_everybody(profile, users.NOBODY)
        wanted = draft.try_with.strip()
        if not wanted:
            found = (await roster(self._archive, profile)).mailboxes
            if not found:
                raise InputError(console.NO_USER_SELECTED())
            return found[0]
        try:
            user = await users.find(self._archive, wanted)
        except InputError:
            # No such user yet: then it is the login name.
            user = User("", wanted, (wanted,))
        if not user.addresses:
            raise InputError(console.USER_WITHOUT_ADDRESS(user=user.name))
        return Mailbox(user, login_name(user, profile.login.method), user.addresses[0])

    async def _password(self, draft: ProfileDraft, profile: Profile) -> Secret:
        if draft.password:
            return draft.password
        if profile.login.password_file:
            return saved_profiles.read_password(Path(profile.login.password_file))
        if draft.stored and await saved_profiles.password_fits(self._archive, profile, draft.stored):
            return await saved_profiles.password(self._archive, await saved_profiles.find(self._archive, draft.stored))
        raise InputError(console.PASSWORD_UNKNOWN())

    # Describing and saving -----------------------------------------------------------------------------------------------

    async def summary(self, draft: ProfileDraft) -> Summary:
        """The draft in words."""
        with translated():
            profile = made(draft)
            selected = await saved_profiles.check(self._archive, profile)
            known = profile.advice(CONSOLE)
            known += map(face.told, profile.login.doubts(draft.password) if draft.password else ())
            if selected is not None:
                known += map(face.told, shared_logins.warnings(profile, selected.users))
            doubts = await saved_profiles.case_doubts(self._archive, profile)
        whose = f"{selected.sentence()}." if selected else ""
        said = (profile.deletion.sentence(), profile.catchall.sentence() if profile.catchall else "")
        return Summary(
            tuple(
                (present.sentence(label), present.text(value, 500))
                for label, value in facts(profile, whose, run_now=draft.run_now)
            ),
            tuple(present.text(text, 500) for text in known if text not in said),
            tuple(present.text(face.told(one), 500) for one in (*profile.warnings(), *doubts)),
            present.sentence(DELETION) if profile.deletion.active else present.sentence(present.BLANK),
        )

    async def save(self, draft: ProfileDraft) -> str:
        """Save; the profile's key."""
        with translated():
            profile = made(draft)
            if reason := await self._password_problem(draft):
                raise InputError(reason)
            secret = draft.password or None
            if secret is None and draft.stored and not draft.replaces and not profile.login.password_file:
                secret = await self._password(draft, profile)
            await saved_profiles.save(
                self._archive,
                profile,
                secret,
                actor="console",
                edited=saved_profiles.Edited(draft.replaces, draft.definition) if draft.replaces else None,
                new=not draft.replaces,
            )
        return profile.name

    async def remove(self, key: str) -> None:
        """Delete a profile; what it archived stays."""
        with translated():
            await saved_profiles.remove(self._archive, key, actor="console")


def _choice(draft: ProfileDraft) -> FolderChoice:
    return FolderChoice(
        tuple(draft.fields.get("folders.include") or ()),
        tuple(draft.fields.get("folders.exclude") or ()),
    )


def _keep(draft: ProfileDraft, choice: FolderChoice) -> None:
    draft.fields["folders.include"] = list(choice.include)
    draft.fields["folders.exclude"] = list(choice.exclude)


def _folder(folder: examine.ServerFolder) -> FolderRow:
    *above, name = folder.path.split("/")
    messages = present.BLANK if folder.messages is None else texts.number(folder.messages)
    whose = folder.whose
    note = whose.reason or ("may be somebody else's" if whose.doubt else "")
    depth = len(above) + whose.foreign
    shown, note = present.text(name, 120), present.text(note, 100)
    return FolderRow(folder.path, folder.uses, shown, depth, present.sentence(messages), folder.selectable, whose, note)
