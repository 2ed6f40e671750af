"""The cluster that a command asks, and what is said when it cannot be asked."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import httpx2
from cyclopts import Parameter

from kuadrant.cli.output import complain
from kuadrant.kube.client import ConfigurationError, RequestError, find_access

_T = TypeVar("_T")

Namespace = Annotated[str, Parameter(env_var="OPERATOR_NAMESPACE", metavar="NAME")]


def with_namespace(name: str) -> str:
    """Return what a person calls an object as ``namespace/name``; nothing stays nothing."""
    return name if "/" in name or not name else f"default/{name}"


def ask_cluster(
    kubeconfig: Path | None,
    ask: Callable[[httpx2.AsyncClient], Awaitable[_T]],
    output: str = "text",
    code: int = 1,
) -> _T:
    """Return what ``ask`` learns from the API server; if it cannot, say why and end with this exit code."""

    async def connected() -> _T:
        async with find_access(str(kubeconfig) if kubeconfig else None).connect() as client:
            return await ask(client)

    try:
        return asyncio.run(connected())
    except (ConfigurationError, RequestError) as error:
        complain(str(error), output)
        sys.exit(code)
