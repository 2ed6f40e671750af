"""The objects that make a gateway of Envoy Gateway limit requests.

An EnvoyPatchPolicy with the cluster of the rate limit service, and an EnvoyExtensionPolicy with the module,
or EnvoyPatchPolicies by which the gateway asks us for it. By default Envoy Gateway carries out no
EnvoyPatchPolicy: as long as it has not said that it does, the module asks the service by its address, and no
gateway asks us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from kuadrant.gateways.delivery_mode import delivery, pushed, undeliverable
from kuadrant.gateways.envoy import CLUSTER, RATE_LIMIT_CLUSTER, Address, named_http2_cluster
from kuadrant.gateways.envoy_gateway.push_patch_policies import push_policies
from kuadrant.gateways.object_names import PORTS, ObjectNames, port_part
from kuadrant.gateways.object_size import too_large
from kuadrant.gateways.ownership import metadata
from kuadrant.gateways.plugin_tables import tables
from kuadrant.gateways.provider import GatewayObjects, PodSelector

if TYPE_CHECKING:
    from kuadrant.api.gateway import Gateway
    from kuadrant.compiler.program import GatewayProgram, HostProgram
    from kuadrant.gateways.envoy_gateway.observation import Observation
    from kuadrant.gateways.module_address import ModuleAddress
    from kuadrant.gateways.plugin_tables import Table
    from kuadrant.gateways.provider import GatewaySettings

PLUGIN_NAMES: Final = ObjectNames(parts=PORTS)
"""The names of EnvoyExtensionPolicies."""
CLUSTER_NAMES: Final = ObjectNames("ratelimiting")
"""The names of the EnvoyPatchPolicies with the rate limit service."""
_API_VERSION: Final = "gateway.envoyproxy.io/v1alpha1"
_GATEWAY_API: Final = "gateway.networking.k8s.io"
_MOST_TARGETS: Final = 16
_SET_IT: Final = (
    "set extensionApis.enableEnvoyPatchPolicy in its configuration "
    "(gateways merged into one Envoy cannot have it)"
)


def gateway_objects(
    gateway: Gateway, program: GatewayProgram, observed: Observation, settings: GatewaySettings
) -> GatewayObjects:
    """Return the objects for ``gateway``, which is to do as ``program`` says; none if nothing is limited."""
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    wanted = tables(program)
    is_to_ask = delivery(gateway, settings.delivery) == "push"
    problem = undeliverable(gateway, settings.delivery, settings.push)
    if problem is None and wanted and observed.authorizes:
        problem = _guarded(observed.authorizes)
    if problem is not None:
        return GatewayObjects(namespace, name, problem=problem)
    if is_to_ask and (observed.has_cluster or not wanted):
        made = _asking(gateway, wanted, settings)
    elif wanted:
        made = _told(gateway, wanted, observed, settings, is_to_ask=is_to_ask)
    else:
        made = GatewayObjects(namespace, name)
    if problems := "; ".join(filter(None, map(too_large, made.objects))):
        return GatewayObjects(namespace, name, problem=problems, too_large=True)
    pods = PodSelector(frozenset({namespace, settings.envoy_gateway_namespace}), _pod_labels(gateway))
    return replace(made, pods=pods)


def _asking(gateway: Gateway, wanted: tuple[Table, ...], settings: GatewaySettings) -> GatewayObjects:
    """Return the objects by which the gateway's proxies ask us for what is ``wanted``."""
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    served = pushed(gateway, wanted, settings.rendering.by_cluster)
    if not wanted or settings.push is None:
        return GatewayObjects(namespace, name, pushed=served)
    ports = sorted({listener.port for listener in gateway.spec.listeners})
    plugins = (extension_policy_name(name, port) for port in (None, *ports))
    objects = (
        _patch_policy(gateway, settings.rate_limit),
        *push_policies(gateway, wanted, settings.push, plugins),
    )
    return GatewayObjects(namespace, name, objects, pushed=served)


def _told(
    gateway: Gateway,
    wanted: tuple[Table, ...],
    observed: Observation,
    settings: GatewaySettings,
    *,
    is_to_ask: bool,
) -> GatewayObjects:
    """Return the objects that tell Envoy Gateway where the module is, and the module what to do."""
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    cluster = _patch_policy(gateway, settings.rate_limit)
    if not observed.has_cluster and settings.rendering.by_address is None:
        lack = f"{_needs_cluster(settings.module)}{_in_its_words(observed)}"
        return GatewayObjects(namespace, name, (cluster,), problem=lack)
    for table in wanted:
        if len(_listeners(gateway, table)) > _MOST_TARGETS:
            unclear = _too_many(gateway, table)
            lack = (
                f"the ports of Gateway {namespace}/{name} limit a host name in different ways, and {unclear}"
            )
            return GatewayObjects(namespace, name, problem=lack, inseparable=unclear)
    number = observed.next_try(settings.module.sha256)
    module = settings.module.at_try(number)
    policies = (
        _extension_policy(gateway, table, module, _configuration(table.hosts, observed, settings))
        for table in wanted
    )
    # An address that Envoy Gateway has not been told before is another attempt.
    again = module if number and not observed.has_tried(module) else None
    problem = f"{_needs_patches(gateway)}{_in_its_words(observed)}" if is_to_ask else None
    return GatewayObjects(namespace, name, (cluster, *policies), problem=problem, prove=again)


def extension_policy_name(gateway: str, port: int | None = None) -> str:
    """Return the name of the EnvoyExtensionPolicy for the Gateway of that name, or for one port of it."""
    return PLUGIN_NAMES.of(gateway, port_part(port))


def patch_policy_name(gateway: str) -> str:
    """Return the name of the EnvoyPatchPolicy for the Gateway of that name; Kuadrant's."""
    return CLUSTER_NAMES.of(gateway)


def _configuration(hosts: tuple[HostProgram, ...], observed: Observation, settings: GatewaySettings) -> bytes:
    if observed.has_cluster or settings.rendering.by_address is None:
        return settings.rendering.by_cluster(hosts)
    return settings.rendering.by_address(hosts, settings.rate_limit)


def _extension_policy(
    gateway: Gateway, table: Table, module: ModuleAddress, configuration: bytes
) -> dict[str, Any]:
    return {
        "apiVersion": _API_VERSION,
        "kind": "EnvoyExtensionPolicy",
        "metadata": metadata(extension_policy_name(gateway.metadata.name, table.port), gateway, {}),
        "spec": {
            "targetRefs": _targets(gateway, table),
            "wasm": [
                {
                    "name": "kuadrant-wasm-shim",
                    "rootID": "kuadrant_wasm_shim",
                    # A module that cannot be fetched or has trapped answers in the place of the application.
                    "failOpen": False,
                    "code": {"type": "HTTP", "http": {"url": module.url, "sha256": module.sha256}},
                    # There is no such variable. Envoy takes a running machine of the same id and environment
                    # for the same code, and Envoy Gateway gives the same id to every module: without it Envoy
                    # would go on with the old one.
                    "env": {"hostKeys": [f"KUADRANT_WASM_SHIM_{module.sha256}"]},
                    "config": msgspec.json.decode(configuration),
                }
            ],
        },
    }


def _targets(gateway: Gateway, table: Table) -> list[dict[str, str]]:
    target = {"group": _GATEWAY_API, "kind": "Gateway", "name": gateway.metadata.name}
    if table.port is None:
        return [target]
    return [{**target, "sectionName": name} for name in _listeners(gateway, table)]


def _listeners(gateway: Gateway, table: Table) -> list[str]:
    """The listeners that a table for one port has to be told; none if it is for all of them."""
    return [listener.name for listener in gateway.spec.listeners if listener.port == table.port]


def _patch_policy(gateway: Gateway, rate_limit: Address) -> dict[str, Any]:
    return {
        "apiVersion": _API_VERSION,
        "kind": "EnvoyPatchPolicy",
        "metadata": metadata(
            patch_policy_name(gateway.metadata.name), gateway, {"kuadrant.io/ratelimit": "true"}
        ),
        "spec": {
            "targetRef": {"group": _GATEWAY_API, "kind": "Gateway", "name": gateway.metadata.name},
            "type": "JSONPatch",
            "jsonPatches": [
                {
                    "type": CLUSTER,
                    "name": RATE_LIMIT_CLUSTER,
                    "operation": {
                        "op": "add",
                        "path": "",
                        "value": named_http2_cluster(RATE_LIMIT_CLUSTER, rate_limit),
                    },
                }
            ],
        },
    }


def _pod_labels(gateway: Gateway) -> dict[str, str]:
    """Those that Envoy Gateway gives to the pods of a gateway's proxies."""
    return {
        "gateway.envoyproxy.io/owning-gateway-name": gateway.metadata.name,
        "gateway.envoyproxy.io/owning-gateway-namespace": gateway.metadata.namespace,
    }


def _guarded(name: str) -> str:
    return (
        f"EnvoyExtensionPolicy {name} asks an authorization service, which would be open without it; "
        "it stays as it is. Delete it once nothing needs that service"
    )


def _needs_cluster(module: ModuleAddress) -> str:
    return (
        f"the module of sha256 {module.sha256} can ask the rate limit service by a cluster only, "
        f"and Envoy Gateway makes none: {_SET_IT}"
    )


def _needs_patches(gateway: Gateway) -> str:
    return (
        f"Gateway {gateway.metadata.namespace}/{gateway.metadata.name} is to be pushed to, and Envoy Gateway "
        "has not said that it carries out EnvoyPatchPolicies for it, so it is told where the module is "
        f"instead: {_SET_IT}"
    )


def _in_its_words(observed: Observation) -> str:
    return f"; Envoy Gateway says: {observed.refusal}" if observed.refusal else ""


def _too_many(gateway: Gateway, table: Table) -> str:
    count = len(_listeners(gateway, table))
    return (
        f"port {table.port} has {count} listeners, more than the {_MOST_TARGETS} that an "
        "EnvoyExtensionPolicy can name"
    )
