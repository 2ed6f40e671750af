"""Ends limiting in order, where the last Kuadrant is being deleted.

First gateways are told of nothing any more, then the Kuadrant goes, and with it the rate limit service's
resource: the other way round each limited request would get an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kuadrant.incremental import are

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.compiler import Compilation
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.world import World
    from kuadrant.status import GatewayState

_NAMED = 5


def unlimited(compilation: Compilation) -> dict[Key, GatewayProgram]:
    """Return programs of the same gateways that limit nothing."""
    return {(one.namespace, one.name): replace(one, listeners=(), limits=()) for one in compilation.programs}


def remaining(world: World) -> tuple[str, ...]:
    """Return the objects of ours by which gateways are still told something, for people."""
    found = (
        f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}"
        for documents in world.existing.values()
        for one in documents
    )
    return tuple(sorted(found))


def not_moved(states: Mapping[Key, GatewayState], waiting: Iterable[Key]) -> tuple[str, ...]:
    """Return the gateways that may still ask the service of a Kuadrant that goes while another one counts.

    Args:
        states: how each gateway stands to what it is to have by the one that counts.
        waiting: the gateways that wait for something before they can be told.
    """
    late = {*waiting, *(key for key, one in states.items() if one.missing or not one.accepted)}
    return tuple(sorted("/".join(key) for key in late))


def not_heard(states: Mapping[Key, GatewayState]) -> tuple[str, ...]:
    """Return the gateways that go on with what they were told, since their control plane does not run."""
    return tuple(sorted("/".join(key) for key, one in states.items() if one.works_since is None))


def in_the_way(what: tuple[str, ...]) -> str:
    """Return what keeps a Kuadrant that is deleted from going, in words; empty if nothing does."""
    return ", ".join(_first(what))


def _first(what: tuple[str, ...]) -> Iterator[str]:
    yield from what[:_NAMED]
    if len(what) > _NAMED:
        yield f"and {len(what) - _NAMED} more"


class Unlimited:
    """Remembers the programs of `unlimited`, so that what does not change stays the same instance."""

    def __init__(self) -> None:
        self._made_from: tuple[object, ...] = ()
        self._programs: dict[Key, GatewayProgram] = {}

    def of(self, compilation: Compilation) -> Mapping[Key, GatewayProgram]:
        """Return programs of the same gateways that limit nothing."""
        if not are(self._made_from, compilation.programs):
            former, self._made_from = self._programs, compilation.programs
            self._programs = {
                key: former[key] if former.get(key) == one else one
                for key, one in unlimited(compilation).items()
            }
        return self._programs
