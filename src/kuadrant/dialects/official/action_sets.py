"""The official shim's configurations of v0.7 and later.

They name services, and the first action set that a request fulfils.

====== ===================================================================================================
v0.7   an action is a call, and two of them would be two decisions: one action, so limits that always
       apply together. A failing expression ends the module for good, and after a call that failed with
       ``allow`` no other is made
v0.8   consecutive actions of one scope are one call; expressions and failed calls as in v0.7
v0.9   an expression that fails follows the failure mode, so that policies may bring their own
v0.10  the data of a call is in one action, each part with its own conditions
====== ===================================================================================================
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from kuadrant.dialects.dialect import Dialect, InexpressibleError
from kuadrant.dialects.official import cel_text, user_expressions
from kuadrant.dialects.official.inexpressible_parts import unsupported
from kuadrant.dialects.official.matchable_rules import Complaint, policies_of, settled
from kuadrant.dialects.relevance import relevant
from kuadrant.incremental import OfEach
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler.program import Action, HostProgram, LimitAction, RuleProgram
    from kuadrant.dialects.service import Service
    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.failure_mode import FailureMode

_RATE_LIMIT = "ratelimit-service"


class _Form(Struct, frozen=True, kw_only=True):
    """Holds what differs between the versions."""

    name: str
    merges: bool = True
    takes_expressions: bool = True
    conditional_data: bool = False


class _Service(Struct, frozen=True, gc=False, rename="camel"):
    endpoint: str
    type: str
    failure_mode: str
    timeout: str


class _Item(Struct, frozen=True, gc=False):
    key: str
    value: str


class _Datum(Struct, frozen=True, gc=False):
    expression: _Item


class _Data(Struct, frozen=True, gc=False, omit_defaults=True):
    predicates: tuple[str, ...] = ()
    data: tuple[_Datum, ...] = ()


class _Action(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    service: str
    scope: str
    predicates: tuple[str, ...] = ()
    data: tuple[_Datum, ...] = ()
    conditional_data: tuple[_Data, ...] = ()


class _RouteRuleConditions(Struct, frozen=True, gc=False, omit_defaults=True):
    hostnames: tuple[str, ...]
    predicates: tuple[str, ...] = ()


class _ActionSet(Struct, frozen=True, gc=False, rename="camel"):
    name: str
    route_rule_conditions: _RouteRuleConditions
    actions: tuple[_Action, ...]


class _Configuration(Struct, frozen=True, gc=False, rename="camel"):
    services: dict[str, _Service]
    action_sets: tuple[_ActionSet, ...]


def _render(form: _Form, hosts: Iterable[HostProgram], service: Service) -> bytes:
    if not service.cluster:
        raise InexpressibleError("it names the rate limit service by a cluster")
    configuration = _Configuration(
        services={
            _RATE_LIMIT: _Service(
                service.cluster, "ratelimit", service.failure_mode, f"{service.timeout_ms}ms"
            )
        },
        action_sets=tuple(
            action_set
            for hostname, rules in relevant(hosts).items()
            for action_set in _action_sets(form, hostname, rules, service.failure_mode)
        ),
    )
    return msgspec.json.encode(configuration)


def _action_sets(
    form: _Form, hostname: str, rules: tuple[RuleProgram, ...], failure_mode: FailureMode
) -> Iterator[_ActionSet]:
    kept, complaints = settled(rules, cel_text.is_exact)
    for complaint in (*complaints, *_complaints_about_actions(form, kept, failure_mode)):
        raise InexpressibleError(f"{complaint.reason}, host name {hostname}")
    for rule in kept:
        conditions = _RouteRuleConditions((hostname,), cel_text.predicates(rule.match))
        actions = tuple(action for one in rule.actions for action in _actions(form, one))
        yield _ActionSet(rule.name, conditions, actions)
    if not kept:
        # The set of a name that nothing is limited for keeps its requests from those of a wildcard.
        yield _ActionSet(hostname, _RouteRuleConditions((hostname,)), ())


def _complaints(form: _Form, host: HostProgram, failure_mode: FailureMode) -> Iterator[Complaint]:
    for rules in relevant((host,)).values():
        kept, complaints = settled(rules, cel_text.is_exact)
        yield from complaints
        yield from _complaints_about_actions(form, kept, failure_mode)


def _complaints_about_actions(
    form: _Form, rules: Iterable[RuleProgram], failure_mode: FailureMode
) -> Iterator[Complaint]:
    for rule in rules:
        if len(rule.actions) > 1 and not form.takes_expressions and failure_mode == "allow":
            reason = (
                f"a request of route {rule.route} needs more than one call, and it leaves out what "
                "follows one that failed"
            )
            yield Complaint(policies_of(rule.actions), reason)
        for action in rule.actions:
            yield from _untold(form, action)
            if not form.merges and len({_predicates(limit) for limit in action.limits}) > 1:
                reason = (
                    f"limits of route {rule.route} with conditions or counters of their own would be "
                    "counted one after the other"
                )
                yield Complaint(policies_of((action,)), reason)
            if failure_mode == "allow" and len(action.limits) > 1:
                for limit in action.limits:
                    if not _may_fail(limit):
                        continue
                    reason = (
                        f"an expression of {limit.key} may fail, and with the failure mode allow no "
                        f"limit of {action.scope} would hold then"
                    )
                    yield Complaint(frozenset(limit.sources), reason)


def _untold(form: _Form, action: Action) -> Iterator[Complaint]:
    """The limits whose expressions have no words together, though each of them may have."""
    for limit in action.limits:
        try:
            for condition in limit.when:
                _check_condition(form, condition)
            for counter in limit.counters:
                _check_counter(form, counter)
            _words(limit)
        except InexpressibleError as error:
            yield Complaint(frozenset(limit.sources), f"{error}, limit {limit.key}")


def _may_fail(limit: LimitAction) -> bool:
    try:
        return _words(limit).may_fail
    except InexpressibleError:
        return False  # it is not told at all


def _actions(form: _Form, action: Action) -> tuple[_Action, ...]:
    parts = tuple(_Data(_predicates(limit), tuple(_data(limit))) for limit in action.limits)
    if form.conditional_data:
        ordered = tuple(sorted(parts, key=lambda part: "|".join(part.predicates)))
        return (_Action(_RATE_LIMIT, action.scope, conditional_data=ordered),)
    if not form.merges:
        together = tuple(dict.fromkeys(datum for part in parts for datum in part.data))
        return (_Action(_RATE_LIMIT, action.scope, parts[0].predicates, together),)
    return tuple(_Action(_RATE_LIMIT, action.scope, part.predicates, part.data) for part in parts)


def _predicates(limit: LimitAction) -> tuple[str, ...]:
    """The conditions of a limit; that its counters' attributes are there is one of them."""
    there = (
        cel_text.presence(counter.selector)
        for counter in limit.counters
        if not isinstance(counter, ExpressionCounter)
    )
    selected = (
        text
        for condition in limit.when
        if not isinstance(condition, ExpressionCondition)
        for text in cel_text.conditions(condition)
    )
    return tuple(dict.fromkeys((*selected, *filter(None, there), *_words(limit).predicates)))


def _data(limit: LimitAction) -> Iterator[_Datum]:
    yield _Datum(_Item(limit.key, "1"))
    expressed = iter(_words(limit).counters)
    for counter in limit.counters:
        if isinstance(counter, ExpressionCounter):
            yield _Datum(_Item(counter.expression, next(expressed)))
        else:
            yield _Datum(_Item(counter.selector, cel_text.value(counter.selector)))


def _words(limit: LimitAction) -> user_expressions.LimitWords:
    """The words for the expressions of a limit.

    Raises:
        InexpressibleError: There are none.
    """
    return user_expressions.limit_words(
        tuple(one.expression for one in limit.when if isinstance(one, ExpressionCondition)),
        tuple(one.expression for one in limit.counters if isinstance(one, ExpressionCounter)),
    )


def _check_condition(form: _Form, condition: PolicyCondition) -> None:
    if not isinstance(condition, ExpressionCondition):
        cel_text.conditions(condition)
        return
    _check_form(form)
    user_expressions.check_predicate(condition.expression)


def _check_counter(form: _Form, counter: Counter) -> None:
    if not isinstance(counter, ExpressionCounter):
        cel_text.value(counter.selector)
        return
    _check_form(form)
    user_expressions.check_counter(counter.expression)


def _check_form(form: _Form) -> None:
    if not form.takes_expressions:
        raise InexpressibleError("an expression that fails would end it for good")


def _dialect(form: _Form) -> Dialect:
    complaints: dict[FailureMode, OfEach[HostProgram, tuple[Complaint, ...]]] = {
        "deny": OfEach(lambda host: tuple(_complaints(form, host, "deny"))),
        "allow": OfEach(lambda host: tuple(_complaints(form, host, "allow"))),
    }
    return Dialect(
        name=form.name,
        configure=lambda service: lambda hosts: _render(form, hosts, service),
        unsupported=partial(
            unsupported,
            condition=partial(_check_condition, form),
            counter=partial(_check_counter, form),
            complaints=lambda host, failure_mode: complaints[failure_mode](host),
        ),
    )


V0_7 = _dialect(_Form(name="action-sets-v0.7", merges=False, takes_expressions=False))
V0_8 = _dialect(_Form(name="action-sets-v0.8", takes_expressions=False))
V0_9 = _dialect(_Form(name="action-sets"))
V0_10 = _dialect(_Form(name="action-sets-conditional-data", conditional_data=True))
