"""When a gateway is known to have what it is to have."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from msgspec.structs import replace

from kuadrant.api.limitador import Limit
from kuadrant.compiler.program import GatewayProgram
from kuadrant.gateways.provider import GatewayObjects
from kuadrant.operator.core.decision import GatewayDecision
from kuadrant.operator.core.times import FORGET_SECONDS, TAKE_SECONDS
from kuadrant.operator.core.version_arrivals import GatewayArrivals
from kuadrant.ratelimit.denial_term import LONGEST_SECONDS
from kuadrant.status import Content, FilterState, GatewayState, PodState
from tests.unit.operator.core.seen import seen

Seen = tuple[GatewayDecision, GatewayState]
PROGRAM = GatewayProgram("ns", "gw", (), ())


def objects(name: str) -> GatewayObjects:
    return GatewayObjects("ns", "gw", ({"kind": "WasmPlugin", "spec": name},))


def pulled(wanted: GatewayObjects, applied: GatewayObjects | None, **values: Any) -> Seen:
    return seen(values.pop("program", PROGRAM), wanted, applied, **values)


A, B, C = map(objects, "abc")


def there(wanted: GatewayObjects = A) -> GatewayArrivals:
    """A gateway that had its objects when it was first seen, a second ago."""
    arrivals = GatewayArrivals()
    arrivals.note(*pulled(wanted, wanted), -TAKE_SECONDS)
    return arrivals


def test_what_was_there_before_is_taken_a_moment_later() -> None:
    """Who wrote it, before us, may have written it just now."""
    arrivals = GatewayArrivals()
    arrivals.note(*pulled(A, A), 0.0)

    assert (arrivals.version, arrivals.taken(0.0)) == (1, 0)
    assert arrivals.next_taken_at(0.0) == TAKE_SECONDS
    assert arrivals.taken(TAKE_SECONDS) == 1
    assert arrivals.next_taken_at(TAKE_SECONDS) == inf


def test_what_was_taken_stays_taken_while_the_control_plane_is_down() -> None:
    arrivals = there()
    arrivals.note(*pulled(B, B), 1.0)
    arrivals.note(*pulled(B, B, works_since=None), 10.0)

    assert arrivals.taken(10.0) == 2


def test_what_is_in_place_is_taken_a_moment_later() -> None:
    arrivals = there()
    arrivals.note(*pulled(B, None), 10.0)
    assert (arrivals.version, arrivals.taken(100.0)) == (2, 1)

    arrivals.note(*pulled(B, B), 100.0)
    assert arrivals.taken(100.0) == 1
    assert arrivals.next_taken_at(100.0) == 100.0 + TAKE_SECONDS
    assert arrivals.taken(100.0 + TAKE_SECONDS) == 2


def test_an_edit_that_was_written_arrives_although_the_next_is_there_already() -> None:
    """Else nobody's edit would ever be enforced while somebody edits without end (issue F, 2)."""
    arrivals = there()
    arrivals.note(*pulled(B, None), 1.0)
    arrivals.note(*pulled(C, B), 1.1)

    assert arrivals.taken(1.1 + TAKE_SECONDS) == 2


def test_what_is_not_accepted_has_not_arrived() -> None:
    arrivals = there()
    arrivals.note(*pulled(B, B, accepted=False), 1.0)

    assert arrivals.taken(inf) == 1


def test_nothing_has_arrived_while_there_are_objects_that_are_not_wanted_any_more() -> None:
    arrivals = there()
    decision, state = pulled(B, B)
    arrivals.note(replace(decision, obsolete=({"kind": "WasmPlugin"},)), state, 1.0)
    assert arrivals.taken(inf) == 1

    arrivals.note(decision, state, 2.0)
    assert arrivals.taken(2.0 + TAKE_SECONDS) == 2


def test_nothing_arrives_while_the_control_plane_is_down() -> None:
    arrivals = there()
    arrivals.note(*pulled(B, B, works_since=None), 1.0)
    assert arrivals.settled(1000.0, 30.0) == 0
    assert arrivals.taken(1000.0) == 1
    assert arrivals.next_at(1000.0, 30.0) == inf

    arrivals.note(*pulled(B, B, works_since=1000.0), 1000.0)
    assert arrivals.settled(1000.0, 30.0) == 0
    assert arrivals.next_at(1000.0, 30.0) == 1030.0
    assert arrivals.settled(1030.0, 30.0) == 2


def test_an_edit_of_limits_alone_is_with_the_gateway_already() -> None:
    arrivals = there()
    arrivals.note(*pulled(A, A, program=GatewayProgram("ns", "gw", (), ())), 5.0)

    assert arrivals.version == arrivals.taken(5.0) == 2


def with_limit(most: int, **more: Any) -> GatewayProgram:
    limit = Limit(namespace="ns", max_value=most, seconds=60, conditions=("a",), **more)
    return GatewayProgram("ns", "gw", (), (limit,))


def bucket(most: int, burst: int) -> GatewayProgram:
    return with_limit(most, algorithm="TokenBucket", burst=burst)


@pytest.mark.parametrize(
    ("before", "after", "is_raised"),
    [
        (with_limit(5), with_limit(6), True),
        (with_limit(5), with_limit(4), False),
        (with_limit(5), with_limit(5, mode="Shadow"), True),
        (bucket(5, 2), bucket(4, 3), True),
        (bucket(5, 3), bucket(5, 2), False),
        # Another counter: it is asked for by another name, which goes to the gateway.
        (with_limit(5), with_limit(6, algorithm="SlidingWindow"), False),
        (with_limit(5), PROGRAM, False),
    ],
)
def test_a_limit_that_is_raised_is_met_when_gateways_have_forgotten_whom_they_denied(
    before: GatewayProgram, after: GatewayProgram, is_raised: bool
) -> None:
    arrivals = there()
    arrivals.note(*pulled(A, A, program=before), 5.0)
    arrivals.note(*pulled(A, A, program=after), 10.0)
    assert arrivals.taken(10.0) == (2 if is_raised else 3)
    assert arrivals.next_taken_at(10.0) == (10.0 + FORGET_SECONDS if is_raised else inf)
    assert arrivals.taken(10.0 + FORGET_SECONDS) == 3


NEW, OLD = Content("00", "new"), Content("00", "old")


def pushed(content: Content, *pods: PodState) -> Seen:
    program, wanted = GatewayProgram("ns", "gw", (), ()), objects(content.configuration)
    return seen(program, wanted, None, wanted={"filter": content}, pods=pods)


def runs(content: Content | None, *, ready: bool = True) -> PodState:
    return PodState(pod="ns/pod", ready=ready, deliveries=(FilterState(filter="filter", running=content),))


def test_what_is_pushed_arrives_when_every_ready_pod_has_said_so() -> None:
    arrivals = GatewayArrivals()
    arrivals.note(*pushed(OLD, runs(OLD)), 0.0)
    decision, state = pushed(NEW, runs(NEW), runs(OLD))
    arrivals.note(decision, state, 1.0)
    assert arrivals.taken(100.0) == 1

    arrivals.note(decision, replace(state, pods=(runs(NEW), runs(OLD, ready=False))), 2.0)
    assert arrivals.taken(2.0) == 2


def test_pods_that_have_what_is_pushed_forget_whom_they_denied_all_the_same() -> None:
    arrivals = GatewayArrivals()
    decision, state = pushed(NEW, runs(NEW))
    arrivals.note(replace(decision, program=with_limit(5)), state, 0.0)
    for most, now in ((6, 10.0), (7, 10.05), (8, 10.5)):
        arrivals.note(replace(decision, program=with_limit(most)), state, now)

    assert arrivals.taken(10.5) == 1
    assert arrivals.next_taken_at(10.5) == 10.0 + FORGET_SECONDS
    # Edits without end keep none of them back.
    assert arrivals.taken(10.0 + FORGET_SECONDS) == 2
    assert arrivals.taken(10.5 + FORGET_SECONDS) == arrivals.version == 4


def test_a_gateway_without_ready_pods_has_taken_nothing() -> None:
    arrivals = GatewayArrivals()
    arrivals.note(*pushed(NEW), 0.0)
    arrivals.note(*pushed(NEW, runs(NEW, ready=False)), 1.0)

    assert arrivals.taken(inf) == 0


def test_where_there_is_no_pod_nobody_asks_for_anything() -> None:
    arrivals = GatewayArrivals()
    arrivals.note(*pushed(NEW), 10.0)
    assert arrivals.settled(39.0, 30.0) == 0
    assert arrivals.next_at(39.0, 30.0) == 40.0
    assert arrivals.settled(40.0, 30.0) == arrivals.version
    assert arrivals.taken(40.0) == 0

    arrivals.note(*pushed(NEW, runs(None)), 50.0)
    assert arrivals.settled(100.0, 30.0) == 0


def test_a_pod_that_runs_a_later_version_has_the_former_ones() -> None:
    arrivals = GatewayArrivals()
    arrivals.note(*pushed(OLD), 0.0)
    arrivals.note(*pushed(NEW, runs(NEW)), 1.0)

    assert arrivals.taken(1.0) == 2


def test_what_is_remembered_of_many_edits_is_bounded() -> None:
    arrivals = there()
    for number in range(20_000):
        wanted = objects(str(number))
        arrivals.note(*pulled(wanted, wanted), number / 30)

    assert arrivals.taken(20_000 / 30 + TAKE_SECONDS) == arrivals.version == 20_001
    assert len(arrivals._times) < 15_000
    assert len(arrivals._on_the_way) == 0


def test_gateways_remember_no_longer_than_is_waited_for() -> None:
    assert FORGET_SECONDS >= LONGEST_SECONDS
    assert TAKE_SECONDS >= LONGEST_SECONDS
