"""Reads what a rule of a route does with an admitted request: backends, filters, timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.duration import milliseconds
from kuadrant.api.http_route import HTTPRouteFilter, HTTPRouteRule
from kuadrant.compiler.program import (
    Backend,
    CrossOrigin,
    Forwarding,
    HeaderChange,
    Mirror,
    PathChange,
    Redirect,
    Rewrite,
)
from kuadrant.policy.model import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.grpc_route import GRPCRouteFilter, GRPCRouteRule
    from kuadrant.api.http_route import (
        HTTPPathModifier,
        HTTPRouteTimeouts,
    )
    from kuadrant.api.reference_grant import ReferenceGrant
    from kuadrant.api.route import BackendObjectReference, HeaderFilter, RequestMirrorFilter


_MILLION: Final = 1_000_000
_CARRIED_OUT: Final = {
    "RequestHeaderModifier": "request_header_modifier",
    "ResponseHeaderModifier": "response_header_modifier",
    "RequestRedirect": "request_redirect",
    "URLRewrite": "url_rewrite",
    "RequestMirror": "request_mirror",
    "CORS": "cors",
}
"""The filters that can be carried out, and the field that says what each does."""


class ReferenceGrants:
    """The permissions to refer to objects of other namespaces."""

    def __init__(self, grants: Iterable[ReferenceGrant]) -> None:
        self._by_namespace: dict[str, list[ReferenceGrant]] = {}
        for grant in grants:
            self._by_namespace.setdefault(grant.metadata.namespace, []).append(grant)

    def allow(self, *, kind: str, namespace: str, to: str = "Service", to_namespace: str, name: str) -> bool:
        """Tell whether an object of ``kind`` in ``namespace`` may name an object of the kind ``to``."""
        return namespace == to_namespace or any(
            any(
                (source.group, source.kind, source.namespace) == (GATEWAY_API, kind, namespace)
                for source in grant.spec.from_
            )
            and any((one.group, one.kind) == ("", to) and one.name in (None, name) for one in grant.spec.to)
            for grant in self._by_namespace.get(to_namespace, ())
        )


def forwarding(
    rule: HTTPRouteRule | GRPCRouteRule, *, kind: str, namespace: str, grants: ReferenceGrants
) -> Forwarding:
    """Return what ``rule`` of a route of ``kind`` in ``namespace`` asks for.

    Of several filters of one type the first counts, but each that mirrors.
    """
    filters: dict[str, HTTPRouteFilter | GRPCRouteFilter] = {}
    for filter_ in rule.filters:
        filters.setdefault(filter_.type, filter_)
    known = {filter_.type: filter_ for filter_ in filters.values() if is_carried_out(filter_)}
    request, response = known.get("RequestHeaderModifier"), known.get("ResponseHeaderModifier")
    redirect, rewrite = known.get("RequestRedirect"), known.get("URLRewrite")
    unsupported = set(filters) - set(known)
    unsupported |= {
        f"backendRefs: {filter_.type}" for backend in rule.backend_refs for filter_ in backend.filters
    }
    return Forwarding(
        backends=tuple(
            _backend(backend, kind, namespace, grants, backend.weight) for backend in rule.backend_refs
        ),
        request_headers=_header_change(request.request_header_modifier if request else None),
        response_headers=_header_change(response.response_header_modifier if response else None),
        redirect=_redirect(redirect),
        rewrite=_rewrite(rewrite),
        timeout_seconds=_timeout(rule.timeouts) if isinstance(rule, HTTPRouteRule) else None,
        mirrors=tuple(
            Mirror(
                _backend(one.request_mirror.backend_ref, kind, namespace, grants), _share(one.request_mirror)
            )
            for one in rule.filters
            if one.type == "RequestMirror" and one.request_mirror is not None
        ),
        cross_origin=_cross_origin(known.get("CORS")),
        unsupported=tuple(sorted(unsupported)),
    )


def is_carried_out(filter_: HTTPRouteFilter | GRPCRouteFilter) -> bool:
    """Tell whether a filter of a rule is one that can be carried out."""
    return _content(filter_) is not None


def _content(filter_: HTTPRouteFilter | GRPCRouteFilter) -> object:
    """Return what a filter that can be carried out says; None for one that cannot."""
    field = _CARRIED_OUT.get(filter_.type)
    return getattr(filter_, field, None) if field else None


def _backend(
    backend: BackendObjectReference, kind: str, namespace: str, grants: ReferenceGrants, weight: int = 1
) -> Backend:
    service_namespace = backend.namespace or namespace
    is_service = (backend.group, backend.kind) == ("", "Service") and backend.port is not None
    return Backend(
        namespace=service_namespace,
        name=backend.name,
        port=backend.port or 0,
        weight=weight,
        allowed=is_service
        and grants.allow(kind=kind, namespace=namespace, to_namespace=service_namespace, name=backend.name),
        grpc=kind == "GRPCRoute",
    )


def _share(mirror: RequestMirrorFilter) -> int:
    """Of how many of a million requests a copy is sent."""
    if mirror.fraction is not None:
        return round(_MILLION * mirror.fraction.numerator / mirror.fraction.denominator)
    return _MILLION if mirror.percent is None else mirror.percent * _MILLION // 100


def _header_change(change: HeaderFilter | None) -> HeaderChange:
    if change is None:
        return HeaderChange()
    return HeaderChange(
        set=tuple(_first_of_each((header.name.lower(), header.value) for header in change.set)),
        add=tuple(_first_of_each((header.name.lower(), header.value) for header in change.add)),
        remove=tuple(dict.fromkeys(name.lower() for name in change.remove)),
    )


def _first_of_each(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name, value)
    return first.items()


def _redirect(filter_: HTTPRouteFilter | GRPCRouteFilter | None) -> Redirect | None:
    if not isinstance(filter_, HTTPRouteFilter) or filter_.request_redirect is None:
        return None
    redirect = filter_.request_redirect
    return Redirect(
        scheme=redirect.scheme,
        hostname=redirect.hostname,
        port=redirect.port,
        path=_path_change(redirect.path),
        status=redirect.status_code,
    )


def _rewrite(filter_: HTTPRouteFilter | GRPCRouteFilter | None) -> Rewrite | None:
    if not isinstance(filter_, HTTPRouteFilter) or filter_.url_rewrite is None:
        return None
    rewrite = filter_.url_rewrite
    return Rewrite(hostname=rewrite.hostname, path=_path_change(rewrite.path))


def _cross_origin(filter_: HTTPRouteFilter | GRPCRouteFilter | None) -> CrossOrigin | None:
    if not isinstance(filter_, HTTPRouteFilter) or filter_.cors is None:
        return None
    cors = filter_.cors
    return CrossOrigin(
        origins=cors.allow_origins,
        credentials=cors.allow_credentials,
        methods=cors.allow_methods,
        headers=cors.allow_headers,
        exposed=cors.expose_headers,
        max_age=cors.max_age,
    )


def _path_change(path: HTTPPathModifier | None) -> PathChange | None:
    if path is None:
        return None
    if path.type == "ReplaceFullPath":
        return PathChange("full", path.replace_full_path or "/")
    return PathChange("prefix", path.replace_prefix_match or "/")


def _timeout(timeouts: HTTPRouteTimeouts) -> float | None:
    """The time for the whole request, in seconds; 0 is without end.

    A time for one attempt bounds it, as there is only one.
    """
    text = timeouts.request or timeouts.backend_request
    return milliseconds(text) / 1000 if text else None
