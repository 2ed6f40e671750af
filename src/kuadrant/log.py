"""How the product's programs log: lines for a person, or one JSON object a line for programs."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from typing import TYPE_CHECKING, Literal, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

Level = Literal["debug", "info", "warn", "error"]
Mode = Literal["development", "production"]

LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_NAMES = {"warning": "warn", "critical": "error"}


def configure(level: Level, mode: Mode, stream: TextIO | None = None) -> None:
    """Make every logger write to ``stream`` (standard error by default): tab separated in development, JSON in production.

    The development line is ``time, LEVEL, logger, message, JSON of the values``, the form that Kuadrant's users know.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _render_production if mode == "production" else _render_development,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _Lines(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one part of the product; ``name`` is shown in every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(logger_name=name)
    return logger


class _Lines(structlog.PrintLogger):
    """Writes lines as long as somebody takes them: a full disk or a reader that left must not end what is running."""

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
    if event:
        parts.append(json.dumps(dict(event), ensure_ascii=False, default=str))
    line = "\t".join(parts)
    return line if trace is None else f"{line}\n{trace}"
