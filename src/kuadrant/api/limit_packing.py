"""Limits in less room than their text takes, so that ten thousand fit into one object.

A Limitador resource of our own definition has ``spec.packedLimits`` beside ``spec.limits``: a list of texts,
each the base64 of what zlib makes of a JSON list of limits. Which text a limit is in depends on what it
counts alone: an edit of one changes one of them.

Limits that Limitador does not have, by their algorithm, mode or cost, are always packed. A definition that
has the field drops nothing within it, Limitador never takes them for its own, and as a part of the spec they
have its generation, by which it is known that they are held; an annotation has none.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from kuadrant.api.limitador import Limit, ReadLimits, read_limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.limitador import LimitadorSpec

FIELD: Final = "packedLimits"
"""The field of ``spec``."""
ALGORITHMS: Final = "packedLimits.algorithm"
"""What a service says that it reads, if it counts packed limits by their algorithm."""
MODES: Final = "packedLimits.mode"
"""Likewise, if it refuses by the mode of packed limits, and for as many as they say."""
SOFT_ONES: Final = "packedLimits.mode.Soft"
"""Likewise, if it says which soft limits are exceeded."""
COSTS: Final = "packedLimits.by_cost"
"""Likewise, if it counts what a request costs."""
_IN_ONE: Final = 128
"""So many limits are in one text, about: to pack them takes a millisecond."""
_MOST_BYTES: Final = 1 << 20
"""The most that one text may give."""


def limits_of(spec: LimitadorSpec) -> ReadLimits:
    """Read all limits of a resource, packed or not; a text that is not packed limits refuses them all."""
    limits, left_out, refused = read_limits(spec.limits)
    for index, text in enumerate(spec.packed_limits):
        try:
            more, wrong, problem = _read(text)
        except NotPackedError as error:
            return ReadLimits((), (), f"{FIELD}[{index}] {error}")
        refused = refused or (problem and f"{FIELD}[{index}] {problem}")
        limits = (*limits, *more)
        left_out = (*left_out, *(one._replace(name=f"{FIELD}[{index}] {one.name}") for one in wrong))
    return ReadLimits(limits, left_out, refused)


class NotPackedError(ValueError):
    """A text that is not what packing gives; its own text says why."""


def pack(limits: Iterable[Limit]) -> tuple[str, ...]:
    """Return texts that stand for ``limits``; the same for the same limits in any order."""
    limits = tuple(limits)
    number = 1
    while number * _IN_ONE < len(limits):
        number *= 2
    chunks: list[list[Limit]] = [[] for _ in range(number)]
    for limit in limits:
        chunks[limit.checksum % number].append(limit)
    return tuple(_pack(tuple(chunk)) for chunk in chunks if chunk)


def unpack(text: str) -> bytes:
    """Return the JSON list that one text stands for.

    Raises:
        NotPackedError: it stands for nothing, or for more than a mebibyte.
    """
    try:
        packed = base64.b64decode(text, validate=True)
        inflate = zlib.decompressobj()
        data = inflate.decompress(packed, _MOST_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise NotPackedError(f"is not what packed limits are: {error}") from None
    if inflate.unconsumed_tail:
        raise NotPackedError(f"gives more than {_MOST_BYTES} bytes")
    if not inflate.eof:
        raise NotPackedError("ends too early")
    return data


# A resource is read again whenever anything of it changes, which is one text in a hundred.
@lru_cache(maxsize=256)
def _read(text: str) -> ReadLimits:
    return read_limits(msgspec.Raw(unpack(text)))


def _order(limit: Limit) -> tuple[object, ...]:
    return (limit.namespace, limit.conditions, limit.seconds, limit.variables, limit.name, limit.max_value)


# Of the texts of two resources: of all but one the limits are as they were.
@lru_cache(maxsize=256)
def _pack(limits: tuple[Limit, ...]) -> str:
    in_order = sorted(limits, key=_order)
    return base64.b64encode(zlib.compress(msgspec.json.encode(in_order), 9)).decode()
