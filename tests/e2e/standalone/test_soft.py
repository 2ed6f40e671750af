"""Soft limits at a real Envoy: the backend is told who is over which limit, and nobody is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY, POLICY, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Answer, Kuadrant

pytestmark = pytest.mark.e2e

PERSONAL = """    personal:
      rates: [{limit: 2, window: 1h}]
      counters: [{expression: "request.headers[?'x-user'].orValue('nobody')"}]
      boundary: Soft
      softSignal:
        headers:
          - {name: X-Kuadrant-Limit-Exceeded, value: personal}
          - {name: X-Traffic-Class, value: low}
"""
TEAM = """    team: {rates: [{limit: 4, window: 1h}], mode: Soft}
"""
HARD = """    whole: {rates: [{limit: 6, window: 1h}]}
"""
BACKEND = "{backendRefs: [{name: app, port: 80}]}"
CHEAPER = """{matches: [{headers: [{name: x-traffic-class, value: low}]}],
    filters: [{type: ResponseHeaderModifier,
      responseHeaderModifier: {set: [{name: x-rule, value: cheaper}]}}],
    backendRefs: [{name: app, port: 80}]}"""
NAMES = ("x-kuadrant-limit-exceeded", "x-traffic-class")


@pytest.fixture
def kuadrant(start: Callable[..., Kuadrant], tmp_path: Path) -> Kuadrant:
    documents = GATEWAY
    for name, limits in {"soft": PERSONAL + TEAM, "hard": PERSONAL + TEAM + HARD}.items():
        documents += (ROUTE % (name, name)).replace(BACKEND, f"{BACKEND}, {CHEAPER}") + POLICY % (
            "v1",
            name,
            "HTTPRoute",
            name,
        )
        documents += f"  response: {{headers: Both}}\n  limits:\n{limits}"
    (tmp_path / "all.yaml").write_text(documents)
    return start(tmp_path, "--echo")


def asked(kuadrant: Kuadrant, name: str, user: str, **headers: str) -> Answer:
    return kuadrant.request("GET", "/", f"{name}.example.com", **{"x-user": user, **headers})


def marks(answer: Answer) -> list[str | None]:
    """What the backend was told."""
    seen = json.loads(answer.body)["headers"]
    return [seen.get(name) for name in NAMES]


def test_the_backend_is_told_of_every_limit_that_is_exceeded(kuadrant: Kuadrant) -> None:
    answers = [asked(kuadrant, "soft", user) for user in "aaabbb"]
    assert [answer.status for answer in answers] == [200] * 6
    assert [marks(answer) for answer in answers] == [
        [None, None],
        [None, None],
        ["personal", "low"],
        [None, None],
        # What is over a limit counts on: the team's is exceeded by all of them together.
        ["team", None],
        ["personal,team", "low"],
    ]
    # They are for the backend alone, and no limit that a client would have to heed.
    told = ("kuadrant-soft", "x-ratelimit-limit", "ratelimit", *NAMES)
    assert all(name not in answer.headers for answer in answers for name in told)


def test_a_limit_that_enforces_still_refuses_beside_them(kuadrant: Kuadrant) -> None:
    answers = [asked(kuadrant, "hard", "a") for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 6 + [429] * 2
    assert [marks(answer) for answer in answers[2:6]] == [["personal", "low"]] * 2 + [
        ["personal,team", "low"]
    ] * 2
    assert answers[0].headers["ratelimit-policy"] == '"whole";q=6;w=3600'


def test_no_client_can_mark_its_own_request(kuadrant: Kuadrant) -> None:
    assert marks(asked(kuadrant, "soft", "a", **{NAMES[0]: "nobody", NAMES[1]: "high"})) == [None, None]


def test_it_is_counted_which_limits_are_exceeded(kuadrant: Kuadrant) -> None:
    for _ in range(5):
        asked(kuadrant, "soft", "a")
    text = kuadrant.get(kuadrant.metrics_port, "/metrics").body.decode()
    lines = {line for line in text.splitlines() if "soft_exceeded" in line and not line.startswith("#")}
    name = "kuadrant_ratelimit_soft_exceeded_calls_total"
    assert lines == {
        f'{name}{{limit_name="personal",limitador_namespace="default/soft"}} 3.0',
        f'{name}{{limit_name="team",limitador_namespace="default/soft"}} 1.0',
    }


def test_a_rule_may_be_for_requests_that_are_marked(kuadrant: Kuadrant) -> None:
    answers = [asked(kuadrant, "soft", "a") for _ in range(4)]
    assert [answer.headers.get("x-rule") for answer in answers] == [None, None, "cheaper", "cheaper"]
