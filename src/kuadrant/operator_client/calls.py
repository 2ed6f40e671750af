"""Asks the rate limit service of a cluster for the calls that it has had, through the API server."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from kuadrant.api.limit_calls import PATH, CallTotals, LimitCalls, ScopeCalls
from kuadrant.kube.client import RequestError
from kuadrant.operator_client.counters import COUNTERS_PORT, SERVICES
from kuadrant.operator_client.pods import Pod, ask_pod, pods

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx2


async def cluster_calls(client: httpx2.AsyncClient, namespace: str) -> CallTotals:
    """Return the calls of all pods of the rate limit service in a namespace together.

    Raises:
        RequestError: The API server does not tell which pods there are, or none of them answers.
    """
    running = [pod for pod in await pods(client, namespace, SERVICES) if pod.is_running]
    told = await asyncio.gather(*(_ask(client, pod) for pod in running))
    heard = [one for one in told if isinstance(one, CallTotals)]
    if not heard:
        problems = "; ".join(one for one in told if isinstance(one, str))
        raise RequestError(problems or f"no rate limit service of ours runs in {namespace}")
    return added(heard)


async def _ask(client: httpx2.AsyncClient, pod: Pod) -> CallTotals | str:
    try:
        return await ask_pod(client, pod, pod.port("counters", COUNTERS_PORT), PATH, CallTotals)
    except RequestError as error:
        return f"{pod.metadata.name} cannot be asked: {error}"


def added(all_calls: Iterable[CallTotals]) -> CallTotals:
    """Return the sum of what several have had."""
    admitted: Counter[str] = Counter()
    limits: dict[str, dict[str, LimitCalls]] = {}
    failed = 0
    for calls in all_calls:
        failed += calls.failed
        for scope in calls.scopes:
            admitted[scope.scope] += scope.admitted
            for one in scope.limits:
                of_scope = limits.setdefault(scope.scope, {})
                of_scope[one.limit] = _sum(of_scope.get(one.limit), one)
    return CallTotals(
        scopes=tuple(
            ScopeCalls(
                scope=scope,
                admitted=admitted[scope],
                limits=tuple(one for _, one in sorted(limits.get(scope, {}).items())),
            )
            for scope in sorted(admitted)
        ),
        failed=failed,
    )


def _sum(one: LimitCalls | None, other: LimitCalls) -> LimitCalls:
    if one is None:
        return other
    return LimitCalls(
        limit=other.limit,
        limited=one.limited + other.limited,
        shadow=one.shadow + other.shadow,
        soft=one.soft + other.soft,
    )
