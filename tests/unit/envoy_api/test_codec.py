"""Envoy's JSON form to bytes and back."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.envoy_api import InvalidResourceError, decode, encode, message

T = "type.googleapis.com/"
LISTENER = T + "envoy.config.listener.v3.Listener"
CLUSTER = T + "envoy.config.cluster.v3.Cluster"
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
ROUTER = T + "envoy.extensions.filters.http.router.v3.Router"
MANAGER = T + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def listener_with_http_filter(http_filter: dict[str, Any]) -> dict[str, Any]:
    manager = {"@type": MANAGER, "stat_prefix": "http", "http_filters": [http_filter]}
    filters = [{"name": "envoy.http_connection_manager", "typed_config": manager}]
    return {"@type": LISTENER, "name": "main", "filter_chains": [{"filters": filters}]}


def test_a_resource_becomes_an_any_of_its_type() -> None:
    packed = message("google.protobuf.Any").FromString(encode({"@type": CLUSTER, "name": "a"}))

    assert packed.type_url == CLUSTER
    assert message("envoy.config.cluster.v3.Cluster").FromString(packed.value).name == "a"


@pytest.mark.parametrize(
    "resource",
    [
        {"@type": CLUSTER, "name": "a", "type": "STRICT_DNS", "connect_timeout": "0.250s"},
        {
            "@type": CLUSTER,
            "name": "grpc",
            "typed_extension_protocol_options": {
                HTTP: {"@type": T + HTTP, "explicit_http_config": {"http2_protocol_options": {}}}
            },
        },
        listener_with_http_filter({"name": "router", "typed_config": {"@type": ROUTER}}),
        {
            "@type": T + "envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "vm_config": {"code": {"local": {"inline_bytes": "AGFzbQ=="}}},
                "configuration": {"@type": T + "google.protobuf.StringValue", "value": '{"version": 1}'},
            },
        },
    ],
    ids=["plain", "any in a map", "any in an any", "wasm"],
)
def test_decode_is_the_inverse_of_encode(resource: dict[str, Any]) -> None:
    assert decode(encode(resource)) == resource


def test_an_unknown_field_is_named_with_its_place() -> None:
    with pytest.raises(InvalidResourceError) as refused:
        encode(listener_with_http_filter({"name": "a", "config_discoverx": {}}))

    assert 'no field named "config_discoverx"' in str(refused.value)
    assert "filter_chains[0].filters[0].typed_config.http_filters[0]" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({}, "no @type"),
        ({"@type": T + "envoy.nothing.v3.Nothing"}, "envoy.nothing.v3.Nothing"),
        ({"@type": CLUSTER, "type": "SOMEHOW"}, "SOMEHOW"),
        ({"@type": CLUSTER, "name": 1}, "name"),
        ({"@type": CLUSTER, "connect_timeout": 1}, "connect_timeout"),
        (
            {"@type": CLUSTER, "typed_extension_protocol_options": {HTTP: {"@type": T + HTTP, "oops": 1}}},
            "oops",
        ),
    ],
    ids=[
        "no type",
        "unknown type",
        "unknown enumeration value",
        "wrong scalar",
        "wrong duration",
        "within an any",
    ],
)
def test_a_wrong_resource_is_refused_by_name(resource: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidResourceError, match=named):
        encode(resource)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "@type",
        "name",
        "address",
        "filter_chains",
        "filters",
        "typed_config",
        "drain_type",
        "tcp_backlog_size",
        "value",
    ]
)


@given(
    st.dictionaries(FIELDS, JSON),
    st.sampled_from([LISTENER, T + "google.protobuf.Any", T + "google.protobuf.Struct"]),
)
def test_no_json_leads_to_another_error(resource: dict[str, Any], kind: str) -> None:
    try:
        packed = encode({"@type": kind, **resource})
    except InvalidResourceError:
        return
    decode(packed)


@given(st.binary(max_size=64))
def test_no_bytes_lead_to_another_error(packed: bytes) -> None:
    try:
        decode(packed)
    except InvalidResourceError:
        return


def test_the_order_of_keys_does_not_matter() -> None:
    keys = [str(number) for number in range(40)]

    def wasm(order: list[str]) -> bytes:
        variables = {"key_values": dict.fromkeys(order, "x")}
        config = {"vm_config": {"environment_variables": variables}}
        filter_ = {"@type": T + "envoy.extensions.filters.http.wasm.v3.Wasm", "config": config}
        return encode(
            {"@type": T + "envoy.config.core.v3.TypedExtensionConfig", "name": "a", "typed_config": filter_}
        )

    assert wasm(keys) == wasm(keys[::-1])


def test_another_process_gives_the_same_bytes() -> None:
    program = (
        "from kuadrant.envoy_api import encode\n"
        f"filter_ = {{'@type': '{T}envoy.extensions.filters.http.wasm.v3.Wasm', 'config': {{'vm_config': {{"
        "'environment_variables': {'key_values': {str(n): 'x' for n in range(40)}}}}}\n"
        f"resource = {{'@type': '{T}envoy.config.core.v3.TypedExtensionConfig', 'typed_config': filter_}}\n"
        "print(encode(resource).hex())\n"
    )

    def run(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, env=environment
        ).stdout

    assert run("1") == run("2") != b""
