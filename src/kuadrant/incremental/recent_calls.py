"""Calls a pure function of a text anew only when the text was not given lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

P = ParamSpec("P")
R = TypeVar("R")


def recent(
    characters: int,
) -> Callable[[Callable[Concatenate[str, P], R]], Callable[Concatenate[str, P], R]]:
    """Have a pure function remember what it gave for the texts that it was given last.

    What a tree or a program of a text takes grows with the text. So a bound of ``characters`` bounds the
    memory, where a bound of entries would let long texts have a hundred times as much. Failures are not
    remembered. Any thread may call.
    """

    def remembering(function: Callable[Concatenate[str, P], R]) -> Callable[Concatenate[str, P], R]:
        results: OrderedDict[Hashable, tuple[int, R]] = OrderedDict()
        lock = threading.Lock()
        used = 0

        @wraps(function)
        def call(text: str, /, *arguments: P.args, **named: P.kwargs) -> R:
            nonlocal used
            key = (text, arguments, *sorted(named.items()))
            with lock:
                if (found := results.get(key)) is not None:
                    results.move_to_end(key)
                    return found[1]
            result = function(text, *arguments, **named)
            with lock:
                if key not in results:
                    results[key] = (len(text), result)
                    used += len(text)
                while used > characters:
                    _, (freed, _) = results.popitem(last=False)
                    used -= freed
            return result

        return call

    return remembering
