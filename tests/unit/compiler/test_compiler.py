"""Compiling on gives what compiling from nothing gives, whatever changes.

What is as before is the same instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from kuadrant.api.objects import Objects
from kuadrant.compiler import Compilation, Compiler, compile_gateways

from .generated import gateways, grants, namespaces, policies, routes
from .texts import GATEWAY

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.api.meta import Object


GATEWAYS = ["g0", "g1"]
ROUTES = [
    ("r0", "ns", "HTTPRoute"),
    ("r1", "ns", "HTTPRoute"),
    ("r1", "other", "HTTPRoute"),
    ("r2", "ns", "GRPCRoute"),
]
POLICIES = ["p0", "p1", "p2", "p3"]


class Cluster(RuleBasedStateMachine):
    """Objects come, change and go, one or several at a time, and the compiler looks on."""

    def __init__(self) -> None:
        super().__init__()
        self.compiler = Compiler()
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.former = Compilation()

    @initialize(
        objects=st.tuples(
            *(gateways(name) for name in GATEWAYS),
            *(routes(*key) for key in ROUTES),
            *(policies(name) for name in POLICIES),
        )
    )
    def begin(self, objects: tuple[Object, ...]) -> None:
        for one in objects:
            self.put(one)
        self.compile()

    def put(self, one: Object) -> None:
        self.objects[one.kind, one.metadata.namespace, one.metadata.name] = one

    @rule(gateway=st.sampled_from(GATEWAYS).flatmap(gateways))
    def gateway(self, gateway: Object) -> None:
        self.put(gateway)

    @rule(route=st.sampled_from(ROUTES).flatmap(lambda key: routes(*key)))
    def route(self, route: Object) -> None:
        self.put(route)

    @rule(policy=st.sampled_from(POLICIES).flatmap(policies))
    def policy(self, policy: Object) -> None:
        self.put(policy)

    @rule(namespace=st.sampled_from(["ns", "other"]).flatmap(namespaces))
    def namespace(self, namespace: Object) -> None:
        self.put(namespace)

    @rule(grant=st.sampled_from(["a", "b"]).flatmap(grants))
    def grant(self, grant: Object) -> None:
        self.put(grant)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        del self.objects[data.draw(st.sampled_from(sorted(self.objects)))]

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def delete_in_the_background(self, data: st.DataObject) -> None:
        one = self.objects[data.draw(st.sampled_from(sorted(self.objects)))]
        metadata = msgspec.structs.replace(one.metadata, deletion_timestamp="2024-06-12T10:00:00Z")
        self.put(msgspec.structs.replace(one, metadata=metadata))

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def write_what_nobody_reads(self, data: st.DataObject) -> None:
        one = self.objects[data.draw(st.sampled_from(sorted(self.objects)))]
        metadata = msgspec.structs.replace(one.metadata, annotations={"a": "b"})
        self.put(msgspec.structs.replace(one, metadata=metadata))

    @rule()
    def compile(self) -> None:
        expected = compile_gateways(Objects.of(self.objects.values()))
        found = self.compiler.compile(Objects.of(self.objects.values()))
        assert found == expected
        assert msgspec.json.encode(found) == msgspec.json.encode(expected)
        former = dict(_parts(self.former))
        assert [
            key for key, part in _parts(found) if former.get(key) == part and former[key] is not part
        ] == []
        self.former = found

    @rule(shuffler=st.randoms(use_true_random=False))
    def compile_in_another_order(self, shuffler: random.Random) -> None:
        self.compile()
        assert self.compiler.compile(_shuffled(self.objects.values(), shuffler)) is self.former

    def teardown(self) -> None:
        self.compile()


TestCluster = pytest.mark.slow(Cluster.TestCase)
TestCluster.settings = settings(max_examples=60, stateful_step_count=20)


def _parts(compilation: Compilation) -> Iterator[tuple[object, object]]:
    """Everything that others remember what they made of it, under a name of its own."""
    for field in compilation.__struct_fields__:
        yield field, getattr(compilation, field)
    for facts in compilation.policies:
        yield (facts.policy.key, "facts"), facts
    for limit in compilation.limits:
        yield limit, limit
    for program in compilation.programs:
        gateway = (program.namespace, program.name)
        yield gateway, program
        for limit in program.limits:
            yield (gateway, limit), limit
        for listener in program.listeners:
            yield (gateway, listener.port), listener
            for host in listener.hosts:
                yield (gateway, listener.port, host.hostname), host
                for rule_program in host.rules:
                    yield (gateway, listener.port, host.hostname, rule_program.name), rule_program


def _shuffled(objects: Iterable[Object], shuffler: random.Random) -> Objects:
    sorted_by_name = Objects.of(objects)
    fields: dict[str, Any] = {}
    for field in sorted_by_name.__struct_fields__:
        of_kind = list(getattr(sorted_by_name, field))
        shuffler.shuffle(of_kind)
        fields[field] = tuple(of_kind)
    return Objects(**fields)


def test_after_a_defect_it_begins_anew(read_objects: Callable[[str], Objects]) -> None:
    objects = read_objects(GATEWAY)
    compiler = Compiler()
    compiler.compile(objects)
    with pytest.raises(AttributeError):
        compiler.compile(msgspec.structs.replace(objects, gateways=(None,)))
    assert compiler.compile(objects) == compile_gateways(objects)


ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: my-app}
spec: {parentRefs: [{name: gw}], rules: [{matches: [{path: {value: /toy}}]}]}
"""
POLICY = """
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: policy, namespace: my-app}
spec:
  targetRef: {group: gateway.networking.k8s.io, %s}
  limits: {a: {rates: [{limit: 5, window: 10s}], when: [{predicate: request.method == '%s'}]}}
"""


@pytest.mark.parametrize(
    "target",
    [
        "kind: Gateway, name: gw",
        "kind: Gateway, name: gw, sectionName: http",
        "kind: HTTPRoute, name: route",
        "kind: HTTPRoute, name: route, sectionName: rule-1",
    ],
)
def test_an_edited_policy_holds_wherever_it_is_attached(
    read_objects: Callable[[str], Objects], target: str
) -> None:
    compiler = Compiler()
    objects = read_objects(GATEWAY + ROUTE + POLICY % (target, "GET"))
    before = compiler.compile(objects)
    edited = read_objects(GATEWAY + ROUTE + POLICY % (target, "POST")).rate_limit_policies
    after = compiler.compile(msgspec.structs.replace(objects, rate_limit_policies=edited))
    assert after == compile_gateways(read_objects(GATEWAY + ROUTE + POLICY % (target, "POST"))) != before
