"""After an edit of windows or counters a gateway meets the limit that it asks for, and no former one.

Issue I, 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kuadrant.api.limitador import Limit, union
from kuadrant.compiler import Compilation, LimitRevisions
from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.compiler.revision_keys import revisions
from kuadrant.policy.identifiers import limit_condition, limit_identifier
from kuadrant.policy.match import RequestMatch

if TYPE_CHECKING:
    from collections.abc import Iterable

SCOPE = "ns/route"
KEY = limit_identifier("ns/policy", "a")
OTHER = limit_identifier("ns/policy", "b")


def limit(seconds: int, *variables: str, key: str = KEY, maximum: int = 5) -> Limit:
    return Limit(
        namespace=SCOPE,
        max_value=maximum,
        seconds=seconds,
        conditions=(limit_condition(key),),
        variables=variables,
        name="a",
    )


def compiled(*limits: Limit, keys: Iterable[str] = (KEY,)) -> Compilation:
    action = Action(SCOPE, tuple(LimitAction(key) for key in keys))
    hosts = (HostProgram("a.example", (RuleProgram("rule", SCOPE, RequestMatch(), (action,)),)),)
    listeners = (ListenerProgram(("l",), 80, "HTTP", hosts),)
    return Compilation(programs=(GatewayProgram("ns", "gw", listeners, limits),), limits=limits)


def asked(compilation: Compilation) -> list[str]:
    return [
        one.key
        for program in compilation.programs
        for listener in program.listeners
        for host in listener.hosts
        for rule in host.rules
        for action in rule.actions
        for one in action.limits
    ]


def met(asked_keys: Iterable[str], held: Iterable[Limit]) -> list[Limit]:
    """Return the limits that a request of a gateway meets that asks for these keys."""
    conditions = set(map(limit_condition, asked_keys))
    return [one for one in held if conditions.issuperset(one.conditions)]


def test_a_limit_that_was_never_edited_has_kuadrants_key() -> None:
    wanted = compiled(limit(60))

    assert LimitRevisions()(wanted, ()) is wanted
    assert LimitRevisions()(wanted, (limit(60),)) is wanted
    assert LimitRevisions()(wanted, (limit(10, key=OTHER),)) is wanted


def test_another_maximum_is_the_same_limit_and_its_counters_go_on() -> None:
    wanted = compiled(limit(60, maximum=100))

    assert LimitRevisions()(wanted, (limit(60, maximum=1),)) is wanted


def test_one_more_rate_leaves_the_counters_of_the_others_as_they_are() -> None:
    wanted = compiled(limit(60), limit(3600))

    assert LimitRevisions()(wanted, (limit(60),)) is wanted


def test_another_window_is_another_limit() -> None:
    before, after = limit(120, maximum=1), limit(60, maximum=100)

    revised = LimitRevisions()(compiled(after), (before,))

    assert met(asked(revised), (before, *revised.limits)) == [*revised.limits]
    assert met([KEY], (before, *revised.limits)) == [before], "a gateway that has the former configuration"
    assert [replace(one, conditions=()) for one in revised.limits] == [replace(after, conditions=())]
    assert revised.programs[0].limits == revised.limits


def test_other_counters_and_a_rate_less_are_other_limits() -> None:
    for before, after in (((limit(60, "u"),), (limit(60),)), ((limit(60), limit(10)), (limit(60),))):
        revised = LimitRevisions()(compiled(*after), before)
        assert met(asked(revised), (*before, *revised.limits)) == [*revised.limits]


def test_a_revision_stays_when_the_former_limit_is_gone_and_after_a_restart() -> None:
    revise, wanted = LimitRevisions(), compiled(limit(60))
    revised = revise(wanted, (limit(120),))

    assert revise(wanted, (limit(120), *revised.limits)) is revised
    assert revise(wanted, revised.limits) is revised
    assert LimitRevisions()(wanted, revised.limits) == revised


def test_what_an_edit_does_not_touch_stays_the_same_instance() -> None:
    other = limit(60, key=OTHER)
    revise, wanted = LimitRevisions(), compiled(limit(60), other, keys=(KEY, OTHER))
    revised = revise(wanted, (limit(120), other))
    (program,), (again,) = revised.programs, revise(wanted, (*revised.limits, limit(7, key="x"))).programs

    assert asked(revised)[1] == OTHER
    assert revised.limits[1] is other
    assert again is program


def test_limits_that_are_nobodys_policy_are_not_looked_at() -> None:
    strange = (replace(limit(120), conditions=()), replace(limit(120), conditions=("true", "false")))

    assert revisions((limit(60),), strange) == {}


CONTENTS = st.frozensets(st.sampled_from([limit(60), limit(10), limit(60, "u")]), min_size=1)


@given(st.lists(CONTENTS, min_size=1, max_size=8), st.data())
def test_however_often_a_limit_is_edited_each_gateway_meets_what_it_was_told(
    edits: list[frozenset[Limit]], data: st.DataObject
) -> None:
    """Former limits stay for as long as anybody likes, and a restart in between changes nothing."""
    revise = LimitRevisions()
    held: tuple[Limit, ...] = ()
    told: list[str] = []
    for edit in edits:
        if data.draw(st.booleans(), label="restart"):
            revise = LimitRevisions()
        revised = revise(compiled(*sorted(edit, key=repr)), held)
        both = union(revised.limits, held)
        # It may meet a rate more that is wanted, never one that was not asked for and is not wanted.
        assert {*met(told, held)} <= {*met(told, both)}
        assert {*met(told, both)} - {*met(told, held)} <= {*revised.limits}
        told = asked(revised)
        assert met(told, both) == [*revised.limits]
        gone = data.draw(st.frozensets(st.sampled_from(both)), label="gone")
        held = tuple(one for one in both if one not in gone or one in revised.limits)


def test_another_algorithm_has_a_key_of_its_own_and_another_burst_has_not() -> None:
    fixed = limit(60)
    bucket = replace(fixed, algorithm="TokenBucket", burst=3)
    assert revisions([bucket], [fixed]).keys() == {(SCOPE, KEY)}
    assert revisions([fixed], [bucket]).keys() == {(SCOPE, KEY)}
    assert revisions([replace(bucket, burst=5)], [bucket]) == {}
    assert union((replace(bucket, burst=5),), (bucket,)) == (replace(bucket, burst=5),)


def test_another_mode_is_the_same_limit_and_its_counters_go_on() -> None:
    """Gateways are told nothing of it: for all of them it changes when the rate limit service has it."""
    enforced = limit(10, "user")
    for other in (replace(enforced, mode="Shadow"), replace(enforced, enforce_percent=10)):
        assert revisions([other], [enforced]) == revisions([enforced], [other]) == {}
        assert union((other,), (enforced,)) == (other,)
