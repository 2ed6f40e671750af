"""`kuadrant topology`, by its output and exit codes; the page about it shows what it really prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "toystore-v1"


def test_the_page_shows_what_is_printed(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code, out, err = run("topology", "examples/toystore-v1")
    assert (code, err) == (0, "")
    shown = "".join(f"    {line}\n" for line in out.splitlines())
    assert f"    $ kuadrant topology examples/toystore-v1\n{shown}" in (ROOT / "docs/topology.md").read_text()


def test_programs_get_the_record(run: Callable[..., tuple[int, str, str]]) -> None:
    record = json.loads(run("topology", EXAMPLE, "-o", "json")[1])
    (gateway,) = record["classes"][0]["gateways"]
    rules = gateway["listeners"][0]["routes"][0]["rules"]
    assert [policy["state"] for rule in rules for policy in rule.get("policies", ())] == ["in effect"]


@pytest.mark.parametrize(("form", "begins"), [("dot", "digraph topology {"), ("mermaid", "flowchart LR")])
def test_graphs_are_for_other_programs(
    run: Callable[..., tuple[int, str, str]], form: str, begins: str
) -> None:
    assert run("topology", EXAMPLE, "-o", form)[1].startswith(f"{begins}\n")


@pytest.mark.parametrize("words", [(), ("--cluster", "somewhere"), ("nowhere",)])
def test_what_is_not_there_is_wrong_usage(
    run: Callable[..., tuple[int, str, str]], words: tuple[str, ...]
) -> None:
    code, out, err = run("topology", *words)
    assert (code, out) == (2, "")
    assert err.startswith("kuadrant: ")
    code, out, _ = run("topology", *words, "-o", "json")
    assert (code, [*json.loads(out)]) == (2, ["error"])


def test_mistakes_are_told_with_their_places(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text("kind: Gateway\n")
    code, out, err = run("topology", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith(f"{tmp_path}/a.yaml:1:1: mistake: ")
