"""Programs in the module's own evaluator, which is compiled to a module of its own."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

import wasmtime

from kuadrant.expressions import encoding
from kuadrant.expressions.attribute_numbers import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str, ...]
FUEL = 1 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Outcome(Enum):
    """What a program may come to besides a value."""

    MALFORMED = -1
    NEWER = -2
    TOO_MUCH = -3
    NO_MEMORY = -4


class Failure(Enum):
    """Why an expression has no value."""

    NO_OVERLOAD = 1
    NO_SUCH_KEY = 2
    NO_SUCH_INDEX = 3
    DIVISION_BY_ZERO = 4
    OVERFLOW = 5
    NO_CONVERSION = 6
    NO_VALUE = 7
    REPEATED_KEY = 8
    OUT_OF_RANGE = 9
    NO_ATTRIBUTE = 10


@dataclass(frozen=True)
class Uint:
    """An unsigned integer."""

    number: int


@dataclass(frozen=True)
class Nanoseconds:
    """A duration or a timestamp."""

    kind: int
    number: int


@dataclass(frozen=True)
class Typed:
    """A type, by its number."""

    number: int


@dataclass(frozen=True)
class Optional:
    """An optional value; None for one that is not there."""

    value: tuple[Any] | None


class Runner:
    """One instance of the evaluator. ``counting``: it counts the instructions that it carries out."""

    def __init__(self, code: bytes, *, counting: bool = False) -> None:
        settings = wasmtime.Config()
        settings.consume_fuel = counting
        engine = wasmtime.Engine(settings)
        self._store = wasmtime.Store(engine)
        if counting:
            self._store.set_fuel(FUEL)
        exports = wasmtime.Instance(self._store, wasmtime.Module(engine, code), []).exports(self._store)
        self._exports: dict[str, Any] = {str(name): exports[str(name)] for name in exports}
        self._memory: wasmtime.Memory = self._exports["memory"]

    def call(self, name: str, *arguments: int) -> int:
        """What an export gives."""
        return int(self._exports[name](self._store, *arguments))

    def write(self, data: bytes) -> int:
        """The place of ``data`` in the module's memory."""
        place = self.call("room", len(data)) & 0xFFFFFFFF
        self._memory.write(self._store, data, place)
        return place

    def evaluate(
        self,
        program: bytes,
        attributes: Mapping[Any, Any] | None = None,
        *,
        steps: int = 1_000_000,
        memory: int = 1 << 20,
    ) -> Any:
        """The value of ``program``, a ``Failure``, or an ``Outcome``."""
        data = program + written_attributes(attributes or {})
        length = self.call("run", self.write(data), len(program), len(data), steps, memory)
        if length < 0:
            return Outcome(length)
        place = self.call("result") & 0xFFFFFFFF
        value, end = _read(bytes(self._memory.read(self._store, place, place + length)), 0)
        assert end == length
        return value

    @property
    def instructions(self) -> int:
        """All that were carried out."""
        return FUEL - self._store.get_fuel()

    @property
    def taken(self) -> tuple[int, int]:
        """Steps and bytes of the last evaluation that came to an end."""
        return self.call("stepsTaken"), self.call("bytesTaken")


def written_attributes(attributes: Mapping[Path, Any]) -> bytes:
    """Attributes as the runner reads them."""
    return encoding.integer(len(attributes)) + b"".join(
        _name(path) + _written(value, headers=path == ("request", "headers"))
        for path, value in attributes.items()
    )


def _name(path: Path) -> bytes:
    if path in NUMBERS:
        return b"\0" + encoding.integer(NUMBERS[path]) + encoding.text("")
    return b"\x01" + encoding.integer(0) + encoding.text(path[2])


def _written(value: Any, *, headers: bool = False) -> bytes:  # noqa: PLR0911 - one for each kind
    match value:
        case None:
            return b"\0"
        case bool():
            return bytes([1, value])
        case int():
            return b"\x02" + encoding.signed(value)
        case Uint(number):
            return b"\x03" + encoding.integer(number)
        case float():
            return b"\x04" + encoding.double(value)
        case str():
            return b"\x05" + encoding.text(value)
        case bytes():
            return b"\x06" + encoding.text(value)
        case list():
            return b"\x07" + encoding.integer(len(value)) + b"".join(map(_written, value))
        case dict():
            entries = b"".join(_written(one) for pair in value.items() for one in pair)
            return bytes([8, headers]) + encoding.integer(len(value)) + entries
        case timedelta():
            return b"\x09" + _moment(value // timedelta(microseconds=1) * 1000)
        case datetime():
            return b"\x0a" + _moment((value - _EPOCH) // timedelta(microseconds=1) * 1000)
    raise TypeError(value)


def _moment(nanoseconds: int) -> bytes:
    return encoding.signed(nanoseconds // 1_000_000_000) + encoding.integer(nanoseconds % 1_000_000_000)


def _integer(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return number, at


def _signed(data: bytes, at: int) -> tuple[int, int]:
    number, at = _integer(data, at)
    return (-(number >> 1) - 1 if number & 1 else number >> 1), at


def _read(data: bytes, at: int) -> tuple[Any, int]:  # noqa: PLR0911, PLR0912 - one for each kind
    kind = data[at]
    at += 1
    match kind:
        case 0:
            return None, at
        case 1:
            return bool(data[at]), at + 1
        case 2:
            return _signed(data, at)
        case 3:
            number, at = _integer(data, at)
            return Uint(number), at
        case 4:
            return struct.unpack("<d", data[at : at + 8])[0], at + 8
        case 5 | 6:
            length, at = _integer(data, at)
            text = data[at : at + length]
            return (text.decode() if kind == 5 else text), at + length
        case 7:
            count, at = _integer(data, at)
            items = []
            for _ in range(count):
                item, at = _read(data, at)
                items.append(item)
            return items, at
        case 8:
            count, at = _integer(data, at + 1)
            entries = []
            for _ in range(count):
                key, at = _read(data, at)
                value, at = _read(data, at)
                entries.append((key, value))
            return dict(entries), at
        case 9 | 10:
            seconds, at = _signed(data, at)
            nanoseconds, at = _integer(data, at)
            return Nanoseconds(kind, seconds * 1_000_000_000 + nanoseconds), at
        case 11:
            return Typed(data[at]), at + 1
        case 12:
            if not data[at]:
                return Optional(None), at + 1
            value, at = _read(data, at + 1)
            return Optional((value,)), at
    return Failure(data[at]), at + 1
