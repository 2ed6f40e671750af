"""What is told of the way to a decision, held to the decision and to what a real Envoy showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.limit_keys import AGAIN_KEY, SHADOW_KEY, SOFT_KEY, hits_key
from kuadrant.api.response import HEADERS_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.explanation import Explanation
    from kuadrant.reference_model import RequestDecision

    Questions = Iterable[tuple[str, Iterable[tuple[str, str]]]]
    """What the rate limit service was asked: scope and entries."""


def check_way(record: Explanation, decision: RequestDecision) -> None:
    """Check that the way that is told leads to ``decision``: rule, policies and counters."""
    assert record.outcome == decision.outcome
    assert (record.rule.id if record.rule else None) == (decision.rule.name if decision.rule else None)
    holding = [rule.failing is None for rule in record.looked_at]
    assert holding == [False] * (len(holding) - 1) + [record.rule is not None] * bool(holding)
    applying = [limit for limit in record.limits if limit.applies == "yes"]
    if decision.outcome in ("admitted", "limited"):
        assert tuple(sorted({limit.policy for limit in applying})) == decision.sources
    if decision.outcome == "failed":
        assert any(limit.applies == "fails" for limit in record.limits)
    # Those of one bucket stand alike.
    by_key = {(limit.scope, limit.key): limit for limit in applying}
    stood = sorted(
        (one.limit, one.seconds, one.remaining, one.resets_in, one.enforced, one.would_deny)
        for limit in by_key.values()
        for one in limit.standings
    )
    standings = [(one, True, False) for question in decision.questions for one in question.standings]
    for question in decision.questions:
        standings += [(one.standing, False, one.is_full) for one in question.watched]
    wanted = sorted(
        (one.limit.max_value, one.limit.seconds, one.remaining, round(one.reset, 3), enforced, is_full)
        for one, enforced, is_full in standings
    )
    assert stood == wanted
    full = {limit.name for limit in record.limits if any(one.denies for one in limit.standings)}
    assert full == set(record.limited_by)
    assert bool(full) is (decision.outcome == "limited")


_NO_LIMITS = {HEADERS_KEY, SHADOW_KEY, SOFT_KEY, AGAIN_KEY}


def check_seen(record: Explanation, outcome: str, questions: Questions) -> None:
    """Check that the limits that apply are those that the rate limit service was asked for."""
    assert record.outcome == outcome
    seen: dict[str, set[tuple[str, str]]] = {}
    for scope, entries in questions:
        seen.setdefault(scope, set()).update(entry for entry in entries if entry[0] not in _NO_LIMITS)
    wanted: dict[str, set[tuple[str, str]]] = {}
    for limit in record.limits:
        if limit.applies == "yes":
            entries = {(limit.key, "1"), *((one.text, one.value or "") for one in limit.counters)}
            if limit.cost is not None:
                entries.add((hits_key(limit.key), limit.cost.value or ""))
            wanted.setdefault(limit.scope, set()).update(entries)
    match outcome:
        case "admitted":
            assert seen == wanted
        case "limited":
            # Where one is limited the next is not asked: of its last scope perhaps not all is.
            assert seen.keys() <= wanted.keys()
            *whole, last = seen
            assert all(seen[scope] == wanted[scope] for scope in whole)
            assert seen[last] <= wanted[last]
        case _:
            assert seen == {}
