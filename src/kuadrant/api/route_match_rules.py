"""The rules of what a route matches: paths, headers, query parameters, gRPC methods."""

import re
from typing import Final

from kuadrant.api.complaints import Complaints, regular_expression, repeated
from kuadrant.api.document_nodes import quoted
from kuadrant.api.grpc_route import GRPCMethodMatch, GRPCRouteMatch
from kuadrant.api.http_route import HTTPPathMatch, HTTPQueryParamMatch, HTTPRouteMatch
from kuadrant.api.node_reading import Rules
from kuadrant.api.route import HeaderMatch

_FORBIDDEN_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F", "#")
_FORBIDDEN_AT_END = ("/..", "/.")
_PATH = re.compile(r"([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*", re.ASCII)


def _path(path: HTTPPathMatch) -> Complaints:
    if path.type == "RegularExpression":
        yield from regular_expression("value", path.value)
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
        yield from regular_expression("value", header.value)


def _unique_headers(headers: tuple[HeaderMatch, ...]) -> Complaints:
    # Gateway API lets the first of equivalent names win; the author of the second would never know.
    for index, first in repeated(header.name.lower() for header in headers):
        yield (
            ("headers", index, "name"),
            f"is {quoted(headers[index].name)} as in headers[{first}]; give it once",
        )


def _http_match(match: HTTPRouteMatch) -> Complaints:
    yield from _unique_headers(match.headers)
    for index, first in repeated(parameter.name for parameter in match.query_params):
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
            yield from regular_expression(field, value)
        elif not form.fullmatch(value):
            dots = " in parts separated by dots" if field == "service" else ""
            yield (field,), f"is {quoted(value)}, must consist of letters, digits and _{dots}"


RULES: Final[Rules] = {
    GRPCMethodMatch: _grpc_method,
    GRPCRouteMatch: _grpc_match,
    HTTPPathMatch: _path,
    HTTPQueryParamMatch: _header,
    HTTPRouteMatch: _http_match,
    HeaderMatch: _header,
}
"""The rule of each struct that has one."""
