"""The schema of the chart's values knows each of them, says what it is, and takes no other name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from scripts.chart_tree import tree
from scripts.chart_values import values
from scripts.generate_chart import CHART
from scripts.generate_values import PAGE, page

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
# Kubernetes may have more names there than we know, or people have their own.
OPEN = {"topologySpreadConstraints", "podLabels", "podAnnotations"}


def _objects(schema: dict[str, Any], name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema that has names of its own, by where it is."""
    if "properties" in schema:
        yield name, schema
    for inner, one in schema.get("properties", {}).items():
        yield from _objects(one, f"{name}.{inner}".lstrip("."))
    for keyword in ("items", "then"):
        if keyword in schema:
            yield from _objects(schema[keyword], name)


def test_it_takes_no_name_that_is_not_ours() -> None:
    open_ = {
        name
        for name, schema in _objects(SCHEMA)
        if schema.get("additionalProperties") is not False and name.split(".")[-1] not in OPEN
    }
    assert open_ == set()


def test_everything_in_it_is_described() -> None:
    silent = [
        f"{name}.{inner}"
        for name, schema in _objects(SCHEMA)
        for inner, one in schema["properties"].items()
        if not one.get("description")
    ]
    assert silent == []


def test_every_value_of_the_chart_is_in_it_with_its_default() -> None:
    found = dict(values(tree()))
    assert {"image.registry", "ratelimit.resources", "podLabels", "networkPolicies.callers"} <= found.keys()
    for name, value in found.items():
        default: Any = VALUES
        schema: Any = SCHEMA
        for part in name.split("."):
            default, schema = default[part], schema.get("then", schema)["properties"][part]
        assert default == value.default, name
        assert schema == {"description": value.description, **value.schema}, name


@pytest.mark.parametrize("name", [name for name, _ in values(tree())])
def test_each_value_is_on_the_page(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE.read_text()


def test_the_page_is_what_the_chart_has() -> None:
    assert PAGE.read_text() == page(), "run `make generate`"
