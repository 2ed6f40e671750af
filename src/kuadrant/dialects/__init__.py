"""What a gateway must do, in the words of the shim that does it: every form of configuration, by the name that lock files use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.dialects import kuadrant
from kuadrant.dialects.dialect import Dialect, InexpressibleError, UnknownDialectError, Unsupported
from kuadrant.dialects.expressible import expressible
from kuadrant.dialects.official import action_sets, policies, rate_limit_policies
from kuadrant.dialects.service import FailureMode, Service

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DIALECTS",
    "Dialect",
    "FailureMode",
    "InexpressibleError",
    "Service",
    "UnknownDialectError",
    "Unsupported",
    "chosen",
    "expressible",
]

_OWN = Dialect(name="kuadrant-v1", configure=lambda service: kuadrant.Renderer(service).render, targets=True)

DIALECTS: Final[dict[str, Dialect]] = {
    one.name: one
    for one in (
        _OWN,
        rate_limit_policies.V0_4,
        rate_limit_policies.V0_5,
        policies.V0_6,
        action_sets.V0_7,
        action_sets.V0_8,
        action_sets.V0_9,
        action_sets.V0_10,
    )
}


def chosen(names: Iterable[str]) -> Dialect:
    """Return the dialect to write for a module that understands ``names``, the preferred one first.

    Raises:
        UnknownDialectError: This build writes none of them.
    """
    names = tuple(names)
    for name in names:
        if name in DIALECTS:
            return DIALECTS[name]
    raise UnknownDialectError(
        f"the module reads {', '.join(names) or 'nothing'}, this build writes {', '.join(DIALECTS)}"
    )
