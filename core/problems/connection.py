"""Problems of connections: lookup, TCP, TLS, greeting, and a connection that breaks."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

_BUSY = "The server has too much to do, or takes no more connections: try again later; a run does that by itself. "
_FEWER = f"{_BUSY}If it comes back, lower {Setting('server.connections')}, or let the server take more from this machine."

LOOKUP_FAILED = Code(
    "lookup-failed",
    "The name {host} cannot be found ({said}).",
    "Check the server name, and the name service (DNS) of this machine.",
)
CONNECTION_REFUSED = Code(
    "connection-refused",
    "{host} refused the connection on port {port}.",
    "Is the service running there, and is {port} its port for this kind of access? See that no firewall is in between. "
    "If it was down for a while only, nothing else is to be done.",
)
CLOSED_AT_ONCE = Code("closed-at-once", "{host} closed the connection on port {port} at once.", _FEWER)
NO_ANSWER = Code(
    "no-answer",
    "{host} did not answer on port {port}.",
    "Check the port and the firewall in between, and that the server runs. If it was down for a while only, nothing else is "
    "to be done.",
)
UNREACHABLE = Code(
    "unreachable",
    "{host} cannot be reached on port {port} ({said}).",
    "Check server name, port and network. If it was down for a while only, nothing else is to be done.",
)
NO_TLS_ANSWER = Code(
    "no-tls-answer",
    "{host} did not answer the TLS handshake on port {port}.",
    f"Check {Setting('server.access')} and {Setting('server.port')}.",
)
_NO_TLS = "{host} does not speak TLS on port {port} ({said})."
NO_TLS = Code("no-tls", _NO_TLS, f"Check {Setting('server.access')} and {Setting('server.port')}.")
NO_IMAP_TLS = Code(
    "no-imap-tls",
    _NO_TLS,
    f"Port {{port}} does not seem to speak TLS from the first byte: use {Setting('server.access', 'imap-tls')} or "
    f"{Setting('server.access', 'imap')} with port 143, or {Setting('server.access', 'imap-ssl')} with port 993.",
)
TLS_ENDED = Code(
    "tls-ended",
    "{host} does not speak TLS on port {port} ({said}).",
    f"Check {Setting('server.access')} and {Setting('server.port')}. It may also have too many connections, or be starting: "
    "try again later.",
)
ENDED_BEFORE_TLS = Code("ended-before-tls", "{host} ended the connection before TLS began ({said}).", _FEWER)
TLS_LATER = Code("tls-later", "{host} would not begin TLS ({said}).", _FEWER)
NO_STARTTLS = Code(
    "no-starttls",
    "{host} does not offer STARTTLS on port {port}.",
    f"Use {Setting('server.access', 'imap-ssl')} (port 993), or switch TLS on at the server.",
)
NO_GREETING = Code(
    "no-greeting",
    "{host} sent no greeting on port {port}.",
    "Is it an IMAP server, and is {port} its port? Servers speak TLS from the first byte on port 993, which is "
    f"{Setting('server.access', 'imap-ssl')}. If it has too much to do, the next run tries again.",
)
NO_IMAP_GREETING = Code(
    "no-imap-greeting",
    "{host} did not greet as an IMAP server ({said}).",
    f"Is {{port}} an IMAP port? With TLS from the first byte use {Setting('server.access', 'imap-ssl')}.",
)
TURNED_AWAY = Code("turned-away", "{host} did not greet as an IMAP server ({said}).", _FEWER)
CLOSED_UNGREETED = Code(
    "closed-without-greeting",
    "{host} closed the connection without a greeting on port {port}.",
    f"It may have too many connections: try again later, or lower {Setting('server.connections')}. Where it never greets: "
    f"with TLS from the first byte use {Setting('server.access', 'imap-ssl')}.",
)

_INTERRUPTED = (
    "The connection ended in the middle of the work; what had come is kept, and the next run carries on. If it happens often, "
    "look at the network and at the server's log. "
)
CONNECTION_LOST = Code(
    "connection-lost",
    "The connection was lost ({said}).",
    f"{_INTERRUPTED}For a server that is only slow, raise {Setting('server.timeout')}.",
)
SILENT = Code("silent", "The server fell silent.", f"{_INTERRUPTED}If it is only slow, raise {Setting('server.timeout')}.")
SESSION_ENDED = Code("session-ended", "The server ended the session ({said}).", f"{_INTERRUPTED}{_BUSY}")
SLOW = Code(
    "slow",
    "The server was too slow: what was on its way hardly moved.",
    "Look whether the server or the line to it is overloaded. If it is always as slow as that, lower "
    f"{Setting('server.slowest_bytes_a_second')}. What is left waits for the next run.",
)
_NONSENSE = (
    "The server sends what makes no sense, and the connection was ended before it took all memory. Look into the server's log, "
    "or have the folder's index rebuilt there."
)
ENDLESS = Code("endless", "The connection was given up: the answer was far longer than it should be.", _NONSENSE)
OVERSIZED = Code(
    "oversized", "The connection was given up: {size:number} bytes were announced where fewer were expected.", _NONSENSE
)
UNREADABLE = Code(
    "unreadable-answer",
    "The server sent something that cannot be read ({kind}).",
    "The server sent what no mail program could use. Look into its log. If it is about one folder, give that folder a plain "
    "name, or have its index rebuilt. It is tried again in the next run.",
)
TODAYS_SHARE_SPENT = Code(
    "spent",
    "What the profile may download in a day ({megabytes:number} MB) is used up; what is left waits until {until:moment}.",
    "Nothing is wrong: the limit that the profile has was reached. A run after that goes on, by itself when the profile has a "
    f"schedule. To have more in a day, raise {Setting('server.megabytes_a_day')} in the profile.",
)
NOT_TRIED = Code(
    "not-tried",
    "not tried: {why}",
    "This mailbox was not tried, because all before it failed in the same way. {why:remedy} Then run the profile again.",
    Family.ITEM,
)
NEVER_REACHED = Code(
    "never-reached",
    "the server could not be reached {count} times in a row. {why}",
    f"{{why:remedy}} {Do.TRY_CONNECTION}",
    Family.ITEM,
)
ALL_LOGINS_REFUSED = Code(
    "all-logins-refused",
    "the first {count} logins were all refused. {why}",
    "{why:remedy}",
    Family.ITEM,
)
