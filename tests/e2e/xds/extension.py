"""A module with its configuration as Envoy gets it by ECDS."""

from __future__ import annotations

from typing import Any

from kuadrant.xds import EXTENSION

from .conftest import (
    T,
)

WASM = T + "envoy.extensions.filters.http.wasm.v3.Wasm"


def extension(name: str, code: str, configuration: str = "") -> dict[str, Any]:
    config = {
        "name": name,
        "configuration": {"@type": T + "google.protobuf.StringValue", "value": configuration},
        "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"inline_bytes": code}}},
    }
    return {"@type": EXTENSION, "name": name, "typed_config": {"@type": WASM, "config": config}}
