"""``archivar search``, ``index``: search, and its index."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from core.archive.search import search_index
from core.archive.search.index_row import Lack
from core.archive.search.search_index import Index, IndexState, glance
from core.cli.answer import Answer, Table
from core.cli.context import context
from core.cli.help import Command
from core.cli.index_words import as_json, not_yet, sentence, unreadable
from core.cli.moments import day_and_time, iso
from core.cli.output import output
from core.cli.progress import ProgressLine
from core.errors import InputError
from core.problems import table
from core.problems.usage import NOT_ALLOWED
from core.text.format import counted, number, safe
from core.text.layout import cells

if TYPE_CHECKING:
    from core.archive.archive import Archive
    from core.archive.search.hits import Hit
    from core.archive.search.paging import Total
    from core.archive.search.query import QueryError

MOST = 10_000
#: Characters of a query shown before and after the position of an error.
AROUND = 30


def register(app: typer.Typer) -> None:
    app.command("search", cls=Command)(search)
    app.command("index", cls=Command)(index)


async def search(
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="What to find, best in single quotes.")],
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Only in this user's archive.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="Show so many messages.")] = 20,
    order: Annotated[str, typer.Option("--order", metavar="ORDER", help="newest or relevance.")] = "newest",
) -> Answer:
    """Find mail.

    Words, "several words", -without, one OR another, (together), begin*, *part*, *end; from: to: cc: subject: body: filename:
    link: folder: user: before: after: on: larger: smaller: id: has:attachment. id: is a number, a SHA-256 or a Message-ID.
    10000,50 finds 10.000,50, and an IBAN is found with and without blanks. A part has 3 letters or more. A query that begins
    with - stands after --.
    """
    from core.archive.registry import users
    from core.archive.search.paging import Total
    from core.archive.search.query import OfUser, Query, QueryError, parse
    from core.archive.search.search import Order, Search

    if order not in list(Order):
        raise InputError(NOT_ALLOWED(option="--order", given=order, allowed=", ".join(Order)))
    text = " ".join(query)
    try:
        asked = parse(text)
        async with context.archive() as archive:
            if user:
                owner = await users.find(archive, user, removed=True)
                asked = Query(text, (*asked.terms, OfUser(owner.name, 0)))
            finder = await Search.open(archive)
            try:
                page = await finder.page(asked, order=Order(order), limit=limit)
                if page.next is None and order == Order.NEWEST:
                    total = Total(len(page.hits), exact=True)
                elif output.json_wanted:
                    total = Total(await finder.count(asked), exact=True)
                else:
                    total = await finder.total(asked)
                state = await glance(archive)
            finally:
                await finder.close()
    except QueryError as error:
        return Answer(notes=_pointed(text, error), error=error)
    return Answer(
        json=lambda: {"total": total.number, **as_json(state), "messages": [_as_json(hit) for hit in page.hits]},
        lines=_found(page.hits),
        notes=_counted(len(page.hits), total, state),
    )


def _found(hits: Sequence[Hit]) -> Iterator[Table]:
    if hits:
        rows = [(str(hit.id), _date(hit), hit.sender, hit.subject, hit.user, hit.folder) for hit in hits]
        yield Table(("ID", "DATE (UTC)", "FROM", "SUBJECT", "USER", "FOLDER"), rows)


def _counted(shown: int, total: Total, state: IndexState) -> Iterator[str]:
    # More may have been found for the page than were counted.
    found = max(total.number, shown)
    some = f", {number(shown)} of them shown" if found > shown or not total.exact else ""
    yield f"{'' if total.exact else 'At least '}{counted(found, 'message')} found{some}."
    if state.behind:
        yield f"! {not_yet(state.behind)}"
    if state.unreadable:
        yield f"! {unreadable(state.unreadable)}"


def _date(hit: Hit) -> str:
    """The date of a message; without one, its time of receipt, marked as such."""
    return f"{day_and_time(hit.moment)[:16]}{' received' if hit.date is None and hit.arrived is not None else ''}"


def _as_json(hit: Hit) -> dict[str, object]:
    return {
        "id": hit.id,
        "sha256": hit.sha256.hex(),
        "user": hit.user,
        "folder": hit.folder,
        "subject": hit.subject,
        "from": hit.sender,
        "to": hit.recipients,
        "date": iso(hit.date),
        "received": iso(hit.arrived),
        "size": hit.size,
        "attachments": hit.attachments,
    }


def _pointed(text: str, error: QueryError) -> Iterator[str]:
    """The query, or the part of it that fits the terminal, and below it the position of an error."""
    start = max(error.position - AROUND, 0)
    yield f"  {safe(text[start : error.position + AROUND])}"
    yield "  " + " " * cells(safe(text[start : error.position])) + "^"


async def index(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make it anew.")] = False,
    problems: Annotated[bool, typer.Option("--problems", help="List what could not be read, or in part only.")] = False,
) -> Answer:
    """Bring the search index up to the archive.

    The service does so by itself, whenever no run is under way. Exit code 1 with --problems when there are any.
    """
    async with context.archive() as archive:
        if problems:
            return await _problems(archive)
        count = await bring_up(archive, anew=rebuild)
        state = await glance(archive)
    return Answer(
        json=lambda: {"indexed": count, **as_json(state)},
        notes=[f"{counted(count, 'message')} indexed. {sentence(state)}"],
    )


async def bring_up(archive: Archive, *, anew: bool = False) -> int:
    """Index all messages, with progress; their number. Raises ``StorageError``, ``BusyError``."""
    progress, begun = ProgressLine(), time.monotonic()

    def tell(done: int, total: int) -> None:
        rate = done / max(time.monotonic() - begun, 0.001)
        progress(lambda: f"{number(done)} of {counted(total, 'message')}, {number(round(rate))} msg/s")

    try:
        return await search_index.bring_up(archive, anew=anew, tell=tell)
    finally:
        progress.end()


async def _problems(archive: Archive) -> Answer:
    """List all problems, each page written when it is read: only for JSON a list of them is held."""
    from core.archive.read import browsing

    opened = await Index.open(archive)
    listed: list[dict[str, object]] = []
    count = last = 0
    try:
        while found := await opened.problems(last):
            last = found[-1].message
            count += len(found)
            subjects = {one.id: one for one in await browsing.stored(archive, [one.message for one in found])}
            for one in found:
                message = subjects.get(one.message)
                subject = message.subject if message else ""
                damaged = one.lack is Lack.DAMAGED
                if output.json_wanted:
                    value = {"id": one.message, "subject": subject, "damaged": damaged, "lack": one.lack.value}
                    listed.append(value | table.as_kept(one.why))
                output.line(
                    f"{'!' if one.lack is Lack.PARTLY else '✘'} {one.message} {subject or '(no subject)'}: {one.reason}",
                    indent=2,
                )
    finally:
        await opened.close()
    told = f"{counted(count, 'message')} could not be read, or in part only."
    return Answer(json=lambda: {"problems": listed}, notes=[told], exit_code=1 if count else 0)
