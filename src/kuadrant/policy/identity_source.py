"""Decides where a gateway has the identity of a request from: ``auth.identity`` of policies.

A Gateway says it by an annotation, the Kuadrant for those that say nothing. No source reads a token by
itself: what nobody has verified would be a way around limits.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from kuadrant.api.problem import spelled
from kuadrant.policy.attributes import selector_path
from kuadrant.policy.checked_expression import kind, parts, read
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.extension_annotation import identity_of_installation
from kuadrant.policy.model import Problem
from kuadrant.policy.oldest_kuadrant import oldest
from kuadrant.policy.untyped_expression import compiled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.model import Policy

ANNOTATION: Final = "kuadrant.io/identity"
"""On a Gateway."""
PATH: Final = ("auth", "identity")
"""The path of the attribute."""
_FIELD = spelled(("metadata", "annotations", ANNOTATION))
FORMS: Final = '"jwt", "jwt:PROVIDER", "header:NAME", "mtls" or "none"'
CLAIMS: Final = ("metadata", "filter_metadata", "envoy.filters.http.jwt_authn")
"""Where gateways that check tokens have what they say, each by a key of its own below."""


class IdentitySource(Struct, frozen=True, gc=False):
    """Holds what a gateway has authenticated by itself.

    ``jwt``: the claims of a token, which are the metadata ``name`` of Envoy's JWT filter. ``header``: the
    value of the header ``name``, in lower case, as ``username`` and ``userid``. ``mtls``: of a client's
    certificate, ``san`` and ``subject``.
    """

    kind: Literal["jwt", "header", "mtls"]
    name: str = ""

    def __str__(self) -> str:
        """As annotations have it."""
        return f"{self.kind}:{self.name}" if self.name else self.kind


_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
ISTIO: Final = "payload"
"""The key of the claims that Istio has authenticated, below :data:`CLAIMS`."""


def identity_source(text: str) -> IdentitySource | None:
    """Read what an annotation or a field says; None is a gateway that authenticates nobody.

    Raises:
        ValueError: It says nothing of the kind; the text tells what can be said.
    """
    match text.strip().partition(":"):
        case ("jwt", "", ""):
            return IdentitySource("jwt", ISTIO)
        case ("jwt", ":", provider) if provider and provider.isprintable():
            return IdentitySource("jwt", provider)
        case ("header", ":", name) if _HEADER.fullmatch(name):
            return IdentitySource("header", name.lower())
        case ("mtls", "", ""):
            return IdentitySource("mtls")
        case ("none", "", ""):
            return None
    raise ValueError(f'"{text}" is no source of identities; it is {FORMS}')


def source_of_installation(kuadrants: Iterable[Kuadrant]) -> tuple[IdentitySource | None, list[Problem]]:
    """Return the source for Gateways that name none, and what is wrong with it; None without a sound one."""
    kuadrant = oldest(kuadrants)
    if kuadrant is None:
        return None, []
    text, mistakes = identity_of_installation(kuadrant)
    of = ("Kuadrant", kuadrant.metadata.namespace, kuadrant.metadata.name)
    problems = [
        Problem("error", *of, spelled(one.field), one.message, "invalid-annotation", one.at)
        for one in mistakes
    ]
    if text is None or mistakes:
        return None, problems
    try:
        return identity_source(text), problems
    except ValueError as error:
        return None, [Problem("error", *of, "spec.identity", str(error), "invalid-identity")]


def source_of_gateway(
    gateway: Gateway, default: IdentitySource | None
) -> tuple[IdentitySource | None, list[Problem]]:
    """Return the source that a Gateway names, else ``default``, and what is wrong with it."""
    text = gateway.metadata.annotations.get(ANNOTATION)
    if text is None:
        return default, []
    try:
        return identity_source(text), []
    except ValueError as error:
        of = ("Gateway", gateway.metadata.namespace, gateway.metadata.name)
        return None, [Problem("error", *of, _FIELD, str(error), "invalid-identity")]


def reads_identity(those: Iterable[PolicyCondition | Counter]) -> bool:
    """Tell whether any of these conditions and counters asks for an identity."""
    return any(
        _names_auth(one.expression)
        if isinstance(one, ExpressionCondition | ExpressionCounter)
        else (selector_path(one.selector) or ())[:2] == PATH
        for one in those
    )


def asks_who(policy: Policy) -> bool:
    """Tell whether ``policy`` names anything of ``auth``, known or not."""
    return any(PATH[0] in one.text for one in policy.parts)


def _names_auth(expression: str) -> bool:
    return PATH[0] in expression and _of_tree(expression)


@lru_cache(maxsize=256)
def _of_tree(expression: str) -> bool:
    try:
        tree = read(compiled(expression).serialize()).expression
    except (RuntimeError, ValueError):
        return False  # it is refused for what it is
    return any(kind(part) == "name" and part.name.name == PATH[0] for part in parts(tree))
