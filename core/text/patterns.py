"""Regular expressions that stand in modules, compiled when they are first used: a command loads hundreds, and uses a few."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["Late", "pattern"]


class Late:
    """A regular expression up to its first use, and as ``re.compile`` makes it from then on."""

    def __init__(self, text: str | bytes, flags: int = 0) -> None:
        self._text, self._flags = text, flags

    @property
    def compiled(self) -> re.Pattern[Any]:
        """The pattern of the standard library."""
        return re.compile(self._text, self._flags)

    def __getattr__(self, name: str) -> Any:
        # Found in the instance from now on, so that a call costs what it costs on the pattern itself.
        value = getattr(self.compiled, name)
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    pattern = re.compile
else:
    pattern = Late
