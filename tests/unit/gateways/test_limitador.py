"""The Limitador resource: our fields and no others."""

from __future__ import annotations

import msgspec
import pytest

from kuadrant.api.kuadrant import (
    Kuadrant,
    KuadrantMetadata,
    KuadrantSpec,
    LimitadorSettings,
    Observability,
    Tracing,
)
from kuadrant.api.limit_packing import ALGORITHMS, FIELD, MODES, SOFT_ONES, limits_of
from kuadrant.api.limitador import Limit, LimitadorSpec
from kuadrant.gateways.limitador import limitador

METADATA = KuadrantMetadata(name="kuadrant", namespace="kuadrant-system", uid="1f")
CREATE_TOY = Limit(
    namespace="default/toystore",
    max_value=5,
    seconds=10,
    conditions=('descriptors[0]["limit.create_toy__fb82c51a"] == "1"',),
    name="create-toy",
)


@pytest.mark.row(134)
def test_the_limits_are_the_only_field_that_is_always_ours() -> None:
    assert limitador(Kuadrant(metadata=METADATA), [CREATE_TOY]).document == {
        "apiVersion": "limitador.kuadrant.io/v1alpha1",
        "kind": "Limitador",
        "metadata": {
            "name": "limitador",
            "namespace": "kuadrant-system",
            "labels": {"kuadrant.io/managed": "true"},
            "ownerReferences": [
                {
                    "apiVersion": "kuadrant.io/v1beta1",
                    "kind": "Kuadrant",
                    "name": "kuadrant",
                    "uid": "1f",
                    "controller": True,
                }
            ],
        },
        "spec": {
            "limits": [
                {
                    "namespace": "default/toystore",
                    "max_value": 5,
                    "seconds": 10,
                    "conditions": ['descriptors[0]["limit.create_toy__fb82c51a"] == "1"'],
                    "variables": [],
                    "name": "create-toy",
                }
            ]
        },
    }


@pytest.mark.row(113)
def test_what_kuadrant_says_of_limitador_is_ours_too() -> None:
    settings = LimitadorSettings(replicas=2, storage={"redis": {"configSecretRef": {"name": "redis"}}})
    document = limitador(Kuadrant(metadata=METADATA, spec=KuadrantSpec(limitador=settings)), []).document
    assert document is not None
    assert document["spec"] == {
        "replicas": 2,
        "storage": {"redis": {"configSecretRef": {"name": "redis"}}},
        "limits": [],
    }


@pytest.mark.parametrize(
    ("endpoint", "insecure", "written"),
    [
        ("rpc://collector:4317", True, "http://collector:4317"),
        ("rpc://collector:4317", False, "https://collector:4317"),
        ("http://collector:4317", False, "http://collector:4317"),
        ("https://collector:4317", True, "http://collector:4317"),
        ("collector", True, "collector"),
    ],
)
def test_where_traces_go_is_told_to_a_service_that_can_send_them(
    endpoint: str, insecure: bool, written: str
) -> None:
    tracing = Tracing(default_endpoint=endpoint, insecure=insecure)
    spec = KuadrantSpec(observability=Observability(tracing=tracing))
    told = limitador(Kuadrant(metadata=METADATA, spec=spec), [], reads={FIELD, "tracing"}).document
    untold = limitador(Kuadrant(metadata=METADATA, spec=spec), [], reads={FIELD}).document
    assert told is not None
    assert told["spec"] == {"tracing": {"endpoint": written}, "limits": []}
    assert untold is not None
    assert untold["spec"] == {"limits": []}


def test_what_is_too_large_to_store_is_not_written() -> None:
    many = [Limit(namespace=f"default/{number:06}", max_value=1, seconds=1) for number in range(6000)]
    result = limitador(Kuadrant(metadata=METADATA), many)
    assert result.document is None
    assert result.problem is not None
    assert result.problem.startswith("Limitador kuadrant-system/limitador would have ")


def test_a_thousand_policies_are_not_too_large() -> None:
    many = [
        Limit(
            namespace=f"default/route-{number:04}",
            max_value=1,
            seconds=1,
            conditions=(f'descriptors[0]["limit.some_name_{number:04}__fb82c51a"] == "1"',),
            name=f"some-name-{number:04}",
        )
        for number in range(1000)
    ]
    assert limitador(Kuadrant(metadata=METADATA), many).problem is None


def test_many_limits_are_packed_where_they_can_be_read() -> None:
    few = [Limit(namespace=f"default/{number:06}", max_value=1, seconds=1) for number in range(100)]
    many = [Limit(namespace=f"default/{number:06}", max_value=1, seconds=1) for number in range(10_000)]

    assert limitador(Kuadrant(metadata=METADATA), few, reads={FIELD}) == limitador(
        Kuadrant(metadata=METADATA), few
    )
    # As many as policies that are edited all the time leave behind: each edit writes them, and the API server
    # reads node by node.
    some = limitador(Kuadrant(metadata=METADATA), many[:500], reads={FIELD}).document
    assert some is not None
    assert len(msgspec.json.encode(some)) < 8000
    document = limitador(Kuadrant(metadata=METADATA), many, reads={FIELD}).document
    assert document is not None
    assert document["spec"]["limits"] == []
    read = msgspec.convert(document["spec"] | {"limits": msgspec.Raw(b"[]")}, LimitadorSpec)
    limits, left_out, problem = limits_of(read)
    assert sorted(limits, key=str) == sorted(many, key=str)
    assert (left_out, problem) == ((), None)


FIXED = Limit(namespace="default/a", max_value=1, seconds=1)
BUCKET = Limit(namespace="default/b", max_value=1, seconds=1, algorithm="TokenBucket", burst=3)


def test_limits_of_another_algorithm_are_packed_so_that_nobody_takes_them_for_fixed_windows() -> None:
    made = limitador(Kuadrant(metadata=METADATA), [FIXED, BUCKET], reads={FIELD, ALGORITHMS})
    assert made.document is not None
    assert made.left_out == ()
    assert [one["namespace"] for one in made.document["spec"]["limits"]] == ["default/a"]
    raw = msgspec.Raw(msgspec.json.encode(made.document["spec"]["limits"]))
    assert limits_of(LimitadorSpec(limits=raw, packed_limits=made.document["spec"][FIELD]))[0] == (
        FIXED,
        BUCKET,
    )


@pytest.mark.parametrize("reads", [set(), {FIELD}])
def test_where_the_service_knows_no_algorithms_these_limits_are_left_out(reads: set[str]) -> None:
    made = limitador(Kuadrant(metadata=METADATA), [FIXED, BUCKET], reads=reads)
    alone = limitador(Kuadrant(metadata=METADATA), [FIXED])
    assert (made.document, made.left_out) == (alone.document, (BUCKET,))


SHADOW = Limit(namespace="default/b", max_value=1, seconds=1, mode="Shadow")
SOFT = Limit(namespace="default/d", max_value=1, seconds=1, mode="Soft")
TENTH = Limit(namespace="default/c", max_value=1, seconds=1, variables=("user",), enforce_percent=10)


def test_limits_of_another_mode_are_packed_so_that_nobody_enforces_them() -> None:
    reads = {FIELD, ALGORITHMS, MODES}
    made = limitador(Kuadrant(metadata=METADATA), [FIXED, SHADOW, TENTH], reads=reads)
    assert made.document is not None
    assert made.left_out == ()
    assert [one["namespace"] for one in made.document["spec"]["limits"]] == ["default/a"]
    raw = msgspec.Raw(msgspec.json.encode(made.document["spec"]["limits"]))
    read = limits_of(LimitadorSpec(limits=raw, packed_limits=made.document["spec"][FIELD]))
    assert sorted(read[0], key=lambda limit: limit.namespace) == [FIXED, SHADOW, TENTH]


@pytest.mark.parametrize("reads", [{FIELD, MODES}, {FIELD, MODES, SOFT_ONES}])
def test_soft_limits_are_told_to_a_service_that_knows_them(reads: set[str]) -> None:
    made = limitador(Kuadrant(metadata=METADATA), [FIXED, SOFT], reads=reads)
    assert made.left_out == (() if SOFT_ONES in reads else (SOFT,))


@pytest.mark.parametrize("reads", [set(), {FIELD}, {FIELD, ALGORITHMS}])
def test_where_the_service_knows_no_modes_these_limits_are_left_out(reads: set[str]) -> None:
    made = limitador(Kuadrant(metadata=METADATA), [FIXED, SHADOW, TENTH], reads=reads)
    alone = limitador(Kuadrant(metadata=METADATA), [FIXED])
    assert (made.document, made.left_out) == (alone.document, (SHADOW, TENTH))


@pytest.mark.parametrize("reads", [set(), {FIELD}, {FIELD, ALGORITHMS}])
def test_where_the_service_knows_no_modes_an_edit_of_one_leaves_the_limit_as_it_was(reads: set[str]) -> None:
    before = Limit(namespace="default/b", max_value=7, seconds=1)
    made = limitador(Kuadrant(metadata=METADATA), [FIXED, SHADOW], present=[FIXED, before], reads=reads)
    as_it_was = limitador(Kuadrant(metadata=METADATA), [FIXED, before])
    assert (made.document, made.left_out) == (as_it_was.document, (SHADOW,))


def test_what_was_of_another_mode_does_not_stay_where_the_service_knows_none() -> None:
    made = limitador(Kuadrant(metadata=METADATA), [SHADOW], present=[SHADOW], reads={FIELD, ALGORITHMS})
    assert made.document is not None
    assert (made.document["spec"]["limits"], FIELD in made.document["spec"]) == ([], False)
