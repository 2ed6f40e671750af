"""What is written for a gateway of Istio: one folder of ``tests/golden/istio`` for each case."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest
import yaml
from msgspec import Struct

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import render
from kuadrant.gateways import envoy, istio
from kuadrant.gateways.delivery_mode import PushTarget
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.provider import GatewaySettings, Rendering, SeenPod

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = sorted((Path(__file__).parents[3] / "golden" / "istio").glob("*/in.yaml"))
HOST = "kuadrant-operator-controller-manager-wasm-shim-service.kuadrant-system.svc.cluster.local"
SHA256 = "12879567faee3d2625a4998f6a4e622ded01163133bdef2b539bfa62f921cdd8"


class Facts(Struct, forbid_unknown_fields=True, rename="camel"):
    pods: tuple[dict[str, str], ...] = ()
    token: bool = True
    target_refs: bool = True
    address: Literal["pinned", "plain"] = "pinned"
    push: PushTarget | None = None

    @property
    def seen(self) -> tuple[SeenPod, ...]:
        tokens = frozenset({istio.TOKEN} if self.token else ())
        return tuple(SeenPod(labels, tokens) for labels in self.pods)


@pytest.mark.row(75)
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.parent.name)
def test_the_objects_of_a_gateway(case: Path, golden: Callable[[Path, str], None]) -> None:
    folder = documents.read([("in.yaml", case.read_text())])
    assert not folder.problems, "\n".join(map(str, folder.problems))
    facts = msgspec.yaml.decode(case.with_name("facts.yaml").read_bytes(), type=Facts)
    objects = folder.objects
    (gateway,) = objects.gateways
    (program,) = compile_gateways(objects).programs
    services = {(one.metadata.namespace, one.metadata.name): one for one in objects.services}
    result = istio.gateway_objects(
        gateway,
        program,
        istio.selection(gateway, services, facts.seen, target_refs=facts.target_refs),
        GatewaySettings(
            module=served_module(HOST, 8082, SHA256, facts.address),
            rendering=Rendering(partial(render, service=Service(envoy.RATE_LIMIT_CLUSTER))),
            rate_limit=envoy.Address("limitador-limitador.kuadrant-system.svc.cluster.local", 8081),
            push=facts.push,
            delivery="push" if facts.push else "pull",
        ),
    )
    plain = msgspec.json.decode(msgspec.json.encode({"problem": result.problem, "objects": result.objects}))
    text = yaml.safe_dump(plain, sort_keys=False, width=110)
    golden(case.with_name("objects.yaml"), text)
