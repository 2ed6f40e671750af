"""Routes attach to listeners, policies to gateways, listeners, routes and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.meta import LabelSelector, LabelSelectorRequirement
from kuadrant.policy.hostnames import intersection, is_subset
from kuadrant.policy.model import Policy, Target
from kuadrant.policy.policy_attachment import AttachedPolicies
from kuadrant.policy.route import from_http_route
from kuadrant.policy.route_attachment import is_attached, is_selected, served_hostnames

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str], Any]


def _gateway(read: Read, listener: str = "") -> Any:
    return read(
        f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: infra}}
spec: {{gatewayClassName: istio, listeners: [{{name: http, port: 80, protocol: HTTP{listener}}}]}}
"""
    )


def _route(read: Read, parent: str = "", namespace: str = "infra") -> Any:
    return from_http_route(
        read(
            f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: route, namespace: {namespace}}}
spec: {{parentRefs: [{{name: gw{parent}}}], rules: [{{}}, {{name: toys}}]}}
"""
        )
    )


def _attached(
    read: Read, *, listener: str = "", parent: str = "", namespace: str = "infra", labels: Any = None
) -> bool:
    gateway = _gateway(read, listener)
    namespaces = {namespace: labels or {}}
    return is_attached(_route(read, parent, namespace), gateway, gateway.spec.listeners[0], namespaces)


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ("", True),
        (", sectionName: http", True),
        (", port: 80", True),
        (", sectionName: http, port: 80", True),
        (", namespace: infra", True),
        (", sectionName: https", False),
        (", port: 443", False),
        (", sectionName: http, port: 443", False),
        (", namespace: elsewhere", False),
        (", kind: Service", False),
        (", group: example.com", False),
    ],
)
def test_a_parent_reference_has_to_mean_the_listener(read: Read, parent: str, expected: bool) -> None:
    assert _attached(read, parent=parent) is expected


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("{}", False),
        ("{namespaces: {from: Same}}", False),
        ("{namespaces: {from: All}}", True),
        ("{namespaces: {from: None}}", False),
        ("{namespaces: {from: Selector, selector: {matchLabels: {team: toys}}}}", True),
        ("{namespaces: {from: Selector, selector: {matchLabels: {team: cars}}}}", False),
        ("{namespaces: {from: Selector, selector: {}}}", True),
        ("{namespaces: {from: Selector}}", False),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: apps}}}}",
            True,
        ),
    ],
)
def test_a_listener_decides_which_namespaces_routes_come_from(
    read: Read, allowed: str, expected: bool
) -> None:
    attached = _attached(
        read,
        listener=f", allowedRoutes: {allowed}",
        parent=", namespace: infra",
        namespace="apps",
        labels={"team": "toys"},
    )
    assert attached is expected


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("[]", True),
        ("[{kind: HTTPRoute}]", True),
        ("[{kind: GRPCRoute}]", False),
        ("[{group: example.com, kind: HTTPRoute}]", False),
    ],
)
def test_a_listener_decides_which_kinds_of_routes_it_takes(read: Read, kinds: str, expected: bool) -> None:
    assert _attached(read, listener=f", allowedRoutes: {{kinds: {kinds}}}") is expected


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (LabelSelectorRequirement(key="a", operator="In", values=("1", "2")), True),
        (LabelSelectorRequirement(key="a", operator="In", values=("2",)), False),
        (LabelSelectorRequirement(key="a", operator="NotIn", values=("1",)), False),
        (LabelSelectorRequirement(key="b", operator="NotIn", values=("1",)), True),
        (LabelSelectorRequirement(key="a", operator="Exists"), True),
        (LabelSelectorRequirement(key="b", operator="Exists"), False),
        (LabelSelectorRequirement(key="a", operator="DoesNotExist"), False),
        (LabelSelectorRequirement(key="b", operator="DoesNotExist"), True),
    ],
)
def test_label_selector_expressions(requirement: LabelSelectorRequirement, expected: bool) -> None:
    assert is_selected({"a": "1"}, LabelSelector(match_expressions=(requirement,))) is expected


@pytest.mark.row(74)
def test_host_names_that_the_listener_does_not_have_are_not_served() -> None:
    served = served_hostnames(["my-app.apps.io", "a.acme.com", "api.x.com"], "*.acme.com", {"*.acme.com"})
    assert list(served) == ["a.acme.com"]
    assert served_hostnames(["api.x.com"], "*.acme.com", {"*.acme.com"}) == {}


def test_a_route_without_host_names_is_served_under_the_listener_s() -> None:
    assert served_hostnames([], "*.acme.com", {"*.acme.com"}) == {"*.acme.com": frozenset({"*"})}
    assert served_hostnames([], "*", {"*"}) == {"*": frozenset({"*"})}


@pytest.mark.row(157)
def test_a_wildcard_route_is_served_under_the_exact_name_of_its_listener() -> None:
    assert served_hostnames(["*.x.com"], "api.x.com", {"api.x.com"}) == {"api.x.com": frozenset({"*.x.com"})}


def test_host_names_that_a_more_specific_listener_owns_are_not_served() -> None:
    listeners = {"*", "*.x.com", "api.x.com"}
    assert list(served_hostnames(["api.x.com", "www.x.com", "y.com"], "*", listeners)) == ["y.com"]
    assert list(served_hostnames(["api.x.com", "www.x.com", "y.com"], "*.x.com", listeners)) == ["www.x.com"]
    assert list(served_hostnames(["api.x.com", "*.x.com"], "api.x.com", listeners)) == ["api.x.com"]


_labels = st.lists(st.sampled_from(["a", "b", "com"]), min_size=1, max_size=3).map(".".join)
_hostnames = st.one_of(_labels, _labels.map("*.{}".format), st.just("*"))


@given(_labels, st.lists(_hostnames, max_size=3), st.sets(_hostnames, min_size=1, max_size=4))
def test_a_name_is_served_by_at_most_one_listener_under_its_most_specific_host_name(
    name: str, route: list[str], listeners: set[str]
) -> None:
    serving = {
        listener
        for listener in listeners
        for hostname in served_hostnames(route, listener, listeners)
        if is_subset(name, hostname)
        and not any(
            is_subset(name, other) and other != listener and is_subset(other, listener) for other in listeners
        )
    }
    assert len(serving) <= 1
    for listener in serving:
        assert any(intersection(name, hostname) for hostname in route or ["*"])
        assert is_subset(name, listener)


# Policies


def _policy(name: str, created: str = "", /, *, exclusive: bool = True, **target: Any) -> Policy:
    where = {"kind": "HTTPRoute", "namespace": "infra", "name": "route", **target}
    return Policy("infra", name, Target(**where), created=created, exclusive=exclusive)


def _policies(read: Read, *policies: Policy) -> AttachedPolicies:
    return AttachedPolicies(policies, [_gateway(read)], [_route(read)])


def _names(policies: tuple[Policy, ...]) -> list[str]:
    return [policy.name for policy in policies]


@pytest.mark.parametrize(
    "target",
    [
        {"kind": "HTTPRoute", "name": "route"},
        {"kind": "HTTPRoute", "name": "route", "section": "rule-1"},
        {"kind": "HTTPRoute", "name": "route", "section": "toys"},
        {"kind": "Gateway", "name": "gw"},
        {"kind": "Gateway", "name": "gw", "section": "http"},
    ],
)
def test_a_policy_is_on_its_target_and_nowhere_else(read: Read, target: dict[str, Any]) -> None:
    attached = _policies(read, _policy("policy", **target))
    assert attached.acceptance["infra/policy"].message == "RateLimitPolicy has been accepted"
    everywhere = [
        ("HTTPRoute", "infra/route", None),
        ("HTTPRoute", "infra/route", "rule-1"),
        ("HTTPRoute", "infra/route", "toys"),
        ("Gateway", "infra/gw", None),
        ("Gateway", "infra/gw", "http"),
    ]
    assert [place for place in everywhere if attached.on(*place)] == [
        (target["kind"], f"infra/{target['name']}", target.get("section"))
    ]


@pytest.mark.row(105)
@pytest.mark.row(123)
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"name": "other"}, "RateLimitPolicy target other was not found"),
        ({"kind": "GRPCRoute"}, "RateLimitPolicy target route was not found"),
        ({"kind": "Service"}, "RateLimitPolicy target route was not found"),
        ({"section": "rule-2"}, 'RateLimitPolicy target route was not found: it has no section "rule-2"'),
        ({"section": "rule-3"}, 'RateLimitPolicy target route was not found: it has no section "rule-3"'),
        (
            {"kind": "Gateway", "name": "gw", "section": "x"},
            'RateLimitPolicy target gw was not found: it has no section "x"',
        ),
    ],
)
def test_a_target_that_is_not_there(read: Read, target: dict[str, Any], message: str) -> None:
    acceptance = _policies(read, _policy("policy", **target)).acceptance["infra/policy"]
    assert (acceptance.reason, acceptance.message) == ("TargetNotFound", message)


@pytest.mark.row(107)
def test_a_target_in_another_namespace_is_invalid(read: Read) -> None:
    acceptance = _policies(read, _policy("policy", namespace="other")).acceptance["infra/policy"]
    assert (acceptance.reason, acceptance.message) == (
        "Invalid",
        (
            "RateLimitPolicy target is invalid: invalid targetRef.Namespace other. "
            "Currently only supporting references to the same namespace"
        ),
    )


@pytest.mark.row(106)
def test_the_oldest_of_several_exclusive_policies_has_the_target(read: Read) -> None:
    young, old = _policy("a", "2024-06-12T09:00:00Z"), _policy("b", "2024-06-12T08:00:00Z")
    attached = _policies(read, young, old)
    assert _names(attached.on("HTTPRoute", "infra/route")) == ["b"]
    acceptance = attached.acceptance["infra/a"]
    assert (acceptance.reason, acceptance.message) == (
        "Conflicted",
        (
            "RateLimitPolicy is conflicted by infra/b: the gateway.networking.k8s.io/v1, Kind=HTTPRoute "
            "target infra/route "
            "is already referenced by policy infra/b"
        ),
    )


def test_of_exclusive_policies_of_one_age_the_first_by_name_has_the_target(read: Read) -> None:
    assert _names(_policies(read, _policy("b"), _policy("a")).on("HTTPRoute", "infra/route")) == ["a"]


@pytest.mark.row(109)
def test_a_policy_whose_target_is_not_there_is_in_nobody_s_way(read: Read) -> None:
    attached = _policies(read, _policy("a", section="nowhere"), _policy("b"))
    assert _names(attached.on("HTTPRoute", "infra/route")) == ["b"]


@pytest.mark.row(122)
def test_policies_that_share_are_all_on_the_target_the_oldest_first(read: Read) -> None:
    policies = [
        _policy("a", "2024-06-12T09:00:00Z", exclusive=False),
        _policy("b", "2024-06-12T08:00:00Z", exclusive=False),
        _policy("c", "2024-06-12T08:00:00Z", exclusive=False),
    ]
    attached = _policies(read, *policies)
    assert _names(attached.on("HTTPRoute", "infra/route")) == ["b", "c", "a"]
    assert {acceptance.reason for acceptance in attached.acceptance.values()} == {"Accepted"}


def test_an_exclusive_policy_shares_its_target_with_policies_of_the_other_kind(read: Read) -> None:
    attached = _policies(read, _policy("a"), _policy("b", exclusive=False))
    assert _names(attached.on("HTTPRoute", "infra/route")) == ["a", "b"]
