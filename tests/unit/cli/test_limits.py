"""`kuadrant limits`, by its output and exit codes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kuadrant.api.counter_page import CounterLine, CounterPage
from kuadrant.cli.counter_table import counter_table
from kuadrant.ratelimit import RateLimitService
from kuadrant.standalone.counter_socket import CounterSocket, socket_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

USED = CounterLine(
    scope="default/toystore",
    limit="per-user",
    max_value=5,
    seconds=10,
    value=5,
    remaining=0,
    resets_in=6.4,
    key=(("request.headers['x-user']", "(masked 0a1b2c3d)"),),
)


def plain(_: str, text: str) -> str:
    return text


def test_a_counter_is_told_readable_at_80_columns() -> None:
    page = CounterPage(lines=(USED,), counted=3, unseen=7)
    text = counter_table({"kuadrant run": page}, plain)
    assert text.splitlines() == [
        "5 of 5 in 10 s, 0 left, resets in 6 s: per-user of default/toystore",
        "    [request.headers['x-user'] = (masked 0a1b2c3d)]",
        "... and 2 counters more",
        "7 older counters were not looked at",
        "values are masked; --show-values shows them",
    ]


def test_a_limit_that_is_not_enforced_is_told_to_be_in_shadow() -> None:
    lines = [replace(USED, enforce_percent=percent, key=()) for percent in (0, 25, 100)]
    assert counter_table({"kuadrant run": CounterPage(lines=tuple(lines))}, plain).splitlines() == [
        "5 of 5 in 10 s, in shadow, 0 left, resets in 6 s: per-user of default/toystore",
        "5 of 5 in 10 s, enforced for 25 % and in shadow for the others, 0 left, resets",
        "    in 6 s: per-user of default/toystore",
        "5 of 5 in 10 s, 0 left, resets in 6 s: per-user of default/toystore",
    ]


def test_what_a_soft_limit_and_a_cost_are_is_told() -> None:
    lines = [replace(USED, enforce_percent=0, mode="Soft", key=()), replace(USED, by_cost=True, key=())]
    assert counter_table({"kuadrant run": CounterPage(lines=tuple(lines))}, plain).splitlines() == [
        "5 of 5 in 10 s, soft, 0 left, resets in 6 s: per-user of default/toystore",
        "5 of 5 in 10 s, of which a request costs several, 0 left, resets in 6 s: per-",
        "    user of default/toystore",
    ]


def test_of_several_pods_each_is_named_and_those_that_say_nothing_are_left_out() -> None:
    pods: dict[str, CounterPage | str] = {
        "one": CounterPage(),
        "two": "cannot be asked",
        "three": CounterPage(stored=True),
    }
    assert counter_table(pods, plain).splitlines() == [
        "one:",
        "nothing is counted at the moment",
        "three:",
        "counters are in a store, which is not asked",
    ]


def test_of_a_policy_of_which_nothing_is_counted_the_name_is_told() -> None:
    assert counter_table({"one": CounterPage()}, plain, "default/idle").splitlines() == [
        "nothing is counted at the moment of RateLimitPolicy default/idle",
        "(limits of scope Gateway are counted in gateways, where they cannot be read)",
    ]


async def test_a_policy_that_is_not_there_is_said_with_those_that_are(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    policies = [f"default/p{number:02}" for number in range(12)]
    asked_at = CounterSocket(RateLimitService(()), socket_path(8000), lambda: policies)
    await asked_at.start()

    code, out, err = await asyncio.to_thread(run, "limits", "nope")
    assert (code, out) == (1, "")
    first = ", ".join(policies[:10])
    assert err == f"kuadrant: no RateLimitPolicy default/nope is known; there are {first} and 2 more\n"
    code, out, _ = await asyncio.to_thread(run, "limits", "nope", "-o", "json")
    assert (code, [*json.loads(out)]) == (1, ["error"])
    code, out, _ = await asyncio.to_thread(run, "limits", "p03")
    assert code == 0
    assert out.startswith("nothing is counted at the moment of RateLimitPolicy default/p03\n")
    await asked_at.stop()
