"""What was meant is found among few names and among many."""

from __future__ import annotations

import pytest

from kuadrant.findings.name_guesses import Guesses, NamesByNamespace


@pytest.mark.parametrize("others", [3, 3000])
@pytest.mark.parametrize("given", ["tystore", "toystoree", "toistore", "otystore", "toystore-"])
def test_a_slip_is_understood(given: str, others: int) -> None:
    assert Guesses(["toystore", *(f"app-{n}" for n in range(others))]).meant(given) == (
        'Did you mean "toystore"?'
    )


@pytest.mark.parametrize("others", [3, 3000])
def test_what_is_like_nothing_is_not_guessed(others: int) -> None:
    assert Guesses([f"app-{n}" for n in range(others)]).meant("qqq") == ""


def test_names_of_other_namespaces_are_not_meant_but_known() -> None:
    names = NamesByNamespace(["a/toys", "b/toys", "b/cars"])
    assert names.meant("a", "cras") == ""
    assert names.meant("b", "cras") == 'Did you mean "cars"?'
    assert (names.elsewhere("toys"), names.elsewhere("cars"), names.elsewhere("x")) == (
        ["a", "b"],
        ["b"],
        [],
    )


@pytest.mark.parametrize("given", ["rule-0", "rule0", "rule"])
def test_of_names_that_are_as_much_alike_the_first_is_meant(given: str) -> None:
    assert Guesses([f"rule-{n}" for n in range(1, 7)]).meant(given) == 'Did you mean "rule-1"?'
