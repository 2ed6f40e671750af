"""Expressions as the project's own module is told them: as programs, or as text for the gateway."""

from __future__ import annotations

import json

import pytest

from kuadrant.api import documents
from kuadrant.compiler import Compilation, compile_gateways
from kuadrant.compiler.program import Action, HostProgram, LimitAction, RuleProgram
from kuadrant.dialects import DIALECTS, OWN, Service, expressible, unpacked
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.match import PathMatch, RequestMatch

from .expressible_world import WORLD


def compiled(dialect: str, predicate: str) -> Compilation:
    """What becomes of a policy with that condition."""
    world = WORLD.replace("'x-user' in request.headers", predicate)
    objects = documents.read([("world.yaml", world)]).objects
    return expressible(objects, compile_gateways, DIALECTS[dialect], "deny", "the module")


def conditions(dialect: str, predicate: str) -> list[dict[str, str]]:
    """The conditions in a dialect's text."""
    compilation = compiled(dialect, predicate)
    hosts = [host for program in compilation.programs for one in program.listeners for host in one.hosts]
    service = Service(cluster="c", timeout_ms=100, failure_mode="deny")
    document = json.loads(unpacked(DIALECTS[dialect].render(hosts, service)))
    return [
        condition
        for host in document["hosts"]
        for rule in host["rules"]
        for action in rule["actions"]
        for limit in action["limits"]
        for condition in limit.get("when", [])
    ]


def reason(dialect: str, predicate: str) -> str:
    """Why the policy is not accepted, or that it is."""
    own = next(one for one in compiled(dialect, predicate).policies if one.policy.name == "own")
    return f"{own.acceptance.reason}: {own.acceptance.message}"


@pytest.mark.parametrize("dialect", OWN)
def test_a_module_that_reads_programs_gets_them_and_others_the_text(dialect: str) -> None:
    (condition,) = conditions(dialect, "request.method == 'POST'")
    assert list(condition) == ["program" if dialect == "kuadrant-v4" else "expression"]


def test_what_only_the_gateway_knows_goes_to_it_as_text() -> None:
    predicate = "has(metadata.filter_metadata)"
    assert conditions("kuadrant-v4", predicate) == [{"expression": predicate}]


@pytest.mark.parametrize("dialect", OWN)
def test_the_address_without_its_port_is_for_the_module_that_makes_it(dialect: str) -> None:
    predicate = "source.remote_address.startsWith('10.')"
    if dialect == "kuadrant-v4":
        (condition,) = conditions(dialect, predicate)
        assert list(condition) == ["program"]
    else:
        assert "it has no attribute 'source.remote_address'" in reason(dialect, predicate)


@pytest.mark.parametrize(
    "predicate",
    [
        "source.remote_address == 'a' && has(metadata.filter_metadata)",
        "dyn(source).remote_address == 'a'",
        "dyn(source)['remote_address'] == 'a'",
        "[source].exists(one, dyn(one).remote_address == 'a')",
    ],
)
def test_an_expression_that_the_gateway_evaluates_has_no_address_without_its_port(predicate: str) -> None:
    assert "it has no attribute 'source.remote_address'" in reason("kuadrant-v4", predicate)


def test_a_field_of_that_name_elsewhere_is_the_gateways_matter() -> None:
    predicate = "metadata.filter_metadata['x'].remote_address == 'a'"
    assert conditions("kuadrant-v4", predicate) == [{"expression": predicate}]


@pytest.mark.parametrize("dialect", OWN)
def test_functions_beyond_the_gateways_are_for_the_module_that_has_them(dialect: str) -> None:
    found = reason(dialect, "request.path.lowerAscii() == 'a'")
    assert found.startswith("Accepted" if dialect == "kuadrant-v4" else "Unsupported")
    assert "lowerAscii" in found or dialect == "kuadrant-v4"


@pytest.mark.parametrize("dialect", OWN)
def test_what_needs_both_is_not_accepted(dialect: str) -> None:
    assert reason(dialect, "plugin_name.lowerAscii() == 'a'").startswith("Unsupported")


ROUTES = 5000
PREDICATES = [
    "request.method == 'POST' && request.path.startsWith('/x{}')",
    "request.headers['x-tier'] == 'tier-{}'",
    "request.path.matches('^/api/v[0-9]+/users/{}/[^/]+$')",
    "request.method in ['GET', 'PUT'] && !request.path.startsWith('/a{}') || 'x-{}' in request.headers",
]


@pytest.mark.slow
def test_programs_are_hardly_larger_than_the_text() -> None:
    counters = (ExpressionCounter("request.headers['x-user']"),)

    def rule(number: int) -> RuleProgram:
        text = PREDICATES[number % len(PREDICATES)].replace("{}", str(number))
        limit = LimitAction(f"limit.a__{number:08x}", (ExpressionCondition(text),), counters, ("ns/p",))
        match = RequestMatch(path=PathMatch(f"/p{number}"))
        return RuleProgram(f"rule-{number}", f"ns/r{number}", match, (Action(f"ns/r{number}", (limit,)),))

    hosts = (HostProgram("*", tuple(map(rule, range(ROUTES)))),)
    service = Service(cluster="c", timeout_ms=100, failure_mode="deny")
    text, programs = (len(DIALECTS[name].render(hosts, service)) for name in ("kuadrant-v3", "kuadrant-v4"))
    assert programs <= text * 4 / 3
