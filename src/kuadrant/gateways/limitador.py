"""The ``Limitador`` resource: what a rate limit service in the cluster is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW
from kuadrant.api.caller_token import ANNOTATION
from kuadrant.api.limit_mode import SOFT
from kuadrant.api.limit_packing import ALGORITHMS, COSTS, MODES, SOFT_ONES, pack
from kuadrant.api.limit_packing import FIELD as PACKED
from kuadrant.api.limitador import TRACES, Limit
from kuadrant.gateways.object_size import too_large
from kuadrant.gateways.ownership import MANAGED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from kuadrant.api.kuadrant import Kuadrant

NAME: Final = "limitador"
KIND: Final = "Limitador"
_PACKED_FROM: Final = 16 << 10
"""Bytes of limits from which on they are packed: people can read fewer as they are."""


class LimitadorObject(Struct, frozen=True):
    """The fields of the resource that are ours; with a ``problem``, a sentence, all of it stays as it is.

    ``left_out`` are the limits that there is no room for, and those that the service cannot count.
    """

    document: dict[str, Any] | None = None
    problem: str | None = None
    left_out: tuple[Limit, ...] = ()


def limitador(
    kuadrant: Kuadrant,
    limits: Collection[Limit],
    *,
    present: Iterable[Limit] = (),
    reads: Collection[str] = (),
    mark: str = "",
) -> LimitadorObject:
    """Return the resource beside ``kuadrant`` with ``limits``, and with what its spec says of Limitador.

    More than 16 KiB of limits are packed, and so are all that Limitador does not have, by algorithm, mode or
    cost, if the service ``reads`` that. What the limitador-operator serves does not: there those are left
    out, and what is ``present`` of the same counters stays. ``mark`` says that every gateway shows a token of
    that key. Every other field is left to others: to be applied, not written as a whole.
    """
    left_out = tuple(limit for limit in limits if not _is_read(limit, reads))
    limits = _as_it_was(limits, present, reads) if left_out else limits
    packed = tuple(limit for limit in limits if not limit.is_of_limitador)
    plain = [limit for limit in limits if limit.is_of_limitador]
    text = msgspec.json.encode(plain)
    if PACKED in reads and len(text) > _PACKED_FROM:
        packed, text = (*plain, *packed), b"[]"
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
            **_said(kuadrant, reads),
            "limits": msgspec.json.decode(text),
            **({PACKED: [*pack(packed)]} if packed else {}),
        },
    }
    if problem := too_large(document):
        return LimitadorObject(problem=problem)
    return LimitadorObject(document, left_out=left_out)


def _said(kuadrant: Kuadrant, reads: Collection[str]) -> dict[str, Any]:
    """Return what the Kuadrant says of Limitador."""
    settings = kuadrant.spec.limitador
    return {
        **(msgspec.to_builtins(settings) if settings else {}),
        **(_tracing(kuadrant) if TRACES in reads else {}),
    }


def _tracing(kuadrant: Kuadrant) -> dict[str, Any]:
    """Return where traces go, as a URL whose scheme says whether by TLS."""
    observability = kuadrant.spec.observability
    wanted = None if observability is None else observability.tracing
    if wanted is None or not wanted.default_endpoint:
        return {}
    scheme, found, place = wanted.default_endpoint.partition("://")
    if found and (wanted.insecure or scheme in ("rpc", "grpc")):
        scheme = "http" if wanted.insecure else "https"
    return {"tracing": {"endpoint": f"{scheme}{found}{place}"}}


def _as_it_was(
    limits: Iterable[Limit], present: Iterable[Limit], reads: Collection[str]
) -> tuple[Limit, ...]:
    """Return the limits that are read; of the others what is there of the same counters, and is read."""
    before = {limit.identity: limit for limit in present if _is_read(limit, reads)}
    each = (limit if _is_read(limit, reads) else before.get(limit.identity) for limit in limits)
    return tuple(limit for limit in each if limit is not None)


def _is_read(limit: Limit, reads: Collection[str]) -> bool:
    """Whether a service that reads this takes the limit for what it is."""
    if limit.is_of_limitador:
        return True
    counts = limit.counts_by == FIXED_WINDOW or ALGORITHMS in reads
    costs = COSTS in reads or not limit.by_cost
    modes = (MODES in reads or not limit.has_mode) and (SOFT_ONES in reads or limit.mode != SOFT)
    return PACKED in reads and counts and costs and modes
