"""What is equal stays the same instance, and what is the same instance is known without a comparison."""

from __future__ import annotations

from kuadrant.incremental import Last, are, kept, same_items


class NeverEqual:
    """A comparison of it is a mistake."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it was compared")

    __hash__ = None  # type: ignore[assignment]


def test_what_is_equal_to_the_former_value_is_the_former_value() -> None:
    former, equal, other = [1], [1], [2]
    assert kept(former, equal) is former
    assert kept(former, other) is other
    assert kept(None, other) is other


def test_the_very_same_items_are_the_former_tuple() -> None:
    one, other = NeverEqual(), NeverEqual()
    former = (one, other)
    assert same_items(former, (one, other)) is former
    assert same_items(former, (other, one)) is not former
    assert same_items(former, (one,)) is not former


def test_instances_are_told_apart_without_comparing_them() -> None:
    one = NeverEqual()
    assert are((one,), (one,))
    assert not are((one,), (NeverEqual(),))
    assert not are((one,), ())


def test_a_function_is_called_again_only_for_other_instances() -> None:
    calls: list[object] = []

    def function(given: object, *, by_name: object) -> object:
        calls.append(given)
        return (given, by_name)

    last = Last(function)
    one, name = NeverEqual(), NeverEqual()
    first = last(one, by_name=name)
    assert last(one, by_name=name) is first
    assert len(calls) == 1
    assert last(one, by_name=NeverEqual()) is not first
    assert last(NeverEqual(), by_name=name) is not first
    assert len(calls) == 3
