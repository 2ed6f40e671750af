"""Whatever of the operator's objects is deleted comes back within two seconds as it was."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ROOT
from tests.lab.walk import POLICY, wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk

GATEWAY = "istio-ingressgateway"
OBJECTS = {
    "WasmPlugin": f"/apis/extensions.istio.io/v1alpha1/namespaces/istio-system/wasmplugins/kuadrant-{GATEWAY}",  # noqa: E501 - one path
    "EnvoyFilter": "/apis/networking.istio.io/v1alpha3/namespaces/istio-system/envoyfilters/"
    f"kuadrant-ratelimiting-cluster-{GATEWAY}",
    "Limitador": "/apis/limitador.kuadrant.io/v1alpha1/namespaces/kuadrant-system/limitadors/limitador",
}


@pytest.fixture(scope="module", autouse=True)
def _enforced(walk: Walk) -> None:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")


@pytest.mark.parametrize("kind", OBJECTS)
def test_what_is_deleted_comes_back_as_it_was(walk: Walk, kind: str) -> None:
    output = walk.lab.run(sys.executable, str(ROOT / "tests/lab/restore.py"), OBJECTS[kind])
    sys.stdout.write(f"{kind}: {output}\n")
    result = json.loads(output)

    assert result["same"]
    assert result["seconds"] <= 2
