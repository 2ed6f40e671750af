"""Every field of a Kuadrant is in effect, by the test that is named here, or is said not to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from kuadrant.api.crd import custom_resource_definitions
from kuadrant.api.kuadrant import Kuadrant
from kuadrant.operator.core.fields_not_in_effect import MONITORS, not_in_effect
from tests.unit.operator.known import known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parents[4]
STORE: Final = {"redis": {"configSecretRef": {"name": "redis-config"}}}
SERVED: Final = frozenset(MONITORS)
READS: Final = ("packedLimits",)
"""What our rate limit service says that it reads."""

IN_EFFECT: Final = {
    "identity": "tests/unit/policy/test_identity_source.py::test_",
    "limitador.affinity": "tests/unit/operator/core/test_service_pods.py::test_affinity_comes_and_goes",
    "limitador.replicas": "tests/unit/operator/core/test_service_pods.py::test_more_pods_count_in_a_store",
    "limitador.resourceRequirements": "tests/unit/operator/core/test_service_pods.py::test_resources_take",
    "limitador.pdb.*": "tests/unit/operator/core/test_service_pods.py::test_a_disruption_budget_has_one",
    "observability.enable": "tests/unit/operator/reconcile/test_monitors.py::test_they_are_made",
    "response.*": "tests/unit/policy/test_response_sources.py::test_",
}
"""By field, where a test shows what follows from it; a star stands for all below."""
NAMED: Final[dict[str, Any]] = {
    "components.developerPortal.enabled": True,
    "limitador.storage": {"disk": {}},
    "mtls.enable": True,
    "mtls.authorino": True,
    "mtls.limitador": True,
    "observability.dataPlane.defaultLevels": [{"debug": "true"}],
    "observability.dataPlane.httpHeaderIdentifier": "x-request-id",
    "observability.tracing.defaultEndpoint": "rpc://collector:4317",
    "observability.tracing.insecure": True,
}
"""By field, a value of which the Kuadrant says that it is not in effect."""


def schema_fields(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the fields that have no fields below them, of lists the list."""
    below = schema.get("properties", {})
    for name, one in below.items():
        yield from schema_fields(one, f"{path}.{name}" if path else name)
    if not below:
        yield path


def spec_schema() -> Mapping[str, Any]:
    definition = custom_resource_definitions()["kuadrants.kuadrant.io"]
    (version,) = definition["spec"]["versions"]
    found: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def spec(field: str, value: Any) -> dict[str, Any]:
    for name in reversed(field.split(".")):
        value = {name: value}
    return dict(value)


def told(
    content: Mapping[str, Any],
    *,
    reads: tuple[str, ...] = READS,
    served: frozenset[str] = SERVED,
    pods: tuple[tuple[str, str], ...] = (),
    operator: str = "kuadrant-system",
) -> str:
    document = {"metadata": {"namespace": "kuadrant-system", "name": "kuadrant"}, "spec": content}
    kuadrant = msgspec.convert(document, Kuadrant)
    facts = msgspec.structs.replace(known(), service_pods=pods, namespace=operator)
    return "; ".join(not_in_effect(kuadrant, facts, reads=reads, served=served))


def is_in_effect(field: str) -> bool:
    return any(
        field == one or (one.endswith(".*") and field.startswith(one.removesuffix("*"))) for one in IN_EFFECT
    )


@pytest.mark.parametrize("field", sorted(set(schema_fields(spec_schema()))))
def test_a_field_of_the_definition_is_in_effect_or_named(field: str) -> None:
    assert is_in_effect(field) != (field in NAMED), "say in one of the tables what follows from it"


@pytest.mark.parametrize("field", NAMED)
def test_what_is_not_in_effect_is_named(field: str) -> None:
    words = told(spec(field, NAMED[field]))
    assert words.startswith(f"spec.{field}: ")


@pytest.mark.parametrize("test", IN_EFFECT.values())
def test_what_is_in_effect_has_a_test(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def {name}" in (ROOT / file).read_text()


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"mtls": {"enable": False, "limitador": False}},
        {"observability": {"enable": True, "tracing": {}, "dataPlane": {}}},
        {"components": {"developerPortal": {"enabled": False}}},
        {"limitador": {"storage": {"redis": {"configSecretRef": {"name": "redis-config"}}}}},
        {"identity": "jwt"},
    ],
)
def test_of_what_is_in_effect_or_off_nothing_is_said(content: Mapping[str, Any]) -> None:
    assert told(content) == ""


def test_traces_are_in_effect_where_the_service_can_send_them() -> None:
    tracing = {"observability": {"tracing": {"defaultEndpoint": "rpc://collector:4317", "insecure": True}}}
    assert told(tracing, reads=("packedLimits", "tracing")) == ""
    assert "kuadrant[tracing]" in told(tracing)
    assert "spec.tracing of the Limitador" in told(tracing, reads=())


def test_monitors_of_kinds_that_the_cluster_lacks_are_named() -> None:
    words = told({"observability": {"enable": True}}, served=frozenset({"PodMonitor"}))
    assert words.startswith("spec.observability.enable: the cluster has no ServiceMonitor (monitoring")


def test_options_of_a_cached_store_are_named() -> None:
    cached = {"configSecretRef": {"name": "redis-config"}, "options": {"flush-period": 1}}
    assert "spec.limitador.storage.redis-cached.options: " in told(
        {"limitador": {"storage": {"redis-cached": cached}}}
    )


def test_the_limitador_operator_does_what_is_said_of_the_service() -> None:
    """It reads the fields of the Limitador into which those of the Kuadrant are written."""
    said = (("replicas", "no"),)
    assert told({"limitador": {"replicas": 2, "pdb": {"maxUnavailable": 1}}}, reads=(), pods=said) == ""


def test_what_nothing_comes_of_at_the_pods_is_named_by_whose_field_it_is() -> None:
    said = (
        ("replicas", "no store"),
        ("affinity", "is none"),
        ("storage", "no pods"),
        ("", "they do not start"),
    )
    assert told({"limitador": {"replicas": 2, "storage": STORE}}, pods=said) == (
        "spec.limitador.replicas: no store; spec.affinity of the Limitador: is none; "
        "spec.limitador.storage: no pods; spec.limitador: they do not start"
    )


def test_pods_elsewhere_than_beside_the_operator_are_not_changed() -> None:
    assert told({"limitador": {"replicas": 2}}, operator="elsewhere") == (
        "spec.limitador.replicas: pods are changed only beside the operator, in elsewhere"
    )
