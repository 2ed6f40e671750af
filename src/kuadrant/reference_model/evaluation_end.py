"""Foresees that the module ends an evaluation, since it takes too many steps or too much memory."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from kuadrant.expressions.attribute_numbers import NUMBERS
from kuadrant.reference_model.steps.budget import MOST_BYTES, MOST_STEPS, SpentError, Work
from kuadrant.reference_model.steps.evaluation import evaluated
from kuadrant.reference_model.steps.program import read
from kuadrant.reference_model.steps.tables import header_map
from kuadrant.reference_model.steps.values import Map, Uint
from kuadrant.reference_model.steps.words import of_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.reference_model.steps.program import Program

_PATHS: Final = {number: path for path, number in NUMBERS.items()}
_HEADERS: Final = ("request", "headers")
_UNSIGNED: Final = ("connection", "id")
_HOST: Final = ":authority"


class TooMuchError(Exception):
    """The module ends an evaluation: the request is refused, whatever the failure mode.

    The text says what takes so much, without any value.
    """


class Foresight:
    """Evaluates programs over one request as the module does, with its budget.

    What it takes to read an identity is not counted, and of headers those are that the request is known to
    have.
    """

    def __init__(self, activation: Mapping[str, Any]) -> None:
        self._activation = activation
        texts = [len(text.encode()) for text in _texts(activation)]
        self._longest = max(texts, default=0)

    def follow(self, program: str, tree: Callable[[], Any]) -> None:
        """Evaluate a program in base64; ``tree`` gives the expression that it is made of.

        Raises:
            TooMuchError: It takes too much.
        """
        found = read(base64.b64decode(program))
        if found.is_plain and len(found.nodes) * (16 + self._longest) <= MOST_STEPS:
            return
        try:
            evaluated(found, self._reader(), Work())
        except SpentError as error:
            raise TooMuchError(self._words(found, tree(), is_memory=error.is_memory)) from None
        except RecursionError:
            # One that is nested so deeply cannot be gone through here.
            return

    def _words(self, program: Program, tree: Any, *, is_memory: bool) -> str:
        bound = f"{MOST_BYTES >> 20} MiB of memory" if is_memory else f"{MOST_STEPS:,} steps"
        noted: dict[int, int] = {}
        with suppress(SpentError):
            evaluated(program, self._reader(), Work(), noted)
        dearest = of_program(program, noted, tree)
        return f"the gateway ends it after {bound}" + (f": {dearest} takes most of them" if dearest else "")

    def _reader(self) -> Callable[[Work, int | str], tuple[Any, ...]]:
        """What reads attributes for one evaluation, and takes what that takes the module."""
        seen: dict[int | str, tuple[Any, ...]] = {}

        def read_(work: Work, name: int | str) -> tuple[Any, ...]:
            if name not in seen:
                seen[name] = self._made(work, name)
            found = seen[name]
            if found and type(found[0]) is bytes:
                work.over(len(found[0]))
            return found

        return read_

    def _made(self, work: Work, name: int | str) -> tuple[Any, ...]:
        path = (*_HEADERS, name) if isinstance(name, str) else _PATHS[name]
        if path == _HEADERS:
            return (header_map(work, self._activation["request"]["headers"]),)
        if path == (*_HEADERS, "host"):
            path = (*_HEADERS, _HOST)
        value: Any = self._activation
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return ()
        found = Uint(value) if path == _UNSIGNED else _own(value)
        if type(found) is bytes:
            work.through(len(found))
        return (found,)


def _own(value: Any) -> Any:
    """A value of a request as programs have it."""
    match value:
        case str():
            return value.encode()
        case list():
            return [_own(one) for one in value]
        case dict():
            return Map([(_own(name), _own(one)) for name, one in value.items()])
    return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]
