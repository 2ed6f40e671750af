"""How the installation stands is told under the names of Kuadrant's operator."""

from __future__ import annotations

from kuadrant.operator.statuses.installation_metrics import InstallationState, installation_metrics


def lines(state: InstallationState) -> dict[str, float]:
    return {
        f"{one.name}{{{','.join(one.labels.values())}}}": one.value
        for family in installation_metrics(state)
        for one in family.samples
    }


def test_without_a_kuadrant_nothing_is_said_of_its_readiness() -> None:
    assert lines(InstallationState()) == {
        "kuadrant_exists{}": 0,
        "kuadrant_dependency_detected{istio}": 0,
        "kuadrant_dependency_detected{envoygateway}": 0,
        "kuadrant_dependency_detected{limitador}": 0,
        "kuadrant_controller_registered{rate_limit_policies}": 1,
        "kuadrant_controller_registered{istio_integration}": 0,
        "kuadrant_controller_registered{envoygateway_integration}": 0,
    }


def test_of_a_kuadrant_and_its_rate_limit_service_it_is_said() -> None:
    state = InstallationState(
        kuadrant=("kuadrant-system", "kuadrant"),
        ready=True,
        is_service_ready=True,
        has_limits=True,
        served=frozenset({"EnvoyFilter", "WasmPlugin", "EnvoyPatchPolicy"}),
    )
    told = lines(state)
    assert told["kuadrant_exists{}"] == 1
    assert told["kuadrant_ready{kuadrant-system,kuadrant}"] == 1
    assert told["kuadrant_component_ready{limitador,kuadrant-system}"] == 1
    assert told["kuadrant_dependency_detected{istio}"] == 1
    assert told["kuadrant_dependency_detected{envoygateway}"] == 0
    assert told["kuadrant_dependency_detected{limitador}"] == 1
    assert told["kuadrant_controller_registered{istio_integration}"] == 1
