"""Limits that are packed are the same limits, in any order, and an edit of one changes one text."""

from __future__ import annotations

import base64
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.limit_packing import NotPackedError, pack, unpack
from kuadrant.api.limitador import Limit
from kuadrant.gateways.object_size import MOST_BYTES
from kuadrant.policy.identifiers import limit_condition, limit_identifier

TEXT = st.text(max_size=20)
LIMITS = st.builds(
    Limit,
    namespace=TEXT,
    max_value=st.integers(0, 2**63 - 1),
    seconds=st.integers(1, 10**9),
    conditions=st.lists(TEXT, max_size=2).map(tuple),
    variables=st.lists(TEXT, max_size=2).map(tuple),
    name=TEXT,
)


def unpacked(texts: tuple[str, ...]) -> list[Limit]:
    return [limit for text in texts for limit in msgspec.json.decode(unpack(text), type=list[Limit])]


def many(count: int) -> list[Limit]:
    """Limits as policies of as many routes give them."""
    return [
        Limit(
            namespace=f"team-{number % 50}/route-{number}",
            max_value=number,
            seconds=60,
            conditions=(
                limit_condition(limit_identifier(f"team-{number % 50}/policy-{number}", "per-user")),
            ),
            variables=('descriptors[0]["auth.identity.userid"]',),
            name="per-user",
        )
        for number in range(count)
    ]


@given(st.lists(LIMITS, max_size=300), st.randoms())
def test_what_is_packed_is_the_same_in_any_order(limits: list[Limit], chosen: object) -> None:
    shuffled = sorted(limits, key=lambda _: chosen.random())  # type: ignore[attr-defined]

    assert pack(shuffled) == pack(limits)
    assert sorted(unpacked(pack(limits)), key=str) == sorted(limits, key=str)


def test_ten_thousand_limits_fit_into_one_object() -> None:
    limits = many(10_000)
    assert len(msgspec.json.encode(limits)) > 3 * MOST_BYTES

    assert sum(map(len, pack(limits))) < MOST_BYTES * 0.9


def test_an_edit_of_one_limit_changes_one_text() -> None:
    limits = many(5_000)
    before = pack(limits)
    limits[17] = msgspec.structs.replace(limits[17], max_value=1_000_000)
    after = pack(limits)

    assert len(after) == len(before)
    assert len(set(before) - set(after)) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not base64", "is not what packed limits are"),
        (base64.b64encode(b"not zlib").decode(), "is not what packed limits are"),
        (base64.b64encode(zlib.compress(b"[]" * 1000)[:-8]).decode(), "ends too early"),
        (base64.b64encode(zlib.compress(bytes(2 << 20))).decode(), "gives more than 1048576 bytes"),
    ],
)
def test_what_is_not_packed_is_refused(text: str, why: str) -> None:
    with pytest.raises(NotPackedError, match=why):
        unpack(text)
