"""Tells which version's form a RateLimitPolicy has, whichever version it was read in.

The API server keeps one union of both versions' fields and converts nothing: what was written as ``v1beta2``
is read as ``v1`` with the fields of ``v1beta2``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

_ONLY_IN_V1BETA2 = {"rates": "duration", "when": "selector"}


def form(spec: Mapping[str, Any]) -> Literal["kuadrant.io/v1beta2", "kuadrant.io/v1"]:
    """Return the version whose fields ``spec``, the spec of a policy as the API server has it, is written in.

    A policy that has nothing of ``v1beta2`` alone means the same in both and is of ``v1``. So is not one that
    is only a target: ``v1`` refuses it. One that mixes the two, which the admission policy refuses, is of
    ``v1beta2``; the fields of ``v1`` are mistakes in it.
    """
    if "namespace" in spec.get("targetRef", {}) or any(map(_is_v1beta2, _limits(spec))) or _is_target(spec):
        return "kuadrant.io/v1beta2"
    return "kuadrant.io/v1"


def _is_target(spec: Mapping[str, Any]) -> bool:
    target = spec.get("targetRef", {})
    said = {name for name, value in spec.items() if value and value != {"strategy": "atomic"}}
    return said == {"targetRef"} and target.get("kind") != "GRPCRoute" and "sectionName" not in target


def _limits(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for block in (spec, spec.get("defaults") or {}, spec.get("overrides") or {}):
        yield from (block.get("limits") or {}).values()


def _is_v1beta2(limit: Mapping[str, Any]) -> bool:
    return (
        bool(limit.get("routeSelectors"))
        or any(isinstance(counter, str) for counter in limit.get("counters") or ())
        or any(field in one for name, field in _ONLY_IN_V1BETA2.items() for one in limit.get(name) or ())
    )
