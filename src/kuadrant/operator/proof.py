"""Proof that what gateways are to reach is there, by the name under which they reach it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from kuadrant.gateways.envoy import Address
    from kuadrant.gateways.module import Module

_SECONDS = 5.0
_LARGEST = 64 * 2**20


async def prove(module: Module) -> str:
    """Get the address; return what is wrong with the answer, empty if it is the module."""
    digest = hashlib.sha256()
    size = 0
    try:
        async with (
            httpx2.AsyncClient(
                timeout=_SECONDS, trust_env=False, headers={"User-Agent": "kuadrant-operator"}
            ) as client,
            client.stream("GET", module.url) as response,
        ):
            if response.status_code != 200:
                return f"{module.url} answers {response.status_code}"
            async for part in response.aiter_raw():
                size += len(part)
                if size > _LARGEST:
                    return f"{module.url} gives more than {_LARGEST} bytes"
                digest.update(part)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        return f"{module.url} cannot be reached: {str(error) or type(error).__name__}"
    if digest.hexdigest() != module.sha256:
        return f"{module.url} gives other bytes, of sha256 {digest.hexdigest()}"
    return ""


async def prove_reachable(address: Address) -> str:
    """Connect to the push server; return why that is not possible, empty if it is."""
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError) as error:
        return f"{address} cannot be reached: {str(error) or type(error).__name__}"
    writer.close()
    return ""
