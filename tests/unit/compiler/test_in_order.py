"""Values by key stay in order and stay the same instance, whatever changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.incremental import InOrder

keys = st.sampled_from(["a", "b", "c", "d"])
edits = st.lists(st.tuples(keys, st.sampled_from([None, "1", "2"])), max_size=8)


@given(rounds=st.lists(edits, max_size=5))
def test_after_any_edits_the_values_are_those_of_a_sorted_dictionary(
    rounds: list[list[tuple[str, str | None]]],
) -> None:
    values: InOrder[str, str] = InOrder()
    model: dict[str, str] = {}
    for edits_of_it in rounds:
        for key, value in edits_of_it:
            if value is None and key not in model:
                continue
            values.set(key, value)
            if value is None:
                del model[key]
            else:
                model[key] = value
        assert values.values() == tuple(model[key] for key in sorted(model))
        assert values.keys() == model.keys()


def test_all_values_stay_the_same_instance_while_none_changes() -> None:
    values: InOrder[str, list[int]] = InOrder()
    first = [1]
    values.set("a", first)
    before = values.values()

    values.set("a", [1])

    assert values.values() is before
    assert values.get("a") is first


def test_one_that_changes_leaves_the_others_as_they_are() -> None:
    values: InOrder[str, list[int]] = InOrder()
    values.set("a", [1])
    values.set("b", [2])
    former = values.values()

    values.set("b", [3])

    assert values.values() == ([1], [3])
    assert values.values()[0] is former[0]
