"""A dialect: one form of configuration, written and judged by pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.dialects.service import Service
from kuadrant.policy.failure_mode import FailureMode
from kuadrant.policy.model import Policy


class InexpressibleError(ValueError):
    """Something that a dialect cannot say; the text tells what, for its author."""


class UnknownDialectError(LookupError):
    """A module understands none of the dialects that this build writes; the text names them."""


class Unsupported(Struct, frozen=True, order=True, gc=False):
    """A reason why a dialect cannot say what ``policy`` (``namespace/name``) asks for in ``field``."""

    policy: str
    field: str
    reason: str


def _everything(
    _policies: Iterable[Policy], _hosts: Iterable[HostProgram], _failure_mode: FailureMode
) -> tuple[Unsupported, ...]:
    return ()


class Dialect(Struct, frozen=True, kw_only=True):
    """One form of configuration.

    ``configure`` gives, for one rate limit service, what renders the hosts of one listener: the same text for
    the same hosts in any order. That raises ``InexpressibleError`` rather than say half of it.
    ``unsupported`` names all that it would raise for: what accepted policies ask for in themselves, and what
    the hosts of a program make of them. ``targets`` tells whether a rate limit service can be named without a
    cluster, ``proves`` whether a token goes along with calls, ``responds`` whether the answers to clients can
    be said.
    """

    name: str
    configure: Callable[[Service], Callable[[Iterable[HostProgram]], bytes]]
    unsupported: Callable[[Iterable[Policy], Iterable[HostProgram], FailureMode], tuple[Unsupported, ...]] = (
        _everything
    )
    targets: bool = False
    proves: bool = False
    responds: bool = False

    def render(self, hosts: Iterable[HostProgram], service: Service) -> bytes:
        """Return the text for ``hosts``, once.

        Raises:
            InexpressibleError: The dialect cannot say all of it.
        """
        return self.configure(service)(hosts)
