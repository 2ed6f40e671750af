"""The rules of Kuadrant's and Gateway API's kinds that a schema of single fields cannot say.

Each rule looks at one struct and yields what is wrong as (path of the field below it, message). The messages of
RateLimitPolicy are Kuadrant's own, word for word, where Kuadrant has the rule.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kuadrant.api.duration import milliseconds
from kuadrant.api.gateway import GatewaySpec, RouteNamespaces
from kuadrant.api.grpc_route import (
    GRPCBackendRef,
    GRPCMethodMatch,
    GRPCRouteFilter,
    GRPCRouteMatch,
    GRPCRouteSpec,
)
from kuadrant.api.http_route import (
    HTTPBackendRef,
    HTTPPathMatch,
    HTTPPathModifier,
    HTTPQueryParamMatch,
    HTTPRouteFilter,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteSpec,
    HTTPRouteTimeouts,
)
from kuadrant.api.meta import LabelSelectorRequirement
from kuadrant.api.rate_limit_policy import (
    PolicyTargetReferenceV1,
    PolicyTargetReferenceV1Beta2,
    RateLimitPolicy,
    RateLimitPolicySpecV1,
    RateLimitPolicySpecV1Beta2,
    RateLimitPolicyV1Beta2,
    RateV1,
)
from kuadrant.api.regular_expression import fault
from kuadrant.api.route import BackendObjectReference, HeaderFilter, HeaderMatch, RequestMirrorFilter
from kuadrant.api.shapes import Complaint, Rules, quoted

_GATEWAY_API = "gateway.networking.k8s.io"

Complaints = Iterator[Complaint]


def _repeated(keys: Iterable[Any]) -> Iterator[tuple[int, int]]:
    """Yield (index, index of the first one) for each key that was there before."""
    first: dict[Any, int] = {}
    for index, key in enumerate(keys):
        if key in first:
            yield index, first[key]
        else:
            first[key] = index


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _one_line(*path: str | int, text: str | None) -> Complaints:
    # Envoy refuses all routes of a listener for one such text.
    if text is not None and _CONTROL.search(text):
        yield path, f"is {quoted(text)}, must not hold line breaks or other control characters"


def _regular_expression(field: str, expression: str) -> Complaints:
    if (wrong := fault(expression)) is not None:
        yield (field,), f"is {quoted(expression)}, not a regular expression of RE2: {wrong}"


# RateLimitPolicy


def _target_group(group: str) -> Complaints:
    if group != _GATEWAY_API:
        yield ("group",), f"Invalid targetRef.group. The only supported value is '{_GATEWAY_API}'"


def _target_v1beta2(target: PolicyTargetReferenceV1Beta2) -> Complaints:
    yield from _target_group(target.group)
    if target.kind not in ("HTTPRoute", "Gateway"):
        yield ("kind",), "Invalid targetRef.kind. The only supported values are 'HTTPRoute' and 'Gateway'"


def _target_v1(target: PolicyTargetReferenceV1) -> Complaints:
    yield from _target_group(target.group)
    if target.kind not in ("HTTPRoute", "GRPCRoute", "Gateway"):
        yield (
            ("kind",),
            "Invalid targetRef.kind. The only supported values are 'HTTPRoute', 'GRPCRoute' and 'Gateway'",
        )


def _one_block(spec: RateLimitPolicySpecV1Beta2 | RateLimitPolicySpecV1) -> Complaints:
    if spec.defaults is not None and spec.limits is not None:
        yield ("defaults",), "Implicit and explicit defaults are mutually exclusive"
    if spec.defaults is not None and spec.overrides is not None:
        yield ("overrides",), "Overrides and explicit defaults are mutually exclusive"
    if spec.overrides is not None and spec.limits is not None:
        yield ("overrides",), "Overrides and implicit defaults are mutually exclusive"


def _policy_v1beta2(spec: RateLimitPolicySpecV1Beta2) -> Complaints:
    yield from _one_block(spec)
    if spec.overrides is not None and spec.target_ref.kind != "Gateway":
        yield ("overrides",), "Overrides are only allowed for policies targeting a Gateway resource"
    if spec.overrides is not None and not spec.overrides.limits:
        # Kuadrant takes it, and it would replace the limits of every route by none.
        yield ("overrides", "limits"), "At least one spec.overrides.limits must be defined"
    if spec.target_ref.kind == "Gateway":
        # Kuadrant looks at spec.limits only, and then ignores the selectors of the other two blocks.
        for block, limits in (
            (("limits",), spec.limits or {}),
            (("defaults", "limits"), spec.defaults.limits if spec.defaults else {}),
            (("overrides", "limits"), spec.overrides.limits if spec.overrides else {}),
        ):
            for name, limit in limits.items():
                if limit.route_selectors:
                    path = (*block, name, "routeSelectors")
                    yield path, "route selectors not supported when targeting a Gateway"


def _policy_v1(spec: RateLimitPolicySpecV1) -> Complaints:
    yield from _one_block(spec)
    if spec.defaults is None and spec.overrides is None and not spec.limits:
        yield ("limits",), "At least one spec.limits must be defined"
    if spec.overrides is not None and not spec.overrides.limits:
        yield ("overrides", "limits"), "At least one spec.overrides.limits must be defined"
    if spec.defaults is not None and not spec.defaults.limits:
        yield ("defaults", "limits"), "At least one spec.defaults.limits must be defined"


def _rate_v1(rate: RateV1) -> Complaints:
    # Kuadrant takes what is below a second for a window of 0 s, which limits nothing.
    if milliseconds(rate.window) < 1000:
        yield (
            ("window",),
            f"is {quoted(rate.window)}, must be at least 1s: requests are counted per whole second",
        )


# Matches of routes

_FORBIDDEN_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F", "#")
_FORBIDDEN_AT_END = ("/..", "/.")
_PATH = re.compile(r"([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*", re.ASCII)


def _path(path: HTTPPathMatch) -> Complaints:
    if path.type == "RegularExpression":
        yield from _regular_expression("value", path.value)
        return
    if not path.value.startswith("/"):
        yield ("value",), f'is {quoted(path.value)}, must start with "/"'
    for part in _FORBIDDEN_IN_PATHS:
        if part in path.value:
            yield ("value",), f'is {quoted(path.value)}, must not contain "{part}"'
    for part in _FORBIDDEN_AT_END:
        if path.value.endswith(part):
            yield ("value",), f'is {quoted(path.value)}, must not end in "{part}"'
    if not _PATH.fullmatch(path.value.replace("#", "")):
        yield (
            ("value",),
            f"is {quoted(path.value)}, must consist of letters, digits, /-._~!$&'()*+,;=:@ and %-escapes",
        )


def _header(header: HeaderMatch | HTTPQueryParamMatch) -> Complaints:
    if header.type == "RegularExpression":
        yield from _regular_expression("value", header.value)


def _unique_headers(headers: tuple[HeaderMatch, ...]) -> Complaints:
    # Gateway API lets the first of equivalent names win; the author of the second would never know.
    for index, first in _repeated(header.name.lower() for header in headers):
        yield (
            ("headers", index, "name"),
            f"is {quoted(headers[index].name)} as in headers[{first}]; give it once",
        )


def _http_match(match: HTTPRouteMatch) -> Complaints:
    yield from _unique_headers(match.headers)
    for index, first in _repeated(parameter.name for parameter in match.query_params):
        name = quoted(match.query_params[index].name)
        yield ("queryParams", index, "name"), f"is {name} as in queryParams[{first}]; give it once"


def _grpc_match(match: GRPCRouteMatch) -> Complaints:
    yield from _unique_headers(match.headers)


_GRPC_SERVICE = re.compile(r"\.?[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_][A-Za-z_0-9]*)*", re.ASCII)
_GRPC_METHOD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*", re.ASCII)


def _grpc_method(method: GRPCMethodMatch) -> Complaints:
    if not method.service and not method.method:
        yield (), "must have service, method or both"
    for field, value, form in (
        ("service", method.service, _GRPC_SERVICE),
        ("method", method.method, _GRPC_METHOD),
    ):
        if not value:
            continue
        if method.type == "RegularExpression":
            yield from _regular_expression(field, value)
        elif not form.fullmatch(value):
            dots = " in parts separated by dots" if field == "service" else ""
            yield (field,), f"is {quoted(value)}, must consist of letters, digits and _{dots}"


# What routes do

_FILTER_FIELDS: Final = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "ExtensionRef": "extensionRef",
    "CORS": "cors",
}


def _filter(route_filter: HTTPRouteFilter | GRPCRouteFilter) -> Complaints:
    """The field that belongs to the type is there and no other; ``externalAuth`` is not read."""
    present = {
        field: getattr(route_filter, name) for name, field in _attributes(route_filter) if name != "type"
    }
    wanted = _FILTER_FIELDS.get(route_filter.type)
    for field, value in present.items():
        if field == wanted and value is None:
            yield (field,), f"is missing; a filter of type {route_filter.type} needs it"
        if field != wanted and value is not None:
            yield (field,), f"does not belong to a filter of type {route_filter.type}"


def _attributes(struct: HTTPRouteFilter | GRPCRouteFilter) -> Iterator[tuple[str, str]]:
    return zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)


def _path_modifier(modifier: HTTPPathModifier) -> Complaints:
    full = modifier.type == "ReplaceFullPath"
    wanted, other = (
        ("replaceFullPath", "replacePrefixMatch") if full else ("replacePrefixMatch", "replaceFullPath")
    )
    values = {
        "replaceFullPath": modifier.replace_full_path,
        "replacePrefixMatch": modifier.replace_prefix_match,
    }
    if values[wanted] is None:
        yield (wanted,), f"is missing; a path of type {modifier.type} needs it"
    if values[other] is not None:
        yield (other,), f"does not belong to a path of type {modifier.type}"
    yield from _one_line(wanted, text=values[wanted])


def _header_filter(change: HeaderFilter) -> Complaints:
    for field, headers in (("set", change.set), ("add", change.add)):
        for index, header in enumerate(headers):
            yield from _one_line(field, index, "value", text=header.value)
    for field, names in (
        ("set", [header.name for header in change.set]),
        ("add", [header.name for header in change.add]),
        ("remove", list(change.remove)),
    ):
        for index, first in _repeated(name.lower() for name in names):
            yield (field, index), f"names {quoted(names[index])} as {field}[{first}] does; give it once"


def _mirror(mirror: RequestMirrorFilter) -> Complaints:
    if mirror.percent is not None and mirror.fraction is not None:
        yield ("fraction",), "is given besides percent; give one of them"
    if mirror.fraction is not None and mirror.fraction.numerator > mirror.fraction.denominator:
        yield ("fraction", "numerator"), "must not be greater than the denominator"


def _backend(backend: BackendObjectReference) -> Complaints:
    if backend.group == "" and backend.kind == "Service" and backend.port is None:
        yield ("port",), "is missing; a Service needs it"


def _timeouts(timeouts: HTTPRouteTimeouts) -> Complaints:
    if timeouts.request is None or timeouts.backend_request is None:
        return
    whole = milliseconds(timeouts.request)
    if 0 < whole < milliseconds(timeouts.backend_request):
        yield (
            ("backendRequest",),
            f"is {timeouts.backend_request}, must not be longer than request ({timeouts.request})",
        )


_ONCE: Final = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "CORS")


def _http_rule(rule: HTTPRouteRule) -> Complaints:
    kinds = [one.type for one in rule.filters]
    for index, first in _repeated(kinds):
        if kinds[index] in _ONCE:
            yield (
                ("filters", index, "type"),
                f"is {kinds[index]} as in filters[{first}]; a rule has one at most",
            )
    if "RequestRedirect" in kinds and "URLRewrite" in kinds:
        yield ("filters", kinds.index("URLRewrite")), "a rule that redirects cannot rewrite as well"
    if "RequestRedirect" in kinds and rule.backend_refs:
        yield ("backendRefs",), "a rule that redirects has no backends"
    if len(rule.matches) != 1 or rule.matches[0].path.type != "PathPrefix":
        for index, one in enumerate(rule.filters):
            for field, path in (
                ("requestRedirect", one.request_redirect.path if one.request_redirect else None),
                ("urlRewrite", one.url_rewrite.path if one.url_rewrite else None),
            ):
                if path is not None and path.type == "ReplacePrefixMatch":
                    yield (
                        ("filters", index, field, "path", "type"),
                        "is ReplacePrefixMatch, for which the rule must have exactly one match, with a PathPrefix",
                    )


_MOST_MATCHES = 128


def _unique_names(names: Iterable[str | None], what: str) -> Complaints:
    names = list(names)
    for index, first in _repeated(names):
        if names[index] is not None:
            yield (
                (what, index, "name"),
                f"is {quoted(str(names[index]))} as in {what}[{first}]; names are unique",
            )


def _route(spec: HTTPRouteSpec | GRPCRouteSpec) -> Complaints:
    yield from _unique_names((rule.name for rule in spec.rules), "rules")
    for index, first in _repeated(
        (p.group, p.kind, p.namespace, p.name, p.section_name, p.port) for p in spec.parent_refs
    ):
        yield ("parentRefs", index), f"is the same as parentRefs[{first}]"
    matches = sum(len(rule.matches) for rule in spec.rules)
    if matches > _MOST_MATCHES:
        yield ("rules",), f"have {matches} matches together, must have at most {_MOST_MATCHES}"


# Gateway


def _gateway(spec: GatewaySpec) -> Complaints:
    yield from _unique_names((listener.name for listener in spec.listeners), "listeners")
    for index, listener in enumerate(spec.listeners):
        if listener.protocol in ("TCP", "UDP") and listener.hostname is not None:
            yield (
                ("listeners", index, "hostname"),
                f"has no meaning for the protocol {listener.protocol}; leave it out",
            )
    for index, first in _repeated((one.port, one.protocol, one.hostname) for one in spec.listeners):
        yield ("listeners", index), f"has the same port, protocol and hostname as listeners[{first}]"


def _namespaces(namespaces: RouteNamespaces) -> Complaints:
    if namespaces.from_ == "Selector" and namespaces.selector is None:
        yield ("selector",), "is missing; from: Selector needs it"


def _label_requirement(requirement: LabelSelectorRequirement) -> Complaints:
    if requirement.operator in ("In", "NotIn") and not requirement.values:
        yield ("values",), f"must have at least 1 item for the operator {requirement.operator}"
    if requirement.operator in ("Exists", "DoesNotExist") and requirement.values:
        yield ("values",), f"must be left out for the operator {requirement.operator}"


RULES: Final[Rules] = {
    BackendObjectReference: _backend,
    GRPCBackendRef: _backend,
    GRPCMethodMatch: _grpc_method,
    GRPCRouteFilter: _filter,
    GRPCRouteMatch: _grpc_match,
    GRPCRouteSpec: _route,
    GatewaySpec: _gateway,
    HTTPBackendRef: _backend,
    HTTPPathMatch: _path,
    HTTPPathModifier: _path_modifier,
    HTTPQueryParamMatch: _header,
    HTTPRouteFilter: _filter,
    HTTPRouteMatch: _http_match,
    HTTPRouteRule: _http_rule,
    HTTPRouteSpec: _route,
    HTTPRouteTimeouts: _timeouts,
    HeaderFilter: _header_filter,
    HeaderMatch: _header,
    LabelSelectorRequirement: _label_requirement,
    PolicyTargetReferenceV1: _target_v1,
    PolicyTargetReferenceV1Beta2: _target_v1beta2,
    RateLimitPolicySpecV1: _policy_v1,
    RateLimitPolicySpecV1Beta2: _policy_v1beta2,
    RateV1: _rate_v1,
    RequestMirrorFilter: _mirror,
    RouteNamespaces: _namespaces,
}
"""The rule of each struct that has one."""


def remarks(policy: RateLimitPolicy) -> Complaints:
    """Yield what Kuadrant admits in a policy without a word, though its author will not have meant it."""
    blocks: tuple[tuple[tuple[str, ...], Any], ...] = (
        (("spec", "limits"), policy.spec.limits),
        (("spec", "defaults", "limits"), policy.spec.defaults and policy.spec.defaults.limits),
        (("spec", "overrides", "limits"), policy.spec.overrides and policy.spec.overrides.limits),
    )
    if not any(limits for _, limits in blocks):
        yield ("spec",), "has no limits, so the policy limits nothing"
    for path, limits in blocks:
        for name, limit in (limits or {}).items():
            if not limit.rates:
                yield (*path, name), "has no rates, so it limits nothing"
            for index, rate in enumerate(limit.rates):
                if isinstance(rate, RateV1) and milliseconds(rate.window) % 1000:
                    seconds = -(-milliseconds(rate.window) // 1000)
                    yield (*path, name, "rates", index, "window"), f"is {rate.window}, counted as {seconds}s"
    if isinstance(policy, RateLimitPolicyV1Beta2):
        return
    if policy.spec.when and policy.spec.limits is None:
        yield ("spec", "when"), "is not used besides defaults or overrides; move it into that block"
