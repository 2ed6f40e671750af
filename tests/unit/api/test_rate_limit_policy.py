"""What a RateLimitPolicy may say. The identifiers are rows of Kuadrant's behaviour, table T.1 and T.2."""

from __future__ import annotations

import textwrap

import pytest

from kuadrant.api.documents import Folder, read

GROUP = "Invalid targetRef.group. The only supported value is 'gateway.networking.k8s.io'"
KIND_V1BETA2 = "Invalid targetRef.kind. The only supported values are 'HTTPRoute' and 'Gateway'"
KIND_V1 = "Invalid targetRef.kind. The only supported values are 'HTTPRoute', 'GRPCRoute' and 'Gateway'"
IMPLICIT_EXPLICIT = "Implicit and explicit defaults are mutually exclusive"
OVERRIDES_EXPLICIT = "Overrides and explicit defaults are mutually exclusive"
OVERRIDES_IMPLICIT = "Overrides and implicit defaults are mutually exclusive"
OVERRIDES_ON_ROUTE = "Overrides are only allowed for policies targeting a Gateway resource"
SELECTORS_ON_GATEWAY = "route selectors not supported when targeting a Gateway"

RATES = {
    "v1beta2": "{rates: [{limit: 5, duration: 10, unit: second}]}",
    "v1": "{rates: [{limit: 5, window: 10s}]}",
}


def policy(
    version: str, spec: str, *, kind: str = "HTTPRoute", group: str = "gateway.networking.k8s.io"
) -> Folder:
    """Read a policy named toystore; LIMIT in ``spec`` stands for a sound limit of the version."""
    target = f"targetRef: {{group: {group}, kind: {kind}, name: toystore}}\n"
    body = textwrap.indent(target + textwrap.dedent(spec).replace("LIMIT", RATES[version]), "  ")
    text = (
        f"apiVersion: kuadrant.io/{version}\nkind: RateLimitPolicy\nmetadata: {{name: "
        f"toystore}}\nspec:\n{body}\n"
    )
    return read([("policy.yaml", text)])


def mistakes(folder: Folder) -> list[tuple[str, str]]:
    return [(problem.field, problem.message) for problem in folder.problems]


BOTH = pytest.mark.parametrize("version", ["v1beta2", "v1"])


@BOTH
@pytest.mark.parametrize("kind", [pytest.param("HTTPRoute", id="T1-1"), pytest.param("Gateway", id="T1-2")])
def test_routes_and_gateways_are_targets(version: str, kind: str) -> None:
    folder = policy(version, "limits: {a: LIMIT}", kind=kind)
    assert not folder.problems
    assert folder.objects.rate_limit_policies[0].spec.target_ref.kind == kind


def test_only_v1_targets_grpc_routes() -> None:
    assert not policy("v1", "limits: {a: LIMIT}", kind="GRPCRoute").problems
    assert mistakes(policy("v1beta2", "limits: {a: LIMIT}", kind="GRPCRoute")) == [
        ("spec.targetRef.kind", KIND_V1BETA2)
    ]


@BOTH
def test_t1_3_targets_of_another_group_are_refused(version: str) -> None:
    folder = policy(version, "limits: {a: LIMIT}", group="not-gateway.networking.k8s.io")
    assert mistakes(folder) == [("spec.targetRef.group", GROUP)]


@pytest.mark.parametrize(
    ("version", "message"),
    [pytest.param("v1beta2", KIND_V1BETA2, id="T1-4"), pytest.param("v1", KIND_V1, id="T1-5")],
)
def test_targets_of_another_kind_are_refused(version: str, message: str) -> None:
    assert mistakes(policy(version, "limits: {a: LIMIT}", kind="TCPRoute")) == [
        ("spec.targetRef.kind", message)
    ]


@BOTH
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param("limits: {a: LIMIT}", id="T1-6"),
        pytest.param("defaults: {limits: {a: LIMIT}}", id="T1-7"),
    ],
)
def test_implicit_and_explicit_defaults_are_admitted(version: str, spec: str) -> None:
    assert not policy(version, spec).problems


@BOTH
@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        pytest.param(
            "limits: {a: LIMIT}\ndefaults: {limits: {b: LIMIT}}",
            "spec.defaults",
            IMPLICIT_EXPLICIT,
            id="T1-8",
        ),
        pytest.param(
            "defaults: {limits: {a: LIMIT}}\noverrides: {limits: {b: LIMIT}}",
            "spec.overrides",
            OVERRIDES_EXPLICIT,
            id="T1-9",
        ),
        pytest.param(
            "limits: {a: LIMIT}\noverrides: {limits: {b: LIMIT}}",
            "spec.overrides",
            OVERRIDES_IMPLICIT,
            id="T1-10",
        ),
    ],
)
def test_only_one_block_may_be_given(version: str, spec: str, field: str, message: str) -> None:
    assert mistakes(policy(version, spec, kind="Gateway")) == [(field, message)]


def test_t1_11_v1beta2_overrides_are_for_gateways_only() -> None:
    assert mistakes(policy("v1beta2", "overrides: {limits: {a: LIMIT}}")) == [
        ("spec.overrides", OVERRIDES_ON_ROUTE)
    ]


def test_t1_12_v1_overrides_may_target_routes() -> None:
    assert not policy("v1", "overrides: {limits: {a: LIMIT}}").problems


@BOTH
def test_t1_13_overrides_may_target_gateways(version: str) -> None:
    assert not policy(version, "overrides: {limits: {a: LIMIT}}", kind="Gateway").problems


SELECTING = "{rates: [{limit: 5, duration: 10, unit: second}], routeSelectors: [{hostnames: [a.com]}]}"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param(f"limits: {{a: {SELECTING}}}", "spec.limits.a.routeSelectors", id="T1-14"),
        pytest.param(
            f"overrides: {{limits: {{a: {SELECTING}}}}}", "spec.overrides.limits.a.routeSelectors", id="T1-15"
        ),
        pytest.param(
            f"defaults: {{limits: {{a: {SELECTING}}}}}",
            "spec.defaults.limits.a.routeSelectors",
            id="T1-15-defaults",
        ),
    ],
)
def test_route_selectors_need_a_route_in_every_block(spec: str, field: str) -> None:
    assert mistakes(policy("v1beta2", spec, kind="Gateway")) == [(field, SELECTORS_ON_GATEWAY)]


@pytest.mark.parametrize(
    ("spec", "block"),
    [
        pytest.param("", "limits", id="T1-16"),
        pytest.param("limits: {}", "limits", id="T1-17"),
        pytest.param("defaults: {}", "defaults.limits", id="T1-18-absent"),
        pytest.param("defaults: {limits: {}}", "defaults.limits", id="T1-18-empty"),
        pytest.param("overrides: {}", "overrides.limits", id="T1-19-absent"),
        pytest.param("overrides: {limits: {}}", "overrides.limits", id="T1-19-empty"),
    ],
)
def test_v1_has_at_least_one_limit(spec: str, block: str) -> None:
    assert mistakes(policy("v1", spec)) == [(f"spec.{block}", f"At least one spec.{block} must be defined")]


def test_t1_20_v1beta2_has_at_most_14_limits() -> None:
    limits = ", ".join(f"limit-{n}: LIMIT" for n in range(15))
    assert mistakes(policy("v1beta2", f"limits: {{{limits}}}")) == [
        ("spec.limits", "has 15 entries, must have at most 14")
    ]
    assert not policy("v1", f"limits: {{{limits}}}").problems


def test_t1_21_route_selectors_and_their_matches_are_bounded() -> None:
    selectors = ", ".join(["{hostnames: [a.com]}"] * 16)
    matches = ", ".join("{method: GET}" for _ in range(9))
    folder = policy(
        "v1beta2",
        f"""
        limits:
          many-selectors: {{routeSelectors: [{selectors}]}}
          many-matches: {{routeSelectors: [{{matches: [{matches}]}}]}}
        """,
    )
    assert mistakes(folder) == [
        ("spec.limits.many-selectors.routeSelectors", "has 16 items, must have at most 15"),
        ("spec.limits.many-matches.routeSelectors[0].matches", "has 9 items, must have at most 8"),
    ]


def test_t1_22_units_and_operators_are_those_of_kuadrant() -> None:
    folder = policy(
        "v1beta2",
        """
        limits:
          create-toy:
            rates: [{limit: 5, duration: 1, unit: week}]
            when: [{selector: request.method, operator: gt, value: GET}]
        """,
    )
    assert mistakes(folder) == [
        ("spec.limits.create-toy.rates[0].unit", 'is "week", must be one of second, minute, hour, day'),
        (
            "spec.limits.create-toy.when[0].operator",
            'is "gt", must be one of eq, neq, startswith, endswith, incl, excl, matches',
        ),
    ]


@pytest.mark.parametrize(
    "window",
    [
        "1w",
        "1D",
        "d",
        '"10"',
        "1d1h1h1h1h",
        "100000d",
        "123456s",
        "s",
        '""',
        "1.5s",
        "-1s",
        '"10s\\n"',
        "\u0661s",
    ],
)
def test_t1_23_windows_are_durations_of_gateway_api_or_have_days(window: str) -> None:
    [(field, message)] = mistakes(policy("v1", f"limits: {{a: {{rates: [{{limit: 5, window: {window}}}]}}}}"))
    assert field == "spec.limits.a.rates[0].window"
    assert "must be a duration of one to four parts" in message


def test_t1_24_strategies_are_atomic_and_merge() -> None:
    folder = policy("v1", "defaults: {strategy: replace, limits: {a: LIMIT}}")
    assert mistakes(folder) == [("spec.defaults.strategy", 'is "replace", must be one of atomic, merge')]


def test_t1_24_the_strategy_is_atomic_by_default() -> None:
    spec = policy("v1", "defaults: {limits: {a: LIMIT}}").objects.rate_limit_policies[0].spec
    assert getattr(spec.defaults, "strategy", None) == "atomic"


def test_t1_25_predicates_and_expressions_are_not_empty() -> None:
    folder = policy(
        "v1",
        """
        when: [{predicate: ""}]
        limits:
          a: {when: [{predicate: ""}], counters: [{expression: ""}], rates: [{limit: 1, window: 1s}]}
        """,
    )
    assert mistakes(folder) == [
        ("spec.when[0].predicate", "is empty"),
        ("spec.limits.a.when[0].predicate", "is empty"),
        ("spec.limits.a.counters[0].expression", "is empty"),
    ]


def test_t1_26_a_selector_match_without_path_gets_the_path_of_the_api_server() -> None:
    folder = policy("v1beta2", "limits: {a: {routeSelectors: [{matches: [{method: POST}]}]}}")
    limit = (folder.objects.rate_limit_policies[0].spec.limits or {})["a"]
    [match] = limit.route_selectors[0].matches  # type: ignore[union-attr]
    assert (match.method, match.path.type, match.path.value) == ("POST", "PathPrefix", "/")


@BOTH
@pytest.mark.parametrize("limit", [-5, 0, 2**63 - 1])
def test_t2_29_any_number_of_requests_is_admitted(version: str, limit: int) -> None:
    assert not policy(version, "limits: {a: " + RATES[version].replace("5", str(limit)) + "}").problems


@pytest.mark.parametrize("duration", [-2, 0])
def test_t2_30_a_window_that_would_limit_nothing_is_refused(duration: int) -> None:
    folder = policy("v1beta2", f"limits: {{a: {{rates: [{{limit: 5, duration: {duration}, unit: day}}]}}}}")
    assert mistakes(folder) == [("spec.limits.a.rates[0].duration", f"is {duration}, must be at least 1")]


def test_a_duration_that_is_too_long_is_said_to_be_too_long() -> None:
    folder = policy("v1beta2", "limits: {a: {rates: [{limit: 5, duration: 100000000000, unit: day}]}}")
    assert mistakes(folder) == [
        ("spec.limits.a.rates[0].duration", "is 100000000000, must be at most 2147483647")
    ]


@BOTH
@pytest.mark.parametrize("limit", ["99999999999999999999", "18446744073709551617"])
def test_a_number_that_is_too_large_is_told_as_it_is_written(version: str, limit: str) -> None:
    folder = policy(version, "limits: {a: " + RATES[version].replace("5", limit) + "}")
    message = f"is {limit}, must be from -9223372036854775808 to 9223372036854775807"
    assert mistakes(folder) == [("spec.limits.a.rates[0].limit", message)]


@pytest.mark.parametrize("window", ["0s", "999ms", "0h0m", "1ms"])
def test_t2_34_a_window_below_a_second_is_refused(window: str) -> None:
    folder = policy("v1", f"limits: {{a: {{rates: [{{limit: 5, window: {window}}}]}}}}")
    message = f'is "{window}", must be at least 1s: requests are counted per whole second'
    assert mistakes(folder) == [("spec.limits.a.rates[0].window", message)]


def test_the_value_of_matches_is_a_glob() -> None:
    """As in the shim of that time (``?``, ``*``, ``+``), so any text will do."""
    assert not mistakes(
        policy("v1beta2", "limits: {a: {when: [{selector: a, operator: matches, value: '*.(x'}]}}")
    )


@pytest.mark.parametrize(
    ("limit", "field", "meant"),
    [
        ("{rate: []}", "rate", "rates"),
        ("{RouteSelectors: []}", "RouteSelectors", "routeSelectors"),
        ("{routeSelectors: [{mathes: []}]}", "routeSelectors[0].mathes", "matches"),
        ("{routeSelectors: [{matches: [{metod: GET}]}]}", "routeSelectors[0].matches[0].metod", "method"),
    ],
)
def test_a_misspelt_field_never_widens_a_limit(limit: str, field: str, meant: str) -> None:
    assert mistakes(policy("v1beta2", f"limits: {{a: {limit}}}")) == [
        (f"spec.limits.a.{field}", f'is not a field; did you mean "{meant}"?')
    ]


def test_fields_of_the_other_version_are_refused() -> None:
    folder = policy("v1", "limits: {a: {rates: [{limit: five, duration: 10, unit: second}]}}")
    assert [problem.field for problem in folder.problems] == [
        "spec.limits.a.rates[0].window",
        "spec.limits.a.rates[0].limit",
        "spec.limits.a.rates[0].duration",
        "spec.limits.a.rates[0].unit",
    ]
    folder = policy("v1beta2", "limits: {a: {counters: [{expression: a}]}}")
    told = "in v1beta2, a counter is a selector, such as `request.headers.x-user`"
    assert mistakes(folder) == [("spec.limits.a.counters[0]", f"is a mapping, must be text; {told}")]


def test_a_policy_in_the_form_of_the_other_version_is_told_once_with_the_version_that_it_is() -> None:
    old = "limits: {a: {rates: [{limit: 5, duration: 10, unit: second}], routeSelectors: [{hostnames: [a]}]}}"
    [(field, message)] = mistakes(policy("v1", old))
    assert field == "apiVersion"
    assert message == (
        'is "kuadrant.io/v1", and the rest is as kuadrant.io/v1beta2 has it: '
        "spec.limits.a.rates[0].duration, spec.limits.a.rates[0].unit, spec.limits.a.routeSelectors"
    )
    new = "limits: {a: {rates: [{limit: 5, window: 10s}], when: [{predicate: 'true'}]}}"
    (found,) = policy("v1beta2", new).problems
    assert (found.line, found.column, found.code) == (1, 13, "other-version")
    assert "as kuadrant.io/v1 has it: spec.limits.a.rates[0].window, spec" in found.message
    assert not policy("v1beta2", old).problems
    assert not policy("v1", new).problems


@pytest.mark.parametrize(
    ("version", "limit", "field", "hint"),
    [
        ("v1", "counters: [request.path]", "counters[0]", "a counter is `expression: "),
        ("v1", "routeSelectors: []", "routeSelectors", "in v1, a policy is for one rule by `targetRef"),
        ("v1", "when: [{selector: a, operator: eq, value: b}]", "when[0].selector", "a condition is `pred"),
        ("v1beta2", "when: [{predicate: a}]", "when[0].predicate", "in v1beta2, a condition is `selector:"),
    ],
)
def test_what_the_other_version_has_is_told_with_what_to_write(
    version: str, limit: str, field: str, hint: str
) -> None:
    found = dict(mistakes(policy(version, f"limits: {{a: {{{limit}}}}}\nsurely: no\n")))
    assert hint in found[f"spec.limits.a.{field}"]


def test_every_mistake_of_a_policy_is_told_at_once() -> None:
    folder = policy(
        "v1beta2",
        """
        limits:
          a:
            rates: [{limit: five, duration: 0, unit: week}]
          b: none
        overrides: {}
        """,
        kind="TCPRoute",
    )
    assert [problem.field for problem in folder.problems] == [
        "spec.targetRef.kind",
        "spec.limits.a.rates[0].limit",
        "spec.limits.a.rates[0].duration",
        "spec.limits.a.rates[0].unit",
        "spec.limits.b",
        "spec.overrides",
        "spec.overrides",
        "spec.overrides.limits",
    ]


V1BETA2_WINDOW = "10 seconds are `duration: 10` and `unit: second`"
V1_WINDOW = "10 seconds are `window: 10s`"


@pytest.mark.parametrize(
    ("version", "rate", "field", "hint"),
    [
        ("v1beta2", "{limit: 5, duration: 10s, unit: second}", "duration", V1BETA2_WINDOW),
        (
            "v1beta2",
            "{limit: five, window: 10s}",
            "window",
            f"it is of kuadrant.io/v1: in v1beta2, {V1BETA2_WINDOW}",
        ),
        ("v1", "{limit: 5, window: 10}", "window", V1_WINDOW),
        ("v1", "{limit: 5, duration: 10}", "duration", f"it is of kuadrant.io/v1beta2: in v1, {V1_WINDOW}"),
        ("v1", "{limit: 5, unit: second}", "unit", f"it is of kuadrant.io/v1beta2: in v1, {V1_WINDOW}"),
    ],
)
def test_the_window_of_the_other_version_is_told_with_the_one_that_is_meant(
    version: str, rate: str, field: str, hint: str
) -> None:
    found = dict(mistakes(policy(version, f"limits: {{a: {{rates: [{rate}]}}}}")))
    assert found[f"spec.limits.a.rates[0].{field}"].endswith(f"; {hint}")


def test_a_field_that_nobody_confuses_has_no_hint() -> None:
    found = dict(mistakes(policy("v1beta2", "limits: {a: {rates: [{limit: x, duration: 1, unit: second}]}}")))
    assert found == {"spec.limits.a.rates[0].limit": 'is "x", must be a whole number'}
