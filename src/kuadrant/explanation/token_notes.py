"""Notes of tokens that are told of a request, and that no gateway would have read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.compiler import identities
from kuadrant.explanation.claims import reads_claims
from kuadrant.policy.authentication_targets import may_be_somebody
from kuadrant.policy.identity_source import ANNOTATION, ISTIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.policy.identity_source import IdentitySource


def token_notes(
    objects: Objects, compilation: Compilation, gateway: str, *, knows_all: bool
) -> Iterator[str]:
    """Yield why the claims of a request to ``gateway`` (``namespace/name``) have no say, or may have none.

    Only if ``objects`` are all that there are (``knows_all``) it is known that nothing authenticates tokens.
    """
    source = identities(objects).get(gateway)
    if source is None or source.kind != "jwt":
        if not reads_claims(compilation):
            says = f"knows requests by {source}" if source else "says nothing of who requests are from"
            yield (
                f"no policy reads the claims of --jwt here: Gateway {gateway} {says}; its annotation "
                f"{ANNOTATION}: jwt (jwt:PROVIDER on Envoy Gateway) has auth.identity be the claims"
            )
    elif knows_all and not _may_be_somebody(objects, source, gateway):
        what = (
            "a RequestAuthentication"
            if source.name == ISTIO
            else f"a SecurityPolicy with a provider {source.name}"
        )
        yield (
            f"the claims of --jwt are believed here, and nothing authenticates tokens for Gateway {gateway}: "
            f"without {what} for it every request there is from nobody"
        )


def _may_be_somebody(objects: Objects, source: IdentitySource, key: str) -> bool:
    routes = [
        (one.kind, one.metadata.namespace, one.metadata.name)
        for one in (*objects.http_routes, *objects.grpc_routes)
    ]
    return any(
        may_be_somebody(objects, source, one, routes)
        for one in objects.gateways
        if f"{one.metadata.namespace}/{one.metadata.name}" == key
    )
