"""Faults in a server's answers about a folder, or about all of them."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

_NEXT_LOOK = (
    "The server has rebuilt the folder while it was being archived. Nothing is to be done: the next run looks at the whole "
    "folder, and nothing is archived twice."
)
_INDEX = "The index of this folder is damaged on the server: it counts messages that it does not list or send. Have it rebuilt "
_COUNT = f"{_INDEX}there (Kerio Connect rebuilds its index). What is sent is archived, and nothing is deleted there until then."

_OWN_WORDS = "The server refuses, in its own words above. Its log says more. It is tried again in the next run."

REFUSED = Code("refused", "The server answered: {said}.", _OWN_WORDS)
COMMAND_REFUSED = Code("command-refused", "The server answered {command} with {said}.", _OWN_WORDS)
BUSY = Code(
    "busy",
    "The server would not do it now: {said}.",
    "The server has too much to do, or this account has had enough for a while. What is left waits for the next run. If it "
    f"comes back, lower {Setting('server.connections')}, run the profile less often, or set "
    f"{Setting('server.megabytes_a_day')} to what the server allows.",
)
LISTING_REFUSED = Code("listing-refused", "The server would not list the folder: {said}.", _OWN_WORDS)
NO_UIDVALIDITY = Code(
    "no-uidvalidity",
    "The server gives the folder no UIDVALIDITY, so its messages cannot be told apart.",
    "The server does not keep to the IMAP standard here. If it is one folder, exclude it in the profile; if it is all of them, "
    "look whether the server has an update.",
)
NO_COUNT = Code("no-count", "The server does not say how many messages the folder has.", NO_UIDVALIDITY.remedy)
NO_FOLDERS = Code(
    "no-folders",
    "The server lists no folders at all, not even INBOX.",
    "The account opens, but has no folders. Look at it in a mail program: it may be new, or its store may be missing. See the "
    "server's log.",
)
UNREADABLE_LINE = Code(
    "unreadable-folder",
    "the server's folder list has a line that cannot be read",
    "The server sent what no mail program could use. Look into its log. Give the folder a plain name, or have its index "
    "rebuilt. It is tried again in the next run.",
    Family.ITEM,
)
HOLDS_PASSWORD = Code(
    "password-in-folder-name",
    "the folder's name holds the password, which nothing may show: it is left alone; rename it on the server, or change the "
    "password",
    f"Rename the folder on the server, or change the password there. {Do.ENTER_PASSWORD}",
    Family.ITEM,
)
UNPUTTABLE = Code(
    "unputtable-folder",
    "The folder's name holds a line break, so that nothing can be put there.",
    "Rename the folder on the server, or choose another one.",
)
CHANGED = Code(
    "folder-changed", "the folder was made anew on the server (UIDVALIDITY changed) while it was being archived", _NEXT_LOOK
)
CHANGED_WHILE_DELETING = Code(
    "folder-changed-while-deleting", "the folder was made anew on the server while messages were being deleted", _NEXT_LOOK
)
#: Known UIDs name other messages under the same UIDVALIDITY.
UID_REUSED = Code(
    "uid-reused",
    "{count:UID of known mail names|UIDs of known mail name} other messages than before, although UIDVALIDITY is the same (was "
    "the server restored from a backup?): archived as new mail; what was archived before is kept",
    "Servers do this after they were restored from a backup, or when a folder's index was lost. All that the folder has now is "
    "archived, and what was archived before is kept. Nothing is deleted there in this run; the next one goes on as usual.",
    Family.ITEM,
)
#: A list names one UID for several messages.
UID_TWICE = Code(
    "uid-twice",
    "the server names {count:UID} for several messages each",
    "The index of this folder is damaged on the server: two messages have one number. Have it rebuilt there (Kerio Connect "
    "rebuilds its index). Nothing is deleted there until then.",
    Family.ITEM,
)
#: The server counts more messages than it lists.
COUNT = Code("count", "the server counts {count:number} more messages here than it lists", _COUNT, Family.ITEM)
COUNT_AFTER_DELETING = Code(
    "count-after-deleting",
    "the server counts {count:number} more messages here than it lists after deleting",
    _COUNT,
    Family.ITEM,
)
COUNTED_OTHERWISE = Code(
    "counted-otherwise", "the server counts {counted:number} messages here and lists {listed:number}", _COUNT, Family.ITEM
)
UID_FOR_SEVERAL = Code("uid-for-several", "the server names a UID for several messages", UID_TWICE.remedy, Family.ITEM)
NAMED_IN_PART = Code("named-in-part", "the server names {named:number} of {asked:number} messages", _COUNT, Family.ITEM)
LISTED_IN_PART = Code("listed-in-part", "the server lists {listed:number} of {asked:number} messages", _COUNT, Family.ITEM)
SENT_IN_PART = Code("sent-in-part", "the server sent {sent:number} of {asked:number} messages", _COUNT, Family.ITEM)
INCOMPLETE = Code(
    "folder-incomplete",
    "not archived completely",
    "It was left over because of another problem in the same folder: see to that one. The next run tries again. "
    f"{Do.LIST_MISSING}",
    Family.ITEM,
)
GIVEN_UP = Code(
    "folder-given-up",
    "{count:message} in a row could not be had ({why:clause}); the rest waits",
    "The server ends the connection over these messages or this folder. Look into the server's log at the time of the run. "
    "If a mail program cannot open it either, it is damaged there: repair the folder (Kerio Connect rebuilds its index). "
    "Until then each run tries again.",
)
NOT_ARCHIVED = Code("folder-not-archived", '"{folder}" is no folder of the archive.', f"{Do.LIST_FOLDERS}", Family.INPUT)
