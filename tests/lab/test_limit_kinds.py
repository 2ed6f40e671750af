"""Kinds of limits at real gateways: in shadow, for a part of all values, soft, and sharing a bucket."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import msgspec

from kuadrant.api.limit_mode import counter_text, is_enforced
from kuadrant.api.limit_packing import limits_of
from kuadrant.api.limitador import LimitadorSpec
from tests.lab.authentication import applied
from tests.lab.policies import limited_by
from tests.lab.supplied import samples
from tests.lab.walk import BOTH, IN_EVERY_WAY, Walk

POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  response: {headers: Both}
  limits:
    tried:
      rates: [{limit: 2, window: 1h}]
      counters: [{expression: "request.headers[?'x-user'].orValue('')"}]
"""
SHADOW = POLICY + "      mode: Shadow\n"
SHUT = POLICY.replace("limit: 2", "limit: 0")
EVERYBODY = 100
SOFT = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  response: {headers: Both}
  limits:
    personal:
      rates: [{limit: 2, window: 1h}]
      counters: [{expression: "request.headers[?'x-user'].orValue('')"}]
      mode: Soft
      softSignal: {headers: [{name: x-traffic-class, value: low}]}
    whole:
      rates: [{limit: 4, window: 1h}]
      counters: [{expression: "request.headers[?'x-user'].orValue('')"}]
"""
BUCKET = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: NAME}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: NAME}
  limits:
    NAME:
      rates: [{limit: 3, window: 1h}]
      counters: [{expression: "request.headers[?'x-user'].orValue('')"}]
      bucket: together
"""
SECOND = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: second}
spec:
  parentRefs: [{name: GATEWAY, namespace: NAMESPACE}]
  hostnames: [api.toystore.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /second}}]
    backendRefs: [{name: toystore, port: 80}]
"""


def of(user: str) -> tuple[str, str]:
    return "-H", f"x-user: {user}"


def reported(walk: Walk, name: str = "kuadrant_ratelimit_shadow_limited_calls_total") -> int:
    """How often the limit had no room and refused nobody, as the rate limit service says."""
    mine = {"limitador_namespace": "default/toystore"}
    return sum(
        int(one.value) for one in samples(walk.lab) if one.name == name and one.labels.items() >= mine.items()
    )


def conditions(walk: Walk, percent: int) -> tuple[str, ...]:
    """What the limit is known by to those who enforce it."""
    read = ("kubectl", "get", "limitador", "-n", "kuadrant-system", "-o", "jsonpath={.items[0].spec}")
    spec = msgspec.json.decode(walk.lab.run(*read), type=LimitadorSpec)
    held = [one for one in limits_of(spec).limits if one.namespace == "default/toystore"]
    # Those of former edits are held for a while.
    (found,) = {one.conditions for one in held if (one.max_value, one.percent) == (0, percent)}
    return found


@IN_EVERY_WAY
def test_a_limit_in_shadow_is_noticed_by_nobody_and_tells_what_it_would_refuse(walk: Walk) -> None:
    user = of(uuid.uuid4().hex)
    limited_by(walk, SHADOW)
    before = reported(walk)
    url = f"{walk.url}?n=[1-5]"
    answer = walk.lab.run(
        "curl", "--silent", "--include", "--output", "/dev/stdout", "-H", "Host: api.toystore.com", *user, url
    )
    assert answer.count("HTTP/1.1 200") == 5
    assert "ratelimit" not in answer.lower()
    assert "retry-after" not in answer.lower()
    # Of five requests for a limit of two, exactly those are refused that it said.
    assert reported(walk) == before + 3

    # It bites by what it has counted while it watched.
    limited_by(walk, POLICY)
    assert walk.statuses(2, *user) == ["429", "429"]
    assert walk.statuses(3, *of(uuid.uuid4().hex)) == ["200", "200", "429"]
    limited_by(walk, SHADOW)
    assert walk.statuses(2, *user) == ["200", "200"]


def twice_each(walk: Walk, users: list[str]) -> dict[str, tuple[str, str]]:
    """The statuses of two requests of each user, by one curl for all of them: its start takes longer."""
    words = (
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}\\n",
        "-H",
        "Host: api.toystore.com",
    )
    asked = [word for user in users for word in ("--next", *words, *of(user), f"{walk.url}?n=[1-2]")]
    statuses = walk.lab.run("curl", *asked[1:]).split()
    return dict(zip(users, zip(statuses[::2], statuses[1::2], strict=True), strict=True))


@BOTH
def test_a_part_of_all_values_is_limited_and_always_the_same(walk: Walk) -> None:
    users = [f"user-{number}" for number in range(20)]
    limited: list[set[str]] = []
    for percent in (0, 50, 80, EVERYBODY):
        limited_by(walk, f"{SHUT}      enforcePercent: {percent}\n")
        of_limit = conditions(walk, percent)
        expected = {user for user in users if is_enforced(percent, of_limit, counter_text([user]))}
        found = twice_each(walk, users)
        assert all(one[0] == one[1] for one in found.values())
        assert {user for user, (status, _) in found.items() if status == "429"} == expected
        limited.append(expected)
    assert limited[0] < limited[1] < limited[2] < limited[3] == set(users)


def seen(walk: Walk, number: int, *options: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What comes of requests right after each other: status, headers, and what the backend has got."""
    url, end = f"{walk.url}?n=[1-{number}]", "---"
    command = ("curl", "--silent", "--include", "--write-out", f"\\n{end}\\n%{{http_code}}\\n{end}\\n")
    output = walk.lab.run(*command, "-H", "Host: api.toystore.com", *options, url)
    parts = output.replace("\r", "").split(f"\n{end}")
    found = []
    for answer, status in zip(parts[::2], parts[1::2], strict=False):
        head, _, body = answer.strip().partition("\n\n")
        got = json.loads(body)["headers"] if status.strip() == "200" else {}
        found.append((status.strip(), head.lower(), {name.lower(): value for name, value in got.items()}))
    return found


@BOTH
def test_a_soft_limit_tells_the_backend_alone_and_refuses_nobody(walk: Walk) -> None:
    limited_by(walk, SOFT)
    before = reported(walk, "kuadrant_ratelimit_soft_exceeded_calls_total")
    # What a client says of itself under this name is not heard.
    answers = seen(walk, 6, *of(uuid.uuid4().hex), "-H", "x-traffic-class: high")

    assert [status for status, _, _ in answers] == ["200"] * 4 + ["429"] * 2
    assert [got.get("x-traffic-class") for _, _, got in answers[:4]] == [None, None, "low", "low"]
    assert not any("x-traffic-class" in head or "personal" in head for _, head, _ in answers)
    # It had no room for those either that another limit refused.
    assert reported(walk, "kuadrant_ratelimit_soft_exceeded_calls_total") == before + 4


@BOTH
def test_what_one_route_takes_from_a_bucket_by_name_is_gone_for_the_other(walk: Walk) -> None:
    second, other = BUCKET.replace("NAME", "second"), copy.copy(walk)
    other.url = walk.url.replace("/toys", "/second")
    route = SECOND.replace("GATEWAY", walk.provided.gateway).replace("NAMESPACE", walk.provided.namespace)
    with applied(walk, f"{route}---{second}"):
        limited_by(walk, BUCKET.replace("NAME", "toystore"))
        limited_by(walk, second, "second")
        user = of(uuid.uuid4().hex)
        assert walk.statuses(2, *user) + other.statuses(2, *user) == ["200", "200", "200", "429"]
        assert walk.status(*user) == "429"
        assert other.statuses(4, *of(uuid.uuid4().hex)) == ["200", "200", "200", "429"]
