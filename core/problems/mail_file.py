"""Files, folders and mailboxes that an import cannot take, or not whole: it names them and goes on."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_UNREAD = "Correct its owner and mode, or look into the system's log for errors of the disk; then import it again."
_LINK = "Import what it leads to, or put a copy in its place."
_AGAIN = "Copy the file again from where it comes."
_LEAVE_OUT = "Leave it out, or import from it what is mail."
_UNPACK = "Unpack it, and import what is in it."
_LENGTH = "Compare the message with that in Apple Mail, and export it there if it is not the same."
_ATTACHMENTS = "Import the folder Attachments with it, or load the whole message in Apple Mail and import it again."


def _file(word: str, sentence: str, remedy: str) -> Code:
    return Code(f"import-{word}", sentence, remedy, Family.ITEM)


# Files and folders -------------------------------------------------------------------------------------------------------

UNREAD = _file("file-unread", "it cannot be read: {said}", _UNREAD)
FOLDER_UNREAD = _file("folder-unread", "the folder cannot be read: {said}", _UNREAD)
BEHIND_LINK = _file("behind-link", "it is a link, or lies behind one, which is not followed", _LINK)
LINK = _file("link", "a link, which is not followed", _LINK)
NO_REGULAR_FILE = _file("no-regular-file", "no regular file", "Leave it out: a pipe, a socket or a device holds no mail.")
TOO_DEEP = _file(
    "too-deep", "it lies in more than {levels} folders in one another", "Import the folder that is so deep by itself."
)
EMPTY = _file("empty", "it is empty", "Take it from a backup, if it was a message.")
TOO_LARGE = _file("too-large", "it is too large", "A message has {most:bytes} at most; if it holds several, name its format.")

# Files that are no mail --------------------------------------------------------------------------------------------------

NO_MAIL = _file("no-mail", "{kind}, and no mail", _LEAVE_OUT)
PACKED = _file("packed", "{kind}, and no mail", _UNPACK)
OTHER_STORE = _file(
    "other-store", "{kind}, which is not read yet, and no mail", "Export its mail there as EML or mbox, and import that."
)
ZEROS = _file("zeros", "nothing but zeros where a message should begin, and no mail", _AGAIN)
ERASED = _file("erased", "nothing but the byte FF where a message should begin, as on an erased disk, and no mail", _AGAIN)
WIDE_TEXT = _file(
    "wide-text", "text as UTF-16, as no mail is; it was changed after it came, and no mail", "Take it from before the change."
)
BINARY = _file("binary", "no text, and begins with no header, and no mail", _LEAVE_OUT)
UNLIKELY_NAME = _file(
    "unlikely-name",
    "it looks like a message, but its name does not end with .eml; the format EML takes it as one",
    f"{Do.CHOOSE_FORMAT}",
)

# mbox, Maildir and Apple Mail --------------------------------------------------------------------------------------------

NO_MBOX = _file(
    "no-mbox", 'it has no line "From ..." with a message after it, so it is no mbox', f"{_AGAIN} {Do.CHOOSE_FORMAT}"
)
BEFORE_FIRST = _file(
    "before-first-message",
    '{size:number} bytes before its first line "From ..." belong to no message',
    "Look at the beginning of the file: what is before the line is not imported.",
)
FOLDER = _file("folder-as-message", "a folder where a message should be", "Import that folder by itself.")
NO_LENGTH = _file(
    "emlx-without-length",
    "it does not begin with the length of a message, so it is no .emlx of Apple Mail",
    "If it is a message, give it a name that ends with .eml.",
)
CUT_OFF = _file("emlx-cut-off", "it is shorter than it says: the file is cut off", _AGAIN)
WRONG_LENGTH = _file(
    "emlx-wrong-length",
    "it is longer than it says, and what follows is no property list: the length is wrong",
    "Export the message in Apple Mail.",
)
WITHOUT_ATTACHMENTS = _file(
    "emlx-without-attachments", "it was imported, but its attachments are not there (part {parts})", _ATTACHMENTS
)
OTHER_LENGTH = _file(
    "emlx-other-length",
    "it was imported, but the file says that it has {told:number} bytes, and it has {size:number}",
    _LENGTH,
)
INCOMPLETE = _file(
    "emlx-incomplete",
    "it was imported, but its attachments are not there (part {parts}); the file says that it has {told:number} bytes, and it "
    "has {size:number}",
    _ATTACHMENTS,
)

# Exports -----------------------------------------------------------------------------------------------------------------

NO_FOLDER_NAMED = _file(
    "manifest-without-folder", "the manifest names no folder for it", "Write the export anew, or import the file by itself."
)
NOT_AS_LISTED = _file(
    "not-as-listed",
    "it is not what the manifest says: the file was changed or is damaged",
    "Write the export anew, or import the file by itself if it shall come as it is.",
)

# Packed files ------------------------------------------------------------------------------------------------------------

PACKED_DAMAGED = _file(
    "packed-damaged",
    "it is damaged, or packed in a way that is not known ({error})",
    f"{_AGAIN} Or unpack it with its program.",
)
PACKED_UNKNOWN = _file("packed-unknown", "it is no packed file that is known", _UNPACK)
PACKED_NO_TAR = _file(
    "packed-no-tar", "it is packed, and what is in it is no tar file: unpack it, and import what comes out", _UNPACK
)
PACKED_WITHIN = _file(
    "packed-within-packed", "a packed file in a packed file, which is not opened: import it by itself", _UNPACK
)
BOMB = _file(
    "packed-bomb",
    "it unpacks to more than {ratio} times its size, as no mail does",
    "Leave it out, unless you know who made it.",
)
TOO_MANY = _file("packed-too-many", "it holds more than {most:number} files", f"{_UNPACK}")
TWICE = _file("packed-twice", "the packed file holds two of this name", _UNPACK)
WITHIN_FILE = _file("packed-within-file", "it lies in a file, as the packed file has it", _UNPACK)
OUTSIDE = _file(
    "packed-outside", "its name leads out of the packed file", "Unpack it in an empty folder, and look where it comes to lie."
)
PACKED_LINK = _file("packed-link", "a link or no regular file, which is not followed", _UNPACK)
ENCRYPTED = _file("packed-encrypted", "it is encrypted: unpack it with its password first", "What is unpacked can be imported.")
DAMAGED_WITHIN = _file("packed-file-damaged", "it is damaged in the packed file ({error})", _AGAIN)
PACKED_MESSAGE_DAMAGED = _file("packed-message-damaged", "it is packed and damaged", _AGAIN)

# Mailboxes of a store ----------------------------------------------------------------------------------------------------

NO_USER = _file("mailbox-without-user", "no user has this address", f"{Do.ADD_USER} {Do.CHANGE_ADDRESS}")
SEVERAL_USERS = _file(
    "mailbox-of-several", "several users have it: {users}", f"An address belongs to one user only. {Do.CHANGE_ADDRESS}"
)
SHARED = _file("shared-folders", "it is no user's: folders that all share", f"Import them for one user. {Do.CHOOSE_OWNER}")
