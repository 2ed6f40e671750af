"""What a cluster has after an apply, for the same inputs as the compiler's cases.

``tests/golden/cluster`` has one file for each case and provider, with the Limitador, the objects of gateways,
statuses and Events. ``GOLDEN=rewrite`` writes them anew, to be read before they are committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import yaml

from kuadrant.operator.core import kinds
from tests.unit.operator.cluster import LIMITADOR, ApiServer, Run, working

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parents[3] / "golden"
CASES = sorted((GOLDEN / "compile").glob("*/in.yaml"))
CONTROLLERS = {
    "istio": "istio.io/gateway-controller",
    "envoy-gateway": "gateway.envoyproxy.io/gatewayclass-controller",
}
KUADRANT = {
    "apiVersion": "kuadrant.io/v1beta1",
    "kind": "Kuadrant",
    "metadata": {"name": "kuadrant", "namespace": "kuadrant-system"},
    "spec": {},
}
VOLATILE = {
    "resourceVersion",
    "uid",
    "managedFields",
    "lastTransitionTime",
    "generation",
    "observedGeneration",
}


@pytest.mark.parametrize(
    ("source", "provider"),
    [
        pytest.param(path, provider, id=f"{path.parent.name} on {provider}")
        for path in CASES
        for provider in CONTROLLERS
    ],
)
async def test_case(source: Path, provider: str, golden: Callable[[Path, str], None]) -> None:
    given = documents(source)
    golden(
        GOLDEN / "cluster" / f"{source.parent.name}.{provider}.yaml",
        yaml.safe_dump_all(await applied(given, provider), sort_keys=False, width=100, allow_unicode=True),
    )


async def test_a_policy_whose_limit_the_service_does_not_hold(golden: Callable[[Path, str], None]) -> None:
    given = documents(GOLDEN / "compile" / "toystore" / "in.yaml")
    in_vain = {"namespace": "default/toystore", "key": "limit.create_toy__fb82c51a"}
    written = await applied(given, "istio", leftOut=[], askedInVain=[in_vain])
    said = [one for one in written if one.get("kind") not in {"Limitador", "WasmPlugin", "EnvoyFilter"}]
    golden(
        GOLDEN / "cluster" / "limits-not-held.yaml",
        yaml.safe_dump_all(said, sort_keys=False, width=100, allow_unicode=True),
    )


def documents(source: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(source.read_text()) if one is not None]


async def applied(given: list[dict[str, Any]], provider: str, **said: Any) -> list[dict[str, Any]]:
    """What is written in the end, by kind and name, where the rate limit service has ``said`` this besides.

    What was given is left out where nothing was written into it.
    """
    api = ApiServer()
    async with httpx2.AsyncClient(
        transport=httpx2.MockTransport(api.answer), base_url="http://api.example"
    ) as client:
        run = Run(api, client, None, {})
        for document in (*classes(given, provider), KUADRANT, *given):
            if document["kind"] in {kind.name for kind in kinds.ALL}:
                api.put(with_namespace(document))
        before = dict(api.documents)
        async with working(run):
            await run.until(lambda: ("limitadors", LIMITADOR) in api.documents)
            api.hold(**said)
            await run.quiet()
    written = [document for key, document in api.documents.items() if before.get(key) is not document]
    return [
        plain(document, given=("spec",) if key in before else ())
        for key, document in sorted(keyed(written), key=lambda one: one[0])
    ] + sorted(map(event, api.events), key=str)


def classes(given: list[dict[str, Any]], provider: str) -> list[dict[str, Any]]:
    """The classes of all Gateways, as classes of ``provider``; those that are given stay."""
    names = {one["spec"]["gatewayClassName"] for one in given if one["kind"] == "Gateway"}
    names -= {one["metadata"]["name"] for one in given if one["kind"] == "GatewayClass"}
    return [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": name},
            "spec": {"controllerName": CONTROLLERS[provider]},
        }
        for name in sorted(names)
    ]


def with_namespace(document: dict[str, Any]) -> dict[str, Any]:
    if document["kind"] in {"GatewayClass", "Namespace"}:
        return document
    return {**document, "metadata": {"namespace": "default", "generation": 1, **document["metadata"]}}


def keyed(documents: list[dict[str, Any]]) -> list[tuple[tuple[str, tuple[str, str]], dict[str, Any]]]:
    plurals = {kind.name: kind.plural for kind in kinds.ALL}
    return [
        (
            (plurals[one["kind"]], (one["metadata"].get("namespace", ""), one["metadata"]["name"])),
            one,
        )
        for one in documents
    ]


def plain(value: Any, given: tuple[str, ...] = ()) -> Any:
    """A document without what differs from one run to the next and without the parts that were ``given``."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in (*VOLATILE, *given)}
    return [plain(one) for one in value] if isinstance(value, list) else value


def event(document: dict[str, Any]) -> dict[str, Any]:
    """What of an Event is ours to choose."""
    names = ("kind", "type", "reason", "action", "note")
    return {
        "regarding": document["regarding"]["name"],
        **{name: document[name] for name in names if name in document},
    }
