"""Writes where counters stand as lines for a person."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from kuadrant.api.duration import span_words
from kuadrant.api.problem import printable
from kuadrant.explanation import mode_words, rate
from kuadrant.explanation.short_text import WIDTH, Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kuadrant.api.counter_page import CounterLine, CounterPage


def counter_table(
    pages: Mapping[str, CounterPage | str], paint: Callable[[Style, str], str], policy: str = ""
) -> str:
    """Return the counters of each process that could be asked; which one is said where there are several."""
    parts: list[str] = []
    for name, page in pages.items():
        if isinstance(page, str):
            continue
        if len(pages) > 1:
            parts.append(f"{name}:")
        parts += _page(page, paint, policy)
    return "\n".join(parts)


def _page(page: CounterPage, paint: Callable[[Style, str], str], policy: str) -> Iterator[str]:
    if page.stored:
        yield "counters are in a store, which is not asked"
        return
    if not page.lines:
        of = f" of RateLimitPolicy {printable(policy)}" if policy else ""
        yield f"nothing is counted at the moment{of}"
        if policy:
            yield "(limits of scope Gateway are counted in gateways, where they cannot be read)"
    for line in page.lines:
        full: Style = "bad" if line.enforce_percent else "doubtful"
        style: Style = full if line.remaining == 0 else "good"
        wrapped = textwrap.wrap(
            printable(_words(line)), WIDTH, subsequent_indent="    ", break_long_words=False
        )
        yield from (paint(style, one) for one in wrapped)
    if (more := page.counted - len(page.lines)) > 0:
        yield f"... and {more} counters more"
    if page.unseen:
        yield f"{page.unseen} older counters were not looked at"
    if page.masked and any(line.key for line in page.lines):
        yield "values are masked; --show-values shows them"


def _words(line: CounterLine) -> str:
    key = ", ".join(f"{name} = {value}" for name, value in line.key)
    what = " (new values, which share a counter)" if line.shared else f" [{key}]" if key else ""
    cost = ", of which a request costs several" if line.by_cost else ""
    counted = rate(line.max_value, line.seconds) + cost + mode_words(line.mode, line.enforce_percent)
    return (
        f"{line.value} of {counted}, {line.remaining} left, "
        f"resets in {span_words(round(line.resets_in))}: {line.limit} of {line.scope}{what}"
    )
