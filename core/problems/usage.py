"""Usage of the command line: its arguments and options, which these codes get as values."""

from __future__ import annotations

from core.problems.code import Code, Family

WRONG = Code("wrong-usage", "{said}", "See {help}.", Family.INPUT)
NO_FOLDER = Code("option-without-folder", "{option} needs a folder.", "See {help}.", Family.INPUT)
NO_FILE = Code("output-no-file", "{path} is there, and is no file.", "Choose another one.", Family.INPUT)
NOT_ALLOWED = Code("argument-not-allowed", '{option}: "{given}" is not allowed.', "Allowed: {allowed}.", Family.INPUT)
NOT_ASKED_FOR = Code(
    "format-not-asked-for",
    "{option} cannot be asked for.",
    "Files of that kind are found out: leave the option away.",
    Family.INPUT,
)
MISSING = Code("option-missing", "{option} is missing.", "Give it, or {instead}.", Family.INPUT)
NEEDS_OTHER = Code("option-needs-other", "{option} has no meaning without {other}.", "Give {other} too.", Family.INPUT)
CONTRADICTION = Code("options-contradict", "{one} and {other} contradict each other.", "Give one of them.", Family.INPUT)
VARIABLE_UNSET = Code(
    "variable-unset",
    "{option}: the variable {variable} is not set, or empty.",
    "Set it for this command, and give the command again.",
    Family.INPUT,
)
NOTHING_TO_CHANGE = Code("nothing-to-change", "Nothing to change was given.", "Use {options}.", Family.INPUT)
NO_TERMINAL = Code(
    "console-without-terminal", "The console needs a terminal.", "Give a command, or start it at a terminal.", Family.INPUT
)
NO_TOPIC = Code("no-help-topic", 'There is no help on "{word}".', "Try {topics}.", Family.INPUT)
NO_INPUT = Code("no-standard-input", "There is nothing on stdin.", "Give the line of {command}.", Family.INPUT)
OUTPUT_UNWRITTEN = Code("output-unwritten", "The output cannot be written: {said}.", "Write it elsewhere.")
DEMO_NOT_INSTALLED = Code(
    "demo-not-installed",
    "The demo needs the package {package}, which is not installed.",
    "Install the program with its extra demo: in the folder of its sources, {command}.",
    Family.INPUT,
)
NOT_THE_DEMO = Code(
    "not-the-demo",
    "{home} holds an archive that is not the demo's ({user}).",
    "Choose another folder with {option}.",
    Family.INPUT,
)
NO_PASSWORD = Code(
    "no-password-given",
    "No password for {whose} was given.",
    "Name {settings} in the file, or do this at a terminal and type it.",
    Family.INPUT,
)
