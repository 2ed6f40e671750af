"""The module's evaluator, alone in a module of its own."""

from __future__ import annotations

import pytest

from tests.stand_ins import stand_in

from .program_runner import Runner


@pytest.fixture(scope="session")
def runner() -> Runner:
    """The evaluator."""
    return Runner(stand_in("expressions"))
