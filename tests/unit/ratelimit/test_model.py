"""The service against the obvious slow implementation.

Every accepted hit is remembered, nothing is indexed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kuadrant.api.limitador import Limit
from kuadrant.envoy_api import message
from kuadrant.ratelimit import RateLimitService

Request: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
Response: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
Descriptors = list[dict[str, str]]


class Reference(NamedTuple):
    """An entry of one descriptor, or of any (None)."""

    descriptor: int | None
    key: str

    def found(self, descriptors: Descriptors) -> list[str]:
        one = self.descriptor
        chosen = descriptors if one is None else descriptors[one : one + 1]
        return [entries[self.key] for entries in chosen if self.key in entries]

    def text(self) -> str:
        return self.key if self.descriptor is None else f'descriptors[{self.descriptor}]["{self.key}"]'


class Comparison(NamedTuple):
    reference: Reference
    equal: bool
    value: str
    cel: bool

    def holds(self, descriptors: Descriptors) -> bool:
        return any((found == self.value) == self.equal for found in self.reference.found(descriptors))

    def text(self) -> str:
        plain = f'{self.reference.text()} {"==" if self.equal else "!="} "{self.value}"'
        return f"({plain})" if self.cel and self.reference.descriptor is not None else plain


class ModelLimit(NamedTuple):
    namespace: str
    max_value: int
    seconds: int
    conditions: tuple[Comparison, ...]
    variables: tuple[Reference, ...]

    def limit(self) -> Limit:
        return Limit(
            namespace=self.namespace,
            max_value=self.max_value,
            seconds=self.seconds,
            conditions=tuple(condition.text() for condition in self.conditions),
            variables=tuple(variable.text() for variable in self.variables),
        )

    def identity(self) -> tuple[object, ...]:
        limit = self.limit()
        return limit.namespace, limit.seconds, frozenset(limit.conditions), frozenset(limit.variables)


class Model:
    """Accepted hits by limit and values."""

    def __init__(self) -> None:
        self.limits: list[ModelLimit] = []
        self.hits: dict[tuple[Any, Any], list[tuple[float, int]]] = {}

    def replace(self, limits: list[ModelLimit]) -> None:
        self.limits = limits
        kept = {limit.identity() for limit in limits}
        self.hits = {key: hits for key, hits in self.hits.items() if key[0] in kept}

    def used(self, key: tuple[Any, Any], now: float) -> int | None:
        """The hits of the window that is open; None if there is none."""
        seconds = key[0][1]
        start, used = None, 0
        for time, hits in self.hits.get(key, []):
            if start is None or time >= start + seconds:
                start, used = time, 0
            used += hits
        return used if start is not None and now < start + seconds else None

    def decide(self, namespace: str, descriptors: Descriptors, hits: list[int], now: float) -> bool:
        wanted: dict[tuple[Any, Any], int] = {}
        room: dict[tuple[Any, Any], int] = {}
        for limit in self.limits:
            if limit.namespace != namespace or not all(c.holds(descriptors) for c in limit.conditions):
                continue
            values = {variable.text(): variable.found(descriptors) for variable in limit.variables}
            if not all(values.values()):
                continue
            key: tuple[Any, Any] = (
                limit.identity(),
                frozenset((name, found[0]) for name, found in values.items()),
            )
            indices = [r.descriptor for r in (*limit.variables, *(c.reference for c in limit.conditions))]
            if not indices or None in indices:
                cost = max(hits)
            else:
                cost = max(hits[index] for index in indices if index is not None and index < len(hits))
            wanted[key] = cost
            room[key] = min(room.get(key, limit.max_value), limit.max_value)
        if any((self.used(key, now) or 0) + cost > room[key] for key, cost in wanted.items()):
            return False
        for key, cost in wanted.items():
            if not cost or not key[0][1]:
                continue
            self.hits.setdefault(key, []).append((now, cost))
        return True


# Few of everything, so that limits apply, counters are shared and windows are met at their ends.
VALUES = st.sampled_from(["1", "ü" * 70])
REFERENCES = st.builds(
    Reference, st.sampled_from([0, 0, 0, 1, None]), st.sampled_from(["limit.b__1", "größe"])
)
LIMITS = st.lists(
    st.builds(
        ModelLimit,
        namespace=st.sampled_from(["n", "n", "n", "m"]),
        max_value=st.integers(0, 3),
        seconds=st.sampled_from([0, 3, 3, 10]),
        conditions=st.lists(
            st.builds(Comparison, REFERENCES, st.booleans(), VALUES, st.booleans()), max_size=1, unique=True
        ).map(tuple),
        variables=st.lists(REFERENCES, max_size=2, unique_by=Reference.text).map(tuple),
    ),
    min_size=1,
    max_size=4,
)
DESCRIPTORS = st.lists(
    st.tuples(
        st.fixed_dictionaries({"limit.b__1": VALUES}, optional={"größe": VALUES}),
        st.sampled_from([None, None, 0, 1, 2]),
    ),
    min_size=1,
    max_size=2,
)


class ServiceAgainstModel(RuleBasedStateMachine):
    bound = 1 << 30

    @initialize(limits=LIMITS)
    def start(self, limits: list[ModelLimit]) -> None:
        self.now = 1000.0
        self.asked: list[tuple[str, Any, int]] = []
        self.service = RateLimitService(clock=lambda: self.now, counter_bytes=self.bound)
        self.model = Model()
        self.replace(limits)

    @rule(limits=LIMITS)
    def replace(self, limits: list[ModelLimit]) -> None:
        self.service.replace([limit.limit() for limit in limits])
        self.model.replace(limits)

    @rule(max_value=st.integers(0, 4))
    def change_one_maximum(self, max_value: int) -> None:
        first = [limit._replace(max_value=max_value) for limit in self.model.limits[:1]]
        self.replace([*first, *self.model.limits[1:]])

    @rule(number=st.integers(0, 7))
    def turn_variables_around(self, number: int) -> None:
        limits = list(self.model.limits)
        for limit in limits[number : number + 1]:
            limits[number] = limit._replace(variables=limit.variables[::-1])
        self.replace(limits)

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5, 3.0, 7.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        domain=st.sampled_from(["n", "n", "n", "m", "o"]),
        asked=DESCRIPTORS,
        addend=st.sampled_from([0, 1, 2]),
    )
    def ask(self, domain: str, asked: list[tuple[dict[str, str], int | None]], addend: int) -> None:
        self.asked = [*self.asked[-4:], (domain, asked, addend)]
        request = Request(domain=domain, hits_addend=addend)
        for entries, hits in asked:
            descriptor = request.descriptors.add(
                entries=[{"key": key, "value": value} for key, value in entries.items()]
            )
            if hits is not None:
                descriptor.hits_addend.value = hits
        descriptors = [entries for entries, _ in asked]
        hits_of = [addend or 1 if hits is None else hits for _, hits in asked]

        answer = Response.FromString(self.service.decide(request.SerializeToString())).overall_code

        self.compare(answer == 1, domain, descriptors, hits_of)

    def compare(self, admitted: bool, domain: str, descriptors: Descriptors, hits: list[int]) -> None:
        assert admitted == self.model.decide(domain, descriptors, hits, self.now)

    @rule(back=st.integers(1, 4), times=st.integers(1, 3))
    def ask_again(self, back: int, times: int) -> None:
        for question in self.asked[-back:] * times:
            self.ask(*question)

    @rule(seconds=st.sampled_from([3.0, 10.0]))
    def ask_again_when_the_window_is_over(self, seconds: float) -> None:
        self.ask_again(1, 3)
        self.wait(seconds)
        self.ask_again(1, 3)

    @invariant()
    def the_bound_holds(self) -> None:
        if hasattr(self, "service"):
            counters = self.service._counters
            assert counters.shares.held <= self.bound
            assert counters.shares.held == sum(tenant.held for tenant in counters.shares.tenants.values())
            assert counters.held == sum(len(one.by_values) for one in counters._limits.values())


class ServiceAtTheBoundAgainstModel(ServiceAgainstModel):
    """Where there is room for three counters or so, values may be limited early, never late."""

    bound = 3 * 450

    def compare(self, admitted: bool, domain: str, descriptors: Descriptors, hits: list[int]) -> None:
        if admitted:
            assert self.model.decide(domain, descriptors, hits, self.now)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [ServiceAgainstModel, ServiceAtTheBoundAgainstModel])
def test_the_service_decides_what_the_model_does(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=150, stateful_step_count=30, deadline=None)
    )
