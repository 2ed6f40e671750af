"""The names of limits, by the keys that stand for them."""

from __future__ import annotations

import pytest

from kuadrant.api.limit_keys import written_name
from kuadrant.policy.identifiers import limit_identifier


@pytest.mark.parametrize("name", ["create-toy", "create_toy", "a.b-c_d", "a b", "toys", "é-1"])
def test_a_name_is_told_as_it_is_written(name: str) -> None:
    assert written_name(limit_identifier("ns/p", name), ("ns/other", "ns/p")) == name


@pytest.mark.parametrize("policies", [(), ("ns/other",)])
def test_of_who_cannot_prove_it_a_name_is_as_the_key_has_it(policies: tuple[str, ...]) -> None:
    assert written_name(limit_identifier("ns/p", "create-toy"), policies) == "create_toy"
    assert written_name("limit", policies) == "limit"


def test_a_name_of_many_parts_takes_no_time() -> None:
    assert written_name(limit_identifier("ns/p", "-" * 200), ("ns/p",)) in ("-" * 200, "_" * 200)
