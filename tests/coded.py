"""Codes in JSON: objects that tell a problem without a code of the list are found wherever they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from core.problems import subjects, table
from core.problems.command_line import sentence

#: Keys that hold the sentence of a problem; empty where there is none.
SENTENCES = ("reason", "error", "failure", "difference", "withheld")
#: Lists of sentences that have their codes beside them, in the singular.
KINDS = ("warning", "remark")


def uncoded(value: Any, path: str = "") -> Iterator[str]:
    """The paths of objects that tell a problem without a code of the list."""
    if isinstance(value, dict):
        tells = any(isinstance(value.get(key), str) and value[key] for key in SENTENCES)
        tells = tells or ("ok" in value and value["ok"] is not True and bool(value.get("text")))
        if tells and value.get("code") not in subjects.CODES:
            yield f"{path}: {value}"
        for kind in KINDS:
            told = [sentence(table.kept(one)) for one in value.get(f"{kind}_reasons", ())]
            if told != value.get(f"{kind}s", []):
                yield f"{path}/{kind}s: {value[f'{kind}s']}"
        for key, inner in value.items():
            yield from uncoded(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from uncoded(inner, f"{path}/{number}")


def check(words: Sequence[str], out: str) -> None:
    """Fail when a command with ``--json`` wrote a problem without a code."""
    if "--json" not in words or not out.strip():
        return
    try:
        value = json.loads(out)
    except ValueError:
        # Cut off, or not the object of a command: whoever reads it says so.
        return
    assert list(uncoded(value)) == [], f"archivar {' '.join(words)}"
