"""Codes of problems: each has one sentence and one remedy for both faces, and none of them speaks of one face alone."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core import errors
from core.archive.catalog import settings
from core.manual import pages
from core.model import Problem
from core.problems import cluster, command_line, connection, deletion, event, folder, login, message, subjects, table, unnamed
from core.problems.code import Code, Do, Face, Family, Reason, pieces
from core.problems.command_line import COMMAND_LINE
from core.profiles.schema.directories import DIRECTORIES
from core.profiles.schema.profiles import PROFILES
from tests import problem_page
from tests.sources import product, walk
from tui.desk import face
from tui.desk.face import CONSOLE

pytestmark = pytest.mark.xdist_group("modules")
ROOT = Path(core.__file__).parent
DOCS = ROOT.parent / "docs" / "problem-codes.md"
CODES = sorted(subjects.CODES.values(), key=lambda code: code.word)
#: Codes that are a frame for a foreign sentence.
FRAMES = (unnamed.EARLIER,)
#: What belongs to one face: commands, options, keys of files and sections, keys of the keyboard.
OF_ONE_FACE = re.compile(
    r"\barchivar [a-z]|(?<!\w)--[a-z]|\b[a-z]+_[a-z_]+\b|\[[a-z]+\]|\b[a-z]+\.toml\b|\^[a-z]\b|the key [a-z]\b|on the page"
)
FACES = (COMMAND_LINE, CONSOLE)


def values_of(code: Code) -> dict[str, Any]:
    """Some value for each name of a code, fit for how it is written."""
    found: dict[str, Any] = {}
    for template in (code.sentence, code.remedy):
        for _, name, spec in pieces(template):
            if name in (None, "do", "setting") or name in found:
                continue
            assert name is not None
            if spec in ("moment", "time"):
                found[name] = "2026-01-31T00:00:00+00:00"
            elif spec in ("setting", "field"):
                found[name] = "server.port"
            elif spec in ("clause", "remedy") or name == "why":
                found[name] = folder.NO_FOLDERS()
            else:
                found[name] = 3 if spec else "server.hosteurope.de"
    return found


@pytest.mark.parametrize("each", FACES, ids=["command line", "console"])
def test_a_code_has_sentence_and_remedy(each: Face) -> None:
    """In the words of either face, with nothing left to be filled in."""
    for code in CODES:
        reason = code(**values_of(code))
        for text in (reason.sentence(each), reason.remedy(each)):
            assert text or code in FRAMES or (text == reason.remedy(each) and code.family is Family.EVENT), code.word
            assert not re.search(r"[{}]|  |\s$", text), text


def test_a_code_names_no_command_and_no_key_by_itself() -> None:
    """It refers to an action or a setting, which each face says in its own words."""
    templates = [template for code in CODES for template in (code.sentence, code.remedy)]
    texts = [" ".join(literal for literal, *_ in pieces(template)) for template in templates]
    assert [text for text in texts if OF_ONE_FACE.search(text)] == []


def test_the_command_line_names_no_key_of_the_console() -> None:
    """Its readers are at a shell: a page of the manual is named by its topic, and the topic exists."""
    texts = list(command_line.ACTIONS.values())
    assert [text for text in texts if re.search(r"\bthe console\b|\?|\bthen [a-z]\b|\bkey\b|\^[a-z]\b", text)] == []
    named = {match[1] for text in texts if (match := re.search(r"archivar help ([a-z-]+)", text))}
    assert named
    assert named <= {topic.id for topic in pages.topics()}


def test_the_settings_that_remedies_name_are_keys_of_files() -> None:
    """By section and key, as a file has them."""
    of_directory = set(DIRECTORIES.by_name)
    known = {*PROFILES.by_name, *of_directory, *(f"directory.{name}" for name in of_directory)}
    known |= {f"settings.{name}" for name in settings.DESCRIBED}
    assert {one.key for code in CODES for one in code.settings} - known == set()


def test_no_word_stands_for_two_codes_and_no_action_for_none() -> None:
    """A code is known by its word, and each action is of use."""
    words = [code.word for subject in subjects.SUBJECTS for code in subjects.codes(subject)]
    assert len(words) == len(set(words))
    assert [word for word in words if not re.fullmatch(r"[a-z]+(-[a-z]+)*", word)] == []
    assert {do for code in CODES for do in code.actions} == set(Do)
    assert set(command_line.ACTIONS) == set(face.ACTIONS) == set(Do)


def test_every_module_with_codes_is_a_subject() -> None:
    """One that is not would be left out of the list, of the manual, and of results that were kept."""
    listed = {subject.__name__ for subject in subjects.SUBJECTS}
    defined = {one.name for one in product() if one.name.startswith("core.problems.") and re.search(r"= Code\(", one.text)}
    assert defined - listed - {"core.problems.code"} == set()


@pytest.mark.parametrize("word", sorted(subjects.MERGED))
def test_a_merged_word_is_understood_where_kept_rows_have_it(word: str) -> None:
    """With the sentence and the remedy of the code that has its meaning now; no code takes the word again."""
    code = subjects.MERGED[word]
    reason = code(**values_of(code))
    value = table.as_kept(reason)
    assert table.kept(value | {"code": word}) == table.kept(value) == reason
    assert word not in subjects.CODES
    assert subjects.CODES[code.word] is code


def test_the_page_of_codes_is_made_from_the_table() -> None:
    """Word for word."""
    page, made = (text.splitlines() for text in (DOCS.read_text(encoding="utf-8"), problem_page.text()))
    other = sorted(set(page) ^ set(made)) or ["their order"]
    told = "\n".join(["After a change: .venv/bin/python -m tests.problem_page > docs/problem-codes.md. It differs in:", *other])
    if page != made:
        pytest.fail(told, pytrace=False)


# Where they are used -----------------------------------------------------------------------------------------------------


def _imported(tree: ast.Module) -> dict[str, Any]:
    """The names of codes, and of modules of codes, in a module."""
    found: dict[str, Any] = {}
    modules = {subject.__name__.rpartition(".")[2]: subject for subject in subjects.SUBJECTS}
    for node in walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            name = alias.asname or alias.name
            if node.module == "core.problems" and alias.name in modules:
                found[name] = modules[alias.name]
            elif node.module and node.module.startswith("core.problems."):
                value = getattr(modules.get(node.module.removeprefix("core.problems.")), alias.name, None)
                if isinstance(value, Code):
                    found[name] = value
    return found


Source = tuple[Path, ast.Module, dict[str, Any]]


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    """Each module of the program, and what its names for codes stand for."""
    return [(one.file, one.tree, _imported(one.tree)) for one in product()]


def _code(node: ast.expr, known: dict[str, Any]) -> Code | None:
    if isinstance(node, ast.Name):
        found = known.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = getattr(known.get(node.value.id), node.attr, None)
    else:
        return None
    return found if isinstance(found, Code) else None


def _calls(tree: ast.Module, known: dict[str, Any]) -> Iterator[tuple[ast.Call, Code]]:
    for node in walk(tree):
        if isinstance(node, ast.Call) and (code := _code(node.func, known)) is not None:
            yield node, code


def test_each_code_gets_the_values_that_its_templates_name(sources: list[Source]) -> None:
    """Wherever it is used: an error on the way to an error would hide what happened."""
    wrong = [
        f"{path.name}:{call.lineno} {code.word}"
        for path, tree, known in sources
        for call, code in _calls(tree, known)
        if {keyword.arg for keyword in call.keywords} != code.names or call.args
    ]
    assert wrong == []


def test_each_code_is_used(sources: list[Source]) -> None:
    """Also one that is chosen from a table, or between two."""
    named = {
        code.word
        for path, tree, known in sources
        if path.parent.name != "problems" and known
        for node in walk(tree)
        if isinstance(node, ast.Name | ast.Attribute) and (code := _code(node, known)) is not None
    }
    assert set(subjects.CODES) - named - {code.word for code in FRAMES} == set()


#: The families of codes that errors are raised with; what else an error may be, it is a failure or names an item.
_FAMILIES = {2: {Family.INPUT}, 4: {Family.DAMAGE}, 5: {Family.BUSY}}
_ERRORS = {
    name: value.exit_code
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ArchivarError)
}


def test_the_family_of_a_code_is_the_exit_code_of_its_error(sources: list[Source]) -> None:
    """The exit code on the page of codes is that of the command."""
    wrong = []
    for path, tree, known in sources:
        for node in walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ERRORS):
                continue
            for argument in node.args:
                code = _code(argument.func, known) if isinstance(argument, ast.Call) else None
                allowed = _FAMILIES.get(_ERRORS[node.func.id], {Family.FAILURE, Family.ITEM})
                if code is not None and code.family not in allowed:
                    wrong.append(f"{path.name}:{node.lineno} {code.word}")
    assert wrong == []


def _is_reason(node: ast.expr, known: dict[str, Any]) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_reason(node.body, known) and _is_reason(node.orelse, known)
    if isinstance(node, ast.Call):
        # A code that is chosen before is a name of its own.
        return _code(node.func, known) is not None or bool(node.keywords and not node.args)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in ("reason", "refusal", "withheld")


def test_each_error_is_raised_with_a_reason(sources: list[Source]) -> None:
    """A code with its values, where it is raised or before; never a sentence."""
    families = {*_ERRORS, "QueryError", "StampError", "PlaceError", "Busy"}
    old = []
    for path, tree, known in sources:
        for node in walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in families):
                continue
            if not any(_is_reason(argument, known) for argument in node.args):
                old.append(f"{path.relative_to(ROOT.parent)}:{node.lineno}")
    assert old == []


# In results of runs ------------------------------------------------------------------------------------------------------


_TEXT = st.text(max_size=40)
_REASONS = st.one_of(
    st.builds(lambda host, said: login.REFUSED(host=host, login="anna", said=said), _TEXT, _TEXT),
    st.builds(lambda count: folder.COUNT(count=count), st.integers(1, 10**9)),
    st.builds(lambda said: deletion.NOTHING(why=folder.BUSY(said=said)), _TEXT),
    st.builds(lambda said: connection.NOT_TRIED(why=connection.NEVER_REACHED(count=5, why=folder.REFUSED(said=said))), _TEXT),
)


@given(_REASONS, _TEXT)
def test_a_problem_is_read_back_from_a_result_as_it_was(reason: Reason, path: str) -> None:
    """With the reasons within it, for any text of a server."""
    problem = Problem(path, 7, reason)
    assert Problem.kept(json.loads(json.dumps(problem.as_json()))) == problem


@given(st.text(min_size=1, max_size=60))
def test_what_comes_from_outside_stands_in_a_sentence_as_it_is(outside: str) -> None:
    """Words of a server or a person are never rewritten, in no face; not even if they look like a template."""
    reason = login.REFUSED(host=outside, login=f"{{do:verify}}{outside}", said="server.host")
    for each in FACES:
        assert reason.sentence(each) == f"{outside} refused the login of {{do:verify}}{outside} (server.host).".strip()


@pytest.mark.parametrize(
    ("value", "sentence", "remedy"),
    [
        ({"reason": "The connection was lost (x)."}, "The connection was lost (x).", unnamed.EARLIER),
        ({"reason": "not deleted", "code": ""}, "not deleted", unnamed.EARLIER),
        ({"reason": "all wrong", "code": "of-tomorrow", "values": {"a": 1}}, "all wrong", unnamed.EARLIER),
        ({"reason": "it names 2 UIDs", "code": "uid-twice"}, "it names 2 UIDs", folder.UID_TWICE),
        ({"reason": "kept", "code": "login-refused", "values": {"host": "h"}}, "kept", login.REFUSED),
        ({"reason": "kept", "code": "not-tried", "values": {"why": {"code": "no"}}}, "kept", unnamed.EARLIER),
        ({"reason": "kept", "code": 7, "values": []}, "kept", unnamed.EARLIER),
    ],
)
def test_problems_of_other_versions_are_shown_with_what_is_known(value: dict[str, Any], sentence: str, remedy: Code) -> None:
    """Their own sentence, and the advice of their code if it needs no values; else what holds for all."""
    found = table.kept(value)
    assert found.sentence(CONSOLE) == sentence
    assert found.remedy(CONSOLE) == Reason(remedy, {"message": ""}).remedy(CONSOLE)


@given(st.text(min_size=1, max_size=60).filter(lambda text: text == text.strip()))
def test_a_reason_within_a_sentence_loses_its_own_full_stop_alone(outside: str) -> None:
    """The end of a text of a server stays, also when it is a full stop."""
    why = folder.REFUSED(said=outside)
    assert folder.GIVEN_UP(count=2, why=why).sentence(COMMAND_LINE) == (
        f"2 messages in a row could not be had (The server answered: {outside}); the rest waits"
    )
    deeper = folder.GIVEN_UP(count=2, why=connection.NOT_TRIED(why=why))
    assert deeper.sentence(COMMAND_LINE) == (
        f"2 messages in a row could not be had (not tried: The server answered: {outside}); the rest waits"
    )


def test_wrong_values_are_refused_where_a_reason_is_made() -> None:
    """Not where it is shown."""
    with pytest.raises(TypeError, match=r"message-refused takes \['said'\], not \['sad'\]"):
        message.REFUSED(sad="x")
    with pytest.raises(TypeError, match="until is a moment"):
        event.WAITING(why="x", until=5)


def test_a_count_is_no_time_of_day() -> None:
    """A form of a value is none of its nouns: a run ended without a result because of that sentence."""
    assert cluster.GIVEN_UP(times=12).sentence(COMMAND_LINE) == "The mailbox was lost with its worker 12 times."
