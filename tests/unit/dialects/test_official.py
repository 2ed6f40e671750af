"""A program in the words of an official dialect asks for every request what it asks by itself.

Or it cannot be put into words.

The words are read here as the official shims read them, one reader for each of the three forms.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kuadrant.api.limit_keys import AGAIN_KEY
from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.dialects import DIALECTS, OWN, InexpressibleError, Service
from kuadrant.policy.condition import (
    ExpressionCondition,
    ExpressionCounter,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.policy.model import Policy, PolicyLimit, Target
from kuadrant.reference_model import Counters, Request, decide

from . import reference
from .official_readers import OPERATORS, READERS, Asked

if TYPE_CHECKING:
    from collections.abc import Sequence


OFFICIAL = [name for name in DIALECTS if name not in OWN]
SERVICE = Service("kuadrant-ratelimit-service")


def _asked(hosts: Sequence[HostProgram], request: Request) -> Asked:
    """What ``decide`` asks where nobody is over a limit, but for what only our own module asks besides."""
    listener = ListenerProgram(("http",), 80, "HTTP", tuple(hosts))
    decision = decide(GatewayProgram("ns", "gw", (listener,), ()), request, Counters(()), 0)
    assert decision.outcome in {"admitted", "no-route"}
    return [
        (question.scope, {key: value for key, value in question.entries if key != AGAIN_KEY})
        for question in decision.questions
    ]


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
    [
        (),
        (),
        ("request.headers.x-a",),
        ("request.method",),
        ("request.headers.x-b",),
        ("request.query",),
    ]
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


@pytest.mark.slow
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
        for reader in READERS[name]:
            assert reader(configuration, request) == _asked(hosts, request), request


@pytest.mark.slow
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
            "ns/a": (
                "all of its rules are tried, so prefix / cannot leave out what prefix /free is for, host "
                "name a.com"
            )
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
        ("has(request.headers.foo) && string(source.port) + '/' == '80/'", None),
        ("request.path.matches('^/a[0-9]+$')", None),
        ("'X-User' in request.headers || request.headers.foo == 'a'", None),
        ("request.path == r'a' // for a", None),
        ("request.headers[request.method] == 'a'", "only by its name"),
        ("request.method in request.headers", "only by its name"),
        ("request.headers.exists(h, h == 'a')", "only by its name"),
        ("request.headers == request.headers", "only by its name"),
        ("request.time < timestamp('2026-01-01T00:00:00Z')", "request.time"),
        ("connection.mtls", "connection"),
        ("metadata.a.b == 1", "metadata"),
        ("has(request.referer)", "function has"),
        ("size(request.path) > 3", "size"),
        ("source.port % 2 == 0", "calculate"),
        ("source.port - 1 > 0", "calculate"),
        ("source.port + 1 > 0", "calculate"),
        ("source.port > 9223372036854775807 || source.port == -9223372036854775808", "constant"),
        ("request.path == 'a' && 1.5 > 0.5", "constant"),
        ("(request.path == 'a') < true", "compare in another way"),
        ("['a', 'b'][0] == request.path", "a place of a list"),
        (r"request.path.matches('\\d')", "regular expressions"),
        ("request.path.matches(request.method)", "regular expressions"),
        ("source.remote_address == '10.0.0.7'", "does not read source.remote_address"),
        ("request.path == 'a' ? request.method == 'GET' : true", "does not find request.method"),
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
