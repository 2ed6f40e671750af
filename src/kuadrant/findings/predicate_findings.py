"""Conditions that hold for every request which comes to the rules of a policy, or for none."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import Path, spelled
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.limit_requests import LimitRequests
from kuadrant.findings.predicate_truth import Predicate, compared_texts, conjuncts, selector_truth
from kuadrant.findings.reaching_requests import Reaching
from kuadrant.findings.severity import Rule
from kuadrant.policy.condition import ExpressionCondition, SelectorCondition
from kuadrant.policy.expression_check import checked
from kuadrant.policy.expression_error import position
from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.findings.examined_documents import Material
    from kuadrant.findings.predicate_truth import Truth
    from kuadrant.findings.request_paths import Path as RequestPath
    from kuadrant.policy.condition import PolicyCondition
    from kuadrant.policy.model import Policy, PolicyLimit, Problem

RULES: Final = (
    Rule(
        code="never-applies",
        severity="warning",
        title="A limit never applies, since a condition holds for no request.",
        means="What the rules of the route match (method, path, host name) is known beforehand, and the"
        " condition excludes all of it: `request.method == 'POST'` where the rules match GET, a "
        "method in lower case, a scheme or the name of a header (`request.headers.exists(h, h == 'X-A')`) "
        "with capitals, a path that does not begin with `/`, a `request.url_path` with `?`, a "
        "`source.address` without its port, a `source.remote_address` with one or with the size of a "
        "network. "
        "Two conditions that exclude each other are another way.",
        do="Correct the condition, or the rule of the route.",
    ),
    Rule(
        code="always-applies",
        severity="note",
        title="A condition holds for every request.",
        means="The rules of the route match nothing else, or it does not depend on the request. It "
        "narrows nothing.",
        do="Leave it out, if it was not meant to narrow the limit; correct it otherwise.",
    ),
)

_TELLING: Final = re.compile(
    r"\.(method|url_path|path|host|scheme|address|remote_address)\b|\bheaders\s*\.\s*(all|exists)\b"
)
_NAMING: Final = re.compile(
    r"\b(request|source|destination|connection|metadata|filter_state|xds|plugin_name)\b"
)


def predicate_findings(of: Material) -> Iterator[Problem]:
    """Yield the conditions of policies that take part which are no conditions."""
    for fact in of.compilation.policies:
        if fact.acceptance.reason == "Accepted" and any(
            condition for one in fact.policy.limits for condition in (*fact.policy.conditions, *one.when)
        ):
            yield from _Conditions(fact.policy, of.paths.by_policy.get(fact.policy.key, [])).findings()


class _Conditions:
    """The conditions of one policy, over the requests that come to it."""

    def __init__(self, policy: Policy, paths: Iterable[RequestPath]) -> None:
        self._policy = policy
        self._requests = LimitRequests(policy, paths)
        self._read: dict[str, Predicate] = {}

    def findings(self) -> Iterator[Problem]:
        policy = self._policy
        told = {}
        for place, condition in zip(policy.condition_places, (*policy.when, *policy.exempt), strict=True):
            told[place] = [*self._of(place, condition, policy.limits)]
            yield from told[place]
        for limit in policy.limits:
            found = [
                one
                for index, condition in enumerate(limit.when)
                for one in self._of(("limits", limit.name, "when", index), condition, (limit,))
            ]
            yield from found
            if not any(one.code == "never-applies" for one in (*found, *chain(*told.values()))):
                yield from self._excluding(limit)

    def _of(
        self, field: Path, condition: PolicyCondition, limits: Iterable[PolicyLimit]
    ) -> Iterator[Problem]:
        text = condition.selector if isinstance(condition, SelectorCondition) else condition.expression
        requests = self._requests.of((one.name for one in limits), by_host="host" in text)
        if isinstance(condition, SelectorCondition):
            verdict, example = _verdict(lambda of: selector_truth(condition, of), requests)
            yield from self._told((*field, "value"), verdict, example)
        elif (predicate := self._telling(condition)) is not None:
            whole = predicate.expression
            verdict, example = _verdict(lambda of: predicate.truth(whole, of), requests)
            if verdict is None:
                return
            part = whole
            if verdict is False:
                part = next(
                    (one for one in conjuncts(whole) if predicate.truth(one, example) is False), whole
                )
            at = position(condition.expression, predicate.offset(part))
            yield from self._told((*field, "predicate"), verdict, example, at)

    def _told(
        self, field: Path, verdict: Truth, example: Reaching, at: tuple[int, int] = (0, 0)
    ) -> Iterator[Problem]:
        if verdict is None:
            return
        subject = ("RateLimitPolicy", self._policy.namespace, self._policy.name)
        which = _described(example)
        exempts = field[0] == "exempt"
        so = (
            ("it exempts nothing", "no limit ever applies")
            if exempts
            else ("the limit never applies", "it narrows nothing")
        )
        message = f"holds for {'every' if verdict else 'no'} request{which}, so {so[verdict]}"
        code = "always-applies" if verdict is not exempts else "never-applies"
        yield problem(subject, spelled((*self._policy.field, *field)), code, message, at=at)

    def _telling(self, condition: ExpressionCondition) -> Predicate | None:
        """The predicate, if something may be known of it beforehand: to read it takes its time."""
        text = condition.expression
        may_tell = _TELLING.search(text) or not _NAMING.search(text)
        may_tell = may_tell or (self._requests.ask_headers and "headers" in text)
        return self._predicate(text) if may_tell else None

    def _predicate(self, expression: str) -> Predicate:
        if expression not in self._read:
            self._read[expression] = Predicate(checked(expression))
        return self._read[expression]

    def _excluding(self, limit: PolicyLimit) -> Iterator[Problem]:
        """Yield a condition that cannot hold where one before it does."""
        seen: dict[str, frozenset[str]] = {}
        conditions: list[tuple[Path, PolicyCondition]] = [
            *((("when", index), one) for index, one in enumerate(self._policy.when)),
            *((("limits", limit.name, "when", index), one) for index, one in enumerate(limit.when)),
        ]
        if sum(_demands(condition) for _, condition in conditions) < 2:
            return
        for field, condition in conditions:
            for name, values, at in self._demanded(condition):
                if name in seen and seen[name].isdisjoint(values):
                    last = "predicate" if isinstance(condition, ExpressionCondition) else "value"
                    subject = ("RateLimitPolicy", self._policy.namespace, self._policy.name)
                    wanted = " or ".join(sorted(seen[name]))
                    message = (
                        f"asks for another {name} than {wanted}, for which a condition asks before: {_NEVER}"
                    )
                    where = spelled((*self._policy.field, *field, last))
                    yield problem(subject, where, "never-applies", message, at=at)
                    return
                seen[name] = seen.get(name, values) & values

    def _demanded(self, condition: PolicyCondition) -> Iterator[tuple[str, frozenset[str], tuple[int, int]]]:
        """Yield attributes, the texts of which each has to be one, and where that is said."""
        if not _demands(condition):
            return
        if isinstance(condition, SelectorCondition):
            yield condition.selector, frozenset({condition.value}), (0, 0)
            return
        predicate = self._predicate(condition.expression)
        for part in conjuncts(predicate.expression):
            compared = compared_texts(part)
            if compared is not None and compared[2]:
                at = position(condition.expression, predicate.offset(part))
                yield compared[0], frozenset(compared[1]), at


_NEVER: Final = "no request fulfils both, so the limit never applies"
_DEMAND: Final = re.compile(r"==|\bin\s*\[")


def _demands(condition: PolicyCondition) -> int:
    """Return how many attributes, at most, a condition wants to be one of some texts."""
    if isinstance(condition, SelectorCondition):
        return condition.operator == "eq"
    return len(_DEMAND.findall(condition.expression))


def _verdict(holds: Callable[[Reaching], Truth], requests: Iterator[Reaching]) -> tuple[Truth, Reaching]:
    """Tell whether something is the same for all ``requests``, with an example of them."""
    anything = Reaching()
    if (constant := holds(anything)) is not None:
        return constant, anything
    first = next(requests, None)
    verdict = None if first is None else holds(first)
    if first is None or verdict is None:
        return None, anything
    return (verdict if all(holds(one) is verdict for one in requests) else None), first


def _described(of: Reaching) -> str:
    """The words for requests of a rule; empty for those of any kind."""
    match = of.match
    words = [f"with the method {match.method}"] if match.method else []
    if match.path is not None and (match.path.type, match.path.value) != ("prefix", "/"):
        how = {"exact": "", "prefix": " or below", "regex": " as a pattern"}[match.path.type]
        words.append(f"with the path {match.path.value}{how}")
    words += [f"with the header {header.name}" for header in match.headers]
    if of.hostname != EVERY_HOSTNAME:
        words.append(f"for {of.hostname}")
    return f" that comes here (such as {', '.join(words)})" if words else ""
