"""Paths of fields as people write them."""

import pytest

from kuadrant.api.problem import Path, read_spelled, spelled


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec",), "spec"),
        (("spec", "rules", 0, "name"), "spec.rules[0].name"),
        (("spec", "limits", "create-toy", "rates", 12), "spec.limits.create-toy.rates[12]"),
        (("spec", "limits", "a.b", "when", 1), 'spec.limits["a.b"].when[1]'),
        (("limits", 'a "b" [c]\\', "rates"), 'limits["a \\"b\\" [c]\\\\"].rates'),
        (("limits", "", "rates"), 'limits[""].rates'),
        (("limits", "7", 7), "limits.7[7]"),
    ],
)
def test_a_path_is_spelled_and_read_again(path: Path, text: str) -> None:
    assert spelled(path) == text
    assert read_spelled(text) == path
