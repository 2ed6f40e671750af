"""The words in which a record is told to people."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from kuadrant.api.algorithm import FIXED_WINDOW, SLIDING_WINDOW, TOKEN_BUCKET, Algorithm
from kuadrant.api.duration import span_words, window_words
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, SHADOW, SOFT, Mode
from kuadrant.api.limit_scope import GATEWAY, Scope
from kuadrant.api.problem import printable
from kuadrant.policy.fleeting_values import is_of_a_connection
from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.api.limit_fallback import Fallback
    from kuadrant.explanation.listener_record import Elsewhere
    from kuadrant.explanation.record import (
        Client,
        CounterStanding,
        Explanation,
        Fact,
        Failing,
        OnPath,
        Run,
        TracedLimit,
        TracedRule,
    )

_NAMES: Final = 3
_LONGEST: Final = 120


def verdict(record: Explanation) -> str:
    """The answer in a line: what the client gets, and why."""
    if (not_served := record.listener.not_served) is not None:
        otherwise = _answer(record.client) if record.client and record.outcome != "unknown" else "not known"
        return f"no answer from {not_served.by}, which does not serve the listener; where it is: {otherwise}"
    if record.outcome == "unknown":
        needed = ", ".join(fact.name for fact in record.unknown)
        return f"not known: it depends on {needed}"
    assert record.client is not None
    before = f" ({ran(record.before)} before)" if record.before else ""
    return f"{_answer(record.client)}: {_why(record)}{before}"


def _why(record: Explanation) -> str:
    assert record.client is not None
    match record.outcome:
        case "limited":
            return "; ".join(_refusing(record))
        case "failed":
            fail = [limit.name for limit in record.limits if limit.applies == "fails" and limit.refuses]
            return f"{_of(fail, 'has', 'have')} no value for this request"
        case "no-route" if not record.looked_at:
            return f"no route serves host {record.request.authority} at port {record.listener.port}"
        case "no-route":
            return f"no rule of host {record.host} is for this request"
        case _:
            return f"{_counted(record.limits)}{_then(record.client)}"


def _refusing(record: Explanation) -> Iterator[str]:
    """Which limits refuse it: those that have nothing left, and those that have less than it costs."""
    short = [limit.name for limit in record.limits if lacks(limit) and limit.name in record.limited_by]
    if reached := [name for name in record.limited_by if name not in short]:
        yield _of(reached, "is reached", "are reached")
    if short:
        yield _of(short, "has less room than the request costs", "have less room than the request costs")


def lacks(limit: TracedLimit) -> bool:
    """Tell whether a limit that refuses a request has something left, only not as much as it costs."""
    denying = [one for one in limit.standings if one.denies]
    return limit.cost is not None and bool(denying) and all(one.remaining for one in denying)


def _counted(limits: Iterable[TracedLimit]) -> str:
    applying = [limit for limit in limits if limit.applies == "yes"]
    watched = [limit for limit in applying if any(not one.enforced for one in limit.standings)]
    names = [limit.name for limit in applying if limit not in watched]
    nothing = f"no limit {'is enforced' if watched else 'applies'}"
    told = [_of(names, "has room", "have room") if names else nothing]
    return "; ".join([*told, *_without_room(watched)])


def _without_room(watched: Sequence[TracedLimit]) -> Iterator[str]:
    """What limits that refuse nobody have to say of a request, surely or perhaps."""
    full = [limit for limit in watched if any(one.would_deny for one in limit.standings)]
    perhaps = [
        limit
        for limit in watched
        if limit not in full and any(one.would_deny is None for one in limit.standings)
    ]
    for some, in_shadow, (one_soft, soft) in (
        (full, "in shadow would refuse it", ("is soft and exceeded", "are soft and exceeded")),
        (perhaps, "in shadow would perhaps refuse it", ("is soft and perhaps exceeded",) * 2),
    ):
        if names := [limit.name for limit in some if limit.mode != SOFT]:
            yield _of(names, in_shadow, in_shadow)
        if names := [limit.name for limit in some if limit.mode == SOFT]:
            yield _of(names, one_soft, soft)


def _of(names: Sequence[str], one: str, more: str) -> str:
    if len(names) == 1:
        return f"limit {names[0]} {one}"
    told = f"{len(names)} limits" if len(names) > _NAMES else f"limits {', '.join(names)}"
    return f"{told} {more}"


def _then(client: Client) -> str:
    return "" if client.status is None and not client.in_part else f", and {client.because}"


def _answer(client: Client) -> str:
    if client.grpc_status is not None:
        return f"grpc-status {client.grpc_status}"
    if client.status is None:
        return "admitted"
    return f"{client.status} {HTTPStatus(client.status).phrase}"


def ran(runs: Iterable[Run]) -> str:
    """Requests that came before, such as ``5 x admitted, 1 x limited``."""
    return ", ".join(f"{run.count} x {run.outcome}" for run in runs)


def limit_line(limit: TracedLimit) -> str:
    """Return which limit it is, and of which policy."""
    section = "" if limit.section == "limits" else f" ({limit.section})"
    replaced = " and ".join(f"that of {one.policy}" for one in limit.replaced)
    return f"limit {limit.name} of RateLimitPolicy {limit.policy}{section}" + (
        f", in place of {replaced}" if replaced else ""
    )


def standing_line(standing: CounterStanding, mode: Mode = ENFORCE) -> str:
    """Return where a counter stands."""
    per = f" for each {', '.join(in_short(key) for key, _ in standing.key)}" if standing.key else ""
    left = "none left" if standing.remaining == 0 else f"{standing.remaining} left"
    if standing.remaining_at_most is not None:
        left = f"{standing.remaining} to {standing.remaining_at_most} left"
    values = ", ".join(value for _, value in standing.key)
    counted = rate(standing.limit, standing.seconds, standing.algorithm, standing.burst)
    least = standing.resets_in_at_least
    span = span_words(standing.resets_in)
    span = span if least is None else f"{span_words(least).removesuffix(' s')} to {span}"
    again = f"whole again in {span}" if standing.limit else "and never any"
    return (
        f"{counted}{per}: {left}{f' for {values}' if values else ''}, "
        f"{again}{_watching(standing, mode)}{_alone(standing)}"
    )


def _watching(standing: CounterStanding, mode: Mode) -> str:
    if standing.enforced:
        return ""
    if mode == SOFT:
        exceeded = "; not known whether it is exceeded by this request"
        if standing.would_deny is not None:
            exceeded = ": exceeded by this request" if standing.would_deny else ""
        return f"; soft{exceeded}"
    if standing.would_deny is None:
        return "; in shadow: not known whether it would have refused this request"
    return f"; in shadow{': it would have refused this request' if standing.would_deny else ''}"


def _alone(standing: CounterStanding) -> str:
    of_a_connection = any(is_of_a_connection(key) for key, _ in standing.key)
    return "; each new connection begins anew" if of_a_connection else ""


def headers_in_short(headers: Iterable[tuple[str, str]]) -> str:
    """Return headers on one line."""
    return ", ".join(f"{name}: {value}" for name, value in headers)


def served_line(record: Explanation) -> str:
    """Return which host names there would be, where the request's has no rule."""
    names = [
        host.hostname
        for host in record.hosts
        if host.routed and not host.chosen and host.hostname != EVERY_HOSTNAME
    ]
    told = ", ".join(names[:_NAMES])
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"served there: {told or 'nothing'}{more}" + ("; give one with -H 'Host: NAME'" if names else "")


def elsewhere_line(route: Elsewhere) -> str:
    """Return why a route is not where the request came in."""
    return f"{route.route} has the host, and not here: {route.because}"


def rate(most: int, seconds: int, algorithm: Algorithm = FIXED_WINDOW, burst: int | None = None) -> str:
    """A rate, such as ``5 in 10 s``, and how it is counted if that is not in fixed windows."""
    window = window_words(seconds)
    if algorithm == SLIDING_WINDOW:
        return f"{most} in any {window}"
    evenly = f", evenly, and {most if burst is None else burst} at once" if algorithm == TOKEN_BUCKET else ""
    return f"{most} in {window}{evenly}"


def scope_words(scope: Scope) -> str:
    """Who counts a limit, to be added to its rates; nothing for the rate limit service."""
    return ", by each gateway for itself" if scope == GATEWAY else ""


def manner(mode: Mode) -> str:
    """Return how a limit is that refuses nobody."""
    return "soft" if mode == SOFT else "in shadow"


def mode_words(mode: Mode, percent: int) -> str:
    """For whom a limit refuses what has no room, to be added to its rates; nothing if for all."""
    if mode == SOFT:
        return ", soft"
    if mode == SHADOW or percent == 0:
        return ", in shadow"
    return "" if percent == EVERYBODY else f", enforced for {percent} % and in shadow for the others"


def fallback_words(fallback: Fallback | None) -> str:
    """What a limit says of requests without an answer of the service, to be added to its rates."""
    match fallback:
        case None:
            return ""
        case "Deny":
            return ", 500 without an answer of the rate limit service"
        case "Allow":
            return ", passed over without an answer of the rate limit service"


def rule_line(rule: TracedRule) -> str:
    """Return which rule it is, and which requests are its."""
    return f"{rule.rule or rule.id} of {rule.route}: {rule.match}"


def failing_line(failing: Failing) -> str:
    """Return why a rule is not the request's."""
    if failing.unknown:
        return f"{failing.part} {failing.wanted}? {failing.found}"
    return f"{failing.part} is {failing.found}, but it {_must(failing.wanted)}"


def _must(wanted: str) -> str:
    for word, told in (
        ("is ", "must be "),
        ("begins with ", "must begin with "),
        ("matches ", "must match "),
    ):
        if wanted.startswith(word):
            return told + wanted.removeprefix(word)
    return f"must be {wanted}"


def policy_line(policy: OnPath) -> str:
    """Return what became of a policy."""
    if not policy.accepted:
        return f"RateLimitPolicy {policy.policy} is not in effect: {policy.because}"
    if policy.gone and policy.kept:
        gone = ", ".join(policy.gone)
        return f"of RateLimitPolicy {policy.policy} limit {gone} is not in effect: {policy.because}"
    if not policy.on_path:
        return f"RateLimitPolicy {policy.policy} is not for this rule: {policy.because}"
    if policy.gone:
        return f"RateLimitPolicy {policy.policy} is not in effect here: {policy.because}"
    return f"RateLimitPolicy {policy.policy} ({policy.section}, {policy.strategy}) for {policy.target}" + (
        f": {policy.because}" if policy.because else ""
    )


def fact_line(fact: Fact) -> str:
    """Return what is not known, and how it can be told."""
    return f"not known: {fact.name}" + (f"; give {fact.give}" if fact.give else "; only a gateway knows it")


def listener_line(record: Explanation) -> str:
    """Return where the request came in, and for which host."""
    listener = record.listener
    host = f", host {record.host}" if record.host else ""
    because = f" ({listener.because})" if listener.because else ""
    names = listener.serving or ", ".join(listener.names)
    return f"Gateway {listener.gateway}, listener {names}, port {listener.port}{because}{host}"


def in_short(expression: str) -> str:
    """Return an expression without its middle, if it is long: its place says where to read the whole."""
    text = " ".join(expression.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST * 2 // 3]} ... {text[-_LONGEST // 3 :]}"


def on_one_line(text: str) -> str:
    """Return ``text`` on one line, with what cannot be printed escaped."""
    return printable(" ".join(text.split()))
