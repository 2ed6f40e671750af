"""Logs for the product's programs: lines for a person, or one JSON object a line for programs.

Lines that are alike are held to a pace (`Pace`), since strangers can cause some, and a full disk or a busy
log is an attack, too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from typing import TYPE_CHECKING, Literal, TextIO

import structlog
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

Level = Literal["debug", "info", "warn", "error"]
Mode = Literal["development", "production"]

LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_NAMES = {"warning": "warn", "critical": "error"}


class Allowance(Struct, frozen=True):
    """The number of lines that are alike which may come at once, and how many a second afterwards."""

    at_once: int
    a_second: float


# An installation's policies each have a line of information after a start. What strangers can cause are
# mostly warnings.
ALLOWANCES: Mapping[str, Allowance] = {"info": Allowance(5000, 50.0), "warning": Allowance(100, 2.0)}
_OTHERS = Allowance(100, 2.0)
_KEPT_MAX = 1024


def configure(
    level: Level, mode: Mode, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> None:
    """Make every logger write to ``stream`` (standard error by default).

    Tab separated in development, JSON in production.

    The development line is ``time, LEVEL, logger, message, JSON of the values``, the form that Kuadrant's
    users know. What libraries log with Python's own ``logging`` (warnings and errors) goes the same way.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            Pace(clock),
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _render_production if mode == "production" else _render_development,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _Lines(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in tuple(root.handlers):
        if isinstance(handler, _Libraries):
            root.removeHandler(handler)
    root.addHandler(_Libraries(logging.WARNING))


class Pace:
    """Holds lines that are alike (of one logger, level and message) to the allowance of their level.

    Debugging lines go free.

    The next line that goes through says in ``left_out`` how many like it did not.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[tuple[object, ...], _Bucket] = {}

    def __call__(
        self, _: object, level: str, event: MutableMapping[str, object]
    ) -> MutableMapping[str, object]:
        """Take the line, or drop it (structlog's protocol)."""
        if level == "debug":
            return event
        allowance = ALLOWANCES.get(level, _OTHERS)
        bucket = self._bucket((event.get("logger_name"), level, event.get("event")), allowance)
        now = self._clock()
        bucket.left = min(allowance.at_once, bucket.left + (now - bucket.at) * allowance.a_second)
        bucket.at = now
        if bucket.left < 1:
            bucket.dropped += 1
            raise structlog.DropEvent
        bucket.left -= 1
        if bucket.dropped:
            event["left_out"] = bucket.dropped
            bucket.dropped = 0
        return event

    def _bucket(self, key: tuple[object, ...], allowance: Allowance) -> _Bucket:
        """Messages may hold text of strangers: beyond some, the new ones of a logger and level are alike."""
        if key not in self._kept and len(self._kept) >= _KEPT_MAX:
            now = self._clock()
            for known, bucket in tuple(self._kept.items()):
                of_level = ALLOWANCES.get(str(known[1]), _OTHERS)
                if (
                    not bucket.dropped
                    and bucket.left + (now - bucket.at) * of_level.a_second >= of_level.at_once
                ):
                    del self._kept[known]
            if len(self._kept) >= _KEPT_MAX:
                key = (*key[:2], None)
        return self._kept.setdefault(key, _Bucket(allowance.at_once, self._clock()))


class _Bucket:
    """Lines that may still be written, as of a time, and how many were not."""

    __slots__ = ("at", "dropped", "left")

    def __init__(self, left: float, at: float) -> None:
        self.left = left
        self.at = at
        self.dropped = 0


class _Libraries(logging.Handler):
    """Has what libraries log written as our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one (Python's protocol)."""
        problem = record.exc_info[1] if record.exc_info else None
        values = {} if problem is None else {"problem": f"{type(problem).__name__}: {problem}"}
        write = get(record.name).error if record.levelno >= logging.ERROR else get(record.name).warning
        write(record.getMessage(), **values)


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one part of the product; ``name`` is shown in every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(logger_name=name)
    return logger


class _Lines(structlog.PrintLogger):
    """Writes lines as long as somebody takes them.

    A full disk or a reader that left must not end what is running.
    """

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
            super().msg(message)

    debug = info = warning = warn = error = err = critical = fatal = exception = failure = log = msg


def _render_production(_: object, __: str, event: MutableMapping[str, object]) -> str:
    level = str(event.pop("level"))
    line = {
        "level": _NAMES.get(level, level),
        "ts": event.pop("ts"),
        "logger": event.pop("logger_name", "kuadrant"),
        "msg": event.pop("event"),
        **event,
    }
    return json.dumps(line, ensure_ascii=False, default=str)


def _render_development(_: object, __: str, event: MutableMapping[str, object]) -> str:
    level = str(event.pop("level"))
    # Whole seconds are enough for a person.
    time = str(event.pop("ts")).partition(".")[0].removesuffix("Z") + "Z"
    parts = [
        time,
        _NAMES.get(level, level).upper(),
        str(event.pop("logger_name", "kuadrant")),
        str(event.pop("event")),
    ]
    trace = event.pop("exception", None)
    if {"file", "line", "column"} <= event.keys():  # a place comes first, in the form that editors know
        parts[-1] = f"{event.pop('file')}:{event.pop('line')}:{event.pop('column')}: {parts[-1]}"
    if event:
        parts.append(json.dumps(dict(event), ensure_ascii=False, default=str))
    line = "\t".join(parts)
    return line if trace is None else f"{line}\n{trace}"
