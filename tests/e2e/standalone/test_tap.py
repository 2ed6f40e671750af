"""`kuadrant tap` beside a `kuadrant run`: what its Envoy decides is seen while it happens."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

CONDITION = "request.headers['x-plan'] == 'free'"
POLICY = f"""
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: toystore}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}}
  limits:
    create-toy:
      rates: [{{limit: 2, window: 60s}}]
      when: [{{predicate: "request.method == 'POST'"}}]
    per-plan:
      rates: [{{limit: 5, window: 60s}}]
      when: [{{predicate: "{CONDITION}"}}]
"""


class Tap:
    """A running `kuadrant tap`, by default with `-o json`."""

    def __init__(self, folder: Path, *words: str, output: str = "json") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kuadrant", "tap", "-o", output, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )

    def decision(self) -> dict[str, Any]:
        """The next one."""
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def end(self) -> list[dict[str, Any]]:
        """Ctrl-C; all that is said then."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        assert (self.process.returncode, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def tap(tmp_path: Path) -> Iterator[Callable[..., Tap]]:
    running: list[Tap] = []

    def begin(*words: str, output: str = "json") -> Tap:
        running.append(Tap(tmp_path, *words, output=output))
        return running[-1]

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@pytest.fixture
def kuadrant(start: Callable[..., Kuadrant], toystore: Path, tmp_path: Path) -> Kuadrant:
    (toystore / "ratelimitpolicy.yaml").write_text(POLICY)
    return start(toystore, "--echo", environment={"XDG_RUNTIME_DIR": str(tmp_path)})


def until_shown(tap: Tap, request: Callable[[], object]) -> None:
    """Send requests until one is shown: a worker hears by its next answer that somebody follows."""
    assert tap.process.stdout is not None
    deadline = time.monotonic() + 30
    while not select.select([tap.process.stdout], [], [], 0.1)[0]:
        assert time.monotonic() < deadline, "nothing is shown"
        request()


def test_each_decision_is_told_as_it_happens_with_its_policy_and_no_value(
    kuadrant: Kuadrant, tap: Callable[..., Tap]
) -> None:
    following = tap("--port", str(kuadrant.port), "--header", "x-user", "--verdict", "limited")
    user = {"x-plan": "gold", "x-user": "alice"}
    until_shown(following, lambda: kuadrant.request("POST", "/toys?secret=1", **user))
    found = following.decision()

    assert found["limit"].startswith("limit.create_toy__")
    assert (found["policies"], found["route"]) == (["default/toystore"], "default/toystore")
    assert (found["method"], found["host"], found["path"]) == ("POST", "api.toystore.com", "/toys")
    assert found["headers"]["x-user"].startswith("(masked ")
    *_, last = following.end()
    assert last["summary"]["verdicts"]["limited"] >= 1
    assert "create-toy of default/toystore" in last["summary"]["limited_by"]


def test_a_500_is_told_with_the_expression_that_failed(kuadrant: Kuadrant, tap: Callable[..., Tap]) -> None:
    following = tap("--port", str(kuadrant.port), "--policy", "toystore", "--limit", "per-plan")
    until_shown(following, lambda: kuadrant.request("GET", "/toys", **{"x-plan": "free"}))
    assert kuadrant.request("GET", "/toys").status == 500
    while (found := following.decision())["verdict"] != "failed":
        pass
    assert (found["error"], found["part"], found["expression"]) == ("expression", "condition 1", CONDITION)


SOFT = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    personal:
      rates: [{limit: 0, window: 60s}]
      when: [{predicate: "request.method == 'GET'"}]
      mode: Soft
    team:
      rates: [{limit: 0, window: 60s}]
      when: [{predicate: "request.headers[?'x-team'].orValue('') != ''"}]
      mode: Soft
    tried:
      rates: [{limit: 0, window: 60s}]
      mode: Shadow
"""


def test_a_request_that_is_let_through_over_soft_limits_is_told_with_each_of_them(
    kuadrant: Kuadrant, tap: Callable[..., Tap]
) -> None:
    kuadrant.change("ratelimitpolicy.yaml", SOFT)
    following = tap("--port", str(kuadrant.port), "--header", "x-team")
    until_shown(following, lambda: kuadrant.request("GET", "/toys", **{"x-team": "a"}))
    found = following.decision()

    # The one in shadow is noticed by nobody who asks for what was decided.
    assert [key.partition("__")[0] for key in found["soft"]] == ["limit.personal", "limit.team"]
    assert (found["verdict"], found["route"]) == ("allowed", "default/toystore")
    *_, last = following.end()
    assert last["summary"]["limited_by"] == {}


def test_people_are_told_of_a_soft_limit_in_the_line_of_the_request(
    kuadrant: Kuadrant, tap: Callable[..., Tap]
) -> None:
    kuadrant.change("ratelimitpolicy.yaml", SOFT)
    following = tap("--port", str(kuadrant.port), output="text")
    until_shown(following, lambda: kuadrant.request("GET", "/toys"))
    assert following.process.stdout is not None
    line = following.process.stdout.readline()
    assert "allowed GET api.toystore.com/toys: over the soft limit personal" in line


def test_with_values_requests_of_one_user_are_followed_and_it_ends_after_so_many(
    kuadrant: Kuadrant, tap: Callable[..., Tap]
) -> None:
    words = ("--port", str(kuadrant.port), "--show-values", "--header", "x-user: bob", "--count", "2")
    following = tap(*words)
    deadline = time.monotonic() + 30
    while following.process.poll() is None:
        assert time.monotonic() < deadline
        for user in ("alice", "bob"):
            kuadrant.request("GET", "/toys", **{"x-plan": "free", "x-user": user})
    out, _ = following.process.communicate()
    *found, summary = [json.loads(line) for line in out.splitlines()]
    assert [one["headers"] for one in found] == [{"x-user": "bob"}] * 2
    assert summary["summary"]["verdicts"].keys() <= {"allowed", "limited"}
    assert following.process.returncode == 0


def test_when_the_run_has_ended_it_is_said(kuadrant: Kuadrant, tap: Callable[..., Tap]) -> None:
    following = tap("--port", str(kuadrant.port))
    until_shown(following, lambda: kuadrant.request("GET", "/toys", **{"x-plan": "free"}))
    kuadrant.interrupt()
    out, _ = following.process.communicate(timeout=30)
    assert following.process.returncode == 1
    assert "no kuadrant run of yours has port" in out


def test_where_every_request_fails_before_it_is_asked_for_it_is_said_that_none_is_seen(
    kuadrant: Kuadrant, tap: Callable[..., Tap]
) -> None:
    following = tap("--port", str(kuadrant.port), "--seconds", "1.5")
    while following.process.poll() is None:
        assert kuadrant.request("GET", "/toys").status == 500
    out, told = following.process.communicate()

    assert json.loads(out)["summary"]["verdicts"] == {}
    assert "fail before it, are not seen" in told
