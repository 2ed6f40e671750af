"""Complaints that rules of several kinds share: repeated names, control characters, expressions."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from kuadrant.api.document_nodes import quoted
from kuadrant.api.node_reading import Complaint
from kuadrant.api.regular_expression import fault

Complaints = Iterator[Complaint]


def repeated(keys: Iterable[Any]) -> Iterator[tuple[int, int]]:
    """Yield (index, index of the first one) for each key that was there before."""
    first: dict[Any, int] = {}
    for index, key in enumerate(keys):
        if key in first:
            yield index, first[key]
        else:
            first[key] = index


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def one_line(*path: str | int, text: str | None) -> Complaints:
    """Complain of control characters in a text that becomes a header's value or a path."""
    # Envoy refuses all routes of a listener for one such text.
    if text is not None and _CONTROL.search(text):
        yield path, f"is {quoted(text)}, must not hold line breaks or other control characters"


def regular_expression(field: str, expression: str) -> Complaints:
    """Complain of an expression that RE2 does not read."""
    if (wrong := fault(expression)) is not None:
        yield (field,), f"is {quoted(expression)}, not a regular expression of RE2: {wrong}"


def unique_names(names: Iterable[str | None], what: str) -> Complaints:
    """Complain of a name that another entry of the list ``what`` has too."""
    names = list(names)
    for index, first in repeated(names):
        if names[index] is not None:
            yield (
                (what, index, "name"),
                f"is {quoted(str(names[index]))} as in {what}[{first}]; names are unique",
            )
