"""The marks by which the objects that are made for a Gateway are known as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.gateway import Gateway

MANAGED: Final[Mapping[str, str]] = {"kuadrant.io/managed": "true"}
"""The label of everything that the operator makes."""

_GROUP = "gateway.networking.k8s.io"


def metadata(name: str, gateway: Gateway, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of an object that lives beside ``gateway`` and goes with it.

    Deleting the Gateway does not wait for the object: for that the operator would need the right to change
    Gateways.
    """
    return {
        "name": name,
        "namespace": gateway.metadata.namespace,
        "labels": {**MANAGED, **labels},
        "ownerReferences": [
            {
                "apiVersion": f"{_GROUP}/v1",
                "kind": "Gateway",
                "name": gateway.metadata.name,
                "uid": gateway.metadata.uid,
                "controller": True,
            }
        ],
    }


def owner(document: Mapping[str, Any]) -> str | None:
    """Return the name of the Gateway that controls an object, as the API server has it; None if none does."""
    for reference in document["metadata"].get("ownerReferences") or ():
        group = reference["apiVersion"].partition("/")[0]
        if (group, reference["kind"]) == (_GROUP, "Gateway") and reference.get("controller"):
            name: str = reference["name"]
            return name
    return None
