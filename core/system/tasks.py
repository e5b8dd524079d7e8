"""Background tasks: the only place that starts them, keeps the reference and reports failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

_running: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Start ``work`` as a task of the running loop; an error that is never awaited goes to the loop's handler."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_done)
    return task


async def to_the_end(work: Awaitable[T]) -> T:
    """Await ``work`` to its end even when cancelled, then raise the cancellation."""
    task = spawn(_awaited(work), name="to the end")
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result


async def _awaited(work: Awaitable[T]) -> T:
    return await work


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all of ``work`` at once; the first error, or a cancellation, ends the others, and is raised then."""
    tasks = [spawn(one, name="together") for one in work]
    if not tasks:
        return
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error


async def one_ahead(source: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Yield what ``source`` yields, which makes the next while the last one is worked on. Closes it at the end."""
    following: asyncio.Task[T] | None = None
    try:
        while True:
            following = following or spawn(_awaited(anext(source)), name="one ahead")
            try:
                one = await following
            except StopAsyncIteration:
                return
            following = spawn(_awaited(anext(source)), name="one ahead")
            yield one
    finally:
        if following is not None:
            following.cancel()
            await asyncio.wait([following])
            if not following.cancelled():
                # Marked as seen: no task waits for it any more.
                following.exception()
        await source.aclose()


def _done(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
