"""The form in which an Istio object finds the pods of a Gateway.

Istio follows ``targetRefs`` only to pods that carry the Gateway's name as a label, as those do that Istio
deploys. A gateway that was deployed by hand need not carry it: an object with ``targetRefs`` is accepted then
and silently means nobody. The labels by which the Gateway's Service finds the pods mean them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import replace

from kuadrant.gateways.delivery_mode import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.service import Service
    from kuadrant.gateways.provider import SeenPod

TOKEN: Final = Token("/var/run/secrets/tokens/istio-token", "istio-ca")
"""The token that Istio gives the pods of its proxies, by which they prove themselves to istiod."""

GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"
_LEGACY_GATEWAY_NAME: Final = "istio.io/gateway-name"


class Selection(Struct, frozen=True):
    """The labels that the pods of a Gateway have, and whether ``targetRefs`` finds all of them.

    ``pod_ports`` are the pods' ports, by number or name, for the ports of the Gateway's Service as far as it
    is known. ``token`` is there if every pod has it.
    """

    labels: dict[str, str]
    by_reference: bool
    pod_ports: dict[int, int | str] = field(default_factory=dict)
    token: Token | None = TOKEN


class NotSelectable(Struct, frozen=True, gc=False):
    """Says why no form finds the pods, as the end of a sentence."""

    reason: str


def selection(
    gateway: Gateway,
    services: Mapping[tuple[str, str], Service],
    pods: Iterable[SeenPod],
    *,
    target_refs: bool = True,
) -> Selection | NotSelectable:
    """Decide from the Gateway's Service, if it names one, and from ``pods`` in the Gateway's namespace.

    Services are by namespace and name. Without any pod, those of the Gateway are expected to look as its
    Service says, and to have what Istio gives them. ``target_refs`` tells whether this version of Istio has
    them; without, the label that they stand for is as good.
    """
    pods = tuple(pods)
    found = _found(gateway, services, [pod.labels for pod in pods], target_refs=target_refs)
    if isinstance(found, NotSelectable):
        return found
    behind = (pod for pod in pods if found.labels.items() <= pod.labels.items())
    return found if all(TOKEN in pod.tokens for pod in behind) else replace(found, token=None)


def why_ports_cannot_be_told_apart(pods: Selection, ports: Iterable[int]) -> str:
    """Return why objects for single ports of a Gateway cannot be told them as its pods have them.

    Empty if they can. Istio matches the port that the pods listen on. One that they do not listen on is no
    port at all to it, without a word.
    """
    pod_ports = {port: pods.pod_ports.get(port) for port in ports}
    for port, pod_port in pod_ports.items():
        if pod_port is None:
            return f"no Service is known that leads port {port} to them"
        if isinstance(pod_port, str):
            return f"its Service leads port {port} to a name ({pod_port}) instead of a number"
        if [*pod_ports.values()].count(pod_port) > 1:
            return f"its Service leads several of them to port {pod_port}"
    return ""


def _found(
    gateway: Gateway,
    services: Mapping[tuple[str, str], Service],
    pods: list[Mapping[str, str]],
    *,
    target_refs: bool,
) -> Selection | NotSelectable:
    name = gateway.metadata.name
    address = _service_address(gateway)
    if address is None:
        # Istio's own name for it.
        service = services.get((gateway.metadata.namespace, f"{name}-{gateway.spec.gateway_class_name}"))
        return _deployed_by_istio(name, pods, _pod_ports(service), target_refs=target_refs)
    service = services.get(address)
    if service is None:
        return NotSelectable(
            f"the Service {'/'.join(address)}, which is the Gateway's address, does not exist"
        )
    if address[0] != gateway.metadata.namespace:
        own = gateway.metadata.namespace
        return NotSelectable(
            f"its pods are in the namespace {address[0]}, where no object of {own} selects any"
        )
    labels = service.spec.selector
    if not labels:
        return NotSelectable(
            f"the Service {'/'.join(address)}, which is the Gateway's address, selects no pods"
        )
    ports = _pod_ports(service)
    behind = [pod for pod in pods if labels.items() <= pod.items()]
    if labels.get(GATEWAY_NAME) == name or (behind and all(pod.get(GATEWAY_NAME) == name for pod in behind)):
        return Selection({GATEWAY_NAME: name}, by_reference=target_refs, pod_ports=ports)
    return Selection(dict(sorted(labels.items())), by_reference=False, pod_ports=ports)


def _deployed_by_istio(
    name: str, pods: Iterable[Mapping[str, str]], ports: dict[int, int | str], *, target_refs: bool
) -> Selection:
    labels = [pod.keys() for pod in pods if name in (pod.get(GATEWAY_NAME), pod.get(_LEGACY_GATEWAY_NAME))]
    if labels and not any(GATEWAY_NAME in keys for keys in labels):
        return Selection({_LEGACY_GATEWAY_NAME: name}, by_reference=False, pod_ports=ports)
    return Selection({GATEWAY_NAME: name}, by_reference=target_refs, pod_ports=ports)


def _pod_ports(service: Service | None) -> dict[int, int | str]:
    return {port.port: port.target_port or port.port for port in service.spec.ports} if service else {}


def _service_address(gateway: Gateway) -> tuple[str, str] | None:
    """Return namespace and name of the Service that is the Gateway's address, asked for or else given."""
    for addresses in (gateway.spec.addresses, gateway.status.addresses):
        for address in addresses:
            if address.type == "Hostname":
                name, _, rest = address.value.partition(".")
                return (rest.partition(".")[0] or gateway.metadata.namespace, name)
    return None
