"""The reference pages agree with the commands, the keys of files and the settings."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from core import errors
from core.archive.catalog import settings
from core.cli import help
from core.cli.commands import COMMANDS
from core.cli.help import ANYWHERE, Command
from core.cli.main import build
from core.manual.blocks import CodeBlock, Paragraph, Style, TableBlock
from core.profiles.directory import Directory
from core.profiles.profile import Profile
from core.profiles.schema.directories import DIRECTORIES
from core.profiles.schema.kinds import Choice
from core.profiles.schema.profiles import PROFILES
from core.profiles.schema.reading import parse
from core.profiles.schema.table import SettingsTable
from core.profiles.schema.writing import toml
from tests.manual import BESIDE, DOCS, ROOT, page, said, sections
from tests.sources import modules, walk

# Commands --------------------------------------------------------------------------------------------------------------------


@cache
def commands() -> dict[str, Any]:
    """Every command by its full name: those that do something, with what Typer knows of them."""
    found: dict[str, Any] = {}

    def collect(command: Any, path: tuple[str, ...]) -> None:
        below = getattr(command, "commands", {})
        if not below or getattr(command, "invoke_without_command", False):
            found[" ".join(path)] = command
        for name, one in below.items():
            collect(one, (*path, name))

    root: Any = typer.main.get_command(build())
    for name in root.commands:
        collect(root.get_command(typer.Context(root), name), ("archivar", name))
    return found


def options(command: Any) -> set[str]:
    """The options of a command, but for those that all have."""
    params = command.get_params(typer.Context(command))
    return {name for one in params if one.param_type_name == "option" for name in one.opts} - {"--help", "-h"}


def usage(name: str, command: Any) -> str:
    """The command with its arguments."""
    return " ".join([name, *(help.usage(command, typer.Context(command)) if isinstance(command, Command) else [])])


def part(command: Any, heading: str) -> str:
    """The part of the page on a command, made of its docstring and its options."""
    found = [one for one in command.get_params(typer.Context(command)) if one.param_type_name == "option"]
    records = [one.get_help_record(typer.Context(command)) for one in found if "--help" not in one.opts]
    rows = [f"| `{name}` | {what} |" for name, what in filter(None, records)]
    table = "\n".join(["| option | what it does |", "|---|---|", *rows])
    return "\n\n".join([f"### `{heading}`", inspect.cleandoc(command.help or ""), *([table] if rows else [])])


def test_the_page_has_every_command_with_its_arguments_and_no_other() -> None:
    """Each is a heading, written as its help writes it."""
    headings = [found for found in sections(page("command-line")) if found.startswith("archivar ")]
    there = [usage(name, command) for name, command in commands().items()]
    lacking = [
        part(command, heading) for heading, command in zip(there, commands().values(), strict=True) if heading not in headings
    ]
    assert not lacking, "\n\n".join(["docs/command-line.md lacks:", *lacking])
    assert sorted(set(headings) - set(there)) == [], "headings without a command"
    assert len(headings) == len(there)


def named(tree: ast.Module, module: str) -> set[str]:
    """Names used by a module of the command line, as ``module.function``: its own, those of others, and imports."""
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case ast.Name(id=name):
                found.add(f"{module}.{name}")
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                found.add(f"{owner}.{name}")
            case ast.ImportFrom(module=str(owner), names=names):
                found |= {f"{owner.rpartition('.')[2]}.{one.name}" for one in names}
    return found


@pytest.mark.xdist_group("modules")
def test_every_function_that_answers_is_a_command() -> None:
    """One that is written and never registered would otherwise be missing from every list without a word."""
    trees = {one.file.stem: one.tree for one in modules("core") if one.name.startswith("core.cli.")}
    used = set().union(*(named(tree, module) for module, tree in trees.items()))
    answering = {
        f"{module}.{function.name}"
        for module, tree in trees.items()
        for function in tree.body
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and function.returns is not None
        and re.search(r"\bAnswer\b", ast.unparse(function.returns))
    }
    assert len(answering) > 50
    assert sorted(answering - used) == [], "functions that no register names"
    listed = {one.module for one in COMMANDS.values()}
    registering = {
        module
        for module, tree in trees.items()
        for one in tree.body
        if isinstance(one, ast.FunctionDef) and one.name == "register"
    }
    assert sorted(registering - listed) == [], "modules of commands that COMMANDS in core/cli/commands.py does not list"


def test_the_page_has_every_option_of_each_command_and_no_other() -> None:
    """In the table below the command; those that may stand anywhere in a table of their own."""
    found = sections(page("command-line"))
    for name, command in commands().items():
        tables = [block for block in found.get(usage(name, command), []) if isinstance(block, TableBlock)]
        named = [said(row[0]).split()[0] for table in tables for row in table.rows]
        wanted = sorted(options(command))
        assert sorted(named) == wanted, f"docs/command-line.md should say:\n\n{part(command, usage(name, command))}"
    (table,) = [block for block in found["Options that may stand anywhere"] if isinstance(block, TableBlock)]
    told = {word for row in table.rows for word in said(row[0]).split() if word.startswith("-")}
    assert {one.split()[0].rstrip(",") for one, _ in ANYWHERE} | {"--version", "--help"} <= {one.rstrip(",") for one in told}


def test_the_usage_of_a_command_has_no_doubled_brackets() -> None:
    """``[WHERE]`` is what may be left out."""
    assert [found for name, command in commands().items() if "[[" in (found := usage(name, command))] == []


def test_the_page_has_every_exit_code() -> None:
    """Those that errors have, and those of a command that went well or was cancelled."""
    (table,) = [block for block in sections(page("command-line"))["Exit codes"] if isinstance(block, TableBlock)]
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ArchivarError)]
    assert {int(said(row[0])) for row in table.rows} == {0, 1, 130} | {kind.exit_code for kind in kinds}


def typed() -> Iterator[tuple[str, str]]:
    """All that is said to be typed and begins with the program's name, and where."""
    for file in [*DOCS.rglob("*.md"), *(ROOT / name for name in BESIDE)]:
        text = file.read_text("utf-8")
        # Rows of help and of journals are none.
        blocks = re.findall(r"^ *```(?:sh)?\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        for line in itertools.chain(*(block.splitlines() for block in blocks), re.findall(r"`([^`\n]+)`", text)):
            for part in re.split(r" && | \| | > ", line.partition(" #")[0].strip()):
                if part.startswith("archivar ") and "..." not in part and "  " not in part:
                    yield file.name, part


def test_everything_that_is_said_to_be_typed_exists() -> None:
    """Each command, with options that it has."""
    known = commands()
    groups = {name.rpartition(" ")[0] for name in known} - {"archivar"}
    found = list(typed())
    assert len(found) > 100
    for where, line in found:
        words = shlex.split(line)
        if words[1].startswith("-") or words[1] == "COMMAND":
            continue
        name = max((one for one in known if words[: one.count(" ") + 1] == one.split()), key=len, default="")
        assert name or line in groups or line.startswith("archivar seal 0"), f"{where}: {line}"
        given = {word.partition("=")[0] for word in words if word.startswith("--") and len(word) > 2}
        if name:
            assert given <= options(known[name]) | {"--home", "--json", "--help"}, f"{where}: {line}"


# Files -----------------------------------------------------------------------------------------------------------------------

EXAMPLES = {
    "mailbox": 'name = "A"\nkind = "mailbox"\nserver.host = "h"\nlogin.username = "a"\ntarget.user = "a"',
    "mailboxes": 'name = "A"\nkind = "mailboxes"\nserver.host = "h"\nlogin.method = "kerio-master"',
    "catchall": 'name = "A"\nkind = "catchall"\nserver.host = "h"\nlogin.username = "a"',
}
#: The kind of profile that a section is for, where not all have it.
KIND = {"users": "mailboxes", "catchall": "catchall"}
#: Values that are examples, since the key must be given, or are left out unless they are not usual.
SHOWN = {
    ("server", "host"),
    ("server", "port"),
    ("login", "username"),
    ("target", "user"),
    ("schedule", "every"),
    ("schedule", "daily"),
    ("schedule", "cron"),
}


def profile(text: str) -> Profile:
    return parse(PROFILES, text, Path("profile.toml")).settings


def directory(text: str) -> Directory:
    return parse(DIRECTORIES, text, Path("directory.toml")).settings


def keys(id: str) -> dict[str, dict[str, Any]]:
    """The keys that a page shows below each section, with the values beside them."""
    found = {}
    for heading, blocks in sections(page(id)).items():
        if heading.startswith("["):
            (code,) = [block for block in blocks if isinstance(block, CodeBlock)]
            found[heading.strip("[]")] = tomllib.loads("\n".join(code.lines))
    return found


def agree(id: str, table: SettingsTable[Any]) -> None:
    """The page has the keys of each section of the file, in the section's block, and no other."""
    shown = keys(id)
    there = {section: found for section, found in table.in_file.items() if section}
    for section, found in there.items():
        lacking = [
            f"{key} = {toml(field.kind.written(field.default))}"
            for key, field in found.items()
            if key not in shown.get(section, {})
        ]
        assert not lacking, "\n".join([f"docs/{id}.md lacks in the block of [{section}]:", *lacking])
    strange = {f"[{section}] {key}" for section, found in shown.items() for key in found if key not in there.get(section, {})}
    assert sorted(strange) == [], f"keys on docs/{id}.md that are none"


def test_the_page_has_every_key_of_a_profile_file_and_no_other() -> None:
    """Section by section; the two at the top are explained in a sentence."""
    agree("profile-file", PROFILES)
    (top,) = [block for block in sections(page("profile-file"))["All keys"] if isinstance(block, Paragraph)]
    assert {run.text for run in top.text if run.style is Style.CODE} >= set(PROFILES.in_file[""])


def test_the_values_on_the_page_are_those_that_hold_without_them() -> None:
    """A profile that has the value is the same as one that leaves it out."""
    shown = [(section, key, value) for section, found in keys("profile-file").items() for key, value in found.items()]
    for section, key, value in shown:
        if (section, key) not in SHOWN:
            least = EXAMPLES[KIND.get(section, "mailbox")]
            least += '\nschedule.daily = "02:00"' if section == "schedule" else ""
            given = f"{least}\n{section}.{key} = {json.dumps(value)}"
            assert profile(given) == profile(least), f"{section} {key}"


def test_the_page_names_all_that_a_key_may_be() -> None:
    """Enumerable values of a key are on the page in its section."""
    for section, found in sections(page("profile-file")).items():
        for key, field in PROFILES.in_file.get(section.strip("[]"), {}).items():
            if isinstance(field.kind, Choice):
                assert [one.value for one in field.kind.members if one.value not in str(found)] == [], f"{section} {key}"


def test_the_page_has_every_key_of_a_directory_file_and_its_default() -> None:
    """Section by section; a directory that has the value is the same as one that leaves it out."""
    agree("directory-file", DIRECTORIES)
    shown = keys("directory-file")
    least = 'type = "active-directory"\nserver.host = "h"\nlogin.username = "a"'
    for section, key in [(section, key) for section, found in shown.items() for key in found if (section, key) not in SHOWN]:
        found = directory(f"{least}\n{section}.{key} = {json.dumps(shown[section][key])}")
        assert found.attributes == directory(least).attributes
        assert section == "attributes" or found == directory(least), key


@pytest.mark.parametrize("file", ["docs/profile-file.md", "docs/directory-file.md", "docs/guides/kerio-master.md", "README.md"])
def test_files_that_are_shown_whole_are_accepted(file: str) -> None:
    """Each can be applied as it stands."""
    text = (ROOT / file).read_text("utf-8")
    shown = re.findall(r"^( *)```(?:toml)?\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    whole = [
        block.replace(f"\n{indent}", "\n") for indent, block in shown if re.search(r"^ *(kind|type) = ", block, re.MULTILINE)
    ]
    whole += re.findall(r"<<END\n(.*?)^END", text, re.MULTILINE | re.DOTALL)
    whole = [block for block in whole if "<<END" not in block]
    assert whole
    for block in whole:
        if "type =" in block:
            directory(block)
        else:
            profile(block)


def test_the_page_has_every_setting_with_its_default() -> None:
    """As ``archivar settings`` shows it before anything is changed; all themes are named."""
    (table,) = [block for block in page("settings") if isinstance(block, TableBlock)]
    shown, there = {said(row[0]): said(row[1]) for row in table.rows}, settings.shown(settings.Settings())
    lacking = [
        f"| `{name}` | {there[name]} | {one.allowed} | {one.what[0].lower()}{one.what[1:].rstrip('.')} |"
        for name, one in settings.DESCRIBED.items()
        if shown.get(name) != there[name]
    ]
    assert not lacking, "\n".join(["docs/settings.md lacks these rows, or has them with another default:", *lacking])
    assert sorted(shown.keys() - there.keys()) == [], "rows without a setting"
    (themes,) = [said(row[2]) for row in table.rows if said(row[0]) == "theme"]
    assert themes.split(", ") == list(settings.themes())
