"""Recipes: the tests of each hold and reach all of it, nothing in it is suspicious, and the page has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.cli import command_line
from scripts.generate_recipes import FOLDER, ORDER, PAGE, page

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = [FOLDER / name for name in ORDER]
each = pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)


def report(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    with pytest.raises(SystemExit):
        command_line.main([*map(str, arguments), "--output", "json"])
    return json.loads(capsys.readouterr().out)


def test_the_page_has_every_recipe() -> None:
    assert sorted(ORDER) == sorted(folder.name for folder in FOLDER.iterdir())
    assert PAGE.read_text() == page(), "run `make generate`"


@each
def test_what_it_promises_is_so_and_none_of_it_is_left_out(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = report(capsys, "test", recipe, "--coverage")
    assert (told["failed"], told["skipped"]) == (0, 0)
    assert told["passed"] > 0
    assert told["coverage"]["notReached"] == []


@each
def test_nothing_in_it_is_suspicious(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = report(capsys, "check", recipe)
    # A limit in shadow is told of wherever there is one.
    assert [one["code"] for one in told["findings"] if one["code"] != "refuses-nobody"] == []
