"""What clients are told of limits: by a field or the annotation of a policy, a Gateway, the Kuadrant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kuadrant.api.documents import read as read_documents
from kuadrant.api.response import Response
from kuadrant.compiler import Compiler, compile_gateways
from kuadrant.policy.policy_check import check
from kuadrant.policy.version_conversion import to_model
from tests.unit.policy.responses import metadata, objects, policy, world

if TYPE_CHECKING:
    from kuadrant.compiler import Compilation

FIELD = 'metadata.annotations["kuadrant.io/extensions"]'
RATE_LIMIT = {"headers": "RateLimit"}


def told(compilation: Compilation) -> Response:
    ((rule,),) = (
        host.rules
        for program in compilation.programs
        for listener in program.listeners
        for host in listener.hosts
    )
    return rule.response


@pytest.mark.parametrize("version", ["v1", "v1beta2"])
@pytest.mark.parametrize("block", ["limits", "defaults"])
@pytest.mark.parametrize(
    ("field", "annotation"),
    [
        ({"headers": "Both", "retryAfter": False}, ""),
        (None, "response: {headers: Both, retryAfter: false}"),
        ({"headers": "Both", "retryAfter": False}, '{"response": {"retryAfter": false, "headers": "Both"}}'),
    ],
)
def test_field_and_annotation_say_the_same(version: str, block: str, field: Any, annotation: str) -> None:
    (read,) = objects(policy(field, annotation, version=version, block=block)).rate_limit_policies
    model = to_model(read)
    assert check(model).problems == ()
    assert model.response == Response(headers="Both", retry_after=False)


@pytest.mark.parametrize(
    ("field", "annotation", "message"),
    [
        (RATE_LIMIT, "response: {headers: Both}", '"response" is not what the field of the policy says'),
        (None, "response: {headers: some}", '"response.headers"'),
        (None, "response: {header: Both}", '"response.header"'),
        (None, "response: [Both]", '"response"'),
    ],
)
def test_an_annotation_that_says_something_else_is_a_mistake(
    field: Any, annotation: str, message: str
) -> None:
    (read,) = objects(policy(field, annotation)).rate_limit_policies
    found = check(to_model(read))
    assert found.refusal
    assert [(one.field, one.code) for one in found.problems] == [(FIELD, "invalid-annotation")]
    assert found.problems[0].message.startswith(message)


ON_GATEWAY = ("Gateway", "g")


@pytest.mark.parametrize(
    ("documents", "gateway", "kuadrant", "expected"),
    [
        ([policy()], "", "", Response()),
        ([policy(RATE_LIMIT)], "", "", Response(headers="RateLimit")),
        ([policy()], "response: {headers: Both}", "", Response(headers="Both")),
        ([policy()], "", "response: {headers: Draft03}", Response(headers="Draft03")),
        # What one place leaves open the next one says.
        (
            [policy(RATE_LIMIT)],
            "response: {headers: Both, retryAfter: false}",
            "response: {headers: None, retryAfter: true}",
            Response(headers="RateLimit", retry_after=False),
        ),
        ([policy({"headers": "None"})], "response: {headers: Both}", "", Response(headers="None")),
        # A policy of the Gateway is merged or replaced as a limit is.
        ([policy(), policy(RATE_LIMIT, target=ON_GATEWAY)], "", "", Response()),
        (
            [policy(), policy(RATE_LIMIT, target=ON_GATEWAY, block="defaults", strategy="merge")],
            "",
            "",
            Response(headers="RateLimit"),
        ),
        (
            [
                policy({"headers": "Both"}),
                policy(RATE_LIMIT, target=ON_GATEWAY, block="defaults", strategy="merge"),
            ],
            "",
            "",
            Response(headers="Both"),
        ),
        (
            [
                policy({"headers": "Both"}),
                policy(RATE_LIMIT, target=ON_GATEWAY, block="overrides", strategy="merge"),
            ],
            "",
            "",
            Response(headers="RateLimit"),
        ),
        (
            [policy({"headers": "Both"}), policy(target=ON_GATEWAY, block="overrides", strategy="merge")],
            "",
            "",
            Response(headers="Both"),
        ),
        (
            [policy({"headers": "Both"}), policy(target=ON_GATEWAY, block="overrides")],
            "",
            "",
            Response(),
        ),
        ([], "response: {headers: Both}", "", Response()),
    ],
)
def test_the_nearest_place_that_says_it_holds(
    documents: list[dict[str, Any]], gateway: str, kuadrant: str, expected: Response
) -> None:
    compilation = compile_gateways(world(*documents, gateway=gateway, kuadrant=kuadrant))
    assert compilation.problems == ()
    assert told(compilation) == expected


def test_a_gateway_and_the_kuadrant_may_say_something_else_at_any_time() -> None:
    compiler = Compiler()
    for gateway, kuadrant, headers in (
        ("", "", None),
        ("response: {headers: Both}", "", "Both"),
        ("response: {headers: Both}", "response: {headers: None}", "Both"),
        ("", "response: {headers: None}", "None"),
        ("", "response: {headers: Draft03}", "Draft03"),
        ("", "", None),
    ):
        now = compiler.compile(world(policy(), gateway=gateway, kuadrant=kuadrant))
        assert told(now) == Response(headers=headers)  # type: ignore[arg-type]
        assert now == compile_gateways(world(policy(), gateway=gateway, kuadrant=kuadrant))


def test_what_is_wrong_in_the_annotation_of_a_gateway_or_the_kuadrant_is_told_and_says_nothing() -> None:
    wrong = "response: {headers: some}"
    compilation = compile_gateways(world(policy(RATE_LIMIT), gateway=wrong, kuadrant="limits: {}"))
    assert told(compilation) == Response(headers="RateLimit")
    assert [(one.kind, one.name, one.code, one.at) for one in compilation.problems] == [
        ("Gateway", "g", "invalid-annotation", (1, 21)),
        ("Kuadrant", "k", "invalid-annotation", (1, 1)),
    ]


def test_an_answer_of_a_gateway_or_the_kuadrant_that_cannot_be_made_is_told_and_left_out() -> None:
    wrong = "response: {headers: Both, overLimit: {body: {expression: request.pth}}}"
    compilation = compile_gateways(world(policy(), gateway=wrong, kuadrant=wrong))
    assert told(compilation) == Response(headers="Both")
    assert [(one.kind, one.code, one.at) for one in compilation.problems] == [
        ("Gateway", "invalid-annotation", (1, 58)),
        ("Kuadrant", "invalid-annotation", (1, 58)),
    ]
    assert '"response.overLimit.body.expression" line 1, column 8' in compilation.problems[0].message
    text = "{apiVersion: kuadrant.io/v1beta1, kind: Kuadrant, metadata: %s, spec: {%s}}"
    kuadrant = yaml.safe_load(text % ("{name: k, namespace: ns}", wrong))
    (problem,) = compile_gateways(world(policy(), kuadrant)).problems
    assert (problem.field, problem.code) == ("spec.response.overLimit.body.expression", "invalid-expression")


def test_the_kuadrant_says_it_by_a_field_too() -> None:
    text = (
        "{apiVersion: kuadrant.io/v1beta1, kind: Kuadrant, metadata: %s, spec: {response: {headers: Both}}}"
    )
    kuadrant = yaml.safe_load(text % "{name: k, namespace: ns}")
    assert told(compile_gateways(world(policy(), kuadrant))) == Response(headers="Both")
    kuadrant["metadata"] = metadata("k", "response: {headers: None}")
    compilation = compile_gateways(world(policy(), kuadrant))
    assert told(compilation) == Response(headers="Both")
    assert [one.message for one in compilation.problems] == [
        '"response" is said otherwise by the field spec.response'
    ]


@pytest.mark.parametrize(
    ("over", "field", "message"),
    [
        ({"code": 200}, "code", "400"),
        ({"code": 600}, "code", "599"),
        ({"headers": {"x": {"value": "a\r\nb: c"}}}, "headers.x.value", "printable ASCII, on one line"),
        ({"headers": {"a b": {"value": "c"}}}, "headers", "must have the name of a header"),
        ({"headers": {"": {"value": "c"}}}, "headers", "must have the name of a header"),
        ({"headers": {":status": {"value": "200"}}}, "headers", "must have the name of a header"),
        ({"headers": {"Retry-After": {"value": "1"}}}, "headers", "is not for a policy to say"),
        ({"headers": {"transfer-encoding": {"value": "x"}}}, "headers", "is not for a policy to say"),
        ({"headers": {"X-A": {"value": "1"}, "x-a": {"value": "2"}}}, "headers", "name one header twice"),
        ({"headers": {f"x-{n}": {"value": "1"} for n in range(17)}}, "headers", "16"),
        ({"headers": {"x": {"value": "a" * 257}}}, "headers.x.value", "256"),
        ({"message": {"value": "a\nb"}}, "message.value", "printable ASCII, on one line"),
        ({"body": {"value": "a" * 2049}}, "body.value", "2048"),
        ({"body": {"value": "a", "problem": True}}, "body.problem", "leave out the value"),
        ({"body": {"expression": "a" * 2049}}, "body.expression", "2048"),
    ],
)
def test_an_answer_that_cannot_be_is_a_mistake_in_a_field_and_in_an_annotation(
    over: Any, field: str, message: str
) -> None:
    folder = read_documents([("a.yaml", yaml.safe_dump(policy({"overLimit": over})))])
    assert folder.problems
    assert folder.problems[0].field.startswith(f"spec.response.overLimit.{field}")
    assert message in folder.problems[0].message
    annotated = policy(annotation=yaml.safe_dump({"response": {"overLimit": over}}))
    (read,) = objects(annotated).rate_limit_policies
    found = check(to_model(read))
    assert found.refusal
    assert message in found.problems[0].message
