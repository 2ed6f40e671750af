"""The task that waits for the store of the counters never ends unnoticed.

Without it the store would never be asked again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kuadrant.ratelimit.redis_store import RedisStore

if TYPE_CHECKING:
    import pytest


async def test_a_recovery_that_fails_by_a_defect_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    store = RedisStore("redis://127.0.0.1:1/0")
    checks = 0

    async def check() -> None:
        nonlocal checks
        checks += 1
        if checks == 1:
            raise ValueError("boom")

    monkeypatch.setattr(store, "check", check)
    try:
        store._fail("it is away")
        async with asyncio.timeout(20):
            while store.problem is not None:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
    finally:
        await store.close()

    assert checks == 2
