"""The words in which nodes of a topology are told to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.problem import printable
from kuadrant.explanation import fallback_words, mode_words, rate, scope_words
from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.topology.record import LimitNode, ListenerNode, PolicyNode, RouteNode, RuleNode


def limit_words(limit: LimitNode) -> str:
    """Say which limit it is: rates, per what, and when; the policy is not said."""
    rates = " and ".join(rate(most, seconds, limit.algorithm, limit.burst) for most, seconds in limit.rates)
    scope = scope_words(limit.counted_by)
    per = f" for each {', '.join(limit.counters)}" if limit.counters else ""
    when = f" when {' and '.join(limit.when)}" if limit.when else ""
    partly = ", for some of its requests" if limit.partly else ""
    mode = mode_words(limit.mode, limit.enforce_percent)
    cost = f", a request costs {limit.cost}" if limit.cost else ""
    bucket = f", in bucket {limit.bucket}" if limit.bucket else ""
    fallback = fallback_words(limit.fallback)
    return printable(f"{limit.name}: {rates}{per}{scope}{cost}{when}{mode}{bucket}{fallback}{partly}")


def policy_words(policy: PolicyNode) -> str:
    """Say which policy it is, and how it fares."""
    block = "" if policy.section == "limits" else f" ({policy.section}, {policy.strategy})"
    because = f" ({policy.because})" if policy.because else ""
    said = "".join(
        f"; {one.type}={one.status}" + ("" if one.status == "True" else f" ({one.reason})")
        for one in policy.conditions
        if one.type in ("Accepted", "Enforced")
    )
    return printable(f"RateLimitPolicy {policy.policy}{block}: {policy.state}{because}{said}")


def listener_words(listener: ListenerNode) -> str:
    """Say which listener it is."""
    return f"listener {listener.name}: port {listener.port}, {listener.protocol}, {_host(listener.hostname)}"


def route_words(route: RouteNode) -> str:
    """Say which route it is, and for which hosts."""
    return f"{route.kind} {route.route}: {hosts(route.hostnames)}"


def rule_words(rule: RuleNode) -> str:
    """Say which rule it is, and which requests are its."""
    return printable(f"{rule.name}: {'; or '.join(rule.matches)}")


def hosts(names: Iterable[str]) -> str:
    """Host names, for people."""
    return ", ".join(map(_host, names))


def _host(name: str) -> str:
    return "any host" if name == EVERY_HOSTNAME else name
