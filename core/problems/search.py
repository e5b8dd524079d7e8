"""Finding mail: queries, the index, and what is chosen by folder or number."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_AND_IN_QUOTES = 'To search the word, write "AND" in quotes.'
_OR_IN_QUOTES = 'To search the word, write "OR" in quotes.'
_DATES = "Write 2024, 2024-05, 2024-05-31, 31.05.2024, today, yesterday or 7d (that long ago)."
_IN_QUOTES = "To search the text, put it in quotes."

TOO_LONG = Code("query-too-long", "The query is longer than {most:number} characters.", "Leave out some of it.", Family.INPUT)
TOO_DEEP = Code("query-too-deep", "This is nested too deep.", "Leave out some parentheses.", Family.INPUT)
TOO_MANY_TERMS = Code(
    "query-too-many-terms", "These are more than {most:number} terms.", "Leave out some of them.", Family.INPUT
)
EMPTY = Code("query-empty", "There is nothing to search for.", "Type a word, or a field such as from:anna.", Family.INPUT)
NOT_OPENED = Code(
    "query-parenthesis-not-opened",
    "There is no opening parenthesis for this one.",
    "Take it away, or add one before.",
    Family.INPUT,
)
NOT_CLOSED = Code("query-parenthesis-not-closed", "This parenthesis is not closed.", 'Add ")" where it ends.', Family.INPUT)
NOTHING_INSIDE = Code("query-parentheses-empty", "There is nothing in these parentheses.", "Take them away.", Family.INPUT)
QUOTATION_NOT_CLOSED = Code(
    "query-quotation-not-closed", "This quotation mark is not closed.", 'Add " where the phrase ends.', Family.INPUT
)
AND_ALONE = Code("query-and-alone", "AND needs something on both sides.", _AND_IN_QUOTES, Family.INPUT)
NOTHING_BEFORE_OR = Code("query-nothing-before-or", "OR needs something before it.", _OR_IN_QUOTES, Family.INPUT)
NOTHING_AFTER_OR = Code("query-nothing-after-or", "OR needs something after it.", _OR_IN_QUOTES, Family.INPUT)
NOTHING_LEFT_OUT = Code(
    "query-nothing-left-out", "There is nothing to leave out here.", "Write -word, without a blank.", Family.INPUT
)
NO_VALUE = Code(
    "query-field-without-value",
    "{field}: needs a value.",
    "Write it after the colon, without a blank: {example}",
    Family.INPUT,
)
NO_FIELD = Code("query-no-field", 'There is no field "{field}".', f"Fields are {{fields}}. {_IN_QUOTES}", Family.INPUT)
FIELD_MISSPELT = Code(
    "query-field-misspelt", 'There is no field "{field}".', f"Did you mean {{meant}}? {_IN_QUOTES}", Family.INPUT
)
NO_PART = Code(
    "query-no-part-of-word",
    "This is no part of a word.",
    "Write one word of at least {least} letters, such as *schiff*.",
    Family.INPUT,
)
NO_WORD = Code("query-no-word", "There is no letter or digit in this.", "Only words and numbers can be found.", Family.INPUT)
TOO_MANY_WORDS = Code(
    "query-too-many-words", "More than {most:number} words have {part} in them.", "Write more of it.", Family.INPUT
)
NO_PROPERTY = Code("query-no-property", 'has: does not know "{value}".', "Write has:attachment.", Family.INPUT)
NO_FOLDER_NAME = Code(
    "query-no-folder-name",
    "This is no name of a folder.",
    'Write folder:INBOX or folder:"Sent Items".',
    Family.INPUT,
)
NO_USER_NAME = Code(
    "query-no-user-name", "This is no name of a user.", "Write user:anna or user:anna@example.test.", Family.INPUT
)
NO_DAY = Code("query-no-day", 'There is no day "{value}".', _DATES, Family.INPUT)
NO_DATE = Code("query-no-date", '"{value}" is no date.', _DATES, Family.INPUT)
NO_SIZE = Code("query-no-size", '"{value}" is no size.', "Write 500kB, 10MB or a number of bytes.", Family.INPUT)
NO_ID = Code(
    "query-no-id",
    "This is no id.",
    "Write a message's number, at least 8 digits of its SHA-256, or its Message-ID.",
    Family.INPUT,
)
NO_USER = Code("query-no-user", "There is no user {user}.", f"{Do.LIST_USERS}", Family.INPUT)
NO_FOLDER = Code("query-no-folder", "There is no folder {folder}.", f"{Do.LIST_FOLDERS}", Family.INPUT)
NOTHING_FOUND = Code("nothing-found", "Nothing is found by {query}.", f"{Do.TRY_QUERY}", Family.INPUT)

# The index ---------------------------------------------------------------------------------------------------------------

INDEX_SCHEMA = Code("index-schema", "{file} is damaged: in its schema {wrong}.", f"{Do.INDEX_ANEW}", Family.DAMAGE)
INDEX_NOT_MADE = Code("index-not-made", "The search index cannot be made, since nothing can be written: {why}", "{why:remedy}")
INDEX_FAILING = Code("index-failing", "The search index is not brought up, since {since:moment}: {why}", "{why:remedy}")
INDEX_ENDED = Code(
    "index-ended",
    "The process that does it ended with code {status}.",
    "The service tries again each minute. The folder log in the archive's folder has the details.",
)

INDEX_PARTLY = Code(
    "indexed-in-part",
    "{said}",
    "All else of the message is found. Nothing is to be done: the message is archived byte for byte.",
    Family.ITEM,
)
INDEX_DAMAGED = Code("not-indexed-damaged", "{said}", f"{Do.REPAIR}", Family.ITEM)
INDEX_FAILED = Code(
    "not-indexed-by-fault",
    "{said}",
    "This is a fault of Archivar. The folder log in the archive's folder has the details: please report it.",
    Family.ITEM,
)

# By number and folder ----------------------------------------------------------------------------------------------------

NO_MAIL = Code("no-mail-selected", "There is no mail that fits.", f"It may have been moved. {Do.LIST_FOLDERS}", Family.INPUT)
NO_MESSAGE = Code(
    "no-message",
    "There is no message with id {id}.",
    "Give its number or at least 8 digits of its SHA-256.",
    Family.INPUT,
)
SEVERAL_MESSAGES = Code(
    "several-messages",
    "More than one message has an id that begins with {id}.",
    "Give its number, or more digits of its SHA-256.",
    Family.INPUT,
)
