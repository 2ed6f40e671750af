"""The commands by themselves: where they are in the table, and what they have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.cli import (
    app,
    check,
    completion,
    explain,
    explain_key,
    lasting_commands,
    limits,
    policy_tests,
    status,
    topology,
    translate,
    version,
    wasm,
)
from kuadrant.cli.cluster import ask_cluster
from kuadrant.cli.output import write
from kuadrant.cli.standalone import needs_envoy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("run", lasting_commands.run),
        ("ratelimit", lasting_commands.ratelimit),
        ("operator", lasting_commands.operator),
        ("check", check.check),
        ("translate", translate.translate),
        ("explain", explain.explain),
        ("explain-key", explain_key.explain_key),
        ("test", policy_tests.run_tests),
        ("status", status.status),
        ("version", version.version),
        ("topology", topology.topology),
        ("limits", limits.limits),
        ("completion", completion.completion),
        ("wasm list", wasm.list_modules),
        ("wasm inspect", wasm.inspect),
        ("wasm verify", wasm.verify),
        ("wasm fetch", wasm.fetch_release),
        ("wasm gc", wasm.collect),
        ("wasm who", wasm.who_fetched),
    ],
)
def test_each_command_is_called_by_its_words(words: str, command: Callable[..., int]) -> None:
    found: Any = app
    for word in words.split():
        found = found[word]
    assert found.default_command is command


def test_a_cluster_that_cannot_be_asked_ends_the_command_with_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def never(_client: object) -> None:
        raise AssertionError

    with pytest.raises(SystemExit, match="1"):
        ask_cluster(tmp_path / "no-kubeconfig", never)
    assert capsys.readouterr().err.startswith("kuadrant: there is no kubeconfig at ")
    with pytest.raises(SystemExit, match="1"):
        ask_cluster(tmp_path / "no-kubeconfig", never, "json")
    assert json.loads(capsys.readouterr().out)["error"].startswith("there is no kubeconfig at ")


def test_people_get_text_and_programs_json(capsys: pytest.CaptureFixture[str]) -> None:
    write({"a": "ü"}, "a is ü", "text")
    write({"a": "ü"}, "a is ü", "json")
    assert capsys.readouterr().out == 'a is ü\n{\n  "a": "ü"\n}\n'


def test_a_package_that_is_left_out_is_named() -> None:
    with (
        pytest.raises(SystemExit, match=r"^kuadrant run: the package envoy is not installed;"),
        needs_envoy("kuadrant run"),
    ):
        raise ModuleNotFoundError(name="envoy")
