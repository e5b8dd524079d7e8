"""Statements that save or remove a record: users, profiles, the directory, addresses, settings, seal places.

Each has ``changes`` beside its own fields, see ``change``; they are missing in older entries.
"""

from __future__ import annotations

from typing import ClassVar, Self

from core.archive.store.entries.change import Record
from core.archive.store.entries.reading import Fields, Payload
from core.archive.store.entries.statement import RecordKind, RecordStatement, Unprojected
from core.model import User
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class UserSaved(RecordStatement):
    """A user as saved, changed or removed.

    Payload: {user: {id, name, addresses, login, full_name, removed, disabled, directory_id, directory_addresses}}

    The last three are missing in entries of before users came from directories.
    """

    kind: ClassVar[str] = "user.saved"
    title: ClassVar[str] = "users"
    record: ClassVar[RecordKind] = RecordKind.USER
    user: User

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        user = Fields(fields.record("user"))
        found = User(
            id=user.text("id"),
            name=user.text("name"),
            addresses=user.texts("addresses"),
            login=user.text("login"),
            full_name=user.text("full_name"),
            removed=user.flag("removed"),
            disabled=user.flag("disabled", False),
            directory_id=user.text("directory_id", ""),
            directory_addresses=user.texts("directory_addresses", []),
        )
        return cls(found)

    def own_payload(self) -> Payload:
        return {"user": self.user.as_json()}

    @property
    def name_key(self) -> str:
        return self.user.id

    def after(self) -> Record | None:
        """The user's fields; of a removed user only what names the archive."""
        found = self.user.as_json()
        return None if found.pop("removed") else found

    def saying(self) -> str:
        user = self.user
        if user.removed:
            return f"User {user.name} was removed; the archive is kept."
        if user.disabled:
            return f"User {user.name} left the directory and was disabled; the archive is kept."
        emails = ", ".join(user.addresses) or "no e-mail address"
        return f"User {user.name} was saved: {emails}{', login ' + user.login if user.login else ''}."


@dataclass(frozen=True, slots=True)
class ProfileSaved(RecordStatement):
    """A profile as saved.

    Payload: {name, definition, renamed}

    definition: the profile as JSON, never a password; renamed: the earlier name, only if it is another one.
    """

    kind: ClassVar[str] = "profile.saved"
    title: ClassVar[str] = "profiles saved"
    record: ClassVar[RecordKind] = RecordKind.PROFILE
    name: str
    definition: Record
    renamed: str = ""

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        return cls(fields.text("name"), fields.record("definition"), fields.text("renamed", ""))

    def own_payload(self) -> Payload:
        said: Payload = {"name": self.name, "definition": self.definition}
        return said | ({"renamed": self.renamed} if self.renamed else {})

    @property
    def name_key(self) -> str:
        return self.name.casefold()

    def after(self) -> Record | None:
        return self.definition

    def saying(self) -> str:
        return f"Profile {self.renamed} was saved as {self.name}." if self.renamed else f"Profile {self.name} was saved."


@dataclass(frozen=True, slots=True)
class ProfileRemoved(RecordStatement):
    """A profile that was removed.

    Payload: {name}
    """

    kind: ClassVar[str] = "profile.removed"
    title: ClassVar[str] = "profiles removed"
    record: ClassVar[RecordKind] = RecordKind.PROFILE
    name: str

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        return cls(fields.text("name"))

    def own_payload(self) -> Payload:
        return {"name": self.name}

    @property
    def name_key(self) -> str:
        return self.name.casefold()

    def after(self) -> Record | None:
        return None

    def saying(self) -> str:
        return f"Profile {self.name} was removed."


@dataclass(frozen=True, slots=True)
class DirectorySaved(RecordStatement):
    """The settings of the directory that users come from.

    Payload: {definition}

    definition: the settings as JSON, never a password.
    """

    kind: ClassVar[str] = "directory.saved"
    title: ClassVar[str] = "directories set up"
    record: ClassVar[RecordKind] = RecordKind.DIRECTORY
    definition: Record

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        return cls(fields.record("definition"))

    def own_payload(self) -> Payload:
        return {"definition": self.definition}

    @property
    def name_key(self) -> str:
        return ""

    def after(self) -> Record | None:
        return self.definition

    def saying(self) -> str:
        definition = Fields(self.definition)
        what = f"{definition.text('type')}, {Fields(definition.record('server')).text('host')}"
        return f"The settings of the directory ({what}) were saved."


@dataclass(frozen=True, slots=True)
class DirectoryRemoved(RecordStatement):
    """The removal of the directory's settings.

    Payload: {type, host}

    Both empty in the oldest entries.
    """

    kind: ClassVar[str] = "directory.removed"
    title: ClassVar[str] = "directories removed"
    record: ClassVar[RecordKind] = RecordKind.DIRECTORY
    type: str
    host: str

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        return cls(fields.text("type", ""), fields.text("host", ""))

    def own_payload(self) -> Payload:
        return {"type": self.type, "host": self.host}

    @property
    def name_key(self) -> str:
        return ""

    def after(self) -> Record | None:
        return None

    def saying(self) -> str:
        what = ", ".join(text for text in (self.type, self.host) if text)
        return f"The settings of the directory{f' ({what})' if what else ''} were removed; users stay as they are."


@dataclass(frozen=True, slots=True)
class AddressOurs(RecordStatement):
    """An address, or a domain with @ before it, that is said to be (not) ours.

    Payload: {address, ours}
    """

    kind: ClassVar[str] = "address.ours"
    title: ClassVar[str] = "addresses that are (not) ours"
    record: ClassVar[RecordKind] = RecordKind.ADDRESS
    address: str
    ours: bool

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        return cls(fields.text("address"), fields.flag("ours"))

    def own_payload(self) -> Payload:
        return {"address": self.address, "ours": self.ours}

    @property
    def name_key(self) -> str:
        return self.address

    def after(self) -> Record | None:
        return {"ours": self.ours}

    def saying(self) -> str:
        return f"{self.address} is said to be {'one of ours again' if self.ours else 'not ours'}."


@dataclass(frozen=True, slots=True)
class SettingSaved(RecordStatement, Unprojected):
    """A setting of this machine, as it is written.

    Payload: {name, value}
    """

    kind: ClassVar[str] = "settings.saved"
    title: ClassVar[str] = "settings"
    record: ClassVar[RecordKind] = RecordKind.SETTING
    name: str
    value: str

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        return cls(fields.text("name"), fields.text("value"))

    def own_payload(self) -> Payload:
        return {"name": self.name, "value": self.value}

    @property
    def name_key(self) -> str:
        return self.name

    def after(self) -> Record | None:
        return {self.name: self.value}

    def saying(self) -> str:
        return f"The setting {self.name} was saved: {self.value}."


@dataclass(frozen=True, slots=True)
class SealPlaceSaved(RecordStatement):
    """A place where seals are sent.

    Payload: {definition}

    definition: the place as JSON, never a password.
    """

    kind: ClassVar[str] = "seal.place.saved"
    title: ClassVar[str] = "places for seals"
    record: ClassVar[RecordKind] = RecordKind.SEAL_PLACE
    definition: Record

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        found = cls(fields.record("definition"))
        # The catalog's key of the place.
        _ = found.name
        return found

    @property
    def name(self) -> str:
        """The name of the place."""
        return Fields(self.definition).text("name")

    def own_payload(self) -> Payload:
        return {"definition": self.definition}

    @property
    def name_key(self) -> str:
        return self.name.casefold()

    def after(self) -> Record | None:
        return self.definition

    def saying(self) -> str:
        definition = Fields(self.definition)
        target = definition.text("target")
        shown = f" ({target})" if target else ""
        return f"Seals are sent to {self.name}, a place of the kind {definition.text('kind')}{shown}."


@dataclass(frozen=True, slots=True)
class SealPlaceRemoved(RecordStatement):
    """A place where seals are sent no longer.

    Payload: {name, kind}
    """

    kind: ClassVar[str] = "seal.place.removed"
    title: ClassVar[str] = "places for seals removed"
    record: ClassVar[RecordKind] = RecordKind.SEAL_PLACE
    name: str
    way: str

    @classmethod
    def of_own(cls, fields: Fields) -> Self:
        return cls(fields.text("name"), fields.text("kind"))

    def own_payload(self) -> Payload:
        return {"name": self.name, "kind": self.way}

    @property
    def name_key(self) -> str:
        return self.name.casefold()

    def after(self) -> Record | None:
        return None

    def saying(self) -> str:
        return f"Seals are no longer sent to {self.name}, a place of the kind {self.way}."


#: Statements about records.
AnyRecord = (
    UserSaved
    | ProfileSaved
    | ProfileRemoved
    | DirectorySaved
    | DirectoryRemoved
    | AddressOurs
    | SettingSaved
    | SealPlaceSaved
    | SealPlaceRemoved
)
