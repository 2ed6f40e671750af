"""The rules of a route as a whole, of its backends and its timeouts."""

from typing import Final

from kuadrant.api.complaints import Complaints, repeated, unique_names
from kuadrant.api.duration import milliseconds
from kuadrant.api.grpc_route import GRPCBackendRef, GRPCRouteSpec
from kuadrant.api.http_route import HTTPBackendRef, HTTPRouteSpec, HTTPRouteTimeouts
from kuadrant.api.node_reading import Rules
from kuadrant.api.route import BackendObjectReference

_MOST_MATCHES = 128


def _backend(backend: BackendObjectReference) -> Complaints:
    if backend.group == "" and backend.kind == "Service" and backend.port is None:
        yield ("port",), "is missing; a Service needs it"


def _timeouts(timeouts: HTTPRouteTimeouts) -> Complaints:
    if timeouts.request is None or timeouts.backend_request is None:
        return
    whole = milliseconds(timeouts.request)
    if 0 < whole < milliseconds(timeouts.backend_request):
        yield (
            ("backendRequest",),
            f"is {timeouts.backend_request}, must not be longer than request ({timeouts.request})",
        )


def _route(spec: HTTPRouteSpec | GRPCRouteSpec) -> Complaints:
    yield from unique_names((rule.name for rule in spec.rules), "rules")
    for index, first in repeated(
        (p.group, p.kind, p.namespace, p.name, p.section_name, p.port) for p in spec.parent_refs
    ):
        yield ("parentRefs", index), f"is the same as parentRefs[{first}]"
    matches = sum(len(rule.matches) for rule in spec.rules)
    if matches > _MOST_MATCHES:
        yield ("rules",), f"have {matches} matches together, must have at most {_MOST_MATCHES}"


RULES: Final[Rules] = {
    BackendObjectReference: _backend,
    GRPCBackendRef: _backend,
    GRPCRouteSpec: _route,
    HTTPBackendRef: _backend,
    HTTPRouteSpec: _route,
    HTTPRouteTimeouts: _timeouts,
}
"""The rule of each struct that has one."""
