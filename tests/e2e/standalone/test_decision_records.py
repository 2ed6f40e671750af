"""`kuadrant run --access-log FILE`: a line for each request, with what was decided for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def lines(path: Path, count: int) -> list[dict[str, Any]]:
    """The lines of an access log, once there are so many."""
    deadline = time.monotonic() + 30
    while not path.exists() or len(found := path.read_text().splitlines()) < count:
        assert time.monotonic() < deadline, "the access log is not written"
        time.sleep(0.05)
    return [json.loads(line) for line in found]


def test_each_line_says_what_was_decided(
    start: Callable[..., Kuadrant], toystore: Path, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    kuadrant = start(toystore, "--echo", "--access-log", str(log))

    for method, path, count in (("GET", "/toys", 1), ("POST", "/toys", 6), ("GET", "/other", 1)):
        for _ in range(count):
            kuadrant.request(method, path)
    found = lines(log, 8)

    records = [json.loads(one["decision"]) if one["decision"] else None for one in found]
    assert [one["status"] for one in found] == [200] * 6 + [429, 404]
    assert records[0] is None or records[0]["verdict"] == "allowed"
    assert [one["verdict"] for one in records[1:7] if one] == ["allowed"] * 5 + ["limited"]
    limited = records[6]
    assert limited is not None
    assert limited["limit"].startswith("limit.create_toy__")
    assert limited["policies"] == ["default/toystore"]
    assert limited["route"] == "default/toystore"
    assert limited["asked"] == [limited["limit"]]
    assert records[7] is None


def test_what_an_author_got_wrong_is_in_his_own_words(
    start: Callable[..., Kuadrant], toystore: Path, tmp_path: Path
) -> None:
    policy = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    per-plan:
      rates: [{limit: 5, window: 10s}]
      when: [{predicate: "request.headers['x-plan'] == 'free'"}]
"""
    (toystore / "ratelimitpolicy.yaml").write_text(policy)
    log = tmp_path / "access.log"
    kuadrant = start(toystore, "--echo", "--access-log", str(log))

    assert kuadrant.request("GET", "/toys").status == 500
    (line,) = lines(log, 1)

    record = json.loads(line["decision"])
    assert (record["verdict"], record["error"]) == ("failed", "expression")
    assert record["expression"] == "request.headers['x-plan'] == 'free'"
    assert (record["part"], record["policies"]) == ("condition 1", ["default/toystore"])


def test_a_folder_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    log = tmp_path / "nowhere" / "access.log"
    command = [sys.executable, "-m", "kuadrant", "run", str(EXAMPLES / "toystore"), "--access-log", str(log)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--access-log" in ended.stderr
