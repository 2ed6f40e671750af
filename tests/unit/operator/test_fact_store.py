"""Who finds something out has decisions made, and only if it is something else."""

from __future__ import annotations

from kuadrant.operator.fact_store import FactStore
from tests.unit.operator.known import known


def test_what_is_found_out_is_decided_on_once() -> None:
    facts, decisions = FactStore(known()), list[bool]()
    facts.listen(lambda: decisions.append(facts.value.can_be_asked))

    facts.change(can_be_asked=False)
    facts.change(can_be_asked=False)
    assert decisions == [False]


def test_who_only_doubts_has_decisions_made_too() -> None:
    facts, decisions = FactStore(known()), list[str]()
    for listener in "ab":
        facts.listen(lambda listener=listener: decisions.append(listener))  # type: ignore[misc]

    facts.look()
    assert decisions == ["a", "b"]
