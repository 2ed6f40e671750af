"""Reads messages of protobuf without knowing their types."""

from __future__ import annotations


def strings(message: bytes) -> list[bytes]:
    """The strings of a message's length-delimited fields, in order.

    All shorter than 128 bytes but the outermost.
    """
    found: list[bytes] = []
    while message:
        length, start = message[1], 2
        if length > 127:
            length, start = (length & 127) | message[2] << 7, 3
        if message[0] & 7 == 0:
            message = message[2:]
            continue
        found.append(message[start : start + length])
        message = message[start + length :]
    return found
