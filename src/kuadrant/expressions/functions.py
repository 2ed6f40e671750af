"""The functions and operators of programs, by the numbers that ``wasm-shim/src/cel/function.zig`` has."""

from __future__ import annotations

from typing import Final

OPERATORS: Final = {
    "!_": 1,
    "-_": 2,
    "_+_": 3,
    "_-_": 4,
    "_*_": 5,
    "_/_": 6,
    "_%_": 7,
    "_==_": 8,
    "_!=_": 9,
    "_<_": 10,
    "_<=_": 11,
    "_>_": 12,
    "_>=_": 13,
    "_[_]": 14,
    "_[?_]": 15,
    "@in": 16,
}

STANDARD: Final = {
    "size": 17,
    "contains": 18,
    "startsWith": 19,
    "endsWith": 20,
    "int": 21,
    "uint": 22,
    "double": 23,
    "string": 24,
    "bytes": 25,
    "bool": 26,
    "duration": 27,
    "timestamp": 28,
    "type": 29,
    "getFullYear": 31,
    "getMonth": 32,
    "getDate": 33,
    "getDayOfMonth": 34,
    "getDayOfYear": 35,
    "getDayOfWeek": 36,
    "getHours": 37,
    "getMinutes": 38,
    "getSeconds": 39,
    "getMilliseconds": 40,
}

STRINGS: Final = {
    "charAt": 41,
    "indexOf": 42,
    "lastIndexOf": 43,
    "join": 44,
    "lowerAscii": 45,
    "upperAscii": 46,
    "replace": 47,
    "split": 48,
    "substring": 49,
    "trim": 50,
    "reverse": 51,
    "strings.quote": 52,
}

OPTIONALS: Final = {
    "optional.of": 53,
    "optional.ofNonZeroValue": 54,
    "optional.none": 55,
    "hasValue": 56,
    "value": 57,
    "first": 60,
    "last": 61,
}

OWN: Final = {"queryMap": 62}

NUMBERS: Final = {**OPERATORS, **STANDARD, **STRINGS, **OPTIONALS, **OWN}

BEYOND_HOST: Final = frozenset(
    {*STRINGS, *OPTIONALS, *OWN, "_?._", "_[?_]", "or", "orValue", "optMap", "optFlatMap"}
)
"""What Envoy's own evaluator does not have."""

TYPES: Final = {
    "null_type": 0,
    "bool": 1,
    "int": 2,
    "uint": 3,
    "double": 4,
    "string": 5,
    "bytes": 6,
    "list": 7,
    "map": 8,
    "google.protobuf.Duration": 9,
    "google.protobuf.Timestamp": 10,
    "type": 11,
    "optional_type": 12,
}
"""The types of values, as expressions name them."""
