"""Resources in Envoy's JSON form become a snapshot, or an error that names what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.envoy_api import InvalidResourceError, decode
from kuadrant.xds import CLUSTER, EMPTY, ENDPOINT, EXTENSION, ROUTE, Snapshot

CLUSTER_A = {"@type": CLUSTER, "name": "a", "type": "EDS"}
ENDPOINTS_A = {"@type": ENDPOINT, "cluster_name": "a"}


def test_each_resource_is_encoded_under_its_name() -> None:
    snapshot = Snapshot.of({CLUSTER: {"a": CLUSTER_A}, ENDPOINT: {"a": ENDPOINTS_A}})

    assert decode(snapshot.of_type(CLUSTER)["a"].packed) == CLUSTER_A
    assert decode(snapshot.of_type(ENDPOINT)["a"].packed) == ENDPOINTS_A
    assert snapshot.of_type(ROUTE) == {}


def test_a_version_is_that_of_the_content() -> None:
    def version(*names: str) -> str:
        return Snapshot.of({CLUSTER: {name: {"@type": CLUSTER, "name": name} for name in names}}).version(
            CLUSTER
        )

    assert version("a", "b") == version("b", "a")
    assert version("a", "b") != version("a")
    assert version("ab", "c") != version("a", "bc")
    assert version() == EMPTY.version(CLUSTER)


def test_what_did_not_change_is_not_encoded_again() -> None:
    first = Snapshot.of({CLUSTER: {"a": CLUSTER_A}})
    second = Snapshot.of({CLUSTER: {"a": dict(CLUSTER_A), "b": {"@type": CLUSTER, "name": "b"}}}, first)
    third = Snapshot.of({CLUSTER: {"a": {**CLUSTER_A, "type": "STATIC"}}}, second)

    assert second.of_type(CLUSTER)["a"] is first.of_type(CLUSTER)["a"]
    assert decode(third.of_type(CLUSTER)["a"].packed)["name"] == "a"
    assert third.of_type(CLUSTER)["a"].version != first.of_type(CLUSTER)["a"].version


@pytest.mark.parametrize(
    ("types", "text"),
    [
        ({CLUSTER: {"a": {"@type": CLUSTER, "name": "b"}}}, "'a': it calls itself 'b'"),
        ({ENDPOINT: {"a": {"@type": ENDPOINT, "name": "a"}}}, "'a': it calls itself None"),
        ({ROUTE: {"a": CLUSTER_A}}, "its @type is 'type.googleapis.com/envoy.config.cluster.v3.Cluster'"),
        ({CLUSTER: {"a": {**CLUSTER_A, "oops": 1}}}, "'a': .*no field named \"oops\""),
        ({CLUSTER: {"a": {**CLUSTER_A, "oops": object()}}}, "'a': not JSON"),
    ],
    ids=["another name", "no name", "another type", "unknown field", "not JSON"],
)
def test_a_wrong_resource_is_an_error_that_names_it(types: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidResourceError, match=text):
        Snapshot.of(types)


@pytest.mark.slow
def test_what_does_not_fit_into_one_message_is_an_error() -> None:
    bytes_value = "AAAA" * (12 * 2**20)
    inline = {"config": {"vm_config": {"code": {"local": {"inline_bytes": bytes_value}}}}}
    wasm = {"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", **inline}
    extensions = {name: {"@type": EXTENSION, "name": name, "typed_config": wasm} for name in ("a", "b")}

    with pytest.raises(InvalidResourceError, match=r"2 resources take 7\d+ bytes, more than the 67108864"):
        Snapshot.of({EXTENSION: extensions})
