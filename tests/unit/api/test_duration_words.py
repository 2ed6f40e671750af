"""Times are told in one way wherever they are told."""

from __future__ import annotations

import pytest

from kuadrant.api.duration import span_words, window_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 s"), (90, "90 s"), (60, "1 min"), (5400, "90 min"), (86_400, "1 d"), (172_800, "2 d")],
)
def test_a_window_is_told_in_the_largest_unit_that_it_is_whole_in(seconds: int, words: str) -> None:
    assert window_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (7.5, "7.5 s"),
        (90, "90 s"),
        (120, "2 min"),
        (86_399, "23 h 59 min 59 s"),
        (86_400, "1 d"),
        (90_000.25, "1 d 1 h 0.25 s"),
    ],
)
def test_a_span_is_told_whole(seconds: float, words: str) -> None:
    assert span_words(seconds) == words
