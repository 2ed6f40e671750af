"""Notes of tokens that are told of a request, and that no gateway would have read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
            knows = f"knows requests by {source}" if source else "knows nobody"
            yield f"--jwt has no say: Gateway {gateway} {knows}; annotate it with {ANNOTATION}: {_AS_TOKENS}"
    elif knows_all and not _may_be_somebody(objects, source, gateway):
        is_istio = source.name == ISTIO
        what = "a RequestAuthentication" if is_istio else f"a SecurityPolicy with the provider {source.name}"
        yield f"--jwt is believed, and nothing authenticates tokens for Gateway {gateway}; add {what}"


_AS_TOKENS: Final = "jwt, or jwt:PROVIDER"
"""Short, as all of it: of a note two lines are shown."""


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
