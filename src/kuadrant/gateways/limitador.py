"""The ``Limitador`` resource: what a rate limit service in the cluster is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from kuadrant.gateways.ownership import MANAGED
from kuadrant.gateways.size import too_large

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.api.limitador import Limit

NAME: Final = "limitador"


class LimitadorObject(Struct, frozen=True):
    """The fields of the resource that are ours; with a ``problem``, a sentence, what there is stays as it is."""

    document: dict[str, Any] | None = None
    problem: str | None = None


def limitador(kuadrant: Kuadrant, limits: Iterable[Limit]) -> LimitadorObject:
    """Return the resource beside ``kuadrant`` with ``limits``, in their order, and with what its spec says of Limitador.

    Every other field is left to others: to be applied, not written as a whole.
    """
    settings = kuadrant.spec.limitador
    document: dict[str, Any] = {
        "apiVersion": "limitador.kuadrant.io/v1alpha1",
        "kind": "Limitador",
        "metadata": {
            "name": NAME,
            "namespace": kuadrant.metadata.namespace,
            "labels": dict(MANAGED),
            "ownerReferences": [
                {
                    "apiVersion": kuadrant.api_versions[0],
                    "kind": kuadrant.kind,
                    "name": kuadrant.metadata.name,
                    "uid": kuadrant.metadata.uid,
                    "controller": True,
                }
            ],
        },
        "spec": {
            **(msgspec.to_builtins(settings) if settings else {}),
            "limits": msgspec.json.decode(msgspec.json.encode([*limits])),
        },
    }
    if problem := too_large(document):
        return LimitadorObject(problem=problem)
    return LimitadorObject(document)
