"""Frozen classes made late: they behave as those of the standard library, and compile nothing where they stand."""

from __future__ import annotations

import builtins
import copy
import dataclasses
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, FrozenInstanceError, InitVar, field
from typing import Any, ClassVar

import pytest

from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Late:
    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list, compare=False, kw_only=True)
    secret: str = field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list, compare=False, kw_only=True)
    secret: str = field(default="", repr=False)


class Named(ABC):
    __slots__ = ()

    @abstractmethod
    def told(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Derived(Late, Named):
    more: int = 0

    def __post_init__(self) -> None:
        if self.more < 0:
            raise ValueError("more")

    def __repr__(self) -> str:
        return "derived"

    def told(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class OwnEquality:
    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnEquality) and self.name.lower() == other.name.lower()


@dataclass(slots=True)
class LateChanging:
    name: str
    sizes: dict[str, int] = field(default_factory=dict)
    kind: ClassVar[str] = "changing"
    _: KW_ONLY
    seen: bool = field(default=False, compare=False)


@dataclasses.dataclass(slots=True)
class StandardChanging:
    name: str
    sizes: dict[str, int] = field(default_factory=dict)
    kind: ClassVar[str] = "changing"
    _: KW_ONLY
    seen: bool = field(default=False, compare=False)


def _changed(cls: type) -> Any:
    value = cls("a")
    value.sizes["b"], value.seen = 3, True
    return repr(value).replace(cls.__name__, ""), value == cls("a", {"b": 3}), value == cls("a")


@pytest.mark.parametrize(
    "act",
    [
        _changed,
        lambda cls: cls.__hash__,
        lambda cls: cls.__slots__,
        lambda cls: cls.__match_args__,
        lambda cls: cls.kind,
        lambda cls: dataclasses.asdict(cls("a", seen=True)),
        lambda cls: hasattr(cls("a"), "__dict__"),
        lambda cls: copy.deepcopy(cls("a", {"b": 1}, seen=True)).seen,
        lambda cls: dataclasses.is_dataclass(cls),
        lambda cls: [one.name for one in dataclasses.fields(cls)],
    ],
)
def test_a_class_whose_values_change_behaves_as_one_of_the_standard_library(act: Callable[[type], Any]) -> None:
    assert act(LateChanging) == act(StandardChanging)


@pytest.mark.parametrize("act", [lambda cls: cls(), lambda cls: hash(cls("a")), lambda cls: setattr(cls("a"), "other", 1)])
def test_a_class_whose_values_change_refuses_as_one_of_the_standard_library(act: Callable[[type], Any]) -> None:
    with pytest.raises((TypeError, AttributeError)) as standard:
        act(StandardChanging)
    with pytest.raises(type(standard.value)) as late:
        act(LateChanging)
    assert str(late.value).replace("Late", "Standard") == str(standard.value)


def test_the_fields_of_a_class_are_looked_at_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[type] = []
    monkeypatch.setattr(dataclasses, "_process_class", lambda cls, *given: looked.append(cls))

    @dataclass(slots=True)
    class Here:
        name: str

    assert looked == []
    assert Here.__slots__ == ("name",)


@pytest.mark.parametrize(
    "act",
    [
        lambda cls: repr(cls("a", tags=["b"], secret="c")).replace(cls.__name__, ""),
        lambda cls: cls("a", tags=["b"]) == cls("a", tags=[]),
        lambda cls: cls("a") == cls("a", 4),
        lambda cls: cls("a") == "a",
        lambda cls: hash(cls("a", tags=["b"])),
        lambda cls: dataclasses.asdict(cls("a")),
        lambda cls: dataclasses.astuple(dataclasses.replace(cls("a"), size=9)),
        lambda cls: cls.__match_args__,
        lambda cls: cls.__slots__,
        lambda cls: cls("a").tags is cls("a").tags,
        lambda cls: hasattr(cls("a"), "__dict__"),
        lambda cls: dataclasses.astuple(pickle.loads(pickle.dumps(cls("a", 5, tags=["x"])))),
        lambda cls: copy.deepcopy(cls("a", tags=["x"])).tags,
    ],
)
def test_a_frozen_class_behaves_as_one_of_the_standard_library(act: Callable[[type], Any]) -> None:
    assert act(Late) == act(Standard)


@pytest.mark.parametrize(
    "act",
    [
        lambda cls: cls(),
        lambda cls: cls("a", 1, "", 4),
        lambda cls: cls("a", other=1),
        lambda cls: setattr(cls("a"), "size", 1),
        lambda cls: delattr(cls("a"), "size"),
    ],
)
def test_a_frozen_class_refuses_as_one_of_the_standard_library(act: Callable[[type], Any]) -> None:
    with pytest.raises((TypeError, FrozenInstanceError)) as standard:
        act(Standard)
    with pytest.raises(type(standard.value)) as late:
        act(Late)
    assert str(late.value).replace("Late", "Standard") == str(standard.value)


def test_a_derived_class_has_its_own_methods_and_those_of_its_parents() -> None:
    derived = Derived("a", more=2)

    assert (derived.size, derived.more, repr(derived), derived.told()) == (3, 2, "derived", "a")
    assert derived == Derived("a", more=2) != Derived("a")
    assert derived != Late("a")
    with pytest.raises(ValueError, match="more"):
        Derived("a", more=-1)


def test_equality_that_a_class_defines_is_kept() -> None:
    assert OwnEquality("A") == OwnEquality("a")
    assert hash(OwnEquality("a")) == hash(OwnEquality("a"))


def test_a_frozen_class_compiles_nothing_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    run = builtins.exec

    def noting(text: str, *more: Any) -> None:
        compiled.append(text)
        run(text, *more)

    monkeypatch.setattr(builtins, "exec", noting)

    @dataclass(frozen=True, slots=True)
    class Here:
        """A class with a docstring, as all have."""

        name: str

    assert compiled == []
    assert Here("a").name == Here("a").name
    assert len([text for text in compiled if "__init__" in text]) == 1


def test_a_class_whose_constructor_takes_other_values_is_the_standard_librarys() -> None:
    """A value for the constructor alone, and a field that it does not set."""

    @dataclass(frozen=True, slots=True)
    class Given:
        size: int
        unit: InitVar[int] = 1
        name: str = field(init=False, default="none")

        def __post_init__(self, unit: int) -> None:
            object.__setattr__(self, "size", self.size * unit)

    assert Given(3, 4).size == 12
    assert repr(Given(3)).endswith("Given(size=3, name='none')")
