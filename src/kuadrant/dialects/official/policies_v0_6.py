"""The official shim's configuration of v0.6.

Extensions, and policies of which the first rule that holds is run.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.dialects.dialect import Dialect, InexpressibleError
from kuadrant.dialects.official.inexpressible_parts import unsupported
from kuadrant.dialects.official.match_patterns import (
    Pattern,
    Rows,
    all_of,
    condition_rows,
    counted,
    is_exact,
    match_rows,
    may_be_absent,
    possible,
)
from kuadrant.dialects.official.matchable_rules import Complaint, policies_of, settled
from kuadrant.dialects.official.pattern_rules import Datum, PatternCondition, conditions, data
from kuadrant.dialects.relevance import relevant
from kuadrant.incremental import OfEach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler.program import LimitAction, RuleProgram
    from kuadrant.dialects.service import Service

_EXTENSION = "limitador"

_MOST_CONDITIONS = 4
"""How many different conditions the limits of one rule may have: each set of them is a rule of its own."""


class _Extension(Struct, frozen=True, gc=False, rename="camel"):
    type: str
    endpoint: str
    failure_mode: str


class _Action(Struct, frozen=True, gc=False):
    extension: str
    scope: str
    data: tuple[Datum, ...]


class _Rule(Struct, frozen=True, gc=False, omit_defaults=True):
    actions: tuple[_Action, ...]
    conditions: tuple[PatternCondition, ...] = ()


class _Policy(Struct, frozen=True, gc=False):
    name: str
    hostnames: tuple[str, ...]
    rules: tuple[_Rule, ...]


class _Configuration(Struct, frozen=True, gc=False):
    extensions: dict[str, _Extension]
    policies: tuple[_Policy, ...]


def _render(hosts: Iterable[HostProgram], service: Service) -> bytes:
    if not service.cluster:
        raise InexpressibleError("it names the rate limit service by a cluster")
    configuration = _Configuration(
        extensions={_EXTENSION: _Extension("ratelimit", service.cluster, service.failure_mode)},
        policies=tuple(
            _Policy(hostname, (hostname,), _rules(hostname, rules))
            for hostname, rules in relevant(hosts).items()
        ),
    )
    return msgspec.json.encode(configuration)


_is_exact = partial(is_exact, has_regex=True)


def _rules(hostname: str, rules: tuple[RuleProgram, ...]) -> tuple[_Rule, ...]:
    kept, complaints = settled(rules, _is_exact)
    for complaint in (*complaints, *_complaints_about_actions(kept)):
        raise InexpressibleError(f"{complaint.reason}, host name {hostname}")
    return tuple(one for rule in kept for one in _rules_of(rule))


def _complaints(host: HostProgram) -> Iterator[Complaint]:
    for rules in relevant((host,)).values():
        kept, complaints = settled(rules, _is_exact)
        yield from complaints
        yield from _complaints_about_actions(kept)


def _complaints_about_actions(rules: Iterable[RuleProgram]) -> Iterator[Complaint]:
    for rule in rules:
        if len(rule.actions) > 1:
            reason = (
                f"a request of route {rule.route} has limits of more than one policy or scope, and it "
                "asks only once"
            )
            yield Complaint(policies_of(rule.actions), reason)
        elif rule.actions and len(_by_condition(rule.actions[0].limits)) > _MOST_CONDITIONS + 1:
            reason = (
                f"the limits of route {rule.route} have more than {_MOST_CONDITIONS} different conditions"
            )
            yield Complaint(policies_of(rule.actions), reason)


def _rules_of(rule: RuleProgram) -> Iterator[_Rule]:
    """One rule for every set of limits that may apply together, the largest first.

    The last one keeps others away.
    """
    matching = match_rows(rule.match)
    if not rule.actions:
        yield _Rule((), conditions(matching))
        return
    (action,) = rule.actions
    groups = _by_condition(action.limits)
    always = groups.pop(((),), [])
    for count in range(len(groups), -1, -1):
        for chosen in combinations(groups, count):
            limits = [*always, *(limit for one in chosen for limit in groups[one])]
            if not (rows := possible(all_of(matching, *chosen))):
                continue
            asked = _Action(_EXTENSION, action.scope, data(sorted(limits, key=action.limits.index)))
            yield _Rule((asked,) if limits else (), conditions(rows))


def _by_condition(limits: Iterable[LimitAction]) -> dict[Rows, list[LimitAction]]:
    """The limits by what a request fulfils that they apply to.

    That the attributes of their counters are there is part of it.
    """
    groups: dict[Rows, list[LimitAction]] = {}
    for limit in limits:
        there = tuple(
            Pattern(selector, "neq", "")
            for counter in limit.counters
            if may_be_absent(selector := counted(counter))
        )
        rows = all_of(*(_condition_rows(condition) for condition in limit.when), (there,))
        groups.setdefault(rows, []).append(limit)
    return groups


_condition_rows = partial(condition_rows, has_regex=True)
_complaints_of = OfEach[HostProgram, tuple[Complaint, ...]](lambda host: tuple(_complaints(host)))

V0_6 = Dialect(
    name="policies",
    configure=lambda service: lambda hosts: _render(hosts, service),
    unsupported=partial(
        unsupported,
        condition=_condition_rows,
        counter=counted,
        complaints=lambda host, _: _complaints_of(host),
    ),
)
