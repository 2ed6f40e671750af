from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.operator.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Have what reconciles run in virtual time."""
    return {"virtual": VirtualTimeLoop}
