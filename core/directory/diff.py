"""What the people of a directory mean for the users that are known: a pure decision, shown before anything is done.

What holds here:

- A user is known by the directory's permanent id. Name, full name, addresses and login follow the directory; the user's own
  id, and with it the archive and its history, never changes.
- Addresses that the directory gave follow it, also to somebody else. Those added by hand stay with whom they were added to.
- An entry that is new adopts a user who was kept by hand, or came from another kind of directory: one with the same primary
  address; else one of the same name who shares an address with it, or has none at all; else one who has its primary address,
  and whose own it has. An alias alone proves nothing (it may be a shared one), whoever of the two has it, nor does a name
  where addresses speak against it, and a removed user's archive is given to nobody.
- Whatever is somebody else's already, or stands twice in the directory, is a conflict: named, and the rest goes on.
- The mailbox of a catch-all profile gets everybody's mail and is nobody: its entry is passed by.
- Only users who came from this kind of directory can leave it. ``guard``: when more than so many percent of them would be
  disabled or removed at once, none is (``withheld`` says why).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from core.directory.difference import Conflict, Difference, UserChange, What
from core.directory.entry import DirectoryEntry, distinct, scheme
from core.errors import InputError
from core.model import User
from core.problems.code import Reason
from core.problems.directory import TOO_MANY_LEAVE
from core.profiles import addresses, people
from core.profiles.directory import Left


def compare(
    entries: Sequence[DirectoryEntry],
    users: Sequence[User],
    *,
    left: Left = Left.KEEP,
    guard: int = 100,
    force: bool = False,
    mailboxes: Mapping[str, str] = MappingProxyType({}),
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:12],
) -> Difference:
    """What ``entries``, a whole directory, mean for ``users``, removed ones among them.

    ``mailboxes``: the addresses of catch-all mailboxes, with the profile's name. ``force`` lets more than ``guard`` percent
    go. ``entries`` is never empty: that is an error before it comes here.
    """
    return _Comparison(entries, users, mailboxes, new_id).result(left, guard, force=force)


class _Comparison:
    """One comparison, from who is who to who gets which address."""

    def __init__(
        self,
        entries: Sequence[DirectoryEntry],
        users: Sequence[User],
        mailboxes: Mapping[str, str],
        new_id: Callable[[], str],
    ) -> None:
        self._new_id = new_id
        self._conflicts: list[Conflict] = []
        self._notes: list[str] = []
        self._mailboxes = {address.casefold(): name for address, name in mailboxes.items()}
        self._users = {user.id: user for user in users}
        self._by_directory_id = {user.directory_id: user for user in users if user.directory_id}
        self._schemes = {entry.scheme for entry in entries}
        once = {one.id: one for one in reversed(entries)}
        self._entries = [self._readable(once[key]) for key in sorted(once) if not self._is_mailbox(once[key])]
        self._match: dict[str, User] = {}
        self._identify()

    # Who is who ------------------------------------------------------------------------------------------------------

    def _is_mailbox(self, entry: DirectoryEntry) -> bool:
        """Is this the account of a catch-all mailbox?"""
        address = entry.addresses[0] if entry.addresses else entry.login
        name = self._mailboxes.get(address.casefold())
        if name is not None:
            self._notes.append(f"{address} is the mailbox of the profile {name} and gets everybody's mail: it is nobody's user")
        return name is not None

    def _readable(self, entry: DirectoryEntry) -> DirectoryEntry:
        """The entry with what can be kept of it; an unusable name becomes empty, what else is unusable is left out."""
        good: list[str] = []
        for address in entry.addresses:
            if name := self._mailboxes.get(address.casefold()):
                text = f"{address} is the mailbox of the profile {name} and gets everybody's mail; it is left out"
                self._conflicts.append(Conflict(entry.name or entry.id, text))
                continue
            try:
                good.append(addresses.check(address))
            except InputError as error:
                self._conflicts.append(Conflict(entry.name or entry.id, f"{error.message} It is left out."))
        full_name = self._checked(entry, entry.full_name, people.check_text)
        login = self._checked(entry, entry.login, people.check_text)
        name = self._checked(entry, entry.name, people.check_name)
        return replace(entry, name=name, addresses=distinct(good), full_name=full_name, login=login)

    def _checked(self, entry: DirectoryEntry, text: str, check: Callable[[str], str]) -> str:
        try:
            return check(text)
        except InputError as error:
            self._conflicts.append(Conflict(entry.name or entry.id, f"{error.message} It is left out."))
            return ""

    def _identify(self) -> None:
        """Each entry's user: by permanent id, else one who can be adopted."""
        for entry in self._entries:
            if user := self._by_directory_id.get(entry.id):
                self._match[entry.id] = user
        taken = {user.id for user in self._match.values()}
        free = [user for user in self._users.values() if user.id not in taken and self._adoptable(user)]
        by_address = {address.casefold(): user for user in free for address in user.addresses}
        by_primary = {user.addresses[0].casefold(): user for user in free if user.addresses}
        by_name = {user.name.casefold(): user for user in free}
        rules: tuple[Callable[[DirectoryEntry], User | None], ...] = (
            lambda entry: by_primary.get(entry.addresses[0].casefold()) if entry.addresses else None,
            lambda entry: self._same_person(entry, by_name.get(entry.name.casefold())),
            lambda entry: self._same_addresses(entry, by_address),
        )
        for candidate in rules:
            for entry in self._entries:
                if entry.id not in self._match and (user := candidate(entry)) is not None and user.id not in taken:
                    self._match[entry.id] = user
                    taken.add(user.id)

    @staticmethod
    def _same_person(entry: DirectoryEntry, namesake: User | None) -> User | None:
        """The user of that name, if nothing speaks against it: an address that both have, or none to compare."""
        if namesake is None or not namesake.addresses:
            return namesake
        both = {address.casefold() for address in entry.addresses} & {address.casefold() for address in namesake.addresses}
        return namesake if both else None

    @staticmethod
    def _same_addresses(entry: DirectoryEntry, by_address: Mapping[str, User]) -> User | None:
        """The user who has the entry's primary address, if it has that user's too."""
        emails = [address.casefold() for address in entry.addresses]
        user = by_address.get(emails[0]) if emails else None
        return user if user is not None and user.addresses[0].casefold() in emails else None

    def _adoptable(self, user: User) -> bool:
        return not user.removed and (not user.directory_id or scheme(user.directory_id) not in self._schemes)

    # What becomes of them --------------------------------------------------------------------------------------------

    def result(self, left: Left, guard: int, *, force: bool) -> Difference:
        matched = {user.id for user in self._match.values()}
        gone = [
            user
            for user in self._users.values()
            if user.id not in matched and not user.removed and scheme(user.directory_id) in self._schemes
        ]
        going = [user for user in gone if left is Left.DELETE or (left is Left.DISABLE and not user.disabled)]
        withheld = self._withheld(going, guard, force=force)
        kept = tuple(sorted(going, key=lambda user: user.name.casefold())) if withheld else ()
        names = self._names()
        there = [entry for entry in self._entries if entry.id in names or entry.id in self._match]
        going = [] if withheld else going
        owned = self._owned_addresses(there, {user.id for user in going} if left is Left.DELETE else set())
        changes: list[UserChange] = []
        unchanged = 0
        for entry in self._entries:
            change = self._follow(entry, names.get(entry.id), owned.get(entry.id, ()))
            if change is None:
                unchanged += entry.id in self._match
            else:
                changes.append(change)
        handed_on = {address.casefold() for one in owned.values() for address in one}
        changes += self._of_those_left(gone, handed_on, going, left)
        order = {what: place for place, what in enumerate(What)}
        changes.sort(key=lambda change: (order[change.what], change.after.name.casefold()))
        self._conflicts.sort(key=lambda conflict: (conflict.who.casefold(), conflict.text))
        gone.sort(key=lambda user: user.name.casefold())
        entries = len(self._entries) + len(self._notes)
        notes = tuple(self._notes)
        return Difference(tuple(changes), tuple(self._conflicts), tuple(gone), unchanged, entries, withheld, kept, notes)

    def _withheld(self, going: Sequence[User], guard: int, *, force: bool) -> Reason | None:
        leaving = {user.id for user in going}
        known = sum(
            user.id in leaving or not (user.removed or user.disabled or scheme(user.directory_id) not in self._schemes)
            for user in self._users.values()
        )
        if force or not going or len(going) * 100 <= guard * known:
            return None
        return TOO_MANY_LEAVE(going=len(going), known=known, guard=guard)

    def _names(self) -> dict[str, str]:
        """The name that each entry's user will have; no name, no user. Whoever has a name now keeps it."""
        matched = {user.id: entry for entry in self._entries if (user := self._match.get(entry.id))}
        holders = {user.name.casefold(): user for user in self._users.values()}
        wanted: dict[str, DirectoryEntry] = {}
        result: dict[str, str] = {}

        def rank(entry: DirectoryEntry) -> tuple[bool, str]:
            user = self._match.get(entry.id)
            return (user is None or user.name.casefold() != entry.name.casefold(), entry.id)

        for entry in sorted(self._entries, key=rank):
            key = entry.name.casefold()
            holder = holders.get(key)
            user = self._match.get(entry.id)
            if not key:
                continue
            if key in wanted:
                self._conflicts.append(Conflict(entry.name, f"the user name {entry.name} stands in the directory twice"))
            elif holder is not None and (user is None or holder.id != user.id) and not self._gives_up(holder, matched, key):
                self._conflicts.append(Conflict(entry.name, _taken(holder)))
            else:
                wanted[key] = entry
                result[entry.id] = entry.name
        # Who was to give up a name and cannot have the new one keeps the old: whoever wanted that must wait.
        while blocked := self._blocked(result, holders):
            for entry in blocked:
                del result[entry.id]
                self._conflicts.append(Conflict(entry.name, f"the user name {entry.name} is still somebody else's"))
        return result

    @staticmethod
    def _gives_up(holder: User, matched: dict[str, DirectoryEntry], key: str) -> bool:
        """Will this user be called otherwise?"""
        entry = matched.get(holder.id)
        return entry is not None and bool(entry.name) and entry.name.casefold() != key

    def _blocked(self, result: dict[str, str], holders: dict[str, User]) -> list[DirectoryEntry]:
        """Entries whose name is held by a user who keeps it after all."""
        entry_of = {user.id: entry_id for entry_id, user in self._match.items()}
        blocked = []
        for entry in self._entries:
            if entry.id not in result:
                continue
            holder = holders.get(entry.name.casefold())
            user = self._match.get(entry.id)
            if holder is not None and (user is None or user.id != holder.id) and entry_of.get(holder.id) not in result:
                blocked.append(entry)
        return blocked

    def _owned_addresses(self, entries: Sequence[DirectoryEntry], removed: set[str]) -> dict[str, tuple[str, ...]]:
        """Which of its addresses each entry's user gets; of two who claim one, whoever has it, else the first by id.

        Users who are ``removed`` now leave all of theirs behind.
        """
        matched = {user.id for user in self._match.values()}
        by_hand: dict[str, User] = {}
        has: dict[str, str] = {}
        for user in self._users.values():
            if user.id in removed:
                continue
            # What another directory gave is none of this one's to hand on, unless it has taken the user over.
            ours = user.id in matched or scheme(user.directory_id) in self._schemes
            given = {address.casefold() for address in user.directory_addresses} if ours else set()
            for address in user.addresses:
                has[address.casefold()] = user.id
                if address.casefold() not in given:
                    by_hand[address.casefold()] = user
        claims: dict[str, list[DirectoryEntry]] = {}
        for entry in entries:
            for address in entry.addresses:
                claims.setdefault(address.casefold(), []).append(entry)
        winner: dict[str, str] = {}
        for key, claimants in claims.items():
            owner = by_hand.get(key)
            if owner is not None:
                winner[key] = next((one.id for one in claimants if self._is(one, owner.id)), "")
            else:
                winner[key] = next((one.id for one in claimants if self._is(one, has.get(key, ""))), claimants[0].id)
            for entry in claimants:
                if entry.id != winner[key]:
                    whose = owner.name if owner is not None and not winner[key] else "somebody else in the directory too"
                    address = next(one for one in entry.addresses if one.casefold() == key)
                    self._conflicts.append(Conflict(entry.name or entry.id, f"{address} belongs to {whose}; it is left out"))
        return {one.id: tuple(text for text in one.addresses if winner[text.casefold()] == one.id) for one in entries}

    def _is(self, entry: DirectoryEntry, user_id: str) -> bool:
        user = self._match.get(entry.id)
        return user is not None and user.id == user_id

    def _follow(self, entry: DirectoryEntry, name: str | None, owned: tuple[str, ...]) -> UserChange | None:
        """What an entry means for its user; None when nothing is to be done."""
        before = self._match.get(entry.id)
        if before is None:
            # Whose addresses are all somebody else's is nobody whose mail could be told apart.
            if name is None or (entry.addresses and not owned):
                return None
            user = User(self._new_id(), name, owned, entry.login, entry.full_name, False, False, entry.id, owned)
            return UserChange(What.CREATED, None, user)
        # What is removed has no address that somebody could have added.
        given = {address.casefold() for address in (*before.directory_addresses, *owned)}
        kept = tuple(address for address in before.addresses if address.casefold() not in given)
        after = replace(
            before,
            name=before.name if name is None else name,
            addresses=(*owned, *kept),
            login=entry.login or before.login,
            full_name=entry.full_name or before.full_name,
            removed=False,
            disabled=False,
            directory_id=entry.id,
            directory_addresses=owned,
        )
        if after == before:
            return None
        if before.directory_id != entry.id:
            return UserChange(What.ADOPTED, before, after)
        return UserChange(What.BACK if before.removed or before.disabled else What.CHANGED, before, after)

    @staticmethod
    def _of_those_left(gone: Sequence[User], handed_on: set[str], going: Sequence[User], left: Left) -> list[UserChange]:
        """Who goes, as the option says; and who loses an address that the directory gave to somebody else."""
        changes = []
        ids = {user.id for user in going}
        for user in gone:
            if user.id in ids and left is Left.DELETE:
                changes.append(UserChange(What.REMOVED, user, replace(user, removed=True)))
                continue
            after = replace(
                user,
                addresses=tuple(one for one in user.addresses if one.casefold() not in handed_on),
                directory_addresses=tuple(one for one in user.directory_addresses if one.casefold() not in handed_on),
                disabled=user.disabled or user.id in ids,
            )
            if after != user:
                changes.append(UserChange(What.DISABLED if user.id in ids else What.CHANGED, user, after))
        return changes


def in_order(changes: Sequence[UserChange]) -> list[User]:
    """Users as they are to be saved one after the other, so that no name is taken that somebody else still has.

    Names that go round in a ring are freed by saving one user under a name in between.
    """
    held = {change.before.name.casefold(): change.before.id for change in changes if change.before is not None}
    waiting = {change.after.id: change.after for change in changes}
    befores = {change.before.id: change.before for change in changes if change.before is not None}
    saved: list[User] = []
    while waiting:
        ready = [user for user in waiting.values() if held.get(user.name.casefold(), user.id) == user.id]
        if not ready:
            stuck = next(iter(waiting.values()))
            before = befores[stuck.id]
            saved.append(replace(before, name=f"{before.name[:80]} ({before.id})"))
            del held[before.name.casefold()]
            continue
        for user in ready:
            saved.append(user)
            del waiting[user.id]
            if (before_ := befores.get(user.id)) and held.get(before_.name.casefold()) == user.id:
                del held[before_.name.casefold()]
    return saved


def _taken(holder: User) -> str:
    if holder.removed:
        return (
            f"the user name {holder.name} belongs to a removed user, whose archive goes to nobody by itself; "
            f"archivar user add {holder.name} brings that user back, and the next synchronisation takes it over"
        )
    if holder.directory_id:
        return (
            f"the user name {holder.name} belongs to another entry of the directory; if it is the same person, "
            f"archivar user edit {holder.name} --by-hand lets the next synchronisation take the user over"
        )
    return (
        f"the user name {holder.name} belongs to a user with other addresses; if it is the same person, add one of the "
        f"directory's addresses to that user, and the next synchronisation takes it over"
    )
