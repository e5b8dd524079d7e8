"""Problems of deletion: messages left on the server, since their conditions cannot be proved."""

from __future__ import annotations

from core.problems import message
from core.problems.code import Code, Do, Family, Setting

_KEPT = f"What should have been deleted is archived, and stays on the server for now. {{why:remedy}} {Do.TRY_DELETION}"
_STAYS = (
    "What should have been deleted is archived, and stays on the server for now. The next run tries again. If it comes back, "
    f"look into the server's log. {Do.TRY_DELETION}"
)
#: The server can only expunge all marked messages.
NO_UIDPLUS = Code(
    "no-uidplus",
    "nothing is deleted: this server has no UIDPLUS, so EXPUNGE removes whatever is marked, also what somebody else marks in "
    "the same moment",
    "Either let mail on this server stay, or accept that a message which somebody else marks as deleted in the same moment "
    f"goes as well: {Setting('delete.without_uidplus', 'true')}.",
    Family.ITEM,
)
#: Foreign messages went during our deletion.
FOREIGN_MARK = Code(
    "foreign-mark",
    "{count:more message is|more messages are} gone since the deletion began (UID {uids}): somebody else marked or removed "
    "them",
    "Somebody else worked in the folder while it was being deleted in. What was archived of these messages is kept. "
    f"{Do.LIST_MISSING} Delete at a time when nobody works there, or on a server with UIDPLUS.",
    Family.ITEM,
)
#: The message to be deleted is not the archived one.
OTHER_MESSAGE = Code(
    "other-message",
    "not deleted: the server has another message here than the one that was archived; this one is archived now, too",
    "The message stays on the server, and both what was archived before and what the server has now are in the archive. If it "
    "happens for many, the index of the folder is damaged on the server: have it rebuilt there.",
    Family.ITEM,
)
SUBSTITUTE = Code(
    "not-deleted-substitute",
    "not deleted: the server gives a text for it that is not what its own header begins",
    message.SUBSTITUTE.remedy,
    Family.ITEM,
)
LENGTH = Code(
    "not-deleted-length",
    "not deleted: it has another length than announced, and was not sent twice alike",
    message.LENGTH.remedy,
    Family.ITEM,
)
DAMAGED_COPY = Code(
    "archived-copy-damaged",
    "not deleted: the archived copy is damaged ({why:clause})",
    f"Nothing was deleted, and the server still has the message. {Do.VERIFY} Then bring the archive back from the backup.",
    Family.ITEM,
)
REFUSED_MESSAGE = Code(
    "not-deleted-refused", "not deleted: the server would not give it: {said}", message.REFUSED.remedy, Family.ITEM
)
MARKED_BY_OTHERS = Code(
    "marked-by-others",
    "somebody else has marked messages as \\Deleted, and this server can only expunge all that are marked (it has no UIDPLUS)",
    "Somebody's mail program has marked messages for deletion and not purged them. Purge the folder there (Compact, or Purge "
    "deleted messages); the next run then deletes what the rule says.",
    Family.ITEM,
)
FOLDER_CHANGED = Code(
    "not-deleted-folder-changed",
    "the folder was made anew on the server (UIDVALIDITY changed) since it was archived",
    "The server has rebuilt the folder since it was archived. Nothing is to be done: the next run looks at the whole folder, "
    "and nothing is archived twice.",
    Family.ITEM,
)
READ_ONLY = Code(
    "not-deleted-read-only",
    "the server lets us only read this folder",
    "The account may read this folder and not delete in it. Give it the right, or leave the folder out of the rule by "
    "excluding it. It is archived all the same.",
    Family.ITEM,
)
NOTHING = Code("nothing-deleted", "nothing is deleted here: {why}", "{why:remedy}", Family.ITEM)
STILL_THERE = Code(
    "still-there",
    "{count:message was|messages were} not deleted: the server said that they are gone",
    _STAYS,
    Family.ITEM,
)
GONE_AND_THERE = Code(
    "gone-and-there", "the server says that they are gone, and still has them", "The next run tries again.", Family.ITEM
)
REFUSED = Code("not-deleted", "{left:number} of {count:message was|messages were} not deleted: {why}", _KEPT, Family.ITEM)
BROKE_OFF = Code("deletion-broke-off", "not everything was deleted here: {why}", _KEPT, Family.ITEM)
TRASH_UNREAD = Code("trash-unread", "the trash could not be looked at: {why}", _KEPT, Family.ITEM)
TRASH_MESSAGES_UNREAD = Code("trash-messages-unread", "what came into the trash could not be read: {why}", _KEPT, Family.ITEM)
TRASH_RENUMBERED = Code(
    "trash-renumbered",
    "nothing is removed here: the server names other numbers for known messages",
    "What should have been removed is archived, and stays in the trash. Servers name other numbers after they were restored "
    "from a backup, or when a folder's index was lost.",
    Family.ITEM,
)

NO_PROBE_FOLDER = Code(
    "no-probe-folder",
    "The probe needs a folder of its own, and the server makes none: {why}",
    "See that the account may make folders. {why:remedy}",
)
PROBE_NOT_ALONE = Code(
    "probe-not-alone",
    "The probe found {count:message} in its folder instead of its own one.",
    "Try again when nobody else works in the mailbox.",
)
PROBE_STAYS = Code(
    "probe-stays",
    "The server does not delete: the message is there after EXPUNGE.",
    "See that the account may delete, and look into the server's log.",
)

NOT_PROBED = Code(
    "deletion-not-probed",
    "What the server does with deleted mail could not be tried out: {why}",
    "{why:remedy}",
)

# What a server does with deleted mail, as tried out ---------------------------------------------------------------------

GOES_FOR_GOOD = Code(
    "deleted-for-good",
    "Deleted mail is gone for good, at {command} (on Kerio Connect: AutoExpungeOnDelete is 0).",
    "Nothing is to be done.",
    Family.ITEM,
)
GOES_ASTRAY = Code(
    "deleted-astray",
    "Deleted mail goes at {command}, which no standard knows, and was found in no trash.",
    "See where it is.",
    Family.ITEM,
)
GOES_TO_TRASH = Code(
    "deleted-to-trash",
    "The server moves deleted mail to {trash}, at {command} (on Kerio Connect: AutoExpungeOnDelete is 1). The archive keeps "
    "its folders all the same: what was deleted by this program is known there and is no move.",
    f"To have it removed there too: {Setting('delete.trash_too', 'true')}. To have the server delete at once instead, for "
    "all its IMAP clients: stop Kerio Connect, set AutoExpungeOnDelete to 0 in mailserver.cfg, start it (it is in "
    "/opt/kerio/mailserver, /usr/local/kerio/mailserver or C:\\Program Files\\Kerio\\MailServer).",
    Family.ITEM,
)
