"""What is not known, or not there any more beside them, takes nothing away that gateways have."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from kuadrant.operator.core import kinds
from kuadrant.operator.core.times import RETENTION_SECONDS
from tests.unit.operator.cluster import KUADRANT, LIMITADOR, PLUGIN, ApiServer, Run, enforcing, working

if TYPE_CHECKING:
    from kuadrant.kube.kind import Kind

LISTED = (
    kinds.GATEWAY_CLASSES,
    kinds.GATEWAYS,
    kinds.HTTP_ROUTES,
    kinds.NAMESPACES,
    kinds.KUADRANTS,
    kinds.POLICIES,
    kinds.LIMITADORS,
)


@pytest.mark.parametrize("kind", LISTED, ids=lambda kind: kind.plural)
async def test_an_operator_that_starts_does_nothing_before_everything_was_listed(kind: Kind[Any]) -> None:
    """As if there were none of them it would take away what is there for them."""
    async with enforcing() as run:
        there = json.loads(json.dumps([*run.api.documents.values()]))
    api = ApiServer()
    transport = httpx2.MockTransport(api.answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.example") as client:
        again = Run(api, client, None, {})
        for document in there:
            if document["kind"] != kind.name:
                api.put(document)
        api.store.table(kind).synced = False
        async with working(again):
            await again.quiet()
            await asyncio.sleep(10 * RETENTION_SECONDS)
            assert api.writes == []

            for document in there:
                if document["kind"] == kind.name:
                    api.put(document)
            api.store.table(kind).synced = True
            again.reconciler.look()
            await again.quiet()
            await asyncio.sleep(10 * RETENTION_SECONDS)
            assert [write for write in api.writes if "DELETE" in write or "Limitador" in write] == []
            assert again.is_enforced()


@pytest.mark.parametrize("gone", ["the Kuadrant", "the Limitador", "both"])
async def test_gateways_keep_what_they_have_when_what_they_stand_on_is_gone(gone: str) -> None:
    """What they ask for is an error then, or answered by a service that holds its last limits."""
    async with enforcing() as run:
        if gone != "the Limitador":
            run.api.delete(kinds.KUADRANTS, KUADRANT)
        if gone != "the Kuadrant":
            run.api.delete(kinds.LIMITADORS, LIMITADOR)
        await asyncio.sleep(10 * RETENTION_SECONDS)

        assert [write for write in run.api.writes if "DELETE" in write] == []
        plugin = run.api.get(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)
        assert any(
            rule["actions"] for host in plugin["spec"]["pluginConfig"]["hosts"] for rule in host["rules"]
        )
