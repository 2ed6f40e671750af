"""What is read of an API server's own description."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from kuadrant.kube.client import RequestError
from kuadrant.kube.kind import Kind
from kuadrant.kube.openapi import part_fields

PLUGINS: Kind[dict[str, Any]] = Kind("extensions.istio.io", "v1alpha1", "wasmplugins", "WasmPlugin", dict)


def described(kind: str, *fields: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"spec": {"properties": {field: {"type": "object"} for field in fields}}, "kind": {}},
        "x-kubernetes-group-version-kind": [
            {"group": "extensions.istio.io", "version": "v1alpha1", "kind": kind}
        ],
    }
    return {"openapi": "3.0.0", "components": {"schemas": {f"io.istio.{kind}": schema}}}


async def fields_in(code: int, content: Any) -> frozenset[str] | None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/openapi/v3/apis/extensions.istio.io/v1alpha1"
        return httpx2.Response(code, json=content)

    transport = httpx2.MockTransport(answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.example") as client:
        return await part_fields(client, PLUGINS)


async def test_the_fields_of_a_spec() -> None:
    assert await fields_in(200, described("WasmPlugin", "url", "targetRefs")) == frozenset(
        {"url", "targetRefs"}
    )


@pytest.mark.parametrize(
    ("code", "content"),
    [
        pytest.param(404, {}, id="the group is not served"),
        pytest.param(200, described("Other", "url"), id="another kind"),
        pytest.param(200, described("WasmPlugin"), id="any fields"),
        pytest.param(200, {}, id="nothing described"),
    ],
)
async def test_what_is_not_described_is_not_known(code: int, content: Any) -> None:
    assert await fields_in(code, content) is None


@pytest.mark.parametrize(("code", "content"), [(500, {}), (200, [])])
async def test_an_answer_that_is_none_is_an_error(code: int, content: Any) -> None:
    with pytest.raises(RequestError):
        await fields_in(code, content)
