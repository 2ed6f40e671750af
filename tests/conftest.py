"""What all tests share: golden files, fuzzing, and which files took longest.

With ``GOLDEN=rewrite`` golden files are written instead of compared; the difference is for people to read.

``FUZZ_SCALE`` multiplies the number of inputs (1 by default), ``FUZZ_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, settings
from msgspec import Struct

from kuadrant.ratelimit import connection_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# How long an example takes says more of the machine than of the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_PROPERTY = "fuzzed"
_PROGRESS_SECONDS = 60


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """No test sees less of the log than it would alone: a command says for its process what is logged."""
    yield
    structlog.reset_defaults()


_resident = connection_bounds.resident
_before = 0


@pytest.fixture(autouse=True)
def _memory_of_its_own() -> None:
    """A rate limit server of a test closes no connection for what the tests before it have left in memory."""
    global _before  # noqa: PLW0603 - of the process, as the memory is
    _before = _resident()


connection_bounds.resident = lambda: max(0, _resident() - _before)


@pytest.fixture
def golden() -> Callable[[Path, str], None]:
    """Compare a text with the golden file of that path."""

    def compare(expected: Path, text: str) -> None:
        if os.environ.get("GOLDEN") == "rewrite":
            expected.write_text(text)
        assert text == expected.read_text()

    return compare


class Fuzz(Struct, frozen=True):
    """What a fuzz test goes by; ``done`` is called with a word for the inputs and their number.

    ``progress`` is called with what is done so far and what is to be done, which a long run prints once a
    minute.
    """

    seed: int
    scale: float
    done: Callable[[str, int], None]
    progress: Callable[[int, float], None]


@pytest.fixture
def fuzz(
    record_property: Callable[[str, object], None],
    pytestconfig: pytest.Config,
    request: pytest.FixtureRequest,
) -> Fuzz:
    given = os.environ.get("FUZZ_SEED")
    seed = int(given) if given else random.SystemRandom().getrandbits(32)

    def done(what: str, inputs: int) -> None:
        record_property(_PROPERTY, f"{inputs} {what}, FUZZ_SEED={seed}")

    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    printed = time.monotonic()

    def progress(inputs: int, wanted: float) -> None:
        nonlocal printed
        if (now := time.monotonic()) - printed < _PROGRESS_SECONDS:
            return
        printed = now
        with capture.global_and_fixture_disabled():
            sys.stdout.write(f"\n{request.node.name}: {inputs} of {wanted:.0f}, FUZZ_SEED={seed}\n")
            sys.stdout.flush()

    return Fuzz(seed, float(os.environ.get("FUZZ_SCALE", "1")), done, progress)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was fuzzed and from which seed, and which files took longest, also when nothing failed."""
    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
    ]
    for report in reports:
        for name, value in report.user_properties:
            if name == _PROPERTY and report.when == "call":
                terminalreporter.write_line(f"fuzz: {report.nodeid}: {value}")
    for seconds, file in slowest_files(reports):
        terminalreporter.write_line(f"slow: {seconds:6.1f} s  {file}")


def slowest_files(reports: Iterable[pytest.TestReport], most: int = 10) -> list[tuple[float, str]]:
    """The test files that took longest, set-up and tear-down included, and their seconds.

    The longest first.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        seconds[report.nodeid.partition("::")[0]] += report.duration
    return sorted(((took, file) for file, took in seconds.items()), reverse=True)[:most]
