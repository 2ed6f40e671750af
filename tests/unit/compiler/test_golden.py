"""What comes out for what goes in: one folder of ``tests/golden/compile`` for each case."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from kuadrant.api.objects import Objects
from kuadrant.compiler import Compilation, compile_gateways
from kuadrant.status import Evidence, policy_status
from tests.unit.compiler.statuses_text import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = {"toystore": pytest.mark.row(80), "v1beta2-full": pytest.mark.row(81)}
CASES = sorted((Path(__file__).parents[2] / "golden" / "compile").glob("*/in.yaml"))


@pytest.mark.parametrize(
    "source",
    [pytest.param(path, id=path.parent.name, marks=ROWS.get(path.parent.name, ())) for path in CASES],
)
def test_case(
    source: Path, read_objects: Callable[[str], Objects], golden: Callable[[Path, str], None]
) -> None:
    golden(source.with_name("program.yaml"), _written(compile_gateways(read_objects(source.read_text()))))


@pytest.mark.row(161)
@pytest.mark.parametrize("source", [pytest.param(path, id=path.parent.name) for path in CASES])
def test_the_order_of_the_objects_does_not_matter(
    source: Path, read_objects: Callable[[str], Objects]
) -> None:
    objects = read_objects(source.read_text())
    expected = _written(compile_gateways(objects))
    shuffler = random.Random(source.parent.name)
    for _ in range(5):
        shuffled = {}
        for field in objects.__struct_fields__:
            of_kind = list(getattr(objects, field))
            shuffler.shuffle(of_kind)
            shuffled[field] = tuple(of_kind)
        assert _written(compile_gateways(Objects(**shuffled))) == expected


def _written(compilation: Compilation) -> str:
    """The compilation as people like to read it.

    It has the statuses of the policies once every gateway has it.
    """
    everywhere = Evidence(
        frozenset(f"{program.namespace}/{program.name}" for program in compilation.programs)
    )
    statuses = [policy_status(facts, everywhere) for facts in compilation.policies]
    document = {
        "programs": _plain(compilation.programs),
        "problems": [f"{problem.severity}: {problem}" for problem in compilation.problems],
        "statuses": as_text(statuses).splitlines(),
    }
    return yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True)


def _plain(value: Any) -> Any:
    """Structs as mappings of their types and of the fields that differ from their defaults."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(type(value))
        values = {field.name: getattr(value, field.name) for field in fields}
        return {
            field.name: _plain(values[field.name])
            for field in fields
            if field.name == "type"
            or field.default is msgspec.NODEFAULT
            or values[field.name] != field.default
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
