"""Problems of a message that a server does not send, or sends wrongly."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

_DAMAGED = (
    "Open the message in a mail program. If that fails too, it is damaged on the server: repair the folder there (Kerio "
    "Connect rebuilds its index), or delete the message. Until then each run tries again. "
)

REFUSED = Code("message-refused", "the server would not give it: {said}", f"{_DAMAGED}{Do.LIST_MISSING}", Family.ITEM)
EMPTY = Code("message-without-content", "the server sent no content", f"{_DAMAGED}{Do.LIST_MISSING}", Family.ITEM)
SEVERAL_CONTENTS = Code(
    "several-contents", "the server gives several contents for it", f"{_DAMAGED}{Do.LIST_MISSING}", Family.ITEM
)
#: The server answers for fewer messages than requested.
LEFT_OUT = Code(
    "message-left-out",
    "the server left it out of its answer",
    "The index of this folder is damaged on the server: it lists messages that it does not send. Have it rebuilt there (Kerio "
    "Connect rebuilds its index). What is sent is archived, and nothing is deleted there until then.",
    Family.ITEM,
)
#: The literal with a message is shorter than what the server sends of it.
TORN = Code(
    "message-torn",
    "the server announced fewer bytes than it sent for it, so that where it ends is not certain; nothing of it was taken",
    "The server counts the bytes of this message in another way than it sends them, or its index of the folder is damaged. "
    "Open the message in a mail program: if it ends in the middle there too, have the folder's index rebuilt (Kerio Connect "
    "rebuilds its index), and tell the maker of the server. Until then each run tries again, and nothing is deleted in this "
    "folder. "
    f"{Do.LIST_MISSING}",
    Family.ITEM,
)
BUSY = Code(
    "message-busy",
    "the server would not give it now, after {requests} requests: {why}",
    "The server has too much to do, or this account has had enough for a while. The next run goes on. If it comes back, lower "
    f"{Setting('server.connections')}, run the profile less often, or set {Setting('server.megabytes_a_day')} to what the "
    "server allows.",
    Family.ITEM,
)
CONNECTION_BREAKS = Code(
    "message-breaks-connection",
    "the connection broke each time it was fetched: {why}",
    "The server ends the connection over this message or this folder. Look into the server's log at the time of the run. If a "
    "mail program cannot open it either, it is damaged there: repair the folder (Kerio Connect rebuilds its index), or delete "
    "the message. Until then each run tries again.",
    Family.ITEM,
)
SIZE_CHANGES = Code(
    "message-size-changes",
    "it comes with another size each time, last with {size:number} bytes",
    "The server sends what makes no sense, and the connection was ended before it took all memory. Look into the server's log, "
    "or have the folder's index rebuilt there.",
    Family.ITEM,
)
#: A message repeatedly has another length than announced.
LENGTH = Code(
    "length",
    "announced with {announced:number} bytes and sent with {sent:number}; kept as sent, and read again in the next run",
    "What the server sent is archived, and it is asked again in each run; the message is not deleted. Open it in a mail "
    "program: if it ends in the middle, it is damaged on the server, and its folder's index should be rebuilt there.",
    Family.ITEM,
)
#: The server sends one text in place of several messages.
SUBSTITUTE = Code(
    "substitute",
    "the server gives the same text for several messages with different headers",
    "The server could not read these messages and sent a text of its own instead. Open one in a mail program; repair the "
    "folder on the server, or bring the messages back from its backup. Each run asks for them again.",
    Family.ITEM,
)
NOT_ARCHIVED = Code(
    "not-archived",
    "not archived in this run",
    "It was left over because of another problem in the same folder: see to that one. The next run tries again. "
    f"{Do.LIST_MISSING}",
    Family.ITEM,
)
NO_ATTACHMENT = Code(
    "no-attachment",
    "The message has no attachment {index}.",
    "They are counted from {first}, in the order listed.",
    Family.INPUT,
)
