"""Tests carried out against a real gateway in real time: one request at a time, each within a time-out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import httpx2
from msgspec import Struct
from msgspec.structs import replace

from kuadrant.policy_tests import FileResult, simulate
from kuadrant.policy_tests.moments import spelled_time
from kuadrant.policy_tests.observation import Observation
from kuadrant.policy_tests.real_run import MARGIN_MILLISECONDS, RealRun, body_length, judged, turns_of
from kuadrant.policy_tests.seen_request import target
from kuadrant.reference_model import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.policy_tests import CaseResult, PolicyTestFile
    from kuadrant.policy_tests.file_format import AskedRequest
    from kuadrant.policy_tests.schedule import Turn
    from kuadrant.policy_tests.simulated_gateway import SimulatedGateway
    from kuadrant.policy_tests.simulation import Simulated


class GatewayAwayError(Exception):
    """Nothing listens where the gateway should be, or it is none; the text says what was found."""


class Against(Struct, frozen=True):
    """A real gateway: how long it may take for an answer, and how long a test may wait, in milliseconds.

    ``now`` is a clock in seconds, and ``wait`` comes back after so many milliseconds.
    """

    url: httpx2.URL
    timeout: int
    longest_wait: int
    now: Callable[[], float]
    wait: Callable[[int], Awaitable[None]]


async def ask_gateway(
    tests: Iterable[tuple[PolicyTestFile, SimulatedGateway]], against: Against
) -> tuple[FileResult, ...]:
    """Return what becomes of ``tests`` at the gateway; the simulated ones tell which counters they need.

    Raises:
        GatewayAwayError: It cannot be connected to.
    """
    run = RealRun(against.longest_wait, _seen_from(against.url.host))
    found = []
    # No connection is used twice, as in the simulation; and nothing stands between us and the gateway.
    limits = httpx2.Limits(max_keepalive_connections=0)
    authorities = ssl.create_default_context()
    async with httpx2.AsyncClient(trust_env=False, limits=limits, timeout=None, verify=authorities) as client:
        for file, gateway in tests:
            cases = []
            for case in range(len(file.tests.tests)):
                simulated = simulate(file, case, gateway)
                turns = turns_of(file, case)
                if why := run.obstacle(turns, simulated, against.now()):
                    cases.append(replace(simulated.result, requests=0, misses=(), not_asked=why))
                    continue
                if left := run.wait(simulated, against.now()):
                    await against.wait(left)
                cases.append(await _case(client, file, case, simulated, against))
                run.counted(simulated, against.now())
            found.append(FileResult(file.path, tuple(cases)))
    return tuple(found)


async def _case(
    client: httpx2.AsyncClient, file: PolicyTestFile, case: int, simulated: Simulated, against: Against
) -> CaseResult:
    observations: dict[int, Sequence[Observation]] = {}
    for turn in turns_of(file, case):
        if turn.wait:
            await against.wait(turn.wait + MARGIN_MILLISECONDS)
        seen = observations[turn.step] = await _turn(client, turn, against)
        if seen[-1].status is None:  # what comes after it says nothing
            break
    return judged(file, case, simulated, observations, against.url.scheme)


def _seen_from(host: str) -> str:
    """Return the address from which the gateway at ``host`` sees us, if it is on this machine."""
    return host if host in ("127.0.0.1", "::1") else ""


async def _turn(client: httpx2.AsyncClient, turn: Turn, against: Against) -> list[Observation]:
    observations: list[Observation] = []
    for _ in range(turn.requests):
        observations.append(await _ask(client, turn.request, against))
        if observations[-1].status is None:
            break
    return observations


async def _ask(client: httpx2.AsyncClient, asked: AskedRequest, against: Against) -> Observation:
    request = _request(asked, against.url)
    try:
        async with asyncio.timeout(against.timeout / 1000):
            response = await client.send(request, stream=True)
            await response.aclose()
    except TimeoutError:
        return Observation(None, failure=f"no answer within {spelled_time(against.timeout)}")
    except httpx2.ConnectError as error:
        raise GatewayAwayError(f"{against.url} cannot be asked: {str(error) or 'no connection'}") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
        return Observation(None, failure=f"no answer: {str(error) or type(error).__name__}")
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
    return Observation(response.status_code, headers)


def _request(asked: AskedRequest, url: httpx2.URL) -> httpx2.Request:
    """Return the request with the headers that the test names and no others."""
    path = target(asked).encode("ascii")
    headers = (("host", asked.host), *asked.headers.items())
    place = httpx2.URL(scheme=url.scheme, host=url.host, port=url.port, raw_path=path)
    return httpx2.Request(
        asked.method,
        place,
        headers=[(name.encode(), value.encode()) for name, value in headers],
        content=bytes(body_length(asked) or 0) or None,
        extensions={"sni_hostname": Request(authority=asked.host).host},
    )
