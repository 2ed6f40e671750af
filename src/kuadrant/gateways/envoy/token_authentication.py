"""Tokens that `kuadrant run` authenticates: RequestAuthentications of the folder, by Envoy's own filter.

As at a gateway of Istio, a token that is there has to be sound, and none need be there. What cannot be
carried out is left out whole, and told: tokens of such an issuer are nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from kuadrant.policy.authentication_targets import GATEWAY_LABEL, is_for_gateway
from kuadrant.policy.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.objects import Objects
    from kuadrant.api.request_authentication import JWTRule, RequestAuthentication
    from kuadrant.api.security_policy import SecurityPolicy
    from kuadrant.policy.identity_source import IdentitySource

_FILTER: Final = "envoy.filters.http.jwt_authn"
_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
_PAYLOAD: Final = "payload"
_LISTS: Final = ("scope", "permission")
"""Claims that Istio makes lists of, where they are texts with spaces between."""


class Authentication(Struct, frozen=True):
    """The filter of each Gateway (``namespace/name``) that authenticates tokens, and what is wrong."""

    filters: Mapping[str, dict[str, Any]]
    problems: tuple[Problem, ...] = ()


NO_AUTHENTICATION: Final = Authentication({})


def authentication(objects: Objects, identities: Mapping[str, IdentitySource | None]) -> Authentication:
    """Return how the Gateways of ``objects`` authenticate tokens, whose claims ``identities`` may name."""
    problems: list[Problem] = []
    rules: dict[str, list[JWTRule]] = {}
    for one in objects.request_authentications:
        problems += _wrong_targets(one)
        for index, rule in enumerate(one.spec.jwt_rules):
            if (found := _not_carried_out(one, index, rule)) is not None:
                problems.append(found)
                continue
            for gateway in objects.gateways:
                if is_for_gateway(one, gateway):
                    rules.setdefault(_key(gateway), []).append(rule)
    problems += (_warning(one, "kind", _OF_ENVOY_GATEWAY, _CODE) for one in objects.security_policies)
    for gateway in objects.gateways:
        source = identities.get(_key(gateway))
        if (why := _nobody(source, is_checked=_key(gateway) in rules)) is not None:
            problems.append(_warning(gateway, "metadata.name", why, "identity-of-nobody"))
    filters = {key: _filter(found, _key_of_claims(identities.get(key))) for key, found in rules.items()}
    return Authentication(filters, tuple(problems))


def _nobody(source: IdentitySource | None, *, is_checked: bool) -> str | None:
    """Return why every request is from nobody at a gateway that has ``source``; None if it is not so."""
    if source is None or source.kind == "header" or (source.kind == "jwt" and is_checked):
        return None
    if source.kind == "mtls":
        how = "by certificates of clients, which kuadrant run does not check"
    else:
        how = "by tokens, and no RequestAuthentication that can be carried out is for it"
    return f"knows who requests are from {how}: every request is from nobody"


def _key_of_claims(source: IdentitySource | None) -> str:
    return source.name if source is not None and source.kind == "jwt" else _PAYLOAD


def _wrong_targets(one: RequestAuthentication) -> Iterator[Problem]:
    labels = one.spec.selector.match_labels if one.spec.selector else {}
    if not one.spec.targets and labels and labels.keys() != {GATEWAY_LABEL}:
        message = f"selects by other labels than {GATEWAY_LABEL}, which kuadrant run has no pods for"
        yield _warning(one, "spec.selector.matchLabels", message, _CODE)


_CODE: Final = "authentication-not-carried-out"
_OF_ENVOY_GATEWAY: Final = "is Envoy Gateway's, in a cluster; kuadrant run does not carry it out"


def _not_carried_out(one: RequestAuthentication, index: int, rule: JWTRule) -> Problem | None:
    """Return what of ``rule`` cannot be carried out; None if all of it can be."""
    place = f"spec.jwtRules[{index}]"
    for field, value, why in (
        ("outputPayloadToHeader", rule.output_payload_to_header, "kuadrant run writes no headers of claims"),
        ("outputClaimToHeaders", rule.output_claim_to_headers, "kuadrant run writes no headers of claims"),
        (
            "jwksUri",
            rule.jwks_uri if not rule.jwks else None,
            "no file *.jwks.json beside it (file:NAME) has the keys",
        ),
    ):
        if value:
            message = f"{why}; tokens of {rule.issuer} are not taken"
            return _warning(one, f"{place}.{field}", message, _CODE)
    if not _has_keys(rule.jwks or ""):
        message = f"is no JSON with a list of keys; tokens of {rule.issuer} are not taken"
        return _warning(one, f"{place}.jwks", message, _CODE)
    return None


def _has_keys(text: str) -> bool:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    keys = found.get("keys") if isinstance(found, dict) else None
    return isinstance(keys, list) and bool(keys)


def _filter(rules: Iterable[JWTRule], key: str) -> dict[str, Any]:
    providers = {f"rule-{number}": _provider(rule, key) for number, rule in enumerate(rules)}
    any_of = [*({"provider_name": name} for name in providers), {"allow_missing": {}}]
    return {
        "name": _FILTER,
        "typed_config": {
            "@type": _TYPE,
            "providers": providers,
            "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": any_of}}}],
        },
    }


def _provider(rule: JWTRule, key: str) -> dict[str, Any]:
    return {
        "issuer": rule.issuer,
        "audiences": [*rule.audiences],
        "local_jwks": {"inline_string": rule.jwks},
        "forward": rule.forward_original_token,
        "from_headers": [{"name": one.name, "value_prefix": one.prefix} for one in rule.from_headers],
        "from_params": [*rule.from_params],
        "from_cookies": [*rule.from_cookies],
        "payload_in_metadata": key,
        "normalize_payload_in_metadata": {
            "space_delimited_claims": [*dict.fromkeys((*_LISTS, *rule.space_delimited_claims))]
        },
    }


def _key(gateway: Gateway) -> str:
    return f"{gateway.metadata.namespace}/{gateway.metadata.name}"


def _warning(
    of: Gateway | RequestAuthentication | SecurityPolicy, field: str, message: str, code: str
) -> Problem:
    return Problem("warning", of.kind, of.metadata.namespace, of.metadata.name, field, message, code)
