"""Decides which namespaces the console of a cluster shows: all, or the only one that its user may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.kube.client import FAILURES, RequestError, describe
from kuadrant.operator.core import kinds

if TYPE_CHECKING:
    import httpx2

_FORBIDDEN: Final = 403


async def visible_namespace(client: httpx2.AsyncClient, namespace: str) -> str:
    """Return ``namespace``, that of the user's context, if he may not list the policies of all; else nothing.

    Raises:
        RequestError: The cluster cannot be asked.
    """
    try:
        answer = await client.get(kinds.POLICIES.path(), params={"limit": "1"})
    except FAILURES as error:
        raise RequestError(f"the API server cannot be asked: {describe(error)}") from error
    return namespace if answer.status_code == _FORBIDDEN else ""
