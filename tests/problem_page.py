"""The page ``docs/problem-codes.md``, made from the table: ``python -m tests.problem_page > docs/problem-codes.md``."""

from __future__ import annotations

import sys

from core.problems import subjects
from core.problems.code import FORMS, Code, Do, Setting, pieces
from core.problems.command_line import COMMAND_LINE

_HEAD = """\
# Codes of problems

Each problem of a run, and each error of a command, has a code: a word that stays the same from version to version, for
monitoring and scripts. It is `code` in the JSON of problems (`archivar watch RUN --json`) and of errors (any command with
`--json` that fails). So is it in a finding of `archivar verify --json`, in a lost message of `archivar repair
--json` and in a problem of `archivar restore --json`, `import --json` (of a file, or of a mailbox without a user), `export
--json` and `backup --json`. A problem of a run also has `values`, the values of its sentence by name; a value may be a problem
itself (`{"code": …, "values": …}`): the reason behind it.

Warnings, of a run, of a profile and of the directory, have codes too: beside `warnings`, their sentences, stands
`warning_reasons`, a list in the same order of objects with `reason` (the sentence), `code` and `values`.

Where a result tells why something failed, `code` and `values` stand beside the sentence: `reason` of a run (`archivar run
--json`, `runs --json`), `failure` of a seal's place (`seal list`), `reason` of the last synchronisation (`directory show`), of
the last verification (`status`) and of a message in `index --problems`, `difference` of `seal check` and `ledger check`,
`withheld` of `directory sync`, the checks of `doctor`, and `error` of `profile test --probe-deletion`. In `missing --json`
`reasons` lists all that `error` tells of a mailbox or folder; each message that differs has a `code`.

Sentences may be worded better in time; codes and the names of their values are not changed. Problems that a version without
codes kept are `earlier`.

A run as it goes on has codes too: `events` of `archivar run --json` and `watch --json` lists its last 1,000 events without the
problems and warnings, in their order. Each has `at`, `kind`, `mailbox`, `folder` and `uid` (empty and null where it is about
none), `reason` (the sentence), `code` and `values`.

The numbers are exit codes: -1 is an event, which is no problem; 0 is a warning, which changes none; 1 is a problem of one
mailbox, folder, file or message, which is named before the work goes on; 2 wrong input, nothing was changed; 3 the work failed;
4 the archive is damaged; 5 somebody else holds what is needed.
"""


def text() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for subject in subjects.SUBJECTS:
        name = subject.__name__.rpartition(".")[2].replace("_", " ")
        about = (subject.__doc__ or "").strip().splitlines()[0]
        parts.append(f"\n## {name.capitalize()}\n\n{about}\n")
        parts += [_entry(code) for code in subjects.codes(subject)]
    parts.append("\n## Merged\n\nWords of earlier versions, and those that have their meaning now.\n\n")
    parts += [f"- `{word}`: `{code.word}`\n" for word, code in sorted(subjects.MERGED.items())]
    return "".join(parts)


def _entry(code: Code) -> str:
    remedy = f"{_plain(code.remedy)}\n" if code.remedy else ""
    return f"\n**`{code.word}`** ({code.family.value}): {_plain(code.sentence)}\n{remedy}"


def _plain(template: str) -> str:
    """A template with the names of its values in brackets, and what the command line says for the rest."""
    parts = []
    for literal, name, spec in pieces(template):
        parts.append(literal)
        if name == "do":
            parts.append(COMMAND_LINE.action(Do(spec)))
        elif name == "setting":
            key, _, value = spec.partition("=")
            parts.append(f"`{COMMAND_LINE.setting(Setting(key, value))}`")
        elif name is not None:
            parts.append({"remedy": f"(The advice for ‹{name}›.)", "meant": f'Is "‹{name}›" meant? '}.get(spec, f"‹{name}›"))
            if spec and spec not in FORMS:
                parts.append(f" {spec.partition('|')[2] or f'{spec}s'}")
    return "".join(parts).replace("*", "\\*").strip()


if __name__ == "__main__":
    sys.stdout.write(text())
