"""A large field of a message in protobuf's wire form.

To put it into the message and serialize that would copy it each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_LENGTH_DELIMITED = 2


def field(kind: Any, name: str, parts: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the field ``name`` of messages of ``kind``, with ``parts`` in a row as its value, in pieces.

    The field holds bytes, or a message whose serialized form the parts are. Behind the serialized rest of a
    message it is part of that message; a message that is there twice is merged, the later one wins
    (protobuf's encoding, "Last One Wins").
    """
    parts = tuple(parts)
    number = kind.DESCRIPTOR.fields_by_name[name].number
    return (_varint(number << 3 | _LENGTH_DELIMITED) + _varint(sum(map(len, parts))), *parts)


def _varint(number: int) -> bytes:
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)
