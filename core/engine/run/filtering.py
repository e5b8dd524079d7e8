"""Filter of new messages by a profile's rules: by the listing first, by header only where needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

from core.engine.visit.looking import HEADERS_PER_FETCH
from core.errors import Dropped, ProtocolError
from core.imap.replies import Listed
from core.message.envelope import describe_header
from core.profiles.filter import Filter

Headers = Callable[[list[int]], Awaitable[Mapping[int, bytes | None]]]


async def excluded(
    rule: Filter,
    uids: Iterable[int],
    listed: Mapping[int, Listed],
    headers: Headers,
    now: datetime,
    before: frozenset[int] = frozenset(),
) -> set[int]:
    """Those of ``uids`` that are left out. ``headers`` fetches header blocks; ``before`` were left out by the same rule before.

    A message with an unavailable header is not left out.
    """
    found: set[int] = set()
    undecided: list[int] = []
    for uid in uids:
        item = listed[uid]
        if rule.reason(item.flags, item.internaldate, item.size, now) or (uid in before and not rule.changes):
            found.add(uid)
        else:
            undecided.append(uid)
    if not rule.needs_header:
        return found
    for start in range(0, len(undecided), HEADERS_PER_FETCH):
        chunk = undecided[start : start + HEADERS_PER_FETCH]
        try:
            got = await headers(chunk)
        except (Dropped, ProtocolError):
            continue
        for uid in chunk:
            if header := got.get(uid):
                texts = describe_header(header)
                if rule.header_reason(texts.sender, texts.recipients, texts.subject):
                    found.add(uid)
    return found
