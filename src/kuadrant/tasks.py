"""Tasks that run beside each other, of which none ends unnoticed.

A command is run by `run`. A part of it that has to go on as long as the command does is either `lasting`,
where its end is that of the command, or kept by `keep`, which begins it anew: that is for parts without which
the last good state goes on.
"""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kuadrant import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

logger = log.get("kuadrant")

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 60.0
_FRAMES = 4


class PartEndedError(Exception):
    """A part that was to run on has ended; the text says which, and why."""


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command as `guarded` does, in an event loop of its own."""
    return asyncio.run(guarded(command))


async def guarded(command: Coroutine[Any, Any, int]) -> int:
    """Run a command and return its exit code.

    A defect of ours is 1, with a line in the log that says what and where.

    What callbacks of the event loop raise is logged and counted, and ends nothing: a callback is about one
    connection or one timer, and a stranger who found one that fails would end us with it.
    """
    count = 0

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        error = context.get("exception")
        logger.error(
            "something failed beside the work, which goes on",
            what=str(context.get("message", "")),
            problem=reason(error) if error is not None else "",
            count=count,
        )

    asyncio.get_running_loop().set_exception_handler(note)
    try:
        return await command
    except Exception as error:  # noqa: BLE001 - this is the last place that can say so
        logger.error("ending: this is a defect", problem=reason(error))  # noqa: TRY400 - the reason has its place
        return 1


async def lasting(name: str, part: Awaitable[object]) -> None:
    """Run a part that is to go on until it is cancelled.

    Raises:
        PartEndedError: it has ended in any other way.
    """
    task = asyncio.current_task()
    assert task is not None
    try:
        await part
    except PartEndedError:
        raise
    except asyncio.CancelledError:
        if task.cancelling():
            raise
        raise PartEndedError(f"{name} has ended: what it waited for was cancelled") from None
    except Exception as error:
        raise PartEndedError(f"{name} has ended: {reason(error)}") from error
    raise PartEndedError(f"{name} has ended by itself")


async def keep(
    name: str,
    part: Callable[[], Awaitable[object]],
    *,
    ends: bool = False,
    again: Callable[[], object] = lambda: None,
    first: float = FIRST_SECONDS,
    longest: float = LONGEST_SECONDS,
) -> None:
    """Run a part until cancelled.

    When it ends, say so, and begin it anew after ``first`` seconds, later and later up to ``longest``.

    The task takes its name. With ``ends`` it may end by itself, and is done then. ``again`` is called before
    each new beginning, to make up for what was missed.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    task.set_name(name)
    pause = first
    while True:
        began = loop.time()
        try:
            if ends:
                await _done(name, part())
                return
            await lasting(name, part())
        except PartEndedError as error:
            if loop.time() - began > longest:
                pause = first
            logger.error("a part of us is begun anew", problem=str(error), seconds=pause)  # noqa: TRY400 - the text has its place
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
            again()


async def _done(name: str, part: Awaitable[object]) -> None:
    """As `lasting`, but it may end by itself."""
    ended = False

    async def watched() -> None:
        nonlocal ended
        await part
        ended = True

    try:
        await lasting(name, watched())
    except PartEndedError:
        if not ended:
            raise


def reason(error: BaseException) -> str:
    """Return what an exception says and where it came from, in a line; of a group, each of what it holds."""
    return "; ".join(map(_told, _leaves(error)))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(frames))
    text = str(error)
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{said} ({places})" if places else said
