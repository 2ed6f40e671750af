"""What the user may write in flags and environment."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kuadrant import setting_values, settings
from kuadrant.gateways.envoy import Address
from kuadrant.policy.budgets import DEFAULT, Budgets


@pytest.mark.parametrize(
    ("text", "value"),
    [("100ms", 100), ("2s", 2000), ("1m", 60_000), ("0h1s500ms", 1500)],
)
def test_durations_are_gateway_apis(text: str, value: int) -> None:
    assert setting_values.timeout(text) == value


@pytest.mark.parametrize("text", ["", "1", "1d", "-1s", "1.5s", "1s ", "1s1s1s1s1s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it like 100ms"):
        setting_values.timeout(text)


@pytest.mark.parametrize("text", ["0s", "0ms", "1m1ms", "1h"])
def test_a_timeout_that_the_shim_would_refuse_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="from 1ms to 1m are possible"):
        setting_values.timeout(text)


@pytest.mark.parametrize("text", ["127.0.0.1", "0.0.0.0", "::1"])
def test_an_ip_address_stays_as_it_is(text: str) -> None:
    assert setting_values.ip(text) == text


@pytest.mark.parametrize("text", ["", "localhost", "127.0.0.1:80", "[::1]"])
def test_a_host_name_is_no_ip_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not an IP address"):
        setting_values.ip(text)


def test_addresses_have_a_host_and_a_port() -> None:
    assert setting_values.address("127.0.0.1:8081") == Address("127.0.0.1", 8081)
    assert setting_values.address("[::1]:8081") == Address("::1", 8081)
    assert str(setting_values.address("[::1]:8081")) == "[::1]:8081"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host:80",
        "::1",
        "127.0.0.1:",
        ":80",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:http",
        "127.0.0.1:²",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not IP:PORT"):
        setting_values.address(text)


def test_every_budget_is_a_setting() -> None:
    assert settings.OperatorSettings(namespace="x").budgets == DEFAULT
    values: dict[str, Any] = {name: number for number, name in enumerate(Budgets.__struct_fields__, start=1)}
    assert settings.OperatorSettings(namespace="x", **values).budgets == Budgets(**values)


def test_a_public_key_is_of_the_curve_that_gateways_know() -> None:
    def text(key: Any) -> str:
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    good = text(ec.generate_private_key(ec.SECP256R1()))
    assert setting_values.public_key(good) == good
    for wrong in ("", "nonsense", good[:-8], text(ec.generate_private_key(ec.SECP384R1()))):
        with pytest.raises(ValueError, match="of the curve P-256"):
            setting_values.public_key(wrong)
