"""The fate of a request that was admitted: forwarded, redirected, or refused as it cannot be carried out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.compiler.program import Backend
from kuadrant.gateways.envoy.clusters import cluster_name
from kuadrant.gateways.envoy.cross_origin import of_route

if TYPE_CHECKING:
    from kuadrant.compiler.program import Forwarding, HeaderChange, PathChange, Redirect, RuleProgram
    from kuadrant.policy.match import PathMatch

# A cluster that never exists: its share of the requests is answered with 500.
_NO_CLUSTER = "kuadrant/no-such-backend"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_STATUS = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}


class Seen(Struct, frozen=True, gc=False):
    """By what clients know a listener, and which backends are spoken to in HTTP/2 there."""

    port: int
    scheme: str = "http"
    http2: frozenset[Backend] = frozenset()

    def cluster(self, backend: Backend) -> str:
        """Return the name of the cluster of ``backend``."""
        return cluster_name(backend, http2=backend in self.http2)


def action(hostname: str, rule: RuleProgram, seen: Seen) -> dict[str, Any]:
    """Return the fields of a ``Route`` that say what is done at a listener that is ``seen`` so.

    A rule that cannot be carried out, in whole or in part, is answered with 500 (Gateway API: unsupported
    filters, no backends, backends that may not be referred to).
    """
    forwarding = rule.forwarding
    path = rule.match.path
    if not feasible(forwarding, path):
        return {"direct_response": {"status": 500}}
    changes = {
        **_header_changes("request", forwarding.request_headers),
        **_header_changes("response", forwarding.response_headers),
        **of_route(rule),
    }
    if forwarding.redirect is not None:
        return {"redirect": _redirect(hostname, forwarding.redirect, path, seen), **changes}
    target = _target(forwarding, seen)
    if target is None:
        return {
            "direct_response": {"status": 500},
            **_header_changes("response", forwarding.response_headers),
            **of_route(rule),
        }
    way = {**target, **_rewrite(forwarding, path), **_timeout(forwarding), **_mirrors(forwarding, seen)}
    return {"route": way, **changes}


def feasible(forwarding: Forwarding, path: PathMatch | None) -> bool:
    """Tell whether Envoy can do it; otherwise it would refuse the routes of all rules."""
    redirect, rewrite = forwarding.redirect, forwarding.rewrite
    paths = (redirect.path if redirect else None, rewrite.path if rewrite else None)
    return (
        not forwarding.unsupported
        and _may_change(forwarding.request_headers)
        and _may_change(forwarding.response_headers)
        and (redirect is None or redirect.status in _STATUS)
        and all(change is None or _may_become(change, path) for change in paths)
    )


_UNSENDABLE = re.compile(r"[\0\r\n]")


def _may_change(change: HeaderChange) -> bool:
    """Host and pseudo headers are not for change, and what would end the line is no part of a header."""
    names = (*(name for name, _ in (*change.set, *change.add)), *change.remove)
    values = (value for _, value in (*change.set, *change.add))
    return not any(name in ("", "host") or name.startswith(":") for name in names) and not any(
        _UNSENDABLE.search(text) for text in (*names, *values)
    )


def _may_become(change: PathChange, path: PathMatch | None) -> bool:
    """A prefix can be replaced only where one was matched (Gateway API: HTTPPathModifier)."""
    possible = change.type == "full" or path is None or path.type == "prefix"
    return possible and not _UNSENDABLE.search(change.value)


def _header_changes(direction: str, change: HeaderChange) -> dict[str, Any]:
    """Return ``<direction>_headers_to_add`` and ``..._to_remove``; Envoy removes before it adds."""
    result: dict[str, Any] = {}
    if change.set or change.add:
        result[f"{direction}_headers_to_add"] = [
            *(_header(name, value, "OVERWRITE_IF_EXISTS_OR_ADD") for name, value in change.set),
            *(_header(name, value, "APPEND_IF_EXISTS_OR_ADD") for name, value in change.add),
        ]
    if change.remove:
        result[f"{direction}_headers_to_remove"] = list(change.remove)
    return result


def _header(name: str, value: str, append_action: str) -> dict[str, Any]:
    # A percent sign begins one of Envoy's own variables, doubled it stands for itself.
    header = {"key": name, "value": value.replace("%", "%%")}
    return {"header": header, "append_action": append_action, "keep_empty_value": True}


def _target(forwarding: Forwarding, seen: Seen) -> dict[str, Any] | None:
    """Return where the requests go, or None if all of them have nowhere to go."""
    backends = [backend for backend in forwarding.backends if backend.weight > 0]
    if not any(backend.allowed for backend in backends):
        return None
    shares: dict[str, int] = {}
    for backend in backends:
        name = seen.cluster(backend) if backend.allowed else _NO_CLUSTER
        shares[name] = shares.get(name, 0) + backend.weight
    if len(shares) == 1:
        return {"cluster": next(iter(shares))}
    weighted = [{"name": name, "weight": weight} for name, weight in shares.items()]
    return {
        "weighted_clusters": {"clusters": weighted},
        "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR",
    }


def _mirrors(forwarding: Forwarding, seen: Seen) -> dict[str, Any]:
    """Return where copies go. One that may not go there is not sent, and the request goes its way."""
    policies = [
        {
            "cluster": seen.cluster(mirror.backend),
            "runtime_fraction": {
                "default_value": {"numerator": mirror.per_million, "denominator": "MILLION"}
            },
            "disable_shadow_host_suffix_append": True,
        }
        for mirror in forwarding.mirrors
        if mirror.backend.allowed
    ]
    return {"request_mirror_policies": policies} if policies else {}


def _timeout(forwarding: Forwarding) -> dict[str, Any]:
    # Without a limit of its own a request may take as long as something moves; Envoy's 15 s would end long
    # polls.
    return {"timeout": duration(forwarding.timeout_seconds or 0)}


def duration(seconds: float) -> str:
    """Return a protobuf ``Duration``; 0 is no limit where Envoy waits."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def _rewrite(forwarding: Forwarding, path: PathMatch | None) -> dict[str, Any]:
    rewrite = forwarding.rewrite
    if rewrite is None:
        return {}
    result: dict[str, Any] = {}
    if rewrite.hostname is not None:
        result["host_rewrite_literal"] = rewrite.hostname
    if rewrite.path is not None:
        if rewrite.path.type == "full":
            # A backslash would stand for a group.
            substitution = rewrite.path.value.replace("\\", "\\\\")
            result["regex_rewrite"] = {"pattern": {"regex": "^.*$"}, "substitution": substitution}
        else:
            result.update(_replace_prefix(rewrite.path, path))
    return result


def _replace_prefix(change: PathChange, path: PathMatch | None) -> dict[str, Any]:
    """Return the replacement by whole segments.

    ``/a`` by ``/b`` makes ``/b/x`` of ``/a/x``, by ``/`` it makes ``/x``.
    """
    matched = "" if path is None or path.value == "/" else path.value
    value = change.value.rstrip("/")
    if not matched:
        # Every path matches and keeps its own slash.
        return {"prefix_rewrite": f"{value}/"} if value else {}
    if value:
        return {"prefix_rewrite": value}
    return {"regex_rewrite": {"pattern": {"regex": f"^{re.escape(matched)}/*"}, "substitution": "/"}}


def _redirect(hostname: str, redirect: Redirect, path: PathMatch | None, seen: Seen) -> dict[str, Any]:
    result: dict[str, Any] = {"response_code": _STATUS[redirect.status]}
    if redirect.scheme is not None:
        result["scheme_redirect"] = redirect.scheme
    result.update(_redirect_authority(hostname, redirect, seen))
    if redirect.path is not None:
        if redirect.path.type == "full":
            result["path_redirect"] = redirect.path.value
        else:
            result.update(_replace_prefix(redirect.path, path))
    return result


def _redirect_authority(hostname: str, redirect: Redirect, seen: Seen) -> dict[str, Any]:
    """Return host and port of the location (Gateway API: HTTPRequestRedirectFilter).

    The port is the one of the filter, else that of its scheme, else the one that the client used. It is left
    out where it is the scheme's own; Envoy does so if it is told the host.
    """
    if redirect.scheme is None and redirect.hostname is None and redirect.port is None:
        return {}
    default = _DEFAULT_PORTS[redirect.scheme or seen.scheme]
    target = redirect.port or (default if redirect.scheme is not None else seen.port)
    known = redirect.hostname or (None if hostname.startswith("*") else hostname)
    result: dict[str, Any] = {}
    if redirect.hostname is not None or (known is not None and target == default):
        result["host_redirect"] = known
    if target != default or known is None:
        result["port_redirect"] = target
    return result
