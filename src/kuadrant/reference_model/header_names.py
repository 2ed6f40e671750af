"""Names of headers in expressions.

The gateway finds a header in whatever case an expression names it, and lists it in lower case. ``host`` is
``:authority``, which is listed by that name only.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal

from cel_expr_python import cel

from kuadrant.policy.cel_conformance import as_defined
from kuadrant.policy.cel_environment import UNTYPED, environment
from kuadrant.policy.checked_expression import kind, parts, read, written
from kuadrant.reference_model.header_maps import all_headers

_ITEM_KINDS: Final = (cel.Type.INT, cel.Type.UINT, cel.Type.DOUBLE, cel.Type.BOOL)
_PLACE_KINDS: Final = (
    *(*_ITEM_KINDS, cel.Type.BYTES, cel.Type.NULL),
    *(cel.Type.LIST, cel.Type.MAP, cel.Type.DURATION, cel.Type.TIMESTAMP),
)
_LOWERED: Final = {"@headerPlace": _PLACE_KINDS, "@headerItem": _ITEM_KINDS}
"""What puts the name in ``headers[name]`` and in ``name in headers`` in lower case.

With the kinds of what is no name and not found there; with all else it fails. Nobody can write these."""


def in_lower_case(expression: cel.Expression) -> cel.Expression:
    """Return a checked expression that names headers in lower case.

    A name that is only known with a request is put in lower case then.
    """
    checked = as_defined(read(expression.serialize()))
    headers = all_headers(checked.expression)
    # The innermost first: what is around it takes a copy of it.
    for one in reversed([*parts(checked.expression)]):
        _lower(one, checked, headers)
    return _language().deserialize(written(checked))


def alone(checked: Any, part: Any, call: Literal["", "hasValue", "value", "string"] = "") -> cel.Expression:
    """Return a part of a checked expression, which names headers in lower case, as one by itself.

    With ``call``, what that function gives: two of them are for a part that is an optional value.
    """
    message = type(checked)()
    message.CopyFrom(checked)
    message.expression.CopyFrom(part)
    if call:
        message.expression.Clear()
        message.expression.id = 1 + max((place.id for place in checked.source.positions), default=0)
        message.expression.call.function = call
        entry = message.references.add(id=message.expression.id)
        if call == "string":
            message.expression.call.arguments.add().CopyFrom(part)
            entry.reference.overloads.extend(f"{of}_to_string" for of in _WRITTEN)
        else:
            message.expression.call.target.CopyFrom(part)
            entry.reference.overloads.append(f"optional_{call}")
    return _language().deserialize(written(message))


_WRITTEN: Final = ("string", "int64", "uint64", "double", "bool", "bytes", "timestamp", "duration")


def is_lowering(expression: Any) -> bool:
    """Tell whether a part is none that anybody wrote: it puts its argument in lower case."""
    return expression.call.function in _LOWERED


@cache
def _language() -> cel.Env:
    functions = [
        cel.FunctionDecl(
            function,
            [
                cel.Overload(f"{function}_0", cel.Type.STRING, [cel.Type.STRING], impl=_listed),
                *(
                    cel.Overload(f"{function}_{number}", cel.Type.INT, [form], impl=_no_name)
                    for number, form in enumerate(kinds, start=1)
                ),
            ],
        )
        for function, kinds in _LOWERED.items()
    ]
    return environment(UNTYPED, more=[cel.CelExtension("header names", functions)])


def _no_name(_: object) -> int:
    return 0


def _listed(name: str) -> str:
    # Only ASCII, as gateways do it: the Kelvin sign is no `k`.
    lower = name.encode().lower().decode()
    return ":authority" if lower == "host" else lower


def _lower(expression: Any, checked: Any, all_headers: frozenset[int]) -> None:
    if kind(expression) == "select" and expression.select.operand.id in all_headers:
        expression.select.field = _listed(expression.select.field)
    match expression.call.function, [*expression.call.arguments]:
        case ("_[_]" | "_[?_]" | "_?._", [headers, name]) | ("@in", [name, headers]) if (
            headers.id in all_headers
        ):
            if name.constant.text:
                name.constant.text = _listed(name.constant.text)
            elif kind(name) != "constant":
                is_item = expression.call.function == "@in"
                _lower_with_the_request(name, checked, "@headerItem" if is_item else "@headerPlace")


def _lower_with_the_request(name: Any, checked: Any, function: str) -> None:
    given = type(name)()
    given.CopyFrom(name)
    name.Clear()
    name.id = 1 + max((place.id for place in checked.source.positions), default=0)
    name.call.function = function
    name.call.arguments.add().CopyFrom(given)
    # The engine finds what a call is by its number: with that of another it fails, or calls something else.
    checked.source.positions.add(id=name.id)
    entry = checked.references.add(id=name.id)
    entry.reference.name = function
    entry.reference.overloads.extend(f"{function}_{number}" for number in range(1 + len(_LOWERED[function])))
