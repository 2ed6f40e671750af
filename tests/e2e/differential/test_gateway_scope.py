"""Limits that a gateway counts itself: what ``decide`` says of them is what a real Envoy does."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from .comparison import compare_counted_here
from .generator import Case, cases

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .conftest import Reality

pytestmark = pytest.mark.e2e

_PAIRS = 500
_REQUESTS = 40
_ROUND = 50
_numbers = count()


@st.composite
def _partly_counted_here(draw: st.DrawFn) -> Case:
    """A case of whose limits some are counted by gateways, with windows that end after it."""
    case = draw(cases(_REQUESTS))
    documents = tuple(copy.deepcopy(case.documents))
    for limit in _limits(documents):
        if draw(st.booleans()):
            limit["scope"] = "Gateway"
            limit.pop("algorithm", None)
            for rate in limit["rates"]:
                rate.update({"window": "2h"} if "window" in rate else {"duration": 2, "unit": "hour"})
    return msgspec.structs.replace(case, documents=documents)


def _blocks(documents: tuple[Any, ...]) -> list[Any]:
    specs = [one["spec"] for one in documents if one["kind"] == "RateLimitPolicy"]
    inner = [spec[name] for spec in specs for name in ("defaults", "overrides") if name in spec]
    return [block for block in (*specs, *inner) if "limits" in block]


def _limits(documents: tuple[Any, ...]) -> list[Any]:
    return [limit for block in _blocks(documents) for limit in block["limits"].values()]


def _renamed(case: Case) -> Case:
    """The same with limits that nobody has counted yet: what a gateway has counted stays while it runs."""
    number = next(_numbers)
    documents = tuple(copy.deepcopy(case.documents))
    for block in _blocks(documents):
        block["limits"] = {f"{name}-{number}": limit for name, limit in block["limits"].items()}
    for limit in _limits(documents):
        if "bucket" in limit:
            limit["bucket"] += f"-{number}"
    return msgspec.structs.replace(case, documents=documents)


@pytest.mark.timeout(14400)
def test_decide_and_a_gateway_that_counts_agree(reality: Reality, fuzz: Fuzz) -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=_ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_partly_counted_here())
    def agree(case: Case) -> None:
        outcomes.update(compare_counted_here(reality, _renamed(case)))

    rounds = 0
    while outcomes["admitted here"] + outcomes["limited here"] < _PAIRS * fuzz.scale:
        try:
            seed(fuzz.seed + rounds)(agree)()
        except AssertionError as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed + rounds}")
            raise
        rounds += 1
        fuzz.progress(outcomes["admitted here"] + outcomes["limited here"], _PAIRS * fuzz.scale)
    assert outcomes["limited here"] > _PAIRS * fuzz.scale / 20
    shown = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    fuzz.done(f"requests ({shown})", outcomes.total())
