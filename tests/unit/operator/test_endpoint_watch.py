"""Since when some endpoint of a Service is ready, by what is stored of its EndpointSlices."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

import httpx2
import msgspec
import pytest

from kuadrant.kube.kind import Deleted, StoredObject
from kuadrant.operator.core import kinds
from kuadrant.operator.endpoint_watch import EndpointWatch

KEY = ("ns", "slice")


class Watched:
    """A watch, told of slices as the API server would."""

    def __init__(self) -> None:
        self.changes = 0
        self.watch = EndpointWatch(httpx2.AsyncClient(), "app=istiod", self._changed)
        self._version = 0

    def _changed(self) -> None:
        self.changes += 1

    def say(self, *ready: bool | None) -> float | None:
        """Have a slice with these endpoints; return since when one is ready."""
        self._version += 1
        endpoints = [
            {"addresses": ["10.0.0.1"], "conditions": {} if one is None else {"ready": one}} for one in ready
        ]
        document: dict[str, Any] = {
            "metadata": {"name": KEY[1], "namespace": KEY[0]},
            "addressType": "IPv4",
            "endpoints": endpoints,
        }
        slice_ = msgspec.convert(document, kinds.ENDPOINT_SLICES.model)
        self._store([StoredObject(KEY, "1", str(self._version), slice_)])
        return self.watch.since

    def forget(self) -> float | None:
        self._version += 1
        self._store([Deleted(KEY, str(self._version))])
        return self.watch.since

    def _store(self, batch: list[Any]) -> None:
        self.watch._store.receive(kinds.ENDPOINT_SLICES, batch)


@pytest.mark.parametrize("ready", [True, None], ids=["ready", "nothing said, which means ready"])
async def test_it_is_ready_since_an_endpoint_was_first_seen_to_be(ready: bool | None) -> None:
    watched = Watched()
    assert watched.watch.since == -inf, "nothing is known"
    now = asyncio.get_running_loop().time()

    since = watched.say(False, ready)
    assert since == pytest.approx(now, abs=1)
    assert watched.say(ready, ready) == since, "it has not ceased to be"
    assert watched.changes == 1


async def test_without_a_ready_endpoint_it_is_not() -> None:
    watched = Watched()
    first = watched.say(True)

    assert watched.say(False) is None
    again = watched.say(True)
    assert again is not None
    assert first is not None
    assert again >= first
    assert watched.changes == 3


async def test_without_slices_it_cannot_be_told() -> None:
    watched = Watched()
    watched.say(False)

    assert watched.forget() == -inf
