"""What ``decide`` says is what a real Envoy does with our shim and our rate limit service.

10,000 pairs of a configuration and a request are tried (times ``FUZZ_SCALE``), which ones ``FUZZ_SEED``
decides: it is printed. A pair in which the two differ is made as small as it can be, and both sides are
shown.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.e2e.differential.comparison import compare, compare_remembered

from .generator import Case, cases

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .conftest import Reality

pytestmark = pytest.mark.e2e

_PAIRS = 10_000
_MOST_REQUESTS = 80
# Examples with one seed: few, so that a seed that is printed leads back quickly.
_ROUND = 50
_OF_EACH_KIND = 20
_KINDS = ("admitted", "admitted unasked", "limited", "failed", "no-route")


@pytest.mark.timeout(14400)
def test_decide_and_reality_agree(reality: Reality, fuzz: Fuzz) -> None:
    outcomes: Counter[str] = Counter()
    configurations = 0

    @settings(max_examples=_ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases(_MOST_REQUESTS))
    def agree(case: Case) -> None:
        nonlocal configurations
        configurations += 1
        outcomes.update(compare(reality, case))

    rounds = 0
    # Of each kind enough, or the others would prove little.
    while _compared(outcomes) < _PAIRS * fuzz.scale or min(outcomes[kind] for kind in _KINDS) < _OF_EACH_KIND:
        try:
            seed(fuzz.seed + rounds)(agree)()
        except AssertionError as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed + rounds}")
            raise
        rounds += 1
        fuzz.progress(_compared(outcomes), _PAIRS * fuzz.scale)
    shown = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    fuzz.done(f"pairs in {configurations} configurations ({shown})", _compared(outcomes))


@pytest.mark.timeout(14400)
def test_nobody_is_refused_otherwise_by_a_gateway_that_remembers(reality: Reality, fuzz: Fuzz) -> None:
    limited, remembered = 0, 0

    @settings(max_examples=_ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases(_MOST_REQUESTS))
    def agree(case: Case) -> None:
        nonlocal limited, remembered
        more = compare_remembered(reality, case)
        limited, remembered = limited + more[0], remembered + more[1]

    reality.remember_denials(on=True)
    rounds = 0
    try:
        while remembered < 200 * fuzz.scale:
            try:
                seed(fuzz.seed + rounds)(agree)()
            except AssertionError as error:
                error.add_note(f"FUZZ_SEED={fuzz.seed + rounds}")
                raise
            rounds += 1
    finally:
        reality.remember_denials(on=False)
    fuzz.done(f"refused requests, {remembered} of them remembered", limited)


def _compared(outcomes: Counter[str]) -> int:
    """How many requests both sides had a say on."""
    return outcomes.total() - outcomes["refused"]
