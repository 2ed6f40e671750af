"""The ``Limitador`` resource: what a rate limit service in the cluster is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from kuadrant.api.caller_token import ANNOTATION
from kuadrant.api.limit_packing import FIELD, pack
from kuadrant.api.limitador import Limit
from kuadrant.gateways.ownership import MANAGED
from kuadrant.gateways.size import too_large

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.kuadrant import Kuadrant

NAME: Final = "limitador"
KIND: Final = "Limitador"
_PACKED_FROM: Final = 16 << 10
"""Bytes of limits from which on they are packed: people can read fewer as they are."""


class LimitadorObject(Struct, frozen=True):
    """The fields of the resource that are ours; with a ``problem``, a sentence, all of it stays as it is.

    ``left_out`` are the limits that there is no room for.
    """

    document: dict[str, Any] | None = None
    problem: str | None = None
    left_out: tuple[Limit, ...] = ()


def limitador(
    kuadrant: Kuadrant, limits: Iterable[Limit], *, may_pack: bool = False, mark: str = ""
) -> LimitadorObject:
    """Return the resource beside ``kuadrant`` with ``limits``, and with what its spec says of Limitador.

    More than 16 KiB of limits are packed if they ``may_pack``: what the limitador-operator serves has no
    field for it. ``mark`` says that every gateway shows a token of that key. Every other field is left to
    others: to be applied, not written as a whole.
    """
    settings = kuadrant.spec.limitador
    limits = tuple(limits)
    text = msgspec.json.encode(limits)
    packed = may_pack and len(text) > _PACKED_FROM
    document: dict[str, Any] = {
        "apiVersion": "limitador.kuadrant.io/v1alpha1",
        "kind": KIND,
        "metadata": {
            "name": NAME,
            "namespace": kuadrant.metadata.namespace,
            "labels": dict(MANAGED),
            **({"annotations": {ANNOTATION: mark}} if mark else {}),
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
            "limits": [] if packed else msgspec.json.decode(text),
            **({FIELD: [*pack(limits)]} if packed else {}),
        },
    }
    if problem := too_large(document):
        return LimitadorObject(problem=problem)
    return LimitadorObject(document)
