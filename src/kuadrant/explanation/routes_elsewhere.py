"""Finds the routes that have the host of a request and are not where it came in, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import structs

from kuadrant.explanation.listener_record import Elsewhere
from kuadrant.findings.attachment_findings import attachment_findings
from kuadrant.findings.examined_documents import material_of_cluster
from kuadrant.policy.hostnames import EVERY_HOSTNAME
from kuadrant.reference_model.routing import host_holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.explanation.origins import Origins

_HOSTNAME: Final = re.compile(r"spec\.hostnames\[([0-9]+)\]")


def routes_elsewhere(
    objects: Objects, compilation: Compilation, origins: Origins, host: str, at: tuple[str, int]
) -> Iterator[Elsewhere]:
    """Yield why each route that has ``host`` is not served ``at`` a Gateway (``namespace/name``) and port."""

    def has(hostnames: tuple[str, ...]) -> bool:
        return any(host_holds(name, host) for name in hostnames or (EVERY_HOSTNAME,))

    # Which listeners take a route does not depend on other routes, nor on policies.
    few = structs.replace(
        objects,
        http_routes=tuple(one for one in objects.http_routes if has(one.spec.hostnames)),
        grpc_routes=tuple(one for one in objects.grpc_routes if has(one.spec.hostnames)),
    )
    of = material_of_cluster(few, structs.replace(compilation, policies=()))
    for one in attachment_findings(of):
        key = f"{one.namespace}/{one.name}"
        named = _HOSTNAME.fullmatch(one.field)
        if named is None or host_holds(of.paths.routes[one.kind, key].hostnames[int(named[1])], host):
            yield Elsewhere(
                route=f"{one.kind} {key}",
                origin=origins.of_field(one.kind, key, one.field),
                because=f"{one.field} {one.message}",
            )
    for (kind, key), paths in of.paths.by_route.items():
        serving = [path for path in paths if any(host_holds(name, host) for name in path.hostnames)]
        places = dict.fromkeys((path.gateway, path.port) for path in serving)
        if places and at not in places:
            told = " and ".join(f"port {port} of Gateway {gateway}" for gateway, port in places)
            yield Elsewhere(
                route=f"{kind} {key}", origin=origins.of(kind, key), because=f"it is served at {told}"
            )
