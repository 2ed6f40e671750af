"""A kind is read once, page by page, with the right to list it and no other."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from msgspec import Struct

from kuadrant.kube.client import RequestError
from kuadrant.kube.kind import Kind
from kuadrant.kube.whole_list import read_list

from .http_server import Request, Response, serve


class _Thing(Struct):
    value: int


_THINGS = Kind("example.com", "v1", "things", "Thing", _Thing)


def _thing(name: str, value: Any = 1) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": "1"}, "value": value}


async def _read(*answers: tuple[int, Any]) -> Any:
    left = [*answers]
    seen: list[dict[str, str]] = []

    async def handle(request: Request, response: Response) -> None:
        seen.append(request.parameters)
        await response.json(*left.pop(0))

    async with serve(handle) as address, httpx2.AsyncClient(base_url=address) as client:
        return await read_list(client, _THINGS), seen


async def test_pages_are_put_together() -> None:
    listing, seen = await _read(
        (200, {"metadata": {"continue": "a&b=c"}, "items": [_thing("a")]}),
        (200, {"metadata": {"resourceVersion": "7"}, "items": [_thing("b", "no number")]}),
    )
    assert [*listing.entries] == [("ns", "a")]
    assert [*listing.unreadable] == [("ns", "b")]
    assert (listing.resource_version, seen[1]) == ("7", {"limit": "500", "continue": "a&b=c"})


async def test_a_kind_that_is_not_served_has_no_objects() -> None:
    listing, _ = await _read((404, {"kind": "Status", "code": 404}))
    assert (listing.resource_version, listing.entries) == ("", {})


@pytest.mark.parametrize(
    ("code", "body", "words"),
    [
        (403, {"kind": "Status", "code": 403, "message": "not you"}, r"GET /apis/.*: 403 not you"),
        (200, b"<html>", "this is no list"),
        (200, {"metadata": {}, "items": [{"value": 1}]}, "an object has no name"),
    ],
)
async def test_what_is_no_list_is_told(code: int, body: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        await _read((code, body))
