"""An honest tenant alone, beside a hostile one, and beside one who only sends.

What becomes of his requests and edits. Who only sends does so to routes without policies: as much as the
hostile one was answered, and then on as many connections without a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx2

from tests import tenants
from tests.tenants import DEAR, HONEST, HOSTILE, PLAIN, host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tests.tenants import Document

CONNECTIONS = 20
HONEST_CONNECTIONS, HONEST_RATE = 4, 100
BETWEEN_EDITS = 0.1
"""Seconds between edits of the hostile tenant, and of the honest one after his former edit holds."""
MOST_SECONDS = 30.0
NO_ANSWER = 0
HOSTILE_CLIENTS = {
    "namespace": HOSTILE,
    "names": list(DEAR),
    "connections": CONNECTIONS,
    "rate": 0,
    "nice": 10,
}
"""As fast as they are answered.

They give way, since in earnest they take no time of the machines that answer.
"""


class Place(Protocol):
    """Where both tenants are: a folder, or a cluster."""

    address: str
    port: int
    gateway: Document
    backend: Document

    async def put(self, documents: Iterable[Document]) -> None:
        """Have these objects, whatever they were before."""

    async def remove(self, documents: Iterable[Document]) -> None:
        """Have them no more."""


class Phase:
    """One part of a run: who sends and edits meanwhile, and what was seen."""

    def __init__(self, place: Place, client: httpx2.AsyncClient, name: str) -> None:
        self._place = place
        self._client = client
        self._name = name
        self.edits: list[float] = []
        self.theirs = 0
        self.wrong: dict[str, int] = {}

    async def run(self, seconds: float, others: dict[str, Any] | None, *, edits: bool) -> dict[str, Any]:
        """What was seen in so many seconds, beside these clients and the hostile tenant's ``edits``."""
        own = {"namespace": HONEST, "names": ["counted"], "connections": HONEST_CONNECTIONS}
        own |= {"rate": HONEST_RATE, "user": self._name}
        async with contextlib.AsyncExitStack() as stack:
            said = [
                await stack.enter_async_context(clients(self._place, group))
                for group in (own, others)
                if group
            ]
            editing = asyncio.create_task(self._edit_without_end()) if edits else None
            used = processors_used()
            await self._edit_for(seconds)
            busy, whole = (now - before for now, before in zip(processors_used(), used, strict=True))
            if editing is not None:
                editing.cancel()
                await asyncio.wait((editing,))
        honest, *rest = (one for found in said for one in found.values())
        times = sorted(self.edits)
        return {
            "honest": honest,
            "others": rest[0] if rest else {},
            "edits": len(times),
            "edit p50": round(times[len(times) // 2], 3),
            "edit longest": round(times[-1], 3),
            "edits of others": self.theirs,
            "busy": round(busy / whole, 2),
            "wrong": self.wrong,
        }

    async def _edit_for(self, seconds: float) -> None:
        began = time.monotonic()
        # An even number of them, so that the policy is open again.
        for number in itertools.count(1):
            if number % 2 and time.monotonic() - began > seconds:
                return
            edited = time.monotonic()
            await self.edit(number)
            if not await self.meets("edited", 429 if number % 2 else 200):
                self._note("not in force in time")
            self.edits.append(time.monotonic() - edited)
            await asyncio.sleep(BETWEEN_EDITS)

    async def edit(self, number: int) -> None:
        """Give the honest tenant's policy that is edited its limits after so many edits."""
        await self._place.put([tenants.policy(HONEST, "edited", tenants.edited(number))])

    async def _edit_without_end(self) -> None:
        for number in itertools.count(1):
            documents = tenants.hostile(number)
            await self._place.put([documents[number % len(documents)]])
            self.theirs += 1
            await asyncio.sleep(BETWEEN_EDITS)

    async def meets(self, name: str, wanted: int, namespace: str = HONEST, *, at_first: bool = False) -> bool:
        """Wait until requests of a route meet a status; whether they do so in time."""
        deadline = time.monotonic() + MOST_SECONDS
        url = f"http://{self._place.address}:{self._place.port}/"
        while (status := await self._status(url, host(namespace, name))) != wanted:
            if status not in (200, 429) and not at_first:
                self._note(str(status))
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.002)
        return True

    async def _status(self, url: str, named: str) -> int:
        headers = {"host": named, "x-user": tenants.NOBODY, "x-id": "0"} | {
            f"x-{one}": "v" for one in range(6)
        }
        try:
            return (await self._client.get(url, headers=headers)).status_code
        except httpx2.TransportError:
            return NO_ANSWER

    def _note(self, what: str) -> None:
        self.wrong[what] = self.wrong.get(what, 0) + 1


@contextlib.asynccontextmanager
async def clients(place: Place, group: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Clients in a process of their own; afterwards what they saw stands in what is given."""
    words = ("-m", "tests.tenant_clients", place.address, str(place.port), json.dumps([group]))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdin=pipe, stdout=pipe)
    found: dict[str, Any] = {}
    try:
        yield found
        output, _ = await process.communicate(b"")  # its input ends
        found.update(json.loads(output))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def measure(place: Place, seconds: float) -> dict[str, Any]:
    """What the honest tenant meets in each part of a run, each so many seconds long."""
    gateway, backend = place.gateway, place.backend
    routes = [tenants.route(HONEST, name, gateway, backend) for name in ("counted", "edited")]
    plain = [tenants.route(PLAIN, name, gateway, backend) for name in DEAR]
    theirs = [tenants.route(HOSTILE, name, gateway, backend) for name in DEAR]
    result = {}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        at_first = Phase(place, client, "at first")
        try:
            await place.put([*routes, *tenants.honest()])
            assert await at_first.meets("counted", 429, at_first=True)
            assert await at_first.meets("edited", 200, at_first=True)
            result["alone"] = await Phase(place, client, "alone").run(seconds, None, edits=False)
            await place.put([*theirs, *tenants.hostile()])
            for name in DEAR:
                await at_first.meets(name, 200, HOSTILE, at_first=True)
            result["beside"] = await Phase(place, client, "beside").run(seconds, HOSTILE_CLIENTS, edits=True)
            await place.remove([*theirs, *tenants.hostile()])
            await place.put(plain)
            for name in DEAR:
                await at_first.meets(name, 200, PLAIN, at_first=True)
            for name, rate in (("as much", result["beside"]["others"]["rate"]), ("as many", 0)):
                same = HOSTILE_CLIENTS | {"namespace": PLAIN, "rate": rate}
                result[name] = await Phase(place, client, name).run(seconds, same, edits=False)
        finally:
            await place.remove([*routes, *tenants.honest(), *theirs, *tenants.hostile(), *plain])
    return result


def processors_used() -> tuple[int, int]:
    """How long the machine's processors were busy since it was started, and how long they have been."""
    of_all, *_ = Path("/proc/stat").read_text().splitlines()
    user, nice, system, idle, waiting, *others = map(int, of_all.split()[1:9])
    busy = user + nice + system + sum(others)
    return busy, busy + idle + waiting


def wrong(result: dict[str, Any]) -> list[str]:
    """What may be on no machine.

    A limit that is not exact, an answer that is neither, an edit that never holds.
    """
    found = []
    for name, phase in result.items():
        statuses = phase["honest"]["statuses"]
        sent = sum(statuses.values())
        if statuses != {
            "200": min(sent, tenants.MOST),
            **({"429": sent - tenants.MOST} if sent > tenants.MOST else {}),
        }:
            found.append(f"{name}: {tenants.MOST} are admitted of {sent}: {statuses}")
        if phase["honest"]["broken"]:
            found.append(f"{name}: {phase['honest']['broken']} requests without an answer")
        found += [f"{name}: {number} times: {what}" for what, number in phase["wrong"].items()]
    return found


def shown(result: dict[str, Any]) -> str:
    """A table of it; ratios are to the first line."""
    alone = result["alone"]
    rows: list[tuple[Any, ...]] = [
        (
            "",
            "admitted",
            "of",
            "5xx",
            "p50 ms",
            "p99 ms",
            "ratio",
            "edit p50 s",
            "ratio",
            "longest",
            "others/s",
            "their 5xx",
            "their edits",
            "busy",
        )
    ]
    for name, phase in result.items():
        honest, others = phase["honest"], phase["others"]
        rows.append(
            (
                name,
                honest["statuses"].get("200", 0),
                tenants.MOST,
                _failed(honest),
                honest["p50"],
                honest["p99"],
                round(honest["p99"] / alone["honest"]["p99"], 2),
                phase["edit p50"],
                round(phase["edit p50"] / alone["edit p50"], 2),
                phase["edit longest"],
                others.get("rate", 0),
                _failed(others),
                phase["edits of others"],
                phase["busy"],
            )
        )
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(str(cell).rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


def _failed(seen: dict[str, Any]) -> int:
    return sum(number for status, number in seen.get("statuses", {}).items() if status.startswith("5"))
