"""Host names as sets of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.policy.hostnames import intersection, is_subset, most_specific_owner, specificity

_labels = st.lists(st.sampled_from(["a", "b", "com"]), min_size=1, max_size=3).map(".".join)
names = _labels
hostnames = st.one_of(names, _labels.map("*.{}".format), st.just("*"))


@pytest.mark.row(73)
@pytest.mark.row("G.3")
@pytest.mark.parametrize(
    ("hostname", "of", "expected"),
    [
        ("foo.com", "foo.com", True),
        ("foo.com", "bar.com", False),
        ("*.com", "foo.com", False),
        ("foo.com", "*.com", True),
        ("*.foo.com", "foo.com", False),
        ("foo.com", "*.foo.com", False),
        ("*", "*.com", False),
        ("*.com", "*", True),
        ("*.com", "*.org", False),
        ("*.foo.com", "*.bar.foo.com", False),
        ("*.foo.com", "*.baz.foo.com", False),
        ("*.baz.foo.com", "*.foo.com", True),
        ("a.b.foo.com", "*.foo.com", True),
        ("", "", True),
        ("", "foo.com", False),
        ("", "*", False),
        ("*.foo.*.com", "*.foo.*.com", True),
    ],
)
def test_subset(hostname: str, of: str, expected: bool) -> None:
    assert is_subset(hostname, of) is expected


@pytest.mark.row(157)
@pytest.mark.parametrize(
    ("listener", "route", "expected"),
    [
        ("api.x.com", "*.x.com", "api.x.com"),
        ("*.x.com", "api.x.com", "api.x.com"),
        ("*", "api.x.com", "api.x.com"),
        ("*.x.com", "*.a.x.com", "*.a.x.com"),
        ("*.x.com", "x.com", None),
        ("api.x.com", "api.y.com", None),
    ],
)
def test_a_listener_serves_the_names_that_it_has_in_common_with_the_route(
    listener: str, route: str, expected: str | None
) -> None:
    assert intersection(listener, route) == expected


@given(hostnames)
def test_every_host_name_is_a_subset_of_itself_and_of_every_name(hostname: str) -> None:
    assert is_subset(hostname, hostname)
    assert is_subset(hostname, "*")


@given(hostnames, hostnames, hostnames)
def test_subset_is_transitive(a: str, b: str, c: str) -> None:
    if is_subset(a, b) and is_subset(b, c):
        assert is_subset(a, c)


@given(hostnames, hostnames)
def test_subsets_of_each_other_are_the_same(a: str, b: str) -> None:
    assert (is_subset(a, b) and is_subset(b, a)) is (a == b)


@given(hostnames, hostnames)
def test_intersection_does_not_depend_on_the_order(a: str, b: str) -> None:
    assert intersection(a, b) == intersection(b, a)


@given(names, hostnames, hostnames)
def test_a_name_is_in_the_intersection_exactly_if_it_is_in_both(name: str, a: str, b: str) -> None:
    common = intersection(a, b)
    assert (common is not None and is_subset(name, common)) is (is_subset(name, a) and is_subset(name, b))


@given(names, st.sets(hostnames))
def test_the_owner_contains_the_name_and_no_other_owner_does_so_more_narrowly(
    name: str, owners: set[str]
) -> None:
    owner = most_specific_owner(name, owners)
    containing = {other for other in owners if is_subset(name, other)}
    if owner is None:
        assert not containing
    else:
        assert owner in containing
        assert all(is_subset(owner, other) for other in containing)


@pytest.mark.row("G.3")
def test_exact_names_are_more_specific_than_wildcards_and_longer_suffixes_than_shorter_ones() -> None:
    hosts = ["*", "*.example.com", "api.toystore.io", "*.toystore.acme.com", "example.com"]
    assert sorted(hosts, key=specificity) == [
        "api.toystore.io",
        "example.com",
        "*.toystore.acme.com",
        "*.example.com",
        "*",
    ]
