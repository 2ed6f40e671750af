"""Buckets as they are compiled: one counter for all limits that count alike, told where one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.compiler import Compiler, compile_gateways

from .one_gateway import objects, route

if TYPE_CHECKING:
    from kuadrant.compiler import Compilation


def policy(name: str, limit: str, namespace: str = "default", target: str = "HTTPRoute", of: str = "") -> str:
    return f"""
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: {target}, name: {of or name}}}
  limits: {{{name}: {{rates: [{{limit: {limit}, window: 10s}}], bucket: shared}}}}
"""


def asked(compilation: Compilation) -> set[tuple[str, str]]:
    """Scope and key of every limit that a gateway asks for."""
    return {
        (action.scope, limit.key)
        for program in compilation.programs
        for listener in program.listeners
        for host in listener.hosts
        for rule in host.rules
        for action in rule.actions
        for limit in action.limits
    }


def told(compilation: Compilation) -> list[tuple[str, str]]:
    return [(one.name, one.field) for one in compilation.problems if one.code == "bucket-apart"]


def test_limits_of_two_policies_and_routes_are_one_limit_of_the_service() -> None:
    found = compile_gateways(objects(route("a"), route("b"), policy("a", "5"), policy("b", "5")))
    assert [(one.namespace, one.name, one.max_value) for one in found.limits] == [
        ("default/bucket:shared", "shared", 5)
    ]
    assert len(asked(found)) == 1
    assert told(found) == []


def test_those_that_count_differently_count_apart_and_the_younger_is_told() -> None:
    found = compile_gateways(objects(route("a"), route("b"), policy("a", "5"), policy("b", "6")))
    assert sorted(one.max_value for one in found.limits) == [5, 6]
    assert len(asked(found)) == 2
    assert told(found) == [("b", "spec.limits.b.bucket")]


def test_a_bucket_of_another_namespace_is_another_one() -> None:
    documents = (route("a"), route("a", "other"), policy("a", "5"), policy("a", "5", "other"))
    found = compile_gateways(objects(*documents))
    assert {scope for scope, _ in asked(found)} == {"default/bucket:shared", "other/bucket:shared"}
    assert len({key for _, key in asked(found)}) == 2
    assert told(found) == []


def test_a_gateways_policy_shares_its_bucket_with_the_routes_of_others() -> None:
    documents = (route("a"), route("a", "other"), policy("whole", "5", target="Gateway", of="gw"))
    found = compile_gateways(objects(*documents))
    assert {scope for scope, _ in asked(found)} == {"default/bucket:shared"}
    assert len(found.limits) == 1


def test_what_is_told_follows_every_edit() -> None:
    compiler = Compiler()
    routes = (route("a"), route("b"))
    for first, second, wanted in (("5", "5", []), ("5", "6", ["b"]), ("6", "6", []), ("7", "6", ["b"])):
        now = objects(*routes, policy("a", first), policy("b", second))
        found = compiler.compile(now)
        assert [name for name, _ in told(found)] == wanted
        assert found == compile_gateways(now)
    assert told(compiler.compile(objects(*routes, policy("b", "6")))) == []
