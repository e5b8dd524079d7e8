"""Labels of a message in Gmail's export (field ``X-Gmail-Labels``): folders and flags."""

from __future__ import annotations

import re

from core.message import envelope
from core.message.splitter import header_end
from core.text.patterns import pattern

_LABELS = pattern(rb"\nx-gmail-labels[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE)
_HEADER = 256 * 1024
#: Gmail's own labels that are folders, in English and German; others are localised and stay as they are.
_PLACES = {
    "inbox": "INBOX",
    "posteingang": "INBOX",
    "sent": "Sent",
    "gesendet": "Sent",
    "drafts": "Drafts",
    "entw\u00fcrfe": "Drafts",
    "spam": "Spam",
    "trash": "Trash",
    "papierkorb": "Trash",
}
#: Labels that are a state of a message and no folder.
_STATES = frozenset(
    (
        *("unread", "opened", "starred", "important", "archived", "chat", "muted", "snoozed", "scheduled"),
        *("ungelesen", "ge\u00f6ffnet", "markiert", "wichtig", "archiviert", "zur\u00fcckgestellt", "geplant"),
    )
)
_UNREAD, _STARRED = frozenset(("unread", "ungelesen")), frozenset(("starred", "markiert"))
_CATEGORY = pattern(r"(category|kategorie)\b.*", re.IGNORECASE)
#: Gmail takes labels of 225 characters.
_MOST_LEVELS = 100
#: The folder of mail without any other.
ARCHIVED = "Archive"


def filed(raw: bytes) -> tuple[tuple[str, ...], str] | None:
    """Folders and flags of a message of Gmail's export; None for any other."""
    match = _LABELS.search(b"\n" + raw[: min(header_end(raw), _HEADER)])
    if match is None:
        return None
    told = (label.strip() for label in envelope.line(match[1]).split(","))
    labels = [label for label in told if label.count("/") < _MOST_LEVELS]
    folded = {label.casefold() for label in labels}
    places = dict.fromkeys(
        _PLACES.get(label.casefold(), label.strip("/"))
        for label in labels
        if label.strip("/") and label.casefold() not in _STATES and not _CATEGORY.fullmatch(label)
    )
    flags = [flag for flag, says in (("\\Seen", not folded & _UNREAD), ("\\Flagged", bool(folded & _STARRED))) if says]
    return tuple(places) or (ARCHIVED,), " ".join(flags)
