"""The attributes and their types, as CEL comes to know of them."""

from __future__ import annotations

from functools import cache
from typing import Final

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2

from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS
from kuadrant.policy.cel_environment import environment

_IDENTITY: Final = ("auth",)
_FIELD = descriptor_pb2.FieldDescriptorProto
_FIELD_TYPES = {
    "string": _FIELD.TYPE_STRING,
    "int": _FIELD.TYPE_INT64,
    "uint": _FIELD.TYPE_UINT64,
    "bool": _FIELD.TYPE_BOOL,
}
_MESSAGES = {
    "timestamp": ".google.protobuf.Timestamp",
    "map(string, dyn)": ".google.protobuf.Struct",
}
PACKAGE = "kuadrant.attributes"


@cache
def typed(*, identity: bool = True) -> cel.Env:
    """Return an environment that knows the attributes and their types, also who a request is from."""
    roots = ATTRIBUTES.keys() - (() if identity else _IDENTITY)
    variables = {root: cel.Type(f"{PACKAGE}.{root}") for root in roots}
    variables |= dict.fromkeys(OPEN_ROOTS, cel.Type.DYN)
    return environment(variables, _attribute_messages())


def _attribute_messages() -> descriptor_pool.DescriptorPool:
    """The attributes as message types, which is how CEL comes to know of fields and of ``has()``."""
    pool = descriptor_pool.DescriptorPool()
    for well_known in (timestamp_pb2, duration_pb2, struct_pb2):
        pool.AddSerializedFile(well_known.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="kuadrant/attributes.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto", "google/protobuf/struct.proto"],
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
    if type_name in _MESSAGES:
        field.type_name = _MESSAGES[type_name]
        return
    entry = message.nested_type.add(name=f"{name.title()}Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    field.label = _FIELD.LABEL_REPEATED
    field.type_name = f".{PACKAGE}.{message.name}.{entry.name}"
