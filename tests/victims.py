"""Ends the tasks of a command, one at a time, and looks what becomes of the command."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import kuadrant
from kuadrant import log
from kuadrant.tasks import guarded

if TYPE_CHECKING:
    from collections.abc import Coroutine

_SOURCES = str(Path(kuadrant.__file__).parent)
SECONDS = 30.0


class BoomError(Exception):
    """A defect that nobody has thought of."""


class Command:
    """A command that runs in this event loop, and what it logs; use it as a context."""

    def __init__(self, command: Coroutine[Any, Any, int]) -> None:
        self._stream = io.StringIO()
        log.configure("info", "production", self._stream)
        self._command = command

    async def __aenter__(self) -> Self:
        self._before = asyncio.all_tasks()
        self.running = asyncio.create_task(guarded(self._command), name="the command")
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.running

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    @property
    def tasks(self) -> list[tuple[str, asyncio.Task[Any]]]:
        """Its tasks that are code of ours, by name, or by what they run."""
        found = []
        for task in asyncio.all_tasks() - self._before - {self.running}:
            code = getattr(task.get_coro(), "cr_code", None)
            if code is not None and code.co_filename.startswith(_SOURCES):
                name = task.get_name()
                found.append((code.co_qualname if name.startswith("Task-") else name, task))
        return found

    async def until_it_has(self, expected: set[str]) -> None:
        """Wait until these tasks are there, and no others."""
        try:
            async with asyncio.timeout(SECONDS):
                while self._names != expected:
                    assert not self.running.done(), self.lines
                    await asyncio.sleep(0.01)  # tasks tell nobody that they begin
        except TimeoutError:
            raise AssertionError((self._names, self.lines)) from None

    async def kill(self, victim: str) -> None:
        """Have what the task awaits fail."""
        async with asyncio.timeout(SECONDS):
            while True:
                for name, task in self.tasks:
                    waiter = getattr(task, "_fut_waiter", None)
                    while isinstance(waiter, asyncio.Task):
                        waiter = getattr(waiter, "_fut_waiter", None)
                    if name == victim and waiter is not None and not waiter.done():
                        waiter.set_exception(BoomError("boom"))
                        return
                await asyncio.sleep(0)

    async def until_it_has_said_so(self, expected: set[str]) -> None:
        """Wait until the command has ended with 1, or has all tasks again.

        In either case it has logged the defect as an error.
        """
        try:
            async with asyncio.timeout(SECONDS):
                while not (self._told and (self.running.done() or self._names == expected)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # neither the log nor tasks tell anybody
        except TimeoutError:
            raise AssertionError((self._names, self.lines)) from None
        if self.running.done():
            assert self.running.result() == 1

    @property
    def _names(self) -> set[str]:
        return {name for name, _ in self.tasks}

    @property
    def _told(self) -> bool:
        return any(line["level"] == "error" and "boom" in json.dumps(line) for line in self.lines)
