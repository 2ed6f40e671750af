"""What is written for gateways is what the kinds of their providers take.

No field of it would be dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.unit.gateways.every_name import of_envoy_gateway, of_istio

if TYPE_CHECKING:
    from tests.integration.config.conftest import Server

CASES = [
    path
    for provider in ("istio", "envoy-gateway")
    for path in sorted((Path(__file__).parents[2] / "golden" / provider).glob("*/objects.yaml"))
    if yaml.safe_load(path.read_text())["objects"]
]
PLURALS = {
    "WasmPlugin": "wasmplugins",
    "EnvoyFilter": "envoyfilters",
    "EnvoyExtensionPolicy": "envoyextensionpolicies",
    "EnvoyPatchPolicy": "envoypatchpolicies",
}


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parents[1].name}-{path.parent.name}")
def test_the_provider_s_kinds_take_the_objects(server: Server, case: Path) -> None:
    for document in yaml.safe_load(case.read_text())["objects"]:
        document["metadata"]["namespace"] = "default"
        path = f"{document['apiVersion']}/namespaces/default/{PLURALS[document['kind']]}"
        answer = server.apply(path, document, trial=True)
        assert answer.status_code == 201, answer.text
        assert answer.json()["spec"] == document["spec"]


@pytest.mark.parametrize("gateway", ["x" * 253, "x" * 250 + ".ab", "a.b-port-80", "a-http3"])
def test_names_for_any_gateway_are_taken(server: Server, gateway: str) -> None:
    samples = {
        document["kind"]: document
        for case in CASES
        for document in yaml.safe_load(case.read_text())["objects"]
    }
    for kind, name in (*of_istio(gateway, [65535]), *of_envoy_gateway(gateway, [65535])):
        sample = samples[kind]
        owner = {**sample["metadata"]["ownerReferences"][0], "name": gateway}
        metadata = {**sample["metadata"], "name": name, "namespace": "default", "ownerReferences": [owner]}
        path = f"{sample['apiVersion']}/namespaces/default/{PLURALS[kind]}"
        answer = server.apply(path, {**sample, "metadata": metadata}, trial=True)
        assert answer.status_code == 201, answer.text
