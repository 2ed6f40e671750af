"""The steps of a test in the order of time: what is sent, how often, and how long is waited before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.duration import milliseconds
from kuadrant.policy_tests.file_format import AskedRequest, Expectation
from kuadrant.policy_tests.file_rules import requests_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.policy_tests.file_format import Case


class Turn(Struct, frozen=True, gc=False):
    """One step that sends something: its number in the test, and its moment in milliseconds.

    ``wait`` is how long before it nothing is sent, ``requests`` how many are sent then.
    """

    step: int
    moment: int
    wait: int
    request: AskedRequest
    requests: int
    expect: Expectation | None


def schedule(case: Case) -> Iterator[Turn]:
    """Yield the turns of a sound test; time at its end, when nobody looks any more, is left out."""
    now = last = 0
    for index, step in enumerate(case.steps):
        if step.advance is not None:
            now += milliseconds(step.advance)
        elif step.at is not None:
            now = milliseconds(step.at)
        if step.request is not None:
            yield Turn(index, now, now - last, step.request, requests_of(step), step.expect)
            last = now
