"""Regular expressions are judged by RE2 itself; those of policies have bounds besides."""

from __future__ import annotations

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from kuadrant.api.regular_expression import LONGEST, excess, fault, program_size, without_nul


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(?!x)", "invalid perl operator: (?!"),
        ("[", "missing ]: ["),
        ("a{2000}", "invalid repetition size: {2000}"),
        ("(a)\\1", "invalid escape sequence: \\1"),
        ("a\0", "a NUL; write it as \\x00"),
        ("\\pL{1000}", "pattern too large - compile failed"),
        ("\ud800", "it is no text in UTF-8"),
    ],
)
def test_what_envoy_would_refuse_is_told_in_re2_s_words(expression: str, message: str) -> None:
    assert fault(expression) == message
    assert excess(expression) == message
    assert program_size(expression) == 0


@pytest.mark.parametrize("expression", ["", "^/v\\d+$", "(?i)a|b", "[^/]{1,40}", "é+", "\\x00"])
def test_what_envoy_takes_is_sound(expression: str) -> None:
    assert fault(expression) is None
    assert excess(expression) is None
    assert program_size(expression) > 0


@pytest.mark.row(172)
@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a" * (LONGEST + 1), "it has 1025 characters, at most 1024 are possible"),
        ("[^/]{1000}", "it compiles to 8004 instructions, at most 4096 are possible"),
        ("\\pL{60}", "pattern too large - compile failed"),
    ],
)
def test_a_policy_s_pattern_has_bounds_and_a_route_s_has_envoy_s(expression: str, message: str) -> None:
    """Without its pattern a rule of a route would be served and not limited.

    Only what Envoy refuses may be left out.
    """
    assert excess(expression) == message
    assert fault(expression) is None


def judged(expression: str, text: str) -> bool | None:
    """Whether the text matches; None if RE2 does not take the expression."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.fullmatch(expression, text, options) is not None
    except re2.error:
        return None


PARTS = st.lists(
    st.sampled_from(["\0", "\\", "\\Q", "\\E", "a", "E", "[", "]", "^", "-", "*", "?", "(", ")", "."]),
    max_size=8,
)


@given(parts=PARTS, text=st.text("\0aEQ\\x0[", max_size=4))
@example(parts=["\\", "\0"], text="\0")
@example(parts=["\\", "\\", "\0"], text="\\\0")
@example(parts=["\\Q", "\0", "a", "\\E", "\0"], text="\0a\0")
@example(parts=["\\Q", "\0"], text="\0")
@example(parts=["[", "^", "\0", "]"], text="a")
@example(parts=["\0", "?", "a"], text="a")
def test_without_a_nul_an_expression_means_the_same(parts: list[str], text: str) -> None:
    """Gateways take those that have one."""
    expression = "".join(parts)
    assert "\0" not in without_nul(expression)
    assert judged(without_nul(expression), text) == judged(expression, text)
