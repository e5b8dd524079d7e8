"""Unknown addresses, which no user has, and decisions about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.archive.archive import Archive
from core.archive.registry import refiling, unknown
from core.archive.registry.refiling import RefileResult
from core.archive.registry.unknown import AddressState as Known
from core.archive.registry.unknown import ListedAddress
from core.errors import InputError
from core.model import moment, now
from core.problems.console import HIDDEN_CHARACTERS
from core.profiles import addresses, people
from core.text import format as texts
from tui.desk import present
from tui.desk.present import Badge, Safe, Tone
from tui.desk.refusals import translated
from tui.desk.users.users import UserDraft


@dataclass(frozen=True, slots=True)
class UnknownRow:
    """An address. ``key`` and ``domain`` are the true values, for the desk only; ``address`` is shown.

    ``not_ours`` is the revocable mark as not ours; empty without one. ``messages`` counts those that came with it, ``waiting``
    those not filed for it yet. ``taken``: a user has it.
    """

    key: str
    domain: str
    address: Safe
    messages: Safe
    waiting: Safe
    first_seen: Safe
    last_seen: Safe
    state: Badge
    taken: bool
    not_ours: str
    more: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class FilingView:
    """The plan or result of filing: ``messages`` is their number, ``lines`` the numbers by user."""

    messages: int
    sentence: Safe
    lines: tuple[Safe, ...]


_OPEN = (Known.OPEN, Known.WAITING)
_STATES = {
    Known.OPEN: present.badge("!", "open", Tone.WARN),
    Known.WAITING: present.badge("…", "to be filed", Tone.BUSY),
    Known.DONE: present.badge("✔", "known", Tone.GOOD),
    Known.NOT_OURS: present.badge("·", "not ours", Tone.MUTED),
}
#: Users listed one by one before and after filing.
NAMED = 8


class UnknownDesk:
    """Addresses in our domains that no user has. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def count(self, everything: bool) -> int:
        """The number of addresses; with ``everything`` also settled ones."""
        with translated():
            return await unknown.count(self._archive, states=_states(everything))

    async def page(self, everything: bool, offset: int, limit: int) -> Sequence[UnknownRow]:
        """A page of them, those with the most waiting messages first."""
        with translated():
            found = await unknown.page(self._archive, states=_states(everything), offset=offset, limit=limit)
        return [row(one) for one in found]

    async def position(self, everything: bool, key: str) -> int:
        """The number of addresses before the one with this key."""
        with translated():
            return await unknown.position(self._archive, key, states=_states(everything))

    async def new_user(self, key: str) -> UserDraft:
        """A user with the address, and a proposed name."""
        with translated():
            return UserDraft(name=proposed(_usable(key)), addresses=key)

    async def make_alias(self, key: str, user: str) -> Safe:
        """Give the address to the user of that key; the result in a sentence."""
        with translated():
            changed = await unknown.make_alias(self._archive, _usable(key), user, actor="console")
        return present.sentence(
            f"{present.text(key, 100)} belongs to {present.text(changed.name, 100)} now. f files the mail that came before."
        )

    async def users_in(self, domain: str) -> int:
        """The number of users with an address in a row's domain."""
        with translated():
            return await unknown.users_in(self._archive, domain)

    async def not_ours(self, what: str) -> Safe:
        """Mark an address, or a domain with @ before it, as not ours; the result in a sentence."""
        with translated():
            return present.sentence(
                f"{present.text(await unknown.set_ours(self._archive, what, False, actor='console'), 100)} is not ours."
            )

    async def ours(self, what: str) -> Safe:
        """Remove that mark; the result in a sentence."""
        with translated():
            return present.sentence(
                f"{present.text(await unknown.set_ours(self._archive, what, True, actor='console'), 100)} is ours again."
            )

    async def plan(self) -> FilingView:
        """The plan of filing mail that waits for users; changes nothing."""
        with translated():
            return _filing(await refiling.refile(self._archive, dry_run=True), "would be filed")

    async def carry_out(self) -> FilingView:
        """File the waiting mail."""
        with translated():
            return _filing(await refiling.refile(self._archive, actor="console"), "filed")


def proposed(address: str) -> str:
    """A name for the user with this address: the part before the @, or empty if that is invalid."""
    try:
        return people.check_name(address.rpartition("@")[0].strip('"'))
    except InputError:
        return ""


def _usable(address: str) -> str:
    if not address.isprintable():
        raise InputError(HIDDEN_CHARACTERS())
    return address


def _states(everything: bool) -> tuple[Known, ...]:
    return unknown.ALL if everything else _OPEN


def row(one: ListedAddress) -> UnknownRow:
    """An address for display."""
    first, last = _when(one.first_seen), _when(one.last_seen)
    messages = present.count(one.messages, "message")
    waits = "none of them waits" if not one.open else f"{texts.number(one.open)} of them not filed for it"
    more = [
        present.sentence(f"{present.text(one.address, 200)}: {messages}, {waits}."),
        present.sentence(f"First seen {first}, last seen {last}."),
    ]
    if one.user:
        more.append(
            present.sentence(
                f"It belongs to {present.text(one.user, 100)}." + (" f files the mail that waits." if one.open else "")
            )
        )
    elif one.ignored_by:
        more.append(present.sentence(f"{present.text(one.ignored_by, 100)} was said to be not ours. z takes that back."))
    return UnknownRow(
        one.address,
        addresses.domain_of(one.address),
        present.text(one.address, 200),
        present.sentence(texts.number(one.messages)),
        present.sentence(texts.number(one.open)),
        first,
        last,
        _STATES[one.state],
        bool(one.user),
        "" if one.user else one.ignored_by,
        tuple(more),
    )


def _when(time: str) -> Safe:
    return present.sentence(texts.when(moment(time), now())) if time else present.own("?")


def _filing(done: RefileResult, words: str) -> FilingView:
    lines = [
        present.sentence(f"{present.text(name, 100)}: {present.count(count, 'message')}")
        for name, count in done.users.most_common(NAMED)
    ]
    if len(done.users) > NAMED:
        lines.append(present.sentence(f"and {present.count(len(done.users) - NAMED, 'more user', 'more users')}"))
    return FilingView(done.messages, present.sentence(f"{present.count(done.messages, 'message')} {words}."), tuple(lines))
