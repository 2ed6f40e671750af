"""A small world before and after an edit, and what is told of it."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

from kuadrant.difference import differences
from kuadrant.difference.explain_command import answers_line, step_lines
from tests.unit.explanation.asking import WORLD, configuration, policy

if TYPE_CHECKING:
    from kuadrant.difference import Differences

__all__ = ["WORLD", "changed", "policy", "requests", "shown"]


def changed(old: str, new: str, *, before: str = WORLD, after: str | None = None, **more: Any) -> Differences:
    """What differs with the policies ``new`` in the place of ``old``, and perhaps in another world."""
    return differences(
        configuration(dedent(old), world=before, **more),
        configuration(dedent(new), world=before if after is None else after, **more),
    )


def requests(found: Differences) -> list[str]:
    """The requests that are shown, as they are printed."""
    return [
        f"{', '.join(step_lines(one.steps))}: {answers_line(one.before)} -> {answers_line(one.after)}"
        for one in found.requests
    ]


def shown(old: str, new: str, **more: Any) -> list[str]:
    """The requests that tell two limits ``all`` apart, or other limits of one policy."""
    return requests(changed(policy(old), policy(new), **more))
