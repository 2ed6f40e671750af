"""Routes that no listener takes, in whole or in part, and why: what Gateway API has in a route's status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.document_nodes import quoted
from kuadrant.compiler.listener_conflicts import hostname_of, listeners_by_port
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.name_guesses import Guesses, NamesByNamespace
from kuadrant.findings.request_paths import key
from kuadrant.findings.severity import Rule
from kuadrant.policy.hostnames import intersection, is_subset
from kuadrant.policy.route_attachment import (
    allows_kind,
    allows_namespace,
    parent_gateway,
    takes_requests,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.gateway import Gateway, Listener
    from kuadrant.api.route import ParentReference
    from kuadrant.findings.examined_documents import Material
    from kuadrant.policy.model import Problem
    from kuadrant.policy.route import Route

RULES: Final = (
    Rule(
        code="no-parent",
        severity="error",
        title="A route names no Gateway.",
        means="Without `parentRefs` nothing serves it, and its requests get 404.",
        do="Name a Gateway in `parentRefs`.",
    ),
    Rule(
        code="no-matching-parent",
        severity="error",
        title="A route names a Gateway, a listener or a port that does not exist.",
        means="Requests for it get 404. Without `namespace` the Gateway is looked for in the route's "
        "own namespace.",
        do="Correct `name`, `namespace`, `sectionName` or `port` of the parent.",
    ),
    Rule(
        code="parent-not-served",
        severity="note",
        title="A route names a parent that is no Gateway.",
        means="A Service (for a mesh) or a ListenerSet is not served here.",
        do="Nothing if somebody else serves it.",
    ),
    Rule(
        code="not-allowed-by-listeners",
        severity="error",
        title="No listener takes the route.",
        means="A listener takes routes of its own namespace, unless `allowedRoutes.namespaces.from` "
        "says something else, and those kinds that go with its protocol or are named in "
        "`allowedRoutes.kinds`. Requests for the route get 404.",
        do="Allow the namespace or the kind at the listener, or move the route.",
    ),
    Rule(
        code="no-matching-listener-hostname",
        severity="error",
        title="The route's host names are served by none of its listeners.",
        means="They have nothing in common with the `hostname` of the listener, or belong to another "
        "listener of the same port, which is more specific and does not have the route.",
        do="Correct `hostnames` of the route, or name the listener that has them as a parent.",
    ),
    Rule(
        code="hostname-not-served",
        severity="warning",
        title="One of the route's host names is served by none of its listeners.",
        means="The route is served under its other host names. Requests for this one get 404, or go "
        "where another route takes them.",
        do="Correct the host name, or name the listener that has it as a parent.",
    ),
)


def attachment_findings(of: Material) -> Iterator[Problem]:
    """Yield what is wrong with the parents and host names of each route."""
    gateways = NamesByNamespace(of.paths.gateways)
    for route in of.paths.routes.values():
        subject = (route.kind, route.namespace, route.name)
        if not route.parents:
            yield problem(subject, "spec.parentRefs", "no-parent", "is missing, so nothing serves the route")
        served: set[str] = set()
        refused = False
        for index, parent in enumerate(route.parents):
            found = _Parent(of, gateways, route, parent, f"spec.parentRefs[{index}]")
            yield from (problem(subject, *one[:3], fix=one[3]) for one in found.mistakes())
            refused = refused or found.refused
            served |= found.served
        if served and not refused:
            for index, hostname in enumerate(route.hostnames):
                if hostname not in served:
                    message = f"is {quoted(hostname)}, which none of the listeners of the route serves"
                    yield problem(subject, f"spec.hostnames[{index}]", "hostname-not-served", message)


_Mistake = tuple[str, str, str, str]
"""Field, code, sentence and what helps."""


class _Parent:
    """One parent of a route: why it does not serve the route, or under which of its host names it does."""

    def __init__(
        self, of: Material, gateways: NamesByNamespace, route: Route, parent: ParentReference, field: str
    ) -> None:
        self._of = of
        self._gateways = gateways
        self._route = route
        self._route_key = (route.kind, route.key)
        self._parent = parent
        self._field = field
        self.served: set[str] = set()
        self.refused = False

    def mistakes(self) -> Iterator[_Mistake]:
        """Yield what is wrong with the parent; ``served`` and ``refused`` are known afterwards."""
        for one in self._mistakes():
            self.refused = self.refused or one[1] != "parent-not-served"
            yield one

    def _mistakes(self) -> Iterator[_Mistake]:
        name = parent_gateway(self._route, self._parent)
        if name is None:
            what = f"is {quoted(self._parent.kind)}, which is not served here"
            yield f"{self._field}.kind", "parent-not-served", what, ""
            return
        gateway = self._of.paths.gateways.get(name)
        if gateway is None:
            yield from self._no_gateway(name)
            return
        named = [
            listener
            for listener in gateway.spec.listeners
            if self._parent.section_name in (None, listener.name)
            and self._parent.port in (None, listener.port)
        ]
        if not named:
            yield self._no_listener(gateway)
            return
        taking = [one for one in named if (name, one.name, self._route_key) in self._of.paths.served]
        if taking:
            yield from self._hostnames(gateway, taking)
        elif not any(self._is_taken(gateway, one) for one in named):
            # Else it is one that is in conflict with another one, which is said of it.
            yield self._field, "not-allowed-by-listeners", self._refusal(gateway, named), ""

    def _no_gateway(self, wanted: str) -> Iterator[_Mistake]:
        namespace, _, name = wanted.partition("/")
        # Without any Gateway there is something else to be said, and once.
        if not self._of.paths.gateways or self._of.may_exist("Gateway", namespace, name):
            return
        elsewhere = self._gateways.elsewhere(name)
        fix = f"Write namespace: {elsewhere[0]}." if elsewhere else self._gateways.meant(namespace, name)
        message = f"is {quoted(name)}: there is no such Gateway in namespace {namespace}"
        yield f"{self._field}.name", "no-matching-parent", message, fix

    def _no_listener(self, gateway: Gateway) -> _Mistake:
        whole, section = key(gateway), self._parent.section_name
        names = [one.name for one in gateway.spec.listeners]
        if section is not None and section not in names:
            message = f"is {quoted(section)}: Gateway {whole} has no such listener, it has {', '.join(names)}"
            return f"{self._field}.sectionName", "no-matching-parent", message, Guesses(names).meant(section)
        which = f"listener {section}" if section is not None else "listener"
        ports = ", ".join(dict.fromkeys(str(one.port) for one in gateway.spec.listeners))
        message = (
            f"is {self._parent.port}: Gateway {whole} has no {which} at this port; its ports are {ports}"
        )
        return f"{self._field}.port", "no-matching-parent", message, ""

    def _is_taken(self, gateway: Gateway, listener: Listener) -> bool:
        return (
            takes_requests(listener)
            and allows_kind(listener, self._route)
            and allows_namespace(
                listener,
                gateway.metadata.namespace,
                self._route.namespace,
                self._of.paths.namespace_labels,
            )
        )

    def _refusal(self, gateway: Gateway, listeners: list[Listener]) -> str:
        route, first = self._route, listeners[0]
        which = f"listener {first.name}" if len(listeners) == 1 else "none of its listeners"
        takes = "does not take" if len(listeners) == 1 else "takes"
        if not any(map(takes_requests, listeners)):
            why = f"it speaks {first.protocol}, not HTTP"
        elif not any(allows_kind(one, route) for one in listeners):
            why = f"its allowedRoutes.kinds do not have {route.kind}"
        else:
            own, space = gateway.metadata.namespace, first.allowed_routes.namespaces.from_
            what = {
                "Same": f"only routes of its own namespace {own} (allowedRoutes.namespaces.from: Same)",
                "Selector": "only routes of the namespaces that allowedRoutes.namespaces.selector selects",
                "None": "no routes at all (allowedRoutes.namespaces.from: None)",
            }.get(space, "other routes")
            why = f"it takes {what}, and the route is in {route.namespace}"
        return f"names Gateway {key(gateway)}: {which} {takes} the route, since {why}"

    def _hostnames(self, gateway: Gateway, taking: list[Listener]) -> Iterator[_Mistake]:
        """Note which host names of the route are served, and yield why if none is."""
        for listener in taking:
            self.served |= self._of.paths.served[key(gateway), listener.name, self._route_key]
        if not self.served:
            field = "spec.hostnames" if self._route.hostnames else self._field
            yield field, "no-matching-listener-hostname", self._owned(gateway, taking), ""

    def _owned(self, gateway: Gateway, taking: list[Listener]) -> str:
        hostnames = self._route.hostnames or ("*",)
        common = [
            (name, listener)
            for listener in taking
            for hostname in hostnames
            if (name := intersection(hostname, hostname_of(listener))) is not None
        ]
        if not common:
            has = ", ".join(f"{one.name} has {hostname_of(one)}" for one in taking)
            return f"are served by no listener that the route names: {has}"
        name, listener = common[0]
        ports = listeners_by_port(gateway)
        owner = next(
            one for one in ports[listener.port] if one is not listener and is_subset(name, hostname_of(one))
        )
        return (
            f"belong to listener {owner.name} ({hostname_of(owner)}) of port {owner.port} of Gateway "
            f"{key(gateway)}, which is more specific and does not take the route"
        )
