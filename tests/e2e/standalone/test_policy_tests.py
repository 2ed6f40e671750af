"""`kuadrant test --against` a real Envoy: what is simulated is what the data plane does."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

FILE = "toystore.kuadrant-test.yaml"


def kuadrant_test(*arguments: object) -> tuple[int, dict[str, Any]]:
    """Run `kuadrant test`; return its exit code and its report."""
    done = subprocess.run(
        [sys.executable, "-m", "kuadrant", "test", *map(str, arguments), "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {test["name"]: test["outcome"] for file in report["files"] for test in file["tests"]}


@pytest.mark.parametrize("example", ["toystore", "toystore-v1"])
def test_the_examples_meet_their_tests_at_a_real_gateway(
    start: Callable[..., Kuadrant], example: str
) -> None:
    kuadrant = start(EXAMPLES / example, "--echo")

    code, report = kuadrant_test(EXAMPLES / example, "--against", f"http://127.0.0.1:{kuadrant.port}")

    assert (code, report["passed"], report["skipped"]) == (0, 3, 0)
    assert report["files"][0]["tests"][0]["notCompared"] == ["limitedBy", "policies", "remaining"]
    assert kuadrant.calls() == 9


def test_headers_are_those_of_the_gateway_and_counters_are_waited_for(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("duration: 10", "duration: 1"))
    post = "request: {method: POST, host: api.toystore.com, path: /toys}"
    headers = {"x-ratelimit-limit": '5, 5;w=1;name="create-toy"', "x-ratelimit-remaining": "0"}
    expect = f"status: 200x5 then 429, headers: {json.dumps(headers)}"
    step = f"{{{post}, times: 6, expect: {{{expect}}}}}"
    text = f"tests: [{{name: a, steps: [{step}, {{advance: 1s}}, {step}]}}, {{name: b, steps: [{step}]}}]\n"
    (toystore / FILE).write_text(text)
    kuadrant = start(toystore, "--echo", "--rate-limit-headers")

    code, report = kuadrant_test(toystore, "--against", f"http://127.0.0.1:{kuadrant.port}")

    assert (code, outcomes(report)) == (0, {"a": "passed", "b": "passed"}), report
    assert outcomes(kuadrant_test(toystore)[1]) == {"a": "passed", "b": "passed"}


def test_what_a_real_gateway_does_otherwise_is_missed(start: Callable[..., Kuadrant], toystore: Path) -> None:
    kuadrant = start(toystore, "--echo")
    kuadrant.wait(lambda: kuadrant.messages("is live"))
    policy = toystore / "ratelimitpolicy.yaml"
    kuadrant.change("ratelimitpolicy.yaml", policy.read_text().replace("limit: 5", "limit: 4"))

    code, report = kuadrant_test(
        toystore, "--against", f"http://127.0.0.1:{kuadrant.port}", "--longest-wait", "1s"
    )

    assert code == 0
    assert outcomes(report)["five new toys in ten seconds"] == "skipped"
    tests = toystore / FILE
    tests.write_text(tests.read_text().replace("- advance: 10s", "- advance: 10ms"))
    code, report = kuadrant_test(toystore, "--against", f"http://127.0.0.1:{kuadrant.port}")
    (first, *_) = report["files"][0]["tests"]
    assert (code, first["outcome"]) == (1, "failed")
    assert (first["misses"][0]["expected"], first["misses"][0]["got"]) == (
        "200x5 then 429x3",
        "200x4 then 429x4",
    )


def test_a_test_that_is_written_while_the_gateway_runs_changes_nothing(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    kuadrant = start(toystore, "--echo")
    kuadrant.wait(lambda: kuadrant.messages("is live"))

    (toystore / FILE).write_text("no: test\n")
    (toystore / "other.kuadrant-test.yaml").write_text("[")
    policy = toystore / "ratelimitpolicy.yaml"
    kuadrant.change("ratelimitpolicy.yaml", policy.read_text().replace("limit: 5", "limit: 1"))

    assert len(kuadrant.messages("is live")) == 2
    assert kuadrant.messages("the folder is again as it runs") == []
    assert not any("kuadrant-test" in json.dumps(line) for line in kuadrant.lines)
    assert [kuadrant.request("POST").status for _ in range(2)] == [200, 429]


CHANGED = """\
  - matches: [{path: {value: /changed}}]
    filters:
    - type: ResponseHeaderModifier
      responseHeaderModifier:
        set: [{name: x-rule, value: changed}, {name: content-type, value: text/html}]
        add: [{name: retry-after, value: "1"}]
    backendRefs: [{name: toystore, port: 80}]
"""
OF_ALL = """\
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits: {all: {rates: [{limit: 1, window: 1h}], counters: [{expression: request.url_path}]}}
"""


def test_headers_that_the_route_adds_are_those_of_a_real_refusal_too(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    route, policy = toystore / "httproute.yaml", toystore / "ratelimitpolicy.yaml"
    route.write_text(route.read_text().rstrip("\n") + "\n" + textwrap.indent(CHANGED, "  "))
    policy.write_text(OF_ALL)
    first = "request: {host: api.toystore.com, path: /changed}"
    other = "request: {method: POST, host: api.toystore.com, path: /toys}"
    added = {"x-rule": "changed", "content-type": "text/html", "retry-after": "1,3600"}
    expected = (first, added), (other, {"content-type": "text/plain", "retry-after": "3600"})
    steps = ", ".join(
        f"{{{request}, times: 2, expect: {{status: [200, 429], headers: {json.dumps(headers)}}}}}"
        for request, headers in expected
    )
    (toystore / FILE).write_text(f"tests: [{{name: a, steps: [{steps}]}}]\n")
    kuadrant = start(toystore, "--echo")

    code, report = kuadrant_test(toystore, "--against", f"http://127.0.0.1:{kuadrant.port}")

    assert (code, outcomes(report)) == (0, {"a": "passed"}), report
    assert outcomes(kuadrant_test(toystore)[1]) == {"a": "passed"}
