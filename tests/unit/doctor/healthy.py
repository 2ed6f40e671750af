"""A cluster in which nothing is wrong: an installation as config/ has it, with a gateway of each provider."""

from __future__ import annotations

import base64
import copy
import datetime as dt
from typing import Any

from kuadrant.doctor import Facts
from kuadrant.doctor.facts import MODULE_SERVICE, RATELIMIT_SERVICE
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.operator.push.certificate import made
from scripts.installation import CONFIG, NAMESPACE, built

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
_GATEWAY_API = ("gateways", "gatewayclasses", "httproutes")
_CONTROLLERS = {"istio": "istio.io/gateway-controller", "eg": "gateway.envoyproxy.io/gatewayclass-controller"}


class Cluster:
    """The objects by kind, to be spoilt."""

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {"Kuadrant": [], "Pod": [], "Secret": []}
        self.values: dict[str, Any] = {}
        for _, document in built(CONFIG / "default"):
            self.add(copy.deepcopy(document))
        for one in self.objects["Deployment"]:
            one["status"] = {"readyReplicas": 2}
        for name in _GATEWAY_API:
            self.define(f"{name}.gateway.networking.k8s.io")
        for provider in PROVIDERS:
            for kind in provider.KINDS:
                self.define(f"{kind.plural}.{kind.group}")
        for name, controller in _CONTROLLERS.items():
            accepted = {"conditions": [{"type": "Accepted", "status": "True"}]}
            self.put("GatewayClass", name, "", spec={"controllerName": controller}, status=accepted)
            self.put("Gateway", name, "gateways", spec={"gatewayClassName": name})
        self.put("Kuadrant", "kuadrant", spec={})
        self.put("Service", "kube-dns", "kube-system", spec={})
        for service, namespace in (
            (MODULE_SERVICE, NAMESPACE),
            (RATELIMIT_SERVICE, NAMESPACE),
            ("kube-dns", "kube-system"),
            ("istiod", "istio-system"),
        ):
            labels = {"kubernetes.io/service-name": service, "app": service}
            endpoint = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}}
            self.put(
                "EndpointSlice", f"{service}-1", namespace, endpoints=[endpoint], metadata={"labels": labels}
            )
        self.certificate(NOW)

    def certificate(self, made_at: dt.datetime) -> None:
        """Have the push server's certificate be made then."""
        chain = made("push.example", made_at).certificate.chain
        self.put("Secret", "kuadrant-push-server", data={"tls.crt": base64.b64encode(chain).decode()})

    def define(self, name: str) -> None:
        versions = [{"name": "v1", "schema": {}}]
        self.put(
            "CustomResourceDefinition", name, "", spec={"versions": versions, "group": name.partition(".")[2]}
        )

    def add(self, document: dict[str, Any]) -> None:
        self.objects.setdefault(document["kind"], []).append(document)

    def put(self, kind: str, name: str, namespace: str = NAMESPACE, **fields: Any) -> dict[str, Any]:
        """Have an object, in the place of one of its name."""
        metadata = {
            "name": name,
            **({"namespace": namespace} if namespace else {}),
            **fields.pop("metadata", {}),
        }
        document = {"kind": kind, "metadata": metadata, **fields}
        self.remove(kind, name, namespace)
        self.add(document)
        return document

    def get(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.objects[kind] if one["metadata"]["name"] == name]
        return found

    def remove(self, kind: str, name: str, namespace: str | None = None) -> None:
        self.objects[kind] = [
            one
            for one in self.objects.get(kind, [])
            if one["metadata"]["name"] != name
            or (namespace is not None and one["metadata"].get("namespace", "") != namespace)
        ]

    def facts(self) -> Facts:
        """All of it as it is read."""
        objects = {kind: tuple(found) for kind, found in self.objects.items()}
        values = {"server": (1, 36), "ahead": 0.3, "now": NOW.timestamp(), **self.values}
        return Facts(namespace=NAMESPACE, objects=objects, **values)
