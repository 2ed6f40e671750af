"""Headers that an expression needs, and that nothing asks for first, are told."""

from __future__ import annotations

import pytest

from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter, SelectorCounter
from kuadrant.policy.header_guards import unguarded
from kuadrant.policy.model import Policy, PolicyLimit, Rate, Target
from kuadrant.policy.policy_check import check

USER = "request.headers['x-user']"


def warned(
    *, policy: tuple[str, ...] = (), limit: tuple[str, ...] = (), counters: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    """The field of each warning, and what it tells to do."""
    one = PolicyLimit(
        "a", (Rate(5, 10),), tuple(map(ExpressionCondition, limit)), tuple(map(ExpressionCounter, counters))
    )
    of = Policy(
        "ns",
        "p",
        Target("HTTPRoute", "ns", "route"),
        limits=(one,),
        when=tuple(map(ExpressionCondition, policy)),
    )
    found = [*unguarded(of)]
    assert {problem.severity for problem in found} <= {"warning"}
    assert check(of).refusal == ""
    return [(one.field, one.message.partition("; with ")[2].partition(" as a predicate")[0]) for one in found]


@pytest.mark.parametrize("counter", [USER, "request.headers.user + 'a'", "size(request.headers['X-User'])"])
def test_a_counter_on_a_header_is_told_with_its_guard(counter: str) -> None:
    [(field, guard)] = warned(counters=(counter,))
    assert field == "spec.limits.a.counters[0].expression"
    assert guard.lower().endswith("user' in request.headers")
    assert warned(limit=(guard,), counters=(counter,)) == []


def test_the_words_say_what_becomes_of_requests() -> None:
    one = PolicyLimit("a", (Rate(5, 10),), counters=(ExpressionCounter(USER),))
    [problem] = unguarded(Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=(one,)))
    assert problem.message == (
        "it fails for each request without the header x-user, which is answered with 500 unless the failure "
        "mode is allow; with 'x-user' in request.headers as a predicate before it, such requests are not "
        "limited"
    )


def test_what_fails_in_shadow_is_no_500_unless_another_limit_has_it_too() -> None:
    watched = PolicyLimit("a", (Rate(5, 10),), mode="Shadow")
    enforced = PolicyLimit("b", (Rate(5, 10),))
    when = (ExpressionCondition(f"{USER} == 'a'"),)

    def told(*limits: PolicyLimit) -> str:
        policy = Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=limits, when=when)
        [problem] = unguarded(policy)
        return problem.message.partition(";")[0]

    assert told(watched) == (
        "it fails for each request without the header x-user, which the limit, in shadow, leaves out"
    )
    assert told(watched, enforced).endswith("which is answered with 500 unless the failure mode is allow")


@pytest.mark.parametrize(
    ("policy", "limit", "counters"),
    [
        pytest.param(("'x-user' in request.headers",), (), (USER,), id="of the policy"),
        pytest.param((), ("'X-User' in request.headers",), (USER,), id="of the limit, in another case"),
        pytest.param((), ("has(request.headers.user)",), ("request.headers.user",), id="has"),
        pytest.param((), (), ("'x-user' in request.headers ? request.headers['x-user'] : ''",), id="itself"),
        pytest.param((), ("'x-user' in request.headers && request.headers['x-user'] != ''",), (), id="and"),
        pytest.param((), (), ("request.headers[':path']",), id="what every request has"),
        pytest.param((), ("request.headers.exists(name, request.headers[name] == 'a')",), (), id="any name"),
        pytest.param((), (), ("request.path",), id="no header"),
    ],
)
def test_what_is_guarded_is_not_told(
    policy: tuple[str, ...], limit: tuple[str, ...], counters: tuple[str, ...]
) -> None:
    assert warned(policy=policy, limit=limit, counters=counters) == []


def test_a_condition_makes_up_for_another_in_whatever_order_they_are() -> None:
    late = (f"{USER} != 'admin'", "'x-user' in request.headers")
    assert warned(limit=late, counters=(USER,)) == []
    assert warned(policy=late[:1], limit=late[1:]) == []


def test_each_header_is_told_once() -> None:
    twice = (f"{USER} != 'admin'", f"{USER} != 'nobody'")
    assert [field for field, _ in warned(limit=twice, counters=(USER,))] == [
        "spec.limits.a.when[0].predicate"
    ]
    assert [field for field, _ in warned(policy=twice)] == ["spec.when[0].predicate"]


def test_several_headers_have_one_guard() -> None:
    [(_, guard)] = warned(counters=("request.headers.b + request.headers.a",))
    assert guard == "'a' in request.headers && 'b' in request.headers"


def test_a_counter_of_v1beta2_does_not_fail() -> None:
    one = PolicyLimit("a", (Rate(5, 10),), counters=(SelectorCounter("request.headers.x-user"),))
    of = Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=(one,))
    assert (check(of).problems, [*unguarded(of)]) == ((), [])


CLAIM = "metadata.filter_metadata['envoy.filters.http.jwt_authn'].payload.sub"


def test_what_other_filters_may_not_have_said_is_told_once_with_all_that_asks_for_it() -> None:
    [(field, guard)] = warned(counters=(CLAIM,))
    assert field == "spec.limits.a.counters[0].expression"
    assert guard == (
        "'envoy.filters.http.jwt_authn' in metadata.filter_metadata && 'payload' in "
        "metadata.filter_metadata['envoy.filters.http.jwt_authn'] && 'sub' in "
        "metadata.filter_metadata['envoy.filters.http.jwt_authn']['payload']"
    )
    assert warned(limit=(guard,), counters=(CLAIM,)) == []


@pytest.mark.parametrize(
    "predicate",
    [
        "filter_state['a'] == 'b'",
        "xds.route_metadata.filter_metadata['a'].b == 'c'",
        "metadata.filter_metadata.a.b == 'c'",
    ],
)
def test_so_is_each_other_map_of_the_gateway(predicate: str) -> None:
    [(_, guard)] = warned(limit=(predicate,))
    assert warned(limit=(guard, predicate)) == []


@pytest.mark.parametrize("predicate", ["xds.route_name == 'a'", "xds.node.id == 'a'", "plugin_name == 'a'"])
def test_what_gateways_always_have_is_not_told(predicate: str) -> None:
    assert warned(limit=(predicate,)) == []


def test_a_chain_of_an_identity_can_be_written_otherwise() -> None:
    one = PolicyLimit("a", (Rate(5, 10),), counters=(ExpressionCounter("auth.identity.address.town"),))
    [problem] = unguarded(Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=(one,)))
    assert "Write auth.identity[?'address'][?'town'].orValue('') in its place" in problem.fix
