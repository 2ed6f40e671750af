"""Policies as a whole that cannot be carried out, or whose place others take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import structs

from kuadrant.api.document_nodes import quoted
from kuadrant.api.problem import spelled
from kuadrant.compiler import identities
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.name_guesses import Guesses, NamesByNamespace
from kuadrant.findings.route_entries import absence, route_entries
from kuadrant.findings.severity import Rule
from kuadrant.policy import header_guards
from kuadrant.policy.attributes import selector_path
from kuadrant.policy.condition import SelectorCondition, SelectorCounter
from kuadrant.policy.identity_source import CLAIMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.compiler import PolicyFacts
    from kuadrant.findings.examined_documents import Material
    from kuadrant.policy.identity_source import IdentitySource
    from kuadrant.policy.match import RequestMatch
    from kuadrant.policy.model import Policy, Problem, Target

    Sources = Mapping[str, IdentitySource | None]
    """Where Gateways (``namespace/name``) know requests from."""

RULES: Final = (
    Rule(
        code="target-not-found",
        severity="error",
        title="There is no object, or no section of it, that `targetRef` names.",
        means="The policy is in effect nowhere. A target is in the namespace of its policy; a section "
        "is the name of a listener, or of a rule (`rule-1` is the first one that has no name).",
        do="Correct `targetRef`, or add the object.",
    ),
    Rule(
        code="target-elsewhere",
        severity="error",
        title="A policy names a target in another namespace.",
        means="A policy has to be in the namespace of its target.",
        do="Move the policy into the namespace of its target, and leave `targetRef.namespace` out.",
    ),
    Rule(
        code="conflicted",
        severity="error",
        title="Another policy already holds the target.",
        means="Of two policies of v1beta2 with one target the older one wins, and the other one is in "
        "effect nowhere.",
        do="Merge the two, or remove one.",
    ),
    Rule(
        code="same-target",
        severity="warning",
        title="Two policies have one target.",
        means="Of two policies of v1 with one target the younger one wins, with `overrides` the older "
        "one. Limits of the other are not in effect.",
        do="Have one policy for a target, or `defaults` with `strategy: merge` and limits of "
        "different names.",
    ),
    Rule(
        code="bucket-apart",
        severity="warning",
        title="A limit does not count as the others of its bucket do.",
        means="Limits of one `bucket` count together if rates, algorithm, burst, counters, mode and cost are "
        "the same. This one differs from that of the oldest policy, so it counts apart: each admits what it "
        "says.",
        do="Write the same in all of them, or give this one another bucket.",
    ),
    Rule(
        code="overridden",
        severity="warning",
        title="Other policies take the place of this one on all of its routes.",
        means="Nothing of the policy is in effect.",
        do="Nothing if that is meant. Otherwise remove `overrides` from the other policy, or give it"
        " `strategy: merge`.",
    ),
    Rule(
        code="defaults-unused",
        severity="note",
        title="Every route below the target of these defaults has a policy of its own.",
        means="The defaults are in effect nowhere, and wait for a route without a policy.",
        do="Nothing if that is meant. For limits that always hold use `overrides`; `strategy: merge`"
        " adds the defaults to those of the routes.",
    ),
    Rule(
        code="no-path",
        severity="warning",
        title="No route leads to what a policy limits.",
        means="The policy is accepted, and there are no requests that it could limit: its route is "
        "attached to no listener, or no route to its listener.",
        do="Attach a route with `parentRefs`, or correct `targetRef`.",
    ),
    Rule(
        code="selects-nothing",
        severity="warning",
        title="The route selectors of a limit select no rule.",
        means="A selector of v1beta2 means rules that have a match with the same path, method, headers "
        "and query parameters, and host names of the route, word for word. A match without a path"
        " means the path prefix `/`.",
        do="Write in the selector what is written in the route.",
    ),
    Rule(
        code="invalid-annotation",
        severity="error",
        title="An annotation has a value that means nothing.",
        means="`kuadrant.io/counters` is `per-route` or `shared`. `kuadrant.io/extensions` is YAML or JSON: "
        "`limits`, by name, each with `algorithm`, `burst`, `mode`, `scope` and `enforcePercent`, "
        "`exempt` and `response`; what it says is not said otherwise by fields. On a Gateway it says "
        "`response`, on a Kuadrant that and `identity`.",
        do="Correct the annotation.",
    ),
    Rule(
        code="invalid-text",
        severity="error",
        title="A name or value of a policy is one that cannot be.",
        means="Names have at most 253 characters; they and values have no control characters.",
        do="Choose another name, or correct the value.",
    ),
    Rule(
        code="over-budget",
        severity="error",
        title="A policy asks for more than a policy may have.",
        means="There are bounds for the number of rates, counters and conditions, and for what "
        "expressions cost: docs/budgets.md.",
        do="Divide the policy, or make it simpler.",
    ),
    Rule(
        code="not-holdable",
        severity="error",
        title="The rate limit service cannot hold a limit.",
        means="It would leave the limit out, and requests that ask for it would get an error.",
        do="Correct the limit as the sentence says.",
    ),
    Rule(
        code="unsupported",
        severity="error",
        title="The module that gateways run cannot be told the policy.",
        means="The policy is in effect nowhere. docs/limits.md lists what each version of the module "
        "cannot be told.",
        do="Change the field, or serve a newer module.",
    ),
)


def policy_findings(of: Material) -> Iterator[Problem]:
    """Yield what the compilation has found, and which policies are in effect nowhere."""
    for one in of.compilation.problems:
        if one.code != _TOLD_HERE:
            yield one
    names = {
        kind: NamesByNamespace(_keys(of, kind))
        for kind in {fact.policy.target.kind for fact in of.compilation.policies}
    }
    for fact in of.compilation.policies:
        for one in fact.problems:
            if one.code == _TOLD_HERE:
                yield from _target(of, fact.policy.target, one, names[fact.policy.target.kind])
    yield from route_dependent_findings(of)


def route_dependent_findings(of: Material) -> Iterator[Problem]:
    """Yield what the routes to a policy decide: whether it is in effect, and which headers may be absent."""
    sources = identities(of.objects)
    for fact in of.compilation.policies:
        if _can_be_carried_out(fact):
            yield from _unguarded(of, fact, sources)
        if fact.acceptance.reason == "Accepted":
            yield from _without_effect(of, fact)


_TOLD_HERE: Final = "target-not-found"
_LISTED: Final = 5
_NUMBERED: Final = re.compile(r"rule-[0-9]+")


def _can_be_carried_out(fact: PolicyFacts) -> bool:
    return fact.acceptance.reason != "Invalid" or any(one.code == "target-elsewhere" for one in fact.problems)


def _target(of: Material, target: Target, found: Problem, names: NamesByNamespace) -> Iterator[Problem]:
    """Yield that there is no target, unless it may be among what could not be read."""
    elsewhere = names.elsewhere(target.name)
    if target.namespace in elsewhere:
        what = "listener" if target.kind == "Gateway" else "rule"
        sections = _sections(of, target)
        more = f" and {len(sections) - _LISTED} more" if len(sections) > _LISTED else ""
        listed = f"{', '.join(sections[:_LISTED])}{more}"
        message = f"{target.kind} {target.key} has no {what} {quoted(target.section or '')}; it has {listed}"
        # A rule that has a name is not called by its number, to which a guess would lead.
        is_numbered = _NUMBERED.fullmatch(target.section or "")
        fix = "" if is_numbered else Guesses(sections).meant(target.section or "")
        yield structs.replace(found, message=message, fix=fix)
    elif not of.may_exist(target.kind, target.namespace, target.name):
        message = f"there is no {target.kind} {quoted(target.name)} in namespace {target.namespace}"
        fix = names.meant(target.namespace, target.name)
        if elsewhere:
            fix = f"Move the policy to the namespace of its target: {' or '.join(elsewhere)}."
        yield structs.replace(found, message=message, fix=fix)


def _keys(of: Material, kind: str) -> list[str]:
    if kind == "Gateway":
        return [*of.paths.gateways]
    return [key for known, key in of.paths.routes if known == kind]


def _sections(of: Material, target: Target) -> list[str]:
    if target.kind == "Gateway":
        return [one.name for one in of.paths.gateways[target.key].spec.listeners]
    return [one.name for one in of.paths.routes[target.kind, target.key].rules]


def _unguarded(of: Material, fact: PolicyFacts, sources: Sources) -> Iterator[Problem]:
    """Yield which headers and parts may be absent; not what all rules of the policy's paths ask for."""
    ways = [
        (sources.get(path.gateway), match)
        for path in of.paths.by_policy.get(fact.policy.key, ())
        for match in path.route.rules[path.rule].matches
    ]
    knows_tokens = bool(of.objects.request_authentications or of.objects.security_policies)
    known = header_guards.Known(
        entries=route_entries(ways),
        lengths=_lengths(match for _, match in ways),
        identity=absence(ways),
        claims=_NOT_SHOWN if knows_tokens else _NOBODY,
    )
    yield from header_guards.unguarded(fact.policy, known)
    if not knows_tokens:
        yield from _claims_of_nobody(fact.policy)


def _claims_of_nobody(policy: Policy) -> Iterator[Problem]:
    """Yield the selectors of v1beta2 that ask for claims, where no request has any: they fail nothing."""
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    for place, one in policy.written:
        if not isinstance(one, SelectorCondition | SelectorCounter):
            continue
        if (selector_path(one.selector) or ())[: len(CLAIMS)] == CLAIMS:
            field = spelled((*policy.field, *place))
            message = f"is {quoted(one.selector)}, which has no value: {_NOBODY}"
            fix = "Add a RequestAuthentication or a SecurityPolicy, or choose another attribute."
            yield problem(subject, field, "selector-without-value", message, fix=fix)


_NOT_SHOWN: Final = "claims are those of a token, which not everybody shows"
_NOBODY: Final = "nothing here authenticates tokens, so no request has claims"


def _lengths(matches: Iterable[RequestMatch]) -> dict[str, int]:
    """The least length of a path that comes by ``matches``, in characters and in segments."""
    paths = [*map(_beginning, matches)]
    least = {
        "": min(map(len, paths), default=0),
        ".split('/')": min((1 + one.count("/") for one in paths), default=0),
    }
    return {f"request.{name}{of}": length for name in ("path", "url_path") for of, length in least.items()}


def _beginning(match: RequestMatch) -> str:
    """The text that each path begins with."""
    return "/" if match.path is None or match.path.type == "regex" else match.path.value


_OTHER_NAMES: Final = (
    "Nothing if that is meant. Otherwise give the limits other names: where limits are merged, one takes the "
    "place of another of its name."
)


def _without_effect(of: Material, fact: PolicyFacts) -> Iterator[Problem]:
    policy, target = fact.policy, fact.policy.target
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    limits = spelled((*policy.field, "limits"))
    if fact.paths == 0:
        # That the route is attached to nothing, or the Gateway has no route, is said of these.
        if of.paths.leading_to(target.kind, target.key):
            message = f"no request comes to {target.section} of {target.kind} {target.key} by any route"
            yield problem(subject, "spec.targetRef.sectionName", "no-path", message)
    elif fact.whole_paths == fact.partial_paths == 0 and not any(
        one.code == "same-target" for one in fact.problems
    ):
        winners = " and ".join(fact.overridden_by)
        overriding = {one.policy.key for one in of.compilation.policies if one.policy.block == "overrides"}
        merging = {one.policy.key for one in of.compilation.policies if one.policy.strategy == "merge"}
        by_name = policy.key in merging or merging.issuperset(fact.overridden_by)
        fix = _OTHER_NAMES if by_name else ""
        if overriding.isdisjoint(fact.overridden_by):
            message = f"are in effect nowhere: {winners} is closer to all requests"
            yield problem(subject, limits, "defaults-unused", message, fix=fix)
        else:
            message = f"are in effect nowhere: {winners} takes their place on all routes"
            yield problem(subject, limits, "overridden", message, fix=fix)
