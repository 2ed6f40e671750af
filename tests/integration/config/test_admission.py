"""What the API server takes and refuses: the rows are those of Kuadrant's table T.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.config.conftest import Server

BETA = {"rates": [{"limit": 5, "duration": 10, "unit": "second"}]}
STABLE = {"rates": [{"limit": 5, "window": "10s"}]}
LIMIT = {"v1beta2": BETA, "v1": STABLE}

GROUP = "Invalid targetRef.group. The only supported value is 'gateway.networking.k8s.io'"
KIND = {
    "v1beta2": "Invalid targetRef.kind. The only supported values are 'HTTPRoute' and 'Gateway'",
    "v1": "Invalid targetRef.kind. The only supported values are 'HTTPRoute', 'GRPCRoute' and 'Gateway'",
}
IMPLICIT_EXPLICIT = "Implicit and explicit defaults are mutually exclusive"
OVERRIDES_EXPLICIT = "Overrides and explicit defaults are mutually exclusive"
OVERRIDES_IMPLICIT = "Overrides and implicit defaults are mutually exclusive"
OVERRIDES_ON_ROUTE = "Overrides are only allowed for policies targeting a Gateway resource"
SELECTORS_ON_GATEWAY = "route selectors not supported when targeting a Gateway"
NO_LIMITS = "At least one spec.limits must be defined"
NO_DEFAULTS = "At least one spec.defaults.limits must be defined"
NO_OVERRIDES = "At least one spec.overrides.limits must be defined"
RATE = "A rate has either window, or duration and unit"
CONDITION = "A condition has either predicate, or selector, operator and value"
COUNTERS = "each of counters has to be"
MIXED = "the policy mixes fields of v1beta2"
PATH = "a path of a route selector"
ADMITTED = ""

BOTH = pytest.mark.parametrize("version", ["v1beta2", "v1"])


def _block(name: str, limits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {name: limits if name == "limits" else {"limits": limits, **more}}


def _check(
    server: Server, version: str, spec: dict[str, Any], expected: str, target: dict[str, Any] | None = None
) -> None:
    answer = server.create(version, spec, **(target or {}))
    if expected == ADMITTED:
        assert answer.status_code == 201, answer.text
    else:
        assert answer.status_code == 422, answer.text
        assert expected in answer.json()["message"]


GATEWAY = {"kind": "Gateway"}


@BOTH
@pytest.mark.parametrize(
    ("blocks", "target", "expected"),
    [
        pytest.param(("limits",), {}, ADMITTED, marks=[pytest.mark.row(1), pytest.mark.row(6)], id="route"),
        pytest.param(("limits",), GATEWAY, ADMITTED, marks=pytest.mark.row(2), id="gateway"),
        pytest.param(
            ("limits",),
            {"group": "not-gateway.networking.k8s.io"},
            GROUP,
            marks=pytest.mark.row(3),
            id="group",
        ),
        pytest.param(("defaults",), {}, ADMITTED, marks=pytest.mark.row(7), id="defaults"),
        pytest.param(
            ("limits", "defaults"), {}, IMPLICIT_EXPLICIT, marks=pytest.mark.row(8), id="limits and defaults"
        ),
        pytest.param(
            ("defaults", "overrides"),
            GATEWAY,
            OVERRIDES_EXPLICIT,
            marks=pytest.mark.row(9),
            id="defaults and overrides",
        ),
        pytest.param(
            ("limits", "overrides"),
            GATEWAY,
            OVERRIDES_IMPLICIT,
            marks=pytest.mark.row(10),
            id="limits and overrides",
        ),
        pytest.param(("overrides",), GATEWAY, ADMITTED, marks=pytest.mark.row(13), id="overrides"),
    ],
)
def test_targets_and_blocks(
    server: Server, version: str, blocks: tuple[str, ...], target: dict[str, Any], expected: str
) -> None:
    spec: dict[str, Any] = {}
    for block in blocks:
        spec |= _block(block, {"x": LIMIT[version]})
    _check(server, version, spec, expected, target)


@BOTH
@pytest.mark.row(4)
@pytest.mark.row(5)
def test_each_version_names_the_kinds_that_it_has(server: Server, version: str) -> None:
    _check(server, version, {"limits": {"x": LIMIT[version]}}, KIND[version], {"kind": "TCPRoute"})


@BOTH
def test_a_grpc_route_is_no_target_in_the_form_of_v1beta2(server: Server, version: str) -> None:
    _check(server, version, {"limits": {"x": BETA}}, KIND["v1beta2"], {"kind": "GRPCRoute"})


def test_a_grpc_route_is_a_target_in_v1(server: Server) -> None:
    _check(server, "v1", {"limits": {"x": STABLE}}, ADMITTED, {"kind": "GRPCRoute"})


@BOTH
@pytest.mark.row(11)
def test_overrides_on_a_route_in_the_form_of_v1beta2(server: Server, version: str) -> None:
    _check(server, version, {"overrides": {"limits": {"x": BETA}}}, OVERRIDES_ON_ROUTE)


@pytest.mark.row(12)
def test_overrides_on_a_route_in_v1(server: Server) -> None:
    _check(server, "v1", {"overrides": {"limits": {"x": STABLE}}}, ADMITTED)


@BOTH
@pytest.mark.row(14)
@pytest.mark.row(15)
@pytest.mark.parametrize("block", ["limits", "defaults", "overrides"])
def test_route_selectors_on_a_gateway(server: Server, version: str, block: str) -> None:
    selecting = {**BETA, "routeSelectors": [{"matches": [{"method": "POST"}]}]}
    _check(server, version, _block(block, {"a": BETA, "x": selecting}), SELECTORS_ON_GATEWAY, GATEWAY)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, NO_LIMITS, marks=pytest.mark.row(16)),
        pytest.param({"limits": {}}, NO_LIMITS, marks=pytest.mark.row(17)),
        pytest.param({"defaults": {}}, NO_DEFAULTS, marks=pytest.mark.row(18)),
        pytest.param({"defaults": {"limits": {}}}, NO_DEFAULTS, marks=pytest.mark.row(18)),
        pytest.param({"overrides": {}}, NO_OVERRIDES, marks=pytest.mark.row(19)),
        pytest.param({"overrides": {"limits": {}}}, NO_OVERRIDES, marks=pytest.mark.row(19)),
    ],
    ids=str,
)
def test_v1_asks_for_limits(server: Server, spec: dict[str, Any], expected: str) -> None:
    _check(server, "v1", spec, expected, GATEWAY)


def test_v1beta2_asks_for_limits_in_overrides_alone(server: Server) -> None:
    """Overrides without limits would replace those of every route by none."""
    _check(server, "v1beta2", {}, ADMITTED)
    _check(server, "v1beta2", {"defaults": {}}, ADMITTED)
    _check(server, "v1beta2", {"overrides": {}}, NO_OVERRIDES, GATEWAY)


@pytest.mark.row(20)
@pytest.mark.parametrize("block", ["limits", "defaults", "overrides"])
def test_v1beta2_has_fourteen_limits_at_most(server: Server, block: str) -> None:
    for count, expected in ((14, ADMITTED), (15, "must have at most 14 items")):
        limits = {f"l{number}": BETA for number in range(count)}
        _check(server, "v1beta2", _block(block, limits), expected, GATEWAY)


def test_v1_has_more(server: Server) -> None:
    _check(server, "v1", {"limits": {f"l{number}": STABLE for number in range(200)}}, ADMITTED)


@BOTH
@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        pytest.param(
            {**BETA, "routeSelectors": [{"hostnames": ["a.com"]}] * 16},
            "at most 15 items",
            marks=pytest.mark.row(21),
            id="16 selectors",
        ),
        pytest.param(
            {**BETA, "routeSelectors": [{"matches": [{"method": "GET"}] * 9}]},
            "at most 8 items",
            marks=pytest.mark.row(21),
            id="9 matches",
        ),
        pytest.param(
            {"rates": [{"limit": 1, "duration": 1, "unit": "week"}]},
            'Unsupported value: "week"',
            marks=pytest.mark.row(22),
            id="unit",
        ),
        pytest.param(
            {**BETA, "when": [{"selector": "a", "operator": "gt", "value": "1"}]},
            'Unsupported value: "gt"',
            marks=pytest.mark.row(22),
            id="operator",
        ),
        pytest.param({"rates": [{"limit": 1, "window": "1d"}]}, ADMITTED, id="1d"),
        pytest.param(
            {"rates": [{"limit": 1, "window": "1w"}]}, "should match", marks=pytest.mark.row(23), id="1w"
        ),
        pytest.param(
            {"rates": [{"limit": 1, "window": "10"}]}, "should match", marks=pytest.mark.row(23), id="10"
        ),
        pytest.param(
            {"rates": [{"limit": 1, "window": "1h1h1h1h1h"}]},
            "should match",
            marks=pytest.mark.row(23),
            id="five parts",
        ),
        pytest.param({"rates": [{"limit": 1, "window": "500ms"}]}, "window must be at least 1s", id="500ms"),
        pytest.param(
            {"rates": [{"limit": 1, "window": "99999h99999h99999h99999h"}]}, ADMITTED, id="45 years"
        ),
        pytest.param({"rates": [{"limit": 1}]}, RATE, id="no window"),
        pytest.param({"rates": [{"limit": 1, "duration": 1}]}, RATE, id="no unit"),
        pytest.param(
            {"rates": [{"limit": 1, "duration": 1, "unit": "second", "window": "1s"}]},
            RATE,
            id="both windows",
        ),
        pytest.param({"rates": [{"window": "1s"}]}, "limit: Required value", id="no limit"),
        pytest.param({**BETA, "when": [{"selector": "a", "operator": "eq"}]}, CONDITION, id="no value"),
        pytest.param(
            {**STABLE, "when": [{"predicate": "true", "value": "1"}]}, CONDITION, id="both conditions"
        ),
        pytest.param(
            {**STABLE, "when": [{"predicate": ""}]},
            "predicate",
            marks=pytest.mark.row(25),
            id="empty predicate",
        ),
        pytest.param(
            {**STABLE, "counters": [{"expression": ""}]},
            COUNTERS,
            marks=pytest.mark.row(25),
            id="empty expression",
        ),
        pytest.param({**STABLE, "counters": [5]}, COUNTERS, id="number as counter"),
        pytest.param({**STABLE, "counters": [{"x": 1}]}, COUNTERS, id="other object as counter"),
        pytest.param(
            {**STABLE, "counters": [{"expression": "a", "x": 1}]}, COUNTERS, id="more than an expression"
        ),
        pytest.param({**BETA, "counters": [""]}, COUNTERS, id="empty counter"),
        pytest.param({**BETA, "counters": ["a" * 254]}, COUNTERS, id="long counter"),
        pytest.param(
            {**STABLE, "when": [{"predicate": "a" * 4097}]},
            "Too long",
            marks=pytest.mark.row(172),
            id="long predicate",
        ),
        pytest.param(
            {**STABLE, "counters": [{"expression": "a" * 4097}]},
            COUNTERS,
            marks=pytest.mark.row(172),
            id="long expression",
        ),
        pytest.param(
            {**BETA, "when": [{"selector": "a", "operator": "matches", "value": "?" * 1025}]},
            "Too long",
            marks=pytest.mark.row(172),
            id="long value",
        ),
        pytest.param(
            {**BETA, "routeSelectors": [{"hostnames": ["a.com"] * 65}]},
            "at most 64 items",
            id="65 host names",
        ),
        pytest.param(
            {**STABLE, "when": [{"predicate": "a" * 4096}]}, ADMITTED, id=("predicate of 4096 characters")
        ),
        pytest.param({**BETA, "counters": ["auth.identity.username"]}, ADMITTED, id="counter of v1beta2"),
        pytest.param(
            {**STABLE, "counters": [{"expression": "auth.identity.username"}]}, ADMITTED, id="counter of v1"
        ),
        pytest.param(
            {**BETA, "when": [{"selector": "a", "operator": "eq", "value": ""}]},
            ADMITTED,
            id="condition of v1beta2",
        ),
        pytest.param({**STABLE, "when": [{"predicate": "true"}]}, ADMITTED, id="condition of v1"),
    ],
)
def test_limits(server: Server, version: str, limit: dict[str, Any], expected: str) -> None:
    _check(server, version, {"limits": {"x": limit}}, expected)


@BOTH
@pytest.mark.row(172)
@pytest.mark.parametrize(
    ("length", "expected"), [(253, ADMITTED), (254, "the name of a limit has at most 253 characters")]
)
def test_names_of_limits(server: Server, version: str, length: int, expected: str) -> None:
    _check(server, version, {"limits": {"x" * length: LIMIT[version]}}, expected)


@BOTH
@pytest.mark.parametrize(
    ("spec", "target"),
    [
        ({"limits": {"x": BETA, "y": STABLE}}, {}),
        ({"limits": {"x": {**BETA, "counters": [{"expression": "a"}]}}}, {}),
        ({"limits": {"x": {**STABLE, "counters": ["a"]}}}, {}),
        ({"limits": {"x": {**STABLE, "when": [{"selector": "a", "operator": "eq", "value": "b"}]}}}, {}),
        ({"limits": {"x": {**STABLE, "routeSelectors": [{"hostnames": ["a.com"]}]}}}, {}),
        ({"limits": {"x": STABLE}}, {"namespace": "default"}),
        ({"limits": {"x": BETA}}, {"sectionName": "rule-1"}),
        ({"defaults": {"strategy": "merge", "limits": {"x": BETA}}}, {}),
        ({"defaults": {"when": [{"predicate": "true"}], "limits": {"x": BETA}}}, {}),
        ({"when": [{"predicate": "true"}], "limits": {"x": BETA}}, {}),
        ({"exempt": [{"predicate": "true"}], "limits": {"x": BETA}}, {}),
        ({"defaults": {"exempt": [{"predicate": "true"}], "limits": {"x": BETA}}}, {}),
    ],
    ids=str,
)
def test_the_forms_of_both_versions_are_not_mixed(
    server: Server, version: str, spec: dict[str, Any], target: dict[str, Any]
) -> None:
    _check(server, version, spec, MIXED, target)


def _selecting(path: dict[str, str]) -> dict[str, Any]:
    return {"limits": {"x": {**BETA, "routeSelectors": [{"matches": [{"path": path}]}]}}}


@BOTH
@pytest.mark.parametrize("kind", ["Exact", "PathPrefix"])
@pytest.mark.parametrize(
    "path",
    ["toys", "/a//b", "/a/./b", "/a/../b", "/a%2fb", "/a%2F", "/a#b", "/a/..", "/a/.", "/a b", "/é", "/%zz"],
)
def test_paths_that_no_route_may_have(server: Server, version: str, kind: str, path: str) -> None:
    _check(server, version, _selecting({"type": kind, "value": path}), PATH)


@BOTH
@pytest.mark.parametrize("path", ["/", "/toys", "/.well-known/..x", "/a%20b", "/-._~!$&'()*+,;=:@"])
def test_paths_that_routes_may_have(server: Server, version: str, path: str) -> None:
    _check(server, version, _selecting({"type": "Exact", "value": path}), ADMITTED)


def test_a_regular_expression_is_no_path(server: Server) -> None:
    _check(server, "v1beta2", _selecting({"type": "RegularExpression", "value": "a.*#b"}), ADMITTED)


@pytest.mark.row(24)
def test_the_strategy(kept: Server) -> None:
    _check(
        kept,
        "v1",
        {"defaults": {"strategy": "replace", "limits": {"x": STABLE}}},
        'Unsupported value: "replace"',
    )
    kept.create("v1", {"defaults": {"limits": {"x": STABLE}}}, keep=True).raise_for_status()
    assert kept.read("v1")["spec"]["defaults"] == {"strategy": "atomic", "limits": {"x": STABLE}}


@pytest.mark.row(26)
def test_a_match_without_path_gets_the_one_of_gateway_api(kept: Server) -> None:
    selecting = {**BETA, "routeSelectors": [{"matches": [{"method": "POST"}]}]}
    kept.create("v1beta2", {"limits": {"x": selecting}}, keep=True).raise_for_status()
    (selector,) = kept.read("v1beta2")["spec"]["limits"]["x"]["routeSelectors"]
    assert selector == {"matches": [{"method": "POST", "path": {"type": "PathPrefix", "value": "/"}}]}


BETA_SPEC = {
    "limits": {
        "x": {
            **BETA,
            "counters": ["auth.identity.username"],
            "when": [{"selector": "a", "operator": "eq", "value": "b"}],
            "routeSelectors": [
                {
                    "hostnames": ["*.a.com"],
                    "matches": [
                        {
                            "method": "GET",
                            "path": {"type": "Exact", "value": "/"},
                            "headers": [{"type": "Exact", "name": "a", "value": "b"}],
                            "queryParams": [{"type": "Exact", "name": "a", "value": "b"}],
                        }
                    ],
                }
            ],
        }
    }
}
STABLE_SPEC = {
    "defaults": {
        "strategy": "merge",
        "when": [{"predicate": "true"}],
        "exempt": [{"predicate": "request.url_path == '/healthz'"}],
        "limits": {
            "x": {
                **STABLE,
                "counters": [{"expression": "a.b"}],
                "when": [{"predicate": "request.path == '/'"}],
            }
        },
    }
}


@pytest.mark.parametrize(
    ("written", "other", "spec", "target"),
    [
        ("v1beta2", "v1", BETA_SPEC, {"namespace": "default"}),
        ("v1", "v1beta2", STABLE_SPEC, {"sectionName": "rule-1"}),
    ],
)
def test_nothing_is_lost_on_a_round_trip(
    kept: Server, written: str, other: str, spec: dict[str, Any], target: dict[str, Any]
) -> None:
    kept.create(written, spec, keep=True, **target).raise_for_status()
    before = kept.read(written)["spec"]
    assert before | spec == before
    whole = kept.read(other)
    assert whole["spec"] == before
    whole["metadata"]["labels"] = {"edited": "yes"}
    kept.http.put(kept.path(other, "toystore"), json=whole).raise_for_status()
    assert (kept.read(written)["spec"], kept.read(written)["metadata"]["labels"]) == (
        before,
        {"edited": "yes"},
    )


def test_what_one_version_would_refuse_can_still_be_told_about_and_labelled(kept: Server) -> None:
    """Statuses are written in v1; a policy without limits is sound in v1beta2 alone."""
    kept.create("v1beta2", {}, keep=True).raise_for_status()
    kept.patch("v1", {"status": {"observedGeneration": 1}}, "status").raise_for_status()
    kept.patch("v1", {"metadata": {"labels": {"a": "b"}}}).raise_for_status()
    assert kept.read("v1beta2")["status"] == {"observedGeneration": 1}
