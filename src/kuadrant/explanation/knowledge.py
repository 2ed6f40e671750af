"""Tells what is known of a request here, and what of it may be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.explanation.masked_values import is_of_headers
from kuadrant.explanation.record import Fact
from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS, selector_path
from kuadrant.policy.checked_expression import is_binding, kind
from kuadrant.policy.identity_source import CLAIMS, PATH, IdentitySource

if TYPE_CHECKING:
    from kuadrant.reference_model import Request

Path = tuple[str, ...]


class Knowledge(Struct, frozen=True, gc=False):
    """The attributes that are not known, and whether values of headers are shown.

    ``unknown`` has them by their paths, and all below these but what is below one of ``told``. What is below
    one of ``made_of_headers`` may tell the value of a header. Without ``knows_clock`` nobody knows when the
    rate limit service begins a slice of a sliding window.
    """

    unknown: Mapping[Path, Fact] = MappingProxyType({})
    told: frozenset[Path] = frozenset()
    show_values: bool = False
    made_of_headers: frozenset[Path] = frozenset()
    knows_clock: bool = True

    def knowing(self, source: IdentitySource | None, request: Request) -> Knowledge:
        """Return what is known where the gateway has identities from ``source``."""
        match source:
            case None:
                return self
            case IdentitySource("header"):
                return replace(self, told=self.told | {PATH}, made_of_headers=self.made_of_headers | {PATH})
            case IdentitySource("jwt") if CLAIMS in self.told:
                return replace(self, told=self.told | {PATH})
            case IdentitySource("mtls") if request.attributes.get(("connection", "mtls")) is False:
                return replace(self, told=self.told | {PATH})
        give = "--jwt CLAIMS" if source.kind == "jwt" else ""
        return replace(self, unknown={**self.unknown, PATH: Fact(name=".".join(PATH), give=give)})

    def missing(self, paths: Iterable[Path]) -> tuple[Fact, ...]:
        """The facts that would be needed to know what is at ``paths``."""
        found: dict[Fact, None] = {}
        for path in paths:
            if any(path[: len(told)] == told for told in self.told):
                continue
            for place, fact in self.unknown.items():
                if _touch(place, path):
                    found[fact] = None
        return tuple(found)

    def hides(self, paths: Iterable[Path]) -> bool:
        """Tell whether what is made of the attributes at ``paths`` may tell the value of a header."""
        return not self.show_values and any(
            is_of_headers(path) or any(_touch(path, own) for own in self.made_of_headers) for path in paths
        )


def _touch(path: Path, other: Path) -> bool:
    common = min(len(path), len(other))
    return path[:common] == other[:common]


def selected(selector: str) -> Path:
    """The path of what a selector of v1beta2 reads; empty if it is none."""
    path = selector_path(selector) or ()
    if path[:2] == ("request", "headers"):
        path = (*path[:2], *(name.lower() for name in path[2:]))
    return path


def read_by(part: Any) -> frozenset[Path]:
    """The paths of all attributes that a part of an expression reads, as far as they are written there."""
    found: set[Path] = set()
    _collect(part, found, {})
    return frozenset(found)


def attribute(part: Any, bound: Mapping[str, Path] = MappingProxyType({})) -> Path | None:
    """The path of the attribute that a part of an expression is; None if it is something else.

    ``bound`` are names that an expression has given to attributes.
    """
    match kind(part):
        case "name":
            name = part.name.name
            if name in bound:
                return bound[name]
            return (name,) if name in ATTRIBUTES or name in OPEN_ROOTS else None
        case "select":
            above = attribute(part.select.operand, bound)
            return None if above is None else (*above, part.select.field)
        case "call" if part.call.function in ("_[_]", "_[?_]", "_?._"):
            container, key = part.call.arguments
            above = attribute(container, bound)
            return (*above, key.constant.text) if above is not None and _is_text(key) else None
        case _:
            return None


def _collect(part: Any, found: set[Path], bound: Mapping[str, Path]) -> None:
    path = attribute(part, bound)
    if path is not None:
        found.add(path)
        return
    if part.call.function == "@in":
        key, container = part.call.arguments
        above = attribute(container, bound)
        if above is not None and _is_text(key):
            found.add((*above, key.constant.text))
            return
    if kind(part) == "comprehension":
        _collect_within(part.comprehension, found, bound)
        return
    for below in children(part):
        _collect(below, found, bound)


def _collect_within(loop: Any, found: set[Path], bound: Mapping[str, Path]) -> None:
    """Return what is read by a repetition, or with a name that ``cel.bind`` gives."""
    own = (loop.variable, loop.second_variable, loop.accumulator)
    within = {name: path for name, path in bound.items() if name not in own}
    _collect(loop.range, found, bound)
    path = attribute(loop.start, bound)
    if path is not None and is_binding(loop):
        # Of all headers only those count that are then asked for.
        _collect(loop.result, found, {**within, loop.accumulator: path})
        return
    _collect(loop.start, found, bound)
    for below in (loop.condition, loop.step, loop.result):
        _collect(below, found, within)


def _is_text(part: Any) -> bool:
    return bool(part.constant.HasField("text"))


def children(part: Any) -> list[Any]:
    """The expressions that a part consists of."""
    match kind(part):
        case "select":
            return [part.select.operand]
        case "call":
            target = [part.call.target] if part.call.HasField("target") else []
            return [*target, *part.call.arguments]
        case "list":
            return [*part.list.elements]
        case "struct":
            return [one for entry in part.struct.entries for one in (entry.key, entry.value) if kind(one)]
        case "comprehension":
            loop = part.comprehension
            return [loop.range, loop.start, loop.condition, loop.step, loop.result]
        case _:
            return []
