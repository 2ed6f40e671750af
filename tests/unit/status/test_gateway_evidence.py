"""A policy is called enforced when every part of its gateways is known to be there.

The message names what is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.status import Content, Evidence, FilterState, GatewayState, Part, PodState, evidence
from tests.unit.status.texts import GATEWAYS

if TYPE_CHECKING:
    from tests.unit.status.texts import Statuses


TEXT = f"""{GATEWAYS}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: route, namespace: ns}}
spec: {{parentRefs: [{{name: a}}, {{name: b}}]}}
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: p, namespace: ns}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}}
  limits: {{x: {{rates: [{{limit: 1, window: 1s}}]}}}}
"""


def _state(gateway: str = "ns/a", **changed: Any) -> GatewayState:
    return GatewayState(gateway=gateway, **changed)


GOOD = (_state("ns/a"), _state("ns/b"))


def _enforced(statuses: Statuses, known: Evidence) -> tuple[str, str, str]:
    condition = statuses(TEXT, known)["p"]["Enforced"]
    return condition.status, condition.reason, condition.message


def _waiting(parts: str) -> tuple[str, str, str]:
    return (
        "False",
        "Unknown",
        f"RateLimitPolicy waiting for the following components to sync: [{parts}]",
    )


def test_with_every_part_of_every_gateway_it_is_enforced(statuses: Statuses) -> None:
    assert _enforced(statuses, evidence(GOOD))[:2] == ("True", "Enforced")


@pytest.mark.row(97)
@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"awaited": (Part.LIMITS,)}, "Limitador"),
        ({"awaited": (Part.MODULE,)}, "wasm-shim"),
        ({"missing": ("EnvoyFilter", "WasmPlugin")}, "EnvoyFilter (ns/b) WasmPlugin (ns/b)"),
        ({"accepted": False}, "Gateway (ns/b)"),
        (
            {"awaited": (Part.LIMITS, Part.MODULE), "missing": ("WasmPlugin",), "accepted": False},
            "Limitador wasm-shim WasmPlugin (ns/b)",
        ),
    ],
    ids=["limits", "module", "objects", "provider", "several"],
)
def test_what_is_missing_is_named(statuses: Statuses, changed: dict[str, Any], parts: str) -> None:
    assert _enforced(statuses, evidence([_state("ns/a"), _state("ns/b", **changed)])) == _waiting(parts)


def test_what_all_gateways_wait_for_is_named_once(statuses: Statuses) -> None:
    states = [_state(name, awaited=(Part.LIMITS,), missing=("WasmPlugin",)) for name in ("ns/a", "ns/b")]
    assert _enforced(statuses, evidence(states)) == _waiting("Limitador WasmPlugin (ns/a) WasmPlugin (ns/b)")


def test_a_gateway_that_nothing_is_known_of_is_named(statuses: Statuses) -> None:
    assert _enforced(statuses, evidence([_state("ns/a")])) == _waiting("Gateway (ns/b)")


def test_a_refusal_is_said_in_its_own_words(statuses: Statuses) -> None:
    known = evidence(
        [_state("ns/a", refused="its pods cannot be selected"), _state("ns/b", awaited=(Part.LIMITS,))]
    )
    assert _enforced(statuses, known) == (
        "False",
        "Unknown",
        "RateLimitPolicy has encountered some issues: gateway ns/a: its pods cannot be selected",
    )


def test_without_a_kuadrant_nothing_is_enforced(statuses: Statuses) -> None:
    assert _enforced(statuses, evidence(GOOD, installed=False)) == (
        "False",
        "MissingResource",
        "kuadrant is not installed, please create resource",
    )


# A gateway that asks for its configuration and says what became of it

OLD, NEW = Content("a" * 64, "1"), Content("a" * 64, "2")


def _pod(name: str = "ns/pod", *, ready: bool = True, **delivery: Any) -> PodState:
    deliveries = (FilterState(filter="f", **delivery),) if delivery else ()
    return PodState(pod=name, ready=ready, deliveries=deliveries)


@pytest.mark.parametrize(
    ("pods", "awaited"),
    [
        pytest.param((_pod(running=NEW),), (), id="taken"),
        pytest.param((_pod(running=OLD),), ("Pod (ns/pod)",), id="not yet"),
        pytest.param((_pod(),), ("Pod (ns/pod)",), id="not asked"),
        pytest.param((_pod(running=NEW), _pod("ns/other")), ("Pod (ns/other)",), id="one of two"),
        pytest.param((_pod(running=NEW), _pod("ns/other", ready=False)), (), id="one gets no requests"),
        pytest.param((_pod(ready=False, running=NEW),), ("Gateway (ns/a)",), id="none gets requests"),
        pytest.param((), ("Gateway (ns/a)",), id="no pod"),
        pytest.param((_pod(running=NEW, refused=OLD, refusal="no"),), (), id="refused before"),
    ],
)
def test_every_ready_pod_has_to_have_said_that_it_runs_what_is_wanted(
    pods: tuple[PodState, ...], awaited: tuple[str, ...]
) -> None:
    known = evidence([_state(wanted={"f": NEW}, pods=pods)])
    assert known.awaited == {"ns/a": awaited}
    assert known.acknowledged == (frozenset() if awaited else {"ns/a"})
    assert known.refused == {}


def test_every_filter_of_a_pod_counts() -> None:
    known = evidence([_state(wanted={"f": NEW, "g": NEW}, pods=(_pod(running=NEW),))])
    assert known.awaited == {"ns/a": ("Pod (ns/pod)",)}


def test_a_refusal_of_what_is_wanted_has_envoys_words() -> None:
    pod = _pod(running=OLD, refused=NEW, refusal="Unable to create Wasm plugin")
    known = evidence([_state(wanted={"f": NEW}, pods=(pod,))])
    assert known.refused == {
        "ns/a": "pod ns/pod keeps what it had and refuses what is wanted: Unable to create Wasm plugin"
    }
    assert known.acknowledged == frozenset()
