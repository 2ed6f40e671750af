"""Objects whose policies, Gateways and Kuadrant say what clients are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from kuadrant.api.documents import read as read_documents

if TYPE_CHECKING:
    from kuadrant.api.objects import Objects

RATES = {"v1": {"limit": 5, "window": "10s"}, "v1beta2": {"limit": 5, "duration": 10, "unit": "second"}}


def policy(
    response: Any = None,
    annotation: str = "",
    *,
    version: str = "v1",
    block: str = "limits",
    target: tuple[str, str] = ("HTTPRoute", "r"),
    strategy: str = "",
) -> dict[str, Any]:
    rules: dict[str, Any] = {"limits": {target[0].lower(): {"rates": [RATES[version]]}}}
    rules |= {} if response is None else {"response": response}
    rules |= {"strategy": strategy} if strategy else {}
    reference = {"group": "gateway.networking.k8s.io", "kind": target[0], "name": target[1]}
    return {
        "apiVersion": f"kuadrant.io/{version}",
        "kind": "RateLimitPolicy",
        "metadata": metadata(f"on-{target[1]}", annotation),
        "spec": {"targetRef": reference, **(rules if block == "limits" else {block: rules})},
    }


def metadata(name: str, annotation: str) -> dict[str, Any]:
    annotations = {"annotations": {"kuadrant.io/extensions": annotation}} if annotation else {}
    return {"namespace": "ns", "name": name, **annotations}


def objects(*documents: dict[str, Any]) -> Objects:
    folder = read_documents([("a.yaml", yaml.safe_dump_all(documents))])
    assert folder.problems == ()
    return folder.objects


def world(*documents: dict[str, Any], gateway: str = "", kuadrant: str = "") -> Objects:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    installation = {
        "apiVersion": "kuadrant.io/v1beta1",
        "kind": "Kuadrant",
        "metadata": metadata("k", kuadrant),
    }
    return objects(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": metadata("g", gateway),
            "spec": {"gatewayClassName": "x", "listeners": [listener]},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"namespace": "ns", "name": "r"},
            "spec": {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "b", "port": 80}]}]},
        },
        *([installation] if kuadrant else []),
        *documents,
    )
