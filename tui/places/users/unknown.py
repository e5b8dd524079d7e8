"""Unknown addresses in our domains, seen in catch-all mailboxes. Settled by one key each."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.actions import SHOW_SETTLED, UNKNOWN_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, Tone, joined, own, text
from tui.desk.users.unknown import FilingView, UnknownRow
from tui.desk.users.users import UserRow
from tui.places.confirm import Confirm
from tui.places.listing import ListingPlace, cells
from tui.places.page import Page
from tui.places.pick import Pick
from tui.places.users.pick_user import PickUser
from tui.places.users.user_form import UserForm
from tui.text.format import Line, Span, cut, wrap
from tui.widgets.shown import tell

#: The actions that settle an address.
SETTLING = ("alias", "new_user", "not_ours", "ours")
NOTHING_WAITS = own("No mail waits for a user. Make an address an alias (a) or a new user (n) first.")
#: The effect of marking a domain as not ours.
NOBODY_WAITS = own(
    "Mail to anybody there who is not a user yet then waits for nobody: it is not listed here, and a profile that deletes on "
    "the server deletes it."
)


class UnknownPlace(ListingPlace[UnknownRow]):
    """All addresses, or the open ones."""

    ACTIONS = UNKNOWN_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(UNKNOWN_ACTIONS)
    EMPTY = own(
        "No unknown addresses. Addresses of our domains that no user has will stand here when mail with them comes to a "
        "catch-all mailbox. t shows those that are settled."
    )
    NEEDING = ("open",)

    def __init__(self) -> None:
        super().__init__()
        self._everything = False

    def words(self) -> Sequence[Safe]:
        return (own("Unknown addresses"),)

    def titles(self, total: int) -> tuple[Safe, Safe]:
        which = own("all") if self._everything else own("open")
        return (own("Unknown addresses ({:,})", total), self.filter_words((SHOW_SETTLED, which)))

    def empty(self) -> Safe:
        return own("No unknown address has been seen.") if self._everything else self.EMPTY

    async def count(self) -> int:
        return await self.console.desk.unknown.count(self._everything)

    async def page(self, offset: int, limit: int) -> Sequence[UnknownRow]:
        return await self.console.desk.unknown.page(self._everything, offset, limit)

    async def position(self, row: UnknownRow) -> int:
        return await self.console.desk.unknown.position(self._everything, row.key)

    def heading(self, width: int) -> Line:
        return self._cells(
            (own("Address"), own("Mail"), own("First seen"), own("Last seen"), own("State")), (Tone.MUTED,) * 5, width
        )

    def line(self, row: UnknownRow, width: int) -> Line:
        texts = (row.address, row.messages, row.first_seen, row.last_seen, row.state.shown)
        return self._cells(texts, (Tone.STRONG, Tone.PLAIN, Tone.MUTED, Tone.PLAIN, row.state.tone), width)

    def _cells(self, texts: Sequence[Safe], tones: Sequence[Tone], width: int) -> Line:
        widths = (0, 7, 12 if width >= 70 else 0, 12, 13)
        rest = max(width - sum(size + 2 for size in widths[1:] if size), 10)
        widths = (rest, *widths[1:])
        return cells(
            [(text, tone, size, at == 1) for at, (text, tone, size) in enumerate(zip(texts, tones, widths, strict=True))]
        )

    def sentences(self, row: UnknownRow) -> Sequence[Safe]:
        return row.more

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable settling a settled address."""
        if action not in SETTLING:
            return super().check_action(action, parameters)
        row = self.rows.chosen
        if row is None:
            return False
        if action == "ours":
            return bool(row.not_ours)
        return not row.taken and (action != "not_ours" or not row.not_ours)

    def on_choice_list_moved(self) -> None:
        super().on_choice_list_moved()
        self.refresh_bindings()

    # Looking -------------------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        if row := self.rows.chosen:
            more = row.more

            def lines(width: int) -> list[Line]:
                return [(Span(text),) for one in more for text in wrap(one, width)]

            self.app.push_screen(Page(own("Unknown address"), lines))

    def action_switch_state(self) -> None:
        self._everything = not self._everything
        self.look_anew(str(self._everything))

    # Settling ------------------------------------------------------------------------------------------------------------

    def action_alias(self) -> None:
        if row := self.rows.chosen:
            key = row.key

            def taken(user: UserRow | None) -> None:
                if user is not None:
                    self.console.work(self._say_done(self.console.desk.unknown.make_alias(key, user.key)))

            self.app.push_screen(PickUser(own("Who has {}?", cut_address(row))), taken)

    def action_new_user(self) -> None:
        if row := self.rows.chosen:
            self.console.work(self._new_user(row.key), opens=True)

    async def _new_user(self, key: str) -> None:
        draft = await self.console.desk.unknown.new_user(key)

        def saved(name: str | None) -> None:
            if name and self.is_there:
                self.reload()

        await self.open(UserForm(draft), saved)

    def action_not_ours(self) -> None:
        if row := self.rows.chosen:
            domain = f"@{row.domain}"
            options = [(row.key, own("only {}", row.address)), (domain, text(f"all of {row.address.rpartition('@')[2]}"))]

            def taken(what: str | None) -> None:
                if what == domain:
                    self.console.work(self._domain_not_ours(row))
                elif what is not None:
                    self.console.work(self._say_done(self.console.desk.unknown.not_ours(what)))

            self.app.push_screen(Pick(own("What is not ours?"), options, row.key), taken)

    async def _domain_not_ours(self, row: UnknownRow) -> None:
        """Ask once more about a domain in which users have addresses."""
        desk = self.console.desk.unknown
        what = f"@{row.domain}"
        count = await desk.users_in(row.domain)
        if not count:
            await self._say_done(desk.not_ours(what))
            return
        where = text(row.address.rpartition("@")[2])
        users = own("1 user has an address") if count == 1 else own("{:,} users have addresses", count)

        def answered(yes: bool | None) -> None:
            if yes:
                self.console.work(self._say_done(desk.not_ours(what)))

        said = own("{} in {}. {}", users, where, NOBODY_WAITS)
        await self.open(
            Confirm(own("Is the whole domain not ours?"), said, own("it is not ours"), own("leave it as it is")), answered
        )

    def action_ours(self) -> None:
        if row := self.rows.chosen:
            self.console.work(self._say_done(self.console.desk.unknown.ours(row.not_ours)))

    async def _say_done(self, job: Awaitable[Safe]) -> None:
        tell(self, await job)
        self.reload()

    # Filing --------------------------------------------------------------------------------------------------------------

    def action_file(self) -> None:
        self.console.work(self._plan())

    async def _plan(self) -> None:
        view = await self.console.desk.unknown.plan()
        if not view.messages:
            tell(self, NOTHING_WAITS)
            return
        text = joined("\n", [view.sentence, *view.lines, BLANK, own("It is in the archive already; the server is not asked.")])

        def answered(yes: bool | None) -> None:
            if yes:
                self.console.work(self._file())

        await self.open(Confirm(own("File the mail that waits?"), text, own("file it"), own("leave it")), answered)

    async def _file(self) -> None:
        view: FilingView = await self.console.desk.unknown.carry_out()
        tell(self, view.sentence)
        self.reload()


def cut_address(row: UnknownRow) -> Safe:
    """The address shortened for a title."""
    return cut(row.address, 50)
