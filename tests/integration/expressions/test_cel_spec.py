"""Expressions mean what the definition of CEL says: its own cases, in the module and in Python.

Cases with variables, with messages, and of what docs/expressions.md calls outside are left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import duration_pb2, timestamp_pb2

from kuadrant.expressions.functions import TYPES
from kuadrant.expressions.outside import OutsideError
from tests.stand_ins import stand_in
from tests.unit.expressions.evaluations import ENDED, ERROR, compiled, of_google, of_module
from tests.unit.expressions.program_runner import Runner, Typed

from .conformance_data import cases, downloaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {
    "basic": 38,
    "bindings_ext": 5,
    "comparisons": 308,
    "conversions": 108,
    "fields": 47,
    "fp_math": 29,
    "integer_math": 61,
    "lists": 39,
    "logic": 21,
    "macros": 44,
    "optionals": 59,
    "parse": 171,
    "plumbing": 5,
    "string": 51,
    "string_ext": 90,
    "timestamps": 70,
    "type_deduction": 12,
}
"""So many cases of each file have to pass."""

AS_GOOGLE = {
    # Its parser keeps no backslash before a question mark; 0 and 0u may be in one map.
    "parse/string_literals/triple_single_quoted_unescaped_punctuation",
    "parse/string_literals/triple_double_quoted_unescaped_punctuation",
    "parse/bytes_literals/triple_single_quoted_unescaped_punctuation",
    "parse/bytes_literals/triple_double_quoted_unescaped_punctuation",
    "fields/qualified_identifier_resolution/map_value_repeat_key_heterogeneous",
}
"""What is open in Google's implementation, and so here: both give the same."""


@pytest.fixture(scope="module")
def folder() -> Path:
    """The definition's own data."""
    return downloaded()


@pytest.fixture(scope="module")
def runner() -> Runner:
    """The module's evaluator."""
    return Runner(stand_in("expressions"))


@pytest.mark.parametrize("file", FILES)
def test_cases_of_the_definition(runner: Runner, folder: Path, file: str) -> None:
    passed, failed = 0, []
    for name, wanted, google, program in _evaluated(folder, file):
        found = runner.evaluate(program)
        if isinstance(found, Typed):
            both = {repr(found.number)}
        else:
            by_google = of_google(google, {})
            both = {repr(of_module(found)), repr(ERROR if by_google == ENDED else by_google)}
        if both == {repr(wanted)}:
            passed += 1
        elif name not in AS_GOOGLE or len(both) > 1:
            failed.append((name, wanted, both))
    assert failed == []
    assert passed == FILES[file]


def _evaluated(folder: Path, file: str) -> Iterator[tuple[str, Any, Any, bytes]]:
    for name, test in cases(folder, file):
        if test.check_only or test.WhichOneof("result_matcher") in ("unknown", "any_unknowns"):
            continue
        try:
            yield name, _wanted(test), *compiled(test.expr, fold=False)
        except (OutsideError, RuntimeError):
            continue


def _wanted(test: Any) -> Any:
    match test.WhichOneof("result_matcher"):
        case None:
            return True
        case "value":
            return _value(test.value)
        case "typed_result":
            return _value(test.typed_result.result)
    return ERROR


def _value(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    match value.WhichOneof("kind"):
        case "null_value":
            return None
        case "double_value" if math.isnan(value.double_value):
            return "not a number"
        case "list_value":
            return [_value(one) for one in value.list_value.values]
        case "map_value":
            return sorted((repr(_value(one.key)), repr(_value(one.value))) for one in value.map_value.entries)
        case "type_value":
            return TYPES[value.type_value]
        case "object_value":
            return _moment(value.object_value)
        case kind:
            return getattr(value, kind)


def _moment(packed: Any) -> tuple[str, int]:
    kind = "duration" if packed.type_url.endswith("Duration") else "timestamp"
    message: Any = {"duration": duration_pb2.Duration, "timestamp": timestamp_pb2.Timestamp}[kind]()
    message.ParseFromString(packed.value)
    return kind, (message.seconds * 10**9 + message.nanos) // 1000
