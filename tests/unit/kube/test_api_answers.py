"""Lines, statuses and objects as they come over the wire."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from kuadrant.kube import api_answers
from kuadrant.kube.api_answers import Lines, ObjectReader, read_status
from kuadrant.kube.kind import StoredObject, Unreadable

from .scripted import THINGS, Thing


class TestLines:
    @given(st.lists(st.binary(max_size=8)))
    def test_lines_are_what_is_between_line_feeds_however_the_bytes_come(self, chunks: list[bytes]) -> None:
        lines = Lines()
        found = [line for chunk in chunks for line in lines.feed(chunk)]
        whole = b"".join(chunks).split(b"\n")[:-1]
        assert found == [line for line in whole if line.strip()]

    def test_a_line_without_end_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(api_answers, "LINE_LIMIT", 10)
        lines = Lines()
        lines.feed(b"12345\n1234567")
        with pytest.raises(ValueError, match="more than 10 bytes"):
            lines.feed(b"8901")


class TestStatus:
    def test_a_status_is_read(self) -> None:
        body = b'{"kind":"Status","code":409,"reason":"Conflict","message":"no","details":{"causes":[{"field":".spec"}]}}'  # noqa: E501 - one value
        status = read_status(409, body)
        assert (status.code, status.reason, status.message) == (409, "Conflict", "no")
        assert status.details is not None
        assert status.details.causes is not None
        assert status.details.causes[0].field == ".spec"

    @pytest.mark.parametrize("body", [b"404 page not found\n", b"404\r\npage  not found"])
    def test_a_text_is_its_own_message(self, body: bytes) -> None:
        assert read_status(404, body).message == "404 page not found"

    def test_nothing_at_all_is_said(self) -> None:
        assert read_status(503, b"").message == "HTTP status 503 without a text"

    @given(st.binary())
    def test_any_bytes_are_some_status(self, body: bytes) -> None:
        assert read_status(500, body).code == 500 or b"code" in body


def raw(**metadata: Any) -> Raw:
    return Raw(msgspec.json.encode({"metadata": metadata, "spec": {"value": 3}}))


class TestObjects:
    def test_an_object_is_read_with_its_version(self) -> None:
        entry = ObjectReader(THINGS, {}).read(raw(name="a", namespace="ns", uid="u", resourceVersion="7"))
        assert isinstance(entry, StoredObject)
        assert (entry.key, entry.uid, entry.resource_version) == (("ns", "a"), "u", "7")
        assert isinstance(entry.object, Thing)
        assert entry.object.spec.value == 3

    def test_one_of_another_life_is_read_even_in_the_same_version(self) -> None:
        held = ObjectReader(THINGS, {}).read(raw(name="a", uid="u", resourceVersion="7"))
        assert isinstance(held, StoredObject)
        reader = ObjectReader(THINGS, {held.key: held})
        assert reader.read(raw(name="a", uid="u", resourceVersion="7")) is held
        assert reader.read(raw(name="a", uid="v", resourceVersion="7")) is not held
        assert reader.read(raw(name="a", uid="u", resourceVersion="8")) is not held

    @pytest.mark.slow
    @given(
        st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
    )
    def test_any_json_is_an_object_or_says_why_not(self, content: Any) -> None:
        read = ObjectReader(THINGS, {}).read(Raw(msgspec.json.encode(content)))
        assert isinstance(read, Unreadable | StoredObject)
