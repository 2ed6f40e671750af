"""What Kuadrant's user guides set up, and what they say comes of it: ``guides.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, convert, field

from .generator import GATEWAY_API, GATEWAYS, Asked, Document

_FILE = Path(__file__).with_name("guides.yaml")


class Promise(Struct, frozen=True, forbid_unknown_fields=True):
    """Of requests like this, ``most`` are admitted in a window, or all; ``call`` is a method of gRPC."""

    most: int | str
    host: str
    target: str = "/pets"
    method: str = "GET"
    headers: dict[str, str] = {}
    gateway: str = "g0"
    call: str = ""

    @property
    def asked(self) -> Asked:
        """The request."""
        if self.call:
            headers = (("content-type", "application/grpc"),)
            return Asked(self.gateway, 80, self.host, "POST", self.call, headers)
        return Asked(self.gateway, 80, self.host, self.method, self.target, tuple(self.headers.items()))


class Guide(Struct, frozen=True, forbid_unknown_fields=True):
    """What a guide sets up, and what it says comes of it, one after the other.

    ``listeners`` are those of the first gateway, by their names and host names.
    """

    name: str
    routes: list[Document]
    policies: list[Document]
    promises: list[Promise]
    listeners: dict[str, str | None] = field(default_factory=lambda: {"web": None})
    window: float = 20.0

    @property
    def documents(self) -> tuple[Document, ...]:
        """Everything, as it is written down."""
        gateways = (
            _object(f"{GATEWAY_API}/v1", "Gateway", name, {"gatewayClassName": "any", "listeners": listeners})
            for name, listeners in self._listeners()
        )
        policies = (
            _object(f"kuadrant.io/{one['version']}", "RateLimitPolicy", f"policy-{number}", one["spec"])
            for number, one in enumerate(self.policies)
        )
        return (*gateways, *map(_route, self.routes), *policies)

    def _listeners(self) -> list[tuple[str, list[Document]]]:
        hostnames = {("g0", 80): self.listeners}
        return [
            (
                name,
                [
                    {"name": listener, "port": port, "protocol": "HTTP"}
                    | ({"hostname": hostname} if hostname else {})
                    for port in ports
                    for listener, hostname in hostnames.get((name, port), {f"port-{port}": None}).items()
                ],
            )
            for name, ports in GATEWAYS.items()
        ]


def guides() -> list[Guide]:
    """All of them."""
    return convert(yaml.safe_load(_FILE.read_text(encoding="utf-8")), list[Guide])


def _object(version: str, kind: str, name: str, spec: Document) -> Document:
    metadata = {"namespace": "gw", "name": name}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _route(route: Document) -> Document:
    """A route whose answers tell the rule that took the request."""
    rules: list[Any] = []
    for number, rule in enumerate(route["spec"]["rules"]):
        marker = {"set": [{"name": "x-rule", "value": f"{route['name']}-{number}"}]}
        filters = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": marker}]
        rules.append({**rule, "filters": filters})
    spec = {"parentRefs": [{"name": "g0"}], **route["spec"], "rules": rules}
    return _object(f"{GATEWAY_API}/v1", route["kind"], route["name"], spec)
