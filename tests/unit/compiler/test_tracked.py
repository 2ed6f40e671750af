"""Which objects are others than before is told by instance, so that nothing is looked into for nothing."""

from __future__ import annotations

from msgspec import Struct

from kuadrant.incremental import Tracked


class Named(Struct, frozen=True):
    name: str
    value: int = 0


def tracked() -> Tracked[str, Named]:
    return Tracked(lambda one: one.name)


def test_what_comes_what_is_replaced_and_what_goes_is_told() -> None:
    seen, a, b = tracked(), Named("a"), Named("b")
    assert seen.update((a, b)) == {"a": a, "b": b}

    other = Named("b", 1)

    assert seen.update((a, other)) == {"b": other}
    assert seen.update((other,)) == {"a": None}
    assert seen.by_key == {"b": other}


def test_the_same_instances_in_another_order_are_no_change() -> None:
    seen, a, b = tracked(), Named("a"), Named("b")
    seen.update((a, b))
    assert seen.update((b, a)) == {}


def test_an_equal_object_is_another_instance_and_told() -> None:
    seen, twin = tracked(), Named("a")
    seen.update((Named("a"),))
    assert seen.update((twin,))["a"] is twin


def test_an_object_that_changes_its_name_is_gone_under_the_old_one() -> None:
    seen = tracked()
    seen.update((Named("a"),))
    assert seen.update((Named("b"),)) == {"a": None, "b": Named("b")}
