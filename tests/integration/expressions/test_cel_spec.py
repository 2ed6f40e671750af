"""Expressions mean what the definition of CEL says: its own cases, in the module and in Python.

Variables are bound by `cel.bind`. Cases with messages, with other names than single words, and of what
docs/expressions.md calls outside are left out.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import duration_pb2, timestamp_pb2

from kuadrant.expressions.functions import TYPES
from kuadrant.expressions.not_evaluable import OutsideError
from tests.stand_ins import stand_in
from tests.unit.expressions.evaluations import ENDED, ERROR, compiled, of_google, of_module
from tests.unit.expressions.program_runner import Runner, Typed

from .conformance_data import cases, downloaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {
    "basic": 39,
    "bindings_ext": 5,
    "comparisons": 318,
    "conversions": 108,
    "fields": 54,
    "fp_math": 29,
    "integer_math": 61,
    "lists": 39,
    "logic": 21,
    "macros": 44,
    "optionals": 59,
    "parse": 172,
    "plumbing": 5,
    "string": 51,
    "string_ext": 90,
    "timestamps": 71,
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
            yield name, _wanted(test), *compiled(_bound(test), fold=False)
        except (OutsideError, RuntimeError):
            continue


def _bound(test: Any) -> str:
    text = str(test.expr)
    for name, bound in test.bindings.items():
        if name.isidentifier() and name not in ("true", "false", "null"):
            text = f"cel.bind({name}, dyn({_literal(bound.value)}), {text})"
    return text


def _literal(value: Any) -> str:  # noqa: PLR0911 - one for each kind
    match value.WhichOneof("kind"):
        case "null_value":
            return "null"
        case "bool_value":
            return str(value.bool_value).lower()
        case "uint64_value":
            return f"{value.uint64_value}u"
        case "string_value":
            return json.dumps(value.string_value)
        case "bytes_value":
            return "b'{}'".format("".join(f"\\x{byte:02x}" for byte in value.bytes_value))
        case "list_value":
            return "[{}]".format(", ".join(map(_literal, value.list_value.values)))
        case "map_value":
            entries = (f"{_literal(one.key)}: {_literal(one.value)}" for one in value.map_value.entries)
            return "{{{}}}".format(", ".join(entries))
        case "object_value" if value.object_value.type_url.endswith("Duration"):
            _, microseconds = _moment(value.object_value)
            return f"duration('{microseconds}us')"
        case "int64_value" | "double_value" as kind:
            return repr(getattr(value, kind))
    raise OutsideError("a message")


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
