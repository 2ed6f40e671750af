"""Who may send requests to Services of other namespaces.

The rest of forwarding is in the golden case of that name.
"""

from __future__ import annotations

import pytest

from kuadrant.api.meta import ObjectMeta
from kuadrant.api.reference_grant import (
    ReferenceGrant,
    ReferenceGrantFrom,
    ReferenceGrantSpec,
    ReferenceGrantTo,
)
from kuadrant.compiler.forwarding import ReferenceGrants

GATEWAY_API = "gateway.networking.k8s.io"


def _allowed(*, source: ReferenceGrantFrom, to: ReferenceGrantTo, namespace: str = "there") -> bool:
    spec = ReferenceGrantSpec(from_=(source,), to=(to,))
    grant = ReferenceGrant(metadata=ObjectMeta(name="grant", namespace=namespace), spec=spec)
    grants = ReferenceGrants([grant])
    return grants.allow(kind="HTTPRoute", namespace="here", to_namespace="there", name="toys")


HERE = ReferenceGrantFrom(group=GATEWAY_API, kind="HTTPRoute", namespace="here")
SERVICES = ReferenceGrantTo(group="", kind="Service")


@pytest.mark.parametrize("to", [SERVICES, ReferenceGrantTo(group="", kind="Service", name="toys")])
def test_a_grant_of_the_service_s_namespace_allows(to: ReferenceGrantTo) -> None:
    assert _allowed(source=HERE, to=to)


@pytest.mark.parametrize(
    ("source", "to", "namespace"),
    [
        pytest.param(HERE, SERVICES, "elsewhere", id="grant of another namespace"),
        pytest.param(
            HERE, ReferenceGrantTo(group="", kind="Service", name="cars"), "there", id="another Service"
        ),
        pytest.param(HERE, ReferenceGrantTo(group="", kind="Secret"), "there", id="another kind of target"),
        pytest.param(
            ReferenceGrantFrom(group=GATEWAY_API, kind="HTTPRoute", namespace="x"),
            SERVICES,
            "there",
            id="from elsewhere",
        ),
        pytest.param(
            ReferenceGrantFrom(group=GATEWAY_API, kind="GRPCRoute", namespace="here"),
            SERVICES,
            "there",
            id="another kind of route",
        ),
        pytest.param(
            ReferenceGrantFrom(group="example.com", kind="HTTPRoute", namespace="here"),
            SERVICES,
            "there",
            id="another group",
        ),
    ],
)
def test_a_grant_for_something_else_does_not_allow(
    source: ReferenceGrantFrom, to: ReferenceGrantTo, namespace: str
) -> None:
    assert not _allowed(source=source, to=to, namespace=namespace)


def test_a_service_of_the_route_s_own_namespace_needs_no_grant() -> None:
    assert ReferenceGrants([]).allow(kind="HTTPRoute", namespace="here", to_namespace="here", name="toys")
    assert not ReferenceGrants([]).allow(
        kind="HTTPRoute", namespace="here", to_namespace="there", name="toys"
    )
