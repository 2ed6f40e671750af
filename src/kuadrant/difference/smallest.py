"""Requests that tell two configurations apart, made as small as they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kuadrant.difference.compared_port import Step, Told
    from kuadrant.difference.drafts import Draft


def size(told: Told) -> tuple[int, int, int, int, int]:
    """Return a sort key: few different requests, of few parts, sent few times."""
    drafts = {step.draft for step in told.steps}
    parts, length = (sum(numbers) for numbers in zip(*(draft.size for draft in drafts), strict=True))
    return len(drafts), len(told.steps), parts, sum(step.times for step in told.steps), length


def smallest(told: Told, again: Callable[[tuple[Step, ...]], Told | None]) -> Told:
    """Take away from ``told`` what is not needed; ``again`` tells what smaller steps show, if the same."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for steps in _smaller(told.steps):
            found = again(steps)
            if found is not None and size(found) < size(told):
                told, is_smaller = found, True
                break
    return told


def _smaller(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    for number in range(len(steps)):
        if len(steps) > 1:
            yield (*steps[:number], *steps[number + 1 :])
    for draft in dict.fromkeys(step.draft for step in steps):
        for less in _less(draft):
            yield tuple(structs.replace(step, draft=less) if step.draft == draft else step for step in steps)
    for number, step in enumerate(steps):
        if step.times > 1:
            for times in {1, step.times - 1}:
                yield (*steps[:number], structs.replace(step, times=times), *steps[number + 1 :])


def _less(draft: Draft) -> Iterator[Draft]:
    """Yield ``draft`` without one of its parts."""
    for number in range(len(draft.headers)):
        yield structs.replace(draft, headers=(*draft.headers[:number], *draft.headers[number + 1 :]))
    parameters = draft.query.split("&") if draft.query else []
    for number in range(len(parameters)):
        yield structs.replace(draft, query="&".join((*parameters[:number], *parameters[number + 1 :])))
    for number in range(len(draft.claims)):
        yield structs.replace(draft, claims=(*draft.claims[:number], *draft.claims[number + 1 :]))
    if draft.source is not None:
        yield structs.replace(draft, source=None)
        if ":" in draft.source:
            yield structs.replace(draft, source=draft.source.rpartition(":")[0])
    if draft.time is not None:
        yield structs.replace(draft, time=None)
    if draft.path != "/":
        yield structs.replace(draft, path="/")
        yield structs.replace(draft, path=draft.path.rstrip("/").rpartition("/")[0] or "/")
    if draft.method != "GET":
        yield structs.replace(draft, method="GET")
