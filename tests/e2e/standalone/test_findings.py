"""What is suspicious in a folder is told beside what `kuadrant run` does with it, once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def test_it_is_told_at_the_start_and_what_is_new_after_an_edit(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    text = policy.read_text()
    policy.write_text(text.replace("limit: 5", "limit: 0"))
    kuadrant = start(toystore, "--echo")
    kuadrant.wait(lambda: any(line.startswith("Found in ") for line in kuadrant.output))
    kuadrant.wait(lambda: any("=> Choose a limit" in line for line in kuadrant.output))

    begin = next(n for n, line in enumerate(kuadrant.output) if line.startswith("Found in "))
    assert kuadrant.output[begin - 2].startswith("Ready.")
    assert kuadrant.output[begin] == f"Found in {toystore}: 1 warning."
    assert kuadrant.output[begin + 1].startswith("ratelimitpolicy.yaml:14:18: warning: limit-below-one")
    assert kuadrant.request("POST").status == 429
    assert kuadrant.messages("no request that the limit is for") == []

    kuadrant.change("ratelimitpolicy.yaml", text.replace("limit: 5", "limit: -1"))
    kuadrant.wait(lambda: kuadrant.messages("is -1, which counts as 0"))
    (line,) = kuadrant.messages("is -1, which counts as 0")
    assert (line["code"], line["file"], line["line"]) == ("limit-below-one", "ratelimitpolicy.yaml", 14)

    kuadrant.change("ratelimitpolicy.yaml", text.replace("limit: 5", "limit: -1") + "# the same\n")
    kuadrant.change("ratelimitpolicy.yaml", text)
    assert len(kuadrant.messages("which counts as 0")) == 1
    assert kuadrant.output[begin + 5 :] == []


def test_after_an_edit_it_is_told_which_limits_of_which_route_are_others(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    kuadrant = start(toystore, "--echo")
    text = "\n".join(kuadrant.output)
    assert "  api.toystore.com POST /toys\n    create-toy: 5 in 10 s (default/toystore)\n" in text

    policy = (toystore / "ratelimitpolicy.yaml").read_text()
    kuadrant.change("ratelimitpolicy.yaml", policy.replace("limit: 5", "limit: 6"))

    kuadrant.wait(lambda: kuadrant.messages("the limits of a route are others now"))
    (line,) = kuadrant.messages("the limits of a route are others now")
    assert (line["route"], line["changed"]) == (
        "HTTPRoute default/toystore",
        ["create-toy: 6 in 10 s, for rule-2 (was 5 in 10 s, for rule-2)"],
    )


def test_counters_are_told_to_the_same_user_while_it_runs(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    kuadrant = start(toystore, "--echo")
    assert [kuadrant.request("POST").status for _ in range(3)] == [200] * 3

    command = [
        sys.executable,
        "-m",
        "kuadrant",
        "limits",
        "toystore",
        f"--port={kuadrant.port}",
        "-o",
        "json",
    ]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    (line,) = told["kuadrant run"]["lines"]
    assert (line["limit"], line["value"], line["remaining"]) == ("create-toy", 3, 2)


def test_a_single_file_is_followed_like_a_folder(start: Callable[..., Kuadrant], toystore: Path) -> None:
    names = ("gateway", "httproute", "kuadrant", "ratelimitpolicy", "toystore")
    whole = "\n---\n".join((toystore / f"{name}.yaml").read_text() for name in names)
    (toystore / "whole.txt").write_text(whole)
    kuadrant = start(toystore / "whole.txt", "--echo")
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]

    (toystore / "whole.txt").write_text(whole.replace("limit: 5", "limit: 7"))
    kuadrant.wait(lambda: kuadrant.messages("the limits of a route are others now"))
    assert [kuadrant.request("POST").status for _ in range(3)] == [200] * 2 + [429]

    (toystore / "whole.txt").unlink()
    kuadrant.wait(lambda: kuadrant.messages("does not exist"))
    assert kuadrant.request("POST").status == 429
