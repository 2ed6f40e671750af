"""Which pods an Istio object means.

A form that matches nobody would leave a gateway unlimited without a word.
"""

from __future__ import annotations

import pytest

from kuadrant.api.gateway import Gateway, GatewayAddress, GatewaySpec, GatewayStatus, Listener
from kuadrant.api.meta import ObjectMeta
from kuadrant.api.service import Service, ServicePort, ServiceSpec
from kuadrant.gateways import istio
from kuadrant.gateways.delivery_mode import Token
from kuadrant.gateways.istio import GATEWAY_NAME, TOKEN, NotSelectable, Selection
from kuadrant.gateways.provider import SeenPod

NAMED = {GATEWAY_NAME: "gw", "istio": "ingressgateway"}
UNNAMED = {"istio": "ingressgateway", "version": "1"}
BY_REFERENCE = Selection({GATEWAY_NAME: "gw"}, by_reference=True)
BY_SERVICE = Selection({"istio": "ingressgateway"}, by_reference=False)


def _gateway(asked: str | None = None, has: str | None = None) -> Gateway:
    def addresses(value: str | None) -> tuple[GatewayAddress, ...]:
        address = GatewayAddress(value="10.0.0.1")
        return (address,) if value is None else (address, GatewayAddress(type="Hostname", value=value))

    return Gateway(
        metadata=ObjectMeta(name="gw", namespace="ns"),
        spec=GatewaySpec(
            gateway_class_name="istio",
            listeners=(Listener(name="http", port=80, protocol="HTTP"),),
            addresses=addresses(asked),
        ),
        status=GatewayStatus(addresses=addresses(has)),
    )


def _services(selector: dict[str, str], namespace: str = "ns") -> dict[tuple[str, str], Service]:
    metadata = ObjectMeta(name="svc", namespace=namespace)
    return {(namespace, "svc"): Service(metadata=metadata, spec=ServiceSpec(selector=selector))}


def selection(
    gateway: Gateway,
    services: dict[tuple[str, str], Service],
    pods: tuple[dict[str, str], ...],
    tokens: tuple[Token, ...] = (TOKEN,),
) -> Selection | NotSelectable:
    """With pods that have these labels, and all of them these tokens."""
    return istio.selection(gateway, services, [SeenPod(labels, frozenset(tokens)) for labels in pods])


SELECTING = _services({"istio": "ingressgateway"})


@pytest.mark.parametrize("pods", [(), (NAMED,), (UNNAMED,)], ids=["no pods yet", "named", "of somebody else"])
def test_what_istio_deploys_is_meant_by_reference(pods: tuple[dict[str, str], ...]) -> None:
    assert selection(_gateway(), {}, pods) == BY_REFERENCE


def test_what_an_old_istio_deployed_is_meant_by_its_label() -> None:
    legacy = {"istio.io/gateway-name": "gw"}
    assert selection(_gateway(), {}, (legacy,)) == Selection(legacy, by_reference=False)
    assert selection(_gateway(), {}, (legacy, legacy | NAMED)) == BY_REFERENCE


@pytest.mark.parametrize(
    "address", ["svc", "svc.ns", "svc.ns.svc", "svc.ns.svc.cluster.local"], ids=lambda address: address
)
@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ((), BY_SERVICE),
        ((UNNAMED,), BY_SERVICE),
        ((NAMED, UNNAMED), BY_SERVICE),
        ((NAMED,), BY_REFERENCE),
        ((NAMED, {"app": "another"}), BY_REFERENCE),
        (({**NAMED, GATEWAY_NAME: "another"},), BY_SERVICE),
    ],
    ids=["no pods yet", "unnamed", "some named", "named", "beside another", "named after another"],
)
def test_what_was_deployed_by_hand_is_meant_as_its_service_says(
    address: str, pods: tuple[dict[str, str], ...], expected: Selection
) -> None:
    assert selection(_gateway(asked=address), SELECTING, pods) == expected


def test_the_address_that_a_gateway_has_counts_where_it_asks_for_none() -> None:
    assert selection(_gateway(has="svc.ns.svc.cluster.local"), SELECTING, (UNNAMED,)) == BY_SERVICE


def test_a_service_that_selects_by_the_gateway_s_name_needs_no_pods() -> None:
    assert selection(_gateway(has="svc.ns"), _services(NAMED), ()) == BY_REFERENCE


def test_the_pods_ports_are_those_that_the_service_leads_to() -> None:
    ports = (
        ServicePort(port=80, target_port=8080),
        ServicePort(port=443, target_port="https"),
        ServicePort(port=1),
    )
    service = Service(
        metadata=ObjectMeta(name="svc", namespace="ns"), spec=ServiceSpec(selector=UNNAMED, ports=ports)
    )
    for address, name in (("svc", "svc"), (None, "gw-istio")):
        found = selection(_gateway(asked=address), {("ns", name): service}, ())
        assert isinstance(found, Selection)
        assert found.pod_ports == {80: 8080, 443: "https", 1: 1}


@pytest.mark.parametrize(
    ("address", "services", "reason"),
    [
        ("svc.ns", {}, "the Service ns/svc, which is the Gateway's address, does not exist"),
        ("svc.ns", _services({}), "the Service ns/svc, which is the Gateway's address, selects no pods"),
        (
            "svc.other",
            _services(UNNAMED, "other"),
            "its pods are in the namespace other, where no object of ns selects any",
        ),
    ],
    ids=["missing", "without selector", "elsewhere"],
)
def test_what_cannot_be_meant_is_said(
    address: str, services: dict[tuple[str, str], Service], reason: str
) -> None:
    assert selection(_gateway(asked=address), services, (UNNAMED,)) == NotSelectable(reason)


def test_a_token_is_shown_where_every_pod_has_it() -> None:
    other = Token("/var/run/secrets/kubernetes.io/serviceaccount/token", "")

    def token(*pods: SeenPod) -> Token | None:
        found = istio.selection(_gateway(asked="svc"), SELECTING, pods)
        assert isinstance(found, Selection)
        return found.token

    having, lacking = SeenPod(UNNAMED, frozenset({other, TOKEN})), SeenPod(UNNAMED, frozenset({other}))
    assert token() == TOKEN
    assert token(having, SeenPod({"app": "another"})) == TOKEN
    assert token(having, lacking) is None
