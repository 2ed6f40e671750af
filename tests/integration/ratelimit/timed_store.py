"""A real store whose time a test chooses: its clock, and with it the end of all that it keeps."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from kuadrant.ratelimit import RateLimitService, RedisStore
from kuadrant.ratelimit.store_script import SCRIPT
from tests.unit.ratelimit.sequences import Call, key
from tests.unit.ratelimit.sides import Answer, WithoutRoom, decoded, encoded, without_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from kuadrant.api.limitador import Limit

# What the script asks the store for, at the moment of the call: the last arguments are that moment, in
# microseconds, and a number that all keys of one sequence of calls begin with. When keys end is kept beside
# them: what is over is as if it were not there, whatever the real time is. A real store forgets in the
# millisecond after that; so does this one, but that it is on time where the moment is a whole millisecond.
_TIMED: Final = """
local micros_now, apart, store = tonumber(ARGV[#ARGV - 1]), ARGV[#ARGV] .. ':', redis
local millis_now, ends = math.floor(micros_now / 1000), apart .. 'ends'
local function later(millis) return string.format('%.0f', math.ceil(micros_now / 1000) + millis) end
local function ends_at(key)
  local last = tonumber(store.call('HGET', ends, key) or nil)
  if last and last <= millis_now then
    store.call('DEL', key)
    store.call('HDEL', ends, key)
    return nil
  end
  return last
end
local redis = {call = function(command, name, first, second, third)
  if command == 'TIME' then return {math.floor(micros_now / 1000000), micros_now % 1000000} end
  local key = apart .. name
  local over = ends_at(key)
  if command == 'PTTL' then
    if over then return over - millis_now end
    return store.call('EXISTS', key) == 1 and -1 or -2
  elseif command == 'PEXPIRE' then
    return store.call('HSET', ends, key, later(first))
  elseif command == 'SET' then
    assert(second == 'PX')
    store.call('HSET', ends, key, later(third))
    return store.call('SET', key, first)
  elseif command == 'GET' or command == 'HGETALL' then
    return store.call(command, key)
  elseif command == 'INCRBY' or command == 'HDEL' then
    return store.call(command, key, first)
  end
  assert(command == 'HINCRBY')
  return store.call(command, key, first, second)
end}
"""


class TimedStore:
    """A store for many sequences of calls, each apart from the others and by a clock of its own.

    Calls that wait at the same time go there together.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sequences = count(1)
        self._waiting: list[tuple[asyncio.Future[Any], Sequence[Any]]] = []
        self._digest = ""

    async def load(self) -> None:
        """Give the store the script."""
        self._digest = await self._redis.script_load(_TIMED + SCRIPT)

    def sequence(self) -> Script:
        """A store of its own."""
        return Script(self, next(self._sequences))

    async def ask(self, words: Sequence[Any]) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, words))
        if len(self._waiting) == 1:
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def keys(self, pattern: str) -> set[bytes | str]:
        """The names of what is kept."""
        return {*await self._redis.keys(pattern)}

    async def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for _, words in waiting:
                    pipe.execute_command("EVALSHA", self._digest, *words)
                answers = await pipe.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001 - those who wait are told
            answers = [error] * len(waiting)
        for (waits, _), answer in zip(waiting, answers, strict=True):
            if isinstance(answer, Exception):
                waits.set_exception(answer)
            else:
                waits.set_result(answer)


class Script:
    """What stands in for the batches of a :class:`RedisStore`, at the moment ``now``, in microseconds."""

    def __init__(self, store: TimedStore, number: int) -> None:
        self.now = 0
        self._store = store
        self._number = number

    async def kept(self, pattern: str) -> set[bytes | str]:
        """The names of what is kept of this sequence."""
        return await self._store.keys(f"{self._number}:{pattern}")

    async def ask(self, _tenant: str, keys: Sequence[bytes], arguments: Sequence[Any]) -> Any:
        return await self._store.ask((len(keys), *keys, *arguments, self.now, self._number))


class InStore:
    """The service that counts in a store, at the moments of calls."""

    def __init__(self, timed: TimedStore, limits: Sequence[Limit], counter_bytes: int = 1 << 20) -> None:
        self._script = timed.sequence()
        self._store = RedisStore("redis://127.0.0.1:1", timeout=600.0)
        self._store.__dict__["_batches"] = self._script
        self._service = RateLimitService(limits, headers=True, counter_bytes=counter_bytes)

    async def ask(self, call: Call) -> Answer:
        return decoded(await self.raw(call))

    async def raw(self, call: Call) -> bytes:
        self._script.now = call.now
        return await self._service.decide_by_store(encoded(call), self._store)

    async def admitted(self, now: int, tries: int) -> int:
        answers = [await self.ask(Call(now, ((key(0), "1"),))) for _ in range(tries)]
        return sum(not limited for limited, _ in answers)

    async def shared_counters(self) -> set[bytes | str]:
        """The names of counters that values share."""
        return await self._script.kept("*+")

    @property
    def without_room(self) -> WithoutRoom:
        return without_room(self._service)
