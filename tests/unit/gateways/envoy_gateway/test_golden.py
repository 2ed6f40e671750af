"""What is written for a gateway of Envoy Gateway.

One folder of ``tests/golden/envoy-gateway`` for each case.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from msgspec import Struct

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import render
from kuadrant.gateways import envoy, envoy_gateway
from kuadrant.gateways.delivery_mode import PushTarget
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.provider import GatewaySettings, Rendering

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.compiler.program import HostProgram

CASES = sorted((Path(__file__).parents[3] / "golden" / "envoy-gateway").glob("*/in.yaml"))
HOST = "kuadrant-operator-controller-manager-wasm-shim-service.kuadrant-system.svc.cluster.local"
LIMITADOR = "limitador-limitador.kuadrant-system.svc.cluster.local"
SHA256 = "12879567faee3d2625a4998f6a4e622ded01163133bdef2b539bfa62f921cdd8"


def _by_address(hosts: tuple[HostProgram, ...], address: envoy.Address) -> bytes:
    return render(hosts, Service(google_grpc=f"dns:///{address.host}:{address.port}"))


class Facts(Struct, forbid_unknown_fields=True):
    existing: tuple[dict[str, Any], ...] = ()
    push: PushTarget | None = None


@pytest.mark.row(155)
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.parent.name)
def test_the_objects_of_a_gateway(case: Path, golden: Callable[[Path, str], None]) -> None:
    folder = documents.read([("in.yaml", case.read_text())])
    assert not folder.problems, "\n".join(map(str, folder.problems))
    facts = msgspec.yaml.decode(case.with_name("facts.yaml").read_bytes(), type=Facts)
    (gateway,) = folder.objects.gateways
    (program,) = compile_gateways(folder.objects).programs
    by_cluster = Service(envoy.RATE_LIMIT_CLUSTER)
    result = envoy_gateway.gateway_objects(
        gateway,
        program,
        envoy_gateway.observation(facts.existing),
        GatewaySettings(
            module=served_module(HOST, 8082, SHA256),
            rendering=Rendering(partial(render, service=by_cluster), _by_address),
            rate_limit=envoy.Address(LIMITADOR, 8081),
            push=facts.push,
            delivery="pull" if facts.push is None else "push",
        ),
    )
    asked = {name: msgspec.Raw(text) for name, text in result.pushed.items()}
    told: dict[str, object] = {"problem": result.problem, "prove": result.prove, "objects": result.objects}
    told |= {"pushed": asked} if asked else {}
    plain = msgspec.json.decode(msgspec.json.encode(told))
    golden(case.with_name("objects.yaml"), yaml.safe_dump(plain, sort_keys=False, width=110))


def test_there_are_cases() -> None:
    assert len(CASES) >= 6
