"""The shim's configuration: what is left out changes no request's actions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.compiler.program import Action, HostProgram, LimitAction, RuleProgram
from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import Renderer, render
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.reference_model import Request, chosen

from . import reference

SERVICE = Service("kuadrant-ratelimit-service")


def _action(scope: str) -> Action:
    return Action(scope, (LimitAction(f"limit.{scope}"),))


def _rule(path: str, *scopes: str, name: str = "rule") -> RuleProgram:
    return RuleProgram(
        name, "default/route", RequestMatch(PathMatch(path)), tuple(_action(scope) for scope in scopes)
    )


def _hosts(*hosts: HostProgram) -> list[dict[str, Any]]:
    rendered: list[dict[str, Any]] = json.loads(render(hosts, SERVICE))["hosts"]
    return rendered


def _names(*hosts: HostProgram) -> list[str]:
    return [host["hostname"] for host in _hosts(*hosts)]


def test_no_pattern_has_a_nul_that_an_engine_could_end_at() -> None:
    match = RequestMatch(
        PathMatch("/a\0?", "regex"),
        headers=(StringMatch("h", "b\0?", "regex"), StringMatch("i", "c\0")),
        query=(StringMatch("q", "d\0?", "regex"),),
    )
    rule = RuleProgram("rule", "default/route", match, (_action("a"),))
    ((told,),) = [host["rules"] for host in _hosts(HostProgram("a.com", (rule,)))]
    assert told["path"]["value"] == "/a\\x00?"
    assert [header["value"] for header in told["headers"]] == ["b\\x00?", "c\0"]
    assert [parameter["value"] for parameter in told["query"]] == ["d\\x00?"]


def test_hosts_in_another_order_give_the_same_bytes() -> None:
    hosts = (
        HostProgram("b", (_rule("/", "x"),)),
        HostProgram("*", (_rule("/", "x"),)),
        HostProgram("a", (_rule("/", "x"),)),
    )
    assert render(hosts, SERVICE) == render(tuple(reversed(hosts)), SERVICE)
    assert _names(*hosts) == ["*", "a", "b"]


def test_the_service_is_named_even_when_nothing_is_limited() -> None:
    service = Service("cluster", timeout_ms=20, failure_mode="allow")
    assert json.loads(render((), service)) == {
        "version": 1,
        "services": {"ratelimit": {"cluster": "cluster", "timeoutMs": 20, "failureMode": "allow"}},
        "hosts": [],
    }


def test_a_service_without_a_cluster_is_named_by_its_target() -> None:
    service = Service(google_grpc="dns:///limitador:8081")
    assert json.loads(render((), service))["services"] == {
        "ratelimit": {"googleGrpc": "dns:///limitador:8081", "timeoutMs": 1000, "failureMode": "deny"}
    }


def test_a_rule_without_actions_stays_before_one_with_actions() -> None:
    (host,) = _hosts(HostProgram("a", (_rule("/free"), _rule("/", "x"))))
    assert [(rule["path"]["value"], "actions" in rule) for rule in host["rules"]] == [
        ("/free", False),
        ("/", True),
    ]


def test_rules_behind_the_last_one_with_actions_are_left_out() -> None:
    (host,) = _hosts(HostProgram("a", (_rule("/b", "x"), _rule("/c"), _rule("/"))))
    assert [rule["path"]["value"] for rule in host["rules"]] == ["/b"]


def test_rules_without_actions_that_share_no_path_with_a_later_one_with_actions_are_left_out() -> None:
    free = (_rule("/free"), _rule("/limited/free"), _rule("/limitedly"), _rule("/"))
    (host,) = _hosts(HostProgram("a", (*free[:3], _rule("/limited", "x"), free[3])))
    assert [rule["path"]["value"] for rule in host["rules"]] == ["/limited/free", "/limited"]


def test_a_match_that_comes_again_is_left_out() -> None:
    (host,) = _hosts(HostProgram("a", (_rule("/b", "x", name="first"), _rule("/b", "y", name="second"))))
    assert [rule["name"] for rule in host["rules"]] == ["first"]


def test_a_host_without_actions_is_left_out() -> None:
    assert _names(HostProgram("a.com", (_rule("/"),)), HostProgram("b.com", (_rule("/", "x"),))) == ["b.com"]


def test_a_host_without_actions_shields_its_requests_from_a_wildcard_with_actions() -> None:
    (_, shield) = _hosts(HostProgram("*.com", (_rule("/", "x"),)), HostProgram("a.com", (_rule("/"),)))
    assert shield == {"hostname": "a.com", "rules": []}


def test_only_the_next_less_specific_host_decides_whether_a_shield_is_needed() -> None:
    everything, free = HostProgram("*", (_rule("/", "x"),)), (_rule("/"),)
    assert _names(
        everything, HostProgram("*.com", free), HostProgram("*.a.com", free), HostProgram("b.a.com", free)
    ) == [
        "*",
        "*.com",
    ]


def _programs(draw: st.DrawFn) -> tuple[HostProgram, ...]:
    actions = st.sampled_from([(), (), (_action("x"),), (_action("x"), _action("y"))])
    rules = st.builds(RuleProgram, st.just("rule"), st.just("route"), reference.matches, actions)
    hosts = st.builds(HostProgram, reference.hostnames, st.lists(rules, max_size=5).map(tuple))
    return tuple(draw(st.lists(hosts, max_size=6, unique_by=lambda host: host.hostname)))


def _read(configuration: dict[str, Any]) -> tuple[HostProgram, ...]:
    """Read a configuration back as CONFIGURATION.md says it; of an action its scope is enough."""

    def strings(items: list[dict[str, Any]]) -> tuple[StringMatch, ...]:
        return tuple(StringMatch(**item) for item in items)

    def rule(text: dict[str, Any]) -> RuleProgram:
        match = RequestMatch(
            path=PathMatch(**text["path"]) if "path" in text else None,
            method=text.get("method"),
            headers=strings(text.get("headers", [])),
            query=strings(text.get("query", [])),
        )
        return RuleProgram(
            text["name"], "route", match, tuple(_action(one["scope"]) for one in text.get("actions", []))
        )

    return tuple(
        HostProgram(host["hostname"], tuple(map(rule, host["rules"]))) for host in configuration["hosts"]
    )


def _actions(hosts: tuple[HostProgram, ...], request: Request) -> tuple[Action, ...]:
    rule = chosen(hosts, request)
    return rule.actions if rule else ()


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(hosts=st.composite(_programs)(), requests=st.lists(reference.requests, min_size=1, max_size=10))
def test_every_request_has_the_actions_of_the_whole_program(
    hosts: tuple[HostProgram, ...], requests: list[Request]
) -> None:
    kept = _read(json.loads(render(hosts, SERVICE)))
    for request in requests:
        assert _actions(kept, request) == _actions(hosts, request), request


_FEW_PATHS = ["/", "/a", "/b", "/a/a", "/a/b", "/a/a/b"]
_path_rules = st.lists(
    st.tuples(
        st.builds(PathMatch, st.sampled_from(_FEW_PATHS), st.sampled_from(["exact", "prefix"]))
        | st.sampled_from([None, PathMatch("/a/.*", "regex")]),
        st.booleans(),
    ),
    min_size=2,
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(paths=_path_rules)
def test_every_path_has_the_actions_of_the_whole_program(paths: list[tuple[PathMatch | None, bool]]) -> None:
    """As above, with so few paths that all of them can be tried.

    Nothing but a path tells the rules apart.
    """
    rules = tuple(
        RuleProgram("rule", "route", RequestMatch(path), (_action(f"{place}"),) if limited else ())
        for place, (path, limited) in enumerate(paths)
    )
    hosts = (HostProgram("a.com", rules),)
    kept = _read(json.loads(render(hosts, SERVICE)))
    for path in [*_FEW_PATHS, *(f"{path}/" for path in _FEW_PATHS[1:]), "/ab", "/a/ab"]:
        request = Request(authority="a.com", target=path)
        assert _actions(kept, request) == _actions(hosts, request), path


def test_the_headers_of_a_soft_limit_are_told_to_modules_that_know_programs() -> None:
    soft = LimitAction("limit.a", refuses=False, signals=(("x-over", "a"),))
    host = HostProgram(
        "a.com", (RuleProgram("rule", "default/route", RequestMatch(), (Action("a", (soft,)),)),)
    )
    for programs in (True, False):
        told = json.loads(Renderer(SERVICE, programs=programs).render([host]))
        (limit,) = told["hosts"][0]["rules"][0]["actions"][0]["limits"]
        assert limit.get("signal") == ([{"name": "x-over", "value": "a"}] if programs else None)
        assert "shadow" not in limit


def test_which_limits_are_in_shadow_is_told_to_modules_that_know_programs() -> None:
    action = Action("a", (LimitAction("limit.a", refuses=False), LimitAction("limit.b")))
    host = HostProgram("a.com", (RuleProgram("rule", "default/route", RequestMatch(), (action,)),))
    for programs in (True, False):
        told = json.loads(Renderer(SERVICE, programs=programs).render([host]))
        limits = told["hosts"][0]["rules"][0]["actions"][0]["limits"]
        assert ["shadow" in limit for limit in limits] == [programs, False]


def test_what_becomes_of_requests_without_an_answer_is_told_to_modules_that_know_programs() -> None:
    limits = (LimitAction("limit.a", fallback="allow"), LimitAction("limit.b"))
    host = HostProgram(
        "a.com", (RuleProgram("rule", "default/route", RequestMatch(), (Action("a", limits),)),)
    )
    for programs in (True, False):
        told = json.loads(Renderer(SERVICE, programs=programs).render([host]))
        limits_told = told["hosts"][0]["rules"][0]["actions"][0]["limits"]
        assert [limit.get("fallback") for limit in limits_told] == ["allow" if programs else None, None]
