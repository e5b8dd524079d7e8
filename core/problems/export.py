"""Files that are written outside the archive: exports, and attachments that are saved."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_EMPTY = "Export to an empty folder."
_AS_MAIL = f"Take the line out, or import the folder as what it holds. {Do.CHOOSE_FORMAT}"

WITHIN_HOME = Code(
    "export-within-home", "{path} is in the archive's own folder.", "Choose a folder outside of it.", Family.INPUT
)
UNWRITTEN = Code("target-unwritten", "{path} cannot be written: {said}.", "Make space or choose another folder.")
NO_FOLDER = Code("target-not-there", "There is no folder {path}.", "Make it first, or name another one.", Family.INPUT)
NO_FOLDER_NAME = Code("target-no-folder-name", "{path} is no folder: {said}.", "Name a folder on this machine.", Family.INPUT)
UNDER_WAY = Code("export-under-way", "Another export to {path} is under way.", "Wait for its end.", Family.BUSY)
OTHER_MESSAGE = Code("export-other-message", "{path} is there already and is another message.", _EMPTY, Family.INPUT)
OF_NO_EXPORT = Code("export-foreign-file", "{path} is there already and is of no export.", _EMPTY, Family.INPUT)
CUT = Code("export-cut", "{path} is shorter than the manifest says.", _EMPTY, Family.INPUT)
APPEARED = Code("export-file-appeared", "{path} has come there meanwhile.", _EMPTY, Family.INPUT)
MESSAGE_MISSING = Code("export-message-missing", "missing", f"{Do.VERIFY}", Family.ITEM)

# The manifest ------------------------------------------------------------------------------------------------------------

OF_OTHER_ARCHIVE = Code("manifest-of-other-archive", "{path} is of an export of another archive.", _EMPTY, Family.INPUT)
OF_OTHER_FORMAT = Code("manifest-of-other-format", "{path} is of an export as {format}.", _EMPTY, Family.INPUT)
OF_OTHER_VERSION = Code(
    "manifest-of-unknown-version",
    "{path} is no manifest of an export that this version knows.",
    "Choose another folder.",
    Family.INPUT,
)
LINE_TOO_LONG = Code("manifest-line-too-long", "{path}, line {line}: it is too long.", _AS_MAIL, Family.INPUT)
LINE_NO_OBJECT = Code("manifest-line-no-object", "{path}, line {line}: it is no JSON object.", _AS_MAIL, Family.INPUT)
LINE_LACKS = Code("manifest-line-lacks", "{path}, line {line}: it lacks {keys}.", _AS_MAIL, Family.INPUT)
LINE_WRONG = Code("manifest-line-wrong", "{path}, line {line}: it has a wrong {keys}.", _AS_MAIL, Family.INPUT)
LINE_OUTSIDE = Code("manifest-line-outside", "{path}, line {line}: its file is not below the export.", _AS_MAIL, Family.INPUT)
