"""A record in ten lines or less: the answer, then the places that it comes from, the nearest first."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from kuadrant.explanation import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.explanation.origin import Origin
    from kuadrant.explanation.record import Explanation, TracedLimit

Style = Literal["good", "bad", "doubtful", "place"]
"""What a text is shown as, where there are colours."""

WIDTH: Final = 80
MOST_LINES: Final = 10
_NOTES: Final = 2
_LINES_OF_ONE: Final = 2
_SHARES: Final = ((6, 3), (6, 2), (4, 2), (4, 1), (3, 1), (2, 1))
"""The most lines for each sentence of the decisive limit, and for each other one: the first ones that fit."""
_ORDER: Final = {"fails": 0, "unknown": 1, "yes": 3, "no": 4, "unselected": 5, "unlimited": 5}


class Line(Struct, frozen=True, gc=False):
    """A sentence and the place that it is about; what is ``below`` another line is indented."""

    text: str
    place: str = ""
    below: bool = False


def plain(_style: Style, text: str) -> str:
    """Show a text without colours."""
    return text


def short_text(record: Explanation, paint: Callable[[Style, str], str] = plain) -> str:
    """Return what a person reads first; ``paint`` colours a text."""
    head = _wrapped([Line(words.verdict(record))], _LINES_OF_ONE)
    first, *left = [*_limits(record)] or [[]]
    around = [*_surroundings(record)]
    in_lines = ((_wrapped(first, most), _wrapped(around, of_others)) for most, of_others in _SHARES)
    page = MOST_LINES - len(head) - bool(left)
    limits, surroundings = next(
        (one for one in in_lines if sum(map(len, one)) <= page), (_wrapped(first, 1), _wrapped(around, 1))
    )
    room = MOST_LINES - len(head) - len(surroundings)
    while left:
        shown = _wrapped(left[0], _LINES_OF_ONE)
        if len(limits) + len(shown) + (len(left) > 1) > room:
            limits.append(f"and {len(left)} more; --verbose tells all")
            break
        limits += shown
        left.pop(0)
    lines = [paint(_style(record), line) for line in head]
    places = {place for place in _places(record) if place}
    lines += [_painted(line, places, paint) for line in (*limits, *surroundings)]
    return "\n".join(lines[:MOST_LINES])


def _style(record: Explanation) -> Style:
    match record.outcome:
        case _ if record.listener.not_served:
            return "bad"
        case "admitted":
            client = record.client
            is_sure = client is not None and client.status is None and not client.in_part
            return "good" if is_sure else "doubtful"
        case "unknown":
            return "doubtful"
        case _:
            return "bad"


def _painted(line: str, places: Iterable[str], paint: Callable[[Style, str], str]) -> str:
    for place in places:
        if line.startswith(f"{place}: "):
            return paint("place", place) + line.removeprefix(place)
    return line


def _limits(record: Explanation) -> Iterator[list[Line]]:
    """What is told of each limit, and of each policy that is not in effect, the decisive ones first."""
    for route in record.listener.elsewhere:
        yield [
            Line(f"{route.route} has the host, and not here:", str(route.origin)),
            Line(route.because, below=True),
        ]
    denying = {limit.key for limit in record.limits if any(one.denies for one in limit.standings)}

    def order(limit: TracedLimit) -> int:
        return 2 if limit.key in denying else _ORDER[limit.applies]

    for limit in sorted(record.limits, key=order):
        if record.outcome != "limited" or limit.key in denying or limit.applies != "yes":
            yield [*_limit(limit)]
    if record.client is not None and record.client.signals:
        yield [Line(f"it goes on with {words.headers_in_short(record.client.signals)}")]
    for policy in record.policies:
        if policy.gone or not policy.accepted:
            yield [Line(words.policy_line(policy), str(policy.origin))]


def _limit(limit: TracedLimit) -> Iterator[Line]:
    line = words.limit_line(limit)
    if limit.applies == "yes":
        yield Line(line, str(limit.origin))
        standings = sorted(limit.standings, key=lambda one: not one.denies)
        costs = f"; the request costs {limit.cost.value}" if limit.cost and words.lacks(limit) else ""
        told = (words.standing_line(one, limit.mode) for one in standings[:1])
        yield from (Line(f"{line}{costs}", below=True) for line in told)
        return
    origin, because = _reason(limit)
    fails = "fails" if limit.refuses else f"fails, and is left out since it is {words.manner(limit.mode)}"
    verb = {"fails": fails, "unknown": "may apply"}.get(limit.applies, "does not apply")
    yield Line(f"{line} {verb}", str(origin))
    yield Line(because, below=True)


def _reason(limit: TracedLimit) -> tuple[Origin, str]:
    """Where and why a limit does not apply; why with the values that were seen."""
    result = {"no": "false", "fails": "fails", "unknown": "unknown"}.get(limit.applies)
    for condition in limit.when:
        if condition.lets_apply == result:
            seen = [
                f"{part.text} = {part.value}"
                for part in condition.parts
                if part.reads and part.needed and part.value is not None
            ]
            return condition.origin, limit.because + (f" ({', '.join(seen)})" if seen else "")
    if result is None:
        return limit.origin, limit.because
    lacking = [counter.origin for counter in limit.counters if counter.value is None]
    of_cost = [limit.cost.origin] if limit.cost is not None else []
    return next(iter((*lacking, *of_cost)), limit.origin), limit.because


def _surroundings(record: Explanation) -> Iterator[Line]:
    if record.rule is not None:
        if not record.policies:
            yield Line("no RateLimitPolicy is for this rule, its route, its listener or its Gateway")
        yield Line(words.rule_line(record.rule), str(record.rule.origin))
    elif not record.looked_at:
        yield Line(words.served_line(record))
    else:
        for rule in record.looked_at[:_LINES_OF_ONE]:
            if rule.failing is not None:
                told = f"{rule.rule or rule.id} of {rule.route}: {words.failing_line(rule.failing)}"
                yield Line(told, str(rule.origin))
        more = len(record.looked_at) - _LINES_OF_ONE
        if more > 0:
            yield Line(f"and {more} more rules; --verbose tells all")
    yield Line(words.listener_line(record), str(record.listener.origin))
    if record.listener.not_served:
        yield Line(f"not served: {record.listener.not_served.because}")
    yield from (Line(words.fact_line(fact)) for fact in record.unknown[:_LINES_OF_ONE])
    yield from (Line(f"note: {note}") for note in record.notes[:_NOTES])


def _places(record: Explanation) -> Iterator[str]:
    yield str(record.listener.origin)
    yield from (str(rule.origin) for rule in record.looked_at)
    yield from (str(route.origin) for route in record.listener.elsewhere)
    yield from (str(policy.origin) for policy in record.policies)
    yield from (str(limit.origin) for limit in record.limits)
    for limit in record.limits:
        yield from (str(one.origin) for one in limit.when)
        yield from (str(one.origin) for one in limit.counters)
        yield from ([str(limit.cost.origin)] if limit.cost else [])


def _wrapped(lines: Iterable[Line], most: int) -> list[str]:
    """``lines`` with their places in front, each in at most so many lines of the page."""
    return [told for line in lines for told in _in_lines(line, most)]


def _in_lines(line: Line, most: int) -> list[str]:
    is_said = not line.place or line.place in line.text
    text = words.on_one_line(line.text if is_said else f"{line.place}: {line.text}")
    indent = "  " if line.below else ""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        max_lines=most,
        placeholder=" ...",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
