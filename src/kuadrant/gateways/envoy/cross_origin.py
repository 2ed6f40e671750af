"""Envoy's CORS filter: it answers preflights, and tells browsers which origins may see an answer.

It is there twice: before the limits, so that a page can read a 429, too; and after them, for rules that
count preflights, which would never meet a limit else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kuadrant.compiler.program import CrossOrigin, RuleProgram

_BEFORE: Final = "kuadrant.cors"
_AFTER: Final = "kuadrant.cors.counted"
_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors"
_POLICY: Final = f"{_TYPE}Policy"
_ANY: Final = "*"
_DRAFT_03: Final = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
_RATE_LIMIT: Final = ("ratelimit", "ratelimit-policy")
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT, TRACE"


def before_limits() -> dict[str, Any]:
    """Return the filter that answers before limits are looked at."""
    return _filter(_BEFORE)


def after_limits() -> dict[str, Any]:
    """Return the filter that answers what limits have admitted."""
    return _filter(_AFTER)


def _filter(name: str) -> dict[str, Any]:
    # Only a route that has a policy for it pays for it.
    return {"name": name, "typed_config": {"@type": _TYPE}, "disabled": True}


def of_route(rule: RuleProgram) -> dict[str, Any]:
    """Return the fields of a ``Route`` that say for which of the two it has a policy, and which."""
    cross_origin = rule.forwarding.cross_origin
    if cross_origin is None:
        return {}
    place = _AFTER if rule.response.preflights == "Count" else _BEFORE
    return {"typed_per_filter_config": {place: _policy(cross_origin, _exposed(cross_origin, rule))}}


def _exposed(of: CrossOrigin, rule: RuleProgram) -> tuple[str, ...]:
    """Return the headers that pages may see: what the rule names, and what it tells of its limits."""
    if not rule.actions or (_ANY in of.exposed and not of.credentials):
        return of.exposed
    form = rule.response.headers
    return (
        *of.exposed,
        *(_DRAFT_03 if form not in ("None", "RateLimit") else ()),
        *(_RATE_LIMIT if form in ("RateLimit", "Both") else ()),
        *(("retry-after",) if rule.response.retry_after is not False else ()),
    )


def _policy(of: CrossOrigin, exposed: tuple[str, ...]) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "@type": _POLICY,
        "allow_origin_string_match": [_matcher(origin) for origin in of.origins],
        "max_age": str(of.max_age),
        "allow_credentials": of.credentials,
        # A preflight is for the gateway, whatever its origin: an answer without the headers is a no.
        "forward_not_matching_preflights": False,
    }
    lists = {"allow_headers": of.headers, "expose_headers": exposed}
    policy |= {name: ", ".join(values) for name, values in lists.items() if values}
    if of.methods:
        # With credentials browsers take no `*` for any method.
        any_method = _METHODS if of.credentials else _ANY
        policy["allow_methods"] = any_method if _ANY in of.methods else ", ".join(of.methods)
    return policy


def _matcher(origin: str) -> dict[str, Any]:
    if origin == _ANY:
        return {"safe_regex": {"regex": ".*"}}
    scheme, _, host = origin.partition("://")
    if not host.startswith(_ANY):
        return {"exact": origin}
    return {"safe_regex": {"regex": f"{re.escape(scheme)}://[^/:]+{re.escape(host.removeprefix(_ANY))}"}}
