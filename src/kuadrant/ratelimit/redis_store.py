"""Counters in a Redis or Valkey, which several processes share.

The rule of ``kuadrant.ratelimit.counters`` in one script.

A script runs alone, so nothing comes between the check of all counters of a request and their increase. A
counter is a number that the store forgets when its window is over; which requests it counts is in its name,
so that every process finds the same ones. The store has to keep what it holds (``maxmemory-policy
noeviction``): a counter that it throws away begins anew.

Without an answer nothing is decided (``StoreError``): the caller's failure mode decides. Whether such a
request was counted is not known. It is not asked again, since it could be counted twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Final

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from kuadrant.ratelimit.counters import Standing
from kuadrant.ratelimit.log_pace import LogPace
from kuadrant.ratelimit.store_address import AddressError, parse
from kuadrant.ratelimit.store_queue import Gate
from kuadrant.ratelimit.turns import BusyError
from kuadrant.tasks import keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.ratelimit.counters import Ask, LimitCounters

_LOGGER = logging.getLogger(__name__)

_CONNECTIONS: Final = 32
_RECOVERY_SECONDS: Final = 0.1
# The script's numbers are floating point: exact up to here, which is beyond any use.
_MOST: Final = 2**53
_LONGEST_MILLISECONDS: Final = 100 * 366 * 24 * 3600 * 1000

# KEYS are the counters; ARGV has the most, the hits and the window in milliseconds for each of them, and a
# number to know the answer by. Returns the position of the first counter that has no room (0 if all have),
# then hits and milliseconds left of each, then that number. A counter that would outlive its window (the
# store's clock went back, or somebody took its end away) is over a window from now.
_SCRIPT: Final = """
local denied = 0
local hits, left = {}, {}
for i, key in ipairs(KEYS) do
  hits[i] = tonumber(redis.call('GET', key) or 0)
  left[i] = redis.call('PTTL', key)
  local window = tonumber(ARGV[3 * i])
  if window > 0 and (left[i] > window or left[i] == -1) then
    redis.call('PEXPIRE', key, ARGV[3 * i])
    left[i] = window
  end
  if denied == 0 and hits[i] + tonumber(ARGV[3 * i - 1]) > tonumber(ARGV[3 * i - 2]) then denied = i end
end
local answer = {denied}
for i, key in ipairs(KEYS) do
  local add, window = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  if denied == 0 and add > 0 and window > 0 then
    hits[i] = hits[i] + add
    if left[i] > 0 then
      redis.call('INCRBY', key, ARGV[3 * i - 1])
    else
      redis.call('SET', key, ARGV[3 * i - 1], 'PX', ARGV[3 * i])
      hits[i], left[i] = add, window
    end
  end
  if left[i] <= 0 then left[i] = window end
  answer[2 * i], answer[2 * i + 1] = hits[i], left[i]
end
answer[2 * #KEYS + 2] = tonumber(ARGV[3 * #KEYS + 1])
return answer
"""


class StoreError(Exception):
    """The store cannot be asked, or gave no answer in time; the text says why and holds no secret."""


class RedisStore:
    """The counters in the store at ``url``.

    That is ``redis://`` or ``rediss://``, with user and password if it wants them.

    An answer that takes longer than ``timeout`` seconds is none. After a failure every request is refused at
    once until the store answers again, which is tried ten times a second. A store that answers that it does
    not count (its memory is full, it is a replica) is asked again: where a counter has no room it can tell.

    Raises:
        StoreError: ``url`` is not such an address (``kuadrant.ratelimit.store_address``).
    """

    def __init__(self, url: str, *, timeout: float = 0.25) -> None:
        try:
            address = parse(url)
        except AddressError as error:
            raise StoreError(f"the address of the store {error}") from None
        options = address.options() | ({"connection_class": SSLConnection} if address.tls else {})
        pool = BlockingConnectionPool(
            max_connections=_CONNECTIONS,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            **options,
        )
        self._gate = Gate(_CONNECTIONS, timeout)
        self._redis = Redis(connection_pool=pool)
        self._script = self._redis.register_script(_SCRIPT)
        self._recovering: asyncio.Task[None] | None = None
        self._sparingly = LogPace()
        self._numbers = count(1)
        self.problem: str | None = None
        """Why the store cannot be asked; None as far as is known that it can."""

    async def check(self) -> None:
        """Ask whether the store is there.

        Raises:
            StoreError: it is not, or does not let us in.
        """
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(_text(error)) from None

    async def check_and_add(self, asks: Sequence[Ask], tenant: str = "") -> tuple[Ask | None, list[Standing]]:
        """Count the hits of all ``asks``, or none of them.

        Return the first without room and where all stand afterwards.

        Where more want to ask than there are connections, tenants take turns.

        Raises:
            StoreError: it is not known.
            BusyError: there was no connection in time; nothing is counted.
        """
        if self.problem is not None:
            raise StoreError(self.problem)
        numbers: list[int] = []
        for ask in asks:
            milliseconds = min(ask.counters.seconds * 1000, _LONGEST_MILLISECONDS)
            numbers += (min(ask.max_value, _MOST), min(ask.hits, _MOST + 1), milliseconds)
        number = next(self._numbers)
        try:
            async with self._gate.through(tenant):
                answer = await self._script(keys=[_key(ask) for ask in asks], args=[*numbers, number])
        except BusyError:
            raise
        except ResponseError as error:
            self._tell_refusal(_text(error))
            raise StoreError(_text(error)) from None
        except (RedisError, OSError, TimeoutError) as error:
            self._fail(_text(error))
            raise StoreError(_text(error)) from None
        except Exception:  # noqa: BLE001 - what is no answer of a store fails in the library in many ways
            raise await self._strange() from None
        if not _is_answer(answer, len(asks), number):
            raise await self._strange()
        standings = [
            Standing(ask, max(0, ask.max_value - hits), left / 1000)
            for ask, hits, left in zip(asks, answer[1:-1:2], answer[2::2], strict=True)
        ]
        return (asks[answer[0] - 1] if answer[0] else None), standings

    async def _strange(self) -> StoreError:
        """Return the error of an answer that is none to our question.

        Where it came from there may be more: no connection from before is used again.
        """
        problem = "the store of the counters: its answer is none to what was asked; is it a Redis or Valkey?"
        self._tell_refusal(problem)
        with contextlib.suppress(RedisError, OSError):
            await self._redis.connection_pool.disconnect(inuse_connections=False)
        return StoreError(problem)

    async def close(self) -> None:
        """Close all connections."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    def _tell_refusal(self, problem: str) -> None:
        if self._sparingly.may("refusal", asyncio.get_running_loop().time()):
            _LOGGER.error("the store does not count, what it decides about is refused: %s", problem)

    def _fail(self, problem: str) -> None:
        self.problem = problem
        if self._recovering is None or self._recovering.done():
            _LOGGER.error("the store does not answer, what it decides about is refused: %s", problem)
            self._recovering = asyncio.get_running_loop().create_task(
                keep("the recovery of the store", self._recover, ends=True)
            )

    async def _recover(self) -> None:
        """Try until the store answers; the connections from before are not used again."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.connection_pool.disconnect(inuse_connections=False)
        while True:
            try:
                await self.check()
            except StoreError as error:
                self.problem = str(error)
                await asyncio.sleep(_RECOVERY_SECONDS)
            else:
                break
        self.problem = None
        _LOGGER.warning("the store answers again")


def _is_answer(answer: object, counters: int, number: int) -> bool:
    """Whether this is what the script answers to the question ``number`` about so many counters."""
    return (
        isinstance(answer, list)
        and len(answer) == 2 * counters + 2
        and all(type(one) is int and one >= 0 for one in answer)
        and answer[0] <= counters
        and answer[-1] == number
    )


def _text(error: Exception) -> str:
    return f"the store of the counters: {str(error) or type(error).__name__}"


def _key(ask: Ask) -> str:
    counters = ask.counters
    name = counters.store_name or _name(counters)
    return name if ask.values is None else name + ask.values.text


def _name(counters: LimitCounters) -> str:
    """The name of a limit's counters, kept with them.

    Those of one namespace are in one slot of a cluster of stores.
    """
    namespace, seconds, conditions, variables = counters.identity
    content = msgspec.json.encode((seconds, sorted(conditions), sorted(variables)))
    counters.store_name = f"kuadrant:{{{namespace}}}:{blake2b(content, digest_size=12).hexdigest()}"
    return counters.store_name
