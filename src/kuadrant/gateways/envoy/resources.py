"""Everything that a standalone Envoy is told over xDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.gateways.envoy import listeners
from kuadrant.gateways.envoy.certificates import NO_CERTIFICATES, Certificates
from kuadrant.gateways.envoy.clusters import (
    CLUSTER,
    RATE_LIMIT_CLUSTER,
    backend_cluster,
    fixed_http2_cluster,
)
from kuadrant.gateways.envoy.discovered_filter import EXTENSION, extension
from kuadrant.gateways.envoy.endpoints import ENDPOINTS, BackendKey, endpoints
from kuadrant.gateways.envoy.listeners import LISTENER, ListenerKey
from kuadrant.gateways.envoy.route_actions import Seen
from kuadrant.gateways.envoy.routes import ROUTES, route_configuration
from kuadrant.gateways.envoy.secret_resources import SECRET, tls_secret
from kuadrant.gateways.envoy.socket_address import Address
from kuadrant.gateways.envoy.token_authentication import NO_AUTHENTICATION, Authentication

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import Backend, GatewayProgram, ListenerProgram


class ListenerSettings(Struct, frozen=True, kw_only=True):
    """Holds for every listener what a program does not say.

    ``configure`` renders the hosts of a listener in the dialect of ``module``, the bytes of the shim.
    ``addresses`` are where the listeners are bound. ``endpoints`` are the ready addresses of Services
    (``ready_addresses``); a Service that is not in it is answered by ``echo`` if there is one. ``http2`` are
    the ports of Services that speak HTTP/2 (``http2_ports``). ``access_log`` is the file that gets a line for
    each request, if any does. With ``http3`` listeners of HTTPS serve that beside HTTP/2, at their port of
    UDP, and tell clients so.
    """

    module: bytes
    configure: Callable[[tuple[HostProgram, ...]], bytes]
    addresses: Mapping[ListenerKey, Address]
    rate_limit: Address
    endpoints: Mapping[BackendKey, tuple[Address, ...]]
    http2: frozenset[BackendKey] = frozenset()
    echo: Address | None = None
    certificates: Certificates = NO_CERTIFICATES
    authentication: Authentication = NO_AUTHENTICATION
    access_log: str | None = None
    http3: bool = False


def resources(
    programs: Iterable[GatewayProgram], settings: ListenerSettings
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the resources by type URL and name, each in Envoy's JSON form with ``@type``.

    All six types are there, with nothing in them if need be. Listeners that ``unserved`` names are left out.
    """
    result: dict[str, dict[str, dict[str, Any]]] = {
        CLUSTER: {RATE_LIMIT_CLUSTER: fixed_http2_cluster(RATE_LIMIT_CLUSTER, settings.rate_limit)},
        ENDPOINTS: {},
        LISTENER: {},
        ROUTES: {},
        EXTENSION: {},
        SECRET: {name: tls_secret(name, pair) for name, pair in settings.certificates.held.items()},
    }
    for key, name, listener, address, chains in listeners.served(
        programs, settings.addresses, settings.certificates.chains
    ):
        how = (chains, settings.access_log, settings.authentication.filters.get(key[0]))
        result[LISTENER][name] = listeners.listener(name, address, *how)
        has_http3 = settings.http3 and bool(chains)
        if has_http3:
            result[LISTENER][listeners.http3_name(name)] = listeners.http3_listener(name, address, *how)
        backends = [*_backends(listener)]
        http2 = frozenset(one for one in backends if _speaks_http2(one, settings))
        seen = Seen(address.port, listener.protocol.lower(), http2)
        result[ROUTES][name] = route_configuration(name, listener.hosts, seen, has_http3=has_http3)
        result[EXTENSION][name] = extension(name, settings.module, settings.configure(listener.hosts))
        for backend in backends:
            cluster = seen.cluster(backend)
            if cluster not in result[CLUSTER]:
                result[CLUSTER][cluster] = backend_cluster(cluster, http2=backend in http2)
                result[ENDPOINTS][cluster] = endpoints(cluster, _addresses(backend, settings))
    return result


def _backends(listener: ListenerProgram) -> Iterable[Backend]:
    return (
        backend
        for host in listener.hosts
        for rule in host.rules
        for backend in (
            *rule.forwarding.backends,
            *(mirror.backend for mirror in rule.forwarding.mirrors),
        )
        if backend.allowed
    )


def _speaks_http2(backend: Backend, settings: ListenerSettings) -> bool:
    """The echo, which stands in for a Service without endpoints, does not."""
    key = (backend.namespace, backend.name, backend.port)
    return key in settings.endpoints and (backend.grpc or key in settings.http2)


def _addresses(backend: Backend, settings: ListenerSettings) -> tuple[Address, ...]:
    nobody = () if settings.echo is None else (settings.echo,)
    return settings.endpoints.get((backend.namespace, backend.name, backend.port), nobody)
