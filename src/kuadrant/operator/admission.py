"""Which pods are a gateway's, and what an Envoy that asks for a configuration is known to be; pure.

Envoy says by itself who it is, and anyone can say that. What is believed is the API server: which pod has the address that the
connection comes from, and whose token it shows. What Envoy says has to agree with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.kube.kind import Key
from kuadrant.xds import Admission, Denial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.pod import Pod
    from kuadrant.gateways.provider import PodSelector
    from kuadrant.xds import Identity, Peer


class GatewayPod(Struct, frozen=True):
    """A pod and the Gateways that it serves: one that was deployed by hand may serve several.

    ``shows_token`` tells whether the objects of all of them have it show a token of its service account.
    """

    key: Key
    gateways: tuple[Key, ...]
    addresses: tuple[str, ...]
    ready: bool
    shows_token: bool = False

    @property
    def name(self) -> str:
        """``namespace/name``."""
        return "/".join(self.key)


class GatewayPods:
    """The pods of all gateways, by gateway and by address."""

    def __init__(self, pods: Iterable[GatewayPod] = ()) -> None:
        self._pods = tuple(pods)
        self._of_gateway: dict[Key, list[GatewayPod]] = {}
        self._at: dict[str, list[GatewayPod]] = {}
        for pod in self._pods:
            for gateway in pod.gateways:
                self._of_gateway.setdefault(gateway, []).append(pod)
            for address in pod.addresses:
                self._at.setdefault(address, []).append(pod)

    def __eq__(self, other: object) -> bool:
        """Whether they are the same pods."""
        return isinstance(other, GatewayPods) and self._pods == other._pods

    __hash__ = None  # type: ignore[assignment]

    @property
    def groups(self) -> frozenset[tuple[Key, ...]]:
        """The gateways that pods serve, as they serve them together."""
        return frozenset(pod.gateways for pod in self._pods)

    def of(self, gateway: Key) -> tuple[GatewayPod, ...]:
        """The pods of a gateway, by name."""
        return tuple(self._of_gateway.get(gateway, ()))

    def admit(self, peer: Peer) -> Admission | Denial:
        """Return which pod an Envoy is, and for which gateways it may ask, or why it may not."""
        pods = self._at.get(peer.address, ())
        if not pods:
            return Denial(f"no pod of a gateway has its address {peer.address}")
        claimed = _claimed(peer.node)
        for pod in pods:
            if claimed in (pod.key, ("", pod.key[1])):
                return _with_token(pod, peer.identity) or Admission(pod.name, group_of(pod.gateways))
        there = " and ".join(pod.name for pod in pods)
        return Denial(f"it says that it is {'/'.join(filter(None, claimed))}, but {there} has its address")


def _with_token(pod: GatewayPod, identity: Identity) -> Denial | None:
    """Why the token that was shown, or none, does not fit the pod that it ought to be of; None if it does."""
    if identity.pod == pod.name or (not identity.pod and not pod.shows_token):
        return None
    problem = f"it is one of {identity.pod}" if identity.pod else identity.problem
    return Denial(f"it ought to show a token of pod {pod.name}, but {problem}")


def group_of(gateways: Iterable[Key]) -> str:
    """The name of what pods get that serve exactly these gateways."""
    return " ".join("/".join(key) for key in sorted(gateways))


def gateway_pods(pods: Iterable[Pod], selectors: Mapping[Key, PodSelector]) -> GatewayPods:
    """Return those of ``pods`` that ``selectors`` finds, which are by Gateway."""
    by_namespace: dict[str, list[tuple[Key, PodSelector]]] = {}
    for gateway, selector in sorted(selectors.items()):
        for namespace in selector.namespaces:
            by_namespace.setdefault(namespace, []).append((gateway, selector))
    found: list[GatewayPod] = []
    for pod in pods:
        labels = pod.metadata.labels.items()
        of_it = [
            (gateway, selector)
            for gateway, selector in by_namespace.get(pod.metadata.namespace, ())
            if selector.labels.items() <= labels
        ]
        if of_it:
            key = (pod.metadata.namespace, pod.metadata.name)
            gateways = tuple(gateway for gateway, _ in of_it)
            shows_token = all(selector.token is not None for _, selector in of_it)
            found.append(GatewayPod(key, gateways, pod.addresses, pod.ready, shows_token))
    return GatewayPods(sorted(found, key=lambda pod: pod.key))


def _claimed(node: str) -> Key:
    """Namespace, if it says so, and name of the pod that an Envoy says it is, by the id of its node.

    Istio: ``router~ADDRESS~NAME.NAMESPACE~DOMAIN``. Envoy Gateway: ``NAME``.
    """
    parts = node.split("~")
    if len(parts) != 4:
        return ("", node)
    name, _, namespace = parts[2].rpartition(".")
    return (namespace, name)
