"""A field in pieces is what protobuf itself makes of the field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.envoy_api import field, message

ANY = message("google.protobuf.Any")
RESPONSE = message("envoy.service.discovery.v3.DiscoveryResponse")


@given(st.lists(st.binary()))
def test_bytes(parts: list[bytes]) -> None:
    assert ANY.FromString(b"".join(field(ANY, "value", parts))).value == b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2**21])
def test_any_length(size: int) -> None:
    assert b"".join(field(ANY, "value", [bytes(size)])) == (
        ANY(value=bytes(size)).SerializeToString() or b"\x12\x00"
    )


@given(st.text(), st.lists(st.tuples(st.text(), st.binary())))
def test_messages_behind_the_rest_of_theirs(version: str, contents: list[tuple[str, bytes]]) -> None:
    resources = [ANY(type_url=name, value=value) for name, value in contents]
    pieces = [RESPONSE(version_info=version).SerializeToString()]
    for resource in resources:
        pieces += field(RESPONSE, "resources", [resource.SerializeToString()])
    assert RESPONSE.FromString(b"".join(pieces)) == RESPONSE(version_info=version, resources=resources)


def test_the_parts_are_not_copied() -> None:
    large = bytes(1000)
    assert field(ANY, "value", [large])[1] is large
