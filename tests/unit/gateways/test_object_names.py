"""No two objects that are made for Gateways have the same name, whatever Gateways are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kuadrant.gateways import envoy_gateway, istio
from tests.unit.gateways.every_name import of_envoy_gateway, of_istio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.gateways.provider import Provider

    Names = Callable[[str, Iterable[int]], list[tuple[str, str]]]

DNS_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DIGEST = "0" * 64
PIECES = (
    *("a", "b", "1", "80", "-", ".", "kuadrant", "push", "ratelimiting", "cluster", "-push-", "-cluster-"),
    *("-port-80", "-port-443", "-port-080", ".port-80", "-http3", ".http3", DIGEST, "x" * 60, "y" * 180),
)


def is_a_name(text: str) -> bool:
    return len(text) <= 253 and DNS_1123.fullmatch(text) is not None


GATEWAYS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join).filter(is_a_name)
PORTS = st.lists(st.sampled_from([1, 80, 443, 65535]) | st.integers(1, 65535), max_size=3, unique=True)


EVERY_NAME = pytest.mark.parametrize("of", [of_istio, of_envoy_gateway], ids=["istio", "envoy-gateway"])


def document(kind: str, name: str, gateway: str) -> dict[str, Any]:
    group = "gateway.networking.k8s.io/v1"
    reference = {"apiVersion": group, "kind": "Gateway", "name": gateway, "controller": True}
    return {"kind": kind, "metadata": {"name": name, "namespace": "ns", "ownerReferences": [reference]}}


@EVERY_NAME
@given(one=st.tuples(GATEWAYS, PORTS), other=st.tuples(GATEWAYS, PORTS))
@example(one=("a", [80]), other=("a-port-80", [80]))
@example(one=("a", []), other=("a-http3", []))
@example(one=("x" * 239, [80, 443]), other=("x" * 239 + "-port-80", [80, 443]))
@example(one=("x" * 253, [80, 443]), other=("x" * 252 + "y", [80, 443]))
def test_no_object_has_the_name_of_another(
    of: Names, one: tuple[str, list[int]], other: tuple[str, list[int]]
) -> None:
    assume(one[0] != other[0])
    found = [*of(*one), *of(*other)]
    assert len({*found}) == len(found)


@pytest.mark.parametrize(("provider", "of"), [(istio, of_istio), (envoy_gateway, of_envoy_gateway)])
@given(gateway=GATEWAYS, ports=PORTS)
@example(gateway="x" * 253, ports=[65535])
@example(gateway="x" * 250 + ".ab", ports=[65535])
def test_a_name_is_one_that_kubernetes_takes_and_known_as_ours(
    provider: Provider, of: Names, gateway: str, ports: list[int]
) -> None:
    for kind, name in of(gateway, ports):
        assert is_a_name(name)
        assert provider.owner(document(kind, name, gateway)) == gateway


@EVERY_NAME
def test_plugins_are_called_as_kuadrant_and_former_versions_call_them(of: Names) -> None:
    assert [name for _, name in of("my.gateway-1", [80, 8443])][:3] == [
        "kuadrant-my.gateway-1",
        "kuadrant-my.gateway-1-port-80",
        "kuadrant-my.gateway-1-port-8443",
    ]


def test_what_else_there_is_has_the_names_of_former_versions() -> None:
    assert {name for _, name in of_istio("gw", [])} == {
        "kuadrant-gw",
        "kuadrant-ratelimiting-cluster-gw",
        "kuadrant-push-gw",
    }
    assert {name for _, name in of_envoy_gateway("gw", [])} == {
        "kuadrant-gw",
        "kuadrant-ratelimiting-gw",
        "kuadrant-push-gw",
        "kuadrant-push-gw-http3",
    }


@pytest.mark.parametrize(
    ("provider", "kind", "name", "gateway"),
    [
        (istio, "WasmPlugin", "kuadrant-a-port-80", "a-port-80"),
        (envoy_gateway, "EnvoyExtensionPolicy", "kuadrant-a-port-80", "a-port-80"),
        (envoy_gateway, "EnvoyPatchPolicy", "kuadrant-push-a-http3", "a-http3"),
    ],
)
def test_what_a_former_version_named_like_another_gateway_s_is_known_as_its_gateway_s(
    provider: Provider, kind: str, name: str, gateway: str
) -> None:
    """So it is removed when its gateway has what this version names."""
    assert provider.owner(document(kind, name, gateway)) == gateway
    assert provider.owner(document(kind, name, "a")) == "a"
