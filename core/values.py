"""``dataclass`` for the classes of values: what the standard library makes, but made when it is first used.

The standard library compiles three to eight functions for each class where the class stands, and looks at each of its fields. A
command loads more than a hundred such classes and makes values of a few: with this the others cost it next to nothing. A method
of a class is replaced at its first call by one for its fields, which behaves, and costs, as the standard library's.

What holds here: only ``@dataclass(frozen=True, slots=True)`` and ``@dataclass(slots=True)`` are made late; with any other
parameters it is the standard library's. A frozen class made late is derived from by classes made late alone, else Python
refuses the class where it stands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import Field
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

#: What a class keeps about its fields, each made late too: names of the standard library's.
_DESCRIPTIONS = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
#: Annotations that make no field.
_NO_FIELDS = ("ClassVar", "KW_ONLY")
#: Of every class, and not of the one with slots that is made of it.
_OF_THE_SOURCE = ("__dict__", "__weakref__")

if TYPE_CHECKING:
    # To the type checker it is the standard library's.
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, **wanted):
        """The standard library's decorator, with the same parameters."""
        if cls is None:
            return lambda cls: dataclass(cls, **wanted)
        if not wanted.get("slots") or wanted.keys() - {"frozen", "slots"}:
            return dataclasses.dataclass(cls, **wanted)
        return _made_late(cls, frozen=wanted.get("frozen", False))


def _made_late(cls: type, *, frozen: bool) -> type:
    hints = vars(cls).get("__annotations__", {})
    values = map(vars(cls).get, hints)
    if any("InitVar" in str(hint) for hint in hints.values()) or any(
        isinstance(value, dataclasses.Field) and not value.init for value in values
    ):
        # What only the constructor sees, or what it never gets, is left to the standard library.
        return dataclasses.dataclass(cls, frozen=frozen, slots=True)
    own = {name for name, value in vars(cls).items() if value is not None}
    made = _slotted(cls, [name for name, hint in hints.items() if not any(word in str(hint) for word in _NO_FIELDS)])
    for name in _DESCRIPTIONS:
        setattr(made, name, _Described(made, cls, name))
    for name in _MAKERS.keys() - own:
        if frozen or name != "__hash__":
            setattr(made, name, _late(made, name, frozen=frozen))
        elif "__hash__" not in vars(cls):
            made.__hash__ = None  # type: ignore[assignment]
    if frozen:
        for name, method in (
            ("__setattr__", _refuse),
            ("__delattr__", _refuse),
            ("__getstate__", _state),
            ("__setstate__", _restore),
        ):
            if name not in own:
                setattr(made, name, method)
    return made


def _slotted(cls: type, names: Sequence[str]) -> type:
    """The class with slots for its fields, which is another class than the one that stands in the source."""
    there = {name for base in cls.__mro__[1:] for name in _names(vars(base).get("__slots__", ()))}
    parts = {name: value for name, value in vars(cls).items() if name not in names and name not in _OF_THE_SOURCE}
    parts["__slots__"] = tuple(name for name in names if name not in there)
    made: type = type(cls)(cls.__name__, cls.__bases__, parts)
    made.__qualname__ = cls.__qualname__
    return made


def _names(slots: str | Sequence[str]) -> Sequence[str]:
    return (slots,) if isinstance(slots, str) else slots


class _Described:
    """A description of the fields of ``made`` up to the first look at it: those of ``source``, by the standard library."""

    def __init__(self, made: type, source: type, name: str) -> None:
        self._made, self._source, self._name = made, source, name

    def __get__(self, value: object, owner: type) -> Any:
        described: type = dataclasses.dataclass(init=False, repr=False, eq=False)(self._source)
        for name in _DESCRIPTIONS:
            setattr(self._made, name, vars(described)[name])
        return getattr(self._made, self._name)


def _late(owner: type, name: str, *, frozen: bool) -> Callable[..., Any]:
    """The method ``name`` of ``owner`` up to its first call, which makes it."""

    def method(self: object, /, *given: Any, **named: Any) -> Any:
        made = _MAKERS[name](owner, dataclasses.fields(owner), frozen)
        made.__qualname__, made.__name__ = f"{owner.__qualname__}.{name}", name
        setattr(owner, name, made)
        return getattr(owner, name)(self, *given, **named)

    return method


def _init(owner: type, fields: Sequence[Field[Any]], frozen: bool) -> Callable[..., Any]:
    """The constructor: the one method that is compiled, as each class has other parameters."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": dataclasses.MISSING}
    taken, named, lines = list[str](), list[str](), list[str]()
    for number, one in enumerate(fields):
        value, default = one.name, ""
        if one.default_factory is not dataclasses.MISSING:
            known[f"_make{number}"], default = one.default_factory, "=_missing"
            value = f"_make{number}() if {one.name} is _missing else {one.name}"
        elif one.default is not dataclasses.MISSING:
            known[f"_default{number}"], default = one.default, f"=_default{number}"
        (named if one.kw_only else taken).append(f"{one.name}{default}")
        lines.append(f"_set(self, {one.name!r}, {value})" if frozen else f"self.{one.name} = {value}")
    if hasattr(owner, "__post_init__"):
        lines.append("self.__post_init__()")
    parameters = ", ".join(["self", *taken, *(["*", *named] if named else [])])
    body = "\n ".join(lines) or "pass"
    exec(f"def __init__({parameters}):\n {body}", known)
    made: Callable[..., Any] = known["__init__"]
    return made


def _repr(owner: type, fields: Sequence[Field[Any]], frozen: bool) -> Callable[..., Any]:
    shown = [one.name for one in fields if one.repr]

    @recursive_repr()
    def method(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return method


def _eq(owner: type, fields: Sequence[Field[Any]], frozen: bool) -> Callable[..., Any]:
    values = _values([one.name for one in fields if one.compare])

    def method(self: object, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return method


def _hash(owner: type, fields: Sequence[Field[Any]], frozen: bool) -> Callable[..., Any]:
    values = _values([one.name for one in fields if (one.compare if one.hash is None else one.hash)])

    def method(self: object) -> int:
        return hash(values(self))

    return method


def _values(names: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    """A function for the tuple of these values of an object."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


_MAKERS: dict[str, Callable[[type, Sequence[Field[Any]], bool], Callable[..., Any]]] = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
}


def _refuse(self: object, name: str, *value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _restore(self: Any, state: Sequence[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
