"""What is known beside the objects in the tests of the operator."""

from __future__ import annotations

from functools import partial
from typing import Any

from msgspec.structs import replace

from kuadrant.dialects import DIALECTS, Service
from kuadrant.dialects.own.configuration import render
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.provider import Rendering
from kuadrant.operator.core.known_facts import Known, ModuleFacts

MODULE = ModuleFacts(
    address=served_module("modules.example", 8082, "0" * 64),
    name="kuadrant-wasm-shim 1.2.3",
    dialect=DIALECTS["kuadrant-v1"],
    rendering=Rendering(partial(render, service=Service(RATE_LIMIT_CLUSTER))),
)

BY_ADDRESS = Rendering(
    MODULE.rendering.by_cluster,
    lambda hosts, address: render(hosts, Service(google_grpc=address.host)),
)
"""As by such a module, for gateways that cannot be told of a cluster, too."""


def module(**values: Any) -> ModuleFacts:
    """A module that is served, with other ``values`` for some of its facts."""
    return replace(MODULE, **values)


def known(**values: Any) -> Known:
    """That there is such a module, with ``values`` for what else is known."""
    return replace(Known(module=MODULE), **values)
