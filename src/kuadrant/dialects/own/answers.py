"""The answer to a request over a limit, as the project's own shim is told it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.api.over_limit import Body, Line
from kuadrant.expressions.answer_programs import answer_programs, why_not
from kuadrant.policy.answer_text import body_kind, made_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.over_limit import OverLimit
    from kuadrant.api.problem import Path


class Piece(Struct, frozen=True, gc=False, omit_defaults=True):
    """A piece of a text: as it is written, or what is inserted."""

    value: str | None = None
    selector: str | None = None
    program: str | None = None


class Made(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """The texts that are made of the request; ``json`` is whether the body is such."""

    message: tuple[Piece, ...] = ()
    headers: dict[str, tuple[Piece, ...]] | None = None
    body: tuple[Piece, ...] = ()
    json: bool = False


class Answer(Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer, what is not said of it being as the module has it."""

    code: int = 429
    message: str | None = None
    headers: dict[str, str] | None = None
    body: str | None = None
    problem: bool = False
    made: Made | None = None


def answer(over: OverLimit) -> Answer:
    """Return what the module is told of ``over``, whose expressions are checked."""
    body = over.body or Body()
    headers = {name.lower(): line for name, line in sorted(over.headers.items())}
    return Answer(
        code=over.status,
        message=over.message.value if over.message else None,
        headers={name: line.value for name, line in headers.items() if line.value is not None} or None,
        body=body.value,
        problem=body.problem,
        made=_made(over, headers) if any(True for _ in made_lines(over)) else None,
    )


def unsayable(over: OverLimit) -> Iterator[tuple[Path, str]]:
    """Yield the fields of ``over`` that neither the module nor anybody else evaluates, and why."""
    for field, line in made_lines(over):
        if line.expression is not None and (reason := why_not(line.expression)):
            yield (*field, "expression"), f"the module does not evaluate it: {reason}"


def _made(over: OverLimit, headers: dict[str, Line]) -> Made:
    content_type = headers.get("content-type")
    of = body_kind(content_type.value or "") if content_type else "text"
    body = over.body or Body()
    made = {name: _pieces(line) for name, line in headers.items() if line.value is None}
    return Made(
        message=_pieces(over.message) if over.message else (),
        headers=made or None,
        body=_pieces(body),
        json=of == "json" and body.value is None,
    )


def _pieces(line: Line | Body) -> tuple[Piece, ...]:
    if line.selector is not None:
        return (Piece(selector=line.selector),)
    if line.expression is None:
        return ()
    if why_not(line.expression):
        # Of a Gateway, say, whose policies cannot help it: it is as one that fails.
        return _pieces(_FAILS)
    return tuple(
        Piece(value=piece) if isinstance(piece, str) else Piece(program=piece.decode())
        for piece in answer_programs(line.expression)
    )


_FAILS: Final = Line(expression="request.headers['']")
"""No request has such a header."""
