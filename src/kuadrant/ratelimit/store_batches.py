"""Asks the store: questions that wait are sent together, and answered in one round trip.

Each is a script by itself, so they are counted as if they had come one after the other.
"""

from __future__ import annotations

import asyncio
from hashlib import sha1
from typing import TYPE_CHECKING

from redis.exceptions import NoScriptError, ResponseError

from kuadrant.ratelimit.call_turns import BusyError
from kuadrant.ratelimit.store_questions import Question, WaitingQuestions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import ConnectionPool
    from redis.asyncio.connection import AbstractConnection


class Batches:
    """Questions for the store: with what ``script`` is to run.

    At most ``connections`` batches are under way. What comes meanwhile waits, and tenants take turns. Who
    waits for longer than ``timeout`` seconds is refused, by himself.
    """

    def __init__(self, pool: ConnectionPool, script: str, *, connections: int, timeout: float) -> None:
        self._pool = pool
        self._script = script
        self._digest = sha1(script.encode(), usedforsecurity=False).hexdigest()
        self._free = connections
        self._timeout = timeout
        self._waiting = WaitingQuestions()
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_woken = False
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, tenant: str, keys: Sequence[bytes], arguments: Sequence[str | int]) -> object:
        """Return what the script answers.

        Raises:
            BusyError: It was not sent in time.
            RedisError, OSError, TimeoutError: There is no answer.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[object] = loop.create_future()
        self._waiting.add(Question(tenant, keys, arguments, loop.time() + self._timeout, answer))
        self._wake(loop)
        return await answer

    async def close(self) -> None:
        """Give up what is under way or waits."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        for question in self._waiting.take_all():
            question.answer.cancel()

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        # What has come in the same turn of the loop goes together.
        if self._free and not self._is_woken:
            self._is_woken = True
            loop.call_soon(self._send)

    def _send(self) -> None:
        self._is_woken = False
        loop = asyncio.get_running_loop()
        self._refuse_overdue(loop)
        while self._free and self._waiting:
            # Who is gone has nobody to be told.
            if batch := [question for question in self._waiting.take() if not question.answer.done()]:
                self._free -= 1
                task = loop.create_task(self._carry_out(batch))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        self._set_timer(loop)

    def _expire(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        self._refuse_overdue(loop)
        self._set_timer(loop)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and self._timer is None:
            self._timer = loop.call_at(self._waiting.earliest, self._expire)

    def _refuse_overdue(self, loop: asyncio.AbstractEventLoop) -> None:
        for question in self._waiting.take_overdue(loop.time()):
            text = f"with questions for domains of {question.tenant!r} among others"
            _give(question, BusyError(f"the store of the counters is busy, {text}"))

    async def _carry_out(self, batch: Sequence[Question]) -> None:
        answers: Sequence[object]
        try:
            async with asyncio.timeout(self._timeout):
                answers = await self._answers(batch)
        except Exception as error:  # noqa: BLE001 - whoever asked is told what it was
            answers = [error] * len(batch)
        except BaseException:
            for question in batch:
                question.answer.cancel()
            raise
        finally:
            self._free += 1
        for question, answer in zip(batch, answers, strict=True):
            _give(question, answer)
        self._wake(asyncio.get_running_loop())

    async def _answers(self, batch: Sequence[Question]) -> list[object]:
        connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            answers = await self._asked(connection, batch)
            unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                await connection.send_command("SCRIPT", "LOAD", self._script)
                await connection.read_response()
                again = await self._asked(connection, [batch[place] for place in unknown])
                for place, answer in zip(unknown, again, strict=True):
                    answers[place] = answer
        except BaseException:
            # What comes on it later answers nothing that is asked then.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)
        return answers

    async def _asked(self, connection: AbstractConnection, batch: Sequence[Question]) -> list[object]:
        commands = [
            piece
            for question in batch
            for piece in connection.pack_command(
                "EVALSHA", self._digest, len(question.keys), *question.keys, *question.arguments
            )
        ]
        await connection.send_packed_command(commands, check_health=False)
        return [await _response(connection) for _ in batch]


async def _response(connection: AbstractConnection) -> object:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _give(question: Question, answer: object) -> None:
    if question.answer.done():
        return
    if isinstance(answer, Exception):
        question.answer.set_exception(answer)
    else:
        question.answer.set_result(answer)
