"""Writes for people what two configurations do otherwise: limits, routing, then requests."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import printable
from kuadrant.difference.explain_command import answers_line, step_lines
from kuadrant.explanation.short_text import WIDTH, plain
from kuadrant.explanation.words import headers_in_short, mode_words, rate, scope_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kuadrant.difference.record import (
        Change,
        Differences,
        LimitChange,
        LimitSide,
        RoutingChange,
        TellingRequest,
        ToldChange,
    )
    from kuadrant.explanation.short_text import Style

_STYLES: Final[dict[str, Style]] = {"added": "good", "removed": "bad", "changed": "doubtful"}
_SHOWN: Final = 3
_UNTOLD: Final = "no request was found that it makes a difference to"


def text(found: Differences, paint: Callable[[Style, str], str] = plain) -> str:
    """Return what is printed; empty where nothing differs. ``paint`` colours a text."""
    if not found:
        return ""
    blocks = [
        [line for one in found.limits for line in _limit(one, paint)],
        [line for one in found.responses for line in _response(one, paint)],
        [line for one in found.routing for line in _routing(one, paint)],
        [line for one in found.requests for line in _requests(one)],
        [line for note in found.notes for line in _wrapped(f"note: {note}")],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _requests(one: TellingRequest) -> Iterator[str]:
    """Requests and their answers in a line; a long one is parted, so that each request can be copied."""
    (*steps,) = map(printable, step_lines(one.steps))
    answers = f"{answers_line(one.before)} -> {answers_line(one.after)}"
    if one.also:
        answers += f" (and at {_some(one.also)})"
    whole = f"{', '.join(steps)}: {answers}"
    if len(whole) <= WIDTH:
        yield whole
        return
    yield from (f"{step}," for step in steps[:-1])
    yield f"{steps[-1]}:"
    yield from _wrapped(answers, "    ")


def _headed(change: Change, told: str, paint: Callable[[Style, str], str]) -> Iterator[str]:
    first, *more = _wrapped(f"{change}: {told}")
    yield paint(_STYLES[change], f"{change}:") + first.removeprefix(f"{change}:")
    yield from more


def _wrapped(line: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        printable(line),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _limit(one: LimitChange, paint: Callable[[Style, str], str]) -> Iterator[str]:
    limit = one.after or one.before
    assert limit is not None
    told = _between(one.before, one.after) if one.before and one.after else _limit_words(limit)
    yield from _headed(one.change, f"{_limit_name(limit)}: {told}", paint)
    yield f"  {paint('place', str(limit.origin))}"
    yield from _where(one)


def _where(one: LimitChange | ToldChange) -> Iterator[str]:
    rules = [*dict.fromkeys(f"{place.rule} of {place.route} ({place.match})" for place in one.places)]
    hosts = [*dict.fromkeys(place.host for place in one.places)]
    yield from _wrapped(f"for {_some(rules)} at {_some(hosts)}", "  ")
    if not one.told:
        yield f"  {_UNTOLD}"


def _response(one: ToldChange, paint: Callable[[Style, str], str]) -> Iterator[str]:
    yield from _headed("changed", f"{one.what}, by {one.by}: {one.before} -> {one.after}", paint)
    yield f"  {paint('place', str(one.origin))}"
    yield from _where(one)


def _limit_name(limit: LimitSide) -> str:
    return f"limit {limit.name} of RateLimitPolicy {limit.policy}"


def _limit_words(limit: LimitSide) -> str:
    return ", ".join(
        (
            _rates(limit),
            *(f"counted by {one}" for one in limit.counters),
            *([f"a request costs {limit.cost}"] if limit.cost else []),
            *(f"when {one}" for one in limit.when),
            *(["for all routes together"] if limit.counted == "together" else []),
            *([f"in {limit.section}"] if limit.section != "limits" else []),
        )
    )


def _rates(limit: LimitSide) -> str:
    rates = " and ".join(rate(*one, limit.algorithm, limit.burst) for one in limit.rates)
    scope = scope_words(limit.counted_by)
    return (rates or "no rates") + scope + mode_words(limit.mode, limit.enforce_percent)


def _between(before: LimitSide, after: LimitSide) -> str:
    parts = [
        ("", _rates(before), _rates(after)),
        ("counted by ", _listed(before.counters), _listed(after.counters)),
        ("a request costs ", before.cost or "1", after.cost or "1"),
        (
            "marked with ",
            headers_in_short(before.signals) or "nothing",
            headers_in_short(after.signals) or "nothing",
        ),
        (
            "without an answer of the rate limit service ",
            before.fallback or "as the failure mode says",
            after.fallback or "as the failure mode says",
        ),
        ("when ", _listed(before.when), _listed(after.when)),
        ("requests are known by ", before.identity or "nothing", after.identity or "nothing"),
        ("counted ", before.counted, after.counted),
        ("of RateLimitPolicy ", before.policy, after.policy),
    ]
    told = [f"{name}{old} -> {new}" for name, old, new in parts if old != new]
    return ", ".join(told) or "under another name, so that it begins to count anew"


def _listed(texts: Iterable[str]) -> str:
    return " && ".join(texts) or "nothing"


def _routing(one: RoutingChange, paint: Callable[[Style, str], str]) -> Iterator[str]:
    yield from _headed(one.change, one.what + (f": {one.because}" if one.because else ""), paint)
    if one.origin is not None:
        yield f"  {paint('place', str(one.origin))}"
    if one.hosts:
        yield from _wrapped(f"at {_some(one.hosts)}", "  ")
    for limit in one.limits[:_SHOWN]:
        yield from _wrapped(f"with {_limit_name(limit)}: {_limit_words(limit)}", "  ")
    if len(one.limits) > _SHOWN:
        yield f"  and {len(one.limits) - _SHOWN} more limits"
    if not one.told:
        yield f"  {_UNTOLD}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
