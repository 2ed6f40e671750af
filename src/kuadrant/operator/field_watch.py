"""Finds out which fields the kinds of others, and the statuses of policies, have in this cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.kube.client import RequestError
from kuadrant.kube.openapi import part_fields
from kuadrant.operator.core import kinds
from kuadrant.operator.core.times import FIELDS_SECONDS

if TYPE_CHECKING:
    import httpx2

    from kuadrant.operator.fact_store import FactStore

logger = log.get("kuadrant-operator")


async def watch_fields(client: httpx2.AsyncClient, facts: FactStore) -> None:
    """Look at the API server's definitions again and again, until cancelled.

    They tell versions of a provider apart, whether limits may be packed, and whether a status keeps the last
    accepted form.
    """
    while True:
        fields = dict(facts.value.fields)
        for kind, part in kinds.DESCRIBED:
            try:
                found = await part_fields(client, kind, part)
            except RequestError as error:
                logger.warning("the fields of a kind are not known", kind=kind.name, problem=str(error))
                continue
            if found is None:
                fields.pop(kind.name, None)
            else:
                fields[kind.name] = found
        facts.change(fields=fields)
        await asyncio.sleep(FIELDS_SECONDS)
