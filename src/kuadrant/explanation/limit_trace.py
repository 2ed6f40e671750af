"""Tells what each limit of a rule did with a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.limit_scope import CLUSTER, GATEWAY
from kuadrant.explanation.expression_trace import traced_cost, traced_counter, traced_predicate
from kuadrant.explanation.knowledge import selected
from kuadrant.explanation.masked_values import MASK
from kuadrant.explanation.origins import section_of
from kuadrant.explanation.record import CounterValue, Part, Replaced, TracedCondition, TracedLimit
from kuadrant.explanation.words import in_short
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter, SelectorCounter
from kuadrant.policy.identity_source import PATH
from kuadrant.reference_model.conditions import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.api.problem import Path
    from kuadrant.compiler.program import Action, LimitAction, RuleProgram
    from kuadrant.explanation.expression_trace import Traced
    from kuadrant.explanation.knowledge import Knowledge
    from kuadrant.explanation.origin import Origin
    from kuadrant.explanation.origins import Origins
    from kuadrant.explanation.record import Fact, Truth
    from kuadrant.policy.condition import Cost, Counter, PolicyCondition, SelectorCondition
    from kuadrant.policy.model import Policy, PolicyLimit
    from kuadrant.policy.policy_precedence import EffectiveLimit
    from kuadrant.reference_model.expressions import Expressions
    from kuadrant.reference_model.request import Request

Applies = Literal["yes", "no", "fails", "unknown", "unselected", "unlimited"]


class _Traced(Struct, frozen=True, gc=False):
    """What a limit did: whether it applies, why not, and all that was looked at."""

    applies: Applies
    because: str = ""
    when: tuple[TracedCondition, ...] = ()
    counters: tuple[CounterValue, ...] = ()
    cost: CounterValue | None = None


class LimitTracer:
    """Traces the limits of one rule for one request."""

    def __init__(
        self, request: Request, expressions: Expressions, knowledge: Knowledge, origins: Origins
    ) -> None:
        self._request = request
        self._identified = PATH in request.attributes
        self._expressions = expressions
        self._knowledge = knowledge
        self._origins = origins
        self._is_free = False
        self._needed: dict[Fact, None] = {}
        self.missing: dict[Fact, None] = {}

    def limits(
        self, rule: RuleProgram, effective: Sequence[EffectiveLimit], on_path: Sequence[Policy]
    ) -> Iterator[TracedLimit]:
        """Yield the limits of the rule's effective policy by name, then those that no policy is known of."""
        # Those of one bucket have one key, of which a policy has one.
        actions = {
            (limit.key, limit.sources): (action, limit) for action in rule.actions for limit in action.limits
        }
        for entry in effective:
            key = entry.key
            yield self._effective(entry, key, actions.pop((key, (entry.source.key,)), None), on_path)
        for action, limit in actions.values():
            yield self._of_unknown_policy(action, limit)

    def _effective(
        self,
        entry: EffectiveLimit,
        key: str,
        action: tuple[Action, LimitAction] | None,
        on_path: Sequence[Policy],
    ) -> TracedLimit:
        policy, limit = entry.source, entry.limit
        place = (*policy.field, "limits", limit.name)
        traced = self._traced(action[1], policy, place, limit) if action else None
        if traced is None:
            traced = _Traced(
                *(
                    ("unselected", "its routeSelectors do not select this rule")
                    if limit.rates
                    else ("unlimited", "it has no rates")
                )
            )
        return TracedLimit(
            name=limit.name,
            key=key,
            policy=policy.key,
            section=section_of(policy),
            strategy=policy.strategy,
            origin=self._of_limit(policy, limit.name),
            replaced=tuple(self._replaced(limit.name, policy, on_path)),
            rates=tuple((rate.max_value, max(rate.seconds, 1)) for rate in limit.rates),
            algorithm=limit.algorithm,
            burst=limit.burst,
            mode=limit.mode,
            enforce_percent=limit.enforce_percent,
            bucket=limit.bucket,
            fallback=limit.fallback,
            counted_by=limit.scope,
            scope=action[0].scope if action else "",
            applies=traced.applies,
            because=traced.because,
            when=traced.when,
            counters=traced.counters,
            cost=traced.cost,
        )

    def _of_unknown_policy(self, action: Action, limit: LimitAction) -> TracedLimit:
        policy = limit.sources[0] if limit.sources else ""
        origin = self._origins.of("RateLimitPolicy", policy)
        traced = self._verdict(
            tuple(self._condition(condition, origin) for condition in limit.when),
            tuple(self._counter(counter, origin) for counter in limit.counters),
            self._cost(limit.cost, origin),
        )
        return TracedLimit(
            name=limit.key,
            key=limit.key,
            policy=policy,
            section="limits",
            strategy="atomic",
            origin=origin,
            counted_by=GATEWAY if limit.counted else CLUSTER,
            scope=action.scope,
            applies=traced.applies,
            because=traced.because,
            when=traced.when,
            counters=traced.counters,
            cost=traced.cost,
        )

    def _traced(self, action: LimitAction, policy: Policy, place: Path, limit: PolicyLimit) -> _Traced:
        own = ((*place, "when", number) for number in range(len(limit.when)))
        places: tuple[Path, ...] = (*((*policy.field, *path) for path in policy.condition_places), *own)
        when = []
        exempt = dict(enumerate(policy.exempt, start=len(policy.when)))
        for index, (path, condition) in enumerate(zip(places, action.when, strict=True)):
            what = "predicate" if isinstance(condition, ExpressionCondition) else "selector"
            traced = self._condition(condition, self._place(policy, (*path, what)))
            when.append(self._exemption(exempt[index], traced) if index in exempt else traced)
        counters = []
        for counter in action.counters:
            path = (*place, "counters", limit.counters.index(counter))
            if isinstance(counter, ExpressionCounter):
                path = (*path, "expression")
            counters.append(self._counter(counter, self._place(policy, path)))
        cost = self._cost(action.cost, self._place(policy, (*place, "cost")))
        return self._verdict(tuple(when), tuple(counters), cost)

    def _verdict(
        self, when: tuple[TracedCondition, ...], counters: tuple[CounterValue, ...], cost: CounterValue | None
    ) -> _Traced:
        evaluated = counters if cost is None else (*counters, cost)
        applies, because = _applies(when, evaluated, identified=self._identified)
        if applies == "yes" and cost is not None and self._is_free:
            applies, because = "no", f"{in_short(cost.text)} is 0: the request costs nothing"
        if applies == "unknown":
            self.missing.update(self._needed)
        self._needed.clear()
        return _Traced(applies, because, when, counters, cost)

    def _place(self, policy: Policy, path: Path) -> Origin:
        return self._origins.of("RateLimitPolicy", policy.key, path)

    def _of_limit(self, policy: Policy, name: str) -> Origin:
        return self._place(policy, (*policy.field, "limits", name))

    def _replaced(self, name: str, winner: Policy, on_path: Iterable[Policy]) -> Iterator[Replaced]:
        for policy in on_path:
            if policy.key != winner.key and any(limit.name == name for limit in policy.limits):
                yield Replaced(policy=policy.key, limit=name, origin=self._of_limit(policy, name))

    def _condition(self, condition: PolicyCondition, origin: Origin) -> TracedCondition:
        if isinstance(condition, ExpressionCondition):
            traced = traced_predicate(condition.expression, self._expressions, self._knowledge)
            self._needed.update(dict.fromkeys(traced.missing))
            result: Literal["true", "false", "fails", "unknown"]
            if traced.missing:
                result = "unknown"
            elif traced.error is not None:
                result = "fails"
            else:
                result = "true" if traced.value is True else "false"
            return TracedCondition(
                text=condition.expression,
                origin=origin,
                result=result,
                error=traced.error,
                parts=traced.parts,
                ends=traced.ends,
            )
        return self._comparison(condition, origin)

    def _exemption(self, condition: ExpressionCondition, asked: TracedCondition) -> TracedCondition:
        """What exempts, in its own words; ``asked`` is that it does not, which the gateway evaluates."""
        own = self._condition(condition, asked.origin)
        turned: dict[Truth, Truth] = {"true": "false", "false": "true"}
        return replace(
            own,
            result=turned.get(asked.result, asked.result),
            error=own.error or asked.error,
            ends=asked.ends,
            exempts=True,
        )

    def _comparison(self, condition: SelectorCondition, origin: Origin) -> TracedCondition:
        text = condition.text
        path = selected(condition.selector)
        missing = self._knowledge.missing([path])
        self._needed.update(dict.fromkeys(missing))
        if missing:
            part = Part(
                text=condition.selector, offset=0, unknown=", ".join(one.name for one in missing), reads=True
            )
            return TracedCondition(text=text, origin=origin, result="unknown", parts=(part,))
        value = self._request.text(condition.selector)
        part = Part(
            text=condition.selector,
            offset=0,
            value=None if value is None else self._shown(path, value),
            error="it is not there, and compared as if it were empty" if value is None else None,
            reads=True,
        )
        held = holds(condition, self._request, self._expressions)
        return TracedCondition(text=text, origin=origin, result="true" if held else "false", parts=(part,))

    def _counter(self, counter: Counter, origin: Origin) -> CounterValue:
        if isinstance(counter, SelectorCounter):
            path = selected(counter.selector)
            missing = self._knowledge.missing([path])
            self._needed.update(dict.fromkeys(missing))
            value = None if missing else self._request.text(counter.selector)
            return CounterValue(
                text=counter.selector,
                origin=origin,
                value=None if value is None else self._shown(path, value),
                unknown=", ".join(one.name for one in missing) or None,
            )
        traced = traced_counter(counter.expression, self._expressions, self._knowledge)
        return self._value(counter, origin, traced)

    def _cost(self, cost: Cost | None, origin: Origin) -> CounterValue | None:
        if cost is None:
            return None
        traced = traced_cost(cost, self._expressions, self._knowledge)
        self._is_free = traced.value == 0
        return self._value(cost, origin, traced)

    def _value(self, counter: ExpressionCounter, origin: Origin, traced: Traced) -> CounterValue:
        self._needed.update(dict.fromkeys(traced.missing))
        return CounterValue(
            text=counter.expression,
            origin=origin,
            value=traced.shown,
            error=traced.error,
            unknown=", ".join(one.name for one in traced.missing) or None,
            parts=traced.parts,
        )

    def _shown(self, path: tuple[str, ...], value: str) -> str:
        return MASK if self._knowledge.hides([path]) else value


def _applies(
    when: Sequence[TracedCondition], counters: Sequence[CounterValue], *, identified: bool
) -> tuple[Applies, str]:
    """Whether a limit applies: one condition that is false wins, then what is not known, then what fails.

    Behind one that the gateway ends nothing is looked at.
    """
    ended = next((number for number, condition in enumerate(when) if condition.ends), None)
    by_result = {condition.lets_apply: condition for condition in reversed(when[:ended])}
    if found := by_result.get("false"):
        return "no", f"{in_short(found.text)} is {'true, which exempts' if found.exempts else 'false'}"
    if found := by_result.get("unknown"):
        return "unknown", f"{in_short(found.text)} is not known"
    if found := when[ended] if ended is not None else by_result.get("fails"):
        return "fails", f"{in_short(found.text)} fails: {found.error}"
    # Counters are looked at one after the other.
    settled = next((one for one in counters if one.value is None), None)
    return ("yes", "") if settled is None else _applies_without(settled, identified=identified)


def _applies_without(counter: CounterValue, *, identified: bool) -> tuple[Applies, str]:
    if counter.unknown is not None:
        return "unknown", f"{in_short(counter.text)} is not known"
    if counter.error is not None:
        return "fails", f"{in_short(counter.text)} fails: {counter.error}"
    if counter.text.startswith("auth.") and not identified:
        return "no", f"there is no {counter.text}: nothing here authenticates requests"
    return "no", f"the request has no {in_short(counter.text)} to count by"
