"""The bytes of numbers, texts and values in programs."""

from __future__ import annotations

import struct


def integer(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit of a byte says that more follow."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def signed(number: int) -> bytes:
    """An integer with its sign in the lowest bit."""
    return integer(number << 1 if number >= 0 else (-number - 1) << 1 | 1)


def text(value: str | bytes) -> bytes:
    """A text or bytes, after their length."""
    value = value.encode() if isinstance(value, str) else value
    return integer(len(value)) + value


def double(number: float) -> bytes:
    """Eight bytes, the lowest first."""
    return struct.pack("<d", number)
