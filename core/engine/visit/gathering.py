"""Download of a few messages each of many folders, in one round trip for all.

Only a short cut (``imap.pipelined``): what does not come, or has another length than announced, is left to the download of its
folder (``download``), which asks again and names the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.engine.visit.download import BATCH_BYTES, BATCH_MESSAGES, Batch, Wanted
from core.engine.visit.limits import Budget, Grant
from core.engine.visit.link import Link
from core.errors import Dropped, ProtocolError
from core.imap import pipelined
from core.imap.pipelined import WantedBodies
from core.imap.session import Session

#: Messages and bytes wanted of a folder that is read along with others.
FEW_MESSAGES, FEW_BYTES = 200, 1024 * 1024


def is_small(wanted: Wanted) -> bool:
    """True when a folder's messages can be requested along with those of others: few, and of sizes that were announced."""
    sizes = [wanted.listed[uid].size for uid in wanted.uids]
    return (
        pipelined.may(wanted.folder)
        and 0 < len(sizes) <= FEW_MESSAGES
        and min(sizes) > 0
        and sum(sizes) <= FEW_BYTES
        and not any(wanted.listed[uid].sizeless for uid in wanted.uids)
    )


def groups(several: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Yield small folders in groups that fit into one answer."""
    group: list[Wanted] = []
    messages = size = 0
    for one in several:
        own = sum(one.listed[uid].size for uid in one.uids)
        full = len(group) == pipelined.AT_ONCE or messages + len(one.uids) > BATCH_MESSAGES or size + own > BATCH_BYTES
        if group and full:
            yield group
            group, messages, size = [], 0, 0
        group.append(one)
        messages += len(one.uids)
        size += own
    if group:
        yield group


async def gather(link: Link, several: Sequence[Wanted], budget: Budget) -> tuple[list[Batch], Grant] | None:
    """The messages of each folder that came as announced, and the grant for all, which the caller releases.

    None when they must be requested folder by folder. Raises ``ConnectError``: no connection any more, or nothing more today.
    """
    sizes = [link.reckoning.size(one.listed[uid].size) for one in several for uid in one.uids]
    allowance = link.reckoning.allowance
    grant = await budget.take(sum(sizes))
    reserved = 0
    try:
        reserved = sum(sizes[: allowance.take(sizes)])
        session = await link.at_large()
        found = await _bodies(link, session, several) if reserved == sum(sizes) and pipelined.possible(session) else None
        grant.settle(sum(len(raw) for batch in found or () for _, raw, _ in batch))
        await allowance.save()
    except BaseException:
        grant.release()
        raise
    finally:
        allowance.settle(reserved)
    return (found, grant) if found else None


async def _bodies(link: Link, session: Session, several: Sequence[Wanted]) -> list[Batch] | None:
    asked = [
        WantedBodies(one.folder, one.uidvalidity, tuple(one.uids), sum(one.listed[uid].size for uid in one.uids))
        for one in several
    ]
    try:
        bodies = await pipelined.bodies(session, asked)
    except (Dropped, ProtocolError):
        # Sending several commands at once may have been the reason.
        session.known.one_by_one = True
        await link.drop()
        return None
    link.progressed()
    link.served()
    return [_as_announced(one, got) for one, got in zip(several, bodies, strict=True)]


def _as_announced(one: Wanted, bodies: dict[int, bytes]) -> Batch:
    listed = {uid: one.listed[uid] for uid in one.uids}
    return [(uid, bodies[uid], item) for uid, item in listed.items() if uid in bodies and len(bodies[uid]) == item.size]
