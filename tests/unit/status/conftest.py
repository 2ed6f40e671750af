"""Statuses for YAML texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.status import Evidence, policy_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.meta import Condition


def _statuses(text: str, evidence: Evidence | None = None) -> dict[str, dict[str, Condition]]:
    """The conditions of each policy by name and type.

    Without ``evidence`` every gateway has taken its configuration.
    """
    folder = documents.read([("in.yaml", text)])
    assert not folder.problems, "\n".join(map(str, folder.problems))
    compilation = compile_gateways(folder.objects)
    everywhere = Evidence(
        frozenset(f"{program.namespace}/{program.name}" for program in compilation.programs)
    )
    statuses = (policy_status(facts, evidence or everywhere) for facts in compilation.policies)
    return {
        status.name: {condition.type: condition for condition in status.conditions} for status in statuses
    }


@pytest.fixture(scope="session")
def statuses() -> Callable[..., dict[str, dict[str, Condition]]]:
    return _statuses
