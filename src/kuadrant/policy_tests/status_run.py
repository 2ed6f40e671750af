"""The statuses that a row of requests is expected to get, as people write them: ``200x5 then 429``."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

_PART = re.compile(r"([0-9]{3})(?:\s*[x×*]\s*([0-9]{1,6}))?", re.ASCII)  # noqa: RUF001 - people write that
_BETWEEN = re.compile(r"\s*,\s*|\s+then\s+")
_FORMS = "a status such as 429, a list such as [200, 429], or a run such as 200x5 then 429"
_LONGEST = 400


class StatusRun(Struct, frozen=True, gc=False):
    """Statuses, each with how many requests in a row get it; None, at the end, is all that are left."""

    parts: tuple[tuple[int, int | None], ...]

    @property
    def least(self) -> int:
        """Of how many requests it tells, the rest taken for one."""
        return sum(count or 1 for _, count in self.parts)

    @property
    def has_rest(self) -> bool:
        """Tell whether its last status is that of all that are left."""
        return self.parts[-1][1] is None

    def fits(self, requests: int) -> bool:
        """Tell whether it can tell of so many requests."""
        return requests >= self.least if self.has_rest else requests == self.least

    def of(self, requests: int) -> list[int]:
        """Return the status of each of so many requests, which it fits."""
        statuses = [status for status, count in self.parts for _ in range(count or 1)]
        return statuses + [self.parts[-1][0]] * (requests - len(statuses))


def read_status(value: object) -> StatusRun:
    """Return the run that a document's ``status`` means.

    A single status is that of all requests, a list has one for each. In a text each part is for as many
    requests as it says; without a number for one, and at the end for all that are left.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return StatusRun(((_status(value), None),))
    if isinstance(value, list) and value:
        if any(isinstance(one, bool) or not isinstance(one, int) for one in value):
            raise ValueError("has an item that is no whole number; write each as 200, without quotes")
        return StatusRun(tuple((_status(one), 1) for one in value))
    if isinstance(value, str) and len(value) <= _LONGEST:
        return _read_text(value)
    raise ValueError(f"must be {_FORMS}")


def _read_text(text: str) -> StatusRun:
    parts: list[tuple[int, int | None]] = []
    for written in _BETWEEN.split(text.strip()):
        match = _PART.fullmatch(written)
        if match is None:
            raise ValueError(f"is no status at {written[:40]!r}; it must be {_FORMS}")
        status, count = match.groups()
        if count is not None and int(count) == 0:
            raise ValueError(f"has {written}: a status comes at least once, so leave that out")
        parts.append((_status(int(status)), None if count is None else int(count)))
    before = ((status, count or 1) for status, count in parts[:-1])
    return StatusRun((*before, parts[-1]))


def _status(number: int) -> int:
    if not 200 <= number <= 599:  # what comes before them is no end of a request
        raise ValueError(f"has {number}, which is no status of a response; they go from 200 to 599")
    return number


def spelled(statuses: Iterable[int | None]) -> str:
    """Return statuses as a run is written; None is a request without an answer."""
    parts = []
    for status, same in groupby(statuses):
        count = len([*same])
        parts.append(("no answer" if status is None else str(status)) + (f"x{count}" if count > 1 else ""))
    return " then ".join(parts)
