"""The official dialects: a program in their words asks for every request what it asks by itself, or cannot be put into words.

The words are read here as the official shims read them, one reader for each of the three forms.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from cel_expr_python import cel
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.decide import Counters, Request, decide
from kuadrant.dialects import DIALECTS, OWN, InexpressibleError, Service
from kuadrant.policy.condition import (
    UNDECIDABLE,
    ExpressionCondition,
    ExpressionCounter,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.policy.model import Policy, PolicyLimit, Target

from . import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kuadrant.dialects import FailureMode

Json = dict[str, Any]

OFFICIAL = [name for name in DIALECTS if name not in OWN]
SERVICE = Service("kuadrant-ratelimit-service")

Asked = list[tuple[str, dict[str, str]]]
"""The calls of one request: the domain, and the entries of the one descriptor."""


# ---------------------------------------------------------------------- a request's attributes


def _headers(request: Request) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in request.headers:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _attributes(request: Request) -> dict[str, str]:
    return {
        "request.method": request.method,
        "request.url_path": request.path,
        "request.path": request.target,
        "request.query": request.query,
        "request.host": request.authority,
        **{f"request.headers.{name}": value for name, value in _headers(request).items()},
    }


def _glob(pattern: str, text: str) -> bool:
    parts = {"?": ".?", "*": ".*", "+": ".+"}
    return (
        re.fullmatch("".join(parts.get(one) or re.escape(one) for one in pattern), text, re.DOTALL)
        is not None
    )


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda text, value: text == value,
    "neq": lambda text, value: text != value,
    "startswith": lambda text, value: text.startswith(value),
    "endswith": lambda text, value: text.endswith(value),
    "matches": lambda text, value: _glob(value, text),
    "incl": lambda text, value: value in [one.strip() for one in text.split(",")],
    "excl": lambda text, value: value not in [one.strip() for one in text.split(",")],
}


# ---------------------------------------------------------------------- what a program asks


def _asked(hosts: Sequence[HostProgram], request: Request) -> Asked:
    """What ``decide`` asks where nobody is over a limit."""
    listener = ListenerProgram(("http",), 80, "HTTP", tuple(hosts))
    decision = decide(GatewayProgram("ns", "gw", (listener,), ()), request, Counters(()), 0)
    assert decision.outcome in {"admitted", "no-route"}
    return [(question.scope, dict(question.entries)) for question in decision.questions]


# ---------------------------------------------------------------------- the three forms, read


def _belonging(table: dict[str, Any], host: str) -> Any:
    """What belongs to the longest host name of ``host``."""
    names = [host, *(f"*.{host.split('.', count)[count]}" for count in range(1, host.count(".") + 1)), "*"]
    return next((table[name] for name in names if name in table), None)


def _row_holds(row: Json, attributes: dict[str, str], *, has_regex: bool) -> bool:
    def holds(pattern: Json) -> bool:
        text, value = attributes.get(pattern["selector"], ""), pattern["value"]
        if pattern["operator"] == "matches" and has_regex:
            return re.search(value, text) is not None
        return OPERATORS[pattern["operator"]](text, value)

    return all(map(holds, row["allOf"]))


def _rule_holds(rule: Json, attributes: dict[str, str], *, has_regex: bool) -> bool:
    rows = rule.get("conditions", [])
    return not rows or any(_row_holds(row, attributes, has_regex=has_regex) for row in rows)


def _descriptor(data: list[Json], attributes: dict[str, str]) -> dict[str, str] | None:
    entries: dict[str, str] = {}
    for item in data:
        if "static" in item:
            entries[item["static"]["key"]] = item["static"]["value"]
        else:
            selector = item["selector"]["selector"]
            if selector not in attributes:
                return None
            entries[selector] = attributes[selector]
    return entries


def _read_rate_limit_policies(configuration: Json, request: Request, *, has_regex: bool) -> Asked:
    by_name = {name: policy for policy in configuration["rateLimitPolicies"] for name in policy["hostnames"]}
    policy = _belonging(by_name, request.authority)
    attributes = _attributes(request)
    descriptors = [
        descriptor
        for rule in (policy["rules"] if policy else ())
        if _rule_holds(rule, attributes, has_regex=has_regex)
        and (descriptor := _descriptor(rule["data"], attributes)) is not None
    ]
    assert len(descriptors) <= 1, "a rate limit service looks at the first descriptor only"
    return [(policy["domain"], one) for one in descriptors]


def _read_policies(configuration: Json, request: Request) -> Asked:
    by_name = {name: policy for policy in configuration["policies"] for name in policy["hostnames"]}
    policy = _belonging(by_name, request.authority)
    attributes = _attributes(request)
    for rule in policy["rules"] if policy else ():
        if _rule_holds(rule, attributes, has_regex=True):
            assert len(rule["actions"]) <= 1
            return [
                (action["scope"], descriptor)
                for action in rule["actions"]
                if (descriptor := _descriptor(action["data"], attributes)) is not None
            ]
    return []


_ENVIRONMENT = cel.NewEnv(variables=dict.fromkeys(["request", "source", "destination"], cel.Type.DYN))


@functools.cache
def _compiled(text: str) -> cel.Expression:
    return _ENVIRONMENT.compile(text)


def _evaluated(text: str, request: Request) -> Any:
    attributes = {
        name.removeprefix("request."): value
        for name, value in _attributes(request).items()
        if not name.startswith("request.headers.")
    }
    result = _compiled(text).eval(data={"request": {**attributes, "headers": _headers(request)}})
    assert result.type() != cel.Type.ERROR, f"{text} fails: {result.value()}"
    return result.plain_value()


def _entries(data: list[Json], request: Request) -> dict[str, str]:
    return {item["expression"]["key"]: str(_evaluated(item["expression"]["value"], request)) for item in data}


def _read_action_sets(configuration: Json, request: Request, *, merges: bool) -> Asked:
    by_name: dict[str, list[Json]] = {}
    for one in configuration["actionSets"]:
        for name in one["routeRuleConditions"]["hostnames"]:
            by_name.setdefault(name, []).append(one)

    def all_hold(predicates: list[str]) -> bool:
        return all(_evaluated(text, request) is True for text in predicates)

    calls: Asked = []
    for one in _belonging(by_name, request.authority) or ():
        if not all_hold(one["routeRuleConditions"].get("predicates", [])):
            continue
        for action in one["actions"]:
            parts = action.get("conditionalData", [action])
            entries: dict[str, str] = {}
            for part in parts:
                if all_hold(part.get("predicates", [])):
                    entries |= _entries(part["data"], request)
            if merges and calls and calls[-1][0] == action["scope"]:
                calls[-1][1].update(entries)
            else:
                calls.append((action["scope"], entries))
        break
    return [call for call in calls if call[1]]


READERS: dict[str, Callable[[Json, Request], Asked]] = {
    "rate-limit-policies": lambda text, request: _read_rate_limit_policies(text, request, has_regex=False),
    "rate-limit-policies-v0.5": lambda text, request: _read_rate_limit_policies(
        text, request, has_regex=True
    ),
    "policies": _read_policies,
    "action-sets-v0.7": lambda text, request: _read_action_sets(text, request, merges=False),
    "action-sets-v0.8": lambda text, request: _read_action_sets(text, request, merges=True),
    "action-sets": lambda text, request: _read_action_sets(text, request, merges=True),
    "action-sets-conditional-data": lambda text, request: _read_action_sets(text, request, merges=False),
}


def test_every_dialect_has_a_reader() -> None:
    assert set(READERS) == set(OFFICIAL)


# ---------------------------------------------------------------------- programs

_values = st.sampled_from(["1", "2", "1,2", "12", ""])
_conditions = st.builds(
    SelectorCondition,
    st.sampled_from(["request.method", "request.headers.x-a", "request.url_path", "request.query"]),
    st.sampled_from([*OPERATORS]),
    st.sampled_from(["GET", "1", "", "/a", "p=1", "2", "?1*", "+", "/*"]),
)
_counters = st.sampled_from(
    [(), (), ("request.headers.x-a",), ("request.method",), ("request.headers.x-b",)]
).map(lambda selectors: tuple(map(SelectorCounter, selectors)))
_limits = st.builds(
    LimitAction,
    st.sampled_from(["limit.a__1", "limit.b__2", "limit.c__3"]),
    st.lists(_conditions, max_size=1).map(tuple),
    _counters,
    st.just(("ns/policy",)),
)
_actions = st.lists(
    st.builds(
        Action,
        st.sampled_from(["ns/x", "ns/x", "ns/x", "ns/y"]),
        st.lists(_limits, min_size=1, max_size=3, unique_by=lambda limit: limit.key).map(tuple),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda action: action.scope,
).map(tuple)
# Few host names and paths, so that requests meet rules and rules each other.
_hostnames = st.sampled_from(["*", "*.com", "a.com"])
_few_paths = st.sampled_from(["/", "/a", "/a/b"])
_plain_matches = st.builds(
    RequestMatch,
    path=st.none()
    | st.builds(PathMatch, _few_paths, st.sampled_from(["exact", "prefix"]))
    | st.just(PathMatch("/a.*", "regex")),
    method=st.sampled_from([None, "GET", "POST"]),
)
_requests = st.builds(
    Request,
    authority=st.sampled_from(["a.com", "b.com"]),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    target=st.builds(
        "".join, st.tuples(_few_paths | st.sampled_from(["/ab", "/a/"]), st.sampled_from(["", "?p=1"]))
    ),
    headers=st.sampled_from([(), (("x-a", "1"),), (("x-b", "2"), ("x-a", "1,2"))]),
)


@st.composite
def _programs(draw: st.DrawFn) -> tuple[HostProgram, ...]:
    # Few different actions, so that rules share them.
    pool = draw(st.lists(_actions, min_size=1, max_size=2))
    rules = st.builds(
        RuleProgram,
        st.just("rule"),
        st.just("ns/route"),
        _plain_matches | _plain_matches | _plain_matches | reference.matches,
        st.sampled_from([(), *pool, *pool]),
    )
    hosts = st.builds(HostProgram, _hostnames, st.lists(rules, min_size=1, max_size=4).map(tuple))
    return tuple(draw(st.lists(hosts, min_size=1, max_size=2, unique_by=lambda host: host.hostname)))


def _policy(hosts: Sequence[HostProgram]) -> Policy:
    """The policy that all limits of a program come from."""
    limits = {
        limit for host in hosts for rule in host.rules for action in rule.actions for limit in action.limits
    }
    return Policy(
        "ns",
        "policy",
        Target("HTTPRoute", "ns", "route"),
        limits=tuple(
            PolicyLimit(name=f"limit-{place}", when=limit.when, counters=limit.counters)
            for place, limit in enumerate(sorted(limits, key=repr))
        ),
    )


@pytest.mark.parametrize("name", OFFICIAL)
@settings(max_examples=100)
@given(hosts=_programs(), requests=st.lists(_requests, min_size=5, max_size=10))
def test_every_request_asks_what_the_program_asks_or_the_policy_is_not_expressible(
    name: str, hosts: tuple[HostProgram, ...], requests: list[Request]
) -> None:
    dialect = DIALECTS[name]
    try:
        configuration = json.loads(dialect.render(hosts, SERVICE))
    except InexpressibleError as error:
        event("not expressible")
        assert dialect.unsupported([_policy(hosts)], hosts, "deny"), error  # noqa: PT017  (not what it is about)
        return
    event("expressible")
    for request in requests:
        assert READERS[name](configuration, request) == _asked(hosts, request), request


@pytest.mark.parametrize("name", OFFICIAL)
@settings(max_examples=50)
@given(hosts=_programs())
def test_what_is_expressible_in_itself_is_rendered(name: str, hosts: tuple[HostProgram, ...]) -> None:
    if not DIALECTS[name].unsupported([_policy(hosts)], hosts, "deny"):
        DIALECTS[name].render(hosts, SERVICE)
        assert DIALECTS[name].render(hosts, SERVICE) == DIALECTS[name].render(hosts[::-1], SERVICE)


# ---------------------------------------------------------------------- what cannot be said


def _host(*rules: RuleProgram) -> HostProgram:
    return HostProgram("a.com", rules)


def _rule(match: RequestMatch, *keys: str) -> RuleProgram:
    limits = tuple(LimitAction(key, sources=(f"ns/{key}",)) for key in keys)
    return RuleProgram("rule", "ns/route", match, (Action("ns/route", limits),) if keys else ())


def _complaints(name: str, host: HostProgram) -> dict[str, str]:
    return {one.policy: one.reason for one in DIALECTS[name].unsupported((), (host,), "deny")}


EVERYTHING = RequestMatch(PathMatch("/"))
HEADER = RequestMatch(PathMatch("/"), headers=(StringMatch("x-a", "1"),))


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_header_that_decides_is_of_the_policy_whose_limits_it_decides(name: str) -> None:
    reason = "it cannot match the headers of route ns/route, host name a.com"
    assert _complaints(name, _host(_rule(HEADER, "a"), _rule(EVERYTHING, "b"))) == {"ns/a": reason}
    assert _complaints(name, _host(_rule(HEADER), _rule(EVERYTHING, "b"))) == {"ns/b": reason}
    assert _complaints(name, _host(_rule(HEADER, "a"))) == {"ns/a": reason}


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_header_that_decides_nothing_is_left_out(name: str) -> None:
    host = _host(_rule(HEADER, "a"), _rule(EVERYTHING, "a"))
    assert _complaints(name, host) == {}
    assert b"x-a" not in DIALECTS[name].render((host,), SERVICE)


@pytest.mark.parametrize(
    ("name", "is_expressible"), [(name, not name.startswith("rate-limit-policies")) for name in OFFICIAL]
)
def test_up_to_v05_a_prefix_cannot_be_left_out_of_another(name: str, is_expressible: bool) -> None:
    host = _host(_rule(RequestMatch(PathMatch("/free"))), _rule(EVERYTHING, "a"))
    assert _complaints(name, host) == (
        {}
        if is_expressible
        else {
            "ns/a": "all of its rules are tried, so prefix / cannot leave out what prefix /free is for, host name a.com"
        }
    )


@pytest.mark.parametrize(
    ("name", "is_expressible"),
    [(name, name in {"action-sets", "action-sets-conditional-data"}) for name in OFFICIAL],
)
def test_expressions_are_for_modules_that_survive_one_that_fails(name: str, is_expressible: bool) -> None:
    limit = PolicyLimit(
        name="a",
        when=(ExpressionCondition("request.method == 'GET'"),),
        counters=(ExpressionCounter("request.path"),),
    )
    policy = Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=(limit,))
    found = DIALECTS[name].unsupported((policy,), (), "deny")
    fields = ["spec.limits.a.counters[0].expression", "spec.limits.a.when[0].predicate"]
    assert [one.field for one in found] == ([] if is_expressible else fields)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("request.headers['x-user'] == 'a' && request.url_path.startsWith('/a')", None),
        ("!('x-user' in request.headers) || request.headers[\"x-user\"] != 'A'", None),
        ("request.method in ['GET', 'HEAD'] ? true : source.port > 1024", None),
        ("request.path.matches('^/a[0-9]+$')", None),
        ("request.headers['X-User'] == 'a'", "lower case"),
        ("'X-User' in request.headers", "lower case"),
        ("request.headers.foo == 'a'", "only by its name"),
        ("request.headers[request.method] == 'a'", "only by its name"),
        ("request.time < timestamp('2026-01-01T00:00:00Z')", "request.time"),
        ("connection.mtls", "connection"),
        ("metadata.a.b == 1", "metadata"),
        ("request.headers.exists(h, h == 'a')", "only by its name"),
        ("size(request.path) > 3", "size"),
        ("request.size % 2 == 0", "'%'"),
        ("source.port - 1 > 0", "calculate"),
        (r"request.path.matches('\\d')", "regular expressions"),
        ("request.path.matches(request.method)", "regular expressions"),
        ("request.path == r'a'", "does not know r"),
        ("request.path == 'a' // for a", "'/'"),
    ],
)
def test_expressions_that_its_own_evaluator_may_take_in_another_way(
    expression: str, reason: str | None
) -> None:
    limit = PolicyLimit(name="a", when=(ExpressionCondition(expression),))
    policy = Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=(limit,))
    found = DIALECTS["action-sets"].unsupported((policy,), (), "deny")
    assert [one.policy for one in found] == ([] if reason is None else ["ns/p"])
    assert reason is None or reason in found[0].reason


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize(
    "selector", ["request.host", "source.remote_address", "request.size", "auth.identity.x"]
)
def test_counters_that_it_would_count_in_another_way(name: str, selector: str) -> None:
    limit = PolicyLimit(name="a", counters=(SelectorCounter(selector),))
    policy = Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=(limit,))
    (found,) = DIALECTS[name].unsupported((policy,), (), "deny")
    assert selector in found.reason


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_rate_limit_service_without_a_cluster_cannot_be_named(name: str) -> None:
    with pytest.raises(InexpressibleError, match="by a cluster"):
        DIALECTS[name].render((), Service(google_grpc="dns:///limitador:8081"))


@pytest.mark.parametrize("name", ["action-sets", "action-sets-conditional-data"])
@pytest.mark.parametrize(
    ("expressions", "may_fail"),
    [
        (("request.headers['x-user'] == 'a'",), True),
        (("'x-user' in request.headers", "request.headers['x-user'] == 'a'"), False),
        (("'x-user' in request.headers && request.headers['x-user'] == 'a'",), False),
        (("'x-team' in request.headers", "request.headers['x-user'] == 'a'"), True),
        (("'x-user' in request.headers || true", "request.headers['x-user'] == 'a'"), True),
        (("request.method == 'GET'",), False),
        (("int(request.query) > 1",), True),
    ],
)
def test_with_failures_allowed_one_limit_must_not_take_the_others_with_it(
    name: str, expressions: tuple[str, ...], may_fail: bool
) -> None:
    """The module leaves out the whole call when a part of it fails."""
    conditions = tuple(map(ExpressionCondition, expressions))
    own = LimitAction("limit.own__1", conditions, sources=("ns/own",))
    others = LimitAction("limit.all__2", sources=("ns/all",))
    action = Action("ns/route", (own, others))
    rule = RuleProgram("rule", "ns/route", EVERYTHING, (action,))
    complaints = DIALECTS[name].unsupported((), (_host(rule),), "allow")
    assert [one.policy for one in complaints] == (["ns/own"] if may_fail else [])
    assert DIALECTS[name].unsupported((), (_host(rule),), "deny") == ()
    alone = RuleProgram("rule", "ns/route", EVERYTHING, (Action("ns/route", (own,)),))
    assert DIALECTS[name].unsupported((), (_host(alone),), "allow") == ()


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_a_limit_that_nobody_can_evaluate_is_not_half_said(name: str, mode: FailureMode) -> None:
    broken = LimitAction("limit.own__1", (UNDECIDABLE,), sources=("ns/own",))
    action = Action("ns/route", (broken, LimitAction("limit.all__2", sources=("ns/all",))))
    host = _host(RuleProgram("rule", "ns/route", EVERYTHING, (action,)))
    takes_it = name in {"action-sets", "action-sets-conditional-data"} and mode == "deny"
    found = DIALECTS[name].unsupported((), (host,), mode)
    assert (found == ()) is takes_it
    if takes_it:
        assert b"1 / 0 == 0" in DIALECTS[name].render((host,), SERVICE)
