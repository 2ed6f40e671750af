"""Which configurations are taken, and what is said of one that is not."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from tests.unit.wasm_shim.configurations import EVERYTHING, refusal

from .examples import (
    OK,
    Json,
    action,
    configuration,
    configure,
    entries,
    entry,
    limit,
    paused,
    request,
    rule,
    service,
)
from .proxy_wasm_host import Host, Program

RULE = ("hosts", 2, "rules", 0)
ACTION = (*RULE, "actions", 0)
LIMIT = (*ACTION, "limits", 0)
REMOVED = object()


def changed(place: tuple[str | int, ...], value: Any) -> bytes:
    """The document above with one thing different."""
    document = deepcopy(EVERYTHING)
    parent: Any = document
    for part in place[:-1]:
        parent = parent[part]
    if value is REMOVED:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    return json.dumps(document).encode()


def test_a_configuration_with_every_field_is_taken(host: Host) -> None:
    configure(host, EVERYTHING)
    assert host.errors == []
    assert host.metrics["kuadrant.configurations_refused"] == 0


def test_the_order_of_fields_means_nothing(host: Host) -> None:
    def reverse(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: reverse(value[name]) for name in reversed(value)}
        return [reverse(item) for item in value] if isinstance(value, list) else value

    configure(host, reverse(EVERYTHING))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        # what is not there
        (("version",), REMOVED, "version: is missing"),
        (("services",), REMOVED, "services: is missing"),
        (("hosts",), REMOVED, "hosts: is missing"),
        (("services", "limiter", "timeoutMs"), REMOVED, "services.limiter.timeoutMs: is missing"),
        (("services", "limiter", "failureMode"), REMOVED, "services.limiter.failureMode: is missing"),
        (("hosts", 1, "hostname"), REMOVED, "hosts[1].hostname: is missing"),
        (("hosts", 1, "rules"), REMOVED, "hosts[1].rules: is missing"),
        ((*RULE, "name"), REMOVED, "hosts[2].rules[0].name: is missing"),
        ((*RULE, "path", "type"), REMOVED, "hosts[2].rules[0].path.type: is missing"),
        ((*RULE, "headers", 0, "type"), REMOVED, "hosts[2].rules[0].headers[0].type: is missing"),
        ((*ACTION, "service"), REMOVED, "hosts[2].rules[0].actions[0].service: is missing"),
        ((*ACTION, "scope"), REMOVED, "hosts[2].rules[0].actions[0].scope: is missing"),
        ((*ACTION, "limits"), REMOVED, "hosts[2].rules[0].actions[0].limits: is missing"),
        ((*LIMIT, "entries"), REMOVED, "hosts[2].rules[0].actions[0].limits[0].entries: is missing"),
        (
            (*LIMIT, "entries", 0, "key"),
            REMOVED,
            "hosts[2].rules[0].actions[0].limits[0].entries[0].key: is missing",
        ),
        # what nobody knows
        (("extra",), 1, "extra: unknown field"),
        (("services", "limiter", "extra"), 1, "services.limiter.extra: unknown field"),
        ((*RULE, "pth"), {}, "hosts[2].rules[0].pth: unknown field"),
        (
            (*LIMIT, "entries", 1, "vlaue"),
            "x",
            "hosts[2].rules[0].actions[0].limits[0].entries[1].vlaue: unknown field",
        ),
        # what is of the wrong type
        (("version",), "1", "version: must be a number, is a string"),
        (("version",), 1.5, "version: must be a whole number from 0 to 4294967295"),
        (("version",), -1, "version: must be a whole number from 0 to 4294967295"),
        (("services",), [], "services: must be an object, is a list"),
        (("services", "limiter", "cluster"), None, "services.limiter.cluster: must be a string, is null"),
        (("hosts",), {}, "hosts: must be a list, is an object"),
        (("hosts", 0), "x", "hosts[0]: must be an object, is a string"),
        ((*RULE, "method"), True, "hosts[2].rules[0].method: must be a string, is a boolean"),
        (
            (*RULE, "path", "type"),
            "sufix",
            'hosts[2].rules[0].path.type: "sufix" is none of exact, prefix, regex',
        ),
        (
            (*RULE, "query", 0, "type"),
            "prefix",
            'hosts[2].rules[0].query[0].type: "prefix" is none of exact, regex',
        ),
        (
            ("services", "limiter", "failureMode"),
            "open",
            'services.limiter.failureMode: "open" is none of deny, allow',
        ),
        (
            (*LIMIT, "when", 0, "operator"),
            "ne",
            (
                'hosts[2].rules[0].actions[0].limits[0].when[0].operator: "ne" is none of '
                "eq, neq, startswith, endswith, incl, excl, matches"
            ),
        ),
        # what makes no sense
        (("version",), 3, "version: 3 is not known, this module reads versions 1 and 2"),
        (("services", "limiter", "timeoutMs"), 0, "services.limiter.timeoutMs: must be from 1 to 60000"),
        (("services", "limiter", "timeoutMs"), 60001, "services.limiter.timeoutMs: must be from 1 to 60000"),
        (("services", "limiter", "cluster"), "", "services.limiter.cluster: must not be empty"),
        (
            ("services", "limiter", "cluster"),
            REMOVED,
            "services.limiter: needs exactly one of cluster and googleGrpc",
        ),
        (
            ("services", "limiter", "googleGrpc"),
            "x",
            "services.limiter: needs exactly one of cluster and googleGrpc",
        ),
        (("services", "other", "googleGrpc"), "", "services.other.googleGrpc: must not be empty"),
        (("hosts", 0, "hostname"), "", "hosts[0].hostname: must be a host name, *.suffix or *"),
        (("hosts", 0, "hostname"), "*.", "hosts[0].hostname: must be a host name, *.suffix or *"),
        (("hosts", 0, "hostname"), "a.*", 'hosts[0].hostname: "a.*" must be a host name, *.suffix or *'),
        (("hosts", 0, "hostname"), "API.x", 'hosts[0].hostname: "API.x" must be in lower case'),
        (("hosts", 0, "hostname"), "api.x:80", 'hosts[0].hostname: "api.x:80" must not have a port'),
        (("hosts", 0, "hostname"), "[::1]:80", 'hosts[0].hostname: "[::1]:80" must not have a port'),
        (
            ("hosts", 0, "hostname"),
            "*.toystore.com",
            'hosts[1].hostname: "*.toystore.com" has its rules already',
        ),
        (("hosts", 0, "hostname"), "*", 'hosts[2].hostname: "*" has its rules already'),
        (
            (*RULE, "path"),
            {"type": "exact", "value": "toys"},
            "hosts[2].rules[0].path.value: must begin with /",
        ),
        ((*RULE, "path"), {"type": "prefix", "value": ""}, "hosts[2].rules[0].path.value: must begin with /"),
        (
            (*RULE, "path"),
            {"type": "exact", "value": "/toys?x"},
            "hosts[2].rules[0].path.value: must not have a query or a fragment",
        ),
        ((*RULE, "path", "value"), "(", 'hosts[2].rules[0].path.value: "(" is no regular expression of RE2'),
        (
            (*RULE, "path", "value"),
            "a)|(b",
            'hosts[2].rules[0].path.value: "a)|(b" is no regular expression of RE2',
        ),
        ((*RULE, "method"), "", "hosts[2].rules[0].method: must not be empty"),
        (
            (*RULE, "headers", 0, "name"),
            "X-Tenant",
            'hosts[2].rules[0].headers[0].name: "X-Tenant" must be in lower case',
        ),
        ((*RULE, "headers", 0, "name"), "a b", 'hosts[2].rules[0].headers[0].name: "a b" is no header name'),
        ((*RULE, "headers", 0, "name"), "", "hosts[2].rules[0].headers[0].name: must not be empty"),
        ((*RULE, "query", 0, "name"), "", "hosts[2].rules[0].query[0].name: must not be empty"),
        (
            (*RULE, "query", 0, "value"),
            "[",
            'hosts[2].rules[0].query[0].value: "[" is no regular expression of RE2',
        ),
        ((*ACTION, "service"), "x", 'hosts[2].rules[0].actions[0].service: no such service "x"'),
        ((*ACTION, "scope"), "", "hosts[2].rules[0].actions[0].scope: must not be empty"),
        ((*LIMIT, "entries"), [], "hosts[2].rules[0].actions[0].limits[0].entries: needs at least one"),
        (
            (*LIMIT, "entries", 0, "key"),
            "",
            "hosts[2].rules[0].actions[0].limits[0].entries[0].key: must not be empty",
        ),
        (
            (*LIMIT, "entries", 0, "selector"),
            "request.path",
            (
                "hosts[2].rules[0].actions[0].limits[0].entries[0]: needs exactly one of value, selector, "
                "expression and program"
            ),
        ),
        (
            (*LIMIT, "entries", 0, "value"),
            REMOVED,
            (
                "hosts[2].rules[0].actions[0].limits[0].entries[0]: needs exactly one of value, selector, "
                "expression and program"
            ),
        ),
        (
            (*LIMIT, "entries", 0, "default"),
            "x",
            "hosts[2].rules[0].actions[0].limits[0].entries[0]: default is for a selector",
        ),
        (
            (*LIMIT, "entries", 1, "selector"),
            "request..path",
            (
                'hosts[2].rules[0].actions[0].limits[0].entries[1].selector: "request..path" is no list '
                "of names "
                "with dots between them"
            ),
        ),
        (
            (*LIMIT, "entries", 1, "selector"),
            "request\\",
            (
                'hosts[2].rules[0].actions[0].limits[0].entries[1].selector: "request\\" is no list of names '
                "with dots between them"
            ),
        ),
        (
            (*LIMIT, "when", 0, "value"),
            REMOVED,
            "hosts[2].rules[0].actions[0].limits[0].when[0]: value is missing",
        ),
        (
            (*LIMIT, "when", 0, "operator"),
            REMOVED,
            "hosts[2].rules[0].actions[0].limits[0].when[0]: operator is missing",
        ),
        (
            (*LIMIT, "when", 0, "expression"),
            "true",
            (
                "hosts[2].rules[0].actions[0].limits[0].when[0]: needs exactly one of selector, expression "
                "and program"
            ),
        ),
        (
            (*LIMIT, "when", 1, "value"),
            "true",
            "hosts[2].rules[0].actions[0].limits[0].when[1]: an expression has no operator and no value",
        ),
        (
            (*LIMIT, "when", 1, "expression"),
            "1 +",
            (
                "hosts[2].rules[0].actions[0].limits[0].when[1].expression: the gateway does not take the "
                'CEL expression "1 +"; '
                "its own log says why at level info"
            ),
        ),
        (
            (*LIMIT, "when", 1, "expression"),
            "true) || (true",
            (
                "hosts[2].rules[0].actions[0].limits[0].when[1].expression: the gateway does not take the "
                "CEL expression "
                '"true) || (true"; its own log says why at level info'
            ),
        ),
        (
            (*LIMIT, "entries", 2, "expression"),
            "",
            (
                "hosts[2].rules[0].actions[0].limits[0].entries[2].expression: the gateway does not take the "
                "CEL expression "
                '""; its own log says why at level info'
            ),
        ),
    ],
)
def test_a_refusal_names_the_field(host: Host, place: tuple[str | int, ...], value: Any, said: str) -> None:
    assert refusal(host, changed(place, value)) == said
    assert host.metrics["kuadrant.configurations_refused"] == 1
    assert host.expressions == {}, "what was compiled for it is given back"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON at line 1, column 1"),
        (b"{", "not JSON at line 1, column 2"),
        (b'{"version": 1,\n "hosts": yes}', "hosts: not JSON at line 2, column 11"),
        (b"\xff\xfe", "not JSON at line 1, column 1"),
        (b"[]", "must be an object, is a list"),
        (b"null", "must be an object, is null"),
        (b'{"version": 1, "services": {}, "hosts": []} {}', "not JSON at line 1, column 45"),
        (b'{"version": 1, "version": 1, "services": {}, "hosts": []}', "version: is given twice"),
        (
            b'{"version": 1, "services": {}, "hosts": [{"hostname": "*", "hostname": "*"}]}',
            "hosts[0].hostname: is given twice",
        ),
        (
            (
                b'{"version": 1, "services": {"a": {"cluster": "b", "timeoutMs": 1, "failureMode": '
                b'"deny"}, "a": '
                b'1}, "hosts": []}'
            ),
            "services.a: is given twice",
        ),
        (
            b'{"services": {}, "hosts": [[[{}]]], "version": 7}',
            "version: 7 is not known, this module reads versions 1 and 2",
        ),
        (b'{"version": 99999999999}', "version: must be a whole number from 0 to 4294967295"),
    ],
)
def test_a_text_that_is_no_configuration(host: Host, text: bytes, said: str) -> None:
    assert refusal(host, text) == said


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"hosts":[', b'{"version":1,"services":{"a":'])
def test_deep_nesting_is_refused(host: Host, opening: bytes) -> None:
    assert not host.configure(opening * 200_000)
    assert len(host.errors) == 1


def test_a_configuration_larger_than_the_memory_is_refused(program: Program) -> None:
    host = Host(program, memory=4 << 20)
    assert not host.configure(
        json.dumps(configuration(*[rule(name=str(number)) for number in range(20_000)])).encode()
    )
    assert host.errors == ["configuration refused: there is not enough memory for it"]
    configure(host, configuration())


def test_a_host_without_cel_takes_a_configuration_that_needs_none(program: Program) -> None:
    host = Host(program, cel=False)
    configure(
        host,
        configuration(
            rule(
                path={"type": "prefix", "value": "/"}, headers=[{"name": "a", "type": "exact", "value": "b"}]
            )
        ),
    )


@pytest.mark.parametrize(
    ("part", "place"),
    [
        (rule(path={"type": "regex", "value": "/a.*"}), "path.value"),
        (rule(action(limit(when=[{"expression": "true"}]))), "actions[0].limits[0].when[0].expression"),
        (
            rule(action(limit({"key": "k", "expression": "'x'"}))),
            "actions[0].limits[0].entries[0].expression",
        ),
    ],
)
def test_a_host_without_cel_refuses_one_that_needs_it(program: Program, part: Json, place: str) -> None:
    said = refusal(Host(program, cel=False), json.dumps(configuration(part)).encode())
    assert said.startswith(f"hosts[0].rules[0].{place}: this gateway evaluates no CEL, which ")


def test_a_message_shows_strange_text_without_control_characters_and_not_all_of_it(host: Host) -> None:
    said = refusal(
        host, json.dumps(configuration(rule(action(service="\n\x1b[31m" + "x" * 10_000)))).encode()
    )
    assert said == 'hosts[0].rules[0].actions[0].service: no such service "??[31m' + "x" * 194 + '..."'


def test_a_refused_configuration_keeps_the_old_one(host: Host) -> None:
    configure(host, configuration(rule(action(limit(entry("old"))))))
    assert not host.configure(b'{"version": 1, "services": {}, "hosts": [{}]}')
    _, call = paused(host)
    assert entries(call) == [("old", "1")]


def test_a_new_configuration_is_for_the_next_request_and_the_waiting_one_ends_under_its_own(
    host: Host,
) -> None:
    configure(
        host,
        configuration(
            rule(action(scope="first"), action(scope="second")), services={"limiter": service(timeoutMs=7)}
        ),
    )
    waiting, call = paused(host)
    configure(host, configuration(rule(action(scope="new"))))
    host.answer(call, OK)
    assert host.calls[-1].message.startswith(b"\x0a\x06second")
    assert host.calls[-1].timeout_ms == 7
    assert waiting.state == "paused"
    host.answer(host.calls[-1], OK)
    assert waiting.state == "continued"
    paused(host)
    assert host.calls[-1].message.startswith(b"\x0a\x03new")


def test_expressions_are_compiled_once_and_given_back_with_the_last_request_that_may_need_them(
    host: Host,
) -> None:
    condition = limit(when=[{"expression": "request.method == 'GET'"}])
    configure(host, configuration(*[rule(action(condition), method=method) for method in ("GET", "PUT")]))
    assert len(host.expressions) == 1
    stream, call = paused(host)
    configure(host, configuration())
    assert len(host.expressions) == 1
    host.answer(call, OK)
    assert host.expressions == {}
    assert stream.state == "continued"


def test_root_contexts_have_configurations_of_their_own(host: Host) -> None:
    configure(host, configuration(rule(action(scope="one"))))
    other = host.create_root()
    assert host.configure(json.dumps(configuration(rule(action(scope="two")))).encode(), other)
    streams = [host.create_stream(request(), root=root) for root in (other, host.root, other)]
    for stream in reversed(streams):
        host.send_headers(stream)
    assert [call.message[2:5] for call in host.calls] == [b"two", b"one", b"two"]


def test_a_root_context_that_goes_takes_no_expression_of_another_with_it(host: Host) -> None:
    document = json.dumps(configuration(rule(action(limit(when=[{"expression": "true"}]))))).encode()
    other = host.create_root()
    assert host.configure(document, other)
    stream = host.request(request(), root=other)
    host.delete_root(other)
    host.configure(document)
    kept = dict(host.expressions)
    host.answer(host.calls[-1], OK)
    assert stream.state == "continued"
    assert host.expressions == kept


def test_a_stream_whose_root_context_has_no_configuration_is_not_let_through(host: Host) -> None:
    stream = host.request(request())
    assert stream.response.status == 500


def test_only_the_log_level_that_is_printed_is_sent(program: Program) -> None:
    host = Host(program, log_level="warn")
    configure(host, configuration())
    host.request(request())
    assert host.logs == []


def test_a_root_context_that_comes_later_changes_nothing_for_the_first(host: Host) -> None:
    names = [f"{name}.com" for name in "abcdefgh"]
    hosts = [{"hostname": name, "rules": [rule(path={"type": "exact", "value": "/x"})]} for name in names]
    configure(host, {**configuration(), "hosts": hosts})
    for _ in range(3):
        host.clock += 1_000_000_007
        second = host.create_root()
        assert host.configure(json.dumps({**configuration(), "hosts": hosts}).encode(), second)
        for root in (host.root, second):
            for name in names:
                assert host.request(request("/x", authority=name), root=root).state == "paused"
