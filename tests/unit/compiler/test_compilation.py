"""Which limits hold for which requests, and what the rate limit service has to know for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from kuadrant.api.limitador import Limit
from kuadrant.compiler import compile_gateways
from kuadrant.policy.condition import (
    ExpressionCondition,
    ExpressionCounter,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.identifiers import descriptor_entry
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.reference_model import Counters, Request, decide
from tests.unit.compiler.texts import GATEWAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.compiler.program import HostProgram, RuleProgram

    Compile = Callable[[str], Compilation]

ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: my-app}
spec:
  parentRefs: [{name: gw}]
  hostnames: ["*.example.com", "*.apps.example.internal"]
  rules: [{matches: [{path: {value: /toy}, method: GET}]}]
"""
POLICY_V1BETA2 = """
---
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: %s, namespace: my-app}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}
  limits:
"""
POLICY_V1 = """
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: %s, namespace: my-app}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: %s, name: %s}
"""
RATES = "rates: [{limit: 50, duration: 1, unit: second}]"
TOY = RequestMatch(PathMatch("/toy"), method="GET")


def _hosts(compilation: Compilation) -> dict[str, HostProgram]:
    (program,) = compilation.programs
    return {host.hostname: host for listener in program.listeners for host in listener.hosts}


def _rule(compilation: Compilation, hostname: str = "*.example.com") -> RuleProgram:
    (rule,) = _hosts(compilation)[hostname].rules
    return rule


def _keys(rule: RuleProgram) -> list[str]:
    return [limit.key for action in rule.actions for limit in action.limits]


@pytest.mark.row(50)
def test_a_limit_is_for_the_requests_of_the_route(compile_text: Compile) -> None:
    compilation = compile_text(f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'minimal'}    50rps: {{{RATES}}}")
    for hostname in ("*.example.com", "*.apps.example.internal"):
        rule = _rule(compilation, hostname)
        assert rule.match == TOY
        assert _keys(rule) == ["limit.50rps__36e9aa4c"]


@pytest.mark.row(51)
@pytest.mark.row(60)
def test_a_selector_with_host_names_narrows_the_limit_to_those_that_the_route_has(
    compile_text: Compile,
) -> None:
    selector = 'routeSelectors: [{hostnames: ["*.example.com", myapp.apps.example.com]}]'
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'my-rlp'}    50rps-for-selected-hostnames: {{{RATES}, "
        f"{selector}}}"
    )
    assert _keys(_rule(compilation)) == ["limit.50rps_for_selected_hostnames__ac4044ab"]
    assert _keys(_rule(compilation, "*.apps.example.internal")) == []


@pytest.mark.parametrize(
    ("name", "match", "key"),
    [
        pytest.param(
            "50rps-for-selected-route",
            "{path: {value: /toy}, method: GET}",
            "limit.50rps_for_selected_route__db289136",
            marks=pytest.mark.row(52),
        ),
        pytest.param(
            "50rps-for-selected-path",
            "{path: {value: /toy}}",
            "limit.50rps_for_selected_path__38eb97a4",
            marks=pytest.mark.row(53),
        ),
    ],
)
def test_a_selected_rule_keeps_all_of_its_own_statements(
    compile_text: Compile, name: str, match: str, key: str
) -> None:
    selector = f"routeSelectors: [{{matches: [{match}]}}]"
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'my-rlp'}    {name}: {{{RATES}, {selector}}}"
    )
    rule = _rule(compilation)
    assert rule.match == TOY
    assert _keys(rule) == [key]


@pytest.mark.row(54)
def test_a_limit_that_selects_nothing_is_nowhere_and_this_is_told(compile_text: Compile) -> None:
    selector = "routeSelectors: [{matches: [{method: POST}]}]"
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'my-rlp'}    50rps: {{{RATES}, {selector}}}"
    )
    assert _keys(_rule(compilation)) == []
    assert compilation.limits == ()
    assert [str(problem) for problem in compilation.problems] == [
        (
            "RateLimitPolicy my-app/my-rlp: spec.limits.50rps.routeSelectors: they select nothing: the limit "
            "limits nothing"
        )
    ]


@pytest.mark.row(55)
def test_a_rule_without_matches_is_limited_for_every_path(compile_text: Compile) -> None:
    route = ROUTE.replace("{matches: [{path: {value: /toy}, method: GET}]}", "{matches: []}")
    rule = _rule(compile_text(f"{GATEWAY}{route}{POLICY_V1BETA2 % 'my-rlp'}    50rps: {{{RATES}}}"))
    assert rule.match == RequestMatch(PathMatch("/"))
    assert _keys(rule) == ["limit.50rps__783b9343"]


@pytest.mark.row(56)
def test_a_counter_is_carried_by_its_selector(compile_text: Compile) -> None:
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'my-rlp'}"
        f"    50rps-per-username: {{{RATES}, counters: [auth.identity.username]}}"
    )
    (limit,) = _rule(compilation).actions[0].limits
    assert limit.key == "limit.50rps_per_username__d681f6c3"
    assert limit.counters == (SelectorCounter("auth.identity.username"),)
    assert compilation.limits[0].variables == ('descriptors[0]["auth.identity.username"]',)


@pytest.mark.row(57)
def test_headers_of_a_match_are_part_of_the_rule(compile_text: Compile) -> None:
    headers = "headers: [{name: X-kuadrant-a, value: '1'}, {name: X-kuadrant-b, value: '1'}]"
    rule = _rule(compile_text(GATEWAY + ROUTE.replace("method: GET", headers)))
    assert rule.match.headers == (StringMatch("x-kuadrant-a", "1"), StringMatch("x-kuadrant-b", "1"))


@pytest.mark.row(58)
@pytest.mark.row(59)
@pytest.mark.parametrize("matches", ["[]", "[{path: {value: /toy}, method: GET}]"])
def test_all_conditions_of_a_limit_hold_together(compile_text: Compile, matches: str) -> None:
    when = (
        "when: [{selector: request.path, operator: neq, value: a}, {selector: request.size, operator: eq, "
        "value: b}]"
    )
    route = ROUTE.replace("[{path: {value: /toy}, method: GET}]", matches)
    rule = _rule(compile_text(f"{GATEWAY}{route}{POLICY_V1BETA2 % 'my-rlp'}    a: {{{RATES}, {when}}}"))
    assert rule.actions[0].limits[0].when == (
        SelectorCondition("request.path", "neq", "a"),
        SelectorCondition("request.size", "eq", "b"),
    )


@pytest.mark.row(58)
@pytest.mark.row(59)
@pytest.mark.parametrize("matches", ["[]", "[{path: {value: /toy}, method: GET}]"])
def test_a_request_is_limited_only_if_it_fulfils_all_conditions(compile_text: Compile, matches: str) -> None:
    when = (
        "when: [{selector: request.headers.a, operator: eq, value: '1'}, "
        "{selector: request.headers.b, operator: eq, value: '1'}]"
    )
    route = ROUTE.replace("[{path: {value: /toy}, method: GET}]", matches)
    none = "rates: [{limit: 0, duration: 1, unit: second}]"
    compilation = compile_text(f"{GATEWAY}{route}{POLICY_V1BETA2 % 'my-rlp'}    a: {{{none}, {when}}}")
    for headers, outcome in {
        (("a", "1"), ("b", "1")): "limited",
        (("a", "1"),): "admitted",
        (("b", "1"),): "admitted",
        (): "admitted",
    }.items():
        request = Request(authority="x.example.com", target="/toy", headers=headers)
        (program,) = compilation.programs
        assert decide(program, request, Counters(compilation.limits), 0).outcome == outcome, headers


@pytest.mark.row(60)
def test_each_selected_host_name_is_limited_and_no_other(compile_text: Compile) -> None:
    route = ROUTE.replace('["*.example.com", "*.apps.example.internal"]', "[a.com, b.com, c.com]")
    route = route.replace("method: GET", "method: GET, headers: [{name: x, value: '1'}]")
    selector = "routeSelectors: [{hostnames: [a.com, b.com], matches: [{path: {value: /toy}, method: GET}]}]"
    none = "rates: [{limit: 0, duration: 1, unit: second}]"
    compilation = compile_text(f"{GATEWAY}{route}{POLICY_V1BETA2 % 'my-rlp'}    a: {{{none}, {selector}}}")
    (program,) = compilation.programs
    for authority, outcome in {"a.com": "limited", "b.com": "limited", "c.com": "admitted"}.items():
        request = Request(authority=authority, target="/toy", headers=(("x", "1"),))
        assert decide(program, request, Counters(compilation.limits), 0).outcome == outcome, authority


@pytest.mark.row(91)
def test_a_route_without_host_names_is_selected_by_the_listener_s(compile_text: Compile) -> None:
    gateway = GATEWAY.replace("protocol: HTTP", "protocol: HTTP, hostname: '*.example.com'")
    route = ROUTE.replace('hostnames: ["*.example.com", "*.apps.example.internal"]', "hostnames: []")
    selector = 'routeSelectors: [{hostnames: ["*.example.com"]}]'
    compilation = compile_text(
        f"{gateway}{route}{POLICY_V1BETA2 % 'my-rlp'}    50rps: {{{RATES}, {selector}}}"
    )
    assert list(_hosts(compilation)) == ["*.example.com"]
    assert _keys(_rule(compilation)) == ["limit.50rps__783b9343"]


# What the rate limit service holds


@pytest.mark.row(44)
def test_a_v1beta2_limit_is_counted_under_its_policy(compile_text: Compile) -> None:
    compilation = compile_text(f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'minimal'}    50rps: {{{RATES}}}")
    assert compilation.limits == (
        Limit(
            namespace="my-app/minimal",
            max_value=50,
            seconds=1,
            conditions=('descriptors[0]["limit.50rps__36e9aa4c"] == "1"',),
            name="50rps",
        ),
    )
    assert _rule(compilation).actions[0].scope == "my-app/minimal"


@pytest.mark.row(116)
def test_a_v1_limit_is_counted_under_its_route(compile_text: Compile) -> None:
    policy = POLICY_V1 % ("policy", "HTTPRoute", "route")
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{policy}  limits: {{x: {{rates: [{{limit: 5, window: 10s}}]}}}}"
    )
    (limit,) = compilation.limits
    assert (limit.namespace, limit.name) == ("my-app/route", "x")
    assert limit.conditions == (f'descriptors[0]["{_keys(_rule(compilation))[0]}"] == "1"',)


@pytest.mark.row(117)
def test_a_v1_limit_of_a_gateway_is_counted_under_each_route_with_one_identifier(
    compile_text: Compile,
) -> None:
    other = ROUTE.replace("name: route", "name: other").replace("example", "example2")
    policy = POLICY_V1 % ("policy", "Gateway", "gw")
    limits = "  limits: {x: {rates: [{limit: 5, window: 10s}]}}"
    compilation = compile_text(f"{GATEWAY}{ROUTE}{other}{policy}{limits}")
    assert [limit.namespace for limit in compilation.limits] == ["my-app/other", "my-app/route"]
    assert len({limit.conditions for limit in compilation.limits}) == 1


@pytest.mark.row("G.6")
@pytest.mark.parametrize(
    ("expression", "variable"),
    [
        ("request.path", 'descriptors[0]["request.path"]'),
        ("  request.path\n", 'descriptors[0]["request.path"]'),
        ("request.headers['x-user']", "descriptors[0][\"request.headers['x-user']\"]"),
        # Kuadrant writes the quotes as they are, which is no CEL (row 43).
        ('request.headers["x-user"]', r'descriptors[0]["request.headers[\"x-user\"]"]'),
        (r"'a\\b'", r"""descriptors[0]["'a\\\\b'"]"""),
    ],
)
def test_a_counter_is_a_variable_by_its_text(compile_text: Compile, expression: str, variable: str) -> None:
    """Nothing in it is rewritten: what the data plane sends has the text as its key."""
    policy = POLICY_V1 % ("policy", "HTTPRoute", "route")
    limit = {"rates": [{"limit": 5, "window": "10s"}], "counters": [{"expression": expression}]}
    compilation = compile_text(f"{GATEWAY}{ROUTE}{policy}  limits: {json.dumps({'x': limit})}")
    assert [one.variables for one in compilation.limits] == [(variable,)]
    ((sent,),) = (limit.counters for limit in _rule(compilation).actions[0].limits)
    assert isinstance(sent, ExpressionCounter)
    assert variable == descriptor_entry(sent.expression)


TOYSTORE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toystore, namespace: default}
spec:
  parentRefs: [{name: istio-ingressgateway, namespace: istio-system}]
  hostnames: [api.toystore.com]
  rules:
  - matches: [{method: GET, path: {type: PathPrefix, value: /toys}}]
  - matches: [{method: POST, path: {type: Exact, value: /toys}}]
---
apiVersion: kuadrant.io/%s
kind: RateLimitPolicy
metadata: {name: toystore, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore%s}
  limits: {create-toy: {%s}}
"""
TOYSTORE_V1BETA2 = TOYSTORE % (
    "v1beta2",
    "",
    (
        "rates: [{limit: 5, duration: 10, unit: second}], routeSelectors: [{matches: [{method: POST, path: "
        "{type: Exact, value: /toys}}]}]"
    ),
)
TOYSTORE_V1 = TOYSTORE % ("v1", ", sectionName: rule-2", "rates: [{limit: 5, window: 10s}]")


@pytest.mark.row("G.7")
@pytest.mark.parametrize("text", [TOYSTORE_V1BETA2, TOYSTORE_V1], ids=["v1beta2", "v1"])
def test_the_limit_of_the_toystore_is_the_same_in_both_versions(compile_text: Compile, text: str) -> None:
    """As Kuadrant writes it from 1.2 on.

    What it wrote before for v1beta2, the condition ``limit.create_toy__fb82c51a == "1"`` and the policy's
    name, is what a Limitador of today does not take: it looks at ``descriptors``.
    """
    assert compile_text(text).limits == (
        Limit(
            namespace="default/toystore",
            max_value=5,
            seconds=10,
            conditions=('descriptors[0]["limit.create_toy__fb82c51a"] == "1"',),
            variables=(),
            name="create-toy",
        ),
    )


def test_a_v1_limit_whose_counters_are_shared_is_counted_once_for_all_routes(compile_text: Compile) -> None:
    other = ROUTE.replace("name: route", "name: other").replace("example", "example2")
    policy = (POLICY_V1 % ("policy", "Gateway", "gw")).replace(
        "namespace: my-app}", "namespace: my-app, annotations: {kuadrant.io/counters: shared}}"
    )
    limits = "  limits: {x: {rates: [{limit: 5, window: 10s}]}}"
    compilation = compile_text(f"{GATEWAY}{ROUTE}{other}{policy}{limits}")
    assert [limit.namespace for limit in compilation.limits] == ["my-app/policy"]
    for hostname in ("*.example.com", "*.example2.com"):
        assert [action.scope for action in _rule(compilation, hostname).actions] == ["my-app/policy"]


@pytest.mark.row(45)
def test_each_rate_of_each_limit_is_an_entry(compile_text: Compile) -> None:
    two = "rates: [{limit: 5, duration: 1, unit: second}, {limit: 50, duration: 1, unit: minute}]"
    compilation = compile_text(f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'p'}    a: {{{two}}}\n    b: {{{RATES}}}")
    assert [(limit.name, limit.max_value, limit.seconds) for limit in compilation.limits] == [
        ("a", 5, 1),
        ("a", 50, 60),
        ("b", 50, 1),
    ]
    assert compilation.limits[0].conditions == compilation.limits[1].conditions


def test_of_two_rates_with_one_window_the_stricter_one_holds(compile_text: Compile) -> None:
    two = "rates: [{limit: 50, duration: 60, unit: second}, {limit: 5, duration: 1, unit: minute}]"
    compilation = compile_text(f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'p'}    a: {{{two}}}")
    assert [limit.max_value for limit in compilation.limits] == [5]


def test_a_limit_that_holds_under_many_host_names_and_rules_is_an_entry_once(compile_text: Compile) -> None:
    route = ROUTE.replace("rules: [", "rules: [{matches: [{path: {value: /a}}, {path: {value: /b}}]}, ")
    compilation = compile_text(f"{GATEWAY}{route}{POLICY_V1BETA2 % 'p'}    a: {{{RATES}}}")
    assert len(compilation.limits) == 1


def test_a_limit_without_rates_asks_for_nothing(compile_text: Compile) -> None:
    compilation = compile_text(f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'p'}    a: {{}}")
    assert _rule(compilation).actions == ()
    assert compilation.limits == ()


@pytest.mark.row(33)
def test_a_window_of_no_length_that_only_an_api_server_lets_pass_never_means_unlimited(
    read_objects: Callable[[str], Objects],
) -> None:
    policy = POLICY_V1 % ("policy", "HTTPRoute", "route")
    text = f"{GATEWAY}{ROUTE}{policy}  limits: {{x: {{rates: [{{limit: 5, window: 10s}}]}}}}"
    objects = read_objects(text)
    document = msgspec.to_builtins(objects.rate_limit_policies[0])
    document["spec"]["limits"]["x"]["rates"][0]["window"] = "0s"
    (decoded,) = objects.rate_limit_policies
    broken = msgspec.convert(document, type(decoded))
    compilation = compile_gateways(msgspec.structs.replace(objects, rate_limit_policies=(broken,)))
    assert [(limit.max_value, limit.seconds) for limit in compilation.limits] == [(5, 1)]
    assert [problem.field for problem in compilation.problems] == ["spec.limits.x.rates[0]"]


# Actions


@pytest.mark.row(143)
@pytest.mark.row(127)
def test_limits_of_one_scope_from_several_policies_are_one_action(compile_text: Compile) -> None:
    gateway_policy = POLICY_V1 % ("gw", "Gateway", "gw")
    route_policy = POLICY_V1 % ("route", "HTTPRoute", "route")
    one = "{rates: [{limit: 5, window: 10s}]}"
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{gateway_policy}  defaults: {{strategy: merge, limits: {{a: {one}, b: {one}}}}}"
        f"{route_policy}  limits: {{b: {one}, c: {one}}}"
    )
    (action,) = _rule(compilation).actions
    assert action.scope == "my-app/route"
    assert [(limit.key.split("__")[0], limit.sources) for limit in action.limits] == [
        ("limit.a", ("my-app/gw",)),
        ("limit.b", ("my-app/route",)),
        ("limit.c", ("my-app/route",)),
    ]


@pytest.mark.row(130)
@pytest.mark.row(142)
def test_conditions_of_a_policy_stand_before_those_of_its_own_limits_and_of_no_others(
    compile_text: Compile,
) -> None:
    gateway_policy = POLICY_V1 % ("gw", "Gateway", "gw")
    route_policy = POLICY_V1 % ("route", "HTTPRoute", "route")
    rates = "rates: [{limit: 5, window: 10s}]"
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{gateway_policy}  defaults: {{strategy: merge, when: [{{predicate: request.size "
        f"> 1}}], "
        f"limits: {{a: {{{rates}, when: [{{predicate: request.size > 2}}]}}}}}}"
        f"{route_policy}  limits: {{b: {{{rates}}}}}"
    )
    a, b = _rule(compilation).actions[0].limits
    assert a.when == (ExpressionCondition("request.size > 1"), ExpressionCondition("request.size > 2"))
    assert b.when == ()


def test_limits_of_both_versions_are_counted_apart_in_an_action_each(compile_text: Compile) -> None:
    v1 = POLICY_V1 % ("gw", "Gateway", "gw")
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{v1}  overrides: {{strategy: merge, limits: {{a: {{rates: [{{limit: 5, window: "
        f"10s}}]}}}}}}"
        f"{POLICY_V1BETA2 % 'old'}    b: {{{RATES}}}"
    )
    assert [action.scope for action in _rule(compilation).actions] == ["my-app/old", "my-app/route"]


def test_a_counter_of_both_versions_whose_text_reads_two_values_is_asked_for_twice(
    compile_text: Compile,
) -> None:
    """The policy of ``v1beta2`` has the name of the route, and so its scope.

    One descriptor would count the client's spelling.
    """
    v1 = POLICY_V1 % ("gw", "Gateway", "gw")
    rates = "rates: [{limit: 2, window: 10s}]"
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{v1}  overrides: {{strategy: merge, limits: {{all: {{{rates}}}, a: {{{rates}, "
        f"counters: [{{expression: request.host}}]}}}}}}"
        f"{POLICY_V1BETA2 % 'route'}    b: {{rates: [{{limit: 1, duration: 10, unit: second}}], counters: "
        f"[request.host]}}"
    )
    (program,) = compilation.programs
    rule = _rule(compilation)
    assert [action.scope for action in rule.actions] == ["my-app/route", "my-app/route"]
    assert [
        [key.split("__")[0] for key in (limit.key for limit in action.limits)] for action in rule.actions
    ] == [
        ["limit.a", "limit.all"],
        ["limit.b"],
    ]

    first = decide(
        program, Request(authority="a.example.com", target="/toy"), Counters(compilation.limits), 0
    )
    assert first.outcome == "admitted"
    again = Request(authority="A.EXAMPLE.com:8080", target="/toy")
    assert decide(program, again, first.counters, 0).outcome == "limited"


def test_a_counter_of_both_versions_whose_text_reads_one_value_is_asked_for_once(
    compile_text: Compile,
) -> None:
    v1 = POLICY_V1 % ("gw", "Gateway", "gw")
    limit = "rates: [{limit: 2, window: 10s}], counters: [{expression: request.path}]"
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{v1}  overrides: {{strategy: merge, limits: {{a: {{{limit}}}}}}}"
        f"{POLICY_V1BETA2 % 'route'}    b: {{{RATES}, counters: [request.path]}}\n    c: {{{RATES}, "
        f"counters: [request.host]}}"
    )
    assert [len(action.limits) for action in _rule(compilation).actions] == [3]


@pytest.mark.row(131)
@pytest.mark.row(171)
def test_a_policy_that_cannot_be_carried_out_as_it_is_written_takes_no_part(compile_text: Compile) -> None:
    policy = POLICY_V1 % ("p", "HTTPRoute", "route")
    rates = "rates: [{limit: 5, window: 10s}]"
    gateway = f"{POLICY_V1 % ('gw', 'Gateway', 'gw')}  defaults: {{limits: {{default: {{{rates}}}}}}}"
    compilation = compile_text(
        f"{GATEWAY}{ROUTE}{gateway}{policy}  limits: {{bad: {{{rates}, when: [{{predicate: "
        f"auth.identity.admin}}]}}, "
        f"good: {{{rates}}}}}"
    )
    assert [limit.name for limit in compilation.limits] == ["default"]
    assert [limit.when for limit in _rule(compilation).actions[0].limits] == [()]
    (facts,) = (facts for facts in compilation.policies if facts.policy.name == "p")
    assert facts.acceptance.reason == "Invalid"
    place = "spec.limits.bad.when[0].predicate: line 1, column 14"
    assert f"{place}: there is no 'auth.identity.admin'" in facts.acceptance.message
    assert [problem.severity for problem in facts.problems] == ["error"]


# Rules and hosts


@pytest.mark.row(140)
def test_every_match_under_every_host_name_is_a_rule_with_its_own_name(compile_text: Compile) -> None:
    hosts = _hosts(compile_text(GATEWAY + ROUTE))
    rules = [rule for host in hosts.values() for rule in host.rules]
    assert [rule.match for rule in rules] == [TOY, TOY]
    assert len({rule.name for rule in rules}) == 2


def test_a_rule_without_policy_is_there_to_shield_its_requests(compile_text: Compile) -> None:
    rule = _rule(compile_text(GATEWAY + ROUTE))
    assert (rule.route, rule.actions) == ("my-app/route", ())


@pytest.mark.row(141)
def test_rules_are_tried_in_the_order_of_gateway_api(compile_text: Compile) -> None:
    route = ROUTE.replace(
        "[{path: {value: /toy}, method: GET}]",
        "[{path: {value: /toys}, method: GET}, {path: {value: /toys}, method: POST}]},"
        " {matches: [{path: {type: Exact, value: /assets}}]",
    )
    rules = _hosts(compile_text(GATEWAY + route))["*.example.com"].rules
    assert [(rule.match.path.value if rule.match.path else "", rule.match.method) for rule in rules] == [
        ("/assets", None),
        ("/toys", "GET"),
        ("/toys", "POST"),
    ]


@pytest.mark.row(157)
def test_a_wildcard_route_under_an_exact_listener_is_limited_there(compile_text: Compile) -> None:
    gateway = GATEWAY.replace("protocol: HTTP", "protocol: HTTP, hostname: api.example.com")
    compilation = compile_text(f"{gateway}{ROUTE}{POLICY_V1BETA2 % 'minimal'}    50rps: {{{RATES}}}")
    assert _keys(_rule(compilation, "api.example.com")) == ["limit.50rps__36e9aa4c"]
    assert list(_hosts(compilation)) == ["api.example.com"]


@pytest.mark.row(158)
@pytest.mark.parametrize("prefix", ["/toy", "/toy/"])
def test_a_prefix_ends_at_a_segment(compile_text: Compile, prefix: str) -> None:
    route = ROUTE.replace("value: /toy", f"value: {prefix}")
    none = "rates: [{limit: 0, duration: 1, unit: second}]"
    compilation = compile_text(f"{GATEWAY}{route}{POLICY_V1BETA2 % 'p'}    a: {{{none}}}")
    (program,) = compilation.programs
    for target, outcome in {
        "/toy": "limited",
        "/toy/": "limited",
        "/toy/1": "limited",
        "/toy?q": "limited",
        "/toystore": "no-route",
        "/toy;": "no-route",
    }.items():
        request = Request(authority="x.example.com", target=target)
        assert decide(program, request, Counters(compilation.limits), 0).outcome == outcome, target


@pytest.mark.row(159)
def test_text_of_a_match_is_text_and_nothing_else(compile_text: Compile) -> None:
    text = "a' || 'b' == \"b"
    path = "/a'+'b"
    route = ROUTE.replace("value: /toy", f"value: {json.dumps(path)}").replace(
        "method: GET", f"headers: [{{name: x, value: {json.dumps(text)}}}]"
    )
    compilation = compile_text(GATEWAY + route)
    assert _rule(compilation).match == RequestMatch(PathMatch(path), headers=(StringMatch("x", text),))
    (program,) = compilation.programs
    for headers, target, outcome in (
        ((("x", text),), path, "admitted"),
        ((("x", "b"),), path, "no-route"),
        ((("x", text),), "/a", "no-route"),
    ):
        request = Request(authority="x.example.com", target=target, headers=headers)
        assert decide(program, request, Counters(()), 0).outcome == outcome


def test_a_listener_with_the_host_name_of_another_one_serves_nothing_and_this_is_told(
    read_objects: Callable[[str], Objects],
) -> None:
    objects = read_objects(GATEWAY + ROUTE)
    (gateway,) = objects.gateways
    (listener,) = gateway.spec.listeners
    listeners = (
        listener,
        msgspec.structs.replace(listener, name="again"),
        msgspec.structs.replace(listener, name="tls", protocol="HTTPS", hostname="a.example.com"),
    )
    spec = msgspec.structs.replace(gateway.spec, listeners=listeners)
    compilation = compile_gateways(
        msgspec.structs.replace(objects, gateways=(msgspec.structs.replace(gateway, spec=spec),))
    )
    (program,) = compilation.programs
    assert [listener.names for listener in program.listeners] == [("http",)]
    assert [str(problem) for problem in compilation.problems] == [
        (
            "Gateway my-app/gw: spec.listeners[1]: host name * of port 80 already belongs to listener "
            '"http"; this listener '
            "serves nothing"
        ),
        (
            'Gateway my-app/gw: spec.listeners[2]: port 80 already speaks HTTP for listener "http"; this '
            "listener serves "
            "nothing"
        ),
    ]


def test_a_match_that_no_gateway_would_take_is_left_out_and_told(
    read_objects: Callable[[str], Objects],
) -> None:
    objects = read_objects(GATEWAY + ROUTE)
    document = msgspec.to_builtins(objects.http_routes[0])
    document["spec"]["rules"][0]["matches"] += ({"path": {"type": "RegularExpression", "value": "/["}},)
    route = msgspec.convert(document, type(objects.http_routes[0]))
    compilation = compile_gateways(msgspec.structs.replace(objects, http_routes=(route,)))
    assert _rule(compilation).match == TOY
    (problem,) = compilation.problems
    assert (problem.severity, problem.kind, problem.field) == (
        "error",
        "HTTPRoute",
        "spec.rules[0].matches[1]",
    )
    assert problem.message.startswith('"/[" is not a regular expression of RE2: ')


def test_a_match_that_gateways_take_is_not_left_out(read_objects: Callable[[str], Objects]) -> None:
    """Envoy takes a NUL in a regular expression: who may write routes would have no limits by it."""
    objects = read_objects(GATEWAY + ROUTE)
    document = msgspec.to_builtins(objects.http_routes[0])
    document["spec"]["rules"][0]["matches"] = ({"path": {"type": "RegularExpression", "value": "/.*\0?"}},)
    route = msgspec.convert(document, type(objects.http_routes[0]))
    compilation = compile_gateways(msgspec.structs.replace(objects, http_routes=(route,)))
    assert _rule(compilation).match.path == PathMatch("/.*\0?", "regex")
    assert compilation.problems == ()


@pytest.mark.parametrize("path", ["", "toys", "/a?b", "/a#b"])
def test_a_path_that_is_none_is_left_out_and_told(read_objects: Callable[[str], Objects], path: str) -> None:
    objects = read_objects(GATEWAY + ROUTE)
    document = msgspec.to_builtins(objects.http_routes[0])
    document["spec"]["rules"][0]["matches"] += ({"path": {"type": "Exact", "value": path}},)
    route = msgspec.convert(document, type(objects.http_routes[0]))
    compilation = compile_gateways(msgspec.structs.replace(objects, http_routes=(route,)))
    assert _rule(compilation).match == TOY
    assert [problem.field for problem in compilation.problems] == ["spec.rules[0].matches[1]"]


def test_a_rule_without_any_sound_match_asks_for_nothing(read_objects: Callable[[str], Objects]) -> None:
    objects = read_objects(f"{GATEWAY}{ROUTE}{POLICY_V1BETA2 % 'minimal'}    50rps: {{{RATES}}}")
    document = msgspec.to_builtins(objects.http_routes[0])
    document["spec"]["rules"][0]["matches"] = ({"path": {"type": "RegularExpression", "value": "/["}},)
    route = msgspec.convert(document, type(objects.http_routes[0]))
    compilation = compile_gateways(msgspec.structs.replace(objects, http_routes=(route,)))
    assert compilation.limits == ()
    assert compilation.policies[0].paths == 0


def test_a_policy_that_is_being_deleted_takes_no_part(compile_text: Compile) -> None:
    policy = (POLICY_V1BETA2 % "minimal").replace(
        "name: minimal", 'name: minimal, deletionTimestamp: "2024-06-12T08:00:00Z"'
    )
    compilation = compile_text(f"{GATEWAY}{ROUTE}{policy}    50rps: {{{RATES}}}")
    assert (compilation.limits, compilation.policies) == ((), ())
