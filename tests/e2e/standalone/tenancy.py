"""The folder of `kuadrant run` as a place for tenants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.tenants import Document

GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "shared", "namespace": "gateways"},
    "spec": {
        "gatewayClassName": "any",
        "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
        ],
    },
}


class Folder:
    """Each object is a file, which is there as a whole or not at all."""

    def __init__(self, path: Path, port: int = 0) -> None:
        self.path = path
        self.address = "127.0.0.1"
        self.port = port
        self.gateway = {"name": "shared", "namespace": "gateways"}
        self.backend = {"name": "app", "port": 80}
        self._write(GATEWAY)
        for namespace in ("honest", "hostile", "plain"):
            metadata = {"name": "app", "namespace": namespace}
            self._write(
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": metadata,
                    "spec": {"ports": [{"port": 80}]},
                }
            )

    async def put(self, documents: Iterable[Document]) -> None:
        """Write their files."""
        for one in documents:
            self._write(one)

    async def remove(self, documents: Iterable[Document]) -> None:
        """Remove their files."""
        for one in documents:
            self._file(one).unlink(missing_ok=True)

    def _file(self, document: Document) -> Path:
        metadata = document["metadata"]
        return self.path / f"{document['kind']}-{metadata['namespace']}-{metadata['name']}.json"

    def _write(self, document: Document) -> None:
        file = self._file(document)
        part = file.with_name(f".{file.name}")
        part.write_text(json.dumps(document))
        part.rename(file)
