"""Whatever the definitions of Gateway API take of a Gateway or route is known to the operator.

A tenant who writes what we cannot read would be served without limits.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuadrant.kube.api_answers import ObjectReader
from kuadrant.kube.kind import StoredObject
from kuadrant.operator.core import kinds, stored_gateway_api
from lab.programs import module_folder
from tests.integration.config.schema_values import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.kube.kind import Kind

NAME = {"name": "a", "namespace": "ns", "uid": "1", "resourceVersion": "1"}


@cache
def objects(channel: str, plural: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return what draws the spec and the status of objects that a definition takes."""
    folder = module_folder("istio", "sigs.k8s.io/gateway-api") / "config/crd" / channel
    document = yaml.safe_load((folder / f"gateway.networking.k8s.io_{plural}.yaml").read_text())
    (version,) = (one for one in document["spec"]["versions"] if one["name"] == "v1")
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    return st.fixed_dictionaries({part: values(properties[part]) for part in ("spec", "status")})


@pytest.mark.parametrize("channel", ["standard", "experimental"])
@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (kinds.GATEWAYS, stored_gateway_api.gateway),
        (kinds.HTTP_ROUTES, stored_gateway_api.http_route),
        (kinds.GRPC_ROUTES, stored_gateway_api.grpc_route),
    ],
    ids=lambda one: getattr(one, "plural", ""),
)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_it_is_read(channel: str, kind: Kind[Any], read: Callable[[Any], Any], data: st.DataObject) -> None:
    document = data.draw(objects(channel, kind.plural))
    text = json.dumps({"kind": kind.name, "metadata": NAME, **document}).encode()
    stored = ObjectReader(kind, {}).read(msgspec.Raw(text))
    assert isinstance(stored, StoredObject), stored

    found = read(stored.object)
    wanted = document["spec"]
    if kind is kinds.GATEWAYS:
        names = {one["name"] for one in wanted["listeners"] if one["protocol"] in ("HTTP", "HTTPS")}
        assert names <= {one.name for one in found.spec.listeners}
    else:
        assert len(found.spec.parent_refs) == len(wanted.get("parentRefs", ()))
        assert found.spec.hostnames == tuple(wanted.get("hostnames", ()))
