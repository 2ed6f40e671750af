"""The rules of the filters of a route, and of those that a rule has together."""

from collections.abc import Iterator
from typing import Final

from kuadrant.api.complaints import Complaints, one_line, repeated
from kuadrant.api.document_nodes import quoted
from kuadrant.api.grpc_route import GRPCRouteFilter
from kuadrant.api.http_route import HTTPPathModifier, HTTPRouteFilter, HTTPRouteRule
from kuadrant.api.node_reading import Rules
from kuadrant.api.route import HeaderFilter, RequestMirrorFilter

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
    yield from one_line(wanted, text=values[wanted])


def _header_filter(change: HeaderFilter) -> Complaints:
    for field, headers in (("set", change.set), ("add", change.add)):
        for index, header in enumerate(headers):
            yield from one_line(field, index, "value", text=header.value)
    for field, names in (
        ("set", [header.name for header in change.set]),
        ("add", [header.name for header in change.add]),
        ("remove", list(change.remove)),
    ):
        for index, first in repeated(name.lower() for name in names):
            yield (field, index), f"names {quoted(names[index])} as {field}[{first}] does; give it once"


def _mirror(mirror: RequestMirrorFilter) -> Complaints:
    if mirror.percent is not None and mirror.fraction is not None:
        yield ("fraction",), "is given besides percent; give one of them"
    if mirror.fraction is not None and mirror.fraction.numerator > mirror.fraction.denominator:
        yield ("fraction", "numerator"), "must not be greater than the denominator"


_ONCE: Final = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "CORS")


def _http_rule(rule: HTTPRouteRule) -> Complaints:
    kinds = [one.type for one in rule.filters]
    for index, first in repeated(kinds):
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
                    needed = "for which the rule must have exactly one match, with a PathPrefix"
                    yield ("filters", index, field, "path", "type"), f"is ReplacePrefixMatch, {needed}"


RULES: Final[Rules] = {
    GRPCRouteFilter: _filter,
    HTTPPathModifier: _path_modifier,
    HTTPRouteFilter: _filter,
    HTTPRouteRule: _http_rule,
    HeaderFilter: _header_filter,
    RequestMirrorFilter: _mirror,
}
"""The rule of each struct that has one."""
