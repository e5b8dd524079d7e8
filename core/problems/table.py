"""Reasons as JSON, and as kept in results of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from core.problems import command_line, unnamed
from core.problems.code import Code, Reason, Value


def as_kept(reason: Reason) -> dict[str, Any]:
    """A reason as ``kept`` reads it."""
    return {"reason": command_line.sentence(reason), **reason.as_json()}


def failed(reason: Reason | None) -> dict[str, Any]:
    """The three fields of a failure in JSON: ``reason`` (its sentence), ``code`` and ``values``; empty without one."""
    return {"reason": "", "code": "", "values": {}} if reason is None else as_kept(reason)


def warned(reasons: Iterable[Reason], kind: str = "warning") -> dict[str, Any]:
    """The two fields of warnings in JSON: ``warnings`` are sentences, ``warning_reasons`` the same with codes and values.

    Those of another ``kind``, such as remarks, are named after it.
    """
    kept_ = [as_kept(one) for one in reasons]
    return {f"{kind}s": [one["reason"] for one in kept_], f"{kind}_reasons": kept_}


def warnings_kept(result: Mapping[str, Any]) -> list[Reason]:
    """The warnings of a kept result; those of older versions have only their sentences."""
    told = result.get("warnings", ())
    return [kept(one) for one in result.get("warning_reasons", [{"reason": text} for text in told])]


def code_of(word: Any) -> Code | None:
    """The code of that word, or of the one that it was merged with; None when there is none."""
    # The modules of all subjects take longer to load than many a command, and most look no word up.
    from core.problems.subjects import CODES, MERGED

    return CODES.get(word) or MERGED.get(word) if isinstance(word, str) else None


def kept(value: Mapping[str, Any]) -> Reason:
    """The reason of a problem in a kept result: ``reason`` (its sentence), ``code`` and ``values``.

    One of an older version (no code, or no values), or of a newer one (an unknown code), has only its sentence.
    """
    if (known := _known(value.get("code"), value.get("values"))) is not None:
        return known
    # The first codes came without values: their remedies still hold.
    code = code_of(value.get("code")) or unnamed.EARLIER
    code = replace(code, sentence="{message}")
    return Reason(code if code.names == {"message"} else unnamed.EARLIER, {"message": str(value.get("reason", ""))})


def _known(word: Any, values: Any) -> Reason | None:
    code = code_of(word)
    if code is None or not isinstance(values, dict) or values.keys() != code.names:
        return None
    found: dict[str, Value] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            inner = _known(value.get("code"), value.get("values"))
            if inner is None:
                return None
            found[name] = inner
        else:
            found[name] = tuple(map(str, value)) if isinstance(value, list) else value if isinstance(value, int) else str(value)
    return Reason(code, found)
