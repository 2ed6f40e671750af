"""Kuadrant's user guides in a cluster: their policies are enforced, and limit as the guides say.

What the guides have at a gateway of their own (two gateways, listeners of other host names) is compared
without a cluster, as everything else of them: tests/e2e/differential/test_guides.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.differential.guides import Guide, Promise, guides
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.walk import Provided, Walk

pytestmark = pytest.mark.long

NAMESPACE = "default"
BACKEND = [{"name": "toystore", "port": 80}]
ENOUGH = 12
"""So many requests are more than any limit here admits."""


def on_one_gateway() -> list[Guide]:
    """Those that any gateway can take, whatever else it has; a cluster has no `v1beta3`."""
    return [
        guide
        for guide in guides()
        if len(guide.listeners) == 1
        and all(policy["version"] != "v1beta3" for policy in guide.policies)
        and not any("parentRefs" in route["spec"] or "sectionName" in route["spec"] for route in guide.routes)
    ]


def promised() -> list[tuple[Guide, int]]:
    """Each promise of each, by its number."""
    return [(guide, number) for guide in on_one_gateway() for number in range(len(guide.promises))]


def objects(guide: Guide, number: int, provided: Provided) -> list[dict[str, Any]]:
    """The guide's routes and policies, for the gateway and the application that the lab has.

    A limit is counted by the name of its policy. It has the promise's number: none goes on with the counters
    of another.
    """
    gateway = {"name": provided.gateway, "namespace": provided.namespace}
    made: list[dict[str, Any]] = []
    for one in json.loads(json.dumps(guide.documents)):
        metadata, spec = one["metadata"], one.get("spec", {})
        metadata["namespace"] = NAMESPACE
        if one["kind"] == "RateLimitPolicy":
            words = guide.name.lower().replace(",", "").replace(" ", "-")
            metadata["name"] = f"{words}-{number}-{metadata['name']}"
            if spec["targetRef"]["kind"] == "Gateway":
                spec["targetRef"]["name"] = provided.gateway
                metadata["namespace"] = provided.namespace
        elif one["kind"] != "Gateway":
            spec["parentRefs"] = [gateway]
            for rule in spec["rules"]:
                rule["backendRefs"] = BACKEND
        made += [] if one["kind"] == "Gateway" else [one]
    return made


def settled(walk: Walk) -> bool:
    """Whether each policy is enforced, or has said which other ones are in its place."""
    found = json.loads(walk.lab.run("kubectl", "get", "ratelimitpolicies", "-A", "-o", "json"))
    conditions = [
        {one["type"]: one for one in policy.get("status", {}).get("conditions", ())}
        for policy in found["items"]
    ]
    return all(
        one.get("Accepted", {}).get("status") == "True"
        and (one.get("Enforced", {}).get("status") == "True" or one["Enforced"]["reason"] == "Overridden")
        for one in conditions
    )


def admitted(walk: Walk, promise: Promise, number: int) -> list[bool]:
    """Which of so many requests right after each other are admitted.

    The provider's own route may come later than what limits it: what it does not know yet is asked again.
    """
    found: list[str] = []

    def is_answered() -> bool:
        found.extend(one for one in answers(walk, promise, number - len(found)) if one != "404")
        return len(found) == number

    wait(is_answered)
    return [not one.startswith(("429", "200 Too Many Requests")) for one in found]


def answers(walk: Walk, promise: Promise, number: int) -> list[str]:
    """Statuses, each with what is said to clients of gRPC: the lab's application itself speaks none."""
    asked = promise.asked
    headers = [word for name, value in asked.headers for word in ("-H", f"{name}: {value}")]
    urls = ["--output", "/dev/null", walk.url.removesuffix("/toys") + asked.target] * number
    form = "%{http_code} %header{grpc-message}\\n"
    lines = walk.lab.run(
        "curl", "--silent", "--globoff", "--path-as-is", "--write-out", form, "-X", asked.method,
        "-H", f"Host: {asked.authority}", *headers, *urls,
    )  # fmt: skip
    return [line.strip() for line in lines.splitlines()]


@pytest.fixture
def promise(walk: Walk, request: pytest.FixtureRequest) -> Iterator[Promise]:
    """One whose guide is set up on the gateway."""
    guide, number = request.param
    made = objects(guide, number, walk.provided)
    walk.apply("\n---\n".join(json.dumps(one) for one in made))
    try:
        yield guide.promises[number]
    finally:
        for one in made:
            name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
            walk.lab.run("kubectl", "delete", one["kind"], name, "-n", namespace, "--wait=false")


@pytest.mark.parametrize("promise", promised(), ids=lambda one: f"{one[0].name}, {one[1]}", indirect=True)
@pytest.mark.parametrize(
    "walk",
    [pytest.param((ISTIO,), id="Istio"), pytest.param((ENVOY_GATEWAY,), id="Envoy Gateway")],
    indirect=True,
)
def test_a_policy_of_a_guide_is_enforced_and_limits_as_the_guide_says(walk: Walk, promise: Promise) -> None:
    wait(lambda: settled(walk), 60)
    most = promise.most if isinstance(promise.most, int) else ENOUGH
    expected = [True] * most + [not isinstance(promise.most, int)]
    assert admitted(walk, promise, most + 1) == expected, promise
