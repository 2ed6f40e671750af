"""What was given lately is not worked out again."""

from __future__ import annotations

import pytest

from kuadrant.incremental import recent


def test_a_text_that_was_given_lately_gives_the_same_instance() -> None:
    @recent(100)
    def letters(text: str, *, reverse: bool) -> list[str]:
        return sorted(text, reverse=reverse)

    assert letters("abc", reverse=False) is letters("abc", reverse=False)
    assert letters("abc", reverse=True) == ["c", "b", "a"]


def test_the_texts_that_were_given_longest_ago_are_forgotten_where_all_are_longer_than_the_bound() -> None:
    called: list[str] = []

    @recent(10)
    def noted(text: str) -> str:
        called.append(text)
        return text

    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb"):
        noted(text)

    assert called == ["aaaa", "bbbb", "cccc", "bbbb"]


def test_a_text_longer_than_the_bound_is_not_kept_and_leaves_room_for_others() -> None:
    called: list[str] = []

    @recent(3)
    def noted(text: str) -> str:
        called.append(text)
        return text

    for text in ("long text", "long text", "ab", "ab"):
        noted(text)

    assert called == ["long text", "long text", "ab"]


def test_a_failure_is_not_kept() -> None:
    called: list[str] = []

    @recent(100)
    def refused(text: str) -> None:
        called.append(text)
        raise ValueError(text)

    for _ in range(2):
        with pytest.raises(ValueError, match="abc"):
            refused("abc")

    assert called == ["abc", "abc"]
