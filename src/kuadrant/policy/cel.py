"""Check CEL expressions against what exists when they are evaluated: by the gateway, when a request's headers are there.

The expressions of a policy run in Envoy's own evaluator. It learns only with a request that a name does not exist, so that
is found out here, with the types and the position. What is declared is what Envoy offers in the request phase; the
functions are CEL's standard library, which is all that Envoy has (no ``lowerAscii``, ``split``, ``queryMap`` and the like).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, timestamp_pb2

from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS

_FIELD = descriptor_pb2.FieldDescriptorProto
_FIELD_TYPES = {
    "string": _FIELD.TYPE_STRING,
    "int": _FIELD.TYPE_INT64,
    "uint": _FIELD.TYPE_UINT64,
    "bool": _FIELD.TYPE_BOOL,
}
_PACKAGE = "kuadrant.attributes"


class ExpressionError(ValueError):
    """An expression that the gateway could not carry out; the text says where and why."""


# Checks are pure and policies repeat themselves, across limits and from one compilation to the next.
@lru_cache(maxsize=16384)
def check_predicate(expression: str) -> None:
    """Check that ``expression`` is a condition on a request.

    Raises:
        ExpressionError: It does not parse, names something that does not exist, or is not a boolean.
    """
    result = _result_type(expression)
    if result not in ("BOOL", "DYN"):
        raise ExpressionError(f"a predicate must be true or false, this is of type {result.lower()}")
    _check_for_gateway(expression, f"({expression}\n) ? true : false")


@lru_cache(maxsize=16384)
def check_counter(expression: str) -> None:
    """Check that ``expression`` has a value that can be written as text, to count by.

    Raises:
        ExpressionError: It does not parse, names something that does not exist, or is a list, a map or the like.
    """
    result = _result_type(expression)
    if result not in _WRITABLE:
        raise ExpressionError(
            f"a counter must have a value that can be written as text, this is of type {result.lower()}"
        )
    _check_for_gateway(expression, f"string({expression}\n)")


_WRITABLE = frozenset({"STRING", "INT", "UINT", "DOUBLE", "BOOL", "BYTES", "TIMESTAMP", "DURATION", "DYN"})


def _result_type(expression: str) -> str:
    """The name of the type of ``expression``, for example ``BOOL``."""
    return str(_compile(expression, _attributes()).return_type().name())


def _check_for_gateway(expression: str, within: str) -> None:
    """Check that the gateway takes ``expression``, sound in itself, alone and ``within`` the one that the shim makes of it."""
    try:
        _gateway().compile(within)
    except RuntimeError:
        # The part first, so that the place of the mistake is the one in its author's text.
        for text in (expression, within):
            _compile(text, _gateway())


def _compile(expression: str, environment: cel.Env) -> cel.Expression:
    try:
        return environment.compile(expression)
    except RuntimeError as error:
        raise ExpressionError(_readable(str(error), expression)) from None


_ERROR = re.compile(r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): (?P<text>.*)")
_NO_NAME = re.compile(r"undeclared reference to '(?P<name>[^']*)'")
_NO_FIELD = re.compile(
    rf"undefined field '(?P<field>[^']*)' not found in struct '{re.escape(_PACKAGE)}\.(?P<root>\w+)'"
)


def _readable(text: str, expression: str) -> str:
    """The first of the engine's complaints about ``expression``, in words for its author."""
    found = _ERROR.search(text)
    if not found:
        return text.partition(": ")[2].partition(" [")[0] or text
    line, column = int(found["line"]), int(found["column"])
    complaint = found["text"].removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    if field := _NO_FIELD.match(complaint):
        complaint = (
            f"{field['root']} has no attribute '{field['field']}' while the gateway looks at a request"
        )
    elif (name := _NO_NAME.match(complaint)) and expression.split("\n")[line - 1][column - 1 : column] == "(":
        complaint = f"the gateway has no function '{name['name']}'"
    return f"line {line}, column {column}: {complaint}"


@cache
def _attributes() -> cel.Env:
    """An environment that knows the attributes and their types."""
    variables = {root: cel.Type(f"{_PACKAGE}.{root}") for root in ATTRIBUTES}
    variables |= dict.fromkeys(OPEN_ROOTS, cel.Type.DYN)
    return cel.NewEnv(descriptor_pool=_attribute_messages(), variables=variables)


@cache
def _gateway() -> cel.Env:
    """An environment that knows as little as the gateway does when it takes an expression from the shim.

    One expression that it does not take would have the whole configuration refused. It knows no types of attributes, so none
    of ours can be named.
    """
    return cel.NewEnv(variables=dict.fromkeys((*ATTRIBUTES, *OPEN_ROOTS), cel.Type.DYN))


def _attribute_messages() -> descriptor_pool.DescriptorPool:
    """The attributes as message types, which is how CEL comes to know of fields and of ``has()``."""
    pool = descriptor_pool.DescriptorPool()
    for well_known in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(well_known.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="kuadrant/attributes.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"],
    )
    for root, attributes in ATTRIBUTES.items():
        message = file.message_type.add(name=root)
        for number, (name, type_name) in enumerate(attributes.items(), start=1):
            _add_field(message, name, number, type_name)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, type_name: str) -> None:
    field = message.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
    if type_name in _FIELD_TYPES:
        field.type = _FIELD_TYPES[type_name]
        return
    field.type = _FIELD.TYPE_MESSAGE
    if type_name == "timestamp":
        field.type_name = ".google.protobuf.Timestamp"
        return
    entry = message.nested_type.add(name=f"{name.title()}Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    field.label = _FIELD.LABEL_REPEATED
    field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"
