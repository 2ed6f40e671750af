"""What hangs on what, where policies attach and how they fare; and the forms in which it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from kuadrant.topology import Topology, dot, mermaid, text
from tests.unit.explanation.asking import WORLD, policy
from tests.unit.topology.shown import LIMIT, shown

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parents[2] / "golden" / "topology"
GATEWAY_WIDE = "all: {rates: [{limit: 9, window: 1m}]}"
TWO_LISTENERS = WORLD.replace(
    "listeners: [{name: http, port: 80, protocol: HTTP}]",
    "listeners: [{name: one, port: 80, protocol: HTTP}, {name: two, port: 81, protocol: HTTP}]",
)
LONELY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: lonely}
spec:
  parentRefs: [{name: away}]
  hostnames: ["a.x"]
  rules: [{name: all, backendRefs: [{name: toys, port: 80}]}]
---
"""


WORLDS = {
    "defaults-and-route": shown(
        policy(LIMIT),
        policy(GATEWAY_WIDE, name="gw", target="Gateway, name: gw"),
    ),
    "overrides-win": shown(
        policy(LIMIT),
        policy(GATEWAY_WIDE, name="gw", target="Gateway, name: gw", spec="overrides:\n").replace(
            "  overrides:\n  limits:\n    all", "  overrides:\n    limits:\n      all"
        ),
    ),
    "rules-listeners-and-what-is-idle": shown(
        policy(LIMIT, target="HTTPRoute, name: toys, sectionName: rule-2"),
        policy(GATEWAY_WIDE, name="two", target="Gateway, name: gw, sectionName: two"),
        LONELY,
        world=TWO_LISTENERS,
    ),
    "nothing": shown(world=""),
}


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("form", [text, dot, mermaid])
def test_forms(golden: Callable[[Path, str], None], name: str, form: Callable[[Topology], str]) -> None:
    suffix = {"text": "txt", "dot": "dot", "mermaid": "mmd"}[form.__name__]
    golden(GOLDEN / f"{name}.{suffix}", f"{form(WORLDS[name])}\n")


@pytest.mark.parametrize("name", WORLDS)
def test_the_record(golden: Callable[[Path, str], None], name: str) -> None:
    record = msgspec.json.format(msgspec.json.encode(WORLDS[name]), indent=2).decode()
    golden(GOLDEN / f"{name}.json", f"{record}\n")


@pytest.mark.parametrize("name", WORLDS)
def test_the_tree_is_readable_at_80_columns(name: str) -> None:
    assert max(map(len, text(WORLDS[name]).splitlines())) <= 80


def test_a_limit_for_some_of_a_rules_requests_says_so() -> None:
    limited = """\
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    of-one-host:
      rates: [{limit: 1, duration: 1, unit: second}]
      routeSelectors: [{hostnames: [toys.x]}]
"""
    record = shown(limited, world=WORLD.replace("[toys.x]", "[toys.x, other.x]"))
    (route,) = record.classes[0].gateways[0].listeners[0].routes
    assert route.hostnames == ("other.x", "toys.x")
    assert [[(one.name, one.partly) for one in rule.limits] for rule in route.rules] == [
        [("of-one-host", True)],
        [("of-one-host", True)],
    ]
    assert "of-one-host: 1 in 1 s, for some of its requests" in text(record)


def test_no_text_of_a_document_ends_a_label() -> None:
    hostile = policy("""
      '"]; x[\\': {rates: [{limit: 1, window: 1s}], when: [{predicate: "request.path != '\\"]<b>'"}]}
    """)
    record = shown(hostile)
    for line in mermaid(record).splitlines():
        assert line.count('"') in (0, 2)
        assert "<" not in line
    for line in dot(record).splitlines():
        unescaped = line.replace("\\\\", "").replace('\\"', "")
        assert unescaped.count('"') in (0, 2)
