"""Values of counters for which a limit is enforced, and for which it is not, where that is a share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.limit_mode import EVERYBODY, counter_text, is_enforced
from kuadrant.difference.condition_values import dimensions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.difference.sides import Behaviour, Side
    from kuadrant.explanation.knowledge import Path
    from kuadrant.policy.condition import Counter

_TRIED: Final = 1000


def values_of_shares(
    own: Iterable[Behaviour], sides: tuple[Side, Side]
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield what limits with one counter count by, each with a value for every way to be treated."""
    percents: dict[tuple[str, str, Counter], set[int]] = {}
    for one in own:
        for scope, key, _, counters, _, (*_, percent, _), _ in one.limits:
            if len(counters) == 1:
                percents.setdefault((scope, key, counters[0]), set()).add(percent)
    for (scope, key, counter), some in percents.items():
        if some <= {0, EVERYBODY}:
            continue
        conditions = next(filter(None, (side.conditions(scope, key) for side in sides)), ())
        values = _of_each_kind(sorted(some), conditions)
        for path in dimensions((), [counter]):
            yield path, values


def _of_each_kind(percents: list[int], conditions: Iterable[str]) -> tuple[str, ...]:
    conditions, found = tuple(conditions), dict[tuple[bool, ...], str]()
    for number in range(_TRIED):
        value = f"u{number}"
        text = counter_text([value])
        found.setdefault(tuple(is_enforced(one, conditions, text) for one in percents), value)
    return tuple(found.values())
