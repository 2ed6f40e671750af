"""Decides which pod an Envoy is that asks for a configuration, and for which gateways it may.

Envoy says by itself who it is, and anyone can say that. What is believed is the API server: which pod has the
address that the connection comes from, and whose token it shows. What Envoy says has to agree with it. Who
may connect at all, before anything is read of him, is the matter of ``xds/stranger_admission``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.xds import Admission, Denial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.kube.kind import Key
    from kuadrant.operator.push.gateway_pods import GatewayPod, GatewayPods
    from kuadrant.xds import Identity, Peer


def admission(peer: Peer, known: GatewayPods) -> Admission | Denial:
    """Admits an Envoy as the pod that it is, with the gateways it may ask for, or says why not."""
    pods = known.at(peer.address)
    if not pods:
        return Denial(f"no pod of a gateway has its address {peer.address}")
    claimed = _claimed(peer.node)
    for pod in pods:
        if claimed in (pod.key, ("", pod.key[1])):
            return _with_token(pod, peer.identity) or Admission(pod.name, group_of(pod.gateways))
    there = " and ".join(pod.name for pod in pods)
    return Denial(f"it says that it is {'/'.join(filter(None, claimed))}, but {there} has its address")


def _with_token(pod: GatewayPod, identity: Identity) -> Denial | None:
    """Refuses a pod whose token, or the lack of one, does not fit it; None if it does."""
    if identity.pod == pod.name or (not identity.pod and not pod.shows_token):
        return None
    problem = f"it is one of {identity.pod}" if identity.pod else identity.problem
    return Denial(f"it ought to show a token of pod {pod.name}, but {problem}")


def group_of(gateways: Iterable[Key]) -> str:
    """Return the name under which pods that serve exactly these gateways get their configuration."""
    return " ".join("/".join(key) for key in sorted(gateways))


def _claimed(node: str) -> Key:
    """Read from a node's id which pod an Envoy says it is: namespace, empty if not said, and name.

    Istio: `router~ADDRESS~NAME.NAMESPACE~DOMAIN`. Envoy Gateway: `NAME`.
    """
    parts = node.split("~")
    if len(parts) != 4:
        return ("", node)
    name, _, namespace = parts[2].rpartition(".")
    return (namespace, name)
