"""Writes what a gateway must do in the words of the shim that does it.

Every form of configuration, by the name that lock files use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET
from msgspec.structs import replace

from kuadrant.dialects.dialect import Dialect, InexpressibleError, UnknownDialectError
from kuadrant.dialects.expressible import expressible
from kuadrant.dialects.official import action_sets, policies_v0_6, rate_limit_policies
from kuadrant.dialects.own import expressions
from kuadrant.dialects.own.configuration import Renderer
from kuadrant.dialects.own.packing import packing, unpacked
from kuadrant.dialects.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.compiler.program import HostProgram

__all__ = [
    "DIALECTS",
    "OWN",
    "Dialect",
    "InexpressibleError",
    "Service",
    "UnknownDialectError",
    "chosen",
    "expressible",
    "unpacked",
]


def _plain(service: Service) -> Callable[[Iterable[HostProgram]], bytes]:
    return Renderer(replace(service, metadata=UNSET, decision_records=UNSET, explain_key=UNSET)).render


_V1 = Dialect(
    name="kuadrant-v1", configure=_plain, targets=True, unsupported=expressions.unsupported_by_gateways
)
_V2 = replace(_V1, name="kuadrant-v2", configure=lambda service: packing(_plain(service)))
_V3 = replace(
    _V2,
    name="kuadrant-v3",
    configure=lambda service: packing(Renderer(service).render),
    proves=True,
)
_V4 = replace(
    _V3,
    name="kuadrant-v4",
    configure=lambda service: packing(Renderer(service, programs=True).render),
    unsupported=expressions.unsupported_by_programs,
    responds=True,
)

OWN: Final = (_V4.name, _V3.name, _V2.name, _V1.name)
"""The names of those that the project's own module reads."""

DIALECTS: Final[dict[str, Dialect]] = {
    one.name: one
    for one in (
        _V4,
        _V3,
        _V2,
        _V1,
        rate_limit_policies.V0_4,
        rate_limit_policies.V0_5,
        policies_v0_6.V0_6,
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
