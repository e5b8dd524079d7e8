"""Settings as plain JSON and back, by the types of their dataclasses: a new attribute with a default needs no line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from core.profiles.age import Age

T = TypeVar("T")


def as_json(settings: Any) -> dict[str, Any]:
    """The attributes of a dataclass by their names: texts, numbers, booleans and lists of texts; an empty text for None."""
    return {one.name: _plain(getattr(settings, one.name)) for one in fields(settings)}


def from_json(settings: type[T], value: Mapping[str, Any]) -> T:
    """The reverse of ``as_json``. Attributes that an older program did not know get their defaults.

    Raises ``KeyError`` or ``ValueError`` for anything that ``as_json`` never made.
    """
    loaders: dict[str, tuple[Callable[[Any], Any], bool]] = _loaders(cast(Any, settings))
    if strange := value.keys() - loaders.keys():
        raise ValueError(f"{settings.__name__} has no {min(strange)}")
    return settings(**{name: load(value[name]) for name, (load, needed) in loaders.items() if needed or name in value})


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value) if isinstance(value, Age) else value


@cache
def _loaders(settings: Any) -> dict[str, tuple[Callable[[Any], Any], bool]]:
    """Decoders of the attributes, each with True if it is required."""
    hints = get_type_hints(settings)
    bare = {one.name for one in fields(settings) if one.default is MISSING and one.default_factory is MISSING}
    return {one.name: (_loader(hints[one.name]), one.name in bare) for one in fields(settings)}


def _loader(hint: Any) -> Callable[[Any], Any]:
    if get_origin(hint) is tuple:
        return tuple
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    for kind, load in ((Age, Age.parse), (date, date.fromisoformat)):
        if kind in get_args(hint):
            return _or_none(load)
    return lambda value: value


def _or_none(load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: load(value) if value else None
