"""What holds for whatever gateways, routes and policies there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.api.kinds import KINDS
from kuadrant.api.objects import Objects
from kuadrant.compiler import Compilation, compile_gateways
from kuadrant.policy.condition import UNDECIDABLE

if TYPE_CHECKING:
    import random

    from kuadrant.api.meta import Object
    from kuadrant.compiler.program import LimitAction

_few = settings(deadline=None, max_examples=30)

_HOSTNAMES = ["api.x.com", "www.x.com", "*.x.com", "*.a.x.com", "y.com"]
_CREATED = st.sampled_from([None, "2024-06-12T08:00:00Z", "2024-06-12T09:00:00Z"])


def _object(version: str, kind: str, name: str, created: str | None, spec: dict[str, Any]) -> Object:
    metadata = {"name": name, "namespace": "ns", "creationTimestamp": created}
    return msgspec.convert({"metadata": metadata, "spec": spec}, KINDS[version, kind])


@st.composite
def _gateways(draw: st.DrawFn, name: str) -> Object:
    listeners = draw(
        st.lists(
            st.fixed_dictionaries(
                {"port": st.sampled_from([80, 81]), "protocol": st.sampled_from(["HTTP", "HTTPS", "TCP"])},
                optional={"hostname": st.sampled_from(_HOSTNAMES)},
            ),
            min_size=1,
            max_size=4,
        )
    )
    spec = {
        "gatewayClassName": "c",
        "listeners": [{"name": f"l{index}", **listener} for index, listener in enumerate(listeners)],
    }
    return _object("gateway.networking.k8s.io/v1", "Gateway", name, None, spec)


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


@st.composite
def _routes(draw: st.DrawFn, name: str) -> Object:
    parents = draw(
        st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["g0", "g1"])},
                optional={"sectionName": st.sampled_from(["l0", "l1"])},
            ),
            min_size=1,
            max_size=2,
        )
    )
    spec = {
        "parentRefs": parents,
        "hostnames": draw(st.lists(st.sampled_from(_HOSTNAMES), unique=True, max_size=3)),
        "rules": [
            {"matches": draw(st.lists(_MATCHES, min_size=1, max_size=3))}
            for _ in range(draw(st.integers(1, 3)))
        ],
    }
    return _object("gateway.networking.k8s.io/v1", "HTTPRoute", name, draw(_CREATED), spec)


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
def _policies(draw: st.DrawFn, name: str) -> Object:
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
    limits = draw(_V1_LIMITS)
    strategy = draw(st.sampled_from(["atomic", "merge"]))
    spec = {
        "targetRef": reference,
        block: limits if block == "limits" else {"limits": limits, "strategy": strategy},
    }
    return _object("kuadrant.io/v1", "RateLimitPolicy", name, draw(_CREATED), spec)


_objects = st.builds(
    lambda *groups: [one for group in groups for one in group],
    st.tuples(_gateways("g0"), _gateways("g1")),
    st.tuples(_routes("r0"), _routes("r1")),
    st.tuples(*(_policies(f"p{index}") for index in range(4))),
)


def _limit_actions(compilation: Compilation) -> list[tuple[str, LimitAction]]:
    return [
        (action.scope, limit)
        for program in compilation.programs
        for listener in program.listeners
        for host in listener.hosts
        for rule in host.rules
        for action in rule.actions
        for limit in action.limits
    ]


@pytest.mark.row(161)
@settings(_few)
@given(_objects, st.randoms(use_true_random=False))
def test_the_same_objects_in_any_order_give_the_same_bytes(
    objects: list[Object], shuffler: random.Random
) -> None:
    expected = msgspec.json.encode(compile_gateways(Objects.of(objects)))
    shuffled = list(objects)
    shuffler.shuffle(shuffled)
    assert msgspec.json.encode(compile_gateways(Objects.of(shuffled))) == expected


@settings(_few)
@given(_objects)
def test_every_limit_that_the_gateway_asks_for_is_one_that_the_service_has_and_the_other_way_round(
    objects: list[Object],
) -> None:
    compilation = compile_gateways(Objects.of(objects))
    asked = {
        (scope, f'descriptors[0]["{limit.key}"] == "1"')
        for scope, limit in _limit_actions(compilation)
        if limit.when != (UNDECIDABLE,)
    }
    assert {(limit.namespace, *limit.conditions) for limit in compilation.limits} == asked


@settings(_few)
@given(_objects)
def test_no_limit_has_a_window_of_no_length_or_is_below_zero(objects: list[Object]) -> None:
    limits = compile_gateways(Objects.of(objects)).limits
    assert all(limit.seconds >= 1 and limit.max_value >= 0 for limit in limits)


@settings(_few)
@given(_objects)
def test_limits_that_share_their_counters_are_there_once(objects: list[Object]) -> None:
    limits = compile_gateways(Objects.of(objects)).limits
    identities = [(limit.namespace, limit.seconds, limit.conditions, limit.variables) for limit in limits]
    assert len(identities) == len(set(identities))


@settings(_few)
@given(_objects)
def test_host_names_are_there_once_per_port_and_rule_names_once_per_gateway(objects: list[Object]) -> None:
    for program in compile_gateways(Objects.of(objects)).programs:
        names: list[str] = []
        for listener in program.listeners:
            hostnames = [host.hostname for host in listener.hosts]
            assert hostnames == sorted(set(hostnames))
            names += (rule.name for host in listener.hosts for rule in host.rules)
        assert len(names) == len(set(names))


@settings(_few)
@given(_objects)
def test_every_policy_is_accounted_for_on_each_of_its_paths(objects: list[Object]) -> None:
    for facts in compile_gateways(Objects.of(objects)).policies:
        assert facts.whole_paths + facts.partial_paths <= facts.paths
        assert (facts.acceptance.reason == "Accepted") or facts.paths == 0
        assert bool(facts.overridden_by) is (facts.whole_paths < facts.paths)
