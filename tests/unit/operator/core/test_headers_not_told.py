"""Whose clients do not get the headers that a policy asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kuadrant.api.limitador import Limitador
from kuadrant.api.response import READS
from kuadrant.compiler import compile_gateways
from kuadrant.operator.core.headers_not_told import sends, words, words_of_module
from tests.unit.policy.responses import policy, world

if TYPE_CHECKING:
    from collections.abc import Mapping


def told(form: str, *, reads: frozenset[str] = frozenset(), **spec: Any) -> Mapping[str, str]:
    own = msgspec.convert({"metadata": {"name": "limitador", "namespace": "k"}, "spec": spec}, Limitador)
    programs = compile_gateways(world(policy({"headers": form}))).programs
    return words(sends(own, reads), programs)


@pytest.mark.parametrize("form", ["None", "Draft03", "RateLimit", "Both"])
def test_our_own_service_sends_every_form(form: str) -> None:
    assert told(form, reads=frozenset({READS})) == {}


def test_limitador_sends_the_old_ones_if_it_is_set_to() -> None:
    assert told("Draft03", rateLimitHeaders="DRAFT_VERSION_03") == {}
    assert "headers are Draft03 or None" in told("RateLimit", rateLimitHeaders="DRAFT_VERSION_03")["ns/on-r"]
    for form in ("Draft03", "RateLimit", "Both"):
        assert f"does not send the headers {form}, as Limitador does not" in told(form)["ns/on-r"]


def test_who_asks_for_none_misses_nothing() -> None:
    assert told("None") == {}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"headers": "RateLimit"}, "(headers of response)"),
        ({"headers": "None", "retryAfter": False}, "(headers, retryAfter of response)"),
        ({"preflights": "Exempt", "overLimit": {"code": 430}}, "(overLimit, preflights of response)"),
    ],
)
def test_a_module_that_answers_in_its_own_way_misses_all_that_is_said(
    said: dict[str, Any], named: str
) -> None:
    programs = compile_gateways(world(policy(said))).programs
    assert named in words_of_module("official", responds=False, programs=programs)["ns/on-r"]
    assert words_of_module("ours", responds=True, programs=programs) == {}


@pytest.mark.parametrize("said", [{}, {"preflights": "Count"}, {"retryAfter": True}])
def test_what_such_a_module_does_anyway_is_not_missed(said: dict[str, Any]) -> None:
    programs = compile_gateways(world(policy(said))).programs
    assert words_of_module("official", responds=False, programs=programs) == {}
