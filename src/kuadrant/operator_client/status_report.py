"""Asks the leading replica what it knows of gateways and policies, for `kuadrant status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.kube.client import RequestError
from kuadrant.operator_client.calls import cluster_calls
from kuadrant.operator_client.module_fetches import module_fetches
from kuadrant.operator_client.pods import ask_replicas
from kuadrant.status import Report, ShadowReport, SoftReport, with_fetches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx2

    from kuadrant.api.limit_calls import ScopeCalls

PATH: Final = "/report"
_OK: Final = 200


async def status_report(client: httpx2.AsyncClient, namespace: str, clock: Callable[[], float]) -> Report:
    """Return what the operator in a namespace knows.

    Args:
        client: asks the API server.
        namespace: where the operator runs.
        clock: gives seconds since 1970.

    Raises:
        RequestError: it cannot be asked, or no replica of it leads; the text tells.
    """
    answers = await ask_replicas(client, namespace, PATH, Report)
    reports = [answer for answer in answers if isinstance(answer, Report)]
    problems = "; ".join(answer for answer in answers if isinstance(answer, str))
    report = next((one for one in reports if one.leads), None)
    if report is None:
        if not answers:
            raise RequestError(f"no replica of the operator runs in {namespace}")
        raise RequestError(problems or f"no replica of the operator in {namespace} leads at the moment")
    scopes = await _scopes(client, namespace)
    report = replace(report, shadows=_shadows(scopes), exceeded=_exceeded(scopes))
    if all(one.delivery == "push" or not one.limited for one in report.gateways):
        return report
    fetches = (await module_fetches(client, namespace)).lines
    at = {(line.pod, line.sha256): clock() - line.seconds for line in fetches if line.status == _OK}
    return with_fetches(report, lambda pod, sha256: at.get((pod, sha256)))


async def _scopes(client: httpx2.AsyncClient, namespace: str) -> tuple[ScopeCalls, ...]:
    """The calls by limits; nothing where no rate limit service of ours can be asked."""
    try:
        return (await cluster_calls(client, namespace)).scopes
    except RequestError:
        return ()


def _exceeded(scopes: Iterable[ScopeCalls]) -> tuple[SoftReport, ...]:
    return tuple(
        SoftReport(scope=scope.scope, limit=one.limit, calls=one.soft)
        for scope in scopes
        for one in scope.limits
        if one.soft
    )


def _shadows(scopes: Iterable[ScopeCalls]) -> tuple[ShadowReport, ...]:
    return tuple(
        ShadowReport(scope=scope.scope, limit=one.limit, calls=one.shadow)
        for scope in scopes
        for one in scope.limits
        if one.shadow
    )
