"""The language of expressions: CEL with its strings and optionals, and the functions of Kuadrant."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

from kuadrant.policy import cel_conformance
from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.descriptor_pool import DescriptorPool

NOT_EVALUATED: Final = frozenset({"format"})
"""Functions of the strings extension that are not there."""


def environment(
    variables: Mapping[str, cel.Type],
    pool: DescriptorPool | None = None,
    more: Sequence[cel.CelExtension] = (),
) -> cel.Env:
    """An environment of the whole language with these variables, and with the functions of ``more``."""
    return cel.NewEnv(
        descriptor_pool=pool,
        variables=variables,
        extensions=[
            ext_strings.ExtStrings(),
            ext_optional.ExtOptional(),
            ext_bindings.ExtBindings(),
            _kuadrant(),
            cel_conformance.functions(),
            *more,
        ],
    )


@cache
def untyped() -> cel.Env:
    """An environment that knows as little of attributes as gateways do: none of their types can be named."""
    return environment(UNTYPED)


UNTYPED: Final = dict.fromkeys((*ATTRIBUTES, *OPEN_ROOTS), cel.Type.DYN)
"""The attributes, of no type that is known."""


def _kuadrant() -> cel.CelExtension:
    parameters = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return cel.CelExtension(
        "kuadrant",
        [
            cel.FunctionDecl(
                "queryMap",
                [
                    cel.Overload("query_map", parameters, [cel.Type.STRING], impl=query_map),
                    cel.Overload(
                        "query_map_repeats", parameters, [cel.Type.STRING, cel.Type.BOOL], impl=query_map
                    ),
                ],
            )
        ],
    )


def query_map(query: str, repeats: bool = False) -> dict[str, str | list[str]]:
    """The parameters of a query, as Kuadrant's own filter has them.

    Of a name that comes more than once the first value counts; with ``repeats`` its values are a list. What a
    second ``=`` parts from a value is lost.
    """
    found: dict[str, str | list[str]] = {}
    for parameter in query.split("&"):
        name, value = [*map(_decoded, parameter.split("=")), ""][:2]
        if name not in found:
            found[name] = value
        elif repeats:
            before = found[name]
            found[name] = [*(before if isinstance(before, list) else [before]), value]
    return found


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text
