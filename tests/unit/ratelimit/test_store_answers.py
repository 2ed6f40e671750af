"""What a store answers is believed if it is the answer to what was asked, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api.limitador import Limit
from kuadrant.envoy_api import message
from kuadrant.ratelimit import RateLimitService, RedisStore, StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
ASKED = bytes(
    REQUEST(domain="n", descriptors=[{"entries": [{"key": "a", "value": "1"}]}]).SerializeToString()
)
LIMITS = (Limit(namespace="n", max_value=2, seconds=60),)
ADMITTED = b"*5\r\n:0\r\n:1\r\n:60000\r\n:0\r\n:%d\r\n"
DENIED = b"*5\r\n:1\r\n:2\r\n:60000\r\n:0\r\n:%d\r\n"


class Strange:
    """Something that speaks Redis as far as the first question, and then says ``answer``."""

    def __init__(self) -> None:
        self.answer = b""
        self.asked = 0
        self.in_time = asyncio.Event()
        self.in_time.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(65536):
                words = self._words(data)
                if b"EVALSHA" in data.upper():
                    await self.in_time.wait()
                writer.write(words)

    def _words(self, data: bytes) -> bytes:
        data = data.upper()
        if b"EVALSHA" in data:
            self.asked += 1
            return self.answer % self.asked if b"%d" in self.answer else self.answer
        if b"HELLO" in data:
            return b"%1\r\n$5\r\nproto\r\n:3\r\n" + b"+OK\r\n" * data.count(b"SETINFO")
        if b"MEMORY" in data:
            return b"-ERR you may not\r\n"
        return b"+PONG\r\n" if b"PING" in data else b"+OK\r\n" * data.count(b"CLIENT")


@contextlib.asynccontextmanager
async def asking(strange: Strange, seconds: float = 30.0) -> AsyncIterator[Any]:
    server = await asyncio.start_server(strange.serve, "127.0.0.1", 0)
    store = RedisStore(f"redis://u:s3cret@127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout=seconds)
    service = RateLimitService(LIMITS)

    async def ask() -> str:
        answer = RESPONSE.FromString(await service.decide_by_store(ASKED, store))
        return {RESPONSE.OK: "admitted", RESPONSE.OVER_LIMIT: "denied"}[answer.overall_code]

    try:
        yield ask
    finally:
        await store.close()
        server.close()


async def test_the_answer_to_the_question_is_believed() -> None:
    strange = Strange()
    async with asking(strange) as ask:
        strange.answer = ADMITTED
        assert await ask() == "admitted"
        strange.answer = DENIED
        assert await ask() == "denied"


@pytest.mark.parametrize(
    "answer",
    [
        b"+OK\r\n",
        b":0\r\n",
        b"_\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"*4\r\n:0\r\n:1\r\n:60000\r\n:%d\r\n",
        b"*5\r\n:0\r\n:1\r\n:60000\r\n:0\r\n:7\r\n",
        b"*5\r\n:2\r\n:1\r\n:60000\r\n:0\r\n:%d\r\n",
        b"*5\r\n:-1\r\n:1\r\n:60000\r\n:0\r\n:%d\r\n",
        b"*5\r\n:0\r\n:-9\r\n:60000\r\n:0\r\n:%d\r\n",
        b"*5\r\n#f\r\n#t\r\n:60000\r\n:0\r\n:%d\r\n",
        b"*5\r\n,0.5\r\n,nan\r\n,inf\r\n:0\r\n:%d\r\n",
        b"*5\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n9\r\n$1\r\n0\r\n:%d\r\n",
        b"*7\r\n:0\r\n:1\r\n:60000\r\n:0\r\n:1\r\n:1\r\n:%d\r\n",
        b":one\r\n",
        b"$-5\r\n",
        b"*1\r\n" * 5000 + b":1\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_what_is_no_answer_to_it_is_an_error_that_says_so(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    strange = Strange()
    async with asking(strange) as ask:
        strange.answer = answer
        with caplog.at_level(logging.ERROR), pytest.raises(StoreError) as told:
            await ask()

    assert str(told.value).startswith("the store of the counters: ")
    assert "s3cret" not in str(told.value) + caplog.text
    assert "Traceback" not in caplog.text


async def test_an_answer_too_many_is_not_taken_for_that_to_the_next_question() -> None:
    """It admitted what the store denies."""
    strange = Strange()
    async with asking(strange) as ask:
        strange.answer = ADMITTED.replace(b"%d", b"1") * 2
        assert await ask() == "admitted"
        strange.answer = DENIED
        with pytest.raises(StoreError):
            await ask()
        assert await ask() == "denied"


async def test_an_answer_that_comes_too_late_admits_nothing_then_or_later() -> None:
    """Of a store that is slow, not away: it answers whether it is there, and counts after seconds."""
    strange = Strange()
    async with asking(strange, seconds=1.0) as ask:
        strange.answer = ADMITTED
        strange.in_time.clear()
        asked = 0
        while asked < 3:
            with pytest.raises(StoreError):
                await ask()
            # It is asked again when it has answered that it is there.
            asked = strange.asked
            await asyncio.sleep(0.01)

        strange.in_time.set()
        strange.answer = DENIED
        said = ""
        while not said:
            with contextlib.suppress(StoreError):
                said = await ask()
            await asyncio.sleep(0.01)
        assert said == "denied"
