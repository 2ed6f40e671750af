"""What the store keeps, finds and tells."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.kube.kind import Deleted, Listing, StoredObject, Unreadable
from kuadrant.kube.store import Change, Store, Table

from .scripted import THINGS, Metadata, Spec, Thing


def entry(name: str, version: int, value: int = 0, uid: str = "") -> StoredObject[Thing]:
    return StoredObject(
        ("ns", name), uid or f"uid-{name}", str(version), Thing(Metadata(name, "ns"), Spec(value))
    )


def snapshot(
    version: int, *entries: StoredObject[Thing], unreadable: tuple[Unreadable, ...] = ()
) -> Listing[Thing]:
    return Listing(
        str(version),
        {item.key: item for item in entries},
        {item.key: item for item in unreadable if item.key is not None},
    )


def briefly(*changes: Change[Thing] | None) -> list[tuple[str, str | None, str | None]]:
    def version(entry: StoredObject[Thing] | None) -> str | None:
        return None if entry is None else entry.resource_version

    return [
        (change.key[1], version(change.old), version(change.new)) for change in changes if change is not None
    ]


@pytest.fixture
def table() -> Table[Thing]:
    table = Table(THINGS, {"value": lambda entry: [entry.object.spec.value]})
    table.replace(snapshot(10, entry("a", 1, value=5), entry("b", 2, value=5)))
    return table


class TestReplace:
    def test_the_difference_comes_out_and_what_is_gone_comes_first(self, table: Table[Thing]) -> None:
        changes = table.replace(snapshot(20, entry("b", 12), entry("c", 13)))
        assert briefly(*changes) == [("a", "1", None), ("b", "2", "12"), ("c", None, "13")]
        assert table.resource_version == "20"

    def test_the_same_again_changes_nothing(self, table: Table[Thing]) -> None:
        assert table.replace(snapshot(20, entry("a", 1), entry("b", 2))) == ()

    def test_that_all_of_it_is_older_than_before_is_counted(self, table: Table[Thing]) -> None:
        table.replace(snapshot(20, entry("a", 12)))
        assert table.returns == 0
        assert briefly(*table.replace(snapshot(15, entry("a", 1)))) == [("a", "12", "1")]
        assert (table.returns, table.resource_version) == (1, "15")

    def test_another_object_of_the_same_name_and_version_is_a_change(self, table: Table[Thing]) -> None:
        assert briefly(*table.replace(snapshot(20, entry("a", 1, uid="new"), entry("b", 2)))) == [
            ("a", "1", "1")
        ]

    def test_what_cannot_be_read_stays_in_its_last_form(self, table: Table[Thing]) -> None:
        bad = Unreadable(("ns", "a"), "uid-a", "11", "no number")
        assert table.replace(snapshot(20, entry("b", 2), unreadable=(bad,))) == ()
        assert table.get("ns", "a") is not None
        assert table.unreadable == {("ns", "a"): bad}

    def test_the_last_form_of_another_object_does_not_stay(self, table: Table[Thing]) -> None:
        bad = Unreadable(("ns", "a"), "another", "11", "no number")
        assert briefly(*table.replace(snapshot(20, entry("b", 2), unreadable=(bad,)))) == [("a", "1", None)]


class TestApply:
    def test_a_change_says_what_was_and_what_is(self, table: Table[Thing]) -> None:
        assert briefly(table.apply(entry("a", 11))) == [("a", "1", "11")]
        assert briefly(table.apply(entry("c", 12))) == [("c", None, "12")]
        assert briefly(table.apply(Deleted(("ns", "b"), "13"))) == [("b", "2", None)]
        assert table.resource_version == "13"

    def test_what_is_known_already_is_no_change(self, table: Table[Thing]) -> None:
        assert table.apply(entry("a", 1)) is None
        assert table.apply(Deleted(("ns", "x"), "11")) is None

    def test_what_can_be_read_again_is_no_longer_named(self, table: Table[Thing]) -> None:
        assert table.apply(Unreadable(("ns", "a"), "uid-a", "11", "no number")) is None
        assert set(table.unreadable) == {("ns", "a")}
        table.apply(entry("a", 12))
        assert not table.unreadable

    def test_what_cannot_be_read_and_is_deleted_is_gone(self, table: Table[Thing]) -> None:
        table.apply(Unreadable(("ns", "a"), "uid-a", "11", "no number"))
        assert briefly(table.apply(Deleted(("ns", "a"), "12"))) == [("a", "1", None)]
        assert not table.unreadable

    def test_an_unreadable_object_of_the_same_name_replaces_what_was_held(self, table: Table[Thing]) -> None:
        assert briefly(table.apply(Unreadable(("ns", "a"), "another", "11", "no number"))) == [
            ("a", "1", None)
        ]

    def test_what_has_no_name_changes_nothing(self, table: Table[Thing]) -> None:
        assert table.apply(Unreadable(None, "", "", "no metadata")) is None
        assert not table.unreadable
        assert table.resource_version == "10"


class TestIndex:
    def test_objects_are_found_in_the_order_of_their_keys(self, table: Table[Thing]) -> None:
        table.apply(entry("0", 11, value=5))
        assert [found.key[1] for found in table.find("value", 5)] == ["0", "a", "b"]

    def test_a_changed_object_is_found_where_it_is_now(self, table: Table[Thing]) -> None:
        table.apply(entry("a", 11, value=6))
        assert [found.key[1] for found in table.find("value", 5)] == ["b"]
        assert [found.key[1] for found in table.find("value", 6)] == ["a"]

    def test_a_deleted_object_is_not_found(self, table: Table[Thing]) -> None:
        table.apply(Deleted(("ns", "a"), "11"))
        table.apply(Deleted(("ns", "b"), "12"))
        assert table.find("value", 5) == ()

    def test_an_object_may_be_under_several_values_also_twice(self) -> None:
        table = Table(THINGS, {"value": lambda entry: [entry.object.spec.value, 0, 0]})
        table.apply(entry("a", 1, value=5))
        assert len(table.find("value", 5)) == len(table.find("value", 0)) == 1
        table.apply(Deleted(("ns", "a"), "2"))
        assert table.find("value", 0) == ()


class TestStore:
    def test_is_synced_when_every_kind_is(self) -> None:
        store = Store()
        others = type(THINGS)("example.com", "v1", "others", "Other", Thing)
        store.add(THINGS)
        store.add(others)
        store.receive(THINGS, [snapshot(1)])
        assert not store.synced
        store.receive(others, [snapshot(1)])
        assert store.synced

    def test_listeners_hear_once_of_all_that_came_together_and_find_it_there(self) -> None:
        store = Store()
        table = store.add(THINGS)
        heard: list[Any] = []
        store.listen(lambda changes: heard.append((briefly(*changes), len(table.entries))))
        store.receive(THINGS, [snapshot(1), entry("a", 2), entry("b", 3), Deleted(("ns", "a"), "4")])
        assert heard == [([("a", None, "2"), ("b", None, "3"), ("a", "2", None)], 1)]

    def test_listeners_hear_that_an_empty_kind_is_synced_but_nothing_of_nothing(self) -> None:
        store = Store()
        store.add(THINGS)
        heard: list[Any] = []
        store.listen(heard.append)
        store.receive(THINGS, [snapshot(1)])
        store.receive(THINGS, [snapshot(2)])
        assert heard == [()]

    def test_a_kind_that_was_not_declared_is_a_mistake(self) -> None:
        with pytest.raises(KeyError):
            Store().table(THINGS)
