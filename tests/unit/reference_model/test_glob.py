"""Patterns of the operator ``matches``."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kuadrant.reference_model.glob import glob

if TYPE_CHECKING:
    from types import FrameType

_PART = re.compile(r"\\(?P<literal>.)|(?P<wildcard>[?*+])|(?P<character>.)", re.DOTALL)
_WILDCARDS = {"?": ".?", "*": ".*", "+": ".+"}


def said_by_a_regular_expression(pattern: str, text: str) -> bool:
    parts = (
        _WILDCARDS[part["wildcard"]] if part["wildcard"] else re.escape(part["literal"] or part["character"])
        for part in _PART.finditer(pattern)
    )
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


@given(pattern=st.text("ab?*+\\é\n", max_size=8), text=st.text("abé\\*\n", max_size=10))
@example(pattern="a\\", text="a\\")
@example(pattern="?*+b", text="ab")
def test_a_pattern_means_what_the_regular_expression_means(pattern: str, text: str) -> None:
    assert glob(pattern).matches(text) == said_by_a_regular_expression(pattern, text)


def lines(pattern: str, text: str) -> int:
    """How many lines of the matcher are carried out."""
    compiled = glob(pattern)
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        compiled.matches(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("pattern", ["*a" * 40 + "*b", "a?" * 40, "?" * 1000, "+" * 100 + "b", "*a?b" * 30])
def test_no_pattern_is_tried_in_more_than_one_way(pattern: str) -> None:
    assert lines(pattern, "a" * 4000) <= 10 * 4000
