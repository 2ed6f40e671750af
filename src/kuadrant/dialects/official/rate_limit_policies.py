"""The official shim's configurations of v0.4 and v0.5: policies of which all rules that hold are run.

Each rule that holds adds a descriptor, and a rate limit service looks at the first one only. So the rules
that are written here exclude each other: a request fulfils one of them, which names all of its limits. What a
rule needs to exclude a more specific one is said by ``neq``, the only opposite that there is; a prefix has
none.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.dialects.dialect import Dialect, InexpressibleError
from kuadrant.dialects.official import match_patterns
from kuadrant.dialects.official.inexpressible_parts import unsupported
from kuadrant.dialects.official.match_overlap import may_meet, method_covers, path_covers
from kuadrant.dialects.official.match_patterns import ALWAYS, Rows, all_of, negated, possible
from kuadrant.dialects.official.matchable_rules import Complaint, policies_of, settled
from kuadrant.dialects.official.pattern_rules import Datum, PatternCondition, conditions, data
from kuadrant.dialects.relevance import relevant
from kuadrant.incremental import OfEach
from kuadrant.policy.match import RequestMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.compiler.program import Action, LimitAction, RuleProgram
    from kuadrant.dialects.service import Service

_MOST_CONDITIONS = 4
"""How many different conditions the limits of one rule may have: each set of them is a rule of its own."""

_MOST_ROWS = 64
"""How many rows of conditions a rule may have before it counts as one that cannot be written."""


class _Rule(Struct, frozen=True, gc=False, omit_defaults=True):
    data: tuple[Datum, ...]
    conditions: tuple[PatternCondition, ...] = ()


class _Policy(Struct, frozen=True, gc=False):
    name: str
    domain: str
    service: str
    hostnames: tuple[str, ...]
    rules: tuple[_Rule, ...]


class _Configuration(Struct, frozen=True, gc=False, rename="camel"):
    failure_mode: str
    rate_limit_policies: tuple[_Policy, ...]


def _render(hosts: Iterable[HostProgram], service: Service, *, has_regex: bool) -> bytes:
    if not service.cluster:
        raise InexpressibleError("it names the rate limit service by a cluster")
    by_content: dict[tuple[str, tuple[_Rule, ...]], list[str]] = {}
    for hostname, rules in relevant(hosts).items():
        content = _policy(hostname, rules, has_regex=has_regex)
        by_content.setdefault(content, []).append(hostname)
    configuration = _Configuration(
        failure_mode=service.failure_mode,
        rate_limit_policies=tuple(
            _Policy(scope, scope, service.cluster, tuple(hostnames), rules)
            for (scope, rules), hostnames in by_content.items()
        ),
    )
    return msgspec.json.encode(configuration)


def _policy(
    hostname: str, rules: tuple[RuleProgram, ...], *, has_regex: bool
) -> tuple[str, tuple[_Rule, ...]]:
    """The scope and the rules of a host name.

    Without rules it keeps its requests from those of a wildcard.
    """
    kept, complaints = settled(rules, partial(match_patterns.is_exact, has_regex=has_regex))
    written, more = _write(kept, has_regex=has_regex)
    for complaint in (*complaints, *more):
        raise InexpressibleError(f"{complaint.reason}, host name {hostname}")
    return _scope(kept) or hostname, tuple(written)


def _complaints(host: HostProgram, *, has_regex: bool) -> Iterator[Complaint]:
    for rules in relevant((host,)).values():
        kept, complaints = settled(rules, partial(match_patterns.is_exact, has_regex=has_regex))
        yield from complaints
        yield from _write(kept, has_regex=has_regex)[1]


def _write(rules: Sequence[RuleProgram], *, has_regex: bool) -> tuple[list[_Rule], list[Complaint]]:
    written: list[_Rule] = []
    complaints: list[Complaint] = []
    scope = _scope(rules)
    for actions in dict.fromkeys(rule.actions for rule in rules if rule.actions):
        if others := [action for action in actions if action.scope != scope]:
            reason = f"it asks once for a request, for {scope}, and so not for {others[0].scope}"
            complaints.append(Complaint(policies_of(others), reason))
            continue
        regions: list[Rows] = []
        for index, rule in enumerate(rules):
            if rule.actions != actions:
                continue
            region, hidden = _region(rule, [one for one in rules[:index] if one.actions != actions])
            if hidden is not None:
                reason = (
                    f"all of its rules are tried, so {_named(rule)} cannot leave out what "
                    f"{_named(hidden)} is for"
                )
                complaints.append(Complaint(policies_of(actions), reason))
            regions.append(region)
        (action,) = actions
        rows = possible(row for region in regions for row in region)
        alternatives = _alternatives(action, has_regex=has_regex)
        if alternatives is None:
            reason = (
                f"limits of {action.scope} apply under conditions or to counters that differ, and it "
                "cannot ask for them together"
            )
            complaints.append(Complaint(policies_of(actions), reason))
            continue
        for limits, holding in alternatives:
            if own := possible(all_of(rows, holding)):
                written.append(_Rule(data(limits), conditions(own)))
    return written, complaints


def _scope(rules: Iterable[RuleProgram]) -> str | None:
    """The one scope that a host name can have: the same as long as it is among those of its rules."""
    return min((action.scope for rule in rules for action in rule.actions), default=None)


def _named(rule: RuleProgram) -> str:
    match = rule.match
    path = "every path" if match.path is None else f"{match.path.type} {match.path.value}"
    return f"{match.method} {path}" if match.method else path


def _region(rule: RuleProgram, earlier: Iterable[RuleProgram]) -> tuple[Rows, RuleProgram | None]:
    """Return what a request fulfils that is for ``rule`` and none of ``earlier``.

    Or the first of those that cannot be left out.
    """
    region = match_patterns.match_rows(rule.match)
    for other in earlier:
        if not may_meet(other.match, rule.match):
            continue
        # What every request of the rule fulfils anyway need not be denied.
        path, method = other.match.path, other.match.method
        denied = negated(
            match_patterns.match_rows(
                RequestMatch(
                    None if path_covers(path, rule.match.path) else path,
                    None if method_covers(other.match, rule.match) else method,
                )
            )
        )
        if denied is None or len(region) * len(denied) > _MOST_ROWS:
            return region, other
        region = possible(all_of(region, denied))
    return region, None


def _alternatives(action: Action, *, has_regex: bool) -> list[tuple[list[LimitAction], Rows]] | None:
    """The sets of limits that may apply together.

    Each with what a request fulfils that exactly they are for.
    """
    groups: dict[Rows, list[LimitAction]] = {}
    for limit in action.limits:
        rows = all_of(*(match_patterns.condition_rows(one, has_regex=has_regex) for one in limit.when))
        groups.setdefault(rows, []).append(limit)
    always = groups.pop(ALWAYS, [])
    if len(groups) > _MOST_CONDITIONS:
        return None
    result: list[tuple[list[LimitAction], Rows]] = []
    for chosen in product((True, False), repeat=len(groups)):
        limits = list(always)
        parts: list[Rows] = []
        for rows, own, is_chosen in zip(groups, groups.values(), chosen, strict=True):
            if is_chosen:
                limits += own
                parts.append(rows)
            elif len(groups) > 1 or always:
                opposite = negated(rows)
                if opposite is None:
                    return None
                parts.append(opposite)
        if not limits:
            continue
        if len({_absent(limit) for limit in limits}) > 1:
            return None
        result.append((sorted(limits, key=action.limits.index), all_of(*parts)))
    return result


def _absent(limit: LimitAction) -> frozenset[str]:
    """The attributes without which the limit, and with it the whole descriptor, is left out."""
    selectors = map(match_patterns.counted, limit.counters)
    return frozenset(selector for selector in selectors if match_patterns.may_be_absent(selector))


def _dialect(name: str, *, has_regex: bool) -> Dialect:
    complaints = OfEach[HostProgram, tuple[Complaint, ...]](
        lambda host: tuple(_complaints(host, has_regex=has_regex))
    )
    return Dialect(
        name=name,
        configure=lambda service: lambda hosts: _render(hosts, service, has_regex=has_regex),
        unsupported=partial(
            unsupported,
            condition=partial(match_patterns.condition_rows, has_regex=has_regex),
            counter=match_patterns.counted,
            complaints=lambda host, _: complaints(host),
        ),
    )


V0_4 = _dialect("rate-limit-policies", has_regex=False)
V0_5 = _dialect("rate-limit-policies-v0.5", has_regex=True)
