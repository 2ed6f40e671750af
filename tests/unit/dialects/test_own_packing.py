"""Version 2 of the project's own configuration: large ones are packed, small ones can be read."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.dialects import unpacked
from kuadrant.dialects.own.packing import READABLE_BYTES, packed

HEAD = b'{"version":1,"services":{},"hosts":['


def text(size: int) -> bytes:
    """A configuration of so many bytes."""
    return HEAD + b" " * (size - len(HEAD) - 2) + b"]}"


def test_a_small_one_stays_as_it_is() -> None:
    assert packed(text(READABLE_BYTES)) == text(READABLE_BYTES)


def test_a_large_one_is_an_object_of_its_own_version() -> None:
    found = json.loads(packed(text(READABLE_BYTES + 1)))
    assert found["version"] == 2
    assert found["size"] == READABLE_BYTES + 1


@given(size=st.integers(len(HEAD) + 2, 4 * READABLE_BYTES))
def test_either_stands_for_the_text(size: int) -> None:
    assert unpacked(packed(text(size))) == text(size)
    assert packed(text(size)) == packed(text(size))
