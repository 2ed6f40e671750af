"""The two forms of log lines."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path

import pytest

from kuadrant import log


def test_development_lines_are_tab_separated_with_the_values_as_json() -> None:
    stream = io.StringIO()
    log.configure("info", "development", stream)

    log.get("kuadrant-operator").info("wasm-shim", sha256="12879567fa")

    time, *rest = stream.getvalue().rstrip("\n").split("\t")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
    assert rest == ["INFO", "kuadrant-operator", "wasm-shim", '{"sha256": "12879567fa"}']


def test_development_lines_begin_with_the_place_that_they_are_about() -> None:
    stream = io.StringIO()
    log.configure("info", "development", stream)

    log.get("kuadrant").error("is wrong", file="a.yaml", line=3, column=5, field="spec")

    assert stream.getvalue().rstrip("\n").split("\t")[3:] == ["a.yaml:3:5: is wrong", '{"field": "spec"}']


def test_production_lines_are_json_objects() -> None:
    stream = io.StringIO()
    log.configure("info", "production", stream)

    log.get("xds").warning("refused", text="bad\nthing", node="größer")

    line = json.loads(stream.getvalue())
    assert line.pop("ts")
    assert line == {
        "level": "warn",
        "logger": "xds",
        "msg": "refused",
        "text": "bad\nthing",
        "node": "größer",
    }
    assert stream.getvalue().count("\n") == 1


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    log.configure("warn", "development", stream)

    log.get("x").info("quiet")
    log.get("x").error("loud")

    assert [line.split("\t")[1] for line in stream.getvalue().splitlines()] == ["ERROR"]


def test_an_exception_follows_the_line_it_belongs_to() -> None:
    stream = io.StringIO()
    log.configure("info", "development", stream)

    try:
        int("x")
    except ValueError:
        log.get("x").exception("it broke")

    first, *trace = stream.getvalue().splitlines()
    assert first.endswith("it broke")
    assert trace[-1].startswith("ValueError: ")


def test_a_line_that_cannot_be_written_stops_nobody() -> None:
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails as writing does
    log.configure("info", "development", full)

    log.get("x").info("lost")

    with pytest.raises(OSError, match="No space left"):
        full.close()


def test_a_closed_stream_stops_nobody() -> None:
    stream = io.StringIO()
    log.configure("info", "production", stream)
    stream.close()

    log.get("x").error("lost")


class Clock:
    """Seconds that go on when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_that_are_alike_come_at_a_pace_and_the_next_says_how_many_were_left_out() -> None:
    stream, clock = io.StringIO(), Clock()
    log.configure("info", "production", stream, clock)
    logger = log.get("x")
    for _ in range(10_000):
        logger.warning("a stranger did something", peer="192.0.2.1")
    logger.warning("something else")
    clock.now += 1.0
    for _ in range(10_000):
        logger.warning("a stranger did something", peer="192.0.2.2")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    strange = [line for line in lines if line["msg"] == "a stranger did something"]
    assert len(strange) == 100 + 2
    assert [line.get("left_out") for line in strange[-3:]] == [None, 9_900, None]
    assert "something else" in [line["msg"] for line in lines]


@pytest.mark.slow
def test_messages_that_all_differ_are_alike_beyond_some() -> None:
    stream, clock = io.StringIO(), Clock()
    log.configure("info", "production", stream, clock)
    for number in range(20_000):
        log.get("x").error(f"{number} is wrong")

    assert len(stream.getvalue().splitlines()) == 1024 + 100
    clock.now += 60.0
    log.get("x").error("another is wrong")
    assert len(stream.getvalue().splitlines()) == 1024 + 101


def test_what_libraries_log_is_a_line_of_ours() -> None:
    stream = io.StringIO()
    log.configure("info", "production", stream)
    logging.getLogger("some.library").error("it failed", exc_info=ValueError("boom"))
    logging.getLogger("some.library").info("not shown")

    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["logger"], line["msg"], line["problem"]) == (
        "error",
        "some.library",
        "it failed",
        "ValueError: boom",
    )
