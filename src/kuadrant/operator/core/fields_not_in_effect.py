"""The fields of a Kuadrant that are accepted, since its users have them, and that nothing follows from here.

A field that is neither in effect nor named would be a promise that is not kept: a test goes through all that
the definition has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.limit_packing import FIELD as PACKED
from kuadrant.api.limitador import TRACES, storage_secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from kuadrant.api.kuadrant import Kuadrant, LimitadorSettings, MutualTLS, Observability
    from kuadrant.operator.core.known_facts import Known

MONITORS: Final = ("ServiceMonitor", "PodMonitor")
"""The kinds by which the Prometheus operator is told what to scrape."""

_OF_PODS: Final = {
    "affinity": "affinity",
    "replicas": "replicas",
    "resourceRequirements": "resource_requirements",
    "pdb": "pdb",
}
"""The fields that are about the service's pods, and where they are read."""


def not_in_effect(
    kuadrant: Kuadrant, known: Known, *, reads: Collection[str], served: Collection[str]
) -> tuple[str, ...]:
    """Return what of the spec is not in effect: each field with what is so instead, or what to do.

    Args:
        kuadrant: the one in use.
        known: where the operator is, and what it knows of the service's pods.
        reads: what the rate limit service says that it reads of its resource; empty as long as it says
            nothing, and where the limitador-operator serves, which does all that ``spec.limitador`` says.
        served: the names of the kinds that the cluster has.
    """
    spec = kuadrant.spec
    portal = spec.components is not None and spec.components.developer_portal
    return (
        *(() if spec.observability is None else _observability(spec.observability, served, reads)),
        *(() if spec.mtls is None else _mtls(spec.mtls)),
        *(_limitador(kuadrant.metadata.namespace, spec.limitador, known) if PACKED in reads else ()),
        *(
            ("spec.components.developerPortal.enabled: there is no developer portal",)
            if portal and portal.enabled
            else ()
        ),
    )


def _observability(wanted: Observability, served: Collection[str], reads: Collection[str]) -> Iterator[str]:
    if wanted.enable and (missing := [kind for kind in MONITORS if kind not in served]):
        yield (
            f"spec.observability.enable: the cluster has no {' and no '.join(missing)} "
            "(monitoring.coreos.com); the monitors are made as soon as it has"
        )
    if wanted.data_plane is not None and wanted.data_plane.default_levels:
        yield (
            "spec.observability.dataPlane.defaultLevels: the module logs at the level of its Envoy; "
            "`kuadrant tap` tells of single requests"
        )
    if wanted.data_plane is not None and wanted.data_plane.http_header_identifier:
        yield "spec.observability.dataPlane.httpHeaderIdentifier: no request is named by a header in the log"
    if wanted.tracing is not None and TRACES not in reads:
        why = (
            "no traces are sent: the image of the rate limit service has no kuadrant[tracing]"
            if PACKED in reads
            else "say it in spec.tracing of the Limitador, which the limitador-operator reads"
        )
        if wanted.tracing.default_endpoint:
            yield f"spec.observability.tracing.defaultEndpoint: {why}"
        if wanted.tracing.insecure:
            yield f"spec.observability.tracing.insecure: {why}"


def _mtls(wanted: MutualTLS) -> Iterator[str]:
    if wanted.enable:
        yield (
            "spec.mtls.enable: gateways reach the rate limit service without TLS of their own, and show it "
            "a token (docs/ratelimit-service.md)"
        )
    if wanted.limitador:
        yield "spec.mtls.limitador: gateways reach the rate limit service without TLS of their own"
    if wanted.authorino:
        yield "spec.mtls.authorino: there is no Authorino"


def _limitador(namespace: str, wanted: LimitadorSettings | None, known: Known) -> Iterator[str]:
    given = {field for field, name in _OF_PODS.items() if getattr(wanted, name, None) is not None}
    if namespace != known.namespace:
        for field in sorted(given):
            yield f"spec.limitador.{field}: pods are changed only beside the operator, in {known.namespace}"
    for field, problem in known.service_pods if namespace == known.namespace else ():
        is_given = field in given or (field == "storage" and wanted is not None and wanted.storage)
        place = f"spec.limitador.{field}" if is_given else f"spec.{field} of the Limitador"
        yield f"{place if field else 'spec.limitador'}: {problem}"
    if wanted is None:
        return
    if wanted.storage and storage_secret(wanted.storage) is None:
        yield (
            "spec.limitador.storage: counters are in memory: a store is named by redis or redis-cached with "
            "a configSecretRef"
        )
    cached = (wanted.storage or {}).get("redis-cached")
    if isinstance(cached, dict) and cached.get("options"):
        yield "spec.limitador.storage.redis-cached.options: the store is asked for each request"
