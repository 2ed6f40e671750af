"""What a gateway must do, in the words of the shim that does it: every form of configuration, by the name that lock files use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.dialects import kuadrant
from kuadrant.dialects.dialect import Dialect, InexpressibleError, UnknownDialectError, Unsupported
from kuadrant.dialects.expressible import expressible
from kuadrant.dialects.official import action_sets, policies, rate_limit_policies
from kuadrant.dialects.packed import packing, unpacked
from kuadrant.dialects.service import FailureMode, Service

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DIALECTS",
    "OWN",
    "Dialect",
    "FailureMode",
    "InexpressibleError",
    "Service",
    "UnknownDialectError",
    "Unsupported",
    "chosen",
    "expressible",
    "unpacked",
]

_V1 = Dialect(name="kuadrant-v1", configure=lambda service: kuadrant.Renderer(service).render, targets=True)
_V2 = replace(_V1, name="kuadrant-v2", configure=lambda service: packing(_V1.configure(service)))

OWN: Final = (_V2.name, _V1.name)
"""The names of those that the project's own module reads."""

DIALECTS: Final[dict[str, Dialect]] = {
    one.name: one
    for one in (
        _V2,
        _V1,
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
