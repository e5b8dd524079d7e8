"""Files and folders of this machine that a person names, or that the program keeps beside the archive."""

from __future__ import annotations

from core.problems.code import Code, Family

UNREAD = Code("file-unread", "{path} cannot be read: {said}.", "Correct its owner and mode, or name another one.", Family.INPUT)
NO_NAME = Code("no-file-name", "{path} cannot be the name of a file.", "Name another one.", Family.INPUT)
THERE = Code("file-there", "{path} is there already.", "Name a new file.", Family.INPUT)
NO_FOLDER = Code("path-no-folder", "{path} is no folder.", "Choose another one.", Family.INPUT)
UNWRITTEN = Code("file-unwritten", "{path} cannot be written: {said}.", "Make space, or correct its owner and mode.")
UNMADE = Code("path-unmade", "{path} cannot be made: {said}.", "Make space, or correct owner and mode of the folder above.")
NOT_COPIED = Code("key-not-copied", "The key cannot be copied to {path}: {said}.", "Name a file elsewhere.", Family.INPUT)
LINK = Code(
    "path-is-link",
    "{path} is a link, which is not followed.",
    "Name {target} itself, if that is what is meant.",
    Family.INPUT,
)
LINK_WITHIN = Code(
    "file-is-link", "{path} is a link, which is not followed.", "Remove it, or choose another folder.", Family.INPUT
)
OF_OTHER = Code(
    "folder-of-another-account",
    "{path} belongs to {owner}, not to {account}: who owns a folder can lead elsewhere what is written to it.",
    "Name a folder of {account}, or a new one where {account} may make it.",
    Family.INPUT,
)
WRITABLE = Code(
    "folder-writable-by-others",
    "{path} can be written by other accounts (mode {mode}), who could lead elsewhere what is written to it.",
    "{command}, or name another folder.",
    Family.INPUT,
)
_MOVED = "Choose a folder that only {trusted} can move."
WAY_OF_OTHER = Code(
    "way-of-another-account",
    "{folder} belongs to {owner}, who could put another folder in the place of {path}.",
    _MOVED,
    Family.INPUT,
)
WAY_WRITABLE = Code(
    "way-writable-by-others",
    "{folder} can be written by other accounts, who could put another folder in the place of {path}.",
    _MOVED,
    Family.INPUT,
)
