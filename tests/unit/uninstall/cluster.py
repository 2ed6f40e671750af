"""The least API server from which something can be deleted."""

from __future__ import annotations

import json
from typing import Any

import httpx2


class ApiServer:
    """Lists, gives, deletes and patches what was put into it; with finalizers it stays while deleted."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []
        self.refused: set[str] = set()

    def put(self, path: str, **document: Any) -> None:
        """Store an object under its path."""
        *_, name = path.split("/")
        parts = path.split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-2] else ""
        metadata = {"name": name, "uid": path, "resourceVersion": "1", **document.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        self.objects[path] = {"metadata": metadata, **document}

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if request.method != "GET":
            self.log.append(f"{request.method} {path.rpartition('/')[2]}")
            if path in self.refused:
                return httpx2.Response(403, json={"kind": "Status", "code": 403, "message": "you may not"})
        if request.method == "GET" and path in self.objects:
            return httpx2.Response(200, json=self.objects[path])
        if request.method == "GET":
            return self._list(path)
        target = path.removesuffix("/status")
        if target not in self.objects:
            return httpx2.Response(404, json={"kind": "Status", "code": 404})
        if request.method == "DELETE":
            self._delete(path, json.loads(request.content)["preconditions"]["uid"])
        else:
            self._patch(target, json.loads(request.content))
        return httpx2.Response(200, json={})

    def _list(self, path: str) -> httpx2.Response:
        *scope, plural = path.split("/")
        inner = f"{'/'.join(scope)}/"
        items = [
            one
            for other, one in self.objects.items()
            if other.startswith(inner) and other.split("/")[-2] == plural
        ]
        if items:
            return httpx2.Response(200, json={"items": items})
        return httpx2.Response(404, json={"kind": "Status", "code": 404})

    def _delete(self, path: str, uid: str) -> None:
        metadata = self.objects[path]["metadata"]
        assert metadata["uid"] == uid
        if metadata.get("finalizers"):
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        else:
            del self.objects[path]

    def _patch(self, path: str, patch: dict[str, Any]) -> None:
        one = self.objects[path]
        one["metadata"] |= patch.get("metadata", {})
        if "status" in patch:
            one["status"] = patch["status"]
        if "deletionTimestamp" in one["metadata"] and not one["metadata"]["finalizers"]:
            del self.objects[path]
