"""The listener that a request came in by, written down: part of the record of a decision."""

from __future__ import annotations

from msgspec import Struct

from kuadrant.explanation.origin import Origin


class Elsewhere(Struct, frozen=True, kw_only=True, gc=False):
    """A route that has the host of a request, and why it is not served where that came in."""

    route: str
    origin: Origin
    because: str


class NotServed(Struct, frozen=True, kw_only=True, gc=False):
    """Who does not serve a listener, and why."""

    by: str
    because: str


class TracedListener(Struct, frozen=True, kw_only=True, gc=False):
    """The listener that the request came in by. ``names`` are those that share the port.

    ``serving`` is the one of them whose rule it meets; empty if it meets none. ``not_served`` says why there
    is nobody, as far as that is known; ``elsewhere`` are routes that have the host, and not there.
    """

    gateway: str
    port: int
    protocol: str
    names: tuple[str, ...]
    origin: Origin
    because: str = ""
    serving: str = ""
    not_served: NotServed | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
