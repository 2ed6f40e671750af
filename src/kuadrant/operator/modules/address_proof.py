"""Proves that gateways can reach what they are to reach, by the name under which they reach it.

When it is tried is in ``module_supply``, how often in ``core/times``, what follows in ``module_rollout``.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from kuadrant.gateways.envoy import Address
from kuadrant.operator.core.times import PROOF_SECONDS, PROOF_SILENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.service import EndpointSlice
    from kuadrant.gateways.module_address import ModuleAddress

_LARGEST = 64 * 2**20


def endpoints(slices: Iterable[EndpointSlice]) -> tuple[Address, ...]:
    """Return where the replicas answer that a Service sends requests to, in order."""
    found = {
        Address(address, port.port)
        for one in slices
        for endpoint in one.endpoints
        if endpoint.conditions.ready is not False
        for address in endpoint.addresses
        for port in one.ports
        if port.port is not None
    }
    return tuple(sorted(found, key=lambda address: (address.host, address.port)))


async def prove(module: ModuleAddress, replicas: Iterable[Address] = (), *, by_name: bool = True) -> str:
    """Get the module as gateways would; return what is wrong, empty if nothing is.

    A gateway gets one of the replicas, and closes when it gets none that has the module: all of them must
    have it.

    Args:
        module: the address, and the bytes by their SHA-256.
        replicas: the replicas behind the address, each of which is asked too.
        by_name: ask the address itself. Without it the replicas are all that is asked, of which there must be
            one: names of Services mean nothing outside a cluster.
    """
    urls = (*((module.url,) if by_name else ()), *(_at(module.url, replica) for replica in replicas))
    if not urls:
        return f"no endpoint is behind {module.url}"
    problems = await asyncio.gather(*(_get(url, module.sha256) for url in urls))
    return next(filter(None, problems), "")


def _at(url: str, replica: Address) -> str:
    return urlsplit(url)._replace(netloc=str(replica)).geturl()


@cache
def _authorities() -> ssl.SSLContext:
    """Return those of this machine, read once: it takes longer than a proof."""
    return httpx2.create_ssl_context(trust_env=False)


async def _get(url: str, sha256: str) -> str:
    digest = hashlib.sha256()
    size = 0
    try:
        async with (
            asyncio.timeout(PROOF_SECONDS),
            httpx2.AsyncClient(
                verify=_authorities(),
                timeout=PROOF_SILENCE_SECONDS,
                trust_env=False,
                headers={"User-Agent": "kuadrant-operator"},
            ) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                return f"{url} answers {response.status_code}"
            async for part in response.aiter_raw():
                size += len(part)
                if size > _LARGEST:
                    return f"{url} gives more than {_LARGEST} bytes"
                digest.update(part)
    except TimeoutError:
        return f"{url} takes longer than {PROOF_SECONDS:.0f} s"
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        return f"{url} cannot be reached: {str(error) or type(error).__name__}"
    if digest.hexdigest() != sha256:
        return f"{url} gives other bytes, of sha256 {digest.hexdigest()}"
    return ""


async def prove_reachable(address: Address, authority: str, word: str) -> str:
    """Connect to the push server as gateways do; return what is wrong, empty if nothing is.

    Args:
        address: where the push server listens.
        authority: the authority by which gateways know it, in PEM.
        word: goes along as the name of one more protocol. By it the server knows us, who have the address of
            no gateway, and on the way through the Service perhaps not even our own.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2", word])
    try:
        context.load_verify_locations(cadata=authority)
        async with asyncio.timeout(PROOF_SILENCE_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except (OSError, TimeoutError) as error:
        return f"{address} cannot be reached: {str(error) or type(error).__name__}"
    writer.close()
    return ""
