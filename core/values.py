"""``dataclass`` for the frozen classes of values: what the standard library makes, but made when it is first used.

The standard library compiles six to eight functions for each frozen class where the class stands. A command loads more than a
hundred such classes and makes values of a few: with this the others cost it nothing. A method of a class is replaced at its
first call by the one that the standard library makes for the same fields, so that values behave, and cost, as they do there.

What holds here: only ``@dataclass(frozen=True, slots=True)`` is made late; with any other parameters it is the standard
library's. A class made late is derived from by classes made late alone, else Python refuses the class where it stands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

#: The parameters of the standard library's ``dataclass`` that make one of the methods.
_MAKER = {"__init__": "init", "__repr__": "repr", "__eq__": "eq", "__hash__": "eq"}

if TYPE_CHECKING:
    # To the type checker it is the standard library's.
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, **wanted):
        """The standard library's decorator, with the same parameters."""
        if cls is None:
            return lambda cls: dataclass(cls, **wanted)
        if wanted != {"frozen": True, "slots": True}:
            return dataclasses.dataclass(cls, **wanted)
        return _made_late(cls)


def _made_late(cls: type) -> type:
    own = {name for name, value in vars(cls).items() if value is not None}
    # A class with slots is another class than the one that stands in the source.
    made: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    hints = vars(cls).get("__annotations__", {}).values()
    if any("InitVar" in str(hint) for hint in hints) or any(not one.init for one in dataclasses.fields(made)):
        # What only the constructor sees, or what it never gets, is left to the standard library.
        return dataclasses.dataclass(cls, frozen=True, slots=True)
    for name in _MAKER.keys() - own:
        setattr(made, name, _late(made, name))
    for name, method in (
        ("__setattr__", _refuse),
        ("__delattr__", _refuse),
        ("__getstate__", _state),
        ("__setstate__", _restore),
    ):
        if name not in own:
            setattr(made, name, method)
    return made


def _late(owner: type, name: str) -> Callable[..., Any]:
    """The method ``name`` of ``owner`` up to its first call, which makes it."""

    def method(self: object, /, *given: Any, **named: Any) -> Any:
        setattr(owner, name, getattr(_likeness(owner, _MAKER[name]), name))
        return getattr(owner, name)(self, *given, **named)

    return method


def _likeness(cls: type, wanted: str) -> type:
    """A class of the standard library's with the fields of ``cls``, and of its methods those that are ``wanted``."""
    names = ("init", "repr", "hash", "compare", "kw_only", "default", "default_factory")
    fields = [
        (one.name, object, dataclasses.field(**{name: getattr(one, name) for name in names})) for one in dataclasses.fields(cls)
    ]
    parts = {"__doc__": cls.__doc__ or cls.__name__, "__qualname__": cls.__qualname__, "__module__": cls.__module__}
    if hasattr(cls, "__post_init__"):
        parts["__post_init__"] = cls.__post_init__
    init, shown, compared = (wanted == name for name in ("init", "repr", "eq"))
    return dataclasses.make_dataclass(cls.__name__, fields, namespace=parts, frozen=True, init=init, repr=shown, eq=compared)


def _refuse(self: object, name: str, *value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _restore(self: Any, state: Sequence[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
