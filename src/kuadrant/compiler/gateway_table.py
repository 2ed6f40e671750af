"""Keeps what one gateway must do while routes, policies and its listeners change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.response import Response
from kuadrant.compiler.host_table import HostTable
from kuadrant.compiler.listener_conflicts import hostname_of, listeners_by_port
from kuadrant.compiler.program import GatewayProgram, ListenerProgram
from kuadrant.compiler.route_piece import ListenerPlace, RoutePiece, route_piece, with_former_parts
from kuadrant.compiler.wanted_limits import WantedLimits
from kuadrant.policy.route_attachment import is_attached, served_hostnames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from kuadrant.api.gateway import Gateway, Listener
    from kuadrant.compiler.policy_table import ObjectKey, PolicyTable
    from kuadrant.compiler.program import HostProgram
    from kuadrant.compiler.ready_routes import PreparedRoute
    from kuadrant.compiler.route_piece import HostRule
    from kuadrant.policy.identity_source import IdentitySource
    from kuadrant.policy.model import Policy
    from kuadrant.policy.route import Route

    _Place = tuple[str, int]
    """The name of a listener, and how many before it on its port have the same."""
    _PieceKey = tuple[int, _Place, ObjectKey]
    """Port and listener, and a route."""

Replacement = tuple[RoutePiece | None, RoutePiece | None]
"""A piece before and after."""


class GatewayTable:
    """The pieces of one gateway and the program that they make.

    ``gateway`` is what it was last compiled from, and ``response`` what clients are told of limits as far as
    policies leave it open.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._identity: IdentitySource | None = None
        self.response = Response()
        self._listeners: dict[int, dict[_Place, Listener]] = {}
        self._pieces: dict[_PieceKey, RoutePiece] = {}
        # Made when somebody asks where rules come from.
        self._by_host: dict[tuple[int, str], list[tuple[str, HostRule]]] | None = None
        self._hosts: dict[int, HostTable] = {}
        self._limits = WantedLimits()
        self._program = GatewayProgram(gateway.metadata.namespace, gateway.metadata.name, (), ())

    def update(
        self,
        gateway: Gateway,
        routes: Mapping[ObjectKey, PreparedRoute],
        *,
        response: Response,
        changed_routes: AbstractSet[ObjectKey],
        changed_sections: AbstractSet[str | None],
        policies: PolicyTable,
        namespace_labels: Mapping[str, Mapping[str, str]],
        identity: IdentitySource | None,
    ) -> list[Replacement]:
        """Compile again what has changed; returns which pieces are others now.

        ``routes`` are those that name the gateway as a parent, ``changed_sections`` the listeners (None for
        the whole gateway) that have other policies.
        """
        respecified = not self._listeners or gateway.spec != self.gateway.spec
        whole = (
            respecified or None in changed_sections or (identity, response) != (self._identity, self.response)
        )
        self.gateway, self._identity, self.response = gateway, identity, response
        if respecified:
            self._listen()
        pieces: dict[_PieceKey, RoutePiece | None] = {}
        for port, listeners in self._listeners.items():
            hostnames = frozenset(map(hostname_of, listeners.values()))
            for place, listener in listeners.items():
                all_anew = whole or listener.name in changed_sections
                for key in {*routes, *changed_routes} if all_anew else changed_routes:
                    prepared = routes.get(key)
                    pieces[port, place, key] = (
                        _piece(
                            prepared,
                            gateway=gateway,
                            listener=listener,
                            response=response,
                            port_hostnames=hostnames,
                            policies=policies,
                            namespace_labels=namespace_labels,
                            identity=identity,
                        )
                        if prepared
                        else None
                    )
        if whole:
            pieces = dict.fromkeys(self._pieces) | pieces
        return [*self._replace(pieces)]

    def _listen(self) -> None:
        self._listeners = {}
        for port, listeners in listeners_by_port(self.gateway).items():
            own = self._listeners[port] = {}
            for listener in listeners:
                own[listener.name, sum(listener.name == name for name, _ in own)] = listener
            self._hosts.setdefault(port, HostTable()).serve(map(hostname_of, listeners))

    def remove(self) -> list[Replacement]:
        """Take all pieces away; returns them."""
        return [*self._replace(dict.fromkeys(self._pieces))]

    def program(self) -> GatewayProgram:
        """Return what the gateway must do; whatever part of it is as before is the same instance."""
        former = {listener.port: listener for listener in self._program.listeners}
        for port in self._hosts.keys() - self._listeners.keys():
            del self._hosts[port]
        listeners = tuple(
            _listener(former.get(port), (*listeners.values(),), self._hosts[port].hosts())
            for port, listeners in self._listeners.items()
        )
        limits = self._limits.limits()
        if listeners != self._program.listeners or limits is not self._program.limits:
            self._program = GatewayProgram(
                self.gateway.metadata.namespace, self.gateway.metadata.name, listeners, limits
            )
        return self._program

    def rules(self, port: int, hostname: str) -> Iterator[tuple[str, HostRule]]:
        """Yield the rules of a host name at ``port``, each with the listener that serves it."""
        if self._by_host is None:
            self._by_host = {}
            for (own, (listener, _), _), piece in self._pieces.items():
                for rule in piece.rules:
                    self._by_host.setdefault((own, rule.hostname), []).append((listener, rule))
        yield from self._by_host.get((port, hostname), ())

    def _replace(self, pieces: Mapping[_PieceKey, RoutePiece | None]) -> Iterator[Replacement]:
        for key, found in pieces.items():
            old = self._pieces.get(key)
            new = found if old is None or found is None else with_former_parts(old, found)
            if new is old:
                continue
            self._by_host = None
            if new is None:
                del self._pieces[key]
            else:
                self._pieces[key] = new
            self._hosts[key[0]].change(old.rules if old else (), new.rules if new else ())
            self._limits.change(old.limits if old else (), new.limits if new else ())
            yield old, new


def _piece(
    prepared: PreparedRoute,
    *,
    gateway: Gateway,
    listener: Listener,
    response: Response,
    port_hostnames: AbstractSet[str],
    policies: PolicyTable,
    namespace_labels: Mapping[str, Mapping[str, str]],
    identity: IdentitySource | None,
) -> RoutePiece | None:
    """Return what a route adds under a listener; None if it is not served there."""
    route = prepared.route
    if not is_attached(route, gateway, listener, namespace_labels):
        return None
    hostnames = served_hostnames(route.hostnames, hostname_of(listener), port_hostnames)
    if not hostnames:
        return None
    key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
    return route_piece(
        route,
        place=ListenerPlace(gateway.spec.gateway_class_name, key, listener.name, identity, response),
        hostnames=hostnames,
        forwardings=prepared.forwardings,
        policies=policies_of_rules(policies, key, listener.name, route),
    )


def policies_of_rules(
    policies: PolicyTable, gateway: str, listener: str, route: Route
) -> list[tuple[Policy, ...]]:
    """The policies on the path to each rule of ``route``, from the least to the most specific."""
    on_path = (
        *policies.on("Gateway", gateway),
        *policies.on("Gateway", gateway, listener),
        *policies.on(route.kind, route.key),
    )
    return [(*on_path, *policies.on(route.kind, route.key, rule.name)) for rule in route.rules]


def _listener(
    former: ListenerProgram | None, listeners: tuple[Listener, ...], hosts: tuple[HostProgram, ...]
) -> ListenerProgram:
    names, protocol = tuple(listener.name for listener in listeners), listeners[0].protocol
    if former is not None and former.hosts is hosts and (former.names, former.protocol) == (names, protocol):
        return former
    return ListenerProgram(names, listeners[0].port, protocol, hosts)
