"""The example of the documentation in a cluster, for tests of what decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.api import documents
from kuadrant.api.limitador import Limit, Limitador
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.world import World
from kuadrant.standalone import folder_files
from tests.unit.operator.known import known

if TYPE_CHECKING:
    from kuadrant.api.objects import Objects
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.known_facts import Known

EXAMPLE = Path(__file__).parents[3] / "examples" / "toystore"
KEY = ("kuadrant-system", "limitador")
GATEWAY = ("istio-system", "istio-ingressgateway")
CLASS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
"""
ENVOY_GATEWAY = CLASS.replace("istio.io/gateway-controller", "gateway.envoyproxy.io/gatewayclass-controller")


def objects(*extra: str) -> Objects:
    texts = [(file.path, file.text) for file in folder_files.read(EXAMPLE)]
    found = documents.read([*texts, *(("extra.yaml", text) for text in (CLASS, *extra))])
    assert not found.problems
    return found.objects


def limitador(
    limits: tuple[Limit, ...], *, generation: int = 1, observed: int = 1, ready: str = "True", **said: Any
) -> Limitador:
    document = {
        "metadata": {"name": KEY[1], "namespace": KEY[0], "generation": generation},
        "spec": {"limits": limits},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Ready", "status": ready}],
            "service": {"host": "limits.example", "ports": {"grpc": 8081, "http": 8080}},
            **said,
        },
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Limitador)


def decide(world: World, known: Known) -> Decision:
    return Decider().decide(world, known)


def world(resource: Limitador | None = None, **values: Any) -> World:
    everything = objects()
    return World(
        objects=msgspec.structs.replace(everything, **values),
        limitadors={} if resource is None else {KEY: resource},
    )


WANTED = decide(world(), known()).limits
