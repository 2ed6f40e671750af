"""Chooses the hosts and rules of a program that a shim has to know.

Those without which some request would have other actions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.compiler.program import HostProgram, RuleProgram
    from kuadrant.policy.match import PathMatch, RequestMatch


def relevant(hosts: Iterable[HostProgram]) -> dict[str, tuple[RuleProgram, ...]]:
    """Return the relevant rules of each relevant host, by host name in lexicographic order.

    Every request has the same actions by them as by all rules of all hosts. A host may be left without any
    rule.
    """
    rules = {host.hostname: relevant_rules(host.rules) for host in hosts}
    return {hostname: rules[hostname] for hostname in sorted(rules) if is_relevant(hostname, rules)}


def is_relevant(hostname: str, rules: Mapping[str, tuple[RuleProgram, ...]]) -> bool:
    """Tell whether a shim has to know the host, ``rules`` being the relevant rules of every host."""
    return bool(rules[hostname]) or _shields(hostname, rules)


def _shields(hostname: str, rules: Mapping[str, tuple[RuleProgram, ...]]) -> bool:
    """Tell whether a host without actions keeps its requests from those of the next less specific host."""
    if hostname == EVERY_HOSTNAME:
        return False
    _, dot, suffix = hostname.removeprefix("*.").partition(".")
    while dot:
        if f"*.{suffix}" in rules:
            return bool(rules[f"*.{suffix}"])
        _, dot, suffix = suffix.partition(".")
    return bool(rules.get(EVERY_HOSTNAME))


def relevant_rules(rules: tuple[RuleProgram, ...]) -> tuple[RuleProgram, ...]:
    """Leave out repeated matches and rules that change nothing.

    No request reaches a repeated match; such a rule keeps no request from a later one with actions.
    """
    first: dict[RequestMatch, RuleProgram] = {}
    for rule in rules:
        first.setdefault(rule.match, rule)
    kept: list[RuleProgram] = []
    later = _Paths()
    for rule in reversed(first.values()):
        if rule.actions:
            later.add(rule.match.path)
        elif not later.may_meet(rule.match.path):
            continue
        kept.append(rule)
    return tuple(reversed(kept))


class _Paths:
    """The paths of some rules, and whether a request of another rule may have one of them.

    Only paths are looked at, so the answer may be yes where methods or headers exclude each other.
    """

    def __init__(self) -> None:
        self._anywhere = False
        self._exact: set[str] = set()
        self._prefixes: set[str] = set()
        self._above: set[str] = set()

    def add(self, path: PathMatch | None) -> None:
        if path is None or path.type == "regex":
            self._anywhere = True
            return
        (self._exact if path.type == "exact" else self._prefixes).add(path.value)
        self._above.update(_prefixes(path.value))

    def may_meet(self, path: PathMatch | None) -> bool:
        if self._anywhere:
            return True
        if path is None or path.type == "regex":
            return bool(self._above)
        at_or_below = path.value in (self._exact if path.type == "exact" else self._above)
        return at_or_below or any(prefix in self._prefixes for prefix in _prefixes(path.value))


def _prefixes(path: str) -> Iterator[str]:
    """Yield every prefix, on segment boundaries, that holds for ``path``."""
    yield "/"
    end = path.find("/", 1)
    while end > 0:
        yield path[:end]
        end = path.find("/", end + 1)
    yield path
