"""Problems of seals on their way to places outside."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

_SET_UP = f"{Do.SET_UP_PLACE}"
_SPACE = "Make space there, or correct its owner and mode."

LOG_UNWRITTEN = Code("seal-log-unwritten", "The log at {path} cannot be written: {said}.", "Is a journal or a syslog running?")
FILE_IN_PART = Code("seal-file-in-part", "{path} took only a part of the seal.", "Make space there.")
FILE_UNWRITTEN = Code(
    "seal-file-unwritten",
    "{path} cannot be written: {said}.",
    f"Correct its owner and mode; a service that systemd keeps must be told of it. {Do.RENEW_UNIT}",
)
NO_FILE = Code("seal-place-no-file", "{path} is no file.", "Name another one.")
NO_STARTTLS = Code(
    "mail-without-starttls",
    "{host} offers no TLS on port {port} (STARTTLS).",
    "Choose TLS from the first byte (ssl), or another port.",
)
NO_LOGIN_OFFERED = Code(
    "mail-without-login",
    "{host} offers no login; needed is {needed}.",
    "Check server, port and access.",
)
NO_USABLE_LOGIN = Code(
    "mail-without-usable-login",
    "{host} offers only {offered} for logging in; needed is {needed}.",
    "Check server, port and access.",
)
NO_LOGIN_BEYOND_ASCII = Code(
    "mail-login-ascii-only",
    "{host} offers only {offered} for logging in; needed is {needed}.",
    "Take a name and password in ASCII, or another server.",
)
CERTIFICATE = Code("seal-certificate", "{why}", f"Give its authority as {Setting('server.ca_file')}.")
LOGIN_REFUSED = Code("mail-login-refused", "{host} refuses the login: {said}.", f"Correct name and password. {_SET_UP}")
ADDRESS_REFUSED = Code("mail-address-refused", "{host} refuses the address: {status} {said}.", "Correct it, or log in there.")
MAIL_REFUSED = Code("mail-refused", "{host} refuses the mail: {status} {said}.", "See the mail server's log.")
UNREADABLE = Code(
    "seal-answer-unreadable",
    "{host} gives no answer that can be read on port {port} ({kind}).",
    "Check server, port and access.",
)
NO_ANSWER = Code("seal-no-answer", "{host} does not answer on port {port}.", "Check the port and the firewall in between.")
UNREACHABLE = Code("seal-unreachable", "{host} cannot be reached on port {port}: {said}.", "Check server, port and network.")
PROVES_NOTHING = Code(
    "stamp-proves-nothing", "The answer of {place} proves nothing: {why}", "See that the address and the authority are right."
)
OTHER_IMPRINT = Code(
    "stamp-of-something-else",
    "The answer of {place} is about something else than what was sent.",
    "Ask whoever runs that authority; until then choose another one.",
)
NOT_ANSWERED = Code("stamp-refused", "{host} answers {status} {said}.", "Is the address right?")
ENDLESS = Code(
    "stamp-endless", "{host} sends more than a time stamp, or too slowly.", "Is the address that of a time stamp authority?"
)
NO_AUTHORITY = Code(
    "no-stamp-authority",
    "No time-stamp authority is set up.",
    "Give {option} with the PEM file of its root certificate.",
    Family.INPUT,
)
AUTHORITIES_UNKNOWN = Code(
    "stamp-authorities-unknown",
    "The archive does not tell by whom stamps are signed: {why}",
    "Give {option} with the PEM file of the root certificate.",
    Family.INPUT,
)
FILE_PROVES_NOTHING = Code(
    "stamp-file-proves-nothing",
    "The time stamp {file} proves nothing: {why}",
    "See that it is the file as the authority gave it, and that its root certificate is the right one.",
    Family.DAMAGE,
)
NO_PLACE = Code("no-seal-place", "No place is set up that seals could be sent to.", f"{Do.ADD_PLACE}", Family.INPUT)
NEVER_SENT = Code("seal-never-sent", "No seal was sent anywhere yet.", f"{Do.SEND_SEAL}", Family.INPUT)

# Attempts ------------------------------------------------------------------------------------------------------------------

NOT_CONTAINED = Code(
    "sealed-entry-not-contained",
    "The archive does not contain what was sealed at entry {entry} and sent to {place}: it was changed, or put back to an "
    "older state.",
    f"{Do.ACCEPT_STATE}",
    Family.DAMAGE,
)
TOOK_TOO_LONG = Code("seal-took-too-long", "{where} took too long.", "See whether it answers, and the network between.")
ARCHIVE_DAMAGED = Code("sealed-archive-damaged", "The archive is damaged: {why}", "{why:remedy}", Family.DAMAGE)
FILE_LOST_SEAL = Code(
    "seal-file-changed",
    "{path} has not the seal any more that was sent there: it was changed, moved, or its disk is not there.",
    f"Bring it back, or find out who changed it. {Do.ACCEPT_STATE}",
)
STAMP_LOST = Code(
    "time-stamp-lost",
    "The time stamp of entry {entry} is not in {folder} any more, where it was kept.",
    f"Bring it back from a backup. {Do.ACCEPT_STATE}",
)
