"""What of a program a gateway is told while the rate limit service does not hold all of its limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kuadrant.api.limitador import Limit
from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.operator.core.held_limits import NOTHING, HeldLimits
from kuadrant.operator.core.staged_program import Staged, Staging
from kuadrant.policy.identifiers import limit_condition
from kuadrant.policy.match import PathMatch, RequestMatch

SCOPE = "default/route"
Rules = dict[str, tuple[str, ...]]
"""The limits that each path asks for, written ``policy.limit`` or ``policy.limit.seconds``."""


def limits_of(rules: Rules) -> tuple[Limit, ...]:
    return tuple(limit(one) for asked in rules.values() for one in dict.fromkeys(asked))


def limit(name: str) -> Limit:
    policy, key, *seconds = name.split(".")
    condition = limit_condition(f"{policy}.{key}")
    return Limit(namespace=SCOPE, max_value=1, seconds=int((*seconds, "10")[0]), conditions=(condition,))


def program(rules: Rules) -> GatewayProgram:
    def action(asked: tuple[str, ...]) -> tuple[Action, ...]:
        parts = (one.split(".") for one in sorted(asked))
        limits = {
            f"{policy}.{key}": LimitAction(f"{policy}.{key}", sources=(policy,)) for policy, key, *_ in parts
        }
        return (Action(SCOPE, tuple(limits.values())),) if limits else ()

    host = HostProgram(
        "a.example",
        tuple(
            RuleProgram(path, SCOPE, RequestMatch(PathMatch(path)), action(asked))
            for path, asked in rules.items()
        ),
    )
    listener = ListenerProgram(("http",), 80, "HTTP", (host,))
    return GatewayProgram("ns", "gw", (listener,), limits_of(rules))


def holding(*names: str) -> HeldLimits:
    limits = frozenset(map(limit, names))
    return HeldLimits(limits, frozenset(one.identity for one in limits))


def asked(of: GatewayProgram) -> Rules:
    return {
        rule.name: tuple(one.key for action in rule.actions for one in action.limits)
        for listener in of.listeners
        for host in listener.hosts
        for rule in host.rules
    }


def staging(rules: Rules) -> Staging:
    """One for a gateway that has these rules."""
    one = Staging()
    one.stage(program(rules), holding(*(name for names in rules.values() for name in names)), is_told=True)
    return one


def test_with_every_limit_held_the_program_is_the_wanted_one() -> None:
    wanted = program({"/a": ("p.x",)})

    staged = Staging().stage(wanted, holding("p.x"), is_told=False)

    assert staged.program is wanted
    assert (staged.held, staged.waiting, staged.unheld) == (True, frozenset(), frozenset())


def test_a_gateway_that_was_told_nothing_is_told_nothing_before_a_limit_is_held() -> None:
    staged = Staging().stage(program({"/a": ("p.x",)}), NOTHING, is_told=False)

    assert not staged.held
    assert staged.unheld == frozenset({"p"})


def test_a_limit_that_is_not_held_keeps_no_other_policy_back() -> None:
    one = staging({"/a": ("victim.old",), "/b": ("hostile.l1",)})

    staged = one.stage(
        program({"/a": ("victim.new",), "/b": ("hostile.l2",)}),
        holding("victim.new", "hostile.l1"),
        is_told=True,
    )

    assert asked(staged.program) == {"/a": ("victim.new",), "/b": ("hostile.l1",)}
    assert staged.held
    assert staged.waiting == frozenset({"hostile"})
    assert {*staged.program.limits} == {limit("victim.new"), limit("hostile.l1")}


def test_a_rule_with_limits_of_several_policies_takes_those_that_are_held() -> None:
    one = staging({"/a": ("owner.old", "tenant.l1")})

    staged = one.stage(
        program({"/a": ("owner.new", "tenant.l2")}),
        holding("owner.new", "owner.old", "tenant.l1"),
        is_told=True,
    )

    assert asked(staged.program) == {"/a": ("owner.new", "tenant.l1")}
    assert staged.waiting == frozenset({"tenant"})


def test_a_window_that_is_not_held_leaves_the_former_one() -> None:
    one = staging({"/a": ("p.x.10",)})

    staged = one.stage(program({"/a": ("p.x.20",)}), holding("p.x.10"), is_told=True)

    assert asked(staged.program) == {"/a": ("p.x",)}
    assert staged.program.limits == (limit("p.x.10"),)


def test_a_new_rule_stays_away_until_its_limits_are_held() -> None:
    """Its requests meet what they met before; a question for its limits would be an error."""
    one = staging({"/a": ("p.x",)})

    staged = one.stage(program({"/a": ("p.x",), "/b": ("q.y",)}), holding("p.x"), is_told=True)

    assert asked(staged.program) == {"/a": ("p.x",)}


@pytest.mark.parametrize(
    ("before", "after", "held", "told"),
    [
        pytest.param(
            {"/": ("p.old",)},
            {"/a": ("p.new",), "/b": ("p.new",)},
            ["p.old"],
            {"/a": ("p.old",), "/b": ("p.old",)},
            id="split",
        ),
        pytest.param({"/": ("p.old",)}, {"/a": ("p.new",)}, ["p.old"], {"/a": ("p.old",)}, id="narrowed"),
        pytest.param(
            {"/": ("p.old", "owner.x")},
            {"/a": ("p.new", "owner.x")},
            ["p.old", "owner.x"],
            {"/a": ("owner.x", "p.old")},
            id="beside a limit that is held",
        ),
        pytest.param(
            {"/": ("p.old",)},
            {"/a": ("p.new",), "/": ()},
            ["p.old"],
            {"/a": ("p.old",), "/": ()},
            id="in front of what is open",
        ),
    ],
)
def test_a_match_that_is_edited_together_with_its_limit_keeps_the_former_limit(
    before: Rules, after: Rules, held: list[str], told: Rules
) -> None:
    staged = staging(before).stage(program(after), holding(*held), is_told=True)

    assert asked(staged.program) == told
    assert {limit("p.old")} <= {*staged.program.limits}


@pytest.mark.parametrize("elsewhere", [{"hostname": "*.example"}, {"port": 8080}])
def test_so_does_one_whose_host_name_or_port_is_edited(elsewhere: dict[str, Any]) -> None:
    moved = program({"/": ("p.new",)})
    (listener,) = moved.listeners
    (host,) = listener.hosts
    if "hostname" in elsewhere:
        listener = replace(listener, hosts=(replace(host, **elsewhere),))
    else:
        listener = replace(listener, **elsewhere)

    staged = staging({"/": ("p.old",)}).stage(
        replace(moved, listeners=(listener,)), holding("p.old"), is_told=True
    )

    assert asked(staged.program) == {"/": ("p.old",)}


def test_a_route_that_takes_the_place_of_another_keeps_the_limit_of_who_owns_the_gateway() -> None:
    """His limit is another one for each route.

    A tenant must not be without it for having made a new route.
    """
    one = staging({"/": ("owner.x",)})
    wanted = program({"/a": ("owner.y",)})
    (listener,) = wanted.listeners
    (host,) = listener.hosts
    rules = tuple(replace(rule, route="default/another") for rule in host.rules)
    wanted = replace(wanted, listeners=(replace(listener, hosts=(replace(host, rules=rules),)),))

    staged = one.stage(wanted, holding("owner.x"), is_told=True)

    assert asked(staged.program) == {"/a": ("owner.x",)}


def test_what_is_no_longer_limited_is_told_at_once() -> None:
    """Also while the rate limit service holds nothing: to remove a policy is the way out then."""
    one = staging({"/a": ("p.x",), "/b": ("q.y",)})

    staged = one.stage(program({"/a": (), "/b": ("q.y",)}), NOTHING, is_told=True)

    assert asked(staged.program) == {"/a": (), "/b": ("q.y",)}


def test_after_a_restart_the_first_program_comes_first_whatever_is_edited_meanwhile() -> None:
    """What the gateway asks for is not known, so nothing of it can be kept.

    Who edits without end must not keep it from coming.
    """
    one = Staging()
    first = program({"/a": ("victim.x",), "/b": ("hostile.l1",)})
    assert not one.stage(first, holding("victim.x"), is_told=True).held

    again = one.stage(
        program({"/a": ("victim.x",), "/b": ("hostile.l2",)}), holding("victim.x", "hostile.l1"), is_told=True
    )
    assert again.held
    assert asked(again.program) == {"/a": ("victim.x",), "/b": ("hostile.l1",)}
    assert again.waiting == frozenset({"hostile"})


def test_after_a_restart_the_first_program_is_not_waited_for_when_all_that_is_wanted_is_held() -> None:
    """What the first one asks for may never be held: its policy may be another by now."""
    one = Staging()
    one.stage(program({"/a": ("p.first",)}), NOTHING, is_told=True)
    wanted = program({"/a": ("p.second",)})

    assert one.stage(wanted, holding("p.second"), is_told=True) == Staged(wanted, held=True)


def test_what_is_equal_stays_the_same_instance() -> None:
    one = staging({"/a": ("p.x",)})
    wanted, held = program({"/a": ("p.new",)}), holding("p.x")

    assert one.stage(wanted, held, is_told=True).program is one.stage(wanted, held, is_told=True).program


NAMES = st.sampled_from(
    [f"{policy}.{key}.{seconds}" for policy in "pq" for key in "xy" for seconds in (1, 2)]
)
RULES = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c"]), st.lists(NAMES, max_size=4, unique=True).map(tuple)
)
STEPS = st.lists(st.tuples(RULES, st.frozensets(NAMES)), min_size=1, max_size=6)


@given(RULES, STEPS)
def test_nothing_is_ever_asked_for_that_is_not_held_or_was_not_asked_for_before(
    first: Rules, steps: list[tuple[Rules, frozenset[str]]]
) -> None:
    one, before = staging(first), program(first)
    for rules, names in steps:
        held = holding(*names)
        wanted = program(rules)
        staged = one.stage(wanted, held, is_told=True).program
        known = held.identities | {limit.identity for limit in before.limits}
        assert {limit.identity for limit in staged.limits} <= known
        for path, of_rule in asked(staged).items():
            conditions = {limit_condition(key) for key in of_rule}
            # Everything that it asks for is among the limits that have to stay.
            assert conditions <= {text for limit in staged.limits for text in limit.conditions}
            # What was limited before and is to be limited is limited.
            if asked(wanted)[path] and asked(before).get(path):
                assert of_rule
        before = staged


@given(RULES, STEPS)
def test_once_everything_is_held_the_gateway_is_told_what_is_wanted(
    first: Rules, steps: list[tuple[Rules, frozenset[str]]]
) -> None:
    one = staging(first)
    for rules, names in steps:
        one.stage(program(rules), holding(*names), is_told=True)
    rules = steps[-1][0]

    staged = one.stage(
        program(rules), holding(*(name for names in rules.values() for name in names)), is_told=True
    )

    assert staged.program == program(rules)
    assert staged.waiting == staged.unheld == frozenset()
