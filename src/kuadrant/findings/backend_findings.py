"""Rules of routes that answer 500 or 503, and fields of them that are not read: seen rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.document_nodes import quoted
from kuadrant.compiler.forwarding import ReferenceGrants, is_carried_out
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.name_guesses import NamesByNamespace
from kuadrant.findings.severity import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.grpc_route import GRPCBackendRef, GRPCRoute, GRPCRouteFilter, GRPCRouteRule
    from kuadrant.api.http_route import HTTPBackendRef, HTTPRoute, HTTPRouteFilter, HTTPRouteRule
    from kuadrant.api.route import BackendObjectReference
    from kuadrant.api.service import Service
    from kuadrant.findings.examined_documents import Material
    from kuadrant.policy.model import Problem

RULES: Final = (
    Rule(
        code="no-backend",
        severity="warning",
        title="A rule has nowhere to send requests.",
        means="Gateway API has such a rule answer 500. A rule that redirects needs no backend.",
        do="Add a Service to `backendRefs`, with a `weight` above 0 if it has one.",
    ),
    Rule(
        code="invalid-kind",
        severity="warning",
        title="A backend is of a kind that is not served.",
        means="Requests go to Services. The share of requests that is for another kind gets 500 in "
        "`kuadrant run`; a gateway in a cluster may know the kind.",
        do="Name a Service.",
    ),
    Rule(
        code="ref-not-permitted",
        severity="error",
        title="A backend or a certificate is in another namespace, which has not permitted that.",
        means="Without a ReferenceGrant in the namespace of the Service its share of the requests gets 500, "
        "and without one in that of the Secret the listener is not served.",
        do="Add a ReferenceGrant to the other namespace, from objects of this kind and namespace.",
    ),
    Rule(
        code="backend-not-found",
        severity="warning",
        title="There is no Service, or no port of it, that a backend names.",
        means="Requests get 503, in a cluster 500. With `kuadrant run --echo` the echo answers in its "
        "place, and the mistake is not seen. Where the documents have no Service at all, nothing "
        "is said: then Services are elsewhere.",
        do="Correct `name` or `port`, or add the Service.",
    ),
    Rule(
        code="filter-not-carried-out",
        severity="warning",
        title="A filter is one that `kuadrant run` does not carry out.",
        means="These are ExtensionRef and ExternalAuth, every filter of a single "
        "backend, and changes of the header `host`. As Gateway API asks for, the whole rule "
        "answers 500. A gateway in a cluster may carry it out.",
        do="Leave the filter out here, or check it where it is carried out.",
    ),
    Rule(
        code="no-effect",
        severity="warning",
        title="A field is not read, so it has no effect.",
        means="`kuadrant run` tries each request once, and spreads requests without regard to sessions."
        " A gateway in a cluster may carry it out.",
        do="Leave the field out, or do not count on it here.",
    ),
)

_UNREAD: Final = {
    "retry": "is not read: each request is tried once",
    "sessionPersistence": "is not read: requests of one session go to any endpoint",
}


def backend_findings(of: Material) -> Iterator[Problem]:
    """Yield what is wrong with the backends and filters of each rule."""
    grants = ReferenceGrants(of.objects.reference_grants)
    services = {(one.metadata.namespace, one.metadata.name): one for one in of.objects.services}
    names = NamesByNamespace(map("/".join, services))
    routes: tuple[HTTPRoute | GRPCRoute, ...] = (*of.objects.http_routes, *of.objects.grpc_routes)
    for route in routes:
        checks = _RouteCheck(of, route, grants, services, names)
        rules: tuple[HTTPRouteRule | GRPCRouteRule, ...] = route.spec.rules
        for index, rule in enumerate(rules):
            yield from checks.rule(f"spec.rules[{index}]", rule)


class _RouteCheck:
    """The rules of one route."""

    def __init__(
        self,
        of: Material,
        route: HTTPRoute | GRPCRoute,
        grants: ReferenceGrants,
        services: dict[tuple[str, str], Service],
        names: NamesByNamespace,
    ) -> None:
        self._of = of
        self._namespace = route.metadata.namespace
        self._subject = (route.kind, self._namespace, route.metadata.name)
        self._grants = grants
        self._services = services
        self._names = names

    def rule(self, field: str, rule: HTTPRouteRule | GRPCRouteRule) -> Iterator[Problem]:
        """Yield what is wrong with a rule."""
        source = self._of.sources[self._subject]
        for name, message in _UNREAD.items():
            if source.has(f"{field}.{name}"):
                yield problem(self._subject, f"{field}.{name}", "no-effect", message)
        filters: tuple[HTTPRouteFilter | GRPCRouteFilter, ...] = rule.filters
        backends: tuple[HTTPBackendRef | GRPCBackendRef, ...] = rule.backend_refs
        for index, one in enumerate(filters):
            yield from self._filter(f"{field}.filters[{index}]", one)
        for index, backend in enumerate(backends):
            yield from self._filters_of(f"{field}.backendRefs[{index}]", backend)
        sent = [
            (f"{field}.backendRefs[{index}]", backend)
            for index, backend in enumerate(backends)
            if backend.weight > 0
        ]
        if not sent and not any(one.type == "RequestRedirect" for one in rule.filters):
            what = "have a weight of 0 each" if rule.backend_refs else "are missing"
            message = f"{what}, so every request of the rule is answered with 500"
            yield problem(self._subject, f"{field}.backendRefs", "no-backend", message)
        for place, backend in sent:
            yield from self._backend(place, backend)

    def _filter(self, field: str, one: HTTPRouteFilter | GRPCRouteFilter) -> Iterator[Problem]:
        code = "filter-not-carried-out"
        if not is_carried_out(one):
            message = f"is {one.type}, which is not carried out: the rule answers 500"
            yield problem(self._subject, f"{field}.type", code, message)
        if one.request_mirror is not None:
            place = f"{field}.requestMirror.backendRef"
            yield from self._backend(place, one.request_mirror.backend_ref, "copies", "no copy is sent")
        for name, change in (
            ("requestHeaderModifier", one.request_header_modifier),
            ("responseHeaderModifier", one.response_header_modifier),
        ):
            if change is None:
                continue
            headers = [
                *((f"set[{index}].name", header.name) for index, header in enumerate(change.set)),
                *((f"add[{index}].name", header.name) for index, header in enumerate(change.add)),
                *((f"remove[{index}]", header) for index, header in enumerate(change.remove)),
            ]
            for place, header in headers:
                if header.lower() == "host":
                    message = "is the header host, which a filter cannot change: the rule answers 500"
                    fix = "Change the host by a filter of type URLRewrite."
                    yield problem(self._subject, f"{field}.{name}.{place}", code, message, fix=fix)

    def _filters_of(self, field: str, backend: HTTPBackendRef | GRPCBackendRef) -> Iterator[Problem]:
        """Yield the filters of one backend: one is enough for the whole rule, whatever its share is."""
        filters: tuple[HTTPRouteFilter | GRPCRouteFilter, ...] = backend.filters
        for index, one in enumerate(filters):
            message = f"is {one.type} of a single backend, which is not carried out: the rule answers 500"
            yield problem(self._subject, f"{field}.filters[{index}].type", "filter-not-carried-out", message)

    def _backend(
        self,
        field: str,
        backend: BackendObjectReference,
        sent: str = "requests",
        refused: str = "its requests are answered with 500",
    ) -> Iterator[Problem]:
        if (backend.group, backend.kind) != ("", "Service"):
            kind = f"{backend.kind} of {backend.group}" if backend.group else backend.kind
            message = f"is {kind}, which is not served: {refused}"
            yield problem(self._subject, f"{field}.kind", "invalid-kind", message)
            return
        namespace = backend.namespace or self._namespace
        kind = self._subject[0]
        if not self._grants.allow(
            kind=kind, namespace=self._namespace, to_namespace=namespace, name=backend.name
        ):
            message = (
                f"is {namespace}, and no ReferenceGrant there allows a {kind} of {self._namespace} to name "
                f"Service {backend.name}: {refused}"
            )
            yield problem(self._subject, f"{field}.namespace", "ref-not-permitted", message)
        else:
            yield from self._service(field, namespace, backend, sent)

    def _service(
        self, field: str, namespace: str, backend: BackendObjectReference, sent: str
    ) -> Iterator[Problem]:
        if not self._services:
            return
        service = self._services.get((namespace, backend.name))
        if service is None:
            if self._of.may_exist("Service", namespace, backend.name):
                return
            fix = self._names.meant(namespace, backend.name)
            message = (
                f"is {quoted(backend.name)}: there is no such Service in namespace {namespace}, so {sent} "
                "get 503 (with --echo the echo answers)"
            )
            yield problem(self._subject, f"{field}.name", "backend-not-found", message, fix=fix)
        elif service.spec.type != "ExternalName" and backend.port not in {
            port.port for port in service.spec.ports
        }:
            ports = ", ".join(str(port.port) for port in service.spec.ports) or "none"
            message = (
                f"is {backend.port}, which Service {namespace}/{backend.name} does not have, so {sent} get "
                f"503 (with --echo the echo answers); its ports: {ports}"
            )
            yield problem(self._subject, f"{field}.port", "backend-not-found", message)
