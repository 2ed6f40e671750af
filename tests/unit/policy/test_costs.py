"""What a request costs a limit, by a field or by the annotation of its policy."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from kuadrant.policy.header_guards import unguarded
from kuadrant.policy.limitador_limits import limitador_limits

from .extended_limits import FIELD, RATES, policy, problems

COST = "int(request.headers['x-cost'])"


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize(
    ("limit", "annotation"),
    [
        ('cost: "1 + size(request.path)", ', ""),
        ("", 'limits: {a: {cost: "1 + size(request.path)"}}'),
        ('cost: "1 + size(request.path)", ', 'limits: {a: {cost: "1 + size(request.path)"}}'),
    ],
)
def test_a_cost_is_said_by_field_or_annotation(version: str, limit: str, annotation: str) -> None:
    read = policy(version, limit, annotation)
    assert problems(read) == []
    cost = read.limits[0].cost
    assert cost is not None
    assert cost.text == "1 + size(request.path)"
    limits = [*limitador_limits(read.limits[0], key="limit.a__00000000", scope="ns/r")]
    assert [(one.by_cost, one.is_of_limitador) for one in limits] == [(True, False)] * 2


def test_a_limit_without_a_cost_is_told_as_limitador_has_it() -> None:
    limits = [*limitador_limits(policy("v1").limits[0], key="limit.a__00000000", scope="ns/r")]
    assert [(one.by_cost, one.is_of_limitador) for one in limits] == [(UNSET, True)] * 2


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ("1.5", "a cost must be a whole number, as int(...) is, this is of type double"),
        (
            "request.headers.x",
            "a cost must be a whole number, as int(...) is, this is of type string",
        ),
        ("request.size > 3", "a cost must be a whole number, as int(...) is, this is of type bool"),
        ("dyn(1.5)", "line 1, column 5: a cost must be a whole number, this is of type double"),
        ("0 - 1", "line 1, column 1: it always fails: int64 out of uint64 range"),
    ],
)
def test_what_is_no_whole_number_of_hits_is_refused(cost: str, message: str) -> None:
    assert problems(policy("v1", f'cost: "{cost}", ')) == [("spec.limits.a.cost", message)]


def test_what_field_and_annotation_say_has_to_agree() -> None:
    message = '"limits.a.cost" is 3, but the field of the limit is 2: leave one out'
    assert (FIELD, message) in problems(policy("v1", 'cost: "2", ', 'limits: {a: {cost: "3"}}'))


def test_a_cost_that_fails_for_requests_without_a_header_is_warned_of() -> None:
    read = policy("v1", f'cost: "{COST}", ')
    assert problems(read) == []
    found = [(one.field, one.code) for one in unguarded(read)]
    assert ("spec.limits.a.cost", "header-may-be-absent") in found
