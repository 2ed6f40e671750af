"""Counters of some limits, for tests."""

from kuadrant.api.limitador import Limit
from kuadrant.ratelimit.counters import Ask, Counters, counter_values

FIVE = Limit(namespace="a", max_value=5, seconds=10)


BY_USER = Limit(namespace="a", max_value=2, seconds=10, variables=("user",))


class Store:
    """Counters of some limits, asked by limit."""

    def __init__(self, *limits: Limit, bound: int = 1 << 30) -> None:
        self.counters = Counters(bound)
        self.keep(*limits)

    def keep(self, *limits: Limit) -> None:
        self.limits = self.counters.keep(limit.identity for limit in limits)

    def ask(self, limit: Limit, *values: str, hits: int = 1) -> Ask:
        return Ask(
            self.limits[limit.identity], counter_values(values), limit.most, hits, limit.name, limit.max_value
        )

    def hit(self, now: float, limit: Limit, *values: str, hits: int = 1) -> bool:
        return self.counters.check_and_add([self.ask(limit, *values, hits=hits)], now) is None
