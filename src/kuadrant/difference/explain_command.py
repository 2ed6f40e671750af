"""A request in the words of ``kuadrant explain``, to be given to it as they are."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

import msgspec

from kuadrant.api.duration import span_words
from kuadrant.api.problem import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.difference.record import AnsweredRun, SentStep
    from kuadrant.explanation import ClientRequest

_LONGEST: Final = 60
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@%+=:,./~-]+")


def words_of(asked: ClientRequest, gateway: str | None) -> Iterator[str]:
    """Yield the words of a request, ``gateway`` where it has to be said."""
    if asked.method != "GET":
        yield from ("-X", asked.method)
    for name, value in asked.headers:
        yield from ("-H", f"{name}: {value}" if value else f"{name};")
    if asked.source is not None:
        yield from ("--from", asked.source)
    if asked.claims is not None:
        yield from ("--jwt", msgspec.json.encode(asked.claims).decode())
    if asked.time is not None:
        yield from ("--at", asked.time.isoformat().replace("+00:00", "Z"))
    if gateway is not None:
        yield from ("--gateway", gateway)
    yield asked.url


def step_lines(steps: Iterable[SentStep]) -> list[str]:
    """Requests in a row, each in the words of `kuadrant explain`."""
    told: list[str] = []
    for step in steps:
        words = " ".join(one if _PLAIN.fullmatch(one) else shlex.quote(one) for one in step.words)
        times = f" --times {step.times}" if step.times > 1 else ""
        waited = f"{span_words(step.after)} later " if step.after else "then " if told else ""
        told.append(f"{waited}{words}{times}")
    return told


def answers_line(runs: Iterable[AnsweredRun]) -> str:
    """Answers in a row, as tests of policies have them: ``200x5 then 429``."""
    return " then ".join(map(_answer, runs))


def _answer(run: AnsweredRun) -> str:
    told = f" with {' and '.join(map(_short, run.told))}" if run.told else ""
    return (f"{run.answer}x{run.count}" if run.count > 1 else run.answer) + told


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
