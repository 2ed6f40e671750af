"""No part of a command ends unnoticed."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant import log, tasks
from kuadrant.tasks import PartEndedError, keep, lasting, reason

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[dict[str, Any]]]:
    """What is logged, read when it is looked at."""
    stream = io.StringIO()
    log.configure("debug", "production", stream)

    class Lines(list[dict[str, Any]]):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return map(json.loads, stream.getvalue().splitlines())

    yield Lines()
    log.configure("info", "production")


async def fail() -> None:
    raise ValueError("boom")


async def end() -> None:
    pass


async def wait_for_cancelled() -> None:
    other = asyncio.get_running_loop().create_future()
    other.cancel()
    await other


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (fail, "the part has ended: ValueError: boom (test_tasks.py:"),
        (end, "the part has ended by itself"),
        (wait_for_cancelled, "the part has ended: what it waited for was cancelled"),
    ],
)
async def test_each_way_to_end_ends_the_group_that_a_lasting_part_is_in(part: Any, why: str) -> None:
    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(lasting("the part", part()))
            group.create_task(asyncio.Event().wait())

    with pytest.raises(ExceptionGroup) as raised:
        await both()
    (error,) = raised.value.exceptions
    assert isinstance(error, PartEndedError)
    assert str(error).startswith(why)


async def test_a_lasting_part_that_is_cancelled_is_no_error() -> None:
    task = asyncio.create_task(lasting("the part", asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_kept_part_begins_anew_later_and_later_and_says_so(lines: list[dict[str, Any]]) -> None:
    begun = 0
    made_up: list[int] = []
    running = asyncio.Event()

    async def part() -> None:
        nonlocal begun
        begun += 1
        if begun == 4:
            running.set()
            await asyncio.Event().wait()
        raise ValueError("boom")

    task = asyncio.create_task(
        keep("the part", part, again=lambda: made_up.append(begun), first=0.001, longest=0.002)
    )
    await running.wait()
    task.cancel()

    assert made_up == [1, 2, 3]
    said = list(lines)
    assert [line["seconds"] for line in said] == [0.001, 0.002, 0.002]
    assert {(line["level"], line["msg"]) for line in said} == {("error", "a part of us is begun anew")}
    assert said[0]["problem"].startswith("the part has ended: ValueError: boom (test_tasks.py:")


async def test_a_kept_part_that_may_end_is_done_then() -> None:
    await keep("the part", end, ends=True)


def test_a_defect_that_comes_through_ends_a_command_with_a_line_and_without_a_traceback(
    lines: list[dict[str, Any]],
) -> None:
    async def command() -> int:
        await fail()
        return 0

    assert tasks.run(command()) == 1
    (line,) = lines
    assert (line["level"], line["msg"]) == ("error", "ending: this is a defect")
    assert line["problem"].startswith("ValueError: boom (test_tasks.py:")
    assert "Traceback" not in json.dumps(line)


def test_a_callback_that_fails_is_logged_and_counted_and_ends_nothing(lines: list[dict[str, Any]]) -> None:
    def callback() -> None:
        raise ValueError("boom")

    async def command() -> int:
        loop = asyncio.get_running_loop()
        called = asyncio.Event()
        loop.call_soon(callback)
        loop.call_later(0, callback)
        loop.call_later(0.001, called.set)
        await called.wait()
        return 0

    assert tasks.run(command()) == 0
    said = list(lines)
    assert [line["count"] for line in said] == [1, 2]
    assert all(line["problem"].startswith("ValueError: boom (test_tasks.py:") for line in said)


def test_the_reason_of_a_group_is_that_of_each_in_it() -> None:
    group = ExceptionGroup("many", [ValueError("one"), ExceptionGroup("more", [KeyError("two"), OSError()])])

    assert reason(group) == "ValueError: one; KeyError: 'two'; OSError"
