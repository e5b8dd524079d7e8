"""Comparison of a directory's people with the known users: a pure decision, shown before anything is done.

What holds here:

- A user is known by the directory's permanent id. Name, full name, addresses and login follow the directory; the user's own
  id, and with it the archive and its history, never changes.
- Addresses from the directory follow it, also to another user. Those added by hand stay with their user.
- An entry that is new adopts a user who was kept by hand, or came from another kind of directory: one with the same primary
  address; else one of the same name with a common address, or without any; else one where each has the other's primary address.
  An alias alone proves nothing (it may be a shared one), nor does a name with contradicting addresses, and a removed user's
  archive is never given away.
- A name or address of another user, or one that is twice in the directory, is a conflict: it is reported, and the rest
  continues.
- The mailbox of a catch-all profile is no person's: its entry is skipped.
- Only users who came from this kind of directory can leave it. ``guard``: when more than this percentage of them would be
  disabled or removed at once, none is (``withheld`` is the reason).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from core.directory.difference import Conflict, Difference, UserChange, UserChangeKind
from core.directory.entry import DirectoryEntry, distinct, scheme
from core.errors import InputError
from core.model import User
from core.problems import command_line, warning
from core.problems import directory as problems
from core.problems.code import Reason
from core.profiles import addresses, people
from core.profiles.directory import LeaverPolicy


def compare(
    entries: Sequence[DirectoryEntry],
    users: Sequence[User],
    *,
    left: LeaverPolicy = LeaverPolicy.KEEP,
    guard: int | None = 100,
    mailboxes: Mapping[str, str] = MappingProxyType({}),
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:12],
) -> Difference:
    """Compare ``entries``, a whole directory, with ``users``, including removed ones.

    ``mailboxes``: the addresses of catch-all mailboxes, with the profile's name. ``guard``: the
    percentage of users that may leave at once; None for any number.
    ``entries`` is never empty: that is an earlier error.
    """
    return _Comparison(entries, users, mailboxes, new_id).result(left, guard)


class _Comparison:
    """One comparison, from the matching of users to the distribution of addresses."""

    def __init__(
        self,
        entries: Sequence[DirectoryEntry],
        users: Sequence[User],
        mailboxes: Mapping[str, str],
        new_id: Callable[[], str],
    ) -> None:
        self._new_id = new_id
        self._conflicts: list[Conflict] = []
        self._notes: list[Reason] = []
        self._mailboxes = {address.casefold(): name for address, name in mailboxes.items()}
        self._users = {user.id: user for user in users}
        self._by_directory_id = {user.directory_id: user for user in users if user.directory_id}
        self._schemes = {entry.scheme for entry in entries}
        once = {one.id: one for one in reversed(entries)}
        self._entries = [self._readable(once[key]) for key in sorted(once) if not self._is_mailbox(once[key])]
        self._match: dict[str, User] = {}
        self._identify()

    # Matching ----------------------------------------------------------------------------------------------------------

    def _is_mailbox(self, entry: DirectoryEntry) -> bool:
        """True for the account of a catch-all mailbox."""
        address = entry.addresses[0] if entry.addresses else entry.login
        name = self._mailboxes.get(address.casefold())
        if name is not None:
            self._notes.append(warning.MAILBOX_OF_PROFILE(address=address, profile=name))
        return name is not None

    def _readable(self, entry: DirectoryEntry) -> DirectoryEntry:
        """The entry with its valid fields; an invalid name becomes empty, other invalid fields are left out."""
        good: list[str] = []
        for address in entry.addresses:
            if name := self._mailboxes.get(address.casefold()):
                why = problems.CATCH_ALL_ADDRESS(address=address, profile=name)
                self._conflicts.append(Conflict(entry.name or entry.id, why))
                continue
            try:
                good.append(addresses.check(address))
            except InputError as error:
                self._conflicts.append(Conflict(entry.name or entry.id, problems.WRONG_FIELD(why=error.reason)))
        full_name = self._checked(entry, entry.full_name, people.check_text)
        login = self._checked(entry, entry.login, people.check_text)
        name = self._checked(entry, entry.name, people.check_name)
        return replace(entry, name=name, addresses=distinct(good), full_name=full_name, login=login)

    def _checked(self, entry: DirectoryEntry, text: str, check: Callable[[str], str]) -> str:
        try:
            return check(text)
        except InputError as error:
            self._conflicts.append(Conflict(entry.name or entry.id, problems.WRONG_FIELD(why=error.reason)))
            return ""

    def _identify(self) -> None:
        """Find each entry's user: by permanent id, else one that can be adopted."""
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
        """The user of that name, unless the addresses contradict: they must have one in common, or the user none."""
        if namesake is None or not namesake.addresses:
            return namesake
        both = {address.casefold() for address in entry.addresses} & {address.casefold() for address in namesake.addresses}
        return namesake if both else None

    @staticmethod
    def _same_addresses(entry: DirectoryEntry, by_address: Mapping[str, User]) -> User | None:
        """The user with the entry's primary address, if the entry has that user's too."""
        emails = [address.casefold() for address in entry.addresses]
        user = by_address.get(emails[0]) if emails else None
        return user if user is not None and user.addresses[0].casefold() in emails else None

    def _adoptable(self, user: User) -> bool:
        return not user.removed and (not user.directory_id or scheme(user.directory_id) not in self._schemes)

    # Changes ----------------------------------------------------------------------------------------------------------

    def result(self, left: LeaverPolicy, guard: int | None) -> Difference:
        matched = {user.id for user in self._match.values()}
        gone = [
            user
            for user in self._users.values()
            if user.id not in matched and not user.removed and scheme(user.directory_id) in self._schemes
        ]
        going = [user for user in gone if left is LeaverPolicy.DELETE or (left is LeaverPolicy.DISABLE and not user.disabled)]
        withheld = self._withheld(going, guard)
        kept = tuple(sorted(going, key=lambda user: user.name.casefold())) if withheld else ()
        names = self._names()
        there = [entry for entry in self._entries if entry.id in names or entry.id in self._match]
        going = [] if withheld else going
        owned = self._owned_addresses(there, {user.id for user in going} if left is LeaverPolicy.DELETE else set())
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
        order = {what: place for place, what in enumerate(UserChangeKind)}
        changes.sort(key=lambda change: (order[change.what], change.after.name.casefold()))
        self._conflicts.sort(key=lambda conflict: (conflict.who.casefold(), command_line.sentence(conflict.why)))
        gone.sort(key=lambda user: user.name.casefold())
        entries = len(self._entries) + len(self._notes)
        notes = tuple(self._notes)
        return Difference(tuple(changes), tuple(self._conflicts), tuple(gone), unchanged, entries, withheld, kept, notes)

    def _withheld(self, going: Sequence[User], guard: int | None) -> Reason | None:
        leaving = {user.id for user in going}
        known = sum(
            user.id in leaving or not (user.removed or user.disabled or scheme(user.directory_id) not in self._schemes)
            for user in self._users.values()
        )
        if guard is None or not going or len(going) * 100 <= guard * known:
            return None
        return problems.TOO_MANY_LEAVE(going=len(going), known=known, guard=guard)

    def _names(self) -> dict[str, str]:
        """The future name of each entry's user; entries without a name have no user. Present holders keep their names."""
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
                self._conflicts.append(Conflict(entry.name, problems.NAME_TWICE(name=entry.name)))
            elif holder is not None and (user is None or holder.id != user.id) and not self._gives_up(holder, matched, key):
                self._conflicts.append(Conflict(entry.name, _taken(holder)))
            else:
                wanted[key] = entry
                result[entry.id] = entry.name
        # A user who was to give up a name and cannot have the new one keeps it: the name's next user must wait.
        while blocked := self._blocked(result, holders):
            for entry in blocked:
                del result[entry.id]
                self._conflicts.append(Conflict(entry.name, problems.NAME_NOT_FREE(name=entry.name)))
        return result

    @staticmethod
    def _gives_up(holder: User, matched: dict[str, DirectoryEntry], key: str) -> bool:
        """True when this user's name changes."""
        entry = matched.get(holder.id)
        return entry is not None and bool(entry.name) and entry.name.casefold() != key

    def _blocked(self, result: dict[str, str], holders: dict[str, User]) -> list[DirectoryEntry]:
        """Entries whose name stays with another user after all."""
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
        """The addresses that each entry's user gets; of two claims to one, the present holder's, else the first by id.

        Users who are ``removed`` now lose all of theirs.
        """
        matched = {user.id for user in self._match.values()}
        by_hand: dict[str, User] = {}
        has: dict[str, str] = {}
        for user in self._users.values():
            if user.id in removed:
                continue
            # An address from another directory is not this one's to distribute, unless the user was taken over.
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
                    address = next(one for one in entry.addresses if one.casefold() == key)
                    why = problems.ADDRESS_OF_ENTRY(address=address)
                    if owner is not None and not winner[key]:
                        why = problems.ADDRESS_OF_USER(address=address, user=owner.name)
                    self._conflicts.append(Conflict(entry.name or entry.id, why))
        return {one.id: tuple(text for text in one.addresses if winner[text.casefold()] == one.id) for one in entries}

    def _is(self, entry: DirectoryEntry, user_id: str) -> bool:
        user = self._match.get(entry.id)
        return user is not None and user.id == user_id

    def _follow(self, entry: DirectoryEntry, name: str | None, owned: tuple[str, ...]) -> UserChange | None:
        """The change of an entry's user; None when there is none."""
        before = self._match.get(entry.id)
        if before is None:
            # An entry whose addresses all belong to other users has no mail of its own.
            if name is None or (entry.addresses and not owned):
                return None
            user = User(self._new_id(), name, owned, entry.login, entry.full_name, False, False, entry.id, owned)
            return UserChange(UserChangeKind.CREATED, None, user)
        # A removed user has no addresses added by hand.
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
            return UserChange(UserChangeKind.ADOPTED, before, after)
        return UserChange(UserChangeKind.BACK if before.removed or before.disabled else UserChangeKind.CHANGED, before, after)

    @staticmethod
    def _of_those_left(
        gone: Sequence[User], handed_on: set[str], going: Sequence[User], left: LeaverPolicy
    ) -> list[UserChange]:
        """The changes of users who left, by the option; and of those who lose an address to another user."""
        changes = []
        ids = {user.id for user in going}
        for user in gone:
            if user.id in ids and left is LeaverPolicy.DELETE:
                changes.append(UserChange(UserChangeKind.REMOVED, user, replace(user, removed=True)))
                continue
            after = replace(
                user,
                addresses=tuple(one for one in user.addresses if one.casefold() not in handed_on),
                directory_addresses=tuple(one for one in user.directory_addresses if one.casefold() not in handed_on),
                disabled=user.disabled or user.id in ids,
            )
            if after != user:
                changes.append(UserChange(UserChangeKind.DISABLED if user.id in ids else UserChangeKind.CHANGED, user, after))
        return changes


def in_order(changes: Sequence[UserChange]) -> list[User]:
    """Users in an order in which they can be saved one by one, so that no name is still taken.

    Names exchanged in a ring are freed by saving one user under a temporary name.
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


def _taken(holder: User) -> Reason:
    if holder.removed:
        return problems.NAME_OF_REMOVED(name=holder.name)
    return (problems.NAME_OF_ENTRY if holder.directory_id else problems.NAME_OF_USER)(name=holder.name)
