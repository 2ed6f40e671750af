"""The limits of a Limitador as they are written."""

from __future__ import annotations

import msgspec
import pytest

from kuadrant.api.limitador import Limit, Limitador, read_limits

GOOD = b'{"namespace": "n", "max_value": 5, "seconds": 10, "conditions": ["a"], "variables": ["b"], "name": "x", "id": "y"}'


def read(limits: bytes) -> tuple[tuple[Limit, ...], tuple[str, ...]]:
    whole = b'{"metadata": {"name": "limitador"}, "spec": {"replicas": 3, "limits": %s}}' % limits
    return read_limits(msgspec.json.decode(whole, type=Limitador).spec.limits)


def test_limits_are_read_in_their_order_and_fields_of_others_are_skipped() -> None:
    second = Limit(namespace="m", max_value=1, seconds=2)
    assert read(b'[%s, {"namespace": "m", "max_value": 1, "seconds": 2}]' % GOOD) == (
        (
            Limit(namespace="n", max_value=5, seconds=10, conditions=("a",), variables=("b",), name="x"),
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
    assert read_limits(limitador.spec.limits) == ((), ())


def test_what_is_no_list_is_a_mistake() -> None:
    assert read(b"{}") == ((), ("limits: must be a list",))
