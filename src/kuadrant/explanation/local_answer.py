"""The headers of an answer that the gateway's filter gives, with those that the route adds to it.

Envoy changes such an answer as the route says before the filter's own headers are added, and only where the
route forwards: not where it redirects, or cannot be carried out. So a route removes nothing that is of the
filter, and a name of both is there twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.gateways.envoy.route_actions import feasible
from kuadrant.reference_model.preflight import is_preflight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import RuleProgram
    from kuadrant.reference_model import Request

    Headers = tuple[tuple[str, str], ...]

_TYPE = "content-type"


def forwards(rule: RuleProgram) -> bool:
    """Tell whether requests that ``rule`` admits go to a backend."""
    forwarding = rule.forwarding
    allowed = any(backend.allowed and backend.weight > 0 for backend in forwarding.backends)
    return feasible(forwarding, rule.match.path) and forwarding.redirect is None and allowed


def answers_preflight(rule: RuleProgram, request: Request) -> bool:
    """Tell whether the filter CORS of ``rule`` answers ``request``, so that nobody else sees it."""
    forwarding = rule.forwarding
    is_carried_out = forwarding.cross_origin is not None and feasible(forwarding, rule.match.path)
    return is_carried_out and is_preflight(request)


def with_route(rule: RuleProgram | None, own: Iterable[tuple[str, str]], *, is_grpc: bool) -> Headers:
    """Return the headers ``own`` of the filter's answer, behind those that the route of ``rule`` adds.

    There is one ``content-type``, with both values, and an answer to gRPC has its own.
    """
    own = tuple(own)
    if rule is None or not forwards(rule):
        return own
    change = rule.forwarding.response_headers
    both = (*change.set, *change.add, *own)
    types = [value for name, value in both if name == _TYPE]
    others = tuple(one for one in both if one[0] != _TYPE)
    return others if is_grpc or not types else ((_TYPE, ",".join(types)), *others)
