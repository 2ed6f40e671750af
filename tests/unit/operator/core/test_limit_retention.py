"""A limit goes when it is known that no gateway asks for it any more.

Time alone never tells (issue F, 1).
"""

from __future__ import annotations

import random
from math import inf

import msgspec
import pytest

from kuadrant.api.limit_packing import pack
from kuadrant.api.limitador import Limit
from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.gateways.provider import GatewayObjects
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.operator.core.limit_retention import MOST_UNPACKED, LimitRetention, crowded_namespaces
from kuadrant.operator.core.times import RETENTION_SECONDS
from kuadrant.operator.core.version_arrivals import Arrivals
from kuadrant.policy.budgets import DEFAULT, Budgets
from kuadrant.policy.identifiers import limit_condition
from kuadrant.policy.match import RequestMatch
from tests.unit.operator.core.seen import note

GATEWAY, OTHER = ("ns", "gw"), ("ns", "other")
DAY = 86_400.0


def limit(name: str) -> Limit:
    return Limit(namespace="ns", max_value=1, seconds=1, conditions=(name,), name=name)


OLD, NEW = limit("old"), limit("new")


class Cluster:
    """Gateways, what each is to ask for, and what it is known to have."""

    def __init__(self, *present: Limit) -> None:
        self.present = present
        self.retention = LimitRetention()
        self.arrivals = Arrivals()
        self.programs: dict[tuple[str, str], GatewayProgram] = {}
        self.wanted: dict[tuple[str, str], GatewayObjects] = {}
        self.others: dict[tuple[str, str], tuple[Limit, ...]] = {}

    def want(self, *limits: Limit, gateway: tuple[str, str] = GATEWAY) -> None:
        self.programs[gateway] = GatewayProgram(*gateway, (), limits)
        self.wanted[gateway] = GatewayObjects(*gateway, ({"asks": [one.name for one in limits]},))

    def at(
        self,
        now: float,
        *arrived: tuple[str, str],
        works_since: float | None = -inf,
        untold: tuple[tuple[str, str], ...] = (),
    ) -> set[str]:
        """Return which of the limits stay, when all is in place at the gateways that ``arrived``."""
        note(
            self.arrivals,
            {key: (program, self.wanted[key]) for key, program in self.programs.items()},
            arrived,
            now,
            works_since=works_since,
        )
        programs = {
            key: (program, RETENTION_SECONDS, key not in untold) for key, program in self.programs.items()
        }
        self.retention.note(programs, self.others, self.present, self.arrivals, now)
        retained = self.retention.retained
        assert retained is not None
        return {one.name for one in (OLD, NEW) if one.identity in retained}


def test_before_anything_is_known_every_limit_stays() -> None:
    assert LimitRetention().retained is None


def test_a_limit_stays_until_its_gateway_has_had_something_else_for_a_while() -> None:
    cluster = Cluster()
    cluster.want(OLD)
    cluster.at(0.0, GATEWAY)
    cluster.want(NEW)
    assert cluster.at(1.0) == {"old", "new"}
    assert cluster.at(2.0, GATEWAY) == {"old", "new"}
    assert cluster.retention.next_at(cluster.arrivals, 31.0) == 2.0 + RETENTION_SECONDS

    assert cluster.at(2.0 + RETENTION_SECONDS, GATEWAY) == {"new"}


def test_of_a_gateway_that_was_made_anew_a_limit_stays_no_longer_than_of_another() -> None:
    """Its versions are counted anew, too: the limit does not wait until there are as many as there were."""
    cluster = Cluster()
    for moment in range(9):
        cluster.want(OLD)
        cluster.at(float(moment), GATEWAY)
    cluster.want(NEW)
    cluster.at(10.0)
    del cluster.programs[GATEWAY]
    cluster.at(11.0)

    cluster.want(NEW)
    assert cluster.at(12.0, GATEWAY) == {"old", "new"}
    assert cluster.at(12.0 + RETENTION_SECONDS, GATEWAY) == {"new"}


def test_a_gateway_that_cannot_be_told_keeps_what_it_asks_for_however_long_that_takes() -> None:
    """Its objects cannot be written, its pods refuse, or they are cut off."""
    cluster = Cluster()
    cluster.want(OLD)
    cluster.at(0.0, GATEWAY)
    cluster.want(NEW)

    assert cluster.at(DAY) == {"old", "new"}
    assert cluster.retention.next_at(cluster.arrivals, DAY) == inf


def test_a_control_plane_that_is_down_tells_its_gateways_nothing() -> None:
    cluster = Cluster()
    cluster.want(OLD)
    cluster.at(0.0, GATEWAY)
    cluster.want(NEW)
    assert cluster.at(DAY, GATEWAY, works_since=None) == {"old", "new"}

    cluster.at(2 * DAY, GATEWAY, works_since=2 * DAY)
    assert cluster.at(2 * DAY + RETENTION_SECONDS, GATEWAY, works_since=2 * DAY) == {"new"}


def test_each_gateway_that_may_ask_has_to_be_known_not_to() -> None:
    cluster = Cluster()
    for gateway in (GATEWAY, OTHER):
        cluster.want(OLD, gateway=gateway)
    cluster.at(0.0, GATEWAY, OTHER)
    for gateway in (GATEWAY, OTHER):
        cluster.want(NEW, gateway=gateway)
    cluster.at(1.0, GATEWAY)
    assert cluster.at(DAY, GATEWAY) == {"old", "new"}

    cluster.at(2 * DAY, GATEWAY, OTHER)
    assert cluster.at(2 * DAY + RETENTION_SECONDS, GATEWAY, OTHER) == {"new"}


def test_after_a_restart_any_gateway_may_ask_for_what_is_there() -> None:
    cluster = Cluster(OLD, NEW)
    cluster.want(NEW)
    assert cluster.at(0.0) == {"old", "new"}
    assert cluster.at(DAY) == {"old", "new"}

    cluster.at(2 * DAY, GATEWAY)
    assert cluster.at(2 * DAY + RETENTION_SECONDS, GATEWAY) == {"new"}


def test_what_a_gateway_was_never_told_it_does_not_ask_for() -> None:
    """Else who edits a policy of a gateway that cannot be told would fill the rate limit service."""
    cluster = Cluster()
    cluster.want(OLD)
    cluster.at(0.0, untold=(GATEWAY,))
    cluster.want(NEW)

    assert cluster.at(1.0, untold=(GATEWAY,)) == set()


def test_what_another_replica_may_have_told_a_gateway_stays_for_a_while() -> None:
    """It was held between two looks of ours: the other one looked, and its pod asks for it."""
    cluster = Cluster()
    cluster.want(NEW)
    cluster.others[GATEWAY] = (OLD, NEW)
    cluster.at(0.0, GATEWAY)
    cluster.others[GATEWAY] = (NEW,)
    cluster.want(NEW)
    assert cluster.at(1.0) == {"old", "new"}
    cluster.at(2.0, GATEWAY)

    assert cluster.at(2.0 + RETENTION_SECONDS, GATEWAY) == {"new"}


def test_a_limit_that_is_wanted_again_stays() -> None:
    cluster = Cluster()
    cluster.want(OLD)
    cluster.at(0.0, GATEWAY)
    cluster.want(NEW)
    cluster.at(1.0, GATEWAY)
    cluster.want(OLD)
    cluster.at(2.0, GATEWAY)

    assert cluster.at(2.0 + RETENTION_SECONDS, GATEWAY) == {"old"}


@pytest.mark.parametrize(("after", "left"), [(RETENTION_SECONDS - 1, {"old"}), (RETENTION_SECONDS, set())])
def test_what_a_gateway_asked_for_that_is_gone_goes_a_while_later(after: float, left: set[str]) -> None:
    cluster = Cluster()
    cluster.want(OLD)
    cluster.at(0.0, GATEWAY)
    cluster.programs.clear()
    cluster.at(10.0)

    assert cluster.at(10.0 + after) == left


def test_a_limit_that_is_kept_is_counted_for_the_namespace_whose_policy_asked_for_it() -> None:
    """Not for that of the route.

    Who owns a gateway and edits its defaults must not use up what tenants have.
    """
    rule = RuleProgram(
        "r",
        "tenant/route",
        RequestMatch(),
        (Action("tenant/route", (LimitAction("k", sources=("owner/p",)),)),),
    )
    hosts = (HostProgram("a.example", (rule,)),)
    asked_for = Limit(namespace="tenant/route", max_value=1, seconds=1, conditions=(limit_condition("k"),))
    cluster = Cluster()
    cluster.want()
    cluster.programs[GATEWAY] = GatewayProgram(
        *GATEWAY, (ListenerProgram(("l",), 80, "HTTP", hosts),), (asked_for,)
    )
    cluster.at(0.0, GATEWAY)
    cluster.want(NEW)
    cluster.at(1.0)

    assert cluster.retention.owner(asked_for) == "owner"
    assert cluster.retention.owner(limit("unknown")) == "ns"


def test_a_namespace_is_crowded_above_what_it_may_want() -> None:
    budgets = Budgets(namespace_rates=2)
    kept = [limit(str(number)) for number in range(3)]

    assert crowded_namespaces(kept, lambda _: "a", budgets) == {"a"}
    assert crowded_namespaces(kept, lambda one: one.name, budgets) == frozenset()
    assert crowded_namespaces(kept, lambda _: "a", Budgets(namespace_bytes=100)) == {"a"}


def test_former_limits_that_are_packed_count_with_what_they_take_in_the_resource() -> None:
    alike = [limit(f"limit-of-some-length-{number}") for number in range(100)]
    size = sum(len(msgspec.json.encode(one)) for one in alike)

    def crowded(kept: list[Limit], most: int, *, are_packed: bool = True) -> bool:
        packed = pack(kept) if are_packed else None
        return bool(crowded_namespaces(kept, lambda _: "a", Budgets(namespace_bytes=most), packed))

    assert crowded(alike, size // 2, are_packed=False)
    assert not crowded(alike, size // 2)
    assert crowded(alike, size // 4 - 1), "however little they take, the service has to hold them"
    strange = [limit(random.Random(number).randbytes(100).hex()) for number in range(100)]
    assert crowded(strange, 100 * 100), "what cannot be packed takes what it is"


def test_who_edits_at_the_pace_that_is_allowed_is_never_crowded() -> None:
    longest = RETENTION_SECONDS + max(one.DRAIN for one in PROVIDERS)
    left_behind = DEFAULT.namespace_bytes + DEFAULT.namespace_edits * longest

    assert left_behind < MOST_UNPACKED * DEFAULT.namespace_bytes
