"""Gateways, routes, policies and what is around them, as hypothesis makes them up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from kuadrant.api.kinds import KINDS

if TYPE_CHECKING:
    from kuadrant.api.meta import Object

_HOSTNAMES = ["api.x.com", "www.x.com", "*.x.com", "*.a.x.com", "y.com"]
_CREATED = st.sampled_from([None, "2024-06-12T08:00:00Z", "2024-06-12T09:00:00Z"])


def _object(
    version: str,
    kind: str,
    name: str,
    created: str | None,
    spec: dict[str, Any],
    *,
    namespace: str = "ns",
    annotations: dict[str, str] | None = None,
) -> Object:
    metadata = {
        "name": name,
        "namespace": namespace,
        "creationTimestamp": created,
        "annotations": annotations or {},
    }
    return msgspec.convert({"metadata": metadata, "spec": spec}, KINDS[version, kind])


_ALLOWED: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"namespaces": {"from": "All"}},
        {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}},
        {"kinds": [{"kind": "GRPCRoute"}]},
    ]
)


@st.composite
def gateways(draw: st.DrawFn, name: str) -> Object:
    listeners = draw(
        st.lists(
            st.fixed_dictionaries(
                {"port": st.sampled_from([80, 81]), "protocol": st.sampled_from(["HTTP", "HTTPS", "TCP"])},
                optional={"hostname": st.sampled_from(_HOSTNAMES), "allowedRoutes": _ALLOWED},
            ),
            min_size=1,
            max_size=4,
        )
    )
    spec = {
        "gatewayClassName": "c",
        "listeners": [{"name": f"l{index}", **listener} for index, listener in enumerate(listeners)],
    }
    form = draw(st.sampled_from([None, None, "Both", "None", "what is no form"]))
    annotations = {"kuadrant.io/extensions": f"response: {{headers: {form}}}"} if form else {}
    return _object("gateway.networking.k8s.io/v1", "Gateway", name, None, spec, annotations=annotations)


_MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "path": st.fixed_dictionaries(
            {
                "type": st.sampled_from(["Exact", "PathPrefix", "RegularExpression"]),
                "value": st.sampled_from(["/", "/a", "/a/b", "/[ab]+", "/["]),
            }
        ),
        "method": st.sampled_from(["GET", "POST"]),
        "headers": st.just([{"name": "X", "value": "1"}]),
    },
)


_GRPC_MATCHES = st.fixed_dictionaries(
    {}, optional={"method": st.fixed_dictionaries({"service": st.sampled_from(["a", "b"])})}
)
_BACKENDS = st.sampled_from(
    [[], [{"name": "toys", "port": 80}], [{"name": "toys", "namespace": "away", "port": 80}]]
)


@st.composite
def routes(draw: st.DrawFn, name: str, namespace: str = "ns", kind: str = "HTTPRoute") -> Object:
    parents = draw(
        st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["g0", "g1"]), "namespace": st.just("ns")},
                optional={"sectionName": st.sampled_from(["l0", "l1"])},
            ),
            min_size=1,
            max_size=2,
        )
    )
    matches = _MATCHES if kind == "HTTPRoute" else _GRPC_MATCHES
    spec = {
        "parentRefs": parents,
        "hostnames": draw(st.lists(st.sampled_from(_HOSTNAMES), unique=True, max_size=3)),
        "rules": [
            {"matches": draw(st.lists(matches, min_size=1, max_size=3)), "backendRefs": draw(_BACKENDS)}
            for _ in range(draw(st.integers(1, 3)))
        ],
    }
    return _object("gateway.networking.k8s.io/v1", kind, name, draw(_CREATED), spec, namespace=namespace)


@st.composite
def namespaces(draw: st.DrawFn, name: str) -> Object:
    metadata = {"name": name, "labels": draw(st.sampled_from([{}, {"team": "a"}, {"team": "b"}]))}
    return msgspec.convert({"metadata": metadata}, KINDS["v1", "Namespace"])


@st.composite
def grants(draw: st.DrawFn, name: str) -> Object:
    spec = {
        "from": [
            {
                "group": "gateway.networking.k8s.io",
                "kind": "HTTPRoute",
                "namespace": draw(st.sampled_from(["ns", "other"])),
            }
        ],
        "to": [{"group": "", "kind": "Service"}],
    }
    return _object("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", name, None, spec, namespace="away")


_V1_LIMITS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["a", "b", 'c "d"']),
    st.fixed_dictionaries(
        {
            "rates": st.lists(
                st.fixed_dictionaries(
                    {"limit": st.integers(-1, 3), "window": st.sampled_from(["0s", "999ms", "2s"])}
                )
            )
        },
        optional={
            "when": st.just([{"predicate": "request.method == 'GET'"}]) | st.just([{"predicate": "nope"}]),
            "counters": st.just([{"expression": 'request.headers["x"]'}]),
        },
    ),
    min_size=1,
)
_V1BETA2_LIMITS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["a", "b", 'c "d"']),
    st.fixed_dictionaries(
        {
            "rates": st.lists(
                st.fixed_dictionaries(
                    {"limit": st.integers(-1, 3), "duration": st.integers(1, 2), "unit": st.just("second")}
                )
            )
        },
        optional={
            "counters": st.just(["request.headers.x"]),
            "routeSelectors": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "hostnames": st.lists(st.sampled_from(_HOSTNAMES), max_size=2),
                        "matches": st.lists(_MATCHES, max_size=2),
                    },
                ),
                max_size=2,
            ),
        },
    ),
)


@st.composite
def policies(draw: st.DrawFn, name: str) -> Object:
    kind, target = draw(
        st.sampled_from([("Gateway", "g0"), ("Gateway", "g1"), ("HTTPRoute", "r0"), ("HTTPRoute", "r1")])
    )
    reference: dict[str, Any] = {"group": "gateway.networking.k8s.io", "kind": kind, "name": target}
    block = draw(st.sampled_from(["limits", "defaults", "overrides"]))
    if draw(st.booleans()):
        limits = draw(_V1BETA2_LIMITS)
        spec: dict[str, Any] = {
            "targetRef": reference,
            block: limits if block == "limits" else {"limits": limits},
        }
        return _object("kuadrant.io/v1beta2", "RateLimitPolicy", name, draw(_CREATED), spec)
    sections = ["l0", "l1", "nowhere"] if kind == "Gateway" else ["rule-1", "rule-2"]
    section = draw(st.none() | st.sampled_from(sections))
    if section:
        reference["sectionName"] = section
    rules: dict[str, Any] = {"limits": draw(_V1_LIMITS)}
    if form := draw(st.sampled_from([None, "RateLimit"])):
        rules["response"] = {"headers": form}
    if block != "limits":
        rules["strategy"] = draw(st.sampled_from(["atomic", "merge"]))
    spec = {"targetRef": reference, **(rules if block == "limits" else {block: rules})}
    return _object("kuadrant.io/v1", "RateLimitPolicy", name, draw(_CREATED), spec)
