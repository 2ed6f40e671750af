"""Maps that are made of texts: of a query, and of headers (``cel/query.zig``, ``cel/places.zig``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.reference_model.steps.budget import Growth
from kuadrant.reference_model.steps.values import ENTRY, MAP, VALUE, Map

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.reference_model.steps.budget import Work

_FEW: Final = 8
_HEXADECIMAL: Final = b"0123456789abcdefABCDEF"


class Table:
    """Entries by texts, in a table once they are more than a few."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._growth = Growth(work, ENTRY)
        self._places: list[int] = []
        self.entries: list[tuple[bytes, Any]] = []

    def find(self, text: bytes) -> int | None:
        """The number of the entry with this key."""
        if not self._places:
            return next((at for at, (key, _) in enumerate(self.entries) if self._same(key, text)), None)
        at = self._hash(text)
        while number := self._places[at % len(self._places)]:
            if self._same(self.entries[number - 1][0], text):
                return number - 1
            at += 1
        return None

    def append(self, key: bytes, value: Any) -> None:
        """One more entry, whose key is not there."""
        self._growth.append()
        self.entries.append((key, value))
        count = len(self.entries)
        if count <= _FEW:
            return
        if 2 * count <= len(self._places):
            self._put(count - 1)
            return
        size = 1 << (4 * count - 1).bit_length()
        self._work.allocate(4, size)
        self._places = [0] * size
        for number in range(count):
            self._put(number)

    def map(self, *, headers: bool = False) -> Map:
        """All of them."""
        self._work.allocate(MAP)
        return Map(self.entries, headers)

    def _put(self, number: int) -> None:
        at = self._hash(self.entries[number][0])
        while self._places[at % len(self._places)]:
            self._work.take(1)
            at += 1
        self._places[at % len(self._places)] = number + 1

    def _same(self, one: bytes, other: bytes) -> bool:
        self._work.take(1)
        if len(one) != len(other):
            return False
        self._work.over(len(one))
        return one == other

    def _hash(self, text: bytes) -> int:
        self._work.through(len(text))
        result = 0x811C9DC5
        for byte in text:
            result = (result ^ byte) * 0x01000193 & 0xFFFFFFFF
        return result ^ (result >> 15)


def query_map(work: Work, query: bytes, *, repeats: bool) -> Map:
    """The parameters of a query; with ``repeats`` the values of a name that repeats are a list."""
    table = Table(work)
    for parameter in query.split(b"&"):
        name, _, rest = parameter.partition(b"=")
        name, text = _decoded(work, name), _decoded(work, rest.partition(b"=")[0])
        work.take(8)
        place = table.find(name)
        if place is None:
            table.append(name, text)
        elif repeats:
            key, before = table.entries[place]
            values = before if isinstance(before, list) else [before]
            work.take(len(values))
            work.allocate(VALUE, len(values) + 1)
            table.entries[place] = key, [*values, text]
    return table.map()


def _decoded(work: Work, text: bytes) -> bytes:
    work.through(len(text))
    if b"%" not in text:
        return text
    work.allocate(1, len(text))
    work.take(len(text) // 2)
    result = bytearray()
    index = 0
    while index < len(text):
        digits = text[index + 1 : index + 3]
        if text[index] == ord("%") and len(digits) == 2 and all(one in _HEXADECIMAL for one in digits):
            result.append(int(digits, 16))
            index += 3
        else:
            result.append(text[index])
            index += 1
    try:
        result.decode()
    except UnicodeDecodeError:
        return text
    return bytes(result)


def header_map(work: Work, headers: Mapping[str, str]) -> Map:
    """All headers of a request."""
    table = Table(work)
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        work.through(64 + len(key) + len(text))
        table.find(key)
        table.append(key, text)
    return table.map(headers=True)
