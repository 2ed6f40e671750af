"""Finds the pods of gateways, by the labels that providers give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.kube.kind import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.pod import Pod
    from kuadrant.gateways.provider import PodSelector


class GatewayPod(Struct, frozen=True):
    """Holds a pod and the Gateways that it serves.

    Attributes:
        key: its namespace and name.
        gateways: the Gateways; a pod that was deployed by hand may serve several.
        addresses: its IP addresses.
        ready: it gets requests.
        shows_token: the objects of all its Gateways have it show a token of its service account.
    """

    key: Key
    gateways: tuple[Key, ...]
    addresses: tuple[str, ...]
    ready: bool
    shows_token: bool = False

    @property
    def name(self) -> str:
        """The namespace and name as people read them: namespace/name."""
        return "/".join(self.key)


class GatewayPods:
    """Finds the pods of all gateways, by gateway and by address."""

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
        """Tell whether they are the same pods."""
        return isinstance(other, GatewayPods) and self._pods == other._pods

    __hash__ = None  # type: ignore[assignment]

    @property
    def groups(self) -> frozenset[tuple[Key, ...]]:
        """The sets of gateways that a pod serves together."""
        return frozenset(pod.gateways for pod in self._pods)

    def of(self, gateway: Key) -> tuple[GatewayPod, ...]:
        """Return the pods of a gateway, by name."""
        return tuple(self._of_gateway.get(gateway, ()))

    def at(self, address: str) -> tuple[GatewayPod, ...]:
        """Return the pods that have this IP address."""
        return tuple(self._at.get(address, ()))


def gateway_pods(pods: Iterable[Pod], selectors: Mapping[Key, PodSelector]) -> GatewayPods:
    """Return the pods that are some Gateway's, by the labels that select them."""
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
