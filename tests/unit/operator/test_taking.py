"""Policies are with a gateway that says nothing for some time before they count as taken."""

from __future__ import annotations

from kuadrant.operator.decision import Decider
from kuadrant.operator.taking import TAKES, Taking
from tests.unit.operator.test_decision import GATEWAY, WANTED, known, limitador, world

POLICIES = Decider().decide(world(limitador(WANTED)), known()).compilation.policies
(KEY,) = ((one.policy.namespace, one.policy.name) for one in POLICIES)
HERE = frozenset({"/".join(GATEWAY)})
NOWHERE = frozenset[str]()


def test_what_was_there_before_is_taken() -> None:
    taking = Taking()
    assert taking.of(POLICIES, NOWHERE, 0.0) == set()
    assert taking.due is None
    # Something is written for somebody else.
    assert taking.of(POLICIES, HERE, 1.0) == set()


def test_the_time_begins_when_it_is_written() -> None:
    taking = Taking()
    assert taking.of(POLICIES, HERE, 0.0) == {KEY}
    assert taking.due is None
    assert taking.of(POLICIES, HERE, 100.0) == {KEY}
    assert taking.of(POLICIES, NOWHERE, 200.0) == {KEY}
    assert taking.due == 200.0 + TAKES
    assert taking.of(POLICIES, HERE, 200.0 + TAKES) == set()


def test_it_begins_anew_with_an_edit() -> None:
    taking = Taking()
    taking.of(POLICIES, HERE, 0.0)
    taking.of(POLICIES, NOWHERE, 1.0)
    edited = Decider().decide(world(limitador(WANTED)), known()).compilation.policies

    assert taking.of(edited, HERE, 1.0 + TAKES) == {KEY}
    assert taking.due is None


def test_an_edit_that_changes_nothing_for_the_gateway_does_not_take_any() -> None:
    taking = Taking()
    taking.of(POLICIES, HERE, 0.0)
    edited = Decider().decide(world(limitador(WANTED)), known()).compilation.policies

    assert taking.of(edited, NOWHERE, 0.5) == set()


def test_of_a_policy_that_is_gone_nothing_is_kept() -> None:
    taking = Taking()
    taking.of(POLICIES, HERE, 0.0)
    taking.of(POLICIES, NOWHERE, 1.0)

    assert taking.of((), NOWHERE, 1.5) == set()
    assert taking.due is None
