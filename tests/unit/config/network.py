"""What NetworkPolicies let through, by Kubernetes' rules: enough of them for the policies of config/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Policy = dict[str, Any]

OURS = "kuadrant-system"


class Peer(NamedTuple):
    """A pod, by its labels and those of its namespace; without both, an address that no selector means."""

    labels: Mapping[str, str] | None = None
    of_namespace: Mapping[str, str] | None = None


OUTSIDE = Peer()


def pod(namespace: str, /, *, of_namespace: Mapping[str, str] | None = None, **labels: str) -> Peer:
    """A pod of a namespace with these labels, and those of its namespace."""
    return Peer(labels, {"kubernetes.io/metadata.name": namespace, **(of_namespace or {})})


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector means these labels.

    Raises:
        ValueError: an operator that no policy of ours has had so far.
    """
    for requirement in selector.get("matchExpressions", ()):
        if requirement["operator"] != "Exists":
            raise ValueError(f"this evaluator does not know {requirement['operator']}")
        if requirement["key"] not in labels:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _means(peer: Mapping[str, Any], other: Peer) -> bool:
    if other.labels is None or other.of_namespace is None:
        return False
    if "namespaceSelector" in peer:
        at = selects(peer["namespaceSelector"], other.of_namespace)
    else:
        at = other.of_namespace["kubernetes.io/metadata.name"] == OURS
    return at and selects(peer.get("podSelector", {}), other.labels)


def _lets(rules: Iterable[Mapping[str, Any]], side: str, other: Peer, port: object, protocol: str) -> bool:
    return any(
        (side not in rule or any(_means(peer, other) for peer in rule[side]))
        and any((one["port"], one["protocol"]) == (port, protocol) for one in rule["ports"])
        for rule in rules
    )


def lets_in(
    policies: Iterable[Policy], to: Mapping[str, str], port: str, source: Peer, protocol: str = "TCP"
) -> bool:
    """Whether ``source`` reaches that port of the pod ``to``, which is open if no policy selects it."""
    selecting = [one["spec"] for one in policies if selects(one["spec"]["podSelector"], to)]
    return not selecting or any(_lets(spec["ingress"], "from", source, port, protocol) for spec in selecting)


def lets_out(
    policies: Iterable[Policy], of: Mapping[str, str], port: int, target: Peer, protocol: str = "TCP"
) -> bool:
    """Whether our pod with the labels ``of`` reaches that port of ``target``."""
    selecting = [one["spec"] for one in policies if selects(one["spec"]["podSelector"], of)]
    return not selecting or any(_lets(spec["egress"], "to", target, port, protocol) for spec in selecting)
