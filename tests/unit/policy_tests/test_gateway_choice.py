"""Which gateway and which port a file asks."""

from __future__ import annotations

import pytest

from tests.unit.policy_tests.examples import GATEWAY, gateway, gateway_problem, loaded, read_tests

GATEWAYS = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: gateways}
spec:
  gatewayClassName: any
  listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: others}
spec:
  gatewayClassName: any
  listeners: [{name: a, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: private, namespace: gateways}
spec:
  gatewayClassName: any
  listeners: [{name: a, port: 443, protocol: HTTPS}]
"""
TESTS = "tests: [{name: a, steps: [{request: {host: a.x}}]}]\n"


def test_the_only_one_is_asked() -> None:
    asked = gateway(loaded(GATEWAY), read_tests(TESTS))
    assert (asked.port, asked.scheme) == (80, "http")


@pytest.mark.parametrize(
    ("fields", "port", "scheme"),
    [
        ("gateway: gateways/public\nport: 8080\n", 8080, "http"),
        ("gateway: others/public\n", 80, "http"),
        ("gateway: private\n", 443, "https"),
    ],
)
def test_one_of_several_is_named(fields: str, port: int, scheme: str) -> None:
    asked = gateway(loaded(GATEWAYS), read_tests(fields + TESTS))
    assert (asked.port, asked.scheme) == (port, scheme)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            "",
            "1:1: gateway: is missing, and there are gateways/private, gateways/public and others/public; ",
        ),
        (
            "gateway: public\n",
            "1:10: gateway: is public, and there are gateways/public and others/public; write",
        ),
        ("gateway: privat\n", '1:10: gateway: is privat, which there is not; did you mean "private"?'),
        (
            "gateway: xyz\n",
            "1:10: gateway: is xyz, which there is not; there are gateways/private, gateways/p",
        ),
        (
            "gateway: gateways/public\n",
            "1:1: port: is missing, and gateways/public listens at 80 and 8080; say",
        ),
        ("gateway: private\nport: 80\n", "2:7: port: is 80; gateways/private listens at 443"),
    ],
)
def test_what_cannot_be_told_apart_or_is_not_there_is_a_mistake_with_its_place(
    fields: str, says: str
) -> None:
    problem = gateway_problem(loaded(GATEWAYS), read_tests(fields + TESTS, "a"))
    assert str(problem).startswith(f"a:{says}")


def test_policies_without_a_gateway_cannot_be_asked() -> None:
    problem = gateway_problem(loaded(), read_tests(TESTS, "a"))
    assert str(problem) == "a:1:1: policies: has no Gateway in it, so that nothing could be asked; add one"
