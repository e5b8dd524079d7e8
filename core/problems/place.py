"""Places outside that seals are sent to, as a person sets them up."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

UNKNOWN = Code("no-place-of-name", 'There is no place "{name}" for seals.', f"{Do.LIST_PLACES}", Family.INPUT)
NO_PASSWORD = Code("place-without-password", "No password is stored for {place}.", f"{Do.SET_UP_PLACE}", Family.INPUT)
WITHIN_HOME = Code(
    "place-within-home",
    "{path} lies in the archive's own folder.",
    "A seal is of use elsewhere alone.",
    Family.INPUT,
)
THERE = Code("place-there", "there is a place {name} already.", "Choose another name.", Family.INPUT)
PASSWORD_NEEDED = Code("place-needs-password", "{host} wants one for {login}.", f"{Do.ENTER_PLACE_PASSWORD}", Family.INPUT)
#: What is wrong with one field of a place.
OF_FIELD = Code("place-field", "{field}: {why}", "{why:remedy}", Family.INPUT)
NO_MEANING = Code(
    "place-field-without-meaning", "it has no meaning for a place of the kind {kind}.", "Leave it out.", Family.INPUT
)
NO_FOLDER = Code(
    "place-without-folder", "there is no folder {folder}.", "Make it, or name a file in another one.", Family.INPUT
)
NO_FILE = Code(
    "place-file-not-there",
    "{path} is no file that can be found.",
    "Give the path of a file that exists.",
    Family.INPUT,
)
NOT_ALLOWED = Code("place-value-not-allowed", '"{value}" is not allowed.', "Allowed: {allowed}.", Family.INPUT)
