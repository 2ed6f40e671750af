"""Policies and tests of them as texts, read as `kuadrant test` reads them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from kuadrant.api import documents
from kuadrant.compiler import Compiler
from kuadrant.policy_tests import LoadedPolicies, PolicyTestFile, read, simulate_file
from kuadrant.policy_tests.simulated_gateway import SimulatedGateway

if TYPE_CHECKING:
    from kuadrant.api.problem import Problem
    from kuadrant.policy.failure_mode import FailureMode
    from kuadrant.policy_tests import CaseResult

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: any
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toys}
spec:
  parentRefs: [{name: gw}]
  hostnames: [toys.example.com]
  rules:
  - name: toys
    matches: [{path: {value: /toys}}]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Rule, value: toys}]}}]
    backendRefs: [{name: toys, port: 80}]
  - name: moved
    matches: [{path: {value: /moved}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example.com, statusCode: 301}}]
  - name: nowhere
    matches: [{path: {value: /nowhere}}]
"""
POLICY = """\
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toys}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    all:
      rates: [{limit: 5, window: 10s}]
      when: [{predicate: "request.method == 'POST'"}]
    per-user:
      rates: [{limit: 2, window: 10s}, {limit: 3, window: 1m}]
      when: [{predicate: "'x-user' in request.headers"}]
      counters: [{expression: "request.headers['x-user']"}]
"""

EVERY_FIELD = """\
policies: [policies, ../shared/gateway.yaml]
gateway: default/gw
port: 80
tests:
- name: all of it
  steps:
  - at: 1s
    request:
      method: POST
      host: a.x:8080
      path: /toys/1?page=2
      query: {sort: "by name"}
      headers: {X-User: alice}
      source: 10.0.0.7
      jwt: {sub: alice, groups: [a], level: 3}
      jwtProvider: keycloak
    times: 6
    expect:
      status: 200x5 then 429
      limitedBy: create-toy
      rule: toystore/rule-2
      policies: [default/toystore]
      remaining: 0
      headers: {x-ratelimit-limit: "5"}
      asked: true
  - advance: 1m30s
"""


def loaded(*texts: str, failure_mode: FailureMode = "deny") -> LoadedPolicies:
    """The policies of ``texts``, each a file ``0.yaml``, ``1.yaml`` and so on, without a mistake."""
    folder = documents.read((f"{number}.yaml", text) for number, text in enumerate(texts))
    assert folder.problems == ()
    compiler = Compiler()
    return LoadedPolicies(folder, compiler.compile(folder.objects), compiler.origins, failure_mode)


def read_tests(text: str, path: str = "a.kuadrant-test.yaml") -> PolicyTestFile:
    """The tests of ``text``, without a mistake."""
    file = read(path, textwrap.dedent(text))
    assert isinstance(file, PolicyTestFile), file
    return file


def mistakes(text: str) -> list[str]:
    """What is wrong with ``text``, a line each, without the name of the file."""
    found = read("a", textwrap.dedent(text))
    assert isinstance(found, tuple)
    return [str(problem).removeprefix("a:") for problem in found]


def gateway(policies: LoadedPolicies, file: PolicyTestFile) -> SimulatedGateway:
    """The gateway that ``file`` asks."""
    chosen = policies.gateway_of(file)
    assert isinstance(chosen, SimulatedGateway), chosen
    return chosen


def gateway_problem(policies: LoadedPolicies, file: PolicyTestFile) -> Problem:
    """Why ``file`` asks no gateway."""
    problem = policies.gateway_of(file)
    assert not isinstance(problem, SimulatedGateway)
    return problem


def results(
    text: str, *policies: str, failure_mode: FailureMode = "deny", world: str = GATEWAY
) -> tuple[CaseResult, ...]:
    """What becomes of the tests of ``text`` with these policies, by default those from above."""
    file = read_tests(text)
    asked = gateway(loaded(world, *(policies or (POLICY,)), failure_mode=failure_mode), file)
    return simulate_file(file, asked).cases


def missed(
    step: str, *policies: str, failure_mode: FailureMode = "deny", world: str = GATEWAY
) -> list[tuple[str, str, str]]:
    """Field, what was expected and what was got, of all that a test with this one step misses."""
    text = f"tests: [{{name: a, steps: [{step}]}}]"
    (case,) = results(text, *policies, failure_mode=failure_mode, world=world)
    return [(miss.field.removeprefix("steps[0].expect."), miss.expected, miss.got) for miss in case.misses]
