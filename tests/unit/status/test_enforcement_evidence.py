"""A policy may be called enforced at a gateway that has all it asks for, and goes on having it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kuadrant.api import documents
from kuadrant.compiler import PolicyFacts, compile_gateways
from kuadrant.status import AskedSince, Behind, EnforcementEvidence, Evidence, Lost, Part
from tests.unit.status.texts import GATEWAYS, policy_text, route_text

GATEWAY, POLICY = "ns/a", "ns/p"


def _facts() -> PolicyFacts:
    text = GATEWAYS + route_text("r", "a") + policy_text("v1", "p", "HTTPRoute", "r")
    folder = documents.read([("in.yaml", text)])
    assert folder.problems == ()
    (facts,) = compile_gateways(folder.objects).policies
    return facts


FACTS = _facts()
HAS_IT = EnforcementEvidence(gateways=Evidence(), taken={GATEWAY: 3}, withheld={}, unheld={})


@pytest.mark.parametrize("version", [1, 3])
def test_a_policy_is_enforced_at_a_gateway_that_has_taken_a_version_with_it(version: int) -> None:
    assert HAS_IT.of(FACTS, {GATEWAY: version}) == Evidence(frozenset({GATEWAY}))


@pytest.mark.parametrize("since", [{}, {GATEWAY: 4}], ids=["never told", "told of it later"])
def test_it_is_not_at_one_that_has_no_version_with_it(since: dict[str, int]) -> None:
    known = replace(HAS_IT, gateways=Evidence(awaited={GATEWAY: ("wasm-shim",)}))
    assert known.of(FACTS, since) == Evidence(awaited={GATEWAY: ("wasm-shim",)})


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"behind": frozenset({GATEWAY})}, id="behind"),
        pytest.param({"gateways": Evidence(refused={GATEWAY: "no"})}, id="it refuses"),
        pytest.param({"withheld": {GATEWAY: {POLICY: "no room"}}}, id="it gets a part"),
        pytest.param(
            {"unheld": {GATEWAY: frozenset({POLICY})}, "lost": frozenset({POLICY})}, id="a limit is lost"
        ),
    ],
)
def test_what_speaks_against_it_wins_over_what_was_taken(changed: dict[str, object]) -> None:
    assert replace(HAS_IT, **changed).of(FACTS, {GATEWAY: 1}).acknowledged == frozenset()


def test_a_limit_that_is_not_held_for_a_moment_takes_nothing_away() -> None:
    known = replace(HAS_IT, unheld={GATEWAY: frozenset({POLICY})})
    assert known.of(FACTS, {GATEWAY: 1}).acknowledged == {GATEWAY}
    assert known.of(FACTS, {}).awaited == {GATEWAY: (Part.LIMITS,)}


def test_the_word_of_the_gateway_comes_before_that_of_who_withholds() -> None:
    withheld = {GATEWAY: {POLICY: "no room"}}
    known = replace(HAS_IT, gateways=Evidence(refused={GATEWAY: "no"}), withheld=withheld)
    assert known.of(FACTS, {}).refused == {GATEWAY: "no"}
    assert replace(HAS_IT, withheld=withheld).of(FACTS, {}).refused == {GATEWAY: "no room"}


def test_a_policy_counts_from_the_first_version_that_had_it_as_it_is() -> None:
    asked = AskedSince()
    asked.note((FACTS,), lambda _gateway, _policy: None)
    assert asked.since(FACTS) == {}
    for version in (2, 3):
        asked.note((FACTS,), lambda _gateway, _policy, version=version: version)  # type: ignore[misc]
        assert asked.since(FACTS) == {GATEWAY: 2}
    edited = _facts()
    asked.note((edited,), lambda _gateway, _policy: 4)
    assert asked.since(edited) == {GATEWAY: 4}


def test_a_gateway_is_behind_when_nothing_arrived_for_long() -> None:
    behind, waits = Behind(5), Evidence(awaited={GATEWAY: ("wasm-shim",)})
    assert [behind.of(waits, {GATEWAY: 1}, now) for now in (0, 4)] == [frozenset()] * 2
    assert list(behind.dues(4)) == [5]
    assert behind.of(waits, {GATEWAY: 1}, 5) == {GATEWAY}
    assert behind.of(waits, {GATEWAY: 2}, 6) == frozenset()
    assert behind.of(Evidence(refused={GATEWAY: "no"}), {GATEWAY: 2}, 6) == {GATEWAY}


def test_a_limit_is_lost_when_it_was_not_held_for_long() -> None:
    lost = Lost(5)
    assert [lost.of([{POLICY}], now) for now in (0, 4)] == [frozenset()] * 2
    assert list(lost.dues(4)) == [5]
    assert lost.of([{POLICY}], 5) == {POLICY}
    assert lost.of([], 6) == frozenset()
    assert lost.of([{POLICY}], 7) == frozenset()
