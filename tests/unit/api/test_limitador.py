"""The limits of a Limitador as they are written."""

from __future__ import annotations

import msgspec
import pytest

from kuadrant.api.limitador import Limit, Limitador, ReadLimits, read_limits, storage_secret, union

GOOD = (
    b'{"namespace": "n", "max_value": 5, "seconds": 10, "conditions": ["a"], "variables": ["b"], "name": '
    b'"x", "id": "y"}'
)


def read(limits: bytes) -> tuple[tuple[Limit, ...], tuple[str, ...]]:
    whole = b'{"metadata": {"name": "limitador"}, "spec": {"replicas": 3, "limits": %s}}' % limits
    found = read_limits(msgspec.json.decode(whole, type=Limitador).spec.limits)
    return found.limits, tuple(map(str, found.left_out))


def test_limits_are_read_in_their_order_and_fields_of_others_are_skipped() -> None:
    second = Limit(namespace="m", max_value=1, seconds=2)
    assert read(b'[%s, {"namespace": "m", "max_value": 1, "seconds": 2}]' % GOOD) == (
        (
            Limit(
                namespace="n", max_value=5, seconds=10, conditions=("a",), variables=("b",), name="x", id="y"
            ),
            second,
        ),
        (),
    )


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (b"{}", "limits[1]: Object missing required field `namespace`"),
        (
            b'{"namespace": "n", "max_value": "5", "seconds": 1}',
            "limits[1]: Expected `int`, got `str` - at `$.max_value`",
        ),
        (b"7", "limits[1]: Expected `object`, got `int`"),
    ],
)
def test_a_wrong_limit_is_named_and_does_not_hide_the_others(wrong: bytes, mistake: str) -> None:
    limits, mistakes = read(b"[%s, %s, %s]" % (GOOD, wrong, GOOD))
    assert len(limits) == 2
    assert mistakes == (mistake,)


@pytest.mark.parametrize("none", [b"[]", b"null"])
def test_no_limits(none: bytes) -> None:
    assert read(none) == ((), ())


def test_a_resource_without_a_spec_has_no_limits() -> None:
    limitador = msgspec.json.decode(b'{"metadata": {"name": "limitador"}}', type=Limitador)
    assert read_limits(limitador.spec.limits) == ReadLimits(())


def test_what_is_no_list_is_a_mistake() -> None:
    whole = b'{"metadata": {"name": "limitador"}, "spec": {"limits": {}}}'
    found = read_limits(msgspec.json.decode(whole, type=Limitador).spec.limits)
    assert found == ReadLimits((), (), "limits: must be a list")


def test_a_limit_that_cannot_be_read_still_tells_by_what_it_would_be_asked_for() -> None:
    wrong = (
        b'{"namespace": "n", "max_value": "5", "seconds": 1,'
        b' "conditions": ["descriptors[0][\\"limit.a__0123abcd\\"] == \\"1\\""]}'
    )
    whole = b'{"metadata": {"name": "limitador"}, "spec": {"limits": [%s]}}' % wrong
    (found,) = read_limits(msgspec.json.decode(whole, type=Limitador).spec.limits).left_out
    assert (found.namespace, set(found.keys)) == ("n", {"limit.a__0123abcd"})


def test_an_id_is_written_only_where_there_is_one() -> None:
    assert b'"id"' not in msgspec.json.encode(Limit(namespace="n", max_value=1, seconds=1))
    assert b'"id":"y"' in msgspec.json.encode(Limit(namespace="n", max_value=1, seconds=1, id="y"))


@pytest.mark.row(49)
def test_the_identity_of_a_limit_is_all_but_its_number_its_name_and_the_order() -> None:
    limit = Limit(
        namespace="a", max_value=1, seconds=2, conditions=("x", "y"), variables=("u", "v"), name="n"
    )

    assert limit.identity == (
        Limit(namespace="a", max_value=9, seconds=2, conditions=("y", "x"), variables=("v", "u")).identity
    )
    for other in (
        Limit(namespace="b", max_value=1, seconds=2, conditions=("x", "y"), variables=("u", "v")),
        Limit(namespace="a", max_value=1, seconds=3, conditions=("x", "y"), variables=("u", "v")),
        Limit(namespace="a", max_value=1, seconds=2, conditions=("x",), variables=("u", "v")),
        Limit(namespace="a", max_value=1, seconds=2, conditions=("x", "y"), variables=("u",)),
    ):
        assert limit.identity != other.identity


def limit(name: str, maximum: int = 1, *, seconds: int = 1) -> Limit:
    return Limit(namespace="n", max_value=maximum, seconds=seconds, conditions=(name,), name=name)


def test_of_limits_that_count_the_same_the_wanted_maximum_holds() -> None:
    assert union((limit("x", 50),), (limit("x", 5), limit("y"))) == (limit("x", 50), limit("y"))
    assert union((limit("x", 5, seconds=2),), (limit("x", 5, seconds=1),)) == (
        limit("x", 5, seconds=2),
        limit("x", 5, seconds=1),
    )


@pytest.mark.parametrize(
    ("storage", "secret"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ({"disk": {}}, None),
        ({"redis": None}, None),
        ({"redis": {"configSecretRef": {"name": ""}}}, None),
        ({"redis": {"configSecretRef": {"name": 5}}}, None),
        ({"redis": {"configSecretRef": {"name": "redis-config"}}}, "redis-config"),
        ({"redis-cached": {"configSecretRef": {"name": "b"}, "options": {"ttl": 1}}}, "b"),
    ],
    ids=str,
)
def test_a_storage_names_a_secret_or_none(storage: object, secret: str | None) -> None:
    assert storage_secret(storage) == secret
