"""Rendering on gives what rendering from nothing gives, and holds nothing of what is gone."""

from __future__ import annotations

import json
from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kuadrant.compiler.program import Action, HostProgram, LimitAction, RuleProgram
from kuadrant.dialects import DIALECTS, OWN, Service
from kuadrant.dialects.own.configuration import Renderer, render
from kuadrant.incremental import OfEach
from kuadrant.policy.condition import SelectorCondition
from kuadrant.policy.match import PathMatch, RequestMatch

SERVICE = Service("kuadrant-ratelimit-service")

_rules = st.builds(
    lambda path, limited: RuleProgram(
        path,
        "default/route",
        RequestMatch(PathMatch(path)),
        (Action("scope", (LimitAction(f"limit.{path}"),)),) if limited else (),
    ),
    st.sampled_from(["/", "/a", "/a/b", "/c"]),
    st.booleans(),
)
_hosts = st.dictionaries(
    st.sampled_from(["*", "*.x.com", "a.x.com", "y.com"]), st.lists(_rules, max_size=3).map(tuple)
)


@given(st.lists(_hosts, min_size=2, max_size=5))
def test_a_renderer_that_has_seen_other_hosts_gives_the_same_bytes(
    versions: list[dict[str, tuple[RuleProgram, ...]]],
) -> None:
    renderer = Renderer(SERVICE)
    known: dict[tuple[str, tuple[RuleProgram, ...]], HostProgram] = {}
    for version in versions:
        hosts = tuple(
            known.setdefault((name, rules), HostProgram(name, rules)) for name, rules in version.items()
        )
        # Of these nothing has been made yet.
        assert renderer.render(hosts) == render(deepcopy(hosts), SERVICE)


def test_what_a_gateway_shows_is_in_what_modules_get_that_know_it_and_in_no_other_s() -> None:
    service = replace(SERVICE, metadata={"x-kuadrant-token": "secret"})
    texts = {name: DIALECTS[name].configure(service)(()) for name in DIALECTS}
    assert {name for name, text in texts.items() if b"secret" in text} == {"kuadrant-v4", "kuadrant-v3"}
    assert [name for name in DIALECTS if DIALECTS[name].proves] == ["kuadrant-v4", "kuadrant-v3"]
    assert b'"metadata":{"x-kuadrant-token":"secret"}' in texts["kuadrant-v3"]
    assert "secret" not in repr(service)


def test_records_are_asked_for_in_the_one_dialect_that_has_them_and_name_policies_routes_and_conditions() -> (
    None
):
    limit = LimitAction(
        "limit.a__0a1b2c3d", (SelectorCondition("request.method", "eq", "GET"),), sources=("default/policy",)
    )
    rule = RuleProgram(
        "rule", "default/route", RequestMatch(PathMatch("/")), (Action("default/route", (limit,)),)
    )
    hosts = (HostProgram("*", (rule,)),)
    service = replace(SERVICE, decision_records="left")
    texts = {name: DIALECTS[name].render(hosts, service) for name in OWN}
    plain = {name: DIALECTS[name].render(hosts, SERVICE) for name in OWN}
    assert {name for name in OWN if texts[name] != plain[name]} == {"kuadrant-v4"}
    told = json.loads(texts["kuadrant-v4"])
    (written,) = told["hosts"][0]["rules"]
    assert (told["decisionRecords"], written["route"]) == (True, "default/route")
    assert written["actions"][0]["limits"][0]["record"] == {
        "policies": ["default/policy"],
        "when": ["request.method eq GET"],
    }
    assert "decision" not in json.dumps(told["services"])


def test_a_key_of_those_who_may_ask_is_told_to_the_one_dialect_that_knows_it() -> None:
    service = replace(SERVICE, explain_key="MFkw")
    texts = {name: DIALECTS[name].configure(service)(()) for name in OWN}
    assert {name for name, text in texts.items() if b"MFkw" in text} == {"kuadrant-v4"}
    told = json.loads(texts["kuadrant-v4"])
    assert (told["explainKey"], [*told["services"]["ratelimit"]]) == (
        "MFkw",
        ["cluster", "timeoutMs", "failureMode"],
    )


def test_that_denials_are_not_to_be_remembered_is_told_to_the_one_dialect_that_knows_it() -> None:
    service = replace(SERVICE, remember_denials=False)
    texts = {name: DIALECTS[name].configure(service)(()) for name in OWN}
    assert {name for name, text in texts.items() if b"rememberDenials" in text} == {"kuadrant-v4"}
    assert json.loads(texts["kuadrant-v4"])["services"]["ratelimit"]["rememberDenials"] is False
    assert b"rememberDenials" not in DIALECTS["kuadrant-v4"].configure(SERVICE)(())


def test_a_result_is_made_once_and_goes_with_what_it_was_made_of() -> None:
    calls: list[str] = []
    of_each = OfEach[HostProgram, str](lambda host: _noted(host.hostname, calls))
    host, other = HostProgram("a", ()), HostProgram("a", ())
    assert [of_each(host), of_each(host), of_each(other)] == ["a", "a", "a"]
    assert calls == ["a", "a"]
    del host
    assert len(of_each) == 1
    del other
    assert len(of_each) == 0


def _noted(name: str, calls: list[str]) -> str:
    calls.append(name)
    return name
