"""Requests that the limits of a policy are not for, by a field or by the annotation of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kuadrant.api.documents import read as read_documents
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.header_guards import unguarded
from kuadrant.policy.policy_check import check
from kuadrant.policy.version_conversion import to_model
from tests.unit.explanation.asking import asked, policy

if TYPE_CHECKING:
    from kuadrant.policy.model import Policy

HEALTH = "request.url_path == '/toys/healthz'"
EXEMPT = f'exempt: [{{predicate: "{HEALTH}"}}]'
NONE = "none: {rates: [{limit: 0, window: 1m}]}"
FIELD = 'metadata.annotations["kuadrant.io/extensions"]'
RATES = {"v1": "{limit: 5, window: 10s}", "v1beta2": "{limit: 5, duration: 10, unit: second}"}


def model(said: str = "", annotation: str = "", block: str = "limits", version: str = "v1") -> Policy:
    annotations = f"annotations: {{kuadrant.io/extensions: {annotation!r}}}, " if annotation else ""
    limits = f"{{a: {{rates: [{RATES[version]}]}}}}"
    body = f"  {said}\n  limits: {limits}"
    text = f"""
apiVersion: kuadrant.io/{version}
kind: RateLimitPolicy
metadata: {{{annotations}name: p, namespace: ns}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: g}}
{body if block == "limits" else f"  {block}:" + (chr(10) + body).replace(chr(10), chr(10) + "  ")}
"""
    folder = read_documents([("a.yaml", text)])
    assert folder.problems == ()
    return to_model(folder.objects.rate_limit_policies[0])


def problems(of: Policy) -> list[tuple[str, str, tuple[int, int]]]:
    return [(one.field, one.message, one.at) for one in check(of).problems]


def warnings(of: Policy) -> list[tuple[str, str, tuple[int, int]]]:
    """Of a policy that can be carried out."""
    assert problems(of) == []
    return [(one.field, one.message, one.at) for one in unguarded(of)]


@pytest.mark.parametrize("block", ["limits", "defaults", "overrides"])
@pytest.mark.parametrize(
    ("said", "annotation"),
    [
        ("exempt: [{predicate: 'true'}]", ""),
        ("", "exempt: [{predicate: true}]".replace("true", '"true"')),
        ("", '{"exempt": [{"predicate": "true"}]}'),
        ("exempt: [{predicate: 'true'}]", '{"exempt": [{"predicate": "true"}]}'),
    ],
)
def test_field_and_annotation_say_the_same(block: str, said: str, annotation: str) -> None:
    read = model(said, annotation, block)
    assert problems(read) == []
    assert read.exempt == (ExpressionCondition("true"),)
    assert read.conditions == (ExpressionCondition("!(true)"),)


@pytest.mark.parametrize("said", ["", "exempt: [{predicate: 'true'}]"])
def test_an_annotation_says_what_is_exempt_and_how_limits_count(said: str) -> None:
    read = model(said, '{"exempt": [{"predicate": "true"}], "limits": {"a": {"algorithm": "SlidingWindow"}}}')
    assert problems(read) == []
    assert read.exempt == (ExpressionCondition("true"),)
    assert [one.algorithm for one in read.limits] == ["SlidingWindow"]


def test_each_mistake_in_an_annotation_is_told_once() -> None:
    said = '{"exempt": [{"predicate": "false"}], "limits": {"b": {"algorithm": "SlidingWindow"}}}'
    assert [message for _, message, _ in problems(model("exempt: [{predicate: 'true'}]", said))] == [
        '"limits.b" is no limit of this policy, which has a',
        '"exempt" is not what the field of the policy says: leave one out',
    ]
    assert len(problems(model("", '{"exemt": []}'))) == 1


@pytest.mark.parametrize(
    ("said", "annotation", "at"),
    [
        ("exempt: [{predicate: 'true'}]", '{"exempt": [{"predicate": "false"}]}', (1, 12)),
        ("", '{"exemt": []}', (1, 2)),
        ("", '{"exempt": [{"predicat": "true"}]}', (1, 14)),
        ("", "exempt: [", None),
        ("", '{"exempt": [{"predicate": "true"}], "limits": {"a": {"brust": 1}}}', (1, 54)),
        ("", '{"exempt": [{"predicate": "true"}], "limits": {"b": {"burst": 1}}}', (1, 53)),
    ],
)
def test_what_is_wrong_in_the_annotation_is_told_with_its_place_and_the_policy_is_refused(
    said: str, annotation: str, at: tuple[int, int] | None
) -> None:
    checked = check(model(said, annotation))
    assert checked.refusal
    assert checked.problems[0].field == FIELD
    assert at in (None, checked.problems[0].at)


def test_nothing_is_exempt_in_v1beta2_and_an_annotation_that_says_so_is_refused() -> None:
    [found] = problems(model("", "exempt: [{predicate: 'x'}]".replace("'", '"'), version="v1beta2"))
    assert found == (FIELD, '"exempt" is of kuadrant.io/v1: write the policy in it', (1, 9))


def test_what_cannot_be_evaluated_is_told_where_it_is_written() -> None:
    [(field, _, at)] = problems(model("exempt: [{predicate: 'true'}, {predicate: 'nobody.x'}]"))
    assert (field, at) == ("spec.exempt[1].predicate", (1, 7))


@pytest.mark.parametrize("comment", ["", " // which nobody limits"])
def test_a_request_for_which_one_holds_is_not_limited(comment: str) -> None:
    said = f'exempt: [{{predicate: "request.method == \'PUT\'"}}, {{predicate: "{HEALTH}{comment}"}}]\n'
    limited = policy(NONE, spec=said)
    assert asked(limited).outcome == "limited"
    found = asked(limited, url="http://toys.x/toys/healthz?deep=1")
    assert found.outcome == "admitted"
    assert [str(one.origin) for one in found.limits[0].when] == ["all.yaml:25:24", "all.yaml:25:64"]
    assert [one.result for one in found.limits[0].when] == ["false", "true"]
    assert [one.lets_apply for one in found.limits[0].when] == ["true", "false"]


NOT_THERE = "request.headers['x-consumer'] == 'a'"


@pytest.mark.parametrize(
    ("when", "exempt", "outcome"),
    [
        pytest.param("true", [NOT_THERE], "failed", id="it does not open"),
        pytest.param("true", [NOT_THERE, "true"], "admitted", id="another one holds"),
        pytest.param("true", ["false", NOT_THERE], "failed", id="no other one holds"),
        pytest.param("false", [NOT_THERE], "admitted", id="the limit does not apply anyway"),
        pytest.param(NOT_THERE, ["true"], "admitted", id="and neither does what cannot be told"),
    ],
)
def test_what_fails_is_as_a_condition_that_fails(when: str, exempt: list[str], outcome: str) -> None:
    said = "exempt: [" + ", ".join(f'{{predicate: "{one}"}}' for one in exempt) + "]\n"
    said += f'when: [{{predicate: "{when}"}}]\n'
    assert asked(policy(NONE, spec=said)).outcome == outcome


@pytest.mark.parametrize("strategy", ["atomic", "merge"])
def test_a_route_takes_itself_out_of_no_override(strategy: str) -> None:
    everything = policy("a: {rates: [{limit: 5, window: 1m}]}", spec="exempt: [{predicate: 'true'}]\n")
    override = policy(
        "{}",
        name="top",
        target="Gateway, name: gw",
        spec=f"overrides: {{strategy: {strategy}, limits: {{{NONE}}}}}\n",
    ).replace("  limits:\n    {}", "")
    assert asked(everything, override).outcome == "limited"


def test_what_a_default_exempts_goes_with_its_limits() -> None:
    default = policy(
        "{}",
        name="top",
        target="Gateway, name: gw",
        spec=f"defaults: {{strategy: merge, {EXEMPT}, limits: {{{NONE}}}}}\n",
    ).replace("  limits:\n    {}", "")
    own = policy("own: {rates: [{limit: 1, window: 1m}]}")
    health = "http://toys.x/toys/healthz"
    assert asked(default, own).limited_by == ("none",)
    assert [asked(default, own, url=health, times=times).limited_by for times in (1, 2)] == [(), ("own",)]


class TestAHeaderThatMayBeAbsent:
    def test_is_told(self) -> None:
        [(field, message, _)] = warnings(model(f'exempt: [{{predicate: "{NOT_THERE}"}}]'))
        assert field == "spec.exempt[0].predicate"
        assert (
            "with 'x-consumer' in request.headers && in front of it, such requests are not exempt" in message
        )

    def test_is_not_where_it_is_asked_for_first(self) -> None:
        guarded = f"'x-consumer' in request.headers && {NOT_THERE}"
        assert warnings(model(f'exempt: [{{predicate: "{guarded}"}}]')) == []

    @pytest.mark.parametrize(
        ("exempt", "told"),
        [
            ("!('x-consumer' in request.headers)", 0),
            ("request.path == '/health' || !('x-consumer' in request.headers)", 0),
            ("!('x-consumer' in request.headers) && request.path == '/health'", 1),
            ("!(request.path == '/health') && 'x-consumer' in request.headers", 1),
            ("!('x-consumer' in request.headers && request.path == '/')", 0),
            (f"'x-consumer' in request.headers && {NOT_THERE}", 1),
        ],
    )
    def test_is_guarded_for_counters_by_exempting_requests_without_it(self, exempt: str, told: int) -> None:
        read = model(f'exempt: [{{predicate: "{exempt}"}}]\n  when: [{{predicate: "true"}}]')
        counter = ExpressionCounter("request.headers['x-consumer']")
        counted = replace(read, limits=tuple(replace(one, counters=(counter,)) for one in read.limits))
        assert len(warnings(counted)) == told
