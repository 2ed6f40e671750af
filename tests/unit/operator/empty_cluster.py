"""A cluster with nothing in it, and the way to it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import yaml

from tests.unit.kube.scripted import bookmark

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.kube.http_server import Request, Response


async def empty_cluster(request: Request, response: Response) -> None:
    """Nothing is there, nothing happens, and everything may be written."""
    if request.method != "GET":
        content = json.loads(request.body)
        content.setdefault("metadata", {})["resourceVersion"] = "2"
        await response.json(201 if request.method == "POST" else 200, content)
    elif "watch" in request.parameters:
        await response.head(200)
        if "sendInitialEvents" in request.parameters:
            await response.send(bookmark(1, initial_end=True))
        await asyncio.Event().wait()
    elif "/leases/" in request.path or "/openapi/" in request.path:
        await response.json(404, {"kind": "Status", "code": 404, "message": "not found"})
    else:
        await response.json(200, {"metadata": {"resourceVersion": "1"}, "items": []})


def kubeconfig(path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the current kubeconfig lead to ``server``."""
    content = {
        "current-context": "one",
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "one", "user": {"token": "any"}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
    }
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(path))
