"""What to do about a problem, by its reason: plain advice for an administrator. Pure computation.

The reasons are those of this package, of ``core.imap`` and of ``roster``; much of what servers say is in them, so a reason is
known by the words that are ours. A test holds these words to the sources.
"""

from __future__ import annotations

import re

from core.model import ProblemCode

#: Words of a reason (a regular expression), and the advice. The first that is found counts: what is more telling comes first.
_REMEDIES: tuple[tuple[str, str], ...] = (
    (
        "archived copy is damaged",
        "Nothing was deleted, and the server still has the message. Run archivar verify at once: it names all that is damaged. "
        "Then bring the archive back from the backup.",
    ),
    (
        "An error of the program",
        "This is a fault of Archivar. The folder log in the archive's folder has the details: please report it. Other "
        "mailboxes are not affected, and this one is tried again in the next run.",
    ),
    (
        "^not tried:",
        "This mailbox was not tried, because all before it failed in the same way. Put right what is named here; archivar "
        "profile test PROFILE shows whether it helped. Then run the profile again.",
    ),
    (
        "refused the master login|does not know Kerio's master authentication",
        "On Kerio Connect: Configuration > Advanced Options > Master Authentication. It must be switched on, with the password "
        "that the profile has, for an IP address group that holds the address of this machine. The guide on one password for "
        "every mailbox tells all steps (Help, then g). archivar profile apply FILE.toml asks for the password anew.",
    ),
    (
        "does not open the mailbox of",
        "The master login works, but not for this mailbox. Compare the login name with the server's: archivar user show NAME, "
        "and archivar user edit NAME --login LOGIN. If the account is disabled or no more, leave the user out of the profile.",
    ),
    (
        "No password is stored for|login.password_file",
        "archivar profile apply FILE.toml asks for it. Where the profile names a password file: it must be there, have the "
        "password in its first line, and be readable for the account of the service.",
    ),
    (
        "refused the (login|master user|account)",
        "Compare user name and password with the server's. After a new password: archivar profile apply FILE.toml asks for it. "
        "archivar profile test PROFILE shows whether the login works.",
    ),
    (
        "has no e-mail address",
        "Give the user an address: archivar user edit NAME --email ADDRESS. Or take the name out of the list of the profile.",
    ),
    (
        "no such user any more",
        "Take the name out of the list in the profile's file and apply it again, or add the user anew: archivar user add.",
    ),
    (
        "The certificate of|holds no certificate",
        "Best is a certificate that this machine can check: name its authority with ca_file in the profile. To accept all "
        "certificates also works, and lets anyone in between read mail and password.",
    ),
    (
        "takes no password without TLS|does not offer (AUTHENTICATE PLAIN|STARTTLS)|does not speak TLS|TLS handshake",
        "The way in which the profile connects does not fit the server. Correct access and port in the profile; archivar "
        "profile test PROFILE shows step by step how far it comes.",
    ),
    (
        "cannot be found \\(",
        "Check the server name in the profile, and the name service of this machine: getent hosts SERVER.",
    ),
    (
        "refused the connection|did not answer on port|cannot be reached on port|could not be reached",
        "See that the server and its IMAP service run, and that no firewall is in between: archivar profile test PROFILE. If "
        "it was down for a while only, nothing else is to be done: the next run does the rest.",
    ),
    (
        "sent no greeting|did not greet|broke off the login|maximum number of connections|[Tt]oo many",
        "The server has too much to do, or takes no more connections. The next run tries again. If it comes back, lower "
        "connections in the profile, or let the server take more from this machine.",
    ),
    (
        "broke each time it was fetched|messages in a row could not be had",
        "The server ends the connection over this message or this folder. Look into the server's log at the time of the run. "
        "If a mail program cannot open it either, it is damaged there: repair the folder (Kerio Connect rebuilds its index), "
        "or delete the message. Until then each run tries again.",
    ),
    (
        "would not give it|sent no content|left it out of its answer",
        "Open the message in a mail program. If that fails too, it is damaged on the server: repair the folder there (Kerio "
        "Connect rebuilds its index), or delete the message. Until then each run tries again. archivar missing PROFILE shows "
        "all that the server has and the archive does not.",
    ),
    (
        "UIDVALIDITY changed|was made anew",
        "The server has rebuilt the folder while it was being archived. Nothing is to be done: the next run looks at the "
        "whole folder, and nothing is archived twice.",
    ),
    (
        "gives the folder no UIDVALIDITY|does not say how many messages",
        "The server does not keep to the IMAP standard here. If it is one folder, exclude it in the profile; if it is all of "
        "them, look whether the server has an update.",
    ),
    (
        "(folder list has a line|something)(?:(?!folder list has a line|something).)*? that cannot be read",
        "The server sent what no mail program could use. Look into its log. If it is about one folder, give that folder a "
        "plain name, or have its index rebuilt. It is tried again in the next run.",
    ),
    (
        "lists no folders at all",
        "The account opens, but has no folders. Look at it in a mail program: it may be new, or its store may be missing.",
    ),
    (
        "somebody else has marked messages",
        "Somebody's mail program has marked messages for deletion and not purged them. Purge the folder there (Compact, or "
        "Purge deleted messages); the next run then deletes what the rule says.",
    ),
    (
        "lets us only read",
        "The account may read this folder and not delete in it. Give it the right, or leave the folder out of the rule by "
        "excluding it. It is archived all the same.",
    ),
    (
        "not deleted|nothing is deleted|not everything was deleted|lists after deleting|trash could not be looked at",
        "What should have been deleted is archived, and stays on the server for now. The next run tries again. If it comes "
        "back, look into the server's log, and try archivar profile test PROFILE --probe-deletion.",
    ),
    (
        "connection was lost|fell silent",
        "The connection ended in the middle of the work; what had come is kept, and the next run carries on. If it happens "
        "often, look at the network and at the server's log; for a server that is only slow, raise timeout in the profile.",
    ),
    (
        "not archived (in this run|completely)",
        "It was left over because of another problem in the same folder: see to that one. The next run tries again. archivar "
        "missing PROFILE shows what is missing now.",
    ),
    (
        "The server answered:",
        "The server refuses, in its own words above. Its log says more. It is tried again in the next run.",
    ),
)
#: The advice for problems that have a code.
_BY_CODE: dict[ProblemCode, str] = {
    ProblemCode.UID_REUSED: (
        "Servers do this after they were restored from a backup, or when a folder's index was lost. All that the folder has "
        "now is archived, and what was archived before is kept. Nothing is deleted there in this run; the next one goes on as "
        "usual."
    ),
    ProblemCode.UID_TWICE: (
        "The index of this folder is damaged on the server: two messages have one number. Have it rebuilt there (Kerio Connect "
        "rebuilds its index). Nothing is deleted there until then."
    ),
    ProblemCode.LENGTH: (
        "What the server sent is archived, and it is asked again in each run; the message is not deleted. Open it in a mail "
        "program: if it ends in the middle, it is damaged on the server, and its folder's index should be rebuilt there."
    ),
    ProblemCode.SUBSTITUTE: (
        "The server could not read these messages and sent a text of its own instead. Open one in a mail program; repair the "
        "folder on the server, or bring the messages back from its backup. Each run asks for them again."
    ),
    ProblemCode.COUNT: (
        "The index of this folder is damaged on the server: it counts messages that it does not list or send. Have it rebuilt "
        "there. What is sent is archived, and nothing is deleted there until then."
    ),
    ProblemCode.OTHER_MESSAGE: (
        "The message stays on the server, and both what was archived before and what the server has now are in the archive. "
        "If it happens for many, the index of the folder is damaged on the server: have it rebuilt there."
    ),
    ProblemCode.NO_UIDPLUS: (
        "Either let mail on this server stay, or accept that a message which somebody else marks as deleted in the same moment "
        "goes as well: without_uidplus = true in [delete] of the profile, or the line for it in the wizard."
    ),
    ProblemCode.BUSY: (
        "The server has too much to do, or this account has had enough for a while. The next run goes on. If it comes back, "
        "lower connections in the profile, run it less often, or set megabytes_a_day to what the server allows."
    ),
    ProblemCode.SLOW: (
        "Look whether the server or the line to it is overloaded. If it is always as slow as that, lower "
        "slowest_bytes_a_second in the profile. The next run tries again."
    ),
    ProblemCode.SPENT: (
        "Nothing is wrong: the limit that the profile has was reached. A run of another day goes on, by itself when the "
        "profile has a schedule. To have more in a day, raise megabytes_a_day in the profile."
    ),
    ProblemCode.ENDLESS: (
        "The server sends what makes no sense, and the connection was ended before it took all memory. Look into the server's "
        "log, or have the folder's index rebuilt there."
    ),
    ProblemCode.FOREIGN_MARK: (
        "Somebody else worked in the folder while it was being deleted in. What was archived of these messages is kept; "
        "compare with archivar missing PROFILE. Delete at a time when nobody works there, or on a server with UIDPLUS."
    ),
}
_GENERAL = (
    "It is tried again in the next run. If it stays, look into the server's log at the time of the run. archivar missing "
    "PROFILE shows all that the server has and the archive does not."
)
_CODES = frozenset(code.value for code in ProblemCode)
_COMPILED = tuple((re.compile(words), advice) for words, advice in _REMEDIES)


def remedy(reason: str, code: str = "") -> str:
    """What to do about a problem with this ``code`` or ``reason``; never empty.

    ``PROFILE`` and other capitals are to be filled in.
    """
    if advice := _BY_CODE.get(ProblemCode(code) if code in _CODES else ProblemCode.UNNAMED):
        return advice
    return next((advice for words, advice in _COMPILED if words.search(reason)), _GENERAL)
