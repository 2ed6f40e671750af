"""A record with every step, in the order in which a request meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.limit_scope import GATEWAY
from kuadrant.explanation import words
from kuadrant.explanation.short_text import plain, short_text
from kuadrant.explanation.unknown_facts import CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.explanation.record import (
        Client,
        CounterValue,
        Explanation,
        Part,
        TracedCondition,
        TracedLimit,
    )
    from kuadrant.explanation.short_text import Style

_HOSTS: Final = 20


def verbose_text(record: Explanation, paint: Callable[[Style, str], str] = plain) -> str:
    """Return the short text, and all that is behind it."""
    return "\n".join((short_text(record, paint), "", *map(_printable, _steps(record))))


def _printable(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return line[:indent] + words.on_one_line(line)


def _steps(record: Explanation) -> Iterator[str]:
    request = record.request
    yield f"request: {request.method} {request.scheme}://{request.authority}{request.target}"
    yield from (f"  {name}: {value}" for name, value in request.headers)
    yield f"{record.listener.origin}: {words.listener_line(record)}"
    yield "host names of the port:"
    for host in record.hosts[:_HOSTS]:
        yield f"  {host.hostname}" + (": the request's" if host.chosen else f": {host.because}")
    if len(record.hosts) > _HOSTS:
        yield f"  and {len(record.hosts) - _HOSTS} more; -o json has all"
    yield "rules, in the order in which they are tried:"
    for rule in record.looked_at:
        yield f"  {rule.origin}: {words.rule_line(rule)}"
        yield "    " + (
            "this is the one" if rule.failing is None else f"no: {words.failing_line(rule.failing)}"
        )
    yield from (f"{one.origin}: {words.elsewhere_line(one)}" for one in record.listener.elsewhere)
    yield "policies on the path to the rule, from the least to the most specific:"
    yield from (f"  {policy.origin}: {words.policy_line(policy)}" for policy in record.policies)
    yield "limits of the rule:" + ("" if record.limits else " none")
    for limit in record.limits:
        yield from (f"  {line}" for line in _limit(limit))
    for question in record.questions:
        asked = (
            "the gateway counts by itself" if question.by == GATEWAY else "the rate limit service is asked"
        )
        yield f"{asked} for {question.scope}" + (
            ": over a limit" if question.limited else ": within the limits"
        )
        yield from (f"  {key} = {value}" for key, value in question.entries)
    if record.client is not None:
        yield from _client(record.client)
    yield from (words.fact_line(fact) for fact in record.unknown)
    yield from (f"note: {note}" for note in record.notes)
    who = "rate limit service"
    if any(limit.counted_by == GATEWAY for limit in record.limits):
        who += " or gateway"
    yield f"not known: what a running {who} has counted; here it begins with nothing"


def _limit(limit: TracedLimit) -> Iterator[str]:
    yield f"{limit.origin}: {words.limit_line(limit)}"
    rates = ", ".join(words.rate(*one, limit.algorithm, limit.burst) for one in limit.rates)
    mode = words.mode_words(limit.mode, limit.enforce_percent)
    scope = words.scope_words(limit.counted_by)
    bucket = f", in bucket {limit.bucket}" if limit.bucket else ""
    fallback = words.fallback_words(limit.fallback)
    yield f"  {rates or 'no rates'}{scope}{mode}{bucket}{fallback}, counted under {limit.scope}"
    for one in limit.replaced:
        yield f"  {one.origin}: in place of limit {one.limit} of RateLimitPolicy {one.policy}"
    for condition in limit.when:
        yield from (f"  {line}" for line in _condition(condition))
    for counter in limit.counters:
        yield from (f"  {line}" for line in _counter(counter, "counted by"))
    if limit.cost is not None:
        yield from (f"  {line}" for line in _counter(limit.cost, "a request costs"))
    applies = {"yes": "it applies", "unknown": "whether it applies is not known"}
    yield "  " + applies.get(limit.applies, f"it does not apply: {limit.because}")
    for standing in limit.standings:
        yield f"  {words.standing_line(standing, limit.mode)}" + (" (no room)" if standing.denies else "")


def _condition(condition: TracedCondition) -> Iterator[str]:
    result = "fails" if condition.result == "fails" else f"is {condition.result}"
    error = f": {condition.error}" if condition.error else ""
    asks = "exempt when" if condition.exempts else "when"
    yield f"{condition.origin}: {asks} {condition.text} {result}{error}"
    yield from _parts(condition.parts)


def _counter(counter: CounterValue, what: str) -> Iterator[str]:
    if counter.unknown is not None:
        found = f"not known ({counter.unknown})"
    elif counter.error is not None:
        found = f"failing: {counter.error}"
    else:
        found = "absent" if counter.value is None else counter.value
    yield f"{counter.origin}: {what} {counter.text}, which is {found}"
    yield from _parts(counter.parts)


def _parts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if part.unknown is not None:
            found = f"not known ({part.unknown})"
        elif part.error is not None:
            found = f"fails: {part.error}"
        else:
            found = f"{part.value}"
        yield f"  {part.text} -> {found}" + ("" if part.needed else " (has no say)")


def _client(client: Client) -> Iterator[str]:
    status = "the backend's status" if client.status is None else str(client.status)
    grpc = "" if client.grpc_status is None else f", grpc-status {client.grpc_status}"
    yield f"the client gets {status}{grpc}: {client.because}"
    for backend in client.backends:
        yield f"  backend {backend.name}" + (
            " (500: not allowed)"
            if not backend.allowed
            else f" (503: {backend.lacks})"
            if backend.lacks
            else ""
        )
    yield from (f"  {name}: {value}" for name, value in client.headers)
    yield from (f"  {name}: {value} (if headers are on)" for name, value in client.rate_limit_headers)
    yield from (f"  the request goes on with {name}: {value}" for name, value in client.signals)
    if client.body is not None:
        yield f"  {client.body.rstrip()}"
    if client.not_known:
        yield f"  {', '.join(client.not_known)}: not known, depending on {CLOCK.name}"
