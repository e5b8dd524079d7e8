"""Members of groups: nested groups, primary groups, members in the group's list or by their own entries.

Invariant: a member is found by any of the ways in which directories keep membership, and missing members are reported.

- the group's own list: ``member``, ``uniqueMember`` (DNs), ``memberUid`` (user names);
- the entry's ``memberOf``, which many servers keep for some kinds of groups only;
- Active Directory's matching rule for nested groups (LDAP_MATCHING_RULE_IN_CHAIN); on other servers, and where the rule finds
  nothing, the lists are walked;
- the primary group, which no list names: ``primaryGroupID`` is the last number of the group's SID, ``gidNumber`` the group's.

Groups that hold each other are each read once, and no deeper than ``DEEPEST``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Protocol

from core.directory.group_notes import NAMED, GroupLack, GroupNote
from core.directory.values import DnKey, Row, Sid, Values, dn_key, domain_of, first, is_below, sid, texts
from core.errors import DirectoryError
from core.problems import directory as problems
from core.profiles import ldap_filter
from core.values import dataclass

#: LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS section 3.1.1.3.4.4.3).
IN_CHAIN = "1.2.840.113556.1.4.1941"
CLASSES = ("group", "groupOfNames", "groupOfUniqueNames", "groupOfMembers", "groupOfEntries", "posixGroup")
#: Attributes of membership by entry and by primary group; requested beside those of the settings.
OF_PEOPLE = ("uid", "memberOf", "primaryGroupID", "objectSid", "gidNumber")
_OF_GROUPS = ("member", "uniqueMember", "memberUid", "memberOf", "objectSid", "gidNumber")
#: Levels of nested groups; no directory has more on purpose.
DEEPEST = 30
#: Alternatives of one filter.
CHUNK = 50
#: The container in which Active Directory keeps stand-ins for members of other domains.
_FOREIGN = "cn=foreignsecurityprincipals"


class Lookup(Protocol):
    """Queries to a directory. They give complete results, or raise ``DirectoryError``."""

    def search(self, bases: Sequence[str], filter: str, attributes: Sequence[str]) -> list[Row]:
        """Entries below ``bases``."""

    def read(self, dn: str, attributes: Sequence[str]) -> Row | None:
        """One entry; None when it is not there."""


@dataclass(frozen=True, slots=True)
class PeopleSearch:
    """The search for people (``bases``), and its ``filter``; ``contexts`` are the trees that contain the bases.

    ``active``: the server is an Active Directory.
    """

    bases: tuple[str, ...]
    filter: str
    attributes: tuple[str, ...]
    contexts: tuple[str, ...]
    active: bool = False


@dataclass(slots=True)
class Membership:
    """Members of one group of the settings: entries by DN. ``notes`` report nested groups and missing members.

    ``empty``: neither the group nor a nested one lists any member.
    """

    group: str
    people: dict[DnKey, Row] = field(default_factory=dict)
    notes: list[GroupNote] = field(default_factory=list)
    empty: bool = False


@dataclass(slots=True)
class _Walk:
    """The state of walking one group: the groups, and members by DN (with the group that lists them) and name."""

    top: DnKey
    groups: dict[DnKey, Row] = field(default_factory=dict)
    listed: dict[DnKey, tuple[str, str]] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    deep: dict[DnKey, str] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        dn, values = row
        self.groups[dn_key(dn)] = row
        for name in ("member", "uniqueMember"):
            for text in filter(None, texts(values, name)):
                if "=" in text:
                    self.listed.setdefault(dn_key(text), (text, dn))
                else:
                    # Some servers allow any text there: then it is a user's name.
                    self.uids.setdefault(text.casefold(), text)
        self.uids |= {text.casefold(): text for text in texts(values, "memberUid")}


class Groups:
    """The groups of a directory that the settings name."""

    def __init__(self, lookup: Lookup, scope: PeopleSearch) -> None:
        self._lookup = lookup
        self._scope = scope
        self._contexts = [dn_key(one) for one in scope.contexts]
        self._known: dict[DnKey, Row | None] = {}
        self._every_group: tuple[dict[DnKey, str], dict[DnKey, list[DnKey]]] | None = None
        self._everybody: list[Row] | None = None

    def members(self, names: Sequence[str], host: str) -> list[Membership]:
        """The members of each group. Raises ``DirectoryError`` for missing or ambiguous groups."""
        tops, missing = [], []
        for name in names:
            found = self._named(name)
            if len(found) > 1:
                raise DirectoryError(problems.SEVERAL_GROUPS(host=host, count=len(found), group=name))
            tops += found
            missing += [] if found else [f'"{name}"']
        if missing:
            raise DirectoryError(problems.NO_GROUPS(host=host, groups=", ".join(missing)))
        return [self._membership(name, row) for name, row in zip(names, tops, strict=True)]

    # The group itself ------------------------------------------------------------------------------------------------

    def _named(self, name: str) -> list[Row]:
        """The groups with a DN or cn: below the bases, else anywhere in their trees."""
        if "=" in name:
            row = self._lookup.read(name, _OF_GROUPS)
            return [row] if row is not None else []
        wanted = f"(&{_classes()}(cn={ldap_filter.escape(name)}))"
        found = self._lookup.search(self._scope.bases, wanted, _OF_GROUPS)
        return found or self._lookup.search(self._scope.contexts, wanted, _OF_GROUPS)

    # Nested groups ----------------------------------------------------------------------------------------------------

    def _walk(self, top: Row) -> _Walk:
        walk = _Walk(dn_key(top[0]))
        walk.add(top)
        if self._scope.active:
            chain = f"(&{_classes()}(memberOf:{IN_CHAIN}:={ldap_filter.escape(top[0])}))"
            for row in self._lookup.search(self._scope.contexts, chain, _OF_GROUPS):
                walk.add(row)
        level = list(walk.groups.values())
        for _ in range(DEEPEST):
            level = [row for row in self._within(level, walk) if dn_key(row[0]) not in walk.groups]
            for row in level:
                walk.add(row)
            if not level:
                return walk
        walk.deep = {dn_key(row[0]): row[0] for row in self._within(level, walk) if dn_key(row[0]) not in walk.groups}
        return walk

    def _within(self, groups: Sequence[Row], walk: _Walk) -> list[Row]:
        """The groups that are members of ``groups``, each once, without known ones."""
        keys: dict[DnKey, str] = {}
        if self._scope.active:
            told = (f"(memberOf={ldap_filter.escape(dn)})" for dn, _ in groups)
            for row in self._any(self._scope.contexts, _classes(), told, _OF_GROUPS):
                self._known[dn_key(row[0])] = row
                keys[dn_key(row[0])] = row[0]
        index, inside = self._index()
        for dn, values in groups:
            listed = (dn_key(text) for text in (*texts(values, "member"), *texts(values, "uniqueMember")))
            keys |= {key: index[key] for key in (*listed, *inside.get(dn_key(dn), ())) if key in index}
        found = (self._read(key, dn) for key, dn in keys.items() if key not in walk.groups)
        return [row for row in found if row is not None]

    def _index(self) -> tuple[dict[DnKey, str], dict[DnKey, list[DnKey]]]:
        """All groups by DN, and the groups whose own entries say that they are members, by the containing group's DN."""
        if self._every_group is None:
            # memberOf was already requested from an Active Directory, which may have very many groups.
            wanted = ("cn",) if self._scope.active else ("memberOf",)
            rows = [(dn_key(row[0]), row) for row in self._lookup.search(self._scope.contexts, _classes(), wanted)]
            inside: dict[DnKey, list[DnKey]] = {}
            for key, (_, values) in rows:
                for text in texts(values, "memberOf"):
                    inside.setdefault(dn_key(text), []).append(key)
            self._every_group = {key: dn for key, (dn, _) in rows}, inside
        return self._every_group

    def _read(self, key: DnKey, dn: str) -> Row | None:
        if key not in self._known:
            self._known[key] = self._lookup.read(dn, _OF_GROUPS)
        return self._known[key]

    # People ----------------------------------------------------------------------------------------------------------

    def _membership(self, name: str, top: Row) -> Membership:
        walk = self._walk(top)
        found = Membership(name)
        for row in [*self._told(walk, top), *self._by_primary_group(walk)]:
            found.people[dn_key(row[0])] = row
        strange = self._strange(walk, found)
        if strange:
            # Only some servers keep memberOf, and for some kinds of groups: the lists decide.
            for row in self._all_people():
                key = dn_key(row[0])
                if key in walk.listed or any(text.casefold() in walk.uids for text in texts(row[1], "uid")):
                    found.people[key] = row
            strange = self._strange(walk, found)
        found.empty = not (walk.listed or walk.uids or found.people)
        found.notes += self._foreign_notes(name, walk)
        if strange:
            found.notes.append(GroupNote(name, GroupLack.STRANGE, len(strange), tuple(strange[:NAMED])))
        if walk.deep:
            found.notes.append(GroupNote(name, GroupLack.DEEP, len(walk.deep), tuple(walk.deep.values())[:NAMED]))
        return found

    def _told(self, walk: _Walk, top: Row) -> Iterator[Row]:
        """People whose own entries say that they are members."""
        clauses = [f"(memberOf={ldap_filter.escape(dn)})" for dn, _ in walk.groups.values()]
        if self._scope.active:
            clauses.append(f"(memberOf:{IN_CHAIN}:={ldap_filter.escape(top[0])})")
        yield from self._any(self._scope.bases, self._scope.filter, clauses, self._scope.attributes)

    def _by_primary_group(self, walk: _Walk) -> Iterator[Row]:
        """People with one of these as primary group, which only their entries tell."""
        sids = {one for _, values in walk.groups.values() if (one := _sid(values)) is not None}
        gids = {text for _, values in walk.groups.values() if (text := first(values, "gidNumber")).isdigit()}
        clauses = [f"(primaryGroupID={rid})" for rid in sorted({one.rid for one in sids})]
        clauses += [f"(gidNumber={gid})" for gid in sorted(gids)]
        for row in self._any(self._scope.bases, self._scope.filter, clauses, self._scope.attributes):
            own, rid = _sid(row[1]), first(row[1], "primaryGroupID")
            # The same number is another group in another domain.
            of_domain = {str(one.rid) for one in sids if own is None or own.domain == one.domain}
            if rid in of_domain or first(row[1], "gidNumber") in gids:
                yield row

    def _any(self, bases: Sequence[str], filter: str, clauses: Iterable[str], attributes: Sequence[str]) -> Iterator[Row]:
        """Entries that match ``filter`` and any of ``clauses``."""
        several = list(clauses)
        for at in range(0, len(several), CHUNK):
            yield from self._lookup.search(bases, f"(&{filter}(|{''.join(several[at : at + CHUNK])}))", attributes)

    def _all_people(self) -> list[Row]:
        if self._everybody is None:
            self._everybody = self._lookup.search(self._scope.bases, self._scope.filter, self._scope.attributes)
        return self._everybody

    # Missing members --------------------------------------------------------------------------------------------------

    def _strange(self, walk: _Walk, found: Membership) -> list[str]:
        """Listed members that are neither people found, nor groups, nor of another domain."""
        names = {text.casefold() for _, values in found.people.values() for text in texts(values, "uid")}
        by_dn = [
            dn
            for key, (dn, _) in walk.listed.items()
            if not (key in found.people or key in walk.groups or key in walk.deep or self._is_foreign(key))
        ]
        return [*by_dn, *(text for key, text in walk.uids.items() if key not in names)]

    def _foreign_notes(self, name: str, walk: _Walk) -> Iterator[GroupNote]:
        """One note for each walked group that lists members of other domains."""
        by_group: dict[str, list[str]] = {}
        for key, (dn, group) in walk.listed.items():
            if key not in walk.groups and self._is_foreign(key):
                by_group.setdefault(group, []).append(dn)
        for group, dns in by_group.items():
            via = "" if dn_key(group) == walk.top else group
            yield GroupNote(name, GroupLack.FOREIGN, len(dns), tuple(dns[:NAMED]), via)

    def _is_foreign(self, key: DnKey) -> bool:
        """True for a member of another domain, or of another directory."""
        if key[1:2] == (_FOREIGN,) or not any(is_below(key, context) for context in self._contexts):
            return True
        # A child domain is another one, though its name ends in the parent's.
        return self._scope.active and all(domain_of(key) != domain_of(context) for context in self._contexts)


def _classes() -> str:
    return f"(|{''.join(f'(objectClass={one})' for one in CLASSES)})"


def _sid(values: Values) -> Sid | None:
    raw = values.get("objectsid")
    return sid(bytes(raw[0])) if raw else None
