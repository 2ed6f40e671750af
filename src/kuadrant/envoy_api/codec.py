"""Between Envoy's JSON form and its bytes, over a descriptor pool of our own.

The pool is private because a name such as ``envoy.config.core.v3.Node`` may exist once in protobuf's default
pool, and other packages of the same process may have put their own file with it there.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message


class InvalidResourceError(ValueError):
    """A resource is not what the ``.proto`` files say; the text names the type and the field."""


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    compiled = files(__package__).joinpath("descriptors.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(compiled).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


@cache
def message(full_name: str) -> Any:
    """The class of a message, for example ``message("envoy.config.core.v3.Node")``.

    The same one for the same name.

    Raises:
        KeyError: No ``.proto`` file of this package defines it.
    """
    return GetMessageClass(_pool().FindMessageTypeByName(full_name))


def encode(resource: Mapping[str, Any]) -> bytes:
    """The bytes of the ``google.protobuf.Any`` that a resource in Envoy's JSON form stands for.

    ``resource`` has its type in ``@type``; every ``Any`` within has one, too. Bytes are in base64. The same
    resource gives the same bytes, in whatever order the keys of its mappings are.

    Raises:
        InvalidResourceError: A type, a field or a value of an enumeration is unknown, or a value has the
            wrong type.
    """
    packed = message("google.protobuf.Any")()
    try:
        json_format.ParseDict(dict(resource), packed, descriptor_pool=_pool())
    except (json_format.Error, TypeError, ValueError, KeyError, AttributeError) as error:
        kind = str(resource.get("@type", "no @type")).rpartition("/")[2]
        raise InvalidResourceError(f"{kind}: {' '.join(str(error).split())}") from error
    if not packed.type_url:
        raise InvalidResourceError("no @type: a resource has to name its type")
    _sort_maps(packed)
    return packed.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def decode(packed: bytes) -> dict[str, Any]:
    """The JSON form of a serialized ``google.protobuf.Any``.

    It has ``@type``, and field names as in the ``.proto`` files.

    Raises:
        InvalidResourceError: The bytes are not an ``Any``, or its type is none of this package.
    """
    try:
        resource: dict[str, Any] = json_format.MessageToDict(
            message("google.protobuf.Any").FromString(packed),
            preserving_proto_field_name=True,
            descriptor_pool=_pool(),
        )
    except (DecodeError, json_format.Error, TypeError) as error:
        raise InvalidResourceError(f"cannot be decoded: {error}") from error
    return resource


def _sort_maps(value: Message) -> None:
    """Pack every ``Any`` within ``value`` again with its maps sorted by key.

    Protobuf does not do so by itself.
    """
    if value.DESCRIPTOR.full_name == "google.protobuf.Any":
        packed: Any = value
        if packed.type_url:
            content = message(packed.type_url.rpartition("/")[2]).FromString(packed.value)
            _sort_maps(content)
            packed.value = content.SerializeToString(deterministic=True)
        return
    for field, content in value.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for item in content.values():
                    _sort_maps(item)
        elif field.is_repeated:
            for item in content:
                _sort_maps(item)
        else:
            _sort_maps(content)
