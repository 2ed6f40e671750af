"""Counters in a Redis or Valkey, which several processes share.

The rule of ``kuadrant.ratelimit.counters`` in one script (``kuadrant.ratelimit.store_script``).

A fixed window is a number that the store forgets when it is over; which requests it counts is in its name,
so that every process finds the same ones. The store has to keep what it holds (``maxmemory-policy
noeviction``): a counter that it throws away begins anew. Counters with values have a bound, which is divided
among tenants and limits: half of the memory that the store may take, if it says so.

Without an answer nothing is decided (``StoreError``): the caller's failure mode decides. Whether such a
request was counted is not known. It is not asked again, since it could be counted twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from kuadrant.api.algorithm import FIXED_WINDOW
from kuadrant.ratelimit.call_turns import BusyError
from kuadrant.ratelimit.counter_windows import SlidingWindow
from kuadrant.ratelimit.counters import Standing
from kuadrant.ratelimit.log_pace import LogPace
from kuadrant.ratelimit.retry_after import LONGEST_SECONDS
from kuadrant.ratelimit.store_address import AddressError, parse
from kuadrant.ratelimit.store_batches import Batches
from kuadrant.ratelimit.store_script import SCRIPT
from kuadrant.tasks import keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.ratelimit.counters import Ask, LimitCounters
    from kuadrant.ratelimit.store_room import StoreRoom

_LOGGER = logging.getLogger(__name__)

_CONNECTIONS: Final = 4
_RECOVERY_SECONDS: Final = 0.1
# The script's numbers are floating point: exact up to here, which is beyond any use.
_MOST: Final = 2**53
_LONGEST_MILLISECONDS: Final = LONGEST_SECONDS * 1000


class StoreError(Exception):
    """The store cannot be asked, or gave no answer in time; the text says why and holds no secret."""


class Counted(NamedTuple):
    """Says what became of a request: the first counter that denied it, and where those stand that could.

    ``without_room`` are the ones that are not enforced and would have.
    """

    denied: Ask | None
    standings: list[Standing]
    without_room: list[Ask]


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
            # One more is for who asks whether the store is there.
            max_connections=_CONNECTIONS + 1,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            **options,
        )
        self._batches = Batches(pool, SCRIPT, connections=_CONNECTIONS, timeout=timeout)
        self._redis = Redis(connection_pool=pool)
        self._recovering: asyncio.Task[None] | None = None
        self._sparingly = LogPace()
        self._numbers = count(1)
        self._bound: int | None = None
        self.problem: str | None = None
        """Why the store cannot be asked; None as far as is known that it can."""

    async def check(self) -> None:
        """Ask whether the store is there, and how much memory it may take.

        Raises:
            StoreError: it is not, or does not let us in.
        """
        try:
            await self._redis.ping()
            self._bound = await self._half_of_memory()
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(_text(error)) from None

    async def _half_of_memory(self) -> int | None:
        """Return half of what the store may take; None if it has no bound or does not say."""
        try:
            most = (await self._redis.info("memory")).get("maxmemory")
        except ResponseError:  # a proxy, or a user who may not ask
            return None
        except (RedisError, OSError, TimeoutError):
            raise
        except Exception:  # noqa: BLE001 - what is no answer of a store fails in the library in many ways
            return None
        return most // 2 if isinstance(most, int) and most > 0 else None

    async def check_and_add(self, asks: Sequence[Ask], tenant: str, room: StoreRoom) -> Counted:
        """Count the hits of all ``asks``, or none of them.

        Of those that are not enforced the ones that have no room are left out.

        Questions that wait go together, and their tenants take turns. A new value of a limit that has
        no ``room`` in the store shares a counter.

        Raises:
            StoreError: it is not known.
            BusyError: it was not asked in time; nothing is counted.
        """
        if self.problem is not None:
            raise StoreError(self.problem)
        reserve, common, guaranteed = room.parts(asks, tenant, self._bound)
        keys: list[bytes] = []
        number = next(self._numbers)
        arguments: list[str | int] = [tenant, reserve, common, number]
        buckets: list[int] = []
        for ask, own in zip(asks, guaranteed, strict=True):
            name = ask.counters.store_name or _name(ask.counters)
            keys.append((name if ask.values is None else name + ask.values.text).encode())
            length = 0 if ask.values is None else len(name.encode())
            most, hits, kind = min(ask.max_value, _MOST), min(ask.hits, _MOST + 1), _kind(ask)
            flag = kind if ask.enforced else f"{kind.lower()}{'+' if ask.soft else ''}"
            arguments += (most, hits, _milliseconds(ask), length, own, flag)
            if kind == "T":
                buckets += (ask.rate, *_time(ask, ask.max_value), *_time(ask, min(ask.hits, ask.max_value)))
        arguments += buckets
        try:
            answer = await self._batches.ask(tenant, keys, arguments)
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
        if not _is_answer(answer, asks, number):
            raise await self._strange()
        return _counted(answer, asks, tenant, room)

    async def look(self, asks: Sequence[Ask], tenant: str, room: StoreRoom) -> list[Standing]:
        """Return where the counters of ``asks`` stand; nothing is counted.

        Raises:
            StoreError: it is not known.
            BusyError: it was not asked in time.
        """
        if not asks:
            return []
        # Where one has no room nothing is counted: here that is one which never has any.
        never = asks[0]._replace(max_value=0, rate=0)
        return (await self.check_and_add((never, *asks), tenant, room)).standings[1:]

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
        await self._batches.close()
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


def _is_answer(answer: object, asks: Sequence[Ask], number: int) -> TypeGuard[Sequence[int]]:
    """Tell whether this is what the script answers to the question ``number`` about these counters."""
    counters = len(asks)
    stand = 1 + 3 * counters
    least = stand + sum(not ask.enforced for ask in asks) + 1
    return (
        isinstance(answer, list)
        and least <= len(answer) <= least + 2 * counters
        and (len(answer) - least) % 2 == 0
        and all(type(one) is int and one >= 0 for one in answer)
        and answer[0] <= counters
        and all(one <= 1 for one in answer[stand : least - 1])
        and all(
            0 < position <= counters and asks[position - 1].values is not None
            for position in answer[least - 1 : -1 : 2]
        )
        and answer[-1] == number
    )


def _counted(answer: Sequence[int], asks: Sequence[Ask], tenant: str, room: StoreRoom) -> Counted:
    """Read what the script answers, and tell ``room`` of the counters that were opened."""
    watched = [ask for ask in asks if not ask.enforced]
    stand = 1 + 3 * len(asks)
    _note_opened(answer[stand + len(watched) : -1], asks, tenant, room)
    return Counted(
        denied=asks[answer[0] - 1] if answer[0] else None,
        standings=[
            _standing(ask, *answer[3 * index + 1 : 3 * index + 4])
            for index, ask in enumerate(asks)
            if ask.enforced
        ],
        without_room=[one for one, is_full in zip(watched, answer[stand:], strict=False) if is_full],
    )


def _kind(ask: Ask) -> str:
    """Return how the script is to count; in a bucket that never gets a token nothing has room."""
    if ask.counters.moving is None:
        return "F"
    if ask.counters.moving is SlidingWindow:
        return "S"
    return "T" if ask.rate else "N"


def _milliseconds(ask: Ask) -> int:
    """The length of the window, or the time in which a bucket fills if that is longer."""
    whole = ask.counters.seconds * 1000
    if _kind(ask) == "T":
        whole = max(whole, -(-ask.max_value * whole // ask.rate))
    return min(whole, _LONGEST_MILLISECONDS)


def _time(ask: Ask, tokens: int) -> tuple[int, int]:
    """The time in which so many tokens come: whole microseconds, and the rest in parts of the rate."""
    return divmod(tokens * ask.counters.seconds * 1_000_000, ask.rate)


def _standing(ask: Ask, first: int, second: int, room: int) -> Standing:
    """Return where a counter stands, from the three numbers that the script returns of it."""
    kind, most = _kind(ask), ask.max_value
    if kind == "T":
        token = ask.counters.seconds * 1_000_000
        missing = first * ask.rate + second
        left = max(0, most + -missing // token)
        wait = max(0, -(-(missing - (most - ask.hits) * token) // ask.rate)) / 1_000_000
        reset = missing / ask.rate / 1_000_000
    else:
        left = max(0, most - first)
        reset = second / (1000 if kind == "F" else 1_000_000)
        # The store forgets a window in the millisecond after its last one.
        wait = room / 1_000_000 if kind == "S" else 0.0 if ask.hits <= left else reset + 0.001
    return Standing(ask, left, reset, None if ask.hits > most else wait)


def _note_opened(opened: Sequence[int], asks: Sequence[Ask], tenant: str, room: StoreRoom) -> None:
    """Tell ``room`` of the counters that were opened: positions, each with the use of its limit."""
    if opened:
        now = asyncio.get_running_loop().time()
        for position, used in zip(opened[::2], opened[1::2], strict=True):
            room.note(asks[position - 1], tenant, used, now)


def _text(error: Exception) -> str:
    return f"the store of the counters: {str(error) or type(error).__name__}"


def _name(counters: LimitCounters) -> str:
    """The name of a limit's counters, kept with them.

    Those of one namespace are in one slot of a cluster of stores.
    """
    namespace, seconds, conditions, variables, algorithm = counters.identity
    parts = (seconds, sorted(conditions), sorted(variables))
    content = msgspec.json.encode(parts if algorithm == FIXED_WINDOW else (*parts, algorithm))
    counters.store_name = f"kuadrant:{{{namespace}}}:{blake2b(content, digest_size=12).hexdigest()}"
    return counters.store_name
