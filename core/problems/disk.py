"""Files and folders of this machine that a person names, or that the program keeps beside the archive."""

from __future__ import annotations

from core.problems.code import Code, Family

UNREAD = Code("file-unread", "{path} cannot be read: {said}.", "Correct its owner and mode, or name another one.", Family.INPUT)
NO_NAME = Code("no-file-name", "{path} cannot be the name of a file.", "Name another one.", Family.INPUT)
THERE = Code("file-there", "{path} is there already.", "Name a new file.", Family.INPUT)
NO_FOLDER = Code("path-no-folder", "{path} is no folder.", "Choose another one.", Family.INPUT)
UNWRITTEN = Code("file-unwritten", "{path} cannot be written: {said}.", "Make space, or correct its owner and mode.")
UNMADE = Code("folder-unmade", "{path} cannot be made: {said}.", "Make space, or correct owner and mode of the folder above.")
NOT_COPIED = Code("key-not-copied", "The key cannot be copied to {path}: {said}.", "Name a file elsewhere.", Family.INPUT)
