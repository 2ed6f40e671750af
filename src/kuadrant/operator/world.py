"""What the operator knows of the cluster at one moment, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field

from kuadrant.api.objects import Objects
from kuadrant.api.rate_limit_policy import RateLimitPolicy
from kuadrant.api.service import Service
from kuadrant.operator import kinds, policies
from kuadrant.operator.kinds import Limitador, StoredPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.meta import Object
    from kuadrant.kube.kind import Kind
    from kuadrant.kube.store import Store

ISTIO = "istio.io/gateway-controller"


class World(Struct, frozen=True, kw_only=True):
    """The objects to decide from, those that are there already, and what could not be read.

    ``objects`` has the gateways of Istio only. ``pods`` are the labels of the pods of each namespace. ``existing`` are WasmPlugins
    and EnvoyFilters as the API server has them. ``unreadable`` is by namespace and name of the policy.
    """

    objects: Objects
    services: dict[tuple[str, str], Service] = field(default_factory=dict)
    pods: dict[str, tuple[dict[str, str], ...]] = field(default_factory=dict)
    existing: tuple[dict[str, Any], ...] = ()
    policies: dict[tuple[str, str], RateLimitPolicy] = field(default_factory=dict)
    stored_policies: dict[tuple[str, str], StoredPolicy] = field(default_factory=dict)
    limitadors: dict[tuple[str, str], Limitador] = field(default_factory=dict)
    unreadable: dict[tuple[str, str], str] = field(default_factory=dict)
    has_istio: bool = True


def world(store: Store, readable: Mapping[tuple[str, str], RateLimitPolicy]) -> World:
    """Take everything out of ``store``.

    A policy that cannot be read is what it was in ``readable``, if it was there: its last good form stays in effect.
    """
    classes = [entry.object for entry in store.table(kinds.GATEWAY_CLASSES).entries.values()]
    of_istio = {one.metadata.name for one in classes if one.spec.controller_name == ISTIO}
    objects: list[Object] = list(classes)
    objects += (
        entry.object
        for entry in store.table(kinds.GATEWAYS).entries.values()
        if entry.object.spec.gateway_class_name in of_istio
    )
    others: tuple[Kind[Any], ...] = (kinds.HTTP_ROUTES, kinds.GRPC_ROUTES, kinds.NAMESPACES, kinds.KUADRANTS)
    for kind in others:
        objects += (entry.object for entry in store.table(kind).entries.values())
    unreadable: dict[tuple[str, str], str] = {
        key: bad.problem for key, bad in store.table(kinds.POLICIES).unreadable.items()
    }
    stored = {key: entry.object for key, entry in store.table(kinds.POLICIES).entries.items()}
    read: dict[tuple[str, str], RateLimitPolicy] = {}
    for key, policy in stored.items():
        try:
            read[key] = policies.read(policy)
        except msgspec.ValidationError as error:
            unreadable[key] = str(error)
            if key in readable:
                read[key] = readable[key]
    objects += read.values()
    pods: dict[str, list[dict[str, str]]] = {}
    for (namespace, _), entry in store.table(kinds.PODS).entries.items():
        pods.setdefault(namespace, []).append(entry.object.metadata.labels)
    plugins, filters = store.table(kinds.WASM_PLUGINS), store.table(kinds.ENVOY_FILTERS)
    return World(
        objects=Objects.of(objects),
        services={key: entry.object for key, entry in store.table(kinds.SERVICES).entries.items()},
        pods={namespace: tuple(labels) for namespace, labels in pods.items()},
        existing=tuple(entry.object for table in (plugins, filters) for entry in table.entries.values()),
        policies=read,
        stored_policies=stored,
        limitadors={key: entry.object for key, entry in store.table(kinds.LIMITADORS).entries.items()},
        unreadable=unreadable,
        has_istio=bool(plugins.resource_version and filters.resource_version),
    )
