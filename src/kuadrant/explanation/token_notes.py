"""Notes of tokens that are told of a request, and that no gateway would have read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.compiler import identities
from kuadrant.explanation.claims import claim_keys, reads_claims
from kuadrant.policy.authentication_targets import may_be_somebody
from kuadrant.policy.identity_source import ANNOTATION, ISTIO, IdentitySource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation


def token_notes(
    objects: Objects, compilation: Compilation, gateway: str, *, knows_all: bool
) -> Iterator[str]:
    """Yield why the claims of a request to ``gateway`` (``namespace/name``) have no say, or may have none.

    Only if ``objects`` are all that there are (``knows_all``) it is known that nothing authenticates tokens.
    """
    source = identities(objects).get(gateway)
    if (source is None or source.kind != "jwt") and not reads_claims(compilation):
        knows = f"knows requests by {source}" if source else "knows nobody"
        yield f"--jwt has no say: Gateway {gateway} {knows}; annotate it with {ANNOTATION}: {_AS_TOKENS}"
    elif knows_all and (what := _missing(objects, compilation, gateway)):
        yield f"--jwt is believed, and nothing authenticates tokens for Gateway {gateway}; add {what}"


def nobody_note(objects: Objects, compilation: Compilation, gateway: str) -> Iterator[str]:
    """Yield that no request to ``gateway`` has claims, if policies look for some, and that is so."""
    if reads_claims(compilation) and (what := _missing(objects, compilation, gateway)):
        yield f"nothing authenticates tokens for Gateway {gateway}, so no request has claims; add {what}"


def _missing(objects: Objects, compilation: Compilation, gateway: str) -> str:
    """What would authenticate tokens for a Gateway; empty where something may do it."""
    source = identities(objects).get(gateway)
    knows_tokens = source is not None and source.kind == "jwt"
    keys = [source.name] if source and knows_tokens else sorted(claim_keys(compilation))
    if any(_may_be_somebody(objects, IdentitySource("jwt", key), gateway) for key in keys):
        return ""
    if keys == [ISTIO]:
        return "a RequestAuthentication"
    providers = " or ".join(key for key in keys if key != ISTIO)
    return f"a SecurityPolicy with the provider {providers}"


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
